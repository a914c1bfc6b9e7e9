"""Find out by its content which tool a label file is from, and read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..core.json_text import parse_json
from . import coco, cvat, dlib, label_studio, labelme, landmark_tables, pts, via
from .image_finder import ImageFinder, image_size
from .records import FacePoints, LabelBatch, ReadContext, Task
from .text_files import parse_xml, read_text

# First bytes of PNG, GIF, BMP and TIFF.
_MASK_SIGNATURES = (b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_EXPECTED = 'expected LabelMe ("shapes") or COCO ("images" and "annotations")'
_MAX_LISTED = 5
# Keys of exports that are recognised but not read.
_UNSUPPORTED = {
    "Supervisely": ("size", "objects"),
    "SuperAnnotate": ("metadata", "instances"),
    "V7 Darwin": ("item", "annotations"),
    "Labelbox": ("data_row",),
    "COCO's results": ("image_id", "category_id"),
}

Reader = Callable[[Any, ReadContext], None]


def read_files(
    files: Sequence[Path], task: Task, finder: ImageFinder, origin: float | None, batch: LabelBatch, single: bool
) -> list[Path]:
    """Add the labels of all files to a batch.

    Args:
        files: Files of any kind, in order.
        task: "landmarks" or "segmentation".
        finder: Finder of their images.
        origin: x and y of the centre of the top-left pixel. None: the default of each tool.
        batch: Batch to fill. Files that cannot be used go to its ``skipped``.
        single: Whether the user named this one file, so that it must be a label file.

    Returns:
        The files that may be masks. None if there are JSON or XML label files: then image files are images.
    """
    labelled, masks = False, []
    for file in files:
        kind = None
        with batch.skip_errors(file.name):
            kind = _kind(file)
            if kind is None and single:
                fix = "check the path, or export LabelMe, COCO or CVAT files"
                expected = "expected a label file (JSON, XML, .pts, a table of landmarks as CSV, or a mask as PNG)"
                raise ValueError(f"{expected}, got another file; {fix}")
            if kind == "points" and task == "landmarks":
                _read_points(file, finder, origin, batch)
            elif kind == "table" and task == "landmarks":
                chosen = landmark_tables.ORIGIN if origin is None else origin
                landmark_tables.read_landmark_table(file, ReadContext(file, task, finder, chosen, batch), single)
            elif kind in ("json", "xml"):
                content: Any = parse_xml(file) if kind == "xml" else parse_json(read_text(file))
                read, default = _reader_of_xml(content) if kind == "xml" else _reader_of_json(content)
                labelled = True
                read(content, ReadContext(file, task, finder, default if origin is None else origin, batch))
        if kind == "mask":
            masks.append(file)
    return [] if labelled else masks


def _kind(file: Path) -> str | None:
    """Return "mask", "json", "xml", "points" or "table". None for another kind of file."""
    with open(file, "rb") as stream:
        head = stream.read(1024)
    if head.startswith(_MASK_SIGNATURES):
        return "mask"
    beginning = head.decode("utf-8-sig", "replace")
    if file.suffix.lower() == ".json" or re.match(r'\s*\{\s*"', beginning):
        return "json"
    if file.suffix.lower() == ".xml":
        return "xml"
    if file.suffix.lower() == ".pts" or pts.is_pts(beginning):
        return "points"
    return "table" if file.suffix.lower() in landmark_tables.SUFFIXES else None


def _read_points(file: Path, finder: ImageFinder, origin: float | None, batch: LabelBatch) -> None:
    """Add the face of a .pts file to the batch."""
    points = pts.parse_pts(read_text(file), pts.ORIGIN if origin is None else origin)
    image = finder.of_points(file)
    visible = np.where(np.isnan(points[:, 0]), 0, 2).astype(np.uint8)
    batch.faces.append(FacePoints(file.name, image, image_size(image), points, visible))


def _reader_of_json(data: Any) -> tuple[Reader, float]:
    """Return the reader of JSON data and the origin of its tool. Raise ValueError for an unknown tool."""
    if label_studio.is_label_studio(data):
        return label_studio.read_label_studio, label_studio.ORIGIN
    first = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else data
    if isinstance(first, dict) and not ("shapes" in first or "images" in first):
        for tool, keys in _UNSUPPORTED.items():
            if all(key in first for key in keys):
                fix = "export it again as COCO with segmentations"
                raise ValueError(f"{_EXPECTED}, got an export of {tool}; {fix}")
    if not isinstance(data, dict):
        got = f"JSON of type {type(data).__name__}"
        raise ValueError(f"expected an object {{...}}, got {got}; export the file again")
    if isinstance(data.get("shapes"), list):
        return labelme.read_labelme, labelme.ORIGIN
    if isinstance(data.get("images"), list) and "annotations" in data:
        return coco.read_coco, coco.ORIGIN
    if via.is_via(data):
        return via.read_via, via.ORIGIN
    listing = ", ".join(list(data)[:_MAX_LISTED])[:80]
    raise ValueError(f"{_EXPECTED}, got JSON with {listing or 'nothing'}; export it in one of these")


def _reader_of_xml(root: ElementTree.Element) -> tuple[Reader, float]:
    """Return the reader of an XML file and the origin of its tool. Raise ValueError for an unknown tool."""
    if root.tag == "dataset":
        return dlib.read_dlib, dlib.ORIGIN
    if root.tag == "annotations":
        return cvat.read_cvat, cvat.ORIGIN
    expected = "expected CVAT's <annotations> or dlib's <dataset>"
    if root.tag == "annotation":
        fix = "boxes are no labels here, so export LabelMe, COCO or CVAT files"
        raise ValueError(f"{expected}, got Pascal VOC's XML (<annotation>); {fix}")
    raise ValueError(f"{expected}, got XML with <{root.tag[:40]}>; export it again as one of these")
