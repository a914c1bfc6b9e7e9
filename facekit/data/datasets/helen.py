"""Helen with the masks of Smith et al., "Exemplar-Based Face Parsing", CVPR 2013: one grey image per class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...images.reader import load_image, open_image
from ...labels import HELEN_11, SYNTHPARSE_11, SegmentationSet
from .boxes import square_around, tight_box_of_mask
from .face import ParsedFace
from .files import check_split, dataset_folder, map_classes
from .lazy_faces import LazyFaces

# The paper's split: 2,000, 230 and 100 images.
_LISTS = {"train": "exemplars.txt", "val": "tuning.txt", "test": "testing.txt"}
_LAYOUT = "images/NAME.jpg, labels/NAME/NAME_lbl00.png to NAME_lbl10.png, exemplars.txt, tuning.txt, testing.txt"
_HOME = "http://www.cs.wisc.edu/~lizhang/projects/face-parsing/"
# One half of the largest value, 255, rounded down.
_HALF = 127


def helen_faces(
    folder: str | os.PathLike[str], split: str = "train", labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open Helen. Its ears, neck and clothes are background.

    Args:
        folder: The folder SmithCVPR2013_dataset_resized or SmithCVPR2013_dataset_original.
        split: "train", "val" or "test".
        labels: Label set of the masks. HELEN_11 is that of the data set.

    Returns:
        The faces. A face raises ValueError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown.
    """
    title = "Helen, parsed by Smith et al."
    listing = _LISTS[check_split(split, tuple(_LISTS), title)]
    root = dataset_folder(folder, ("images", "labels", listing), title, _LAYOUT, _HOME)
    # A line is "12 , 100032540_1".
    names = [line.rsplit(",", 1)[-1].strip() for line in (root / listing).read_text().splitlines()]
    return LazyFaces(f"Helen, {split}", [name for name in names if name], lambda name: _read(root, name, labels))


def _read(root: Path, name: str, labels: SegmentationSet) -> ParsedFace:
    """Read a face from its image and the images of all classes."""
    image = load_image(root / "images" / f"{name}.jpg")
    files = [root / "labels" / name / f"{name}_lbl{k:02d}.png" for k in range(len(HELEN_11))]
    ids = merge_probabilities(files, image.shape[:2])
    mask, tight = map_classes(ids, HELEN_11, name, labels), tight_box_of_mask(ids, HELEN_11, name)
    return ParsedFace(name, image, mask, square_around(tight), labels, tight)


def merge_probabilities(paths: list[Path], size: tuple[int, ...]) -> NDArray[np.uint8]:
    """Merge one image of probabilities per class into a mask: the most probable class of those above one half.

    Pixels without a class above one half are 255. The paper's code calls such pixels background, even between skin and
    hair.

    Args:
        paths: Grey images with values 0 to 255, in the order of the class ids.
        size: (H,W) of the face's image.

    Returns:
        (H,W) uint8 class ids.

    Raises:
        ValueError: If an image has another size.
    """
    best = np.full(size, _HALF, np.uint8)
    ids = np.full(size, 255, np.uint8)
    for k, path in enumerate(paths):
        value = np.asarray(open_image(path).convert("L"))
        if value.shape != size:
            got = f"{value.shape[0]} x {value.shape[1]}"
            raise ValueError(
                f"{path.name}: expected its image's height x width {size[0]} x {size[1]}, got {got}; copy both again"
            )
        above = value > best
        best[above], ids[above] = value[above], k
    return ids
