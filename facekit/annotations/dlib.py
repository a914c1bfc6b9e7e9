"""Read dlib's XML, as its tool imglab writes it: images with boxes, and in each box the parts of one face.

Coordinates are whole numbers that name pixels, so the centre of the top-left pixel is (0, 0): ORIGIN = 0. A part that
is missing in a box is not labelled. Boxes with ignore='1' and boxes without parts are left out.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from .image_finder import image_size
from .records import FacePoints, ReadContext
from .values import Size, check_xml_size, duplicates, non_empty_text, xml_number

ORIGIN = 0.0


def read_dlib(root: ElementTree.Element, context: ReadContext) -> None:
    """Add the faces of a file to the batch.

    Args:
        root: The root element of the file.
        context: File, task, image finder, origin and batch.

    Raises:
        ValueError: If the file has no images, or the task is segmentation: dlib has points only.
    """
    if context.task != "landmarks":
        raise ValueError("expected areas, got dlib's XML, which holds points only; export COCO or PNG masks")
    images = list(root.iter("image"))
    if not images:
        raise ValueError("expected <image> in dlib's XML, got none; label images in imglab, or drop the file")
    for i, image in enumerate(images):
        source = f"{context.source}, {image.get('file') or f'image {i}'}"
        with context.batch.skip_errors(source):
            file = context.finder.by_path(non_empty_text(image.get("file"), "file of an <image>"), context.file)
            size = image_size(file)
            check_xml_size(image, size)
            boxes = [box for box in image.iter("box") if box.get("ignore") != "1"]
            faces = [_face(box, source, file, size, context.origin) for box in boxes if box.find("part") is not None]
            if not faces:
                fix = "label the points of the faces, or drop the image"
                raise ValueError(f"expected boxes with parts, got {len(boxes)} boxes but none with parts; {fix}")
            context.batch.faces += faces


def _face(box: ElementTree.Element, source: str, image: Path, size: Size, origin: float) -> FacePoints:
    """Return the face of a <box>."""
    parts = box.findall("part")
    names = tuple(non_empty_text(part.get("name"), "name of a <part>") for part in parts)
    if repeated := duplicates(names):
        raise ValueError(f"expected part {repeated[0]!r} once per box, got it twice; delete one of them")
    points = [
        [xml_number(part.get(axis), f"{axis} of part {name!r}") for axis in "xy"]
        for part, name in zip(parts, names, strict=True)
    ]
    visible = np.full(len(names), 2, np.uint8)
    return FacePoints(source, image, size, np.array(points, np.float64) - origin, visible, names)
