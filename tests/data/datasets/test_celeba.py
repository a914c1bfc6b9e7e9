"""CelebA: splits, attributes and boxes as its tables give them, in both layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import image, save

from facekit.data.datasets import celeba_faces
from facekit.images.reader import ImageError
from facekit.labels import CELEBA_40

NAMES = [f"{i:06d}.jpg" for i in range(1, 7)]
SPLITS = (0, 0, 0, 1, 2, 2)


def signs(row: int) -> list[int]:
    return [1 if (row + column) % 3 == 0 else -1 for column in range(40)]


def attribute_table(rows: int = 6, count: int | None = None) -> str:
    lines = [f"{NAMES[i]} " + " ".join(f"{v:2d}" for v in signs(i)) for i in range(rows)]
    return "\n".join([str(rows if count is None else count), " ".join(CELEBA_40.names) + " ", *lines, ""])


def celeba(root: Path, flat: bool = False) -> Path:
    anno, evaluation, images = (root / (name if not flat else ".") for name in ("Anno", "Eval", "Img"))
    for i, name in enumerate(NAMES):
        save(images / "img_align_celeba" / name, image(i, (22, 18)))
        save(images / "img_celeba" / name, image(50 + i, (40, 30)))
    anno.mkdir(exist_ok=True)
    evaluation.mkdir(exist_ok=True)
    (anno / "list_attr_celeba.txt").write_text(attribute_table())
    boxes = [f"{name}    {i}  {2 * i}  {10 + i}  {20 + i}" for i, name in enumerate(NAMES)]
    (anno / "list_bbox_celeba.txt").write_text("\n".join(["6", "image_id x_1 y_1 width height", *boxes]))
    partition = [f"{name} {split}" for name, split in zip(NAMES, SPLITS, strict=True)]
    (evaluation / "list_eval_partition.txt").write_text("\n".join(partition) + "\n")
    return root


@pytest.mark.parametrize("flat", [False, True], ids=["released", "torchvision"])
def test_attributes_of_each_split(tmp_path: Path, flat: bool) -> None:
    celeba(tmp_path, flat)
    found = {split: celeba_faces(tmp_path, split) for split in ("train", "val", "test")}
    assert {split: [face.name for face in faces] for split, faces in found.items()} == {
        "train": NAMES[:3],
        "val": NAMES[3:4],
        "test": NAMES[4:],
    }
    face = found["test"][1]
    assert face.labels is CELEBA_40 and face.box is None and face.groups == {}
    assert face.values.dtype == np.float32 and face.values.tolist() == [float(v > 0) for v in signs(5)]
    assert face.image.shape == (22, 18, 3)


def test_boxes_of_images_in_the_wild(tmp_path: Path) -> None:
    faces = celeba_faces(celeba(tmp_path), "test", in_the_wild=True)
    assert [face.box for face in faces] == [(4, 8, 18, 32), (5, 10, 20, 35)]
    assert faces[0].image.shape == (40, 30, 3)
    assert celeba_faces(tmp_path)[0].image.shape == (22, 18, 3), "aligned unless the others are requested"


@pytest.mark.parametrize(
    "missing", ["Anno/list_attr_celeba.txt", "Eval/list_eval_partition.txt", "Img/img_align_celeba"]
)
def test_missing_files(tmp_path: Path, missing: str) -> None:
    celeba(tmp_path)
    (tmp_path / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=rf"{missing} or .*expected CelebA \(Anno/list_attr.*mmlab.ie.cuhk"):
        celeba_faces(tmp_path)


def test_missing_boxes_and_images(tmp_path: Path) -> None:
    celeba(tmp_path)
    (tmp_path / "Img/img_align_celeba" / NAMES[1]).unlink()
    with pytest.raises(ImageError, match=NAMES[1]):
        celeba_faces(tmp_path)[1]
    (tmp_path / "Anno/list_bbox_celeba.txt").unlink()
    celeba_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match="list_bbox_celeba.txt"):
        celeba_faces(tmp_path, in_the_wild=True)
    with pytest.raises(ValueError, match="split of CelebA: expected one of train, val, test, got 'valid'"):
        celeba_faces(tmp_path, "valid")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (attribute_table(count=7), "list_attr_celeba.txt: expected 7 rows as its first line says, got 6"),
        (attribute_table(count=5), "list_attr_celeba.txt: expected 5 rows as its first line says, got 6"),
        (attribute_table(5), "expected a row for each image of list_eval_partition.txt, got none for 000006.jpg"),
        (attribute_table().replace("Bald", "Hairless"), "list_attr_celeba.txt, line 2: expected the 40 names"),
        (attribute_table()[:-4], "list_attr_celeba.txt, line 8: expected 40 integers, got 39"),
        (attribute_table().replace(f"{NAMES[2]} -1", f"{NAMES[2]} x"), "line 5: expected 40 integers, got other text"),
        (attribute_table().replace(f"{NAMES[2]} -1", f"{NAMES[2]} 0"), "expected -1 or 1 .*, got 0 for 000003.jpg"),
        ("image_id,Bald\n", "list_attr_celeba.txt, line 1: expected the number of images, got 'image_id,Bald'"),
    ],
)
def test_damaged_attributes(tmp_path: Path, table: str, message: str) -> None:
    (celeba(tmp_path) / "Anno/list_attr_celeba.txt").write_text(table)
    with pytest.raises(ValueError, match=message):
        celeba_faces(tmp_path, "test")


@pytest.mark.parametrize("line", ["000001.jpg", "000001.jpg 3", "000001.jpg,0"])
def test_damaged_partition(tmp_path: Path, line: str) -> None:
    (celeba(tmp_path) / "Eval/list_eval_partition.txt").write_text(f"000002.jpg 0\n{line}\n")
    with pytest.raises(ValueError, match=f"list_eval_partition.txt, line 2: expected an image's name.*got '{line}'"):
        celeba_faces(tmp_path)


def test_boxes_of_other_images(tmp_path: Path) -> None:
    (celeba(tmp_path) / "Anno/list_bbox_celeba.txt").write_text(
        "1\nimage_id x_1 y_1 width height\n000001.jpg 1 2 3 4\n"
    )
    with pytest.raises(ValueError, match="list_bbox_celeba.txt: expected a row .*, got none for 000002.jpg and 1 more"):
        celeba_faces(tmp_path, in_the_wild=True)
