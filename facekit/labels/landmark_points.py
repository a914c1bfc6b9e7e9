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
    (_INNER_LIPS, True),
    (_FOREHEAD, False),
    (_SOCKETS[0], False),
    (_SOCKETS[1], False),
    (_ALAE[0], False),
    (_ALAE[1], False),
    (_CHEEKS[0], False),
    (_CHEEKS[1], False),
    (_CHIN, False),
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
