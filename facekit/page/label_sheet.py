"""The images that a visitor labels, with their points and parts; an example of them; the labels as a zip file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..annotations import write_labels
from ..data.sample_faces import samples
from ..data.synthetic_faces.generator import GeneratedFaces
from ..labels import (
    FACEKIT_27,
    IGNORE_ID,
    LANDMARKS_5,
    LANDMARKS_68,
    SegmentationSet,
    convert_landmarks,
    segmentation_map,
    segmentation_set,
)
from .components import check_length
from .label_canvas import SIDE, layer_of, mask_of, off_canvas, on_canvas, to_canvas_size

POINT_NAMES = ", ".join(LANDMARKS_5.points)
PART_NAMES = "skin, brows, eyes, nose, mouth, hair"
MOST_PARTS = 6
MOST_POINTS = 200  # the largest published set has 194
EXAMPLE_FACES = 8
# A canvas shows none of the images if it differs from each of them by more than this mean, in grey levels.
OTHER_IMAGE = 20.0


@dataclass
class Sheet:
    """The images of one visitor and their labels.

    Attributes:
        images: RGB (H, W, 3) uint8 each, the longer side is SIDE px.
        points: Clicked points (x, y) of each image, px.
        masks: Painted class ids of each image, (H, W) uint8.
        at: Index of the current image.
        parts: Label set of the painted colours, as shown last. None before the first display.
    """

    images: list[np.ndarray] = field(default_factory=list)
    points: list[list[tuple[float, float]]] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    at: int = 0
    parts: SegmentationSet | None = None

    def shown_on(self, canvas: np.ndarray) -> int | None:
        """Find the image that a canvas shows.

        It can differ from ``at`` if the visitor presses buttons faster than the page answers.

        Args:
            canvas: (S, S, 3) uint8 of any side S, as it came from the editor.

        Returns:
            The index of the image, or None if the canvas shows none of these images.
        """
        canvas, best, least = to_canvas_size(canvas), None, OTHER_IMAGE
        # The current image comes first, so it is chosen among equal images.
        for i in sorted(range(len(self.images)), key=lambda i: i != self.at):
            difference = cv2.absdiff(on_canvas(self.images[i]), canvas)
            inside = off_canvas(difference, self.images[i].shape[:2])
            if (mean := max(difference.mean(), inside.mean())) < least:
                best, least = i, mean
            if mean == 0:
                break
        return best

    def labelled(self, names: list[str] | None) -> list[int]:
        """Return the indices of the labelled images.

        Args:
            names: Names of the points; an image needs all of them. None: an image needs any paint.
        """
        if names is None:
            return [i for i, mask in enumerate(self.masks) if mask.any()]
        return [i for i, points in enumerate(self.points) if len(points) >= len(names)]

    def add(self, image: np.ndarray, points: Any = (), mask: np.ndarray | None = None) -> None:
        """Add an image. The image and its labels are scaled to the size in which images are labelled.

        Args:
            image: RGB (H, W, 3) uint8.
            points: Points (x, y) in pixels of ``image``.
            mask: Class ids, (H, W) uint8. None: nothing is painted.
        """
        height, width = image.shape[:2]
        size = tuple(max(1, round(side * SIDE / max(height, width))) for side in (width, height))
        self.images.append(np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)))
        # Pixel centres have whole coordinates, so the fixed point of the scaling is the corner (-0.5, -0.5).
        self.points.append([((x + 0.5) * size[0] / width - 0.5, (y + 0.5) * size[1] / height - 0.5) for x, y in points])
        mask = np.zeros((height, width), np.uint8) if mask is None else mask
        self.masks.append(np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)))


def names_in(text: str) -> list[str]:
    """Split a text into names.

    Args:
        text: Names with commas between.

    Returns:
        The names without spaces at their ends.

    Raises:
        ValueError: If there is no name, or more than MOST_POINTS.
    """
    names = [name.strip() for name in check_length(text).split(",") if name.strip()]
    if not names:
        raise ValueError("expected names, got none; write them with commas between: left eye, right eye, nose")
    if len(names) > MOST_POINTS:
        raise ValueError(f"expected at most {MOST_POINTS} names, got {len(names)}; leave some out")
    return names


def parts_in(text: str) -> SegmentationSet:
    """Create the label set of the parts that a visitor paints.

    Args:
        text: Names of the parts with commas between.

    Returns:
        The label set; its first class is the background.

    Raises:
        ValueError: If there is no name, or more than MOST_PARTS.
    """
    if len(names := names_in(text)) > MOST_PARTS:
        raise ValueError(f"expected at most {MOST_PARTS} parts, got {len(names)}; pixels without paint are background")
    return segmentation_set(["background", *names])


def example_faces() -> tuple[Sheet, np.ndarray]:
    """Take sample people that are labelled with five points and six parts, and one more to test a model on.

    Returns:
        The labelled images, and the image without labels, RGB (256, 256, 3) uint8.
    """
    faces = samples()
    points = convert_landmarks(faces.landmarks, faces.landmark_labels, LANDMARKS_5)
    table = _part_table(faces.mask_labels)
    sheet = Sheet()
    for image, image_points, mask in zip(faces.images[:EXAMPLE_FACES], points, faces.masks, strict=False):
        sheet.add(image, image_points.tolist(), table[mask])
    return sheet, faces.images[EXAMPLE_FACES]


def _part_table(labels: SegmentationSet) -> np.ndarray:
    """Return the table from ids of a set to those of PART_NAMES; other parts are background."""
    table = segmentation_map(labels, parts_in(PART_NAMES))
    table[table == IGNORE_ID] = 0
    return table


def generated_faces(count: int, size: int, framing: float) -> tuple[Sheet, np.ndarray]:
    """Generate faces that are labelled with five points and six parts, and one more image to test a model on.

    Args:
        count: Number of labelled faces.
        size: Side of the generated images, px.
        framing: Size of the image relative to the face, as in `GeneratedFaces`.

    Returns:
        The labelled images, and the image without labels, RGB (size, size, 3) uint8.
    """
    faces = GeneratedFaces(seed=17, size=size, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10), framing=framing)
    batch = faces.batch(range(count + 1))
    table = _part_table(FACEKIT_27)
    images = batch["image"].permute(0, 2, 3, 1).contiguous().numpy()
    points = convert_landmarks(batch["landmarks68"].numpy(), LANDMARKS_68, LANDMARKS_5)
    sheet = Sheet()
    for image, image_points, mask in zip(images[:-1], points, batch["mask"].numpy(), strict=False):
        sheet.add(image, image_points.tolist(), table[mask])
    return sheet, images[-1]


def write_sheet(sheet: Sheet, folder: Path, names: list[str] | None) -> Path:
    """Write the labelled images and a LabelMe file for each of them to a zip file.

    Args:
        sheet: The images and their labels. Images are written in the size in which they were labelled.
        folder: A new folder. The zip file gets its name and lies beside it.
        names: Names of the points. None: write the painted parts.

    Returns:
        The zip file.

    Raises:
        ValueError: If no image is labelled.
    """
    chosen = sheet.labelled(None) if names is None else [i for i, points in enumerate(sheet.points) if points]
    if not chosen:
        raise ValueError("no image is labelled yet: label at least one, or load the example in step 1")
    folder.mkdir()
    files = [folder / f"image_{i + 1:03}.png" for i in chosen]
    for i, file in zip(chosen, files, strict=True):
        Image.fromarray(sheet.images[i]).save(file)
    if names is None:
        assert sheet.parts is not None
        write_labels(folder, files, [sheet.masks[i] for i in chosen], "segmentation", sheet.parts)
    else:
        points = np.full((len(chosen), len(names), 2), np.nan, np.float32)
        for row, i in zip(points, chosen, strict=True):
            clicked = sheet.points[i][: len(names)]
            row[: len(clicked)] = clicked
        write_labels(folder, files, points, "landmarks", names)
    return Path(shutil.make_archive(str(folder), "zip", folder))


def editor_value(sheet: Sheet) -> dict[str, Any]:
    """Return the current image and its paint in the form of gradio's image editor."""
    assert sheet.parts is not None
    layer = layer_of(sheet.masks[sheet.at], sheet.parts)
    return {"background": on_canvas(sheet.images[sheet.at]), "layers": [on_canvas(layer, 0)], "composite": None}


def store_paint(sheet: Sheet, editor: dict[str, Any] | None) -> int | None:
    """Store the paint of the editor with the image that lies under it.

    Args:
        sheet: The visitor's images. Changed in place.
        editor: "background" (S, S, 3) and "layers" (S, S, 4), see `PaintEditor.preprocess`; or None.

    Returns:
        The index of that image. None if the editor is not in use, or shows none of these images.
    """
    if not sheet.parts or not editor or editor.get("background") is None:
        return None
    if (shown := sheet.shown_on(editor["background"])) is not None:
        mask = mask_of(editor["layers"], sheet.parts)
        sheet.masks[shown] = off_canvas(mask, sheet.images[shown].shape[:2]).copy()
    return shown
