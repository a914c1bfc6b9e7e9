"""Labels are written to files and come back the same, bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import (
    CLASSES,
    NAN,
    SIZES,
    labelme,
    photo,
    photos,
    same,
    save,
    shape,
    some_masks,
    some_points,
)
from PIL import Image

from facekit.annotations import read_labels, write_labels
from facekit.annotations.polygons import fill_circle, fill_polygon
from facekit.annotations.run_lengths import coco_rle_to_mask, mask_to_coco_rle
from facekit.images.reader import read_images
from facekit.labels import HELEN_11, LANDMARKS_5, LANDMARKS_68, landmark_set, segmentation_set
from facekit.tasks.landmarks import LandmarkTask
from facekit.tasks.segmentation import SegmentationTask

# Reading people's files must not let warnings stray.
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("where", ["beside", "apart"])
@pytest.mark.parametrize("format", ["labelme", "coco", "pts"])
@pytest.mark.parametrize(
    "names",
    [LANDMARKS_68, LANDMARKS_5, None, ["left_a", "right_a", "tip"], landmark_set(["x", "y", "z"], pairs=[(0, 2)])],
    ids=["68", "5", "anonymous", "own", "own pairs"],
)
def test_landmarks_there_and_back(tmp_path: Path, names: Any, format: Any, where: str) -> None:
    images = photos(tmp_path / "photos")
    labels = landmark_set(names, 7 if names is None else None)
    points = some_points(len(labels))
    visible = np.where(np.isnan(points[..., 0]), 0, 2).astype(np.uint8)
    if format != "pts":
        visible[1, 1] = 1
    folder = tmp_path / "photos" if where == "beside" else tmp_path / "labels"
    path = folder if format != "coco" else folder / "all.json"
    folder.mkdir(exist_ok=True)
    written = write_labels(path, images, points, "landmarks", names, format, visible=visible)
    assert len(written) == (1 if format == "coco" else 3) and all(file.is_file() for file in written)
    apart = {"images": tmp_path / "photos"} if format == "pts" else {}
    found = read_labels(path, "landmarks", names if format == "pts" else None, **apart)
    LandmarkTask.from_labels(found.labels, found.names, read_images(found.images))  # what `adapt` does first
    same(found, images)
    assert found.names == labels
    np.testing.assert_array_equal(found.labels, points)
    np.testing.assert_array_equal(found.visible, visible)
    assert found.labels.dtype == np.float32
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("where", ["beside", "apart"])
@pytest.mark.parametrize("format", ["labelme", "coco", "png"])
@pytest.mark.parametrize(
    "names",
    [CLASSES, None, HELEN_11, segmentation_set(CLASSES, pairs=[(1, 3)])],
    ids=["own", "anonymous", "helen", "own pairs"],
)
def test_masks_there_and_back(tmp_path: Path, names: Any, format: Any, where: str) -> None:
    images = photos(tmp_path / "photos")
    masks = some_masks()
    folder = tmp_path / "photos" if where == "beside" and format != "png" else tmp_path / "labels"
    path = folder if format != "coco" else folder / "all.json"
    folder.mkdir(exist_ok=True)
    write_labels(path, images, masks, "segmentation", names, format)
    found = read_labels(path, "segmentation", images=tmp_path / "photos")
    SegmentationTask.from_labels(found.labels, found.names, read_images(found.images))
    same(found, images)
    assert found.names == segmentation_set(names, None if names is not None else 4)
    for mask, back in zip(masks, found.labels, strict=True):
        assert back.dtype == np.uint8
        np.testing.assert_array_equal(back, mask)


def test_written_again_is_the_same_file(tmp_path: Path) -> None:
    images = photos(tmp_path)
    for task, labels in (("landmarks", some_points(5)), ("segmentation", some_masks())):
        first = [p.read_bytes() for p in write_labels(tmp_path / "x", images, labels, task)]  # type: ignore[arg-type]
        found = read_labels(tmp_path / "x", task)  # type: ignore[arg-type]
        again = write_labels(tmp_path / "x", found.images, found.labels, task, found.names)  # type: ignore[arg-type]
        assert [p.read_bytes() for p in again] == first


def test_pixel_conventions_in_the_files(tmp_path: Path) -> None:
    """The centre of the top-left pixel: 0 here, 0.5 in LabelMe and COCO, 1 in .pts."""
    image = photo(tmp_path / "a.png")
    points = np.array([[[0, 0], [29, 19]]], np.float32)
    for format, path, origin in (("labelme", tmp_path, 0.5), ("coco", tmp_path / "c.json", 0.5), ("pts", tmp_path, 1)):
        (file,) = write_labels(path, [image], points, "landmarks", format=format)  # type: ignore[arg-type]
        if format == "pts":
            rows = [[float(v) for v in line.split()] for line in file.read_text().splitlines()[3:5]]
        elif format == "coco":
            flat = json.loads(file.read_text())["annotations"][0]["keypoints"]
            rows = [flat[0:2], flat[3:5]]
        else:
            rows = [s["points"][0] for s in json.loads(file.read_text())["shapes"]]
        assert rows == [[origin, origin], [29 + origin, 19 + origin]]
        file.unlink()
    save(tmp_path / "a.pts", "version: 1\nn_points: 2\n{\n0 0\n3.5 4\n}\n")
    assert read_labels(tmp_path, "landmarks").labels[0].tolist() == [[-1, -1], [2.5, 3]]
    assert read_labels(tmp_path, "landmarks", origin=0).labels[0].tolist() == [[0, 0], [3.5, 4]]
    # A polygon around exactly the pixels (2..4, 1..2), in LabelMe's corners.
    save(tmp_path / "a.json", labelme([shape("x", [[2, 1], [5, 1], [5, 3], [2, 3]], "polygon")]))
    mask = read_labels(tmp_path, "segmentation").labels[0]
    assert np.argwhere(mask).tolist() == [[y, x] for y in (1, 2) for x in (2, 3, 4)]


def test_fill_has_neither_gaps_nor_overlaps() -> None:
    rng = np.random.default_rng(1)
    size = (23, 31)
    for _ in range(50):
        middle = rng.uniform(2, 20, 2)
        corners = np.array([[-0.5, -0.5], [30.5, -0.5], [30.5, 22.5], [-0.5, 22.5]])
        wedges = [np.array([corners[i], corners[(i + 1) % 4], middle])[:: rng.choice([-1, 1])] for i in range(4)]
        np.testing.assert_array_equal(sum(fill_polygon(w, size).astype(int) for w in wedges), 1)
    tri = np.array([[0.0, 0], [10, 0], [0, 10]])
    y, x = np.mgrid[:23, :31]
    np.testing.assert_array_equal(fill_polygon(tri, size), (x + y < 10) & (y < 10))
    star = np.array([[0, 0], [20, 0], [20, 20], [0, 20], [0, 0], [5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]) - 0.5
    assert fill_polygon(star, size).sum() == 300  # a hole drawn in one line
    assert fill_circle(np.array([[5.0, 5], [5, 5]]), size).sum() == 1


def test_names_not_order_decide(tmp_path: Path) -> None:
    for name in ("a", "b"):
        photo(tmp_path / f"{name}.png")
    save(tmp_path / "a.json", labelme([shape("p10", [[1, 1]]), shape("p2", [[2, 2]]), shape("tip", [[3, 3]])]))
    save(tmp_path / "b.json", labelme([shape("tip", [[13, 3]]), shape("p2", [[12, 2]])], "b.png"))
    found = read_labels(tmp_path, "landmarks")
    assert found.names.points == ("p2", "p10", "tip")
    expected = np.array([[[1.5, 1.5], [0.5, 0.5], [2.5, 2.5]], [[11.5, 1.5], [NAN, NAN], [12.5, 2.5]]], np.float32)
    np.testing.assert_array_equal(found.labels, expected)
    given = read_labels(tmp_path, "landmarks", ["tip", "p10", "p2", "extra"])
    np.testing.assert_array_equal(given.labels[:, :3], expected[:, [2, 1, 0]])
    assert np.isnan(given.labels[:, 3]).all()


def test_points_named_by_numbers(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    place = [[i, 19 - i] for i in range(12)]
    save(tmp_path / "a.json", labelme([shape(str(i), [place[i]]) for i in (11, 3, 0, 2, *range(4, 11), 1)]))
    found = read_labels(tmp_path, "landmarks")
    assert found.names.points == tuple(map(str, range(12))) and not found.names.mirrors
    np.testing.assert_array_equal(found.labels[0], np.array(place) - 0.5)
    twelve = [f"name_{c}" for c in "abcdefghijkl"]
    np.testing.assert_array_equal(read_labels(tmp_path, "landmarks", twelve).labels, found.labels)
    save(tmp_path / "a.json", labelme([shape(i + 1, [place[i]]) for i in range(12)]))
    np.testing.assert_array_equal(read_labels(tmp_path, "landmarks", twelve).labels, found.labels)
    save(tmp_path / "a.json", labelme([shape("3", [place[3]]), shape("4", [place[3]])]))
    with pytest.raises(ValueError, match="a set of 12.*where counting starts, got 3 to 4"):
        read_labels(tmp_path, "landmarks", twelve)


def test_known_names_are_the_known_set(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    save(tmp_path / "a.json", labelme([shape(n, [[i, i]]) for i, n in enumerate(sorted(LANDMARKS_5.points))]))
    assert read_labels(tmp_path, "landmarks").names == LANDMARKS_5
    square = [[0, 0], [9, 0], [9, 9]]
    save(tmp_path / "a.json", labelme([shape(n, square, "polygon") for n in HELEN_11.classes[:0:-1]]))
    found = read_labels(tmp_path / "a.json", "segmentation")
    assert found.names == HELEN_11 and set(np.unique(found.labels[0])) == {0, 1}


@pytest.mark.parametrize(
    ("key", "value"), [("flip", [0, 0]), ("edges", [[0, 7]]), ("mirrors", 1), ("points", 3), ("eyes", [[0]])]
)
def test_a_damaged_note_of_the_set_is_passed_over(tmp_path: Path, key: str, value: Any) -> None:
    (file,) = write_labels(tmp_path, [photo(tmp_path / "a.png")], [[[1, 2], [3, 4]]], "landmarks", ["u", "v"])
    data = json.loads(file.read_text())
    data["facekit"]["labels"][key] = value
    found = read_labels(save(file, data), "landmarks")
    assert found.names == landmark_set(["u", "v"]) and found.labels.tolist() == [[[1, 2], [3, 4]]]


def test_several_faces_in_a_image(tmp_path: Path) -> None:
    image, other = photo(tmp_path / "a.png"), photo(tmp_path / "z.png")
    points = np.array([[[1, 2], [3, 4]], [[NAN, NAN], [8, 9]], [[1, 1], [5, 5]]], np.float32)
    for format in ("labelme", "coco"):
        path = tmp_path / "l" / ("c.json" if format == "coco" else "")
        (tmp_path / "l").mkdir(exist_ok=True)
        files = write_labels(path, [image, image, other], points, "landmarks", ["l", "r"], format)  # type: ignore[arg-type]
        found = read_labels(path, "landmarks")
        same(found, [image, image, other])
        np.testing.assert_array_equal(found.labels, points)
        for file in files:
            file.unlink()
    grouped = [shape("l", [[1, 1]], group_id=0), shape("r", [[2, 2]], group_id=1)]
    save(tmp_path / "a.json", labelme(grouped))
    assert len(read_labels(tmp_path, "landmarks")) == 1  # groups may also be the parts of one face
    save(tmp_path / "a.json", labelme([*grouped, shape("l", [[9, 9]], group_id=1)]))
    assert np.isnan(read_labels(tmp_path, "landmarks").labels[..., 0]).tolist() == [[False, True], [False, False]]


def test_run_lengths_are_pycocotools() -> None:
    mask = np.zeros((40, 60), bool)
    mask[3:30, 5:50] = True
    mask[10:12, 20:30] = False
    mask[0, 0] = mask[39, 59] = True
    mask[35, :] = True
    # What pycocotools.mask.encode 2.0.11 returns for it.
    counts = "01R1050000000PO" + "j0NVO2" * 15 + "6K;3_O2" * 10 + "j0NVO2" * 19 + "j0NVOR10000000000000000000lN0"
    assert mask_to_coco_rle(mask) == {"size": [40, 60], "counts": counts}
    rng = np.random.default_rng(0)
    for size in ((1, 1), (7, 5), (300, 200)):
        for share in (0, 0.01, 0.5, 1):
            mask = rng.random(size) < share
            np.testing.assert_array_equal(coco_rle_to_mask(mask_to_coco_rle(mask), size), mask)


def test_palette_png_shows_the_sets_colours(tmp_path: Path) -> None:
    images = photos(tmp_path / "p")
    masks = [np.full(size, 255, np.uint8) for size in SIZES]
    masks[0][:10] = 2
    with pytest.warns(UserWarning, match="every pixel ignored"):
        files = write_labels(tmp_path / "m", images, masks, "segmentation", CLASSES, "png")
    with Image.open(files[0]) as image:
        assert image.mode == "P"
        colours = np.asarray(image.convert("RGB"))
    assert tuple(colours[0, 0]) == segmentation_set(CLASSES).palette[2] and tuple(colours[15, 0]) == (255, 255, 255)
