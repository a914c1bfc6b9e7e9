"""Labelled faces for face parsing, of any source, in one label set: SYNTHPARSE_11 or a finer one, 255 = ignored.

From "In the Wild Face Parsing in Synthetic-Data Trained Models", section 3.1.2. face.py is what a labelled face is;
helen.py, lapa.py, ibugmask.py, facesynthetics.py, generated.py, shared.py and outlined.py read the sources, a face when
it is asked for; mix.py mixes and splits them; crop.py makes what a network learns from. parts.py stands apart: it
reads images of faces or cars with masks of parts, FFHQ_34 or CAR_20, as PFTGAN learns from them.

    sources = {"lapa": lapa_faces("LaPa"), "studio": GeneratedParsing(5000)}
    train, val, test = split(mix({"lapa": 0.5, "studio": 0.5}, 2330, sources))
    images, masks = crops(train, 128)
"""

from .crop import crops
from .face import ParsedFace, cropped
from .facesynthetics import facesynthetics_faces
from .generated import GeneratedParsing
from .helen import helen_faces
from .ibugmask import ibugmask_faces
from .lapa import lapa_faces
from .lazy import LazyFaces
from .mix import ParsingSet, mix, split
from .outlined import outlined_faces
from .parts import labelled_parts
from .shared_folder import celebamask_faces, fasseg_faces, hair_faces

__all__ = [
    "GeneratedParsing",
    "LazyFaces",
    "ParsedFace",
    "ParsingSet",
    "celebamask_faces",
    "cropped",
    "crops",
    "facesynthetics_faces",
    "fasseg_faces",
    "hair_faces",
    "helen_faces",
    "ibugmask_faces",
    "labelled_parts",
    "lapa_faces",
    "mix",
    "outlined_faces",
    "split",
]
