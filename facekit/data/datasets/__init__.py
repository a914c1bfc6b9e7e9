"""Labelled faces for face parsing: one reader per published data set, all in one label set.

The label set is SYNTHPARSE_11 or a finer one; id 255 is ignored. From "In the Wild Face Parsing in Synthetic-Data
Trained Models", section 3.1.2.

`face` defines a labelled face. `helen`, `lapa`, `ibugmask`, `facesynthetics`, `generated_parsing`, `shared_folder` and
`outlines` read the data sets; a face is read on access. `mixtures` mixes and splits them, and `crop` makes the crops
for a network. `part_masks` is separate: it reads images of faces or cars with masks of parts (FFHQ_34 or CAR_20), which
are the data of PFTGAN.

Other data sets have other labels, see `records`. `celeba`, `lfwa` and `celebamask_hq` read attributes. `fairface` and
`utkface` read groups of people, `person_folders` images without labels. `sketches` and `yale_b` read pairs of images.
`laion_face` reads the numbers and detected faces of LAION-Face.

Example:
    >>> sources = {"lapa": lapa_faces("LaPa"), "studio": GeneratedParsing(5000)}
    >>> train, val, test = split(mix({"lapa": 0.5, "studio": 0.5}, 2330, sources))
    >>> images, masks = crops(train, 128)
"""

from .celeba import celeba_faces
from .celebamask_hq import celebamask_hq_attributes, celebamask_hq_faces
from .crop import crops
from .face import ParsedFace, cropped
from .facesynthetics import facesynthetics_faces
from .fairface import fairface_faces
from .generated_parsing import GeneratedParsing
from .helen import helen_faces
from .ibugmask import ibugmask_faces
from .laion_face import LaionFaceDetections, laion_face_ids
from .lapa import lapa_faces
from .lazy_faces import LazyFaces
from .lfwa import lfwa_faces
from .mixtures import ParsingSet, mix, split
from .outlines import outlined_faces
from .part_masks import labelled_parts
from .person_folders import affectnet_faces, vggface2_faces
from .records import AttributeFace, FaceImage, ImagePair
from .shared_folder import celebamask_faces, fasseg_faces, hair_faces
from .sketches import cufs_faces, fs2k_faces
from .utkface import utkface_faces
from .yale_b import yale_b_faces

__all__ = [
    "AttributeFace",
    "FaceImage",
    "GeneratedParsing",
    "ImagePair",
    "LaionFaceDetections",
    "LazyFaces",
    "ParsedFace",
    "ParsingSet",
    "affectnet_faces",
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
    "fs2k_faces",
    "hair_faces",
    "helen_faces",
    "ibugmask_faces",
    "labelled_parts",
    "laion_face_ids",
    "lapa_faces",
    "lfwa_faces",
    "mix",
    "outlined_faces",
    "split",
    "utkface_faces",
    "vggface2_faces",
    "yale_b_faces",
]
