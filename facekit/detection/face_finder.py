"""Find faces by a vote of OpenCV's Haar cascades, which needs neither a download nor a network.

A single cascade either misses faces or finds false ones, such as in curtains. Here the raw windows of four detectors
are pooled: two frontal ones, the profile one, and its mirror image. A place that several of them report is a face.
Haar cascades are an old method. For faces in strong profile, upside down or half hidden, pass `faces=` with the boxes
of another detector.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..geometry.affine import crop_matrix, invert
from ..geometry.affine_crop import AffineCrop
from .cascades import WINDOW, Boxes, check_rgb, eye_roll, haar_cascade, holds_centre, working_copy
from .face import Face, moved_box

_SCALE_STEP = 1.1
_OVERLAP = 0.4

# (cascade, mirrored, sideways shift of the face's centre in window widths): windows of the profile cascade include the
# back of the head. Shifts are medians over the windows on a face in 300w (300 crops), dlib_faces and facesynthetics.
_VOTERS = (
    ("frontalface_alt2", False, 0.0),
    ("frontalface_default", False, 0.0),
    ("profileface", False, -0.11),
    ("profileface", True, 0.11),
)
# Score = logistic(weights . log(1 + windows) + eyes + bias) over alt2, default and the stronger profile; the term of
# the eyes counts if both are found. Fitted by logistic regression to merged windows of 500 crops of 300w, 80 of fasseg,
# 100 of celebahq128, facesynthetics, dlib_faces and 16 images of scikit-image, labelled by whether a face is there.
# Only windows that an earlier fit without eyes gave 0.2 or more were used. The thresholds below were chosen on the same
# images. On other images this finds: 395 of 400 further crops of 300w with 2 false faces, 145 of 150 of celebahq128
# with none, 87 of 122 of fasseg (yaw up to 90 degrees, the same few people) with 1.
_WEIGHTS = np.array([1.45, 0.6, 2.51])
_EYES = 4.36
_BIAS = -4.61
# Eyes alone are no evidence: with fewer votes (weighted, bias included) grass and printed pages would pass.
_FEWEST_VOTES = -1.8
_MIN_SCORE = 0.7
_SECOND_SCORE = 0.8  # for all faces but the best one, as an image holds at least one face more often than two
# Least score of the best face where none reaches the threshold, upright or rotated: most images hold a face.
_LAST_RESORT = 0.4
# Rolls in degrees. Small windows take most of the time, and faces in rotated images are seldom small.
_TURNS = (30.0, -30.0)
_TURNED_WINDOW = 36


def find_faces(image: NDArray[np.uint8], min_size: float | None = None) -> list[Face]:
    """Find the faces in an image.

    If no upright face is found, the search is repeated for faces that are rolled by about +-30 degrees.

    Args:
        image: (H,W,3) uint8 RGB.
        min_size: Side of the smallest face in pixels; None is 1/27 of the image's longest side. Smaller values take
            longer.

    Returns:
        The faces, best first; an empty list if there is none.

    Raises:
        ValueError: If the image has another type or shape, or ``min_size`` is not positive.
    """
    check_rgb(image, "find_faces")
    if min_size is not None and not (math.isfinite(min_size) and min_size > 0):
        raise ValueError(f"min_size={min_size}: expected the side of the smallest face in pixels, above 0")
    gray, scale = working_copy(image, min_size)
    smallest = WINDOW if min_size is None else max(WINDOW, round(min_size * scale))
    upright = _search(gray, smallest)
    faces = _sure(upright)
    faces = faces or _search_turned(gray, smallest) or upright[:1]
    back = invert(crop_matrix((-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5), gray.shape))
    return [Face(moved_box(face.box, back), face.roll, face.score) for face in faces]


def _windows(gray: NDArray[np.uint8], name: str, mirrored: bool, smallest: int) -> Boxes:
    """Return the raw windows (N,4) of one cascade, of at least ``smallest`` pixels a side."""
    if min(gray.shape) < smallest:
        return np.zeros((0, 4))
    searched = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
    windows = haar_cascade(name).detectMultiScale(
        searched, scaleFactor=_SCALE_STEP, minNeighbors=0, minSize=(smallest, smallest)
    )
    boxes = np.asarray(windows, dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    if mirrored:
        boxes[:, [0, 2]] = gray.shape[1] - boxes[:, [2, 0]]
    return boxes - 0.5


def _search(gray: NDArray[np.uint8], smallest: int, roll: float = 0.0) -> list[Face]:
    """Find the faces of the working copy that score at least `_LAST_RESORT`.

    Args:
        gray: Working copy (h,w).
        smallest: Side of the smallest window, pixels.
        roll: Rotation of the copy in degrees, which is added to the faces' own.

    Returns:
        The faces, best first; of overlapping ones only the best.
    """
    boxes, counts = _merged(gray, smallest)
    votes = np.log1p(np.column_stack([counts[:, :2], counts[:, 2:].max(1)])) @ _WEIGHTS + _BIAS
    candidates: list[Face] = []
    for box, vote in zip(boxes, votes, strict=True):
        if vote < _FEWEST_VOTES:
            continue
        eyes = eye_roll(gray, box)
        score = _logistic(vote if eyes is None else vote + _EYES)
        if score >= _LAST_RESORT:
            x0, y0, x1, y1 = (float(v) for v in box)
            candidates.append(Face((x0, y0, x1, y1), roll + (eyes or 0.0), score))
    found: list[Face] = []
    for face in sorted(candidates, key=lambda face: -face.score):
        # Two boxes are of the same face if the centre of one lies in the other.
        if not any(holds_centre(other.box, face.box) or holds_centre(face.box, other.box) for other in found):
            found.append(face)
    return found


def _sure(faces: list[Face]) -> list[Face]:
    """Return the faces whose scores reach the thresholds; the first face is the best."""
    return [f for i, f in enumerate(faces) if f.score >= (_SECOND_SCORE if i else _MIN_SCORE)]


def _merged(gray: NDArray[np.uint8], smallest: int) -> tuple[Boxes, Boxes]:
    """Merge windows that overlap.

    Args:
        gray: Working copy (h,w).
        smallest: Side of the smallest window, pixels.

    Returns:
        Mean boxes (M,4), and for each the number of windows of each voter (M,4).
    """
    groups, voters = [], []
    for voter, (name, mirrored, shift) in enumerate(_VOTERS):
        windows = _windows(gray, name, mirrored, smallest)
        windows[:, [0, 2]] += shift * (windows[:, 2:3] - windows[:, 0:1])
        groups.append(windows)
        voters.append(np.full(len(windows), voter))
    boxes, voter_of = np.concatenate(groups), np.concatenate(voters)
    overlaps = _overlaps(boxes) > _OVERLAP
    left = np.ones(len(boxes), dtype=bool)
    means, counts = [], []
    while left.any():
        # The window with the most overlaps and its neighbours form a group; then the next among the remaining ones.
        centre = int(np.where(left, (overlaps & left).sum(1), -1).argmax())
        group = overlaps[centre] & left
        means.append(boxes[group].mean(0))
        counts.append(np.bincount(voter_of[group], minlength=len(_VOTERS)))
        left &= ~group
    return np.array(means).reshape(-1, 4), np.array(counts, dtype=np.float64).reshape(-1, len(_VOTERS))


def _logistic(z: float) -> float:
    """Return the logistic function of z."""
    return float(1 / (1 + math.exp(-z)))


def _overlaps(boxes: Boxes) -> Boxes:
    """Return the intersection over union of all pairs of boxes (N,N)."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return np.asarray(both / (area[:, None] + area[None, :] - both))


def _search_turned(gray: NDArray[np.uint8], smallest: int) -> list[Face]:
    """Find faces that are upright after a rotation of the image; the rotation with the best score counts."""
    h, w = gray.shape
    best: list[Face] = []
    for roll in _TURNS:
        c, s = abs(math.cos(math.radians(roll))), abs(math.sin(math.radians(roll)))
        size = (math.ceil(h * c + w * s), math.ceil(w * c + h * s))
        cx, cy = (w - 1) / 2, (h - 1) / 2
        matrix = crop_matrix((cx - size[1] / 2, cy - size[0] / 2, cx + size[1] / 2, cy + size[0] / 2), size, roll)
        turned = AffineCrop(matrix, size).image(gray, border="replicate")
        back = invert(matrix)
        found = _sure(_search(turned, max(smallest, _TURNED_WINDOW), roll))
        faces = [Face(moved_box(f.box, back), f.roll, f.score) for f in found]
        if faces and (not best or faces[0].score > best[0].score):
            best = faces
    return best
