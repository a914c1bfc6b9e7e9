"""Draw points, outlines and masks on RGB images (H,W,3) uint8. Every function returns a new array.

Line widths follow the size of image and face, so that a 128 px crop and a 20-megapixel photo look alike. Small images
are enlarged by a whole factor, drawn on, and averaged back. So lines are smooth, and other pixels do not change.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..labels import LandmarkSet, SegmentationSet

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]

_LINE = (0, 200, 255)
_DOT = (255, 255, 255)
_DARK = (16, 24, 40)
_PAPER = (24, 27, 33)
_INK = (238, 240, 244)
_DIM = (134, 142, 156)
_FINE_SIDE = 2048
_SHIFT = 4
_FILL = 0.45


def draw_landmarks(canvas: Canvas, points: NDArray[np.floating], labels: LandmarkSet) -> Canvas:
    """Draw points as dots, joined by the lines of their set.

    Args:
        canvas: (H,W,3) uint8.
        points: (K,2) in pixels; NaN points are left out.
        labels: The set with the lines.

    Returns:
        The drawing, (H,W,3) uint8.
    """
    good = np.isfinite(points).all(1)
    if not good.any():
        return canvas.copy()
    fine, times = _enlarged(canvas)
    extent = float(np.ptp(points[good], axis=0).max()) if good.sum() > 1 else max(canvas.shape[:2]) / 2
    # Sets of more points get smaller dots; nothing is drawn thinner than half a pixel of the image.
    parts = 45 if len(labels) <= 10 else 110 if len(labels) < 40 else 175
    unit = max(extent / parts, max(canvas.shape[:2]) / 900, 0.5) * times
    centres = {int(i): _fixed_point((points[i] + 0.5) * times - 0.5) for i in np.flatnonzero(good)}
    lines = [(centres[a], centres[b]) for a, b in labels.edges if a in centres and b in centres]
    for colour, width in ((_DARK, 1.9), (_LINE, 1.0)):
        layer = fine.copy()
        for a, b in lines:
            cv2.line(layer, a, b, colour, max(1, round(unit * width)), cv2.LINE_AA, _SHIFT)
        fine = cv2.addWeighted(layer, 0.75, fine, 0.25, 0).astype(np.uint8)
    for colour, radius in ((_DARK, 1.75), (_DOT, 1.15)):
        for centre in centres.values():
            cv2.circle(fine, centre, max(1, round(unit * radius * 2**_SHIFT)), colour, -1, cv2.LINE_AA, _SHIFT)
    return _reduced(fine, canvas)


def draw_mask(canvas: Canvas, mask: NDArray[np.uint8], labels: SegmentationSet, fill: float = _FILL) -> Canvas:
    """Draw a mask as translucent colours with outlines.

    Args:
        canvas: (H,W,3) uint8.
        mask: (H,W) uint8 class ids. Background (0) and ids outside the set are not drawn.
        labels: The set with the colours.
        fill: Opacity of the colours, in [0, 1].

    Returns:
        The drawing, (H,W,3) uint8.
    """
    fine, times = _enlarged(canvas)
    for i in np.unique(mask):
        if i == 0 or i >= len(labels):
            continue
        colour = labels.palette[i]
        x, y, w, h = cv2.boundingRect((mask == i).astype(np.uint8))
        # A margin on each side, so that the outline is closed within the cut.
        x0, y0, x1, y1 = max(0, x - 2), max(0, y - 2), min(mask.shape[1], x + w + 2), min(mask.shape[0], y + h + 2)
        part = (mask[y0:y1, x0:x1] == i).astype(np.uint8) * 255
        soft = cv2.resize(part, None, fx=times, fy=times, interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(soft, (0, 0), 0.5 * times)
        window = fine[y0 * times : y1 * times, x0 * times : x1 * times]
        alpha = (soft.astype(np.float32) * (fill / 255))[..., None]
        window[:] = np.rint(window * (1 - alpha) + np.array(colour, np.float32) * alpha).astype(np.uint8)
        outlines, _ = cv2.findContours((soft > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        thick = max(1, round(max(canvas.shape[:2]) / 700 * times))
        edged = cv2.drawContours(np.ascontiguousarray(window), outlines, -1, colour, thick, cv2.LINE_AA)
        window[:] = cv2.addWeighted(edged, 0.85, np.ascontiguousarray(window), 0.15, 0)
    return _reduced(fine, canvas)


def draw_box(canvas: Canvas, box: Sequence[float], text: Sequence[str] = ()) -> Canvas:
    """Draw the outline of a box with lines of text.

    The text is below the box if it fits there, else above it, else at the lower edge of the image. It is never cut off.

    Args:
        canvas: (H,W,3) uint8.
        box: (x0, y0, x1, y1) in pixels.
        text: Lines of text.

    Returns:
        The drawing, (H,W,3) uint8.
    """
    fine, times = _enlarged(canvas)
    a, b = (_fixed_point((np.array(corner) + 0.5) * times - 0.5) for corner in (box[:2], box[2:]))
    unit = max(max(canvas.shape[:2]) / 700, 0.8) * times
    for colour, width in ((_DARK, 2.2), (_LINE, 1.2)):
        cv2.rectangle(fine, a, b, colour, max(1, round(unit * width)), cv2.LINE_AA, _SHIFT)
    out = _reduced(fine, canvas)
    if not text:
        return out
    image = Image.fromarray(out)
    pen = ImageDraw.Draw(image, "RGBA")
    height, width = canvas.shape[:2]
    font = _font(float(np.clip((box[2] - box[0]) / 12, 10, 40)))
    wide = max(pen.textlength(line, font=font) for line in text)
    if wide > 0.95 * width:
        font = _font(max(6.0, font.size * 0.95 * width / wide))
        wide = max(pen.textlength(line, font=font) for line in text)
    pad, row = font.size * 0.3, font.size * 1.25
    high = row * len(text)
    y = box[3] + 2 * pad
    if y + high + pad > height:
        y = box[1] - 2 * pad - high if box[1] > high + 3 * pad else height - high - pad
    x = float(np.clip(box[0] + pad, pad, max(pad, width - wide - pad)))
    pen.rectangle((x - pad, y - pad, x + wide + pad, y + high + pad), fill=(*_PAPER, 190))
    for i, line in enumerate(text):
        pen.text((x, y + i * row), line, fill=_INK, font=font)
    return np.asarray(image)


def add_legend(canvas: Canvas, entries: Sequence[tuple[str, Colour]]) -> Canvas:
    """Add a strip at the right that names colours. Long lists get several columns.

    Args:
        canvas: (H,W,3) uint8.
        entries: Name and colour of each entry.

    Returns:
        (H,W + strip,3) uint8.
    """
    if not entries:
        return canvas.copy()
    height = canvas.shape[0]
    size = float(np.clip(height / 26, 11, 40))
    font, row, pad = _font(size), size * 1.55, size * 0.7
    rows = max(1, int((height - 2 * pad) // row))
    columns = [entries[i : i + rows] for i in range(0, len(entries), rows)]
    widths = [size * 1.6 + max(font.getlength(name) for name, _ in column) + 1.5 * pad for column in columns]
    strip = Image.new("RGB", (round(sum(widths) + pad), height), _PAPER)
    pen = ImageDraw.Draw(strip)
    x = pad
    for column, width in zip(columns, widths, strict=True):
        for i, (name, colour) in enumerate(column):
            top = pad + i * row
            chip = (x, top + size * 0.12, x + size, top + size * 1.12)
            pen.rounded_rectangle(chip, radius=size * 0.22, fill=colour, outline=(90, 95, 105))
            pen.text((x + size * 1.6, top + size * 0.62), name, fill=_INK, font=font, anchor="lm")
        x += width
    return np.concatenate([canvas, np.asarray(strip)], axis=1)


def add_bars(canvas: Canvas, entries: Sequence[tuple[str, float]]) -> Canvas:
    """Add a strip at the right that shows probabilities as bars.

    The first column shows as many entries as fit. Further columns follow for entries of 0.5 or more. Entries below 0.5
    are dimmed.

    Args:
        canvas: (H,W,3) uint8.
        entries: Name and probability of each entry, the most likely first.

    Returns:
        (H,W + strip,3) uint8.
    """
    height = canvas.shape[0]
    size = float(np.clip(height / 26, 11, 40))
    font, row, pad, bar = _font(size), size * 1.6, size * 0.7, size * 5
    rows = max(1, int((height - 2 * pad) // row))
    shown = entries[: max(rows, sum(value >= 0.5 for _, value in entries))]
    columns = [shown[i : i + rows] for i in range(0, len(shown), rows)]
    widths = [max(font.getlength(name) for name, _ in column) for column in columns]
    strip = Image.new("RGB", (round(sum(widths) + len(columns) * (bar + size * 3.2 + 3 * pad) + pad), height), _PAPER)
    pen = ImageDraw.Draw(strip)
    x = pad
    for column, names in zip(columns, widths, strict=True):
        left = x + names + pad
        for i, (name, value) in enumerate(column):
            ink, fill = (_INK, _LINE) if value >= 0.5 else (_DIM, _DIM)
            middle = pad + (i + 0.5) * row
            pen.text((x, middle), name, fill=ink, font=font, anchor="lm")
            box = (left, middle - size * 0.32, left + bar, middle + size * 0.32)
            pen.rounded_rectangle(box, radius=size * 0.3, fill=(52, 57, 66))
            filled = bar * float(np.clip(value, 0, 1)) if np.isfinite(value) else 0.0
            if filled >= size * 0.6:
                pen.rounded_rectangle((*box[:2], left + filled, box[3]), radius=size * 0.3, fill=fill)
            elif filled >= 1:
                pen.rectangle((*box[:2], left + filled, box[3]), fill=fill)
            label = f"{100 * value:.0f} %" if np.isfinite(value) else "-"
            pen.text((left + bar + pad, middle), label, fill=ink, font=font, anchor="lm")
        x = left + bar + size * 3.2 + 2 * pad
    return np.concatenate([canvas, np.asarray(strip)], axis=1)


def legend_entries(masks: Sequence[NDArray[np.uint8]], labels: SegmentationSet) -> list[tuple[str, Colour]]:
    """Return name and colour of each class in the masks, without the background, in the set's order.

    Args:
        masks: (H,W) uint8 class ids each.
        labels: The set that names the classes.
    """
    shown = set().union(*(np.unique(m).tolist() for m in masks)) if masks else set()
    return [(readable(labels.classes[i]), labels.palette[i]) for i in range(1, len(labels)) if i in shown]


def readable(name: str) -> str:
    """Return a label's name with spaces: `left_upper_socket` -> "left upper socket"."""
    return name.replace("_", " ").strip()


def _font(size: float) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font in a size in pixels."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError(
            "expected Pillow with FreeType, got one without, so text cannot be drawn; install Pillow's wheel"
        )
    return font


def _enlarged(canvas: Canvas) -> tuple[Canvas, int]:
    """Return an enlarged copy to draw on, and the factor, 1 to 4."""
    times = int(np.clip(_FINE_SIDE // max(canvas.shape[:2]), 1, 4))
    return np.repeat(np.repeat(canvas, times, axis=0), times, axis=1), times


def _reduced(fine: Canvas, canvas: Canvas) -> Canvas:
    """Average an enlarged drawing down to the canvas's size."""
    size = (canvas.shape[1], canvas.shape[0])
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _fixed_point(point: NDArray[np.floating]) -> tuple[int, int]:
    """Return a point in OpenCV's fixed-point numbers, for drawing at fractions of a pixel."""
    # Points far outside would overflow.
    x, y = np.clip(np.rint(point * 2**_SHIFT), -(2**24), 2**24)
    return int(x), int(y)
