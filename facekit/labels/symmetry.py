"""Estimate mirror pairs from labels: which points or classes are swapped when a labelled face is mirrored.

Every member of a label set is a blob (`blobs`). The mean of the labelled faces is mirrored about its vertical axis, and
each blob is assigned to the one at its mirrored position. The result is used only if it fits clearly, both in the mean
face and in the single faces.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from .blobs import (
    Array,
    Blobs,
    ComplexArray,
    axis_offset,
    axis_point,
    blobs_of_masks,
    blobs_of_points,
    extent,
    image_offset,
    mean_face,
    mirrored,
    precision,
    squared_distances,
)

# Thresholds chosen on real and generated faces (tests/labels/test_symmetry.py). The unit of misfits is `blobs.UNIT`.
# Misfit of the mirrored mean face: RMS of its members, and the largest one.
MEAN_MISFIT, LARGEST = 1.0, 2.5
# Misfit of a region that is its own counterpart.
ALONE = 1.0
# Misfit of the median face. Turned faces are less symmetric than the mean face.
FACE_MISFIT = 2.7
# Share of the members whose counterpart is the nearest member.
NEAREST = 0.55
# Angles of the mean face's axis from the vertical, in radians.
TILTS = np.radians(np.arange(-16, 17, 4))
# Offset of the labels from the middle of the image, in their own widths. Beyond it, they show one side only.
OFF_CENTRE = 1.2
# Offset of the axis from the middle of the labels, relative to their width. Small parts of one side cause it.
OFF_AXIS = 0.15
# The names' pairs are wrong if their misfit exceeds this multiple of the points' pairs' misfit, and this value.
AGAINST, AGAINST_AT_LEAST = 2.0, 0.5
# Number of faces that are used at most.
FACES = 200


def flip_of_points(
    points: Sequence[NDArray[np.floating]], sizes: Sequence[tuple[int, int]], known: Sequence[int]
) -> tuple[int, ...] | None:
    """Estimate the mirror permutation of points from labelled faces.

    Args:
        points: Coordinates x, y in pixels of each face, shape (K, 2). NaN if not labelled.
        sizes: (height, width) of each image.
        known: Permutation of the K points with the known pairs. The pairs of points that it maps to themselves are
            estimated.

    Returns:
        The permutation: point i of the mirrored face is point flip[i] of the original. None if the labels do not show
        it clearly.
    """
    chosen = _evenly_chosen(len(points), FACES)
    return _estimate(blobs_of_points([points[i] for i in chosen], [sizes[i] for i in chosen]), known)


def flip_against_names(
    points: Sequence[NDArray[np.floating]], sizes: Sequence[tuple[int, int]], by_names: Sequence[int]
) -> tuple[int, ...] | None:
    """Estimate a mirror permutation that fits labelled points much better than the one from their names.

    For example, the corners of both eyes may be numbered from left to right. Then "left 1" is an outer corner, and
    "right 1" is an inner one.

    Args:
        points: Coordinates x, y in pixels of each face, shape (K, 2). NaN if not labelled.
        sizes: (height, width) of each image.
        by_names: The permutation from the names.

    Returns:
        The permutation from the points. None if the names are right, or if the labels do not show it clearly.
    """
    by_points = flip_of_points(points, sizes, range(len(by_names)))
    if by_points is None or by_points == tuple(by_names):
        return None
    misfits = []
    for face in (np.asarray(points[i], np.float64) for i in _evenly_chosen(len(points), FACES)):
        centres, spreads = face[:, 0] + 1j * face[:, 1], np.zeros((len(face), 2, 2))
        of_points, of_names = _face_misfit(centres, spreads, by_points), _face_misfit(centres, spreads, by_names)
        if of_points is not None and of_names is not None:
            misfits.append((of_points, of_names))
    if not misfits:
        return None
    of_points, of_names = np.median(misfits, axis=0)
    return by_points if of_names > AGAINST * of_points and of_names > AGAINST_AT_LEAST else None


def flip_of_masks(masks: Sequence[NDArray[np.integer]], classes: int, known: Sequence[int]) -> tuple[int, ...] | None:
    """Estimate the mirror permutation of classes from masks. The background, id 0, is its own mirror image.

    Args:
        masks: Ids of each face, shape (H, W). Ids outside the set, such as 255, are left out.
        classes: Number of classes of the set.
        known: As in `flip_of_points`, of the classes.

    Returns:
        As `flip_of_points`.
    """
    chosen = [masks[i] for i in _evenly_chosen(len(masks), FACES)]
    parts = _estimate(blobs_of_masks(chosen, classes), [k - 1 for k in known[1:]])
    return None if parts is None else (0, *(k + 1 for k in parts))


def _evenly_chosen(count: int, most: int) -> list[int]:
    """Choose at most `most` of `count` indices, at equal distances."""
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def _estimate(blobs: Blobs, known: Sequence[int]) -> tuple[int, ...] | None:
    """Estimate the mirror permutation of blobs, or return None if it does not fit clearly."""
    labelled = ~np.isnan(blobs.centres)
    faces = labelled.any(1)
    if not faces.any() or abs(image_offset(blobs)) > OFF_CENTRE:
        return None
    centres, spreads = blobs.centres[faces], blobs.spreads[faces]
    mean, spread = mean_face(centres, spreads)
    present = ~np.isnan(mean)
    members = np.flatnonzero(present)
    areas = (blobs.areas[faces] / blobs.areas[faces].sum(1, keepdims=True)).mean(0)[present]
    if not extent(mean[present], spread[present]) or axis_offset(mean[present], spread[present], areas) > OFF_AXIS:
        return None
    place = {int(k): i for i, k in enumerate(members)}
    fixed = {place[k]: place[known[k]] for k in place if known[k] != k and known[k] in place}
    misfits, nearest, flip = _best_assignment(mean[present], spread[present], fixed)
    if np.sqrt(np.mean(misfits**2)) > MEAN_MISFIT or misfits.max() > LARGEST or nearest < NEAREST:
        return None
    result = list(known)
    for i, j in enumerate(flip):
        result[members[i]] = int(members[j])
    face_misfits = [_face_misfit(z, s, result) for z, s in zip(centres, spreads, strict=True)]
    errors = [misfit for misfit in face_misfits if misfit is not None]
    return tuple(result) if errors and np.median(errors) <= FACE_MISFIT else None


def _best_assignment(z: ComplexArray, s: Array, fixed: dict[int, int]) -> tuple[Array, float, list[int]]:
    """Find the involution with the smallest misfit over all tilts of the axis.

    Args:
        z: Centres of the mean face, shape (K,).
        s: Covariances, shape (K, 2, 2).
        fixed: Pairs that it must have.

    Returns:
        Misfit of each blob, share of the blobs whose counterpart is the nearest one, and the involution.
    """
    weights = precision(s, extent(z, s))
    z = z - axis_point(z, s)
    pair_weights = 2 / (1 / weights[:, None] + 1 / weights)
    results = []
    for tilt in TILTS:
        centres, spreads = mirrored(z, s, tilt)
        cost = pair_weights * squared_distances(centres[:, None], spreads[:, None], z[None], s[None])
        choice = cost.copy()
        if fixed:
            rows = list(fixed)
            choice[rows] = choice[:, rows] = 1e9 * (1 + cost.max())
            choice[rows, list(fixed.values())] = 0
        flip = _involution(linear_sum_assignment(choice)[1], cost)
        unpaired_cost = cost.diagonal()
        # Members on the axis stay unpaired, unless a swap is clearly better.
        off_axis = np.abs(centres - z) / 2 >= np.sqrt(s[:, 0, 0])
        for i, j in enumerate(flip):
            swap_is_better = cost[i, j] < 0.25 * (unpaired_cost[i] + unpaired_cost[j])
            if i not in fixed and not (off_axis[i] and off_axis[j] and swap_is_better):
                flip[i] = i
        chosen_cost = cost[range(len(z)), flip]
        nearest = float((chosen_cost <= cost.min(1) + 1e-9 * cost.max()).mean())
        alone = [i for i, j in enumerate(flip) if i == j and s[i, 0, 0] > 0 and chosen_cost[i] > ALONE**2]
        chosen_cost[alone] = max(chosen_cost.max(), LARGEST**2 + 1)
        results.append((np.sqrt(np.maximum(chosen_cost, 0)), nearest, flip))
    return min(results, key=lambda result: float((result[0] ** 2).sum()))


def _involution(assignment: NDArray[np.integer], cost: Array) -> list[int]:
    """Break longer cycles of an assignment into pairs, the cheapest way. An odd cycle leaves one member unpaired."""
    flip = assignment.tolist()
    for start in range(len(flip)):
        cycle = [start]
        while flip[cycle[-1]] != start:
            cycle.append(flip[cycle[-1]])
        if len(cycle) > 2:
            turns = [cycle[k:] + cycle[:k] for k in range(len(cycle))]
            ways = [list(zip(turn[len(turn) % 2 :: 2], turn[len(turn) % 2 + 1 :: 2], strict=True)) for turn in turns]
            costs = [
                sum(2 * cost[a, b] for a, b in way) + (cost[turn[0], turn[0]] if len(turn) % 2 else 0)
                for turn, way in zip(turns, ways, strict=True)
            ]
            cheapest = int(np.argmin(costs))
            if len(cycle) % 2:
                flip[turns[cheapest][0]] = turns[cheapest][0]
            for a, b in ways[cheapest]:
                flip[a], flip[b] = b, a
    return flip


def _face_misfit(z: ComplexArray, s: Array, flip: Sequence[int]) -> float | None:
    """Return the RMS misfit of one face and its mirror image, or None if too few members are labelled.

    Args:
        z: Centres, shape (K,). NaN if not labelled.
        s: Covariances, shape (K, 2, 2).
        flip: The mirror permutation.
    """
    members = [k for k, other in enumerate(flip) if np.isfinite(z[k]) and np.isfinite(z[other])]
    if not members:
        return None
    place = {k: i for i, k in enumerate(members)}
    others = [place[flip[k]] for k in members]
    z, s = z[members], s[members]
    size = extent(z, s)
    if not size:
        return None
    weights = precision(s, size)
    weights = 2 / (1 / weights + 1 / weights[others])
    z = z - np.average(z, weights=weights)
    # The tilt of the axis with the smallest misfit, at most 45 degrees.
    turn = (weights * -z * z[others]).sum()
    centres, spreads = mirrored(z, s, float(np.clip(np.angle(turn), -np.pi / 2, np.pi / 2)) / 2)
    misfits = weights * squared_distances(centres, spreads, z[others], s[others])
    return float(np.sqrt(np.clip(misfits, 0, LARGEST**2).mean()))
