"""Labelled faces for face parsing: one reader per published data set, all in one label set.

The label set is SYNTHPARSE_11 or a finer one; id 255 is ignored. From "In the Wild Face Parsing in Synthetic-Data
Trained Models", section 3.1.2.

`face` defines a labelled face. `helen`, `lapa`, `ibugmask`, `facesynthetics`, `generated_parsing`, `shared_folder` and
`outlines` read the data sets; a face is read on access. `mixtures` mixes and splits them, and `crop` makes the crops
for a network. `part_masks` is separate: it reads images of faces or cars with masks of parts (FFHQ_34 or CAR_20), which
are the data of PFTGAN.

Example:
    >>> sources = {"lapa": lapa_faces("LaPa"), "studio": GeneratedParsing(5000)}
    >>> train, val, test = split(mix({"lapa": 0.5, "studio": 0.5}, 2330, sources))
    >>> images, masks = crops(train, 128)
"""

from .aflw import aflw_faces
from .animal_faces import DOG_HEAD_6, cat_head_faces, stanford_extra_faces
from .crop import crops
from .face import ParsedFace, cropped
from .facesynthetics import facesynthetics_faces
from .generated_parsing import GeneratedParsing
from .helen import helen_faces
from .helen_points import helen194_faces
from .ibugmask import ibugmask_faces
from .lapa import lapa_faces
from .lazy_faces import LazyFaces
from .mixtures import ParsingSet, mix, split
from .outlines import outlined_faces
from .part_masks import labelled_parts
from .shared_folder import celebamask_faces, fasseg_faces, hair_faces
from .w300 import w300_faces
from .wflw import WFLW_SUBSETS, wflw_faces

__all__ = [
    "DOG_HEAD_6",
    "WFLW_SUBSETS",
    "GeneratedParsing",
    "LazyFaces",
    "ParsedFace",
    "ParsingSet",
    "aflw_faces",
    "cat_head_faces",
    "celebamask_faces",
    "cropped",
    "crops",
    "facesynthetics_faces",
    "fasseg_faces",
    "hair_faces",
    "helen194_faces",
    "helen_faces",
    "ibugmask_faces",
    "labelled_parts",
    "lapa_faces",
    "mix",
    "outlined_faces",
    "split",
    "stanford_extra_faces",
    "w300_faces",
    "wflw_faces",
]
