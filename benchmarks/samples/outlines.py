"""Parts of a face that the 189 points of the London set outline, as polygons in pixels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from facekit.labels import CELEBAMASK_19, LANDMARKS_189

Points = NDArray[np.float64]
Mask = NDArray[np.uint8]

FINE = 8  # polygons are filled at this multiple of the image's size
STEPS = 8  # points of a curve between two landmarks


def curve(points: Points, names: Sequence[str]) -> Points:
    """Return a smooth curve through landmarks.

    Args:
        points: (189,2) in pixels.
        names: Names of the landmarks in the order of the curve.

    Returns:
        Points of the curve (M,2).
    """
    knots = points[[LANDMARKS_189.index(name) for name in names]]
    if len(knots) < 3:
        return knots
    lengths = np.maximum(np.linalg.norm(np.diff(knots, axis=0), axis=1), 0.05)
    along = np.r_[0, np.cumsum(np.sqrt(lengths))]  # the centripetal parameter makes no loops
    return np.asarray(CubicSpline(along, knots, bc_type="natural")(np.linspace(0, along[-1], STEPS * len(names))))


def filled(polygon: Points, side: int) -> NDArray[np.bool_]:
    """Return the pixels of which a polygon covers at least half, (side,side) bool."""
    fine = np.zeros((side * FINE, side * FINE), np.uint8)
    corners = np.rint(((polygon + 0.5) * FINE - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [corners], 255, cv2.LINE_8, 4)
    return np.asarray(cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA)) >= 128


def _sided(side: str, *names: str) -> list[str]:
    return [f"{side}_{name}" for name in names]


def _numbered(side: str, stem: str, numbers: Sequence[int]) -> list[str]:
    return [f"{side}_{stem}_{i}" for i in numbers]


def eye(points: Points, side: str) -> Points:
    """Return the outline of an eye; ``side`` is "left" or "right"."""
    upper = _sided(side, "eye_outer", "eye_top_outer", "eye_top", "eye_top_inner", "eye_inner")
    lower = _sided(side, "eye_inner", "eye_bottom_inner", "eye_bottom", "eye_bottom_outer", "eye_outer")
    return np.concatenate([curve(points, upper), curve(points, lower)])


def brow(points: Points, side: str) -> Points:
    """Return the outline of a brow; ``side`` is "left" or "right"."""
    upper = _numbered(side, "brow", range(5))
    lower = [*_numbered(side, "brow_lower", (3, 2, 1)), f"{side}_brow_0"]
    return np.concatenate([curve(points, upper), curve(points, lower)])


def _lip_line(stem: str, outer: bool) -> list[str]:
    """Return the names of one line of the lips from the left corner of the mouth to the right one."""
    if outer:
        left, middle = _numbered("left", f"{stem}_lip", (0, 1)), f"{stem}_lip_middle"
    else:
        left, middle = _sided("left", f"inner_{stem}_outer", f"inner_{stem}"), f"inner_{stem}"
    right = [name.replace("left", "right") for name in reversed(left)]
    return ["left_mouth_corner", *left, middle, *right, "right_mouth_corner"]


def lip(points: Points, stem: str) -> Points:
    """Return the outline of a lip; ``stem`` is "upper" or "lower"."""
    return np.concatenate([curve(points, _lip_line(stem, True)), curve(points, _lip_line(stem, False))[::-1]])


def inner_mouth(points: Points) -> Points:
    """Return the outline of the opening between the lips."""
    return np.concatenate([curve(points, _lip_line("upper", False)), curve(points, _lip_line("lower", False))[::-1]])


def lower_face(points: Points) -> Points:
    """Return the outline of the face below the ears' tops: the sides of the face and the jaw."""
    down = [*_numbered("left", "face_side", range(5)), *_numbered("left", "jawline", range(4)), "jaw_bottom"]
    up = [name.replace("left", "right") for name in reversed(down[:-1])]
    return curve(points, [*down, *up])


def ear(points: Points, side: str) -> Points:
    """Return the outline of an ear between its outer edge and the side of the face."""
    inner = curve(points, _numbered(side, "face_side", (4, 3, 2, 1, 0)))
    return np.concatenate([curve(points, _numbered(side, "ear", range(5))), inner])


def exact_parts(mask: Mask, points: Points) -> Mask:
    """Replace what the points outline exactly: eyes, brows, lips, and the borders of face, ears and neck.

    Args:
        mask: Ids of ``celebamask19`` (H,H), from a parser.
        points: (189,2) in pixels of the mask.

    Returns:
        The corrected ids, same shape.
    """
    ids = {name: CELEBAMASK_19.index(name) for name in CELEBAMASK_19.classes}
    side, out = len(mask), mask.copy()

    def among(*names: str) -> NDArray[np.bool_]:
        return np.isin(out, [ids[name] for name in names])

    features = ("left_eye", "right_eye", "left_brow", "right_brow", "upper_lip", "lower_lip", "inner_mouth")
    out[among(*features)] = ids["skin"]
    face = filled(lower_face(points), side)
    out[face & among("neck", "cloth", "background", "left_ear", "right_ear")] = ids["skin"]
    rows = np.arange(side)[:, None] + 0 * out
    # Beside the jaw's steep part, skin outside of the line is still the face.
    jaw = points[[LANDMARKS_189.index(f"{s}_jawline_1") for s in ("left", "right")], 1].mean()
    out[~face & (rows > jaw) & among("skin")] = ids["neck"]
    for s in ("left", "right"):
        inside = filled(ear(points, s), side) & ~face
        out[inside & among("skin", "neck", "background", "left_ear", "right_ear")] = ids[f"{s}_ear"]
    for s in ("left", "right"):
        out[filled(brow(points, s), side)] = ids[f"{s}_brow"]
        out[filled(eye(points, s), side)] = ids[f"{s}_eye"]
    out[filled(inner_mouth(points), side)] = ids["inner_mouth"]
    for stem in ("upper", "lower"):
        out[filled(lip(points, stem), side)] = ids[f"{stem}_lip"]
    return out
