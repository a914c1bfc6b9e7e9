"""Names of facial landmarks, in the order of the published sets, and the lines that connect them.

A point has the same name in every set that has it. Numbers in names count from the outside of the face inwards, on both
sides. So swapping "left" and "right" in a name gives the mirrored point.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise


def _numbered(stem: str, numbers: Iterable[int]) -> list[str]:
    return [f"{stem}_{i}" for i in numbers]


def _without_middles(eye: Sequence[str]) -> list[str]:
    """Return the six points of an eye that 300-W has, of WFLW's eight."""
    return [point for point in eye if not point.endswith(("_top", "_bottom"))]


# The jaw is numbered on WFLW's 33 points. 300-W's 17 points are every second of them.
_JAW_98 = [*_numbered("left_jaw", range(16)), "jaw_bottom", *_numbered("right_jaw", range(15, -1, -1))]
_BROWS = (_numbered("left_brow", range(5)), _numbered("right_brow", range(4, -1, -1)))
_BRIDGE = ["nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"]
_NOSE_BASE = ["left_nose_0", "left_nose_1", "nose_base", "right_nose_1", "right_nose_0"]
_EYE = ("outer", "top_outer", "top", "top_inner", "inner", "bottom_inner", "bottom", "bottom_outer")
_LEFT_EYE = [f"left_eye_{part}" for part in _EYE]
_RIGHT_EYE = [f"right_eye_{part}" for part in (*_EYE[4::-1], *_EYE[:4:-1])]
_LIPS = [
    *("left_mouth_corner", "left_upper_lip_0", "left_upper_lip_1", "upper_lip_middle"),
    *("right_upper_lip_1", "right_upper_lip_0", "right_mouth_corner"),
    *("right_lower_lip_0", "right_lower_lip_1", "lower_lip_middle", "left_lower_lip_1", "left_lower_lip_0"),
]
_INNER_LIPS = [
    *("left_inner_corner", "left_inner_upper", "inner_upper", "right_inner_upper"),
    *("right_inner_corner", "right_inner_lower", "inner_lower", "left_inner_lower"),
]
# The six points of each eye whose mean is the pupil.
EYES_68 = (_without_middles(_LEFT_EYE), _without_middles(_RIGHT_EYE))

POINTS_68 = [
    *_JAW_98[::2],
    *_BROWS[0],
    *_BROWS[1],
    *_BRIDGE,
    *_NOSE_BASE,
    *EYES_68[0],
    *EYES_68[1],
    *_LIPS,
    *_INNER_LIPS,
]
POINTS_98 = [
    *_JAW_98,
    *_BROWS[0],
    *_numbered("left_brow_lower", range(3, -1, -1)),
    *_BROWS[1],
    *_numbered("right_brow_lower", range(4)),
    *_BRIDGE,
    *_NOSE_BASE,
    *_LEFT_EYE,
    *_RIGHT_EYE,
    *_LIPS,
    *_INNER_LIPS,
    *("left_pupil", "right_pupil"),
]
POINTS_19 = [
    *("left_brow_0", "left_brow_2", "left_brow_4", "right_brow_4", "right_brow_2", "right_brow_0"),
    *("left_eye_outer", "left_pupil", "left_eye_inner", "right_eye_inner", "right_pupil", "right_eye_outer"),
    *("left_nose_0", "nose_tip", "right_nose_0"),
    *("left_mouth_corner", "mouth_middle", "right_mouth_corner", "jaw_bottom"),
]
POINTS_5 = ["left_pupil", "right_pupil", "nose_tip", "left_mouth_corner", "right_mouth_corner"]

# FSMA's section 4.1 and Fig. 4 give the groups and their counts (13, 10, 6, 15). The order within a group is ours, from
# left to right: the hairline from temple to temple; the rim of each lower eye socket from outer to inner; each ala from
# its crease down to the nostril; each cheek from below the outer eye corner down to the side of the mouth; the chin.
_FOREHEAD = [*_numbered("left_forehead", range(6)), "forehead_middle", *_numbered("right_forehead", range(5, -1, -1))]
_SOCKETS = (_numbered("left_socket", range(5)), _numbered("right_socket", range(4, -1, -1)))
_ALAE = (["left_ala_top", "left_ala", "left_nostril"], ["right_nostril", "right_ala", "right_ala_top"])
_CHEEKS = (_numbered("left_cheek", range(6)), _numbered("right_cheek", range(5, -1, -1)))
_CHIN = ["left_chin", "chin_middle", "right_chin"]
POINTS_44 = [*_FOREHEAD, *_SOCKETS[0], *_SOCKETS[1], *_ALAE[0], *_ALAE[1], *_CHEEKS[0], *_CHIN, *_CHEEKS[1]]

# The Face Research Lab London Set, in the order of its files. Points that 300-W or WFLW define in the same way have the
# same names. Numbers count from the outside inwards, on vertical lines from the top down.
_IRIS = ("top", "top_outer", "outer", "bottom_outer", "bottom", "bottom_inner", "inner", "top_inner")
_LEFT_IRIS = [f"left_iris_{part}" for part in _IRIS]
_RIGHT_IRIS = [f"right_iris_{part}" for part in (_IRIS[0], *_IRIS[:0:-1])]
_CREASES = (_numbered("left_lid_crease", range(5)), _numbered("right_lid_crease", range(4, -1, -1)))
_UNDER_EYES = (_numbered("left_under_eye", range(3)), _numbered("right_under_eye", range(2, -1, -1)))
_RIDGES = (_numbered("left_nose_ridge", range(5)), _numbered("right_nose_ridge", range(5)))
_WINGS = (_numbered("left_nose_wing", range(5)), _numbered("right_nose_wing", range(5)))
_INNER_UPPER = [
    *("left_inner_upper_outer", "left_inner_upper", "inner_upper"),
    *("right_inner_upper", "right_inner_upper_outer"),
]
_INNER_LOWER = [point.replace("upper", "lower") for point in _INNER_UPPER]
_SIDES = (_numbered("left_face_side", range(5)), _numbered("right_face_side", range(5)))
_EARS = (_numbered("left_ear", range(5)), _numbered("right_ear", range(5)))
_JAWLINE = [*_numbered("left_jawline", range(4)), "jaw_bottom", *_numbered("right_jawline", range(3, -1, -1))]
_HAIRLINE = [*_numbered("left_hairline", range(5)), "hairline_middle", *_numbered("right_hairline", range(4, -1, -1))]
_HAIR = [
    *_numbered("left_hair_outline", range(6)),
    "hair_outline_top",
    *_numbered("right_hair_outline", range(5, -1, -1)),
]
_CHEEK_FOLDS = (_numbered("left_cheek_fold", range(3)), _numbered("right_cheek_fold", range(3)))
_CHEEKBONES = (_numbered("left_cheekbone", range(3)), _numbered("right_cheekbone", range(3)))
_PHILTRUM = (_numbered("left_philtrum", range(2)), _numbered("right_philtrum", range(2)))
_CHIN_FOLD = ["left_chin_fold", "chin_fold_middle", "right_chin_fold"]
POINTS_LONDON = [
    *("left_pupil", "right_pupil", *_LEFT_IRIS, *_RIGHT_IRIS),
    *(*_LEFT_EYE[:5], *_RIGHT_EYE[:5], *_LEFT_EYE[:4:-1], *_RIGHT_EYE[:4:-1]),
    *(*_CREASES[0], *_CREASES[1], *_UNDER_EYES[0], *_UNDER_EYES[1]),
    *(*_RIDGES[0], "nose_base", *_RIDGES[1], *_WINGS[0], *_WINGS[1]),
    *(*_BROWS[0], "left_brow_lower_3", "right_brow_lower_3", *_BROWS[1]),
    *("left_brow_lower_1", "left_brow_lower_2", "right_brow_lower_2", "right_brow_lower_1"),
    *(*_LIPS[:7], *_INNER_UPPER, *_INNER_LOWER, *_LIPS[:6:-1]),
    *(*_SIDES[0][::2], *_SIDES[1][::2], *_EARS[0], *_EARS[1], *_JAWLINE, *_HAIRLINE, *_HAIR),
    *(*_CHEEK_FOLDS[0], *_CHEEK_FOLDS[1], *_CHEEKBONES[0], *_CHEEKBONES[1], *_PHILTRUM[0], *_PHILTRUM[1]),
    *("chin_upper", "chin_lower", *_CHIN_FOLD),
    *("left_inner_nostril_0", "left_inner_nostril_1", "right_inner_nostril_1", "right_inner_nostril_0"),
    *("left_neck", "right_neck", *_SIDES[0][1::2], *_SIDES[1][1::2]),
]

# Helen (Le et al., ECCV 2012), in the order of its files: 41 points from ear to ear, 17 along the nose, 28 around the
# outside of the lips, 28 around their inside, 20 per eye and 20 per brow, the viewer's right one first. Public code
# agrees on these ranges, for example github.com/elucideye/drishti. It also agrees that 58 and 72 are the corners of the
# mouth, that an eye begins at its inner corner, and that the second eye and brow mirror the first point by point. Both
# halves of a ring of the lips have 13 points, so its corners define its pairs. The ends of a brow are not known: the
# numbers of its points only count along the outline.
_CONTOUR = [*_numbered("left_contour", range(20)), "jaw_bottom", *_numbered("right_contour", range(19, -1, -1))]
_NOSE_LINE = [
    *_numbered("left_nose_outline", range(8)),
    "nose_outline_middle",
    *_numbered("right_nose_outline", range(7, -1, -1)),
]


def _helen_lips(line: str, corners: tuple[str, str], middles: tuple[str, str]) -> list[str]:
    """Return the 28 points around one side of the lips, clockwise from the left corner."""
    upper, lower = f"{line}_lip_upper", f"{line}_lip_lower"
    return [
        *(corners[0], *_numbered(f"left_{upper}", range(6)), middles[0]),
        *(*_numbered(f"right_{upper}", range(5, -1, -1)), corners[1]),
        *(*_numbered(f"right_{lower}", range(6)), middles[1], *_numbered(f"left_{lower}", range(5, -1, -1))),
    ]


def _helen_eye(side: str) -> list[str]:
    """Return the 20 points around an eye: from the inner corner along the upper lid, then back along the lower lid."""
    upper = _numbered(f"{side}_eye_upper", range(9, -1, -1))
    return [f"{side}_eye_inner", *upper, f"{side}_eye_outer", *_numbered(f"{side}_eye_lower", range(8))]


_HELEN_LIPS = (
    _helen_lips("outer", ("left_mouth_corner", "right_mouth_corner"), ("upper_lip_middle", "lower_lip_middle")),
    _helen_lips("inner", ("left_inner_corner", "right_inner_corner"), ("inner_upper", "inner_lower")),
)
# The points of each eye, whose mean is about the pupil.
EYES_HELEN = (_helen_eye("left"), _helen_eye("right"))
_HELEN_BROWS = (_numbered("left_brow_outline", range(20)), _numbered("right_brow_outline", range(20)))
POINTS_HELEN = [
    *(*_CONTOUR, *_NOSE_LINE, *_HELEN_LIPS[0], *_HELEN_LIPS[1]),
    *(*EYES_HELEN[1], *EYES_HELEN[0], *_HELEN_BROWS[1], *_HELEN_BROWS[0]),
]

# (points of a line, whether the line is closed)
_LINES: tuple[tuple[Sequence[str], bool], ...] = (
    (_JAW_98, False),
    (_BROWS[0], False),
    (_BROWS[1], False),
    (("left_brow_4", *_numbered("left_brow_lower", range(3, -1, -1)), "left_brow_0"), False),
    (("right_brow_4", *_numbered("right_brow_lower", range(3, -1, -1)), "right_brow_0"), False),
    (_BRIDGE, False),
    (_NOSE_BASE, False),
    (_LEFT_EYE, True),
    (_RIGHT_EYE, True),
    (_LIPS, True),
    (["left_inner_corner", *_INNER_UPPER, "right_inner_corner", *_INNER_LOWER[::-1]], True),
    (_FOREHEAD, False),
    (_SOCKETS[0], False),
    (_SOCKETS[1], False),
    (_ALAE[0], False),
    (_ALAE[1], False),
    (_CHEEKS[0], False),
    (_CHEEKS[1], False),
    (_CHIN, False),
    (_LEFT_IRIS, True),
    (_RIGHT_IRIS, True),
    *((line, False) for pair in (_CREASES, _UNDER_EYES, _RIDGES, _WINGS, _EARS, _CHEEK_FOLDS) for line in pair),
    *((line, False) for pair in (_CHEEKBONES, _PHILTRUM) for line in pair),
    ([*_SIDES[0], *_JAWLINE, *_SIDES[1][::-1]], False),
    (_HAIRLINE, False),
    (_HAIR, False),
    (_CHIN_FOLD, False),
    (_CONTOUR, False),
    (_NOSE_LINE, False),
    *((line, True) for line in (*_HELEN_LIPS, *EYES_HELEN, *_HELEN_BROWS)),
)


def edges_of(points: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Find the lines to draw between the points of a set.

    Neighbours on a line are connected. Points of a line that the set lacks are skipped, which is right for the 68
    points (a subset of WFLW's outlines). A line of which the set has less than half is left out.

    Args:
        points: Names of the points of the set.

    Returns:
        Pairs of indices.
    """
    edges: list[tuple[int, int]] = []
    indices = {point: i for i, point in enumerate(points)}
    for line, closed in _LINES:
        present = [indices[p] for p in line if p in indices]
        if len(present) < 2 or len(present) * 2 < len(line):
            continue
        # Lower brows share their ends with upper brows. Without a point between, they would double the upper line.
        if all(points[i] in (*_BROWS[0], *_BROWS[1]) for i in present) and line not in _BROWS:
            continue
        edges += pairwise(present)
        if closed and len(present) > 2:
            edges.append((present[-1], present[0]))
    return tuple(edges)
