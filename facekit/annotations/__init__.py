"""Label files of annotation tools: LabelMe, COCO, .pts and PNG masks, read and written through two functions; tables
of attributes.

In the project (0,0) is the centre of the top-left pixel. LabelMe and COCO have their (0,0) half a pixel up and left, at
its corner, .pts count from 1; read and written numbers are shifted accordingly.
"""

from __future__ import annotations

from .reader import LabelFiles, read_labels
from .tables import read_attributes, read_table
from .writer import write_labels

__all__ = ["LabelFiles", "read_attributes", "read_labels", "read_table", "write_labels"]
