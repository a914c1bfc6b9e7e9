"""AFLW-19: the faces of AFLW with 19 points each, hidden ones included. AFLW's licence allows research only.

Zhu et al., "Unconstrained Face Alignment via Cascaded Compositional Learning", CVPR 2016,
http://mmlab.ie.cuhk.edu.hk/projects/compositional.html. The images are those of Koestinger et al., "Annotated Facial
Landmarks in the Wild", 2011, https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/.

Points and boxes are taken as they are: (0,0) is the centre of the top-left pixel. The page does not say so, but the
public code that reads them, such as FaRL's, applies no shift.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...images.reader import load_image
from ...labels import LANDMARKS_19
from .boxes import as_box
from .files import check_split, dataset_folder, missing_files
from .lazy_faces import LazyFaces
from .records import PointedFace

_FILE = "AFLWinfo_release.mat"
_TITLE = "AFLW-19"
_LAYOUT = f"{_FILE} and the images in data/flickr/0, 2 and 3, or in images/0, 2 and 3"
_HOME = "http://mmlab.ie.cuhk.edu.hk/projects/compositional.html and from AFLW's page at tugraz.at"
_IMAGES = ("data/flickr", "flickr", "images", ".")
_FACES, _TRAIN = 24_386, 20_000
# Shapes of the arrays. `ra` orders the faces, training faces first, and counts from 1. `mask_new` is 1 where a point is
# visible.
_SHAPES = {
    "bbox": (_FACES, 4),
    "data": (_FACES, 2 * len(LANDMARKS_19)),
    "mask_new": (_FACES, len(LANDMARKS_19)),
    "nameList": (_FACES,),
    "ra": (_FACES,),
}


def aflw_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[PointedFace]:
    """Open AFLW-19. Each face has its own box, and the group "frontal" is "yes" if all points are visible, else "no".

    Hidden points have coordinates, too. An image may contain several faces.

    Args:
        folder: The folder of AFLWinfo_release.mat and the images.
        split: "train" (20,000 faces), "full" (the other 4,386), or "frontal" (those of "full" whose 19 points are all
            visible, as FaRL's code defines them).

    Returns:
        The faces. A face raises ImageError on access if its image cannot be read.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown, or the .mat file is damaged or another one.
    """
    check_split(split, ("train", "full", "frontal"), _TITLE)
    root = dataset_folder(folder, (_FILE,), _TITLE, _LAYOUT, _HOME)
    images = next((root / name for name in _IMAGES if (root / name / "0").is_dir()), None)
    if images is None:
        raise missing_files(str(root / _IMAGES[0] / "0"), _TITLE, _LAYOUT, _HOME)
    arrays = _arrays(root / _FILE)
    # 19 times x, then 19 times y; left, right, top, bottom.
    points = arrays["data"].reshape(_FACES, 2, -1).transpose(0, 2, 1).astype(np.float32)
    boxes = arrays["bbox"][:, [0, 2, 1, 3]]
    frontal = (arrays["mask_new"] == 1).all(1)
    order = arrays["ra"].astype(np.int64) - 1
    faces = order[:_TRAIN] if split == "train" else order[_TRAIN:]
    if split == "frontal":
        faces = faces[frontal[faces]]
    files = [str(np.ravel(name)[0]) for name in arrays["nameList"][faces]]

    def read(item: tuple[int, str]) -> PointedFace:
        i, file = item
        groups = {"frontal": "yes" if frontal[i] else "no"}
        image = load_image(images / file)
        return PointedFace(f"{file} {i}", image, points[i], LANDMARKS_19, groups=groups, box=as_box(boxes[i]))

    return LazyFaces(f"{_TITLE}, {split}", list(zip(faces.tolist(), files, strict=True)), read)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read and check the arrays of the .mat file."""
    from scipy.io import loadmat

    try:
        content = loadmat(path, variable_names=list(_SHAPES))
    except Exception as error:  # scipy raises any type on a damaged file
        raise ValueError(
            f"{path.name}: expected a Matlab file, got one that is not readable ({error}); download it again"
        ) from error
    arrays = {}
    for name, shape in _SHAPES.items():
        array = np.asarray(content.get(name, ()))
        # nameList is a column, ra may be one.
        array = array.ravel() if len(shape) == 1 else array
        if array.shape != shape:
            got = f"shape {array.shape}" if name in content else "no such array"
            raise ValueError(f"{path.name}: expected {name} of shape {shape}, got {got}; download the file again")
        arrays[name] = array
    if not np.array_equal(np.sort(arrays["ra"]), np.arange(1, _FACES + 1)):
        raise ValueError(f"{path.name}: expected ra to contain 1 to {_FACES}, got others; download the file again")
    return arrays
