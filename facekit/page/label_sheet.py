"""What a visitor labels: the sheet of images with clicked points and painted parts, and an example of one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..annotations import write_labels
from ..data.synthetic_faces.generator import GeneratedFaces
from ..labels import (
    FACEKIT_27,
    LANDMARKS_5,
    LANDMARKS_68,
    SegmentationSet,
    convert_landmarks,
    segmentation_map,
    segmentation_set,
)
from .components import check_length

POINT_NAMES = ", ".join(LANDMARKS_5.points)
PART_NAMES = "skin, brows, eyes, nose, mouth, hair"
MOST_PARTS = 6
MOST_POINTS = 200  # the largest published set has 194
EXAMPLE_FACES = 6
VEIL = 165  # opacity of paint that is loaded, so that the face shows through; fresh strokes are opaque (255)
SIDE = 640  # images are labelled at this longest side: large enough to aim, small enough to travel at every click
MARGIN = 240  # grey of the canvas beside an image
FOREIGN = 20.0  # grey levels: a canvas that differs by more from every image shows none of them


@dataclass
class Sheet:
    """One visitor's images (H,W,3) and what is labelled so far: clicked points (x,y) and painted ids (H,W)."""

    images: list[np.ndarray] = field(default_factory=list)
    points: list[list[tuple[float, float]]] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    at: int = 0
    parts: SegmentationSet | None = None  # as shown last: what the painted colours mean

    def shown_on(self, canvas: np.ndarray) -> int | None:
        """Tell which image a canvas shows. It may be another than ``at`` where a visitor is faster than the page.

        Args:
            canvas: (S, S, 3) uint8 of any side S, as it came from the editor.

        Returns:
            The image's index, or None where the canvas shows no image of this sheet.
        """
        seen, best, least = _square(canvas, SIDE), None, FOREIGN
        for i in sorted(range(len(self.images)), key=lambda i: i != self.at):  # of equal images the current one
            difference = cv2.absdiff(on_canvas(self.images[i]), seen)
            inside = off_canvas(difference, self.images[i].shape[:2])
            if (mean := max(difference.mean(), inside.mean())) < least:
                best, least = i, mean
            if mean == 0:
                break
        return best

    def labelled(self, names: list[str] | None) -> list[int]:
        """Which images are labelled: all points of these names clicked, or with None anything painted."""
        if names is None:
            return [i for i, mask in enumerate(self.masks) if mask.any()]
        return [i for i, points in enumerate(self.points) if len(points) >= len(names)]

    def add(self, image: np.ndarray, points: Any = (), mask: np.ndarray | None = None) -> None:
        """One more image, brought to the labelling size, with labels in its own pixels."""
        height, width = image.shape[:2]
        size = tuple(max(1, round(side * SIDE / max(height, width))) for side in (width, height))
        self.images.append(np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)))
        # Pixel centres are whole numbers, so scaling goes about the corner at (-0.5, -0.5).
        self.points.append([((x + 0.5) * size[0] / width - 0.5, (y + 0.5) * size[1] / height - 0.5) for x, y in points])
        mask = np.zeros((height, width), np.uint8) if mask is None else mask
        self.masks.append(np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)))


def names_in(text: str) -> list[str]:
    """The names of a comma-separated list, spaces trimmed; ValueError where there is none, or are too many."""
    names = [name.strip() for name in check_length(text).split(",") if name.strip()]
    if not names:
        raise ValueError("no names came: write them with commas between them, for example: left eye, right eye, nose")
    if len(names) > MOST_POINTS:
        raise ValueError(f"expected at most {MOST_POINTS} names, got {len(names)}; leave some out")
    return names


def parts_in(text: str) -> SegmentationSet:
    """The set of parts that a visitor paints, background first; ValueError for more than the palette holds."""
    if len(names := names_in(text)) > MOST_PARTS:
        raise ValueError(f"{len(names)} parts came: paint up to {MOST_PARTS}, the rest is background")
    return segmentation_set(["background", *names])


def layer_of(mask: np.ndarray, parts: SegmentationSet) -> np.ndarray:
    """A painted layer (H,W,4) uint8 that shows a mask (H,W): the palette's colours, background transparent."""
    colours = np.array([(0, 0, 0, 0), *((*colour, VEIL) for colour in parts.palette[1:])], np.uint8)
    return colours[np.where(mask < len(parts), mask, 0)]


def _corner(height: int, width: int) -> tuple[int, int]:
    """Row and column of the canvas at which an image's first pixel lies."""
    return (SIDE - height) // 2, (SIDE - width) // 2


def on_canvas(image: np.ndarray, margin: int = MARGIN) -> np.ndarray:
    """Lay an image or a layer in the middle of a square canvas, which has the same size for all images.

    gradio's editor places layers by the size of the canvas before: with canvases of several sizes, paint moves.

    Args:
        image: (H, W, C) uint8, H and W at most SIDE.
        margin: The value beside it.

    Returns:
        The canvas, (SIDE, SIDE, C) uint8.
    """
    height, width = image.shape[:2]
    top, left = _corner(height, width)
    canvas = np.full((SIDE, SIDE, image.shape[2]), margin, np.uint8)
    canvas[top : top + height, left : left + width] = image
    return canvas


def off_canvas(canvas: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut an image's part out of a canvas.

    Args:
        canvas: (SIDE, SIDE, ...).
        size: Height and width of the image.

    Returns:
        The part, (H, W, ...).
    """
    top, left = _corner(*size)
    return canvas[top : top + size[0], left : left + size[1]]


def _square(image: np.ndarray, side: int) -> np.ndarray:
    """An image of the editor in the canvas's size; screens with finer pixels give larger ones."""
    if image.shape[0] != image.shape[1]:
        raise ValueError(
            f"expected a square image from the editor, got {image.shape[1]} x {image.shape[0]} px; load the page again"
        )
    if image.shape[0] == side:
        return image
    return np.array(Image.fromarray(image).resize((side, side), Image.Resampling.NEAREST))


def mask_of(layers: list[np.ndarray], parts: SegmentationSet) -> np.ndarray:
    """Class ids (SIDE,SIDE) uint8 of painted layers (S,S,4): the nearest palette colour, 0 where there is little
    paint."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    palette = np.array(parts.palette[1:], np.int32)
    for layer in layers:
        layer = _square(layer, SIDE)
        painted = layer[..., 3] > 127
        distance = ((layer[painted][:, None, :3].astype(np.int32) - palette) ** 2).sum(-1)
        mask[painted] = distance.argmin(1) + 1
    return mask


def example_faces(count: int = EXAMPLE_FACES, size: int = 320, framing: float = 1.6) -> tuple[Sheet, np.ndarray]:
    """So many generated faces with five points and six parts each, and one more image to try the model on.
    size: px of a side. framing: as of `GeneratedFaces`."""
    faces = GeneratedFaces(seed=17, size=size, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10), framing=framing)
    batch = faces.batch(range(count + 1))
    table = segmentation_map(FACEKIT_27, parts_in(PART_NAMES))
    table[table == 255] = 0
    images = batch["image"].permute(0, 2, 3, 1).contiguous().numpy()
    points = convert_landmarks(batch["landmarks68"].numpy(), LANDMARKS_68, LANDMARKS_5)
    sheet = Sheet()
    for image, own, mask in zip(images[:-1], points, batch["mask"].numpy(), strict=False):
        sheet.add(image, own.tolist(), table[mask])
    return sheet, images[-1]


def write_sheet(sheet: Sheet, folder: Path, names: list[str] | None) -> Path:
    """A zip beside the new `folder`: the labelled images as they were labelled, with LabelMe's file for each.

    names: of the points, None for painted parts. Raises ValueError where nothing is labelled.
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
    """The current image on its canvas, under its paint, as the editor takes it."""
    assert sheet.parts is not None
    layer = layer_of(sheet.masks[sheet.at], sheet.parts)
    return {"background": on_canvas(sheet.images[sheet.at]), "layers": [on_canvas(layer, 0)], "composite": None}


def keep(sheet: Sheet, editor: dict[str, Any] | None) -> int | None:
    """Store the paint on the editor with the image that lies under it.

    Args:
        sheet: The visitor's images. Changed in place.
        editor: "background" (S, S, 3) and "layers" (S, S, 4) as of `PaintEditor`, or None.

    Returns:
        The index of that image. None where the editor is not in use, or shows no image of this sheet.
    """
    if not sheet.parts or not editor or editor.get("background") is None:
        return None
    if (shown := sheet.shown_on(editor["background"])) is not None:
        mask = mask_of(editor["layers"], sheet.parts)
        sheet.masks[shown] = off_canvas(mask, sheet.images[shown].shape[:2]).copy()
    return shown
