"""CelebAMask-HQ as it is downloaded: 30,000 aligned faces with masks of 19 classes and 40 attributes.

Lee et al., "MaskGAN: Towards Diverse and Interactive Facial Image Manipulation", CVPR 2020,
https://arxiv.org/abs/1907.11922. Home page: https://github.com/switchablenorms/CelebAMask-HQ. Licence: non-commercial
research only. `shared_folder.celebamask_faces` reads a folder of merged masks instead.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...images.reader import load_image, open_image
from ...labels import CELEBA_40, CELEBAMASK_19, SYNTHPARSE_11, SegmentationSet
from .boxes import square_around, tight_box_of_mask
from .face import ParsedFace
from .files import check_split, dataset_folder, map_classes, missing_files
from .label_tables import PARTITIONS, binary_attributes, read_celeba_table, read_partition
from .lazy_faces import LazyFaces
from .records import AttributeFace

_TITLE = "CelebAMask-HQ"
_IMAGES, _MASKS = "CelebA-HQ-img", "CelebAMask-HQ-mask-anno"
_MAPPING, _ATTRIBUTES = "CelebA-HQ-to-CelebA-mapping.txt", "CelebAMask-HQ-attribute-anno.txt"
_PARTITION = "list_eval_partition.txt"
_LAYOUT = (
    f"{_IMAGES}/N.jpg, {_MASKS}/0 to 14/NNNNN_PART.png, {_MAPPING}, {_ATTRIBUTES}, and CelebA's {_PARTITION}, which "
    "comes with CelebA and not with CelebAMask-HQ"
)
_HOME = "https://github.com/switchablenorms/CelebAMask-HQ"
# Where CelebA's list is searched, relative to the folder.
_PARTITION_FOLDERS = (".", "Eval", "..", "../Eval", "../CelebA/Eval", "../CelebA", "../celeba")
# Images whose masks are in one folder.
_PER_FOLDER = 2000
# The parts in the order of their class ids, 1 to 18. The data set's code draws them in this order, so a later part
# covers an earlier one. Left and right are the person's.
_PARTS = (
    *("skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear"),
    *("mouth", "u_lip", "l_lip", "hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)


def celebamask_hq_faces(
    folder: str | os.PathLike[str], split: str = "train", labels: SegmentationSet = SYNTHPARSE_11
) -> LazyFaces[ParsedFace]:
    """Open CelebAMask-HQ. Its splits have 24,183, 2,993 and 2,824 faces, which are framed by the mask.

    Images of 1024 px are halved to the size of their masks.

    Args:
        folder: The folder CelebAMask-HQ.
        split: "train", "val" or "test". An image is in the split that CelebA's list_eval_partition.txt gives its
            original. The list is searched in the folder, and in folders named CelebA or celeba beside it.
        labels: Label set of the masks, such as CELEBAMASK_19.

    Returns:
        The faces. A face raises ValueError or OSError on access if its files do not fit together.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown or a table is damaged. The text names the file.
    """
    root = dataset_folder(folder, (_IMAGES, _MASKS, _MAPPING), _TITLE, _LAYOUT, _HOME)

    def read(number: int) -> ParsedFace:
        ids = merge_parts(root / _MASKS, number)
        name = f"{number}.jpg"
        image = load_image(root / _IMAGES / name)
        if image.shape[0] > ids.shape[0]:
            image = np.asarray(cv2.resize(image, ids.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        mask = map_classes(ids, CELEBAMASK_19, name, labels)
        tight = tight_box_of_mask(ids, CELEBAMASK_19, name)
        return ParsedFace(name, image, mask, square_around(tight), labels, tight)

    return LazyFaces(f"{_TITLE}, {split}", _numbers(root, split), read)


def celebamask_hq_attributes(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[AttributeFace]:
    """Open the images of CelebAMask-HQ with their 40 attributes.

    Args:
        folder: The folder CelebAMask-HQ.
        split: As for `celebamask_hq_faces`.

    Returns:
        The faces, 1024 px, with labels CELEBA_40. A face raises ImageError on access if its image is missing.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown or a table is damaged. The text names the file.
    """
    root = dataset_folder(folder, (_IMAGES, _ATTRIBUTES, _MAPPING), _TITLE, _LAYOUT, _HOME)
    names, table = read_celeba_table(root / _ATTRIBUTES, CELEBA_40.names)
    values = binary_attributes(table, names, _ATTRIBUTES)
    row_of = {name: row for row, name in enumerate(names)}
    numbers = _numbers(root, split)
    unknown = [f"{number}.jpg" for number in numbers if f"{number}.jpg" not in row_of]
    if unknown:
        raise ValueError(
            f"{_ATTRIBUTES}: expected a row for each image of {_MAPPING}, got none for {unknown[0]}; download both "
            "again"
        )

    def read(number: int) -> AttributeFace:
        name = f"{number}.jpg"
        return AttributeFace(
            name, load_image(root / _IMAGES / name), values[row_of[name]].astype(np.float32), CELEBA_40
        )

    return LazyFaces(f"{_TITLE}, attributes, {split}", numbers, read)


def merge_parts(folder: Path, number: int) -> NDArray[np.uint8]:
    """Merge the masks of an image's parts into one mask. A later part covers an earlier one.

    Args:
        folder: The folder CelebAMask-HQ-mask-anno.
        number: Number of the image.

    Returns:
        (512,512) uint8 class ids of CELEBAMASK_19.

    Raises:
        FileNotFoundError: If the image has no part.
        ValueError: If the parts have different sizes. The text names the file.
    """
    start = folder / str(number // _PER_FOLDER) / f"{number:05d}"
    ids: NDArray[np.uint8] | None = None
    for k, part in enumerate(_PARTS, start=1):
        path = start.with_name(f"{start.name}_{part}.png")
        if not path.exists():
            continue
        inside = np.asarray(open_image(path).convert("L")) > 0
        if ids is None:
            ids = np.zeros(inside.shape, np.uint8)
        if inside.shape != ids.shape:
            raise ValueError(
                f"{path.name}: expected the size of the other parts, height x width {ids.shape[0]} x {ids.shape[1]}, "
                f"got {inside.shape[0]} x {inside.shape[1]}; download it again"
            )
        ids[inside] = k
    if ids is None:
        raise missing_files(f"{start}_skin.png or another part", _TITLE, _LAYOUT, _HOME)
    return ids


def _numbers(root: Path, split: str) -> list[int]:
    """Return the numbers of the images of a split."""
    split = check_split(split, PARTITIONS, _TITLE)
    places = [root / folder / _PARTITION for folder in _PARTITION_FOLDERS]
    partition = next((place for place in places if place.exists()), None)
    if partition is None:
        listing = " or ".join(str(place) for place in places)
        raise missing_files(listing, _TITLE, _LAYOUT, f"{_HOME}, and {_PARTITION} from CelebA")
    split_of = read_partition(partition)
    numbers = []
    with (root / _MAPPING).open(encoding="utf-8-sig") as file:
        for line_number, line in enumerate(file, start=1):
            words = line.split()
            if not words or line_number == 1:
                continue
            if len(words) != 3 or not words[0].isdigit() or words[2] not in split_of:
                raise ValueError(
                    f"{_MAPPING}, line {line_number}: expected the number, the original's number and its name in "
                    f"{partition.name}, got {line.strip()!r}; download it again"
                )
            if split_of[words[2]] == split:
                numbers.append(int(words[0]))
    return numbers
