"""FFHQ-34 and LSUN CAR-20 are read by the root of their archives and a split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.data.datasets import car20_parts, ffhq34_parts

# Reader, number of classes, and by split the folder and the names of images and masks.
Names = tuple[str, str, str]
SETS: list[tuple[Callable[..., Any], int, dict[str, Names]]] = [
    (
        ffhq34_parts,
        34,
        {
            "train": ("real/train", "{}.png", "{}.npy"),
            "test": ("real/test", "{}.png", "{}.npy"),
            "ddpm": ("ddpm", "{}.png", "{}.npy"),
        },
    ),
    (
        car20_parts,
        20,
        {
            "train": ("training_data/car_processed", "image_{}.jpg", "image_mask{}.npy"),
            "test": ("testing_data/car_20_class", "image_{}.jpg", "mask_{}.npy"),
        },
    ),
]


def tree(root: Path, splits: dict[str, Names], classes: int) -> None:
    """Write one more image per split, whose mask holds one id: the number of the image, and the last class."""
    for count, (folder, image, mask) in enumerate(splits.values(), start=1):
        (root / folder).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(root / folder / image.format(i))
            ids = np.full((8, 8), i)
            ids[0] = classes - 1
            np.save(root / folder / mask.format(i), ids)


@pytest.mark.parametrize(("reader", "classes", "splits"), SETS, ids=["ffhq34", "car20"])
def test_splits(reader: Callable[..., Any], classes: int, splits: dict[str, Names], tmp_path: Path) -> None:
    tree(tmp_path, splits, classes)
    for count, split in enumerate(splits, start=1):
        images, masks = reader(tmp_path, split)
        assert [path.parent for path in images] == [tmp_path / splits[split][0]] * count
        assert [(int(mask[0, 0]), int(mask[7, 7])) for mask in masks] == [(classes - 1, i) for i in range(count)]
    with pytest.raises(ValueError, match="expected one of train, test.*got 'val'"):
        reader(tmp_path, "val")


@pytest.mark.parametrize(("reader", "classes", "splits"), SETS, ids=["ffhq34", "car20"])
def test_broken_trees(reader: Callable[..., Any], classes: int, splits: dict[str, Names], tmp_path: Path) -> None:
    tree(tmp_path, splits, classes)
    folder, image, mask = splits["test"]
    np.save(tmp_path / folder / mask.format(1), np.full((8, 8), classes))
    with pytest.raises(ValueError, match=f"{mask.format(1)}: expected ids 0 to {classes - 1}"):
        reader(tmp_path, "test")
    (tmp_path / folder / mask.format(1)).unlink()
    with pytest.raises(FileNotFoundError, match=f"no mask for {image.format(1)}"):
        reader(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match=rf"{splits['train'][0]}/ \(train\).*facekit does not contain it"):
        reader(tmp_path / folder)
