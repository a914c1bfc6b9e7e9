"""Which tool a label file is from, told by its content."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from . import coco, cvat, dlib, label_studio, labelme, pts, via
from .image_index import ImageFinder, size_of
from .records import Face, Found, Task
from .text_files import parse_json, parse_xml, read_text

_MASKS = (b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_EXPECTED = 'expected LabelMe ("shapes") or COCO ("images" and "annotations")'
_LISTED = 5
# Keys that tell the exports of tools that are not read here.
_OTHERS = {
    "Supervisely": ("size", "objects"),
    "SuperAnnotate": ("metadata", "instances"),
    "V7 Darwin": ("item", "annotations"),
    "Labelbox": ("data_row",),
    "COCO's results": ("image_id", "category_id"),
}


def read_files(
    files: Sequence[Path], task: Task, finder: ImageFinder, origin: float | None, found: Found, alone: bool
) -> list[Path]:
    """Add the labels of all files to `found`.

    Args:
        files: Files of any kind, in order.
        task: "landmarks" or "segmentation".
        finder: Finds their images.
        origin: x and y of the centre of the top-left pixel. None: the default of each tool.
        found: What to fill; files that cannot be used go to its `skipped`.
        alone: The user named this one file, so it must be a label file.

    Returns:
        The files that may be masks. None where other label files lie beside them: those are images.
    """
    labelled, masks = False, []
    for file in files:
        kind = None
        with found.attempt(file.name):
            kind = _kind(file)
            if kind is None and alone:
                came = "neither JSON, XML, .pts nor a mask (PNG) came"
                raise ValueError(
                    f"{came}, expected a label file: check the path, or export LabelMe, COCO or CVAT files"
                )
            if kind == "points" and task == "landmarks":
                _read_points(file, finder, origin, found)
            elif kind in ("json", "xml"):
                content: Any = parse_xml(file) if kind == "xml" else parse_json(read_text(file))
                read, default = _reader_of_xml(content) if kind == "xml" else _reader_of_json(content)
                labelled = True
                read(content, file.name, task, finder, default if origin is None else origin, found, file)
        if kind == "mask":
            masks.append(file)
    return [] if labelled else masks


def _kind(file: Path) -> str | None:
    with open(file, "rb") as stream:
        head = stream.read(1024)
    if head.startswith(_MASKS):
        return "mask"
    beginning = head.decode("utf-8-sig", "replace")
    if file.suffix.lower() == ".json" or re.match(r'\s*\{\s*"', beginning):
        return "json"
    if file.suffix.lower() == ".xml":
        return "xml"
    if file.suffix.lower() == ".pts" or pts.is_pts(beginning):
        return "points"
    return None


def _read_points(file: Path, finder: ImageFinder, origin: float | None, found: Found) -> None:
    points = pts.points_of_pts(read_text(file), pts.ORIGIN if origin is None else origin)
    image = finder.of_points(file)
    visible = np.where(np.isnan(points[:, 0]), 0, 2).astype(np.uint8)
    found.faces.append(Face(file.name, image, size_of(image), points, visible))


def _reader_of_json(data: Any) -> tuple[Callable[..., None], float]:
    """The reader, and what x and y the centre of the top-left pixel has for its tool."""
    if label_studio.is_label_studio(data):
        return label_studio.read_label_studio, label_studio.ORIGIN
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else data
    if isinstance(first, dict) and not ("shapes" in first or "images" in first):
        for tool, marks in _OTHERS.items():
            if all(mark in first for mark in marks):
                raise ValueError(f"an export of {tool} came, {_EXPECTED}: export it again as COCO with segmentations")
    if not isinstance(data, dict):
        raise ValueError(f"JSON of type {type(data).__name__} came, expected an object {{...}}: export the file again")
    if isinstance(data.get("shapes"), list):
        return labelme.read_labelme, labelme.ORIGIN
    if isinstance(data.get("images"), list) and "annotations" in data:
        return coco.read_coco, coco.ORIGIN
    if via.is_via(data):
        return via.read_via, via.ORIGIN
    keys = ", ".join(list(data)[:_LISTED])[:80]
    raise ValueError(f"JSON with {keys or 'nothing'} came, {_EXPECTED}: export it in one of these")


def _reader_of_xml(root: ElementTree.Element) -> tuple[Callable[..., None], float]:
    if root.tag == "dataset":
        return dlib.read_dlib, dlib.ORIGIN
    if root.tag == "annotations":
        return cvat.read_cvat, cvat.ORIGIN
    expected = "expected CVAT's <annotations> or dlib's <dataset>"
    if root.tag == "annotation":
        fix = "boxes are no labels here, so export LabelMe, COCO or CVAT files"
        raise ValueError(f"Pascal VOC's XML (<annotation>) came, {expected}: {fix}")
    raise ValueError(f"XML with <{root.tag[:40]}> came, {expected}: export it again as one of these")
