"""Label files and masks that cannot be used: what came, what was expected, what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facekit.annotations import read_attributes, read_labels, read_table
from facekit.annotations.label_sources import labels_from_path
from facekit.annotations.mask_checks import check_masks
from facekit.annotations.mask_ids import read_ids

_IDS = (np.indices((20, 30)).sum(0) % 3).astype(np.uint8)
_CVAT_MASK = '<mask label="x" rle="1,2" left="0" top="0" width="2" height="2"/>'
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
_BILLION_LAUGHS = '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><dataset>&b;</dataset>'


def _labels(folder: Path, name: str, content: Any, task: Any = "landmarks") -> Any:
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    place = folder / "label files"
    place.mkdir(exist_ok=True)
    (place / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return read_labels(place, task)


def _shapes(kind: str, points: Any, **more: Any) -> dict[str, Any]:
    return {"shapes": [{"label": "x", "shape_type": kind, "points": points, **more}], "imagePath": "a.png"}


def _mask(folder: Path, image: Image.Image, name: str = "own mask.png", **options: Any) -> Any:
    image.save(folder / name, **options)
    return read_ids(folder / name)


def _opened(path: Path) -> Any:
    Image.fromarray(_IDS).save(path)
    return check_masks(Image.open(path), [(20, 30)], 3)


def _lists(path: Path, content: str) -> Any:
    path.write_text(content)
    return labels_from_path(path.parent, path, "landmarks")


def _table(folder: Path, text: str) -> Path:
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    (folder / "own table.csv").write_text(text)
    return folder / "own table.csv"


def _cvat(shape: str) -> str:
    return f'<annotations><image name="a.png" width="30" height="20">{shape}</image></annotations>'


def _dlib(box: str) -> str:
    return f"<dataset><images><image file='a.png'><box>{box}</box></image></images></dataset>"


ROWS: list[tuple[str, type[Exception], Callable[[Path], Any], str]] = [
    (
        "XML with entities",
        ValueError,
        lambda f: _labels(f, "a.xml", _BILLION_LAUGHS),
        r"a.xml: expected plain XML without entities, got XML with a DOCTYPE \(d\)",
    ),
    (
        "XML cut off",
        ValueError,
        lambda f: _labels(f, "a.xml", "<dataset><images>"),
        r"a.xml: expected a whole XML file, got broken XML",
    ),
    (
        "XML nested deep",
        ValueError,
        lambda f: _labels(f, "a.xml", "<a>" * 5000),
        r"a.xml: expected XML of at most 50 levels, got more",
    ),
    (
        "XML of Pascal VOC",
        ValueError,
        lambda f: _labels(f, "a.xml", "<annotation></annotation>"),
        r"expected CVAT's .*, got Pascal VOC's XML .*LabelMe, COCO or CVAT",
    ),
    (
        "CVAT's video",
        ValueError,
        lambda f: _labels(f, "a.xml", "<annotations><track/></annotations>"),
        r"expected CVAT's XML of single images, got that of a video; export it as CVAT for images 1.1",
    ),
    (
        "CVAT's run lengths",
        ValueError,
        lambda f: _labels(f, "a.xml", _cvat(_CVAT_MASK), "segmentation"),
        r"a.xml, a.png: mask 0 \('x'\): expected run lengths of 4 pixels in all, got 3",
    ),
    (
        "CVAT's points in words",
        ValueError,
        lambda f: _labels(f, "a.xml", _cvat('<points label="x" points="1,b"/>')),
        r"expected a finite number as x or y of a <points>, got 'b'",
    ),
    (
        "dlib without parts",
        ValueError,
        lambda f: _labels(f, "a.xml", _dlib("")),
        r"a.xml, a.png: expected boxes with parts, got 1 boxes but none with parts; label the points",
    ),
    (
        "dlib's part twice",
        ValueError,
        lambda f: _labels(f, "a.xml", _dlib("<part name='1' x='1' y='1'/>" * 2)),
        r"expected part '1' once per box, got it twice",
    ),
    (
        "dlib for parts",
        ValueError,
        lambda f: _labels(f, "a.xml", _dlib(""), "segmentation"),
        r"expected areas, got dlib's XML, which holds points only; export COCO or PNG masks",
    ),
    (
        "JSON nested deep",
        ValueError,
        lambda f: _labels(f, "a.json", '{"a": ' + "[" * 9999 + "]" * 9999 + "}"),
        r"a.json: expected JSON of a few levels, got JSON nested too deeply",
    ),
    (
        "JSON of Supervisely",
        ValueError,
        lambda f: _labels(f, "a.json", {"size": {}, "objects": []}),
        r"expected LabelMe .*got an export of Supervisely; export it again as COCO",
    ),
    (
        "Label Studio's brush",
        ValueError,
        lambda f: _labels(
            f,
            "a.json",
            [
                {
                    "data": {"image": "a.png"},
                    "annotations": [{"result": [{"type": "brushlabels", "value": {"rle": [1]}}]}],
                }
            ],
            "segmentation",
        ),
        r"expected polygons, got brush labels in Label Studio's own coding; export the project as COCO or PNG",
    ),
    (
        "Label Studio's two annotations",
        ValueError,
        lambda f: _labels(f, "a.json", [{"data": {"image": "a.png"}, "annotations": [{"result": []}, {"result": []}]}]),
        r"expected one annotation per image, got 2; keep the right one",
    ),
    (
        "VIA without classes",
        ValueError,
        lambda f: _labels(
            f, "a.json", {"a": {"filename": "a.png", "regions": [{"shape_attributes": {"name": "point"}}]}}
        ),
        r"expected an attribute with the class of each region, got regions without attributes",
    ),
    (
        "LabelMe mask outside",
        ValueError,
        lambda f: _labels(f, "a.json", _shapes("mask", [[99, 1]], mask=_PNG), "segmentation"),
        r"shape 0 \('x'\): expected a mask within the image.*, got one from x=99, y=1 to x=99, y=1",
    ),
    (
        "LabelMe shape of another tool",
        ValueError,
        lambda f: _labels(f, "a.json", _shapes("cuboid", [[1, 1]] * 8), "segmentation"),
        r"expected type polygon, .*or four corners, got type 'cuboid' with 8 points",
    ),
    (
        "LabelMe imageData no image",
        ValueError,
        lambda f: _labels(f, "b.json", {"shapes": [], "imagePath": "gone.png", "imageData": "%"}),
        r"'gone.png' is missing, .*its imageData is no base64 either .*expected one of the two",
    ),
    (
        "mask in unknown colours",
        ValueError,
        lambda f: _mask(f, Image.fromarray(np.stack([_IDS, _IDS + 1, _IDS], -1))),
        r'^own mask.png: expected one class id per pixel, got colours of mode "RGB" \(\(0, 1, 0\), .*pass names=',
    ),
    (
        "mask half transparent",
        ValueError,
        lambda f: _mask(f, Image.merge("LA", [Image.fromarray(_IDS)] * 2)),
        r'^own mask.png: expected .*all opaque, got mode "LA" with 600 transparent pixels',
    ),
    (
        "mask as lossy WebP",
        ValueError,
        lambda f: _mask(f, Image.fromarray(_IDS).convert("RGB"), "own mask.webp"),
        r"^own mask.webp: expected PNG, got a lossy WebP file; its compression changes the ids",
    ),
    (
        "mask of several pages",
        ValueError,
        lambda f: _mask(f, Image.fromarray(_IDS), "own mask.tif", save_all=True, append_images=[Image.fromarray(_IDS)]),
        r"^own mask.tif: expected one mask per file, got 2 pages or frames",
    ),
    (
        "mask of fractions",
        ValueError,
        lambda f: _mask(f, Image.fromarray(_IDS / np.float32(2)), "own mask.tif"),
        r'^own mask.tif: expected integer class ids, got mode "F" with numbers between ids',
    ),
    ("mask opened from JPEG", ValueError, lambda f: _opened(f / "own.jpg"), r"^mask 0: expected PNG, got a JPEG image"),
    (
        "table that names an image in another case",
        ValueError,
        lambda f: read_attributes(_table(f, "file,x\nA.png,2\n")),
        r"row 2 \(A.png\), column 'x': expected 0, 1 .*, got '2'",
    ),
    (
        "table's column in two cases",
        ValueError,
        lambda f: read_table(_table(f, "file,xy,Xy\na.png,1,1\n")).place("XY"),
        r"expected 'xy' and 'Xy', got column 'XY'; check the name",
    ),
    (
        "labels at the terminal missing",
        FileNotFoundError,
        lambda f: labels_from_path(None, f / "gone", "landmarks"),
        r"gone: no such labels; expected a folder of label files",
    ),
    (
        "images at the terminal missing",
        FileNotFoundError,
        lambda f: labels_from_path(f / "gone", _table(f, "file,x\na.png,1\n"), "attributes"),
        r"gone: no such images; expected a folder of images",
    ),
    (
        "lists that are no landmarks",
        ValueError,
        lambda f: _lists(f / "own.json", '[["a"], [1, 2]]'),
        r"^own.json: expected \[\[\[x, y\], ...\], ...\].*got 1 in list 1 and 2 in list 2",
    ),
]
