"""Label sets of the animals: 24 landmarks, whose first nine are those of the Cat-Head data set, and 10 classes."""

from __future__ import annotations

from itertools import pairwise

from ...labels.landmarks import LandmarkSet, flip_of
from ...labels.segmentation import SegmentationSet

# Cat-Head orders the points of each ear from the left of the image to the right.
_CAT_HEAD = (
    "left_eye",
    "right_eye",
    "mouth",
    "left_ear_outer",
    "left_ear_tip",
    "left_ear_inner",
    "right_ear_inner",
    "right_ear_tip",
    "right_ear_outer",
)
_MORE = (
    "left_eye_outer",
    "left_eye_inner",
    "right_eye_inner",
    "right_eye_outer",
    "left_nose",
    "nose_tip",
    "right_nose",
    "left_mouth_corner",
    "right_mouth_corner",
    "left_muzzle",
    "right_muzzle",
    "chin",
    "left_cheek",
    "right_cheek",
    "forehead",
)
_LINES = (
    (
        "left_ear_outer",
        "left_ear_tip",
        "left_ear_inner",
        "forehead",
        "right_ear_inner",
        "right_ear_tip",
        "right_ear_outer",
    ),
    ("left_ear_outer", "left_cheek", "chin", "right_cheek", "right_ear_outer"),
    ("left_eye_outer", "left_eye", "left_eye_inner"),
    ("right_eye_inner", "right_eye", "right_eye_outer"),
    ("left_nose", "nose_tip", "right_nose", "left_nose"),
    ("nose_tip", "mouth"),
    ("left_mouth_corner", "mouth", "right_mouth_corner"),
)


def _landmark_set(name: str, points: tuple[str, ...]) -> LandmarkSet:
    """Build a landmark set with its mirror map, edges and eyes."""
    edges = [
        (points.index(a), points.index(b)) for line in _LINES for a, b in pairwise(line) if a in points and b in points
    ]
    # Cat-Head has no points at the corners of the eyes, so the centres of the eyes define the inter-ocular distance.
    ends = ("left_eye_outer", "right_eye_outer") if "left_eye_outer" in points else ("left_eye", "right_eye")
    return LandmarkSet(
        name,
        points,
        flip_of(points),
        tuple(edges),
        (points.index(ends[0]), points.index(ends[1])),
        ((points.index("left_eye"),), (points.index("right_eye"),)),
    )


CAT_HEAD_9 = _landmark_set("cat_head9", _CAT_HEAD)
"""The nine points of the Cat-Head data set (Zhang et al., ECCV 2008): eyes, mouth, and three points per ear."""
ANIMAL_POINTS = _landmark_set("animal24", _CAT_HEAD + _MORE)
"""The nine points of Cat-Head, then corners of eyes, nose and mouth, sides of the muzzle, chin, cheeks and forehead."""

_CLASSES = {
    "background": (0, 0, 0),
    "head": (226, 178, 120),
    "left_ear": (0, 140, 140),
    "right_ear": (70, 200, 190),
    "left_eye": (20, 90, 220),
    "right_eye": (70, 180, 255),
    "nose": (255, 225, 25),
    "muzzle": (255, 240, 215),
    "mouth": (220, 45, 80),
    "body": (120, 85, 45),
}
ANIMAL_PARTS = SegmentationSet(
    "animal10",
    tuple(_CLASSES),
    tuple(_CLASSES.values()),
    flip_of(tuple(_CLASSES)),
    tuple(i for i, name in enumerate(_CLASSES) if name not in ("background", "head", "body")),
)
"""Background, head, ears, eyes, nose, muzzle (with the chin), mouth, body. A whisker has the class behind it."""
HEAD, LEFT_EAR, RIGHT_EAR, LEFT_EYE, RIGHT_EYE, NOSE, MUZZLE, MOUTH, BODY = range(1, 10)
