"""Broken label files and wrong calls raise errors that say what was expected, what was found and what to do."""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import (
    CLASSES,
    NAN,
    coco,
    labelme,
    photo,
    save,
    shape,
)
from PIL import Image

from facekit.annotations import read_labels, write_labels
from facekit.labels import HELEN_11, segmentation_set

# Reading people's files must not let warnings stray.
pytestmark = pytest.mark.filterwarnings("error")


KEYPOINTS = [{"id": 1, "name": "face", "keypoints": ["l", "r"]}]
EYE = [{"id": 1, "name": "eye"}]


def keypoints(values: Any, **more: Any) -> dict[str, Any]:
    return coco([{"id": 1, "image_id": 1, "category_id": 1, "keypoints": values, **more}], KEYPOINTS)


def area(segmentation: Any, **more: Any) -> dict[str, Any]:
    return coco([{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation, **more}], EYE)


def area_shape(points: Any, kind: str = "polygon", **more: Any) -> dict[str, Any]:
    return shape("x", points, kind, **more)


def stamp(size: tuple[int, int]) -> str:
    buffer = io.BytesIO()
    Image.new("L", size, 1).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


TIP = shape("tip", [[2, 2]])
SQUARE = [[0, 0], [5, 0], [5, 5], [0, 5]]
BROKEN_LANDMARKS: list[tuple[str, str, Any, str]] = [
    ("truncated JSON", "a.json", json.dumps(labelme([TIP]))[:70], "damaged JSON .* cut off"),
    ("empty", "a.json", "", "expected whole JSON text, got an empty file"),
    ("a list", "a.json", [1], "expected an object .* got JSON of type list"),
    ("another JSON", "a.json", {"kind": "landmarks"}, r"expected LabelMe \(.shapes.\) or COCO.* got JSON with kind"),
    ("huge number", "a.json", labelme([shape("tip", [[10**400, 2]])]), "expected a finite number .* got 1000"),
    ("no image", "a.json", labelme([TIP], "gone.png"), r"image 'gone.png' is missing, expected in .*; put it"),
    ("no imagePath", "a.json", labelme([TIP], None), "expected text as imagePath, got nothing; fill it in"),
    ("other size", "a.json", labelme([TIP], imageWidth=31),
     "expected the image's height x width 20 x 30, got 20 x 31; label"),
    ("size as text", "a.json", labelme([TIP], imageWidth="30"),
     "expected a finite number as height or width of the image, got '30'"),
    ("point twice", "a.json", labelme([TIP, TIP]), "expected point 'tip' once per face, got it 2 times; delete one"),
    ("NaN", "a.json", labelme([shape("tip", [[NAN, 2]])]), "expected a finite number as x or y of point .*, got nan"),
    ("text", "a.json", labelme([shape("tip", [["2", 2]])]), "expected a finite number .*, got '2'"),
    ("three numbers", "a.json", labelme([shape("tip", [[1, 2, 3]])]), r"expected \[x, y\] in point 'tip' .*got list"),
    ("two places", "a.json", labelme([shape("tip", [[1, 2], [3, 4]])]), "expected one position of point 'tip', got 2"),
    ("no label", "a.json", labelme([shape("", [[1, 2]])]), "expected text as label of shape 0, got ''"),
    ("no shapes", "a.json", labelme([]), 'expected "point" shapes, got 0 shapes but none of these; label the image'),
    ("polygons only", "a.json", labelme([shape("x", SQUARE, "polygon")]),
     'expected "point" shapes, got 1 shapes but none'),
    ("shape no object", "a.json", labelme([3]), "expected an object .* as shape 0, got 3"),
    ("strange type", "a.json", labelme([shape("x", SQUARE, "blob")]), 'expected "point" shapes, got 1 shapes but none'),
    ("far outside", "a.json", labelme([shape("tip", [[200, 2]])]), r"expected x in \[-30, 60\].*x=199.5"),
    ("pts letters", "a.pts", "version: 1\nn_points: 1\n{\n1 b\n}", "expected two numbers x y for point 0, got '1 b'"),
    ("pts negative", "a.pts", "version: 1\nn_points: -3\n{\n}", "expected .* 1 or more, got n_points: '-3'; correct"),
    ("pts no number", "a.pts", "version: 1\nn_points: many\n{\n1 2\n}", "got n_points: 'many'"),
    ("pts no n_points", "a.pts", "version: 1\n{\n1 2\n}", "expected `n_points:` .*got no n_points"),
    ("pts too few", "a.pts", "version: 1\nn_points: 3\n{\n1 2\n3 4\n}", "expected 3 points by its n_points, got 2"),
    ("pts cut off", "a.pts", "version: 1\nn_points: 3\n{\n1 2\n3 4\n", 'got no "}"; the file is cut off'),
    ("pts half NaN", "a.pts", "version: 1\nn_points: 1\n{\n1 nan\n}", "for point 0, got '1 nan'"),
    ("pts inf", "a.pts", "version: 1\nn_points: 1\n{\ninf 3\n}", "expected a finite number as x of point 0, got inf"),
    ("pts two faces", "a.pts", "n_points: 1\n{\n1 3\n}\n{\n1 3\n}",
     'expected nothing after "}", got .*; keep one face'),
    ("pts no image", "z.pts", "version: 1\nn_points: 1\n{\n1 3\n}", r"its image z\.\* is missing, expected in"),
    ("pts binary", "a.pts", "PK\x03\x04", 'got no "{"'),
    ("coco few numbers", "c.json", keypoints([1, 2, 2]),
     "expected 6 numbers for the 2 keypoints of the category, got 3"),
    ("coco visibility", "c.json", keypoints([1, 2, 3, 4, 5, 2]), "expected 0, 1 or 2 as visibility, got 3"),
    ("coco NaN", "c.json", keypoints([NAN, 2, 2, 4, 5, 2]), "expected a finite number as a keypoint's .*got nan"),
    ("coco category", "c.json", keypoints([1, 2, 2, 4, 5, 2], category_id=5),
     "expected category_id to be one of 1, got 5"),
    ("coco image", "c.json", keypoints([1, 2, 2, 4, 5, 2], image_id=5),
     "expected image_id of one of the 1 images, got 5"),
    ("coco no keypoints", "c.json", area([[1, 2, 3, 4, 5, 9]]), "expected names of keypoints in a category, got none"),
    ("coco names twice", "c.json", coco([], [{"id": 1, "keypoints": ["l", "l"]}]),
     "expected each name once, got 'l' twice"),
    ("coco ids twice", "c.json", coco([], KEYPOINTS * 2), "categories: expected different ids, got id 1 twice"),
    ("coco unlabelled", "c.json", coco([], KEYPOINTS),
     ", a.png: expected .*, got 0 annotations but none with keypoints"),
]  # fmt: skip
BROKEN_AREAS: list[tuple[str, str, Any, str]] = [
    ("two corners", "a.json", labelme([area_shape(SQUARE[:2])]),
     r"shape 0 \('x'\): expected .*, got a polygon of 2 points"),
    ("open line", "a.json", labelme([area_shape(SQUARE, "linestrip")]),
     "expected an area, got an open line of 4 points"),
    ("points only", "a.json", labelme([TIP]), "expected polygons or other areas, got 1 shapes"),
    ("outside", "a.json", labelme([area_shape([[40, 1], [50, 1], [50, 9]])]), "expected a shape within the image"),
    ("rectangle", "a.json", labelme([area_shape(SQUARE[:3], "rectangle")]),
     "expected a rectangle of 2 .*got a rectangle of 3 points"),
    ("circle", "a.json", labelme([area_shape(SQUARE[:1], "circle")]),
     "expected a circle of its centre .*got a circle of 1 points"),
    ("mask base64", "a.json", labelme([area_shape([[0, 0], [4, 4]], "mask", mask="%%")]), "its PNG cannot be used"),
    ("mask no PNG", "a.json", labelme([area_shape([[0, 0], [4, 4]], "mask", mask="AAAA")]), "its PNG cannot be used"),
    ("mask missing", "a.json", labelme([area_shape([[0, 0], [4, 4]], "mask")]),
     "expected text as a mask's PNG, got nothing"),
    ("mask place", "a.json", labelme([area_shape([[30, 0], [34, 4]], "mask", mask=stamp((5, 5)))]),
     "expected a mask within the image.* got one from x=30"),
    ("mask corner", "a.json", labelme([area_shape([], "mask", mask=stamp((5, 5)))]),
     "expected a corner .* of the mask, got none"),
    ("strange area", "a.json", labelme([area_shape(SQUARE[:3], "blob")]),
     "expected type polygon, .*got type 'blob' with 3 points"),
    ("polygon NaN", "a.json", labelme([area_shape([*SQUARE, [NAN, 2]])]), "expected a finite number .*got nan"),
    ("rle short", "c.json", area({"size": [20, 30], "counts": [5, 5]}),
     "expected run lengths of 600 pixels in all, got 10"),
    ("rle long", "c.json", area({"size": [20, 30], "counts": [5, 600]}),
     "expected run lengths of 600 pixels in all, got 605"),
    ("rle negative", "c.json", area({"size": [20, 30], "counts": [-5, 605]}),
     "expected run lengths of 0 or more, got -5"),
    ("rle size", "c.json", area({"size": [30, 20], "counts": [600]}), r"expected a run-length mask .*, got \[30, 20\]"),
    ("rle text", "c.json", area({"size": [20, 30], "counts": "a!"}), "expected compressed run lengths .*, got '!'"),
    ("rle cut off", "c.json", area({"size": [20, 30], "counts": "0P"}),
     "run lengths, got some that end within a number"),
    ("rle text short", "c.json", area({"size": [20, 30], "counts": "5"}),
     "expected run lengths of 600 pixels in all, got 5"),
    ("rle no counts", "c.json", area({"size": [20, 30]}), "expected a list as run lengths, got nothing"),
    ("odd polygon", "c.json", area([[1, 2, 3, 4, 5, 6, 7]]), "expected x, y of 3 points .*got a polygon of 7 numbers"),
    ("no category", "c.json", area([[1, 2, 3, 4, 5, 6]], category_id=3),
     "expected category_id to be one of 1, got 3; add"),
    ("not an object", "c.json", coco([4], EYE), "expected an object .* as annotation 0, got 4"),
    ("no categories", "c.json", coco([], []), "expected names of categories, got none; export the file with"),
    ("two entries", "c.json", coco([], EYE, images=[{"id": i, "file_name": "a.png"} for i in (1, 2)]), "second entry"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("task", "name", "content", "message"),
    [("landmarks", *case[1:]) for case in BROKEN_LANDMARKS] + [("segmentation", *case[1:]) for case in BROKEN_AREAS],
    ids=[case[0] for case in BROKEN_LANDMARKS + BROKEN_AREAS],
)
def test_broken_files_say_why(tmp_path: Path, task: Any, name: str, content: Any, message: str) -> None:
    """Alone an error that names the file, beside a good one a reason in `skipped`."""
    photo(tmp_path / "a.png")
    save(tmp_path / name, content)
    with pytest.raises(ValueError, match=rf"(?s){name}.*{message}"):
        read_labels(tmp_path, task)
    photo(tmp_path / "good.png")
    save(tmp_path / "good.json", labelme([TIP, shape("eye", SQUARE, "polygon")], "good.png"))
    with pytest.warns(UserWarning, match=f"skipped: {name}"):
        found = read_labels(tmp_path, task)
    assert [p.name for p in found.images] == ["good.png"]
    assert all(key.startswith(name) for key in found.skipped) and len(found.skipped) >= 1


@pytest.mark.parametrize(
    ("kind", "value", "size", "message"),
    [
        (np.uint8, [1, 2, 3], (3, 30, 20), 'm.png: expected one class id per pixel, got colours of mode "RGB"'),
        (np.uint8, 1, (30, 21), "expected its image's height x width 20 x 30, got 21 x 30; resize it"),
        (np.uint16, 300, (30, 20), "expected ids 0 to 255, got 300 to 300"),
        (np.uint8, 4, (30, 20), "expected ids 0 to 3 of set 'own4', got 4"),
    ],
)
def test_broken_masks(tmp_path: Path, kind: Any, value: Any, size: Any, message: str) -> None:
    photo(tmp_path / "m.jpg")
    Image.fromarray(np.full(size[::-1], value, kind)).save(tmp_path / "m.png")
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path, "segmentation", CLASSES)
    (tmp_path / "m.png").write_bytes((tmp_path / "m.png").read_bytes()[:50])
    with pytest.raises(ValueError, match="m.png: .*(truncated|damaged)"):
        read_labels(tmp_path, "segmentation", CLASSES)


def test_masks_without_images_or_of_two(tmp_path: Path) -> None:
    Image.new("L", (30, 20), 1).save(tmp_path / "m_mask.png")
    with pytest.raises(ValueError, match=r"m_mask.png: its image m\.\* is missing"):
        read_labels(tmp_path, "segmentation")
    photo(tmp_path / "m.jpg"), photo(tmp_path / "m.webp")
    with pytest.raises(ValueError, match="expected one image named m, got m.jpg and m.webp"):
        read_labels(tmp_path, "segmentation")


def test_names_that_the_set_does_not_have(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    save(tmp_path / "a.json", labelme([shape("Left eye", SQUARE, "polygon"), shape("nosetip", [[1, 1]])]))
    message = "a.json: expected a class of set .*, got class 'Left eye'; did you mean 'left_eye'"
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path, "segmentation", CLASSES)
    with pytest.raises(ValueError, match="a.json: expected .*, got point 'nosetip'; did you mean 'nose_tip'"):
        read_labels(tmp_path, "landmarks", "5")
    save(tmp_path / "a.json", labelme([shape("7", [[1, 1]]), shape("0", [[1, 1]])]))
    with pytest.raises(ValueError, match="expected a point of set '5' .*, got point '7'"):
        read_labels(tmp_path, "landmarks", "5")


def test_pts_of_different_counts(tmp_path: Path) -> None:
    for name, k in (("a", 2), ("b", 3), ("c", 2)):
        photo(tmp_path / f"{name}.png")
        save(tmp_path / f"{name}.pts", f"version: 1\nn_points: {k}\n{{\n" + "4 5\n" * k + "}")
    with pytest.warns(UserWarning, match="1 label file skipped: b.pts: expected the 2 points of set 'own2', got 3"):
        found = read_labels(tmp_path, "landmarks")
    assert found.labels.shape == (2, 2, 2)
    with pytest.raises(ValueError, match="none of the 3 label files .*expected the 5 points of set '5', got 2"):
        read_labels(tmp_path, "landmarks", "5")


def points_to(path: Path, folder: Path | None = None, **more: Any) -> Any:
    return write_labels(path, [(folder or path) / "a.png"], [[[1, 2]]], "landmarks", **more)


def mask_to(path: Path, folder: Path | None = None, width: int = 30, n: int = 1, **more: Any) -> Any:
    return write_labels(path, [(folder or path) / "a.png"] * n, np.ones((n, 20, width), int), "segmentation", **more)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: read_labels(p, "faces"), "expected task 'landmarks' or 'segmentation', got task='faces'"),
        (lambda p: read_labels(p / "gone", "landmarks"), "gone: no such file or folder, expected label files"),
        (lambda p: read_labels(p, "landmarks"),
         "expected LabelMe or .*, got 1 files but none with labels for landmarks"),
        (lambda p: read_labels(p / "a.png", "landmarks"), "got 1 files but none with labels for landmarks"),
        (lambda p: read_labels(p, "landmarks", images=p / "x"), "expected the folder of the images, got images="),
        (lambda p: read_labels(p, "landmarks", "unknown"), "unknown landmark set"),
        (lambda p: read_labels(p, "landmarks", HELEN_11),
         "expected a label set for landmarks, got names='helen11', a SegmentationSet"),
        (lambda p: points_to(p, format="png"),
         "expected format 'labelme', 'coco', 'pts' for landmarks, got format='png'"),
        (lambda p: write_labels(p, [p / "a.png"], [[[1, 2]]], "x"), "got task='x'"),
        (lambda p: points_to(p, format="coco"), "got no suffix, expected .json"),
        (lambda p: points_to(p / "a.png", p), "got a file, expected a folder"),
        (lambda p: points_to(p / "a.png" / "y", p), "a.png is not a folder, expected one"),
        (lambda p: points_to(p, names="5"), "expected 5 points .*, got 1"),
        (lambda p: write_labels(p, [p / "a.png"] * 2, [[[1, 2]]], "landmarks"), "2 images but 1 arrays of landmarks"),
        (lambda p: write_labels(p, [np.zeros((2, 3))], [[[1, 2]]], "landmarks"),
         "image 0: expected a path, got ndarray"),
        (lambda p: write_labels(p, [p / "a.png"] * 2, [[[1, 2]]] * 2, "landmarks", format="pts"), "share a.pts"),
        (lambda p: points_to(p, visible=[[0]]), "got visible=0 for point 0 of face 0"),
        (lambda p: points_to(p, visible=[[3]]), r"expected \(1, 1\) of 0, 1 and 2, got .*values \[3\]"),
        (lambda p: points_to(p, format="pts", visible=[[1]]), ".pts has none; leave it out, or write 'coco'"),
        (lambda p: mask_to(p, format="png"), "expected another folder, got a.png, which is the image itself"),
        (lambda p: mask_to(p, width=31), "expected its image's height x width 20 x 30, got 20 x 31"),
        (lambda p: mask_to(p, names=["background", "ignore"]),
         "expected no class with a reserved name .*, got 'ignore'"),
        (lambda p: mask_to(p / "c.json", p, n=2, format="coco"), "expected one mask per image, got .* twice"),
    ],
)  # fmt: skip
def test_wrong_calls_write_nothing(tmp_path: Path, call: Callable[[Path], Any], message: str) -> None:
    before = photo(tmp_path / "a.png").read_bytes()
    with pytest.raises(ValueError, match=message):
        call(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"] and (tmp_path / "a.png").read_bytes() == before


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo(tmp_path / "a.png")
    (file,) = write_labels(tmp_path, [image], [[[1, 2]]], "landmarks")
    old = file.read_bytes()

    def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_labels(tmp_path, [image], [[[9, 9]]], "landmarks")
    assert file.read_bytes() == old and len(list(tmp_path.iterdir())) == 2


def test_own_ignore_id_becomes_255(tmp_path: Path) -> None:
    image = photo(tmp_path / "p" / "a.png")
    mask = np.ones((20, 30), np.uint8)
    mask[0] = 200
    labels = replace(segmentation_set(CLASSES), ignore=200)
    write_labels(tmp_path / "m", [image], [mask], "segmentation", labels, "png")
    found = read_labels(tmp_path / "m", "segmentation", labels, images=tmp_path / "p")
    assert found.names.ignore == 255 and (found.labels[0][0] == 255).all() and (found.labels[0][1:] == 1).all()
