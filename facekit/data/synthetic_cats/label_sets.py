"""The animals' own label sets: 24 points, whose first nine are the Cat-Head data set's, and 10 classes."""

from __future__ import annotations

from ...labels.landmarks import LandmarkSet, flip_of
from ...labels.segmentation import SegmentationSet

# Cat-Head writes the points of each ear from the left of the image to its right.
_CAT_HEAD = ("left_eye", "right_eye", "mouth", "left_ear_outer", "left_ear_tip", "left_ear_inner", "right_ear_inner",
             "right_ear_tip", "right_ear_outer")  # fmt: skip
_OWN = ("left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer", "left_nose", "nose_tip",
        "right_nose", "left_mouth_corner", "right_mouth_corner", "left_muzzle", "right_muzzle", "chin", "left_cheek",
        "right_cheek", "forehead")  # fmt: skip
_LINES = (
    ("left_ear_outer", "left_ear_tip", "left_ear_inner", "forehead", "right_ear_inner", "right_ear_tip",
     "right_ear_outer"),
    ("left_ear_outer", "left_cheek", "chin", "right_cheek", "right_ear_outer"),
    ("left_eye_outer", "left_eye", "left_eye_inner"),
    ("right_eye_inner", "right_eye", "right_eye_outer"),
    ("left_nose", "nose_tip", "right_nose", "left_nose"),
    ("nose_tip", "mouth"),
    ("left_mouth_corner", "mouth", "right_mouth_corner"),
)  # fmt: skip


def _points(name: str, points: tuple[str, ...]) -> LandmarkSet:
    edges = [
        (points.index(a), points.index(b))
        for line in _LINES
        for a, b in zip(line[:-1], line[1:], strict=True)
        if a in points and b in points
    ]
    # Cat-Head marks no eye corners: there the eyes' own points must do for the inter-ocular distance.
    ends = ("left_eye_outer", "right_eye_outer") if "left_eye_outer" in points else ("left_eye", "right_eye")
    return LandmarkSet(
        name,
        points,
        flip_of(points),
        tuple(edges),
        (points.index(ends[0]), points.index(ends[1])),
        ((points.index("left_eye"),), (points.index("right_eye"),)),
    )


CAT_HEAD_9 = _points("cat_head9", _CAT_HEAD)
"""The nine points of the Cat-Head data set (Zhang et al., ECCV 2008): eyes, mouth, three an ear."""
ANIMAL_POINTS = _points("animal24", _CAT_HEAD + _OWN)
"""Cat-Head's nine points, then corners of eyes, nose and mouth, the muzzle's sides, chin, cheeks and forehead."""

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
"""Background, head, ears, eyes, nose, muzzle (with the chin), mouth, body; whiskers belong to what is behind them."""
HEAD, LEFT_EAR, RIGHT_EAR, LEFT_EYE, RIGHT_EYE, NOSE, MUZZLE, MOUTH, BODY = range(1, 10)
