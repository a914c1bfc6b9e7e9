"""dlib's XML, as its tool imglab writes it: images with boxes, and in each box the parts of one face.

Coordinates are whole numbers that name pixels, so the centre of the top-left pixel is (0,0): ORIGIN = 0. A part that a
box does not have is not labelled. Boxes with ignore='1', and boxes without parts, are left out.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from .image_index import ImageFinder, size_of
from .records import Face, Found, Task, check_xml_size, repeated, text, xml_number

ORIGIN = 0.0


def read_dlib(
    root: ElementTree.Element, source: str, task: Task, finder: ImageFinder, origin: float, found: Found, label: Path
) -> None:
    """Add a file's faces to `found`, and single images that cannot be used to its skipped ones.

    Raises:
        ValueError: If the file has no images, or the task is segmentation: dlib has points only.
    """
    if task != "landmarks":
        raise ValueError("dlib's XML came, which holds points, expected areas: export COCO or PNG masks")
    images = list(root.iter("image"))
    if not images:
        raise ValueError("dlib's XML without <image> came, expected some: label images in imglab, or drop the file")
    for i, image in enumerate(images):
        where = f"{source}, {image.get('file') or f'image {i}'}"
        with found.attempt(where):
            photo = finder.by_path(text(image.get("file"), "file of an <image>"), label)
            size = size_of(photo)
            check_xml_size(image, size)
            boxes = [box for box in image.iter("box") if box.get("ignore") != "1"]
            faces = [_face(box, where, photo, size, origin) for box in boxes if box.find("part") is not None]
            if not faces:
                came = f"{len(boxes)} boxes but none with parts came"
                raise ValueError(f"{came}, expected some: label the points of the faces, or drop the image")
            found.faces += faces


def _face(box: ElementTree.Element, where: str, image: Path, size: tuple[int, int], origin: float) -> Face:
    parts = box.findall("part")
    names = tuple(text(part.get("name"), "name of a <part>") for part in parts)
    if twice := repeated(names):
        raise ValueError(f"part {twice[0]!r} came twice in one box, expected it once: delete one of them")
    points = [
        [xml_number(part.get(axis), f"{axis} of part {name!r}") for axis in "xy"]
        for part, name in zip(parts, names, strict=True)
    ]
    visible = np.full(len(names), 2, np.uint8)
    return Face(where, image, size, np.array(points, np.float64) - origin, visible, names)
