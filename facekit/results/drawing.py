"""Draw points, outlines and masks on RGB images (H,W,3) uint8. Every function returns a new array.

Sizes of landmarks follow the face, widths of other lines follow the image, so that a 128 px crop and a 20-megapixel
photo look alike. Small images are enlarged by a whole factor, drawn on, and averaged back. So lines are smooth, and
other pixels do not change.
"""

from __future__ import annotations

import math
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
_OWN = (255, 214, 0)
_DARK = (16, 24, 40)
_PAPER = (24, 27, 33)
_INK = (238, 240, 244)
_DIM = (134, 142, 156)
_FINE_SIDE = 2048
_SHIFT = 4
_SMALLEST_FONT = 6.0  # px
# Boxes narrower than this part of the image's longer side get text that fits beside them.
_SMALL_BOX = 1 / 6
_FILL = 0.7
# Skin is tinted less, so that it keeps its own hue. The other parts stand out from it.
_SKIN_FILL = 0.3
_SKIN = ("skin", "skin_ears_neck", "face")
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def draw_landmarks(
    canvas: Canvas,
    points: NDArray[np.floating],
    labels: LandmarkSet,
    visible: NDArray[np.bool_] | None = None,
    face_size: float | None = None,
) -> Canvas:
    """Draw points as dots, joined by the lines of their set.

    Dots and lines follow the size of the face, down to dots of one pixel. Points of sets without lines are larger.
    Points that are not visible are small faded rings without lines.

    Args:
        canvas: (H,W,3) uint8.
        points: (K,2) in pixels; NaN points are left out.
        labels: The set with the lines.
        visible: (K,) bool; None draws all points as visible.
        face_size: Side of the face in pixels; None takes it from the points.

    Returns:
        The drawing, (H,W,3) uint8.
    """
    good = np.isfinite(points).all(1)
    out = canvas.copy()
    if not good.any():
        return out
    # Wrong points may be far outside.
    size = min(face_size or _face_size(points[good], canvas), 2 * max(canvas.shape[:2]))
    unit = size / (340 if len(labels) > 120 else 175 if len(labels) >= 40 else 110 if len(labels) > 10 else 75)
    if not labels.edges:
        unit *= 1.3
    radius = max(1.2 * unit, 0.5)
    margin = 4 * radius + 3
    window = _window(out, *(points[good].min(0) - margin), *(points[good].max(0) + margin))
    if not window.size:
        return out
    fine, times = _enlarged(window)
    # Dots that cover more than a small face have no rim.
    rim = 0.6 * unit if unit > 0.35 else 0.0
    offset = np.array(_window_start(points[good].min(0) - margin))
    centres = {int(i): _fixed_point((points[i] - offset + 0.5) * times - 0.5) for i in np.flatnonzero(good)}
    shown = {i: c for i, c in centres.items() if visible is None or visible[i]}
    lines = [(shown[a], shown[b]) for a, b in labels.edges if a in shown and b in shown]
    for colour, width in ((_DARK, unit + 1.5 * rim), (_LINE, unit)):
        layer = fine.copy()
        for a, b in lines:
            cv2.line(layer, a, b, colour, max(1, round(width * times)), cv2.LINE_AA, _SHIFT)
        weight = 0.75 * min(1.0, unit * 2)
        fine = cv2.addWeighted(layer, weight, fine, 1 - weight, 0).astype(np.uint8)
    layer = fine.copy()
    for i in centres.keys() - shown.keys():
        for colour, width in ((_DARK, 0.9 * unit), (_DOT, 0.5 * unit)):
            cv2.circle(
                layer, centres[i], _length(radius, times), colour, max(1, round(width * times)), cv2.LINE_AA, _SHIFT
            )
    fine = cv2.addWeighted(layer, 0.6, fine, 0.4, 0).astype(np.uint8)
    layer = fine.copy()
    dots = [(_DARK, radius + rim), (_DOT if labels.edges else _OWN, radius)]
    for colour, length in dots if rim else dots[1:]:
        for centre in shown.values():
            cv2.circle(layer, centre, _length(length, times), colour, -1, cv2.LINE_AA, _SHIFT)
    # Where dots of one pixel would cover a tiny face, they are translucent.
    weight = float(np.clip(size**2 / (8 * len(labels)), 0.4, 1.0))
    fine = cv2.addWeighted(layer, weight, fine, 1 - weight, 0).astype(np.uint8)
    window[:] = _reduced(fine, window)
    return out


def draw_mask(canvas: Canvas, mask: NDArray[np.uint8], labels: SegmentationSet, fill: float = _FILL) -> Canvas:
    """Draw a mask as tints with outlines.

    A tint changes hue and saturation only: every pixel keeps its luma (0.299 R + 0.587 G + 0.114 B). So dark skin stays
    dark, and light and shadow of the photo remain.

    Args:
        canvas: (H,W,3) uint8.
        mask: (H,W) uint8 class ids. Background (0) and ids outside the set are not drawn.
        labels: The set with the colours.
        fill: Strength of the tints, in [0, 1]. Skin is tinted less.

    Returns:
        The drawing, (H,W,3) uint8.
    """
    fine, times = _enlarged(canvas)
    thick = max(1, round(max(_largest_extent(mask, labels) / 450, max(canvas.shape[:2]) / 2400, 0.5) * times))
    outlined = []
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
        strength = fill * (_SKIN_FILL if labels.classes[i] in _SKIN else 1)
        alpha = (soft.astype(np.float32) * (strength / 255))[..., None]
        window[:] = np.rint(window * (1 - alpha) + tinted(window, colour) * alpha).astype(np.uint8)
        outlines, _ = cv2.findContours((soft > 127).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        outlined.append((window, outlines, colour))
    for window, outlines, colour in outlined:
        edged = cv2.drawContours(np.ascontiguousarray(window), outlines, -1, colour, thick, cv2.LINE_AA)
        window[:] = cv2.addWeighted(edged, 0.85, np.ascontiguousarray(window), 0.15, 0)
    return _reduced(fine, canvas)


def _largest_extent(mask: NDArray[np.uint8], labels: SegmentationSet) -> int:
    """Return the longer side in pixels of the largest connected region that is not background."""
    drawn = ((mask > 0) & (mask < len(labels))).astype(np.uint8)
    _, _, boxes, _ = cv2.connectedComponentsWithStats(drawn)
    return int(boxes[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(initial=0))


def tinted(image: Canvas, colour: Colour) -> NDArray[np.float32]:
    """Give an image the hue of a colour, and keep its luma.

    Each pixel becomes the colour in the brightness of the pixel. Where the colour cannot be so bright, white is
    mixed in.

    Args:
        image: (H,W,3) uint8.
        colour: RGB, 0 to 255.

    Returns:
        (H,W,3) float32, 0 to 255.
    """
    luma = image.astype(np.float32) @ _LUMA
    hue = np.array(colour, np.float32) / max(float(np.array(colour) @ _LUMA), 1.0)
    # From grey (0) to the scaled colour (1), as far as no channel is above 255.
    highest = luma * float(hue.max())
    saturation = np.clip((255 - luma) / np.maximum(highest - luma, 1e-3), 0, 1)[..., None]
    return (luma[..., None] * (1 + saturation * (hue - 1))).astype(np.float32)


def draw_box(canvas: Canvas, box: Sequence[float], text: Sequence[str] = ()) -> Canvas:
    """Draw the outline of a box with lines of text.

    The text is below the box if it fits there, else above it, else at the lower edge of the image. It is never cut off.
    A box that is small in the image gets small text, and only lines that fit beside it: labels must not hide a crowd.

    Args:
        canvas: (H,W,3) uint8.
        box: (x0, y0, x1, y1) in pixels.
        text: Lines of text.

    Returns:
        The drawing, (H,W,3) uint8.
    """
    fine, times = _enlarged(canvas)
    a, b = (_fixed_point((np.array(corner) + 0.5) * times - 0.5) for corner in (box[:2], box[2:]))
    longer = max(box[2] - box[0], box[3] - box[1])
    unit = max(longer / 250, max(canvas.shape[:2]) / 2800, 0.8) * times
    for colour, width in ((_DARK, 2.2), (_LINE, 1.2)):
        cv2.rectangle(fine, a, b, colour, max(1, round(unit * width)), cv2.LINE_AA, _SHIFT)
    out = _reduced(fine, canvas)
    if not text:
        return out
    height, width = canvas.shape[:2]
    image = Image.fromarray(out)
    pen = ImageDraw.Draw(image, "RGBA")
    font = _font(float(np.clip((box[2] - box[0]) / 12, 10, 40)))
    wide = max(pen.textlength(line, font=font) for line in text)
    small = box[2] - box[0] < _SMALL_BOX * max(height, width)
    most = min(0.95 * width, 1.2 * (box[2] - box[0])) if small else 0.95 * width
    if wide > most:
        font = _font(max(_SMALLEST_FONT, font.size * most / wide))
    if small:
        lines = int((box[3] - box[1]) / (1.25 * font.size))
        text = [line for line in text[:lines] if pen.textlength(line, font=font) <= 1.6 * most]
    if not text:
        return out
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


def _face_size(points: NDArray[np.floating], canvas: Canvas) -> float:
    """Estimate the side of a face in pixels from its points. A few points cover less than it."""
    if len(points) < 2:
        return max(canvas.shape[:2]) / 2
    return float(np.ptp(points, axis=0).max()) * (1.4 if len(points) <= 10 else 1)


def _window_start(low: NDArray[np.floating]) -> tuple[int, int]:
    """Return the first column and row of a window that begins at a point; it is inside the image."""
    return max(0, math.floor(low[0])), max(0, math.floor(low[1]))


def _window(canvas: Canvas, x0: float, y0: float, x1: float, y1: float) -> Canvas:
    """Return the part of an image between two corners, as a view."""
    left, top = _window_start(np.array([x0, y0]))
    return canvas[top : max(0, math.ceil(y1) + 1), left : max(0, math.ceil(x1) + 1)]


def _length(pixels: float, times: int) -> int:
    """Return a length in OpenCV's fixed-point numbers."""
    return max(1, round(pixels * times * 2**_SHIFT))


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
