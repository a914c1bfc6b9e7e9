"""`read_labels` reads the files of CVAT, dlib, Label Studio, VIA and LabelMe, and names tools that it does not read."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from helpers.label_file_makers import coco, labelme, photo, save, shape
from helpers.mask_file_makers import png
from PIL import Image

import facekit
from facekit.__main__ import main
from facekit.annotations import read_labels, write_labels
from facekit.annotations.label_sources import labels_from_path
from facekit.annotations.polygons import fill_ellipse, fill_polygon
from facekit.images.reader import load_image

pytestmark = pytest.mark.filterwarnings("error")

TIP = shape("tip", [[2, 2]])
SQUARE = [[1, 1], [6, 1], [6, 6], [1, 6]]


@pytest.mark.parametrize(("name", "count"), [("training", 18), ("testing", 25)])
def test_dlibs_own_files(data: Path, name: str, count: int) -> None:
    """Case 19: as the detection's test reads them."""
    folder = data / "dlib_faces"
    file = folder / f"{name}_with_face_landmarks.xml"
    found = read_labels(file, "landmarks")
    images, points = [], []
    for element in ElementTree.parse(file).getroot().iter("image"):
        for box in element.iter("box"):
            images.append(folder / element.attrib["file"])
            points.append([[float(p.attrib["x"]), float(p.attrib["y"])] for p in box.iter("part")])
    assert found.names.name == "68" and len(found) == count and not found.skipped
    assert found.images == images
    np.testing.assert_array_equal(found.labels, np.array(points, np.float32))
    assert (found.visible == 2).all()


def test_dlibs_parts_and_ignored_boxes(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    parts = "<part name='nose' x='3' y='4'/>"
    box = "<box top='0' left='0' width='9' height='9'{}>{}</box>"
    boxes = box.format("", parts + "<part name='chin' x='5' y='6'/>") + box.format(" ignore='1'", parts)
    boxes += box.format("", "") + box.format("", parts)
    save(tmp_path / "x.xml", f"<dataset><images><image file='a.png'>{boxes}</image></images></dataset>")
    found = read_labels(tmp_path, "landmarks")
    assert found.names.points == ("chin", "nose") and found.visible.tolist() == [[2, 2], [0, 2]]
    assert found.labels[0].tolist() == [[5, 6], [3, 4]] and found.labels[1, 1].tolist() == [3, 4]
    assert read_labels(tmp_path, "landmarks", origin=1).labels[0, 0].tolist() == [4, 5]


CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><job><labels>
<label><name>skin</name><type>any</type></label><label><name>hair</name><type>mask</type></label>
<label><name>face</name><type>skeleton</type></label>
<label><name>nose</name><type>points</type><parent>face</parent></label></labels></job></meta>
<image id="0" name="a.png" subset="Train" width="30" height="20">{}</image></annotations>"""


def cvat(folder: Path, shapes: str) -> None:
    place = folder / "images" / "Train"
    place.mkdir(parents=True, exist_ok=True)
    photo(place / "a.png")
    save(folder / "annotations.xml", CVAT.format(shapes))


def test_cvat_points_and_skeletons(tmp_path: Path) -> None:
    cvat(
        tmp_path,
        '<skeleton label="face"><points label="nose" occluded="1" outside="0" points="3.50,4.00"/>'
        '<points label="chin" occluded="0" outside="1" points="0,0"/></skeleton>'
        '<skeleton label="face"><points label="nose" points="5,6"/><points label="chin" points="7,8"/></skeleton>',
    )
    found = read_labels(tmp_path, "landmarks")
    assert found.names.points == ("chin", "nose") and found.visible.tolist() == [[0, 1], [2, 2]]
    assert found.labels[0, 1].tolist() == [3, 3.5] and found.labels[1].tolist() == [[6.5, 7.5], [4.5, 5.5]]
    cvat(tmp_path, '<points label="nose" points="5,6"/><polygon label="skin" points="1,1;6,1;6,6"/>')
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[4.5, 5.5]]]
    cvat(tmp_path, '<points label="nose" points="5,6" group_id="1"/><points label="nose" points="7,8" group_id="2"/>')
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[4.5, 5.5]], [[6.5, 7.5]]]
    many = ";".join(f"{i / 3},5" for i in range(68))
    cvat(tmp_path, f'<points label="face" points="{many}"/>')
    found = read_labels(tmp_path, "landmarks")
    assert found.names.name == "68" and found.labels[0, 3, 0] == 0.5


def test_cvat_areas(tmp_path: Path) -> None:
    cvat(
        tmp_path,
        '<polygon label="skin" points="1,1;6,1;6,6;1,6" z_order="1"/>'
        '<mask label="hair" rle="1, 3, 2, 2" left="4" top="2" width="4" height="2" z_order="2"/>'
        '<box label="hair" xtl="0" ytl="0" xbr="30" ybr="20" z_order="0"/>'
        '<box label="skin" xtl="20" ytl="6" xbr="26" ybr="8" rotation="90" z_order="3"/>'
        '<ellipse label="skin" cx="12" cy="12" rx="3" ry="2" z_order="3"/>',
    )
    found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", "skin", "hair")
    expected = np.full((20, 30), 2)
    expected[1:6, 1:6] = 1
    expected[2, 5:8], expected[3, 6:8] = 2, 2
    expected[4:10, 22:24] = 1
    rows, columns = np.indices((20, 30)) + 0.5
    expected[((columns - 12) / 3) ** 2 + ((rows - 12) / 2) ** 2 <= 1] = 1
    np.testing.assert_array_equal(found.labels[0], expected)


def test_turned_ellipses() -> None:
    flat = fill_ellipse(np.array([20.0, 20.0]), np.array([9.0, 4.0]), 0, (41, 41))
    upright = fill_ellipse(np.array([20.0, 20.0]), np.array([9.0, 4.0]), 90, (41, 41))
    np.testing.assert_array_equal(upright, flat.T)
    rising = fill_ellipse(np.array([20.0, 20.0]), np.array([15.0, 2.0]), 45, (41, 41))
    assert rising[28, 28] and not rising[12, 28]  # clockwise, y down
    assert abs(flat.sum() - np.pi * 36) < 8


def studio(kind: str, value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "original_width": 30, "original_height": 20, **more}


def test_label_studio(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    results = [
        studio("keypointlabels", {"x": 10, "y": 50, "width": 1, "keypointlabels": ["nose"]}),
        studio("rectanglelabels", {"x": 0, "y": 0, "width": 50, "height": 50, "rectanglelabels": ["skin"]}),
        studio("polygonlabels", {"points": [[0, 0], [20, 0], [20, 20], [0, 20]], "polygonlabels": ["hair"]}),
    ]
    for written in ("/data/upload/1/0a1b2c3d-a.png", "/data/local-files/?d=photos/a.png", "s3://b/a.png", "a.png"):
        task = {"id": 1, "data": {"image": written}, "annotations": [{"result": results, "was_cancelled": False}]}
        save(tmp_path / "export.json", [task])
        assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[2.5, 9.5]]]
        found = read_labels(tmp_path, "segmentation")
        expected = np.zeros((20, 30), int)
        expected[:10, :15], expected[:4, :6] = 2, 1
        assert found.names.classes == ("background", "hair", "skin") and np.array_equal(found.labels[0], expected)
    images, labels, _names = labels_from_path(None, tmp_path / "export.json", "landmarks")
    assert labels.tolist() == [[[2.5, 9.5]]] and len(images) == 1


@pytest.mark.parametrize("project", [True, False])
def test_via(tmp_path: Path, project: bool) -> None:
    photo(tmp_path / "a.png")
    regions = [
        {"shape_attributes": {"name": "point", "cx": 3, "cy": 4}, "region_attributes": {"part": "nose"}},
        {"shape_attributes": {"name": "polygon", "all_points_x": [1, 6, 6, 1], "all_points_y": [1, 1, 6, 6]},
         "region_attributes": {"part": {"skin": True, "hair": False}}},
        {"shape_attributes": {"name": "rect", "x": 10, "y": 2, "width": 4, "height": 3},
         "region_attributes": {"part": "hair"}},
    ]  # fmt: skip
    images = {"a.png123": {"filename": "a.png", "size": 123, "regions": regions, "file_attributes": {}}}
    save(tmp_path / "via.json", {"_via_settings": {}, "_via_img_metadata": images} if project else images)
    assert read_labels(tmp_path, "landmarks").labels.tolist() == [[[2.5, 3.5]]]
    found = read_labels(tmp_path, "segmentation")
    expected = np.zeros((20, 30), int)
    expected[1:6, 1:6], expected[2:5, 10:14] = 2, 1
    assert found.names.classes == ("background", "hair", "skin") and np.array_equal(found.labels[0], expected)


def stamp(mask: np.ndarray, mode: str = "L") -> str:
    buffer = io.BytesIO()
    image = Image.fromarray(mask.astype(np.uint8))
    if mode == "P":
        image.putpalette([0, 0, 0] * 256)  # black on black: the index counts
    if mode == "1":
        image = Image.fromarray(mask.astype(bool))
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("mode", ["L", "P", "1"])
@pytest.mark.parametrize(
    ("corners", "corner"),
    [
        ([[10.4, 5.6], [13.4, 7.6]], (10, 6)),  # moved
        ([[10, 6], [25.7, 19]], (10, 6)),  # its second corner was dragged
        ([[-2, -1], [1, 1]], (-2, -1)),
        ([[28, 18.2], [31, 20]], (28, 18)),
        ([[10, 6]], (10, 6)),
    ],
)
def test_labelme_masks_are_laid_at_their_first_corner(tmp_path: Path, corners: Any, corner: Any, mode: str) -> None:
    """Case 13."""
    photo(tmp_path / "a.png")
    box = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1]])
    save(tmp_path / "a.json", labelme([shape("hair", corners, "mask", mask=stamp(box, mode))]))
    large = np.zeros((60, 70), int)
    large[20 + corner[1] : 23 + corner[1], 20 + corner[0] : 24 + corner[0]] = box
    np.testing.assert_array_equal(read_labels(tmp_path, "segmentation").labels[0], large[20:40, 20:50])


def test_labelme_stamps_of_few_bits(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    box = np.eye(4, dtype=int)
    content = base64.b64encode(png(box, 1)).decode()
    save(tmp_path / "a.json", labelme([shape("hair", [[0, 0], [3, 3]], "mask", mask=content)]))
    np.testing.assert_array_equal(read_labels(tmp_path, "segmentation").labels[0][:4, :4], box)


def test_labelme_files_that_hold_their_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Case 18."""
    original = photo(tmp_path / "photos" / "a.png")
    (tmp_path / "labels").mkdir()
    content = base64.b64encode(original.read_bytes()).decode()
    data = labelme([TIP, shape("skin", SQUARE, "polygon")], imageData=content)
    save(tmp_path / "labels" / "a.json", data)
    with caplog.at_level("INFO", "facekit"):
        found = read_labels(tmp_path / "labels", "landmarks")
    assert "1 images are read from their label files (imageData)" in caplog.text
    np.testing.assert_array_equal(found.images[0], load_image(original))
    assert found.labels.tolist() == [[[1.5, 1.5]]] and "1 labelled" in repr(found)
    parts = read_labels(tmp_path / "labels", "segmentation")
    assert parts.labels[0].sum() == 25 and parts.images[0].shape == (20, 30, 3)
    with pytest.raises(ValueError, match="image 0: expected a path, got ndarray; .*save it first"):
        write_labels(tmp_path / "out", found.images, found.labels, "landmarks", found.names)
    assert read_labels(tmp_path / "labels", "landmarks", images=tmp_path / "photos").images == [original]
    for broken, why in (("%%", "its imageData is no base64 either"), ("AAAA", "imageData of a.json: not a readable")):
        save(tmp_path / "labels" / "a.json", {**data, "imageData": broken})
        with pytest.raises(ValueError, match=f"a.json: .*{why}.*expected"):
            read_labels(tmp_path / "labels", "landmarks")


def test_numbers_in_messages_are_pythons(tmp_path: Path) -> None:
    from facekit.annotations.values import short_repr

    assert short_repr(np.float64(10.4)) == "10.4" and short_repr(np.int64(3)) == "3"
    assert short_repr(np.bool_(True)) == "True"


@pytest.mark.parametrize("format", ["png", "labelme", "coco"])
def test_names_kept_in_files_reach_the_terminal(tmp_path: Path, format: str) -> None:
    """Case 22: pairs mirror."""
    images = [photo(tmp_path / "photos" / f"{name}.png", (64, 64)) for name in "ab"]
    masks = [np.repeat(np.arange(4), 16)[:, None] * np.ones((1, 64), int)] * 2
    names = ["background", "skin", "left_eye", "right_eye"]
    path = tmp_path / "labels" / "all.json" if format == "coco" else tmp_path / "labels"
    path.parent.mkdir(exist_ok=True)
    write_labels(path, images, masks, "segmentation", names, format)
    found, labels, meant = labels_from_path(tmp_path / "photos", tmp_path / "labels", "segmentation")
    assert meant.classes == tuple(names) and meant.flip == (0, 1, 3, 2) and meant.mirrors
    assert all(np.array_equal(a, b) for a, b in zip(labels, masks, strict=True)) and len(found) == 2
    if format == "png":
        one = labels_from_path(images[0], tmp_path / "labels" / "a.png", "segmentation")
        assert one[:2] == (images[0], str(tmp_path / "labels" / "a.png")) and one[2].classes == tuple(names)
        other = ["background", "right_eye", "left_eye", "skin"]
        again = labels_from_path(tmp_path / "photos", tmp_path / "labels", "segmentation", ",".join(other))[1]
        assert np.array_equal(again[0], np.array([0, 3, 2, 1])[masks[0]])


def test_the_terminal_trains_with_the_names_of_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = [photo(tmp_path / "photos" / "a.png", (64, 64))]
    masks = [np.repeat(np.arange(3), 22)[:64, None] * np.ones((1, 64), int)]
    write_labels(tmp_path / "m", images, masks, "segmentation", ["background", "left_eye", "right_eye"], "png")
    command = ["adapt", "--images", str(tmp_path / "photos"), "--labels", str(tmp_path / "m"), "--task", "segmentation"]
    assert main([*command, "--steps", "1", "--out", str(tmp_path / "x.facekit"), "--json"]) == 0
    assert facekit.load(tmp_path / "x.facekit").task.labels.classes == ("background", "left_eye", "right_eye")


@pytest.mark.parametrize("name", ["a.JSON", "a.PTS", "A.Json"])
def test_suffixes_in_any_case_at_the_terminal(tmp_path: Path, name: str) -> None:
    """Case 07."""
    image = photo(tmp_path / "IMG_1.JPG")
    points = "version: 1\nn_points: 1\n{\n2.5 2.5\n}"
    save(
        tmp_path / "img_1.PTS" if name == "a.PTS" else tmp_path / name,
        points if name == "a.PTS" else labelme([TIP], "img_1.jpg"),
    )
    images, labels, _ = labels_from_path(None, tmp_path, "landmarks")
    assert images == [image] and labels.tolist() == [[[1.5, 1.5]]]


def test_unlabelled_images_and_one_image_at_the_terminal(tmp_path: Path) -> None:
    images = [photo(tmp_path / "photos" / f"{name}.png") for name in "abc"]
    (tmp_path / "labels").mkdir()
    for name in "ab":
        save(tmp_path / "labels" / f"{name}.json", labelme([shape("tip", [[2, 2]])], f"{name}.png"))
    with pytest.warns(UserWarning, match="1 image without labels is left out: c.png"):
        found, labels, _ = labels_from_path(tmp_path / "photos", tmp_path / "labels", "landmarks")
    assert found == images[:2]
    found, labels, _ = labels_from_path(images[1], tmp_path / "labels", "landmarks")
    assert found == [images[1]] and len(labels) == 1
    rows = save(tmp_path / "points.JSON", [[[1, 2]], [[3, None]]])
    assert labels_from_path(images[0], rows, "landmarks")[1].shape == (2, 1, 2)
    for wrong, got in (
        ("[]", "got an empty list"),
        ("[[[1, 2]], [[1, 2], [3, 4]]]", "got 1 in list 1 and 2 in list 2"),
        ('[[["a", 2]]]', "got other lists, or values that are no numbers"),
    ):
        rows.write_text(wrong)
        with pytest.raises(ValueError, match=got):
            labels_from_path(images[0], rows, "landmarks")
    table = tmp_path / "points.csv"
    table.write_text("image,x,y\na.png,1,2\n")
    for task, said in (
        ("landmarks", "expected columns NAME_x and NAME_y, .* of points, got x, y"),
        ("segmentation", r"expected labels for segmentation, got a table \(.csv\); draw masks as PNG"),
    ):
        with pytest.raises(ValueError, match=f"^points.csv: {said}"):
            labels_from_path(tmp_path / "photos", table, task)


def test_large_polygons_take_little_memory() -> None:
    """H4: the same pixels in bands of rows, whatever their size."""
    from facekit.annotations import polygons as fill

    rng = np.random.default_rng(0)
    points = rng.uniform(-5, 45, (300, 2)).round(1)
    whole = fill_polygon(points, (40, 41))
    for crossings, rows in ((1, 512), (50, 512), (10**6, 3)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fill, "_CROSSINGS", crossings)
            patch.setattr(fill, "_ROWS", rows)
            np.testing.assert_array_equal(fill_polygon(points, (40, 41)), whole)
            assert all(a < b for a, b in fill._bands(np.array([0, 3]), np.array([9, 40]), 40))
    import tracemalloc

    tracemalloc.start()
    fill_polygon(rng.uniform(0, 1000, (20_000, 2)), (1000, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 150e6, peak  # all crossings at once took 0.5 GB


@pytest.mark.slow
def test_many_names_take_linear_time(tmp_path: Path) -> None:
    """H5."""
    from facekit.annotations.label_names import point_indices
    from facekit.annotations.records import faces_of_points
    from facekit.annotations.values import duplicates
    from facekit.labels.landmarks import LandmarkSet

    names = tuple(f"p{i}" for i in range(100_000))
    started = time.monotonic()
    assert duplicates([*names, "p7"]) == ["p7"]
    points = [(name, name, np.zeros(2), 2) for name in names]
    assert len(faces_of_points(points, "x", tmp_path, (9, 9), grouped=True)) == 100_000
    labels = LandmarkSet.__new__(LandmarkSet)  # its own check of names is another file's
    object.__setattr__(labels, "points", names)
    object.__setattr__(labels, "name", "own")
    assert point_indices(names[::-1], labels)[0] == 99_999
    assert time.monotonic() - started < 40


def test_deep_json_is_one_sentence(tmp_path: Path) -> None:
    """L3."""
    photo(tmp_path / "a.png")
    deep = "[" * 10_000 + "]" * 10_000
    save(tmp_path / "a.json", '{"shapes": ' + deep + "}")
    with pytest.raises(ValueError, match="a.json: expected JSON of a few levels, got JSON nested too deeply"):
        read_labels(tmp_path, "landmarks")
    with pytest.raises(ValueError, match="^b.json: expected JSON of a few levels, got JSON nested too deeply"):
        labels_from_path(tmp_path / "a.png", save(tmp_path / "b.json", deep), "landmarks")


def test_coco_in_other_words(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    save(tmp_path / "c.json", coco([], [{"id": 1, "name": "face", "keypoints": ["tip"], "supercategory": "face"}]))
    with pytest.raises(ValueError, match="expected .*, got 0 annotations but none with keypoints"):
        read_labels(tmp_path, "landmarks")
