"""Read and write the label files of annotation tools: LabelMe, COCO, .pts, PNG masks, tables of attributes and more.

In facekit (0, 0) is the centre of the top-left pixel. LabelMe and COCO have (0, 0) at the corner of that pixel, half a
pixel up and left, and .pts files count from 1. All numbers are shifted when they are read or written.
"""

from __future__ import annotations

from .attribute_tables import read_attributes
from .label_files import LabelFiles
from .reader import read_labels
from .tables import read_table
from .writer import write_labels

__all__ = ["LabelFiles", "read_attributes", "read_labels", "read_table", "write_labels"]
