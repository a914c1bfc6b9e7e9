"""Helen as Smith et al. parsed it ("Exemplar-Based Face Parsing", CVPR 2013): one grey image a class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...images.reader import load_image, open_image
from ...labels import HELEN_11
from .boxes import box_of_mask
from .face import ParsedFace
from .files import choice, dataset_folder, mapped_from
from .lazy import LazyFaces

# The paper's split: 2,000, 230 and 100 images.
_LISTS = {"train": "exemplars.txt", "val": "tuning.txt", "test": "testing.txt"}
_LAYOUT = "images/NAME.jpg, labels/NAME/NAME_lbl00.png to NAME_lbl10.png, exemplars.txt, tuning.txt, testing.txt"
_HOME = "http://www.cs.wisc.edu/~lizhang/projects/face-parsing/"
_HALF = 127


def helen_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[str]:
    """Helen's faces. folder: SmithCVPR2013_dataset_resized or ..._original; split: "train", "val" or "test".

    Helen's neck and clothes are background, its ears too. Raises FileNotFoundError that says which files are expected;
    ValueError for another split; a face raises ValueError when it is read and its files do not fit together.
    """
    title = "Helen, parsed by Smith et al."
    listing = _LISTS[choice(split, tuple(_LISTS), title)]
    root = dataset_folder(folder, ("images", "labels", listing), title, _LAYOUT, _HOME)
    # A line is "12 , 100032540_1".
    names = [line.rsplit(",", 1)[-1].strip() for line in (root / listing).read_text().splitlines()]
    return LazyFaces(f"Helen, {split}", [name for name in names if name], lambda name: _read(root, name))


def _read(root: Path, name: str) -> ParsedFace:
    image = load_image(root / "images" / f"{name}.jpg")
    ids = merged([root / "labels" / name / f"{name}_lbl{k:02d}.png" for k in range(len(HELEN_11))], image.shape[:2])
    return ParsedFace(name, image, mapped_from(ids, HELEN_11, name), box_of_mask(ids, HELEN_11, name))


def merged(paths: list[Path], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """One mask (H,W) from an image of probabilities (0 to 255) a class: the highest of those above one half.

    255 where none is above: the paper's code calls these rims of a class background, between skin and hair as well.
    Raises ValueError that names a file of another size than its image's.
    """
    best = np.full(size, _HALF, np.uint8)
    ids = np.full(size, 255, np.uint8)
    for k, path in enumerate(paths):
        value = np.asarray(open_image(path).convert("L"))
        if value.shape != size:
            came = f"height x width {value.shape[0]} x {value.shape[1]} came"
            raise ValueError(f"{path.name}: {came}, expected its image's {size[0]} x {size[1]}: copy both again")
        above = value > best
        best[above], ids[above] = value[above], k
    return ids
