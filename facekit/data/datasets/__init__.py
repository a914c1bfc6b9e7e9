"""Published data sets of faces: one reader per data set.

A reader opens a folder as the user downloaded it and returns `LazyFaces`: a sequence whose faces are read on access.
The type of a face depends on its labels:

* `ParsedFace`: a mask of parts, in SYNTHPARSE_11 or the data set's own label set.
* `PointedFace`: landmarks. `AttributeFace`: binary attributes. `FaceImage`: an image with groups, such as age.
* `ImagePair`: an image and its target, such as a photo and its sketch.

Splits are those that were published. Missing files raise an error that shows the expected folders.

`mixtures` mixes and splits faces with masks, and `crop` makes the crops for a network, as in "In the Wild Face Parsing
in Synthetic-Data Trained Models", section 3.1.2. `part_masks` reads masks of parts (FFHQ_34 or CAR_20), which are the
data of PFTGAN.

Example:
    >>> sources = {"lapa": lapa_faces("LaPa"), "studio": GeneratedParsing(5000)}
    >>> train, val, test = split(mix({"lapa": 0.5, "studio": 0.5}, 2330, sources))
    >>> images, masks = crops(train, 128)
"""

from .aflw import aflw_faces
from .animal_faces import DOG_HEAD_6, cat_head_faces, stanford_extra_faces
from .celeba import celeba_faces
from .celebamask_hq import celebamask_hq_attributes, celebamask_hq_faces
from .crop import crops
from .face import ParsedFace, cropped
from .facesynthetics import facesynthetics_faces
from .fairface import fairface_faces
from .generated_parsing import GeneratedParsing
from .helen import helen_faces
from .helen_points import helen194_faces
from .ibugmask import ibugmask_faces
from .laion_face import LaionFaceDetections, laion_face_ids
from .lapa import lapa_faces
from .lazy_faces import LazyFaces
from .lfwa import lfwa_faces
from .mixtures import ParsingSet, mix, split
from .outlines import outlined_faces
from .part_masks import car20_parts, ffhq34_parts, labelled_parts
from .person_folders import affectnet_faces, vggface2_faces
from .records import AttributeFace, FaceImage, ImagePair, PointedFace
from .shared_folder import celebamask_faces, fasseg_faces, hair_faces
from .sketches import cufs_faces, fs2k_faces
from .utkface import utkface_faces
from .w300 import w300_faces
from .wflw import WFLW_SUBSETS, wflw_faces
from .yale_b import yale_b_faces

__all__ = [
    "DOG_HEAD_6",
    "WFLW_SUBSETS",
    "AttributeFace",
    "FaceImage",
    "GeneratedParsing",
    "ImagePair",
    "LaionFaceDetections",
    "LazyFaces",
    "ParsedFace",
    "ParsingSet",
    "PointedFace",
    "affectnet_faces",
    "aflw_faces",
    "car20_parts",
    "cat_head_faces",
    "celeba_faces",
    "celebamask_faces",
    "celebamask_hq_attributes",
    "celebamask_hq_faces",
    "cropped",
    "crops",
    "cufs_faces",
    "facesynthetics_faces",
    "fairface_faces",
    "fasseg_faces",
    "ffhq34_parts",
    "fs2k_faces",
    "hair_faces",
    "helen194_faces",
    "helen_faces",
    "ibugmask_faces",
    "labelled_parts",
    "laion_face_ids",
    "lapa_faces",
    "lfwa_faces",
    "mix",
    "outlined_faces",
    "split",
    "stanford_extra_faces",
    "utkface_faces",
    "vggface2_faces",
    "w300_faces",
    "wflw_faces",
    "yale_b_faces",
]
