"""Run every ready model on the faces of one photo, and show the results of the whole photo or of one face."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

import facekit

from ..annotations.landmark_tables import column_names
from ..detection.face import Face
from ..geometry.affine import transform_points
from ..results.drawing import draw_box
from ..results.types import Attributes, Landmarks, Segmentation

MODELS = ("landmarks", "segmentation", "attributes", "sketch", "shadow-removal")
MOST_FACES = 20  # of a photo; the largest are taken
SMALLEST, LARGEST = 512, 1024  # longest side of a shown image, px
MARGIN = 0.35  # around a face that is shown alone, of the longer side of its box


def join_faces(results: Sequence[Segmentation]) -> Segmentation:
    """Join the masks of all faces of a photo.

    Args:
        results: At least one result, the most confident face first. It is kept where faces overlap.

    Returns:
        One result with the mask of all faces.
    """
    first = results[0]
    mask = np.zeros_like(first.mask)
    for result in reversed(results):
        labelled = (result.mask > 0) & (result.mask != result.labels.ignore)
        mask[labelled] = result.mask[labelled]
    return Segmentation(mask, first.labels, first.image)


@dataclass(frozen=True, eq=False)
class Analysis:
    """The results of all ready models on one photo.

    Attributes:
        name: Name of the photo's file.
        image: The photo, RGB (H, W, 3) uint8.
        faces: The faces, from left to right.
        left_out: Number of faces that were found and not analysed.
        points: 68 landmarks per face.
        attributes: 40 attributes per face.
        parts: The parts of all faces.
        sketch: The photo with sketched faces, of the photo's shape.
        bright: The photo with faces without cast shadows, of the photo's shape.
    """

    name: str
    image: np.ndarray
    faces: list[Face]
    left_out: int
    points: list[Landmarks]
    attributes: list[Attributes]
    parts: Segmentation
    sketch: np.ndarray
    bright: np.ndarray


def faces_of(image: np.ndarray) -> tuple[list[Face], int]:
    """Find the faces of a photo.

    Args:
        image: RGB (H, W, 3) uint8.

    Returns:
        The largest faces, at most MOST_FACES, from left to right; and the number of other faces.
    """
    found = sorted(facekit.find_faces(image), key=lambda face: face.box[1] - face.box[3])
    return sorted(found[:MOST_FACES], key=lambda face: face.box[0]), max(0, len(found) - MOST_FACES)


def analyse(name: str, image: np.ndarray, report: Callable[[int, int], None] = lambda done, total: None) -> Analysis:
    """Run the models on one face after the other. So the memory does not grow with the number of faces.

    Args:
        name: Name of the photo's file.
        image: RGB (H, W, 3) uint8.
        report: Called before each face and at the end, with the number of finished faces and of all.

    Returns:
        The results.

    Raises:
        ValueError: If no face is found.
    """
    found, left_out = faces_of(image)
    faces, points, attributes = [], [], []
    masks: list[Segmentation] = []
    sketch = bright = image
    for number, face in enumerate(found):
        report(number, len(found))
        results = facekit.predict(MODELS, image, faces=[face])
        if not all(results):  # a face whose landmarks make no frame
            left_out += 1
            continue
        landmarks, mask, attribute, drawn, lit = (result[0] for result in results)
        faces.append(face)
        points.append(replace(landmarks, image=image))
        attributes.append(replace(attribute, image=image))
        masks = [join_faces([replace(mask, image=image), *masks])]
        sketch, bright = drawn.draw_on(sketch), lit.draw_on(bright)
    report(len(found), len(found))
    if not faces:
        reason = "try one where the face is larger, upright and well lit"
        raise ValueError(f"{name}: expected a photo with a face, but no face was found; {reason}")
    return Analysis(name, image, faces, left_out, points, attributes, masks[0], sketch, bright)


def view(photo: Analysis, face: int | None) -> Analysis:
    """Cut out a face, and scale it so that the longer side has SMALLEST to LARGEST pixels.

    Args:
        photo: The results of a photo.
        face: Index of the face, or None for the whole photo.

    Returns:
        The same results in the pixels of the scaled image; with a face, only those of this face.
    """
    height, width = photo.image.shape[:2]
    left, top, right, bottom = 0, 0, width, height
    if face is not None:
        x0, y0, x1, y1 = photo.faces[face].box
        margin = MARGIN * max(x1 - x0, y1 - y0)
        left, top = max(0, round(x0 - margin)), max(0, round(y0 - margin))
        right, bottom = min(width, round(x1 + margin)), min(height, round(y1 + margin))
    longer = max(right - left, bottom - top)
    factor = min(max(1.0, SMALLEST / longer), LARGEST / longer)
    size = (max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor)))
    smooth = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC

    def scaled(pixels: np.ndarray, filtering: Image.Resampling = smooth) -> np.ndarray:
        region = pixels[top:bottom, left:right]
        return region if factor == 1 else np.asarray(Image.fromarray(region).resize(size, filtering))

    # Pixel centres have whole numbers: the corner of the first pixel is at -0.5.
    shift_x, shift_y = (0.5 - left) * factor - 0.5, (0.5 - top) * factor - 0.5
    matrix = np.array([[factor, 0, shift_x], [0, factor, shift_y], [0, 0, 1]])
    image = scaled(photo.image)

    def moved(box: Any) -> Any:
        return None if box is None else tuple(transform_points(np.reshape(box, (2, 2)), matrix).ravel().tolist())

    chosen = range(len(photo.faces)) if face is None else [face]
    points = [
        replace(p, points=transform_points(p.points, matrix), image=image, box=moved(p.box))
        for p in (photo.points[i] for i in chosen)
    ]
    return Analysis(
        photo.name,
        image,
        [replace(photo.faces[i], box=moved(photo.faces[i].box), points=None) for i in chosen],
        photo.left_out,
        points,
        [replace(photo.attributes[i], image=image, box=moved(photo.attributes[i].box)) for i in chosen],
        Segmentation(scaled(photo.parts.mask, Image.Resampling.NEAREST), photo.parts.labels, image),
        scaled(photo.sketch),
        scaled(photo.bright),
    )


def draw_points(photo: Analysis) -> np.ndarray:
    """Draw the landmarks of all faces; if there are several, also their boxes with numbers. RGB (H, W, 3) uint8."""
    drawn = photo.image
    for number, (face, points) in enumerate(zip(photo.faces, photo.points, strict=True), 1):
        drawn = points.draw_on(drawn)
        if len(photo.faces) > 1:
            drawn = draw_box(drawn, face.box, [f"Face {number}"])
    return drawn


def numbers(photo: Analysis) -> dict[str, Any]:
    """Return all coordinates, names and probabilities, ready for JSON."""
    faces = zip(photo.faces, photo.points, photo.attributes, strict=True)
    return {
        "image": photo.name,
        "size": list(photo.image.shape[:2]),
        "faces": [
            {
                "box": [round(v, 2) for v in face.box],
                "roll": round(face.roll, 2),
                "score": round(face.score, 4),
                "landmarks": points.to_dict(),
                "attributes": attributes.to_dict(),
            }
            for face, points, attributes in faces
        ],
        "parts": photo.parts.to_dict(),
    }


def table(photo: Analysis, heading: bool = True) -> str:
    """Return one line of CSV per face: file, number, box, probability of each attribute, (x, y) of each landmark.

    Args:
        photo: The results of a photo.
        heading: Whether to begin with a line of column names.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if heading:
        names = column_names(photo.points[0].labels)
        writer.writerow(["image", "face", "x0", "y0", "x1", "y1", *photo.attributes[0].labels.names, *names])
    faces = zip(photo.faces, photo.points, photo.attributes, strict=True)
    for number, (face, points, attributes) in enumerate(faces, 1):
        values = [*face.box, *attributes.probabilities, *points.points.ravel()]
        writer.writerow([photo.name, number, *(f"{float(v):.4f}" for v in values)])
    return text.getvalue()
