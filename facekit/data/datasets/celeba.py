"""CelebA: 202,599 faces with 40 binary attributes. FaRL's attributes are trained and scored on it (section 3.5).

Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015, https://arxiv.org/abs/1411.7766. Home page:
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html. Licence: non-commercial research only.
"""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path

import numpy as np

from ...images.reader import load_image
from ...labels import CELEBA_40
from .face import Box
from .files import check_split, missing_files
from .label_tables import PARTITIONS, binary_attributes, read_celeba_table, read_partition
from .lazy_faces import LazyFaces
from .records import AttributeFace

_TITLE = "CelebA"
_LAYOUT = (
    "Anno/list_attr_celeba.txt, Eval/list_eval_partition.txt and Img/img_align_celeba/NAME.jpg; for in-the-wild images "
    "Img/img_celeba/NAME.jpg and Anno/list_bbox_celeba.txt; or all of them without the folders Anno, Eval and Img"
)
_HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
_BOX = ("x_1", "y_1", "width", "height")


def celeba_faces(
    folder: str | os.PathLike[str], split: str = "train", in_the_wild: bool = False
) -> LazyFaces[AttributeFace]:
    """Open CelebA. Its splits have 162,770, 19,867 and 19,962 images.

    Args:
        folder: The folder CelebA, or the folder celeba as torchvision lays it out.
        split: "train", "val" or "test".
        in_the_wild: Read the images as they were before alignment, each with the box of its face.

    Returns:
        The faces, with labels CELEBA_40. A face raises ImageError on access if its image is missing.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown or a table is damaged. The text names the file.
    """
    split = check_split(split, PARTITIONS, _TITLE)
    root = Path(folder).expanduser()
    attributes = _part(root, "Anno", "list_attr_celeba.txt")
    partition = _part(root, "Eval", "list_eval_partition.txt")
    images = _part(root, "Img", "img_celeba" if in_the_wild else "img_align_celeba")
    box_of = _boxes(_part(root, "Anno", "list_bbox_celeba.txt")) if in_the_wild else {}
    names, table = read_celeba_table(attributes, CELEBA_40.names)
    values = binary_attributes(table, names, attributes.name)
    row_of = {name: row for row, name in enumerate(names)}
    chosen = [name for name, part in read_partition(partition).items() if part == split]
    _check_rows(chosen, row_of.keys(), attributes.name)
    if in_the_wild:
        _check_rows(chosen, box_of.keys(), "list_bbox_celeba.txt")

    def read(name: str) -> AttributeFace:
        image = load_image(images / name)
        return AttributeFace(name, image, values[row_of[name]].astype(np.float32), CELEBA_40, box=box_of.get(name))

    return LazyFaces(f"CelebA, {split}", chosen, read)


def _part(root: Path, folder: str, name: str) -> Path:
    """Find a file or folder of CelebA in its folder or directly in the root."""
    for path in (root / folder / name, root / name):
        if path.exists():
            return path
    raise missing_files(f"{root / folder / name} or {root / name}", _TITLE, _LAYOUT, _HOME)


def _check_rows(chosen: list[str], rows: Set[str], table: str) -> None:
    """Raise ValueError unless a table has a row for each image."""
    without = [name for name in chosen if name not in rows]
    if without:
        others = f" and {len(without) - 1} more" if without[1:] else ""
        raise ValueError(
            f"{table}: expected a row for each image of list_eval_partition.txt, got none for {without[0]}{others}; "
            "download both again"
        )


def _boxes(path: Path) -> dict[str, Box]:
    """Read list_bbox_celeba.txt: the box (x0,y0,x1,y1) of each image, px."""
    names, table = read_celeba_table(path, _BOX)
    corners = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:]], axis=1).astype(float)
    return {name: (x0, y0, x1, y1) for name, (x0, y0, x1, y1) in zip(names, corners.tolist(), strict=True)}
