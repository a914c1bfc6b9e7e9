"""Label files and images are found in the folders that CVAT, COCO, Roboflow and Pascal VOC make."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import coco, labelme, save, shape
from helpers.label_file_makers import photo as written
from PIL import Image

from facekit.annotations import read_labels

pytestmark = pytest.mark.filterwarnings("error")

KEYPOINTS = [{"id": 1, "name": "face", "keypoints": ["tip"]}]
ANNOTATION = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [2, 2, 2]}


def one_point(path: Path, file_name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": 1, "file_name": file_name, "height": 20, "width": 30}]
    return save(path, coco([ANNOTATION], KEYPOINTS, images=images))


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return written(path)


@pytest.mark.parametrize(
    ("label", "place", "written"),
    [
        ("annotations/instances_Train.json", "images/a.png", "a.png"),
        ("annotations/instances_Train.json", "images/Train/a.png", "a.png"),
        ("annotations/instances_train.json", "images/Train/a.png", "a.png"),
        ("annotations/instances_Train.json", "images/Train/Data/a.png", "Data/a.png"),
        ("annotations/instances_Train.json", "images/Train/Data/a.png", "a.png"),
        ("annotations/instances_default.json", "images/batch_1/a.png", "a.png"),
        ("annotations/person_keypoints_train2017.json", "train2017/a.png", "a.png"),
        ("annotations/instances_train2017.json", "images/train2017/a.png", "a.png"),
        ("train/_annotations.coco.json", "train/a_png.rf.0a1b2c3d.png", "a_png.rf.0a1b2c3d.png"),
        ("train/_annotations.coco.json", "train/a.png", "a_png.rf.0a1b2c3d.png"),
        ("labels/train/x.json", "images/train/a.png", "a.png"),
        ("Annotations/x.json", "JPEGImages/a.png", "a.png"),
    ],
)
def test_where_images_are_found(tmp_path: Path, label: str, place: str, written: str) -> None:
    """Case 16."""
    expected = photo(tmp_path / place)
    one_point(tmp_path / label, written)
    for path in (tmp_path / label, (tmp_path / label).parent):
        assert [p.resolve() for p in read_labels(path, "landmarks").images] == [expected.resolve()]


def test_the_subset_comes_first_and_others_are_ambiguous(tmp_path: Path) -> None:
    train, val = photo(tmp_path / "images/Train/a.png"), photo(tmp_path / "images/Val/a.png")
    label = one_point(tmp_path / "annotations/instances_Val.json", "a.png")
    assert read_labels(label, "landmarks").images[0].resolve() == val.resolve()
    other = label.rename(label.with_name("instances_Test.json"))
    message = f"expected one image for 'a.png', got .*{train.parent.name}/a.png and .*{val.parent.name}/a.png"
    with pytest.raises(ValueError, match=message):
        read_labels(other, "landmarks")
    found = read_labels(other, "landmarks", images=tmp_path / "images" / "Train")
    assert found.images[0].resolve() == train.resolve()
    one_point(tmp_path / "annotations/instances_Train.json", "a.png")
    deeper = read_labels(tmp_path / "annotations/instances_Train.json", "landmarks", images=tmp_path / "images")
    assert deeper.images[0].resolve() == train.resolve()


def test_masks_in_the_folders_of_voc_and_of_subsets(tmp_path: Path) -> None:
    ids = np.eye(20, 30, dtype=np.uint8)
    for place, folder in (("JPEGImages/a.jpg", "SegmentationClass"), ("images/train/b.jpg", "masks/train")):
        expected = photo(tmp_path / place)
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(ids).save(tmp_path / folder / f"{expected.stem}.png")
        found = read_labels(tmp_path / folder, "segmentation")
        assert found.images[0].resolve() == expected.resolve() and np.array_equal(found.labels[0], ids)


def test_roboflows_masks(tmp_path: Path) -> None:
    photo(tmp_path / "a_jpg.rf.0a1b.jpg")
    ids = np.arange(600).reshape(20, 30) % 3
    Image.fromarray(ids.astype(np.uint8)).save(tmp_path / "a_jpg.rf.0a1b_mask.png")
    save(tmp_path / "_classes.csv", "Pixel Value, Class\n0, background\n1, skin\n2, hair\n")
    found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", "skin", "hair") and np.array_equal(found.labels[0], ids)


def test_a_folder_of_splits_is_told(tmp_path: Path) -> None:
    one_point(tmp_path / "train" / "_annotations.coco.json", "a.png")
    one_point(tmp_path / "valid" / "_annotations.coco.json", "a.png")
    with pytest.raises(
        ValueError, match=r"expected LabelMe .*pass one of its folders with label files \(train, valid\)"
    ):
        read_labels(tmp_path, "landmarks")


def areas(categories: Any, used: list[int]) -> dict[str, Any]:
    squares = [[5 * i, 0, 5 * i + 4, 0, 5 * i + 4, 4, 5 * i, 4] for i in range(len(used))]
    listed = [
        {"id": i, "image_id": 1, "category_id": key, "segmentation": [square]}
        for i, (key, square) in enumerate(zip(used, squares, strict=True))
    ]
    return coco(listed, [{"id": i, "name": n, "supercategory": s} for i, (n, s) in enumerate(categories)])


@pytest.mark.parametrize(
    ("categories", "used", "classes"),
    [
        ([("faces", "none"), ("nose", "faces"), ("hair", "faces")], [1, 2], ("nose", "hair")),
        ([("nose", "none"), ("nose", "nose"), ("hair", "nose")], [1, 2], ("nose", "hair")),
        ([("faces", "none"), ("nose", "faces")], [0, 1], ("faces", "nose")),  # used: it stays
        ([("nose", "nose"), ("hair", "hair")], [1], ("nose", "hair")),  # its own supercategory groups nothing
        ([("nose", ""), ("hair", "")], [1], ("nose", "hair")),
        ([("faces", "none"), ("nose", "faces"), ("hair", "faces")], [2], ("nose", "hair")),
    ],
)
def test_grouping_categories(tmp_path: Path, categories: Any, used: list[int], classes: tuple[str, ...]) -> None:
    """Case 14."""
    photo(tmp_path / "a.png")
    save(tmp_path / "c.json", areas(categories, used))
    found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", *classes)
    first = categories[used[0]][0]
    assert found.labels[0][2, 2] == found.names.index(first)


def test_other_containers_for_masks(tmp_path: Path) -> None:
    """A mask may be a GIF, BMP or TIFF; of two files with one stem the PNG is the mask."""
    ids = np.eye(20, 30, dtype=np.uint8) * 2
    for i, suffix in enumerate((".gif", ".bmp", ".tif")):
        photo(tmp_path / f"{i}.jpg")
        Image.fromarray(ids).save(tmp_path / f"{i}{suffix}")
    photo(tmp_path / "3.tif"), Image.fromarray(ids).save(tmp_path / "3.png")
    photo(tmp_path / "4.bmp"), Image.fromarray(ids).save(tmp_path / "4_mask.bmp")
    found = read_labels(tmp_path, "segmentation")
    assert [p.name for p in found.images] == ["0.jpg", "1.jpg", "2.jpg", "3.tif", "4.bmp"]
    assert all(np.array_equal(mask, ids) for mask in found.labels)


def test_strange_shapes_beside_points(tmp_path: Path) -> None:
    """Case 17."""
    photo(tmp_path / "a.png")
    square = [[1, 1], [6, 1], [6, 6], [1, 6]]
    save(
        tmp_path / "a.json",
        labelme([shape("tip", [[2, 2]]), shape("box", square, "rotation"), shape("c", [], "cuboid")]),
    )
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[1.5, 1.5]]]
    save(tmp_path / "a.json", labelme([shape("tip", [[2, 2]]), shape("box", square, "rotation")]))
    mask = read_labels(tmp_path, "segmentation").labels[0]
    assert mask[1:6, 1:6].all() and mask.sum() == 25
