"""Label files as other people write them are read, and bad ones are named."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from helpers.label_file_makers import (
    NAN,
    coco,
    labelme,
    photo,
    same,
    save,
    shape,
)
from PIL import Image

from facekit.annotations import LabelFiles, read_labels
from facekit.annotations.run_lengths import mask_to_coco_rle
from facekit.labels import LANDMARKS_68, segmentation_set

# Reading people's files must not let warnings stray.
pytestmark = pytest.mark.filterwarnings("error")


def test_areas_people_draw(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    buffer = io.BytesIO()
    Image.fromarray(np.array([[1, 0, 1]], np.uint8)).save(buffer, format="PNG")
    stamp = base64.b64encode(buffer.getvalue()).decode()
    shapes = [
        shape("face", [[0, 0], [30, 0], [30, 20], [0, 20]], "polygon"),
        shape("eye", [[3, 3], [7, 5]], "rectangle"),
        shape("_background_", [[4, 3], [5, 5]], "rectangle"),
        shape("iris", [[20.5, 10.5], [22.5, 10.5]], "circle"),
        shape("lip", [[10, 15], [12, 15], [12, 17], [10, 17], [10, 15]], "linestrip"),
        shape("dots", [[25, 18], [27, 18]], "mask", mask=stamp),
        shape("__ignore__", [[29, -4], [40, -4], [40, 40], [29, 40]], "polygon"),
        shape("nose", [[4, 4]]),
    ]
    save(tmp_path / "a.json", labelme(shapes, imageHeight=None))
    found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", "dots", "eye", "face", "iris", "lip")
    mask, ids = found.labels[0], {name: i for i, name in enumerate(found.names.classes)}
    assert mask[0, 0] == mask[18, 26] == ids["face"] and (mask[:, 29] == 255).all()
    assert mask[3:5, 3:7].tolist() == [[ids["eye"], 0, ids["eye"], ids["eye"]]] * 2 and (mask == ids["eye"]).sum() == 6
    assert (mask == ids["iris"]).sum() == 13 and mask[10, 18] == mask[12, 20] == ids["iris"]
    assert np.argwhere(mask == ids["lip"]).tolist() == [[15, 10], [15, 11], [16, 10], [16, 11]]
    assert np.argwhere(mask == ids["dots"]).tolist() == [[18, 25], [18, 27]]
    order = segmentation_set(["background", "lip", "iris", "face", "eye", "dots"])
    np.testing.assert_array_equal(read_labels(tmp_path, "segmentation", order).labels[0] == 3, mask == ids["face"])
    save(tmp_path / "labels.txt", "__ignore__\n_background_\neye\nface\nhat\n")
    assert read_labels(tmp_path, "segmentation").names.classes == (
        "background",
        "eye",
        "face",
        "hat",
        "dots",
        "iris",
        "lip",
    )


def test_coco_polygons_and_both_kinds_of_run_lengths(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    inside = np.zeros((20, 30), bool)
    inside[2:5, 3:9] = True
    runs = np.flatnonzero(np.diff(inside.T.reshape(-1).astype(int), prepend=0, append=0))
    counts = np.diff([0, *runs, 600]).tolist()
    categories = [{"id": 7, "name": "lip"}, {"id": 2, "name": "eye"}]
    drawn = [[3, 2, 9, 2, 9, 5, 3, 5]]
    for segmentation in (drawn, {"size": [20, 30], "counts": counts}, mask_to_coco_rle(inside)):
        lip = {"id": 1, "image_id": 1, "category_id": 7, "segmentation": segmentation}
        two = [[3, 2, 5, 2, 5, 5, 3, 5], [0, 0, 1, 0, 1, 1, 0, 1]]
        eye = {"id": 2, "image_id": 1, "category_id": 2, "segmentation": two}
        save(tmp_path / "labels.json", coco([lip, eye, {"id": 3, "image_id": 1, "category_id": 2}], categories))
        found = read_labels(tmp_path / "labels.json", "segmentation")
        assert found.names.classes == ("background", "eye", "lip")
        expected = np.where(inside, 2, 0)
        expected[2:5, 3:5] = expected[0, 0] = 1
        np.testing.assert_array_equal(found.labels[0], expected)


def test_coco_visibility(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    category = {"id": 1, "name": "face", "keypoints": ["l", "r", "m"]}
    face = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [5, 6, 0, 1.5, 2, 1, 3, 4, 2]}
    none = {"id": 2, "image_id": 1, "category_id": 1, "keypoints": [0] * 9}
    found = read_labels(save(tmp_path / "k.json", coco([face, none], [category])), "landmarks")
    assert found.visible is not None and found.visible.tolist() == [[0, 1, 2]]
    np.testing.assert_array_equal(found.labels, np.array([[[NAN, NAN], [1, 1.5], [2.5, 3.5]]], np.float32))


def test_pts_as_found_in_the_wild(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    rows = "\r\n".join(f"{i % 29}.250000 {i % 19}" for i in range(68))
    save(tmp_path / "a.pts", f"\ufeffVersion: 1\r\nn_points:  68\r\n{{\r\n{rows}\r\n}}")
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")  # a mask beside it
    found = read_labels(tmp_path, "landmarks")
    assert found.names == LANDMARKS_68 and found.images[0].name == "a.jpg"
    assert found.labels[0, 1].tolist() == [0.25, 0]


def test_masks_are_told_from_images(tmp_path: Path) -> None:
    """Beside each other: a.jpg with a.png, and grey b.png with b_mask.png."""
    photo(tmp_path / "a.jpg"), photo(tmp_path / "c.png")
    ids = np.arange(600, dtype=np.uint8).reshape(20, 30) % 3
    for name in ("a.png", "b.png", "b_mask.png"):
        Image.fromarray(ids).save(tmp_path / name)
    found = read_labels(tmp_path, "segmentation")
    assert [p.name for p in found.images] == ["a.jpg", "b.png"] and not found.skipped
    assert found.names == segmentation_set(None, 3)
    save(tmp_path / "class_names.txt", "_background_\nskin\nhair")
    assert read_labels(tmp_path, "segmentation").names.classes == ("background", "skin", "hair")
    alone = read_labels(tmp_path / "b_mask.png", "segmentation", ["none", "x", "y", "z"])
    np.testing.assert_array_equal(alone.labels[0], ids)


def test_content_not_suffix_decides(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    save(tmp_path / "a.txt", "version: 1\nn_points: 1\n{\n2 2\n}\n")
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[1, 1]]]
    save(tmp_path / "a.txt", json.dumps(labelme([shape("tip", [[2, 2]])])))
    assert read_labels(tmp_path, "landmarks").names.points == ("tip",)


def test_images_are_found_where_people_put_them(tmp_path: Path) -> None:
    labels = tmp_path / "set" / "labels"
    labels.mkdir(parents=True)
    data = [shape("tip", [[2, 2]])]
    for place in (labels, labels / "images", tmp_path / "set" / "images", tmp_path / "set"):
        image = photo(place / "a.png")
        for written in ("a.png", "..\\elsewhere\\a.png", "C:\\Users\\me\\a.png", "/home/me/a.png"):
            save(labels / "a.json", labelme(data, written))
            same(read_labels(labels, "landmarks"), [image])
        image.unlink()
    image = photo(tmp_path / "far" / "a.png")
    same(read_labels(labels, "landmarks", images=tmp_path / "far"), [image])


def test_turned_images_are_labelled_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((30, 20, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    save(tmp_path / "a.json", labelme([shape("tip", [[29, 2]])], "a.jpg"))
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[28.5, 1.5]]]
    save(tmp_path / "a.json", labelme([shape("tip", [[2, 2]])], "a.jpg", imageHeight=30, imageWidth=20))
    with pytest.raises(ValueError, match="expected the image's height x width 20 x 30, got 30 x 20; .*EXIF"):
        read_labels(tmp_path, "landmarks")


def test_one_bad_file_does_not_end_a_batch(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        photo(tmp_path / f"{name}.png")
    for name in ("a", "c"):
        save(tmp_path / f"{name}.json", labelme([shape("tip", [[2, 2]])], f"{name}.png"))
    save(tmp_path / "b.json", '{"shapes": [')
    (tmp_path / "d.json").write_bytes(b"\xff\xfe\x00{")
    save(tmp_path / "e.json", '{"shapes":' + "[" * 100_000)
    save(tmp_path / "f.json", labelme([shape("tip", [[2, 2]])], "a.png"))
    with pytest.warns(UserWarning, match="4 label files skipped: b.json: expected .*, got damaged JSON"):
        found = read_labels(tmp_path, "landmarks")
    assert [p.name for p in found.images] == ["a.png", "c.png"] and found.labels.shape == (2, 1, 2)
    assert set(found.skipped) == {"b.json", "d.json", "e.json", "f.json"}
    assert "expected only a.json to label a.png" in found.skipped["f.json"] and "UTF-8" in found.skipped["d.json"]


def test_one_bad_image_of_a_coco_file(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    images = [{"id": i, "file_name": n} for i, n in enumerate(("gone.png", "a.png", "cut.png"))]
    square = [{"image_id": i, "category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]]} for i in (0, 1, 2, 9)]
    save(tmp_path / "c.json", coco(square, [{"id": 1, "name": "eye"}], images=images))
    with pytest.warns(UserWarning, match="3 label files skipped"):
        found = read_labels(tmp_path, "segmentation")
    same(LabelFiles(found.images, found.labels, found.names), [tmp_path / "a.png"])
    assert set(found.skipped) == {"c.json, annotation 3", "c.json, gone.png", "c.json, cut.png"}
    assert "damaged" in found.skipped["c.json, cut.png"]
