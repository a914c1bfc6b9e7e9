"""Heads of dogs and cats with points: StanfordExtra and Cat-Head, on which FSMA adapts to non-human faces.

Biggs et al., "Who Left the Dogs Out?", ECCV 2020, https://github.com/benjiebob/StanfordExtra. The annotations are under
the MIT licence; the images are those of Stanford Dogs, which are part of ImageNet.

Zhang et al., "Cat Head Detection - How to Effectively Exploit Shape and Texture Features", ECCV 2008,
https://archive.org/details/CAT_DATASET. No licence is known.

FSMA (https://arxiv.org/abs/2104.09457, Fig. 14) pretrains on crops of the heads and adapts with 15 % of the training
images. It does not say which points of the dogs it uses, nor how it divides the cats. Points are taken as they are:
(0,0) is the centre of the top-left pixel, as in the public code that reads them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from ...images.reader import load_image
from ...labels import LandmarkSet
from ...labels.mirror_pairs import flip_of
from ..synthetic_cats.label_sets import CAT_HEAD_9
from .files import check_split, dataset_folder, missing_files, read_points
from .lazy_faces import LazyFaces
from .records import PointedFace

# The dog's left is the viewer's right.
_DOG_POINTS = ("right_ear_base", "left_ear_base", "nose", "chin", "right_ear_tip", "left_ear_tip")
DOG_HEAD_6 = LandmarkSet("dog_head6", _DOG_POINTS, flip_of(_DOG_POINTS), ((0, 4), (1, 5), (0, 2), (1, 2), (2, 3)))
"""StanfordExtra's points on the head: ears, nose and chin. Left is the viewer's, of a dog that faces the camera."""

_DOG_TITLE = "StanfordExtra"
_DOG_FILE = "StanfordExtra_v12.json"
_DOG_LAYOUT = (
    f"{_DOG_FILE}, train_stanford_StanfordExtra_v12.npy and the like for val and test, all of them in the folder or in "
    "StanfordExtra_V12, and Images/BREED/NAME.jpg of Stanford Dogs"
)
_DOG_HOME = "https://github.com/benjiebob/StanfordExtra and http://vision.stanford.edu/aditya86/ImageNetDogs/"
# Numbers of DOG_HEAD_6 among the points of the whole dog. Points 0 to 19 are labelled.
_DOG_ROWS, _DOG_LABELLED = slice(14, 20), 20

_CAT_TITLE = "Cat-Head"
_CAT_LAYOUT = "CAT_00 to CAT_06, each with NAME.jpg beside NAME.jpg.cat"
_CAT_HOME = "https://archive.org/details/CAT_DATASET"
# The release has this file without an image. It was meant for another one and is published again under that name.
_CAT_MISNAMED = "00000003_019.jpg.cat"


def stanford_extra_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[PointedFace]:
    """Open StanfordExtra: photos of whole dogs, with the points on the head.

    Points that are not visible are NaN. All six are if the dog shows its back.

    Args:
        folder: The folder that contains the annotations and Images.
        split: "train", "val" or "test".

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown, or the annotations cannot be read.
    """
    check_split(split, ("train", "val", "test"), _DOG_TITLE)
    inner = "StanfordExtra_V12/" if (Path(folder).expanduser() / "StanfordExtra_V12").is_dir() else ""
    annotations, indices = inner + _DOG_FILE, f"{inner}{split}_stanford_StanfordExtra_v12.npy"
    root = dataset_folder(folder, (annotations, indices, "Images"), _DOG_TITLE, _DOG_LAYOUT, _DOG_HOME)
    try:
        entries = json.loads((root / annotations).read_text())
        numbers = np.load(root / indices, allow_pickle=False).ravel()
        dogs = [(str(entry["img_path"]), entry["joints"]) for entry in (entries[int(i)] for i in numbers)]
    except (ValueError, EOFError, LookupError, TypeError) as error:
        raise ValueError(
            f"{annotations} and {indices}: expected a list of dogs and numbers of its entries, got {error!r}; download "
            "both again"
        ) from error
    return LazyFaces(f"{_DOG_TITLE}, {split}", dogs, lambda dog: _read_dog(root / "Images", *dog))


def _read_dog(images: Path, name: str, joints: list[list[float]]) -> PointedFace:
    """Read a dog from the points of its whole body and its image."""
    if len(joints) < _DOG_LABELLED or any(len(joint) != 3 for joint in joints):
        raise ValueError(
            f"{name}: expected at least {_DOG_LABELLED} joints of x, y and visibility in {_DOG_FILE}, got "
            f"{len(joints)} joints of {sorted({len(joint) for joint in joints})} numbers; download it again"
        )
    head = np.array(joints[_DOG_ROWS], np.float32)
    points = np.where(head[:, 2:] > 0, head[:, :2], np.float32(np.nan))
    return PointedFace(name, load_image(images / name), points, DOG_HEAD_6)


def cat_head_faces(folder: str | os.PathLike[str]) -> LazyFaces[PointedFace]:
    """Open Cat-Head: photos of cats with eyes, mouth and ears. There is no published split.

    Args:
        folder: The folder that contains CAT_00 to CAT_06, at any depth.

    Returns:
        The faces. A face raises ValueError on access if its file of points or its image is damaged.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
    """
    root = dataset_folder(folder, (".",), _CAT_TITLE, _CAT_LAYOUT, _CAT_HOME)
    files = sorted(root.rglob("*.jpg.cat"))
    if not files:
        raise missing_files(str(root / "CAT_00" / "*.jpg.cat"), _CAT_TITLE, _CAT_LAYOUT, _CAT_HOME)
    missing = [str(file.with_suffix("")) for file in files if not file.with_suffix("").exists()]
    files = [file for file in files if str(file.with_suffix("")) not in missing]
    missing = [path for path in missing if f"{Path(path).name}.cat" != _CAT_MISNAMED]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise missing_files(missing[0] + more, _CAT_TITLE, _CAT_LAYOUT, _CAT_HOME)

    def read(file: Path) -> PointedFace:
        points = read_points(file, len(CAT_HEAD_9)).astype(np.float32)
        return PointedFace(file.stem, load_image(file.with_suffix("")), points, CAT_HEAD_9)

    return LazyFaces(_CAT_TITLE, files, read)
