"""facekit.annotations: what is written comes back bit for bit, people's files mean what they mean, bad ones say why."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_file_makers import (
    CLASSES,
    NAN,
    SIZES,
    coco,
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

from facekit.annotations import LabelFiles, read_labels, write_labels
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
)  # fmt: skip
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
@pytest.mark.parametrize("names", [CLASSES, None, HELEN_11, segmentation_set(CLASSES, pairs=[(1, 3)])],
                         ids=["own", "anonymous", "helen", "own pairs"])  # fmt: skip
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
        "background", "eye", "face", "hat", "dots", "iris", "lip")  # fmt: skip


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
