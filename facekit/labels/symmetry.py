"""Mirror pairs from labels: which points or classes trade places when a labelled face is mirrored.

Every member of a label set is a blob with a centre and a spread (zero for points; the covariance of a class's pixels).
The mean of the labelled faces is mirrored about its vertical axis, and each blob goes to the one that it meets there.
The result counts only where it fits clearly, in the mean and in the single faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Array = NDArray[np.float64]

# Chosen on real and generated faces, see `tests/test_symmetry.py`. A misfit of 1 is this part of the labels' extent
# (its RMS), and more for wide regions such as hair.
UNIT, WIDE = 0.15, 0.5
MEAN_MISFIT, LARGEST = 1.0, 2.5  # of the mean face, mirrored: RMS of its members, and the largest
ALONE = 1.5  # misfit of a member beside the axis that no other one meets
FACE_MISFIT = 2.7  # of the median face: turned faces are less symmetric
NEAREST = 0.55  # part of the members that meet the nearest one there is
TILTS = np.radians(np.arange(-16, 17, 4))  # of the axis of the mean face
OFF_CENTRE = 1.2  # the labels' distance from the middle of the image in their own widths: they show one side only
OFF_AXIS = 0.15  # small parts of one side pull the axis away from the middle of the whole
FACES = 200  # at most so many are looked at


@dataclass(frozen=True)
class Blobs:
    """The members of a label set in several images.

    Attributes:
        centres: (N,K) complex, x + iy in pixels; NaN where a member is not labelled.
        spreads: (N,K,2,2) covariances in square pixels.
        areas: (N,K) pixels of each member, 1 for a point.
        middles: (N,) the column in the middle of each image.
    """

    centres: NDArray[np.complex128]
    spreads: Array
    areas: Array
    middles: Array


def flip_of_points(
    points: Sequence[NDArray[np.floating]], sizes: Sequence[tuple[int, int]], known: Sequence[int]
) -> tuple[int, ...] | None:
    """Find the mirror permutation of points from labelled faces.

    Args:
        points: (K,2) x, y in pixels of each face; NaN = not labelled.
        sizes: (height, width) of each image.
        known: Permutation of the K points whose pairs are kept; the points that it leaves alone are looked at.

    Returns:
        The permutation: point i of the mirrored face is point flip[i] of the original. None where the points do not
        tell it clearly.
    """
    some = _spread_over(len(points), FACES)
    xy = np.stack([points[i] for i in some]).astype(np.float64)
    middles = np.array([(sizes[i][1] - 1) / 2 for i in some])
    n, k = xy.shape[:2]
    return _flip(Blobs(xy[..., 0] + 1j * xy[..., 1], np.zeros((n, k, 2, 2)), np.ones((n, k)), middles), known)


def flip_of_masks(
    masks: Sequence[NDArray[np.integer]], classes: int, known: Sequence[int], ignore: int = 255
) -> tuple[int, ...] | None:
    """Find the mirror permutation of classes from masks; the background, id 0, is its own mirror image.

    Args:
        masks: (H,W) ids of each face.
        classes: Classes of the set.
        known: As in `flip_of_points`, of the classes.
        ignore: Id of pixels without a label.

    Returns:
        As `flip_of_points`.
    """
    some = [masks[i] for i in _spread_over(len(masks), FACES)]
    blobs = [_blobs(mask, classes) for mask in some]
    centres, spreads, areas = (np.stack(part) for part in zip(*blobs, strict=True))
    middles = np.array([(mask.shape[1] - 1) / 2 for mask in some])
    parts = _flip(Blobs(centres, spreads, areas, middles), [k - 1 for k in known[1:]])
    return None if parts is None else (0, *(k + 1 for k in parts))


def _spread_over(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))


def _blobs(mask: NDArray[np.integer], classes: int) -> tuple[NDArray[np.complex128], Array, Array]:
    """Centres (C-1,), spreads (C-1,2,2) and areas (C-1,) of the classes 1 to C-1 in a mask."""
    step = max(1, max(mask.shape) // 256)
    ys, xs = np.nonzero((mask[::step, ::step] > 0) & (mask[::step, ::step] < classes))
    ids = mask[ys * step, xs * step].astype(np.int64) - 1
    x, y = (xs * step).astype(np.float64), (ys * step).astype(np.float64)

    def mean(values: Array) -> Array:
        with np.errstate(invalid="ignore"):
            return np.bincount(ids, values, classes - 1) / np.bincount(ids, minlength=classes - 1).astype(float)

    mx, my = mean(x), mean(y)
    dx, dy = x - mx[ids], y - my[ids]
    xx, xy, yy = mean(dx * dx), mean(dx * dy), mean(dy * dy)
    return (
        mx + 1j * my,
        np.stack([xx, xy, xy, yy], -1).reshape(-1, 2, 2),
        np.bincount(ids, minlength=classes - 1).astype(float),
    )


def _flip(blobs: Blobs, known: Sequence[int]) -> tuple[int, ...] | None:
    seen = ~np.isnan(blobs.centres)
    faces = seen.any(1)
    if not faces.any() or _one_sided(blobs):
        return None
    centres, spreads = blobs.centres[faces], blobs.spreads[faces]
    mean, spread = _mean_face(centres, spreads)
    there = ~np.isnan(mean)
    members = np.flatnonzero(there)
    extent = _extent(mean[there], spread[there])
    areas = (blobs.areas[faces] / blobs.areas[faces].sum(1, keepdims=True)).mean(0)[there]
    if not extent or _off_axis(mean[there], spread[there], areas) > OFF_AXIS:
        return None
    place = {int(k): i for i, k in enumerate(members)}
    fixed = {place[k]: place[known[k]] for k in place if known[k] != k and known[k] in place}
    misfits, nearest, flip = _best_assignment(mean[there], spread[there], fixed)
    if np.sqrt(np.mean(misfits**2)) > MEAN_MISFIT or misfits.max() > LARGEST or nearest < NEAREST:
        return None
    found = list(known)
    for i, j in enumerate(flip):
        found[members[i]] = int(members[j])
    tried = [_face_misfit(z, s, found) for z, s in zip(centres, spreads, strict=True)]
    errors = [error for error in tried if error is not None]
    return tuple(found) if errors and np.median(errors) <= FACE_MISFIT else None


def _extent(centres: NDArray[np.complex128], spreads: Array) -> float:
    """Root mean square distance from the middle of all blobs."""
    return float(np.sqrt((np.abs(centres - centres.mean()) ** 2 + np.trace(spreads, axis1=-2, axis2=-1)).mean()))


def _one_sided(blobs: Blobs) -> bool:
    """Whether the labels lie on one side of the images, as if only one eye was labelled."""
    offsets = []
    for z, s, middle in zip(blobs.centres, blobs.spreads, blobs.middles, strict=True):
        seen = ~np.isnan(z)
        if seen.any():
            wide = z[seen].real.var() + s[seen, 0, 0].mean()
            tall = z[seen].imag.var() + s[seen, 1, 1].mean()
            offsets.append((z[seen].real.mean() - middle) / np.sqrt(wide + 0.1 * tall + 1e-9))
    return bool(abs(np.median(offsets)) > OFF_CENTRE)


def _off_axis(z: NDArray[np.complex128], s: Array, areas: Array) -> float:
    """Distance of the axis, which small parts decide, from the middle of the whole area, in its width."""
    areas = areas / areas.sum()
    middle = (areas * z.real).sum()
    width = np.sqrt((areas * ((z.real - middle) ** 2 + s[:, 0, 0])).sum())
    return float(abs(_middle(z, s).real - middle) / max(width, 1e-9))


def _middle(z: NDArray[np.complex128], s: Array) -> complex:
    """A point of the axis: the mean of the members, small ones first."""
    return complex(np.average(z, weights=_weights(s, _extent(z, s), 0.5)))


def _mean_face(centres: NDArray[np.complex128], spreads: Array) -> tuple[NDArray[np.complex128], Array]:
    """Mean of the faces after moving, turning and scaling each onto it; it leans as the faces do on average."""
    mean = centres[np.isfinite(centres).sum(1).argmax()]
    for _ in range(3):
        factors, aligned = [], []
        for z in centres:
            both = np.isfinite(z) & np.isfinite(mean)
            a, b = z[both] - z[both].mean(), mean[both] - mean[both].mean()
            square = (np.abs(a) ** 2).sum()
            factor = (a.conj() * b).sum() / square if square > 1e-12 else 1 + 0j
            factors.append(factor)
            aligned.append((z - z[both].mean()) * factor + mean[both].mean())
        units = np.array(factors) / np.maximum(np.abs(factors), 1e-12)
        lean = units.conj().sum()
        lean = lean / abs(lean) if abs(lean) > 1e-12 else 1.0
        with np.errstate(invalid="ignore"):
            moved = np.array(aligned) * lean
            mean = _nanmean(moved)
        turned = np.stack([_turn(s, f * lean) for s, f in zip(spreads, factors, strict=True)])
    within = _nanmean(turned)
    if not within[np.isfinite(within)].any():
        return mean, within  # points
    off = moved - mean
    between = np.stack([off.real**2, off.real * off.imag, off.imag * off.real, off.imag**2], -1)
    return mean, within + _nanmean(between.reshape(*off.shape, 2, 2))


def _nanmean(values: NDArray) -> NDArray:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(0) / known.sum(0)


def _turn(spreads: Array, factor: complex) -> Array:
    """Covariances after their plane was multiplied by a complex factor."""
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return turn @ spreads @ turn.T


def _mirrored(centres: NDArray[np.complex128], spreads: Array, tilt: float) -> tuple[NDArray[np.complex128], Array]:
    """Blobs around 0 reflected in the axis through 0 that leans by `tilt`, in radians, from the vertical."""
    turn = np.exp(2j * tilt)
    flipped = spreads * np.array([[1, -1], [-1, 1]])
    return -centres.conj() * turn, _turn(flipped, turn)


def _distances(z: NDArray[np.complex128], s: Array, others: NDArray[np.complex128], t: Array) -> Array:
    """Squared Wasserstein distances between Gaussians, elementwise."""
    trace = np.trace(s, axis1=-2, axis2=-1) + np.trace(t, axis1=-2, axis2=-1)
    product = np.einsum("...ij,...ji->...", s, t)
    root = np.sqrt(np.maximum(np.linalg.det(s) * np.linalg.det(t), 0))
    return np.abs(z - others) ** 2 + trace - 2 * np.sqrt(np.maximum(product + 2 * root, 0))


def _weights(s: Array, extent: float, unit: float = UNIT) -> Array:
    """How much the place of each blob counts: 1 / the square of what is a misfit of 1."""
    return 1 / ((unit * extent) ** 2 + WIDE * np.trace(s, axis1=-2, axis2=-1))


def _best_assignment(z: NDArray[np.complex128], s: Array, fixed: dict[int, int]) -> tuple[Array, float, list[int]]:
    """The cheapest involution over all tilts. fixed: pairs that it must have.

    Returns (misfit of each blob, the part of the blobs whose partner is the nearest one, the involution).
    """
    weights = _weights(s, _extent(z, s))
    z = z - _middle(z, s)
    pairs = 2 / (1 / weights[:, None] + 1 / weights)
    tried = []
    for tilt in TILTS:
        mirrored, spreads = _mirrored(z, s, tilt)
        cost = pairs * _distances(mirrored[:, None], spreads[:, None], z[None], s[None])
        choice = cost.copy()
        if fixed:
            rows = list(fixed)
            choice[rows] = choice[:, rows] = 1e9 * (1 + cost.max())
            choice[rows, list(fixed.values())] = 0
        flip = _involution(linear_sum_assignment(choice)[1], cost)
        own = cost.diagonal()
        # Members on the axis stay by themselves, unless trading places is clearly better.
        off = np.abs(mirrored - z) / 2 >= np.sqrt(s[:, 0, 0])
        flip = [
            j if i in fixed or (off[i] and off[j] and cost[i, j] < 0.25 * (own[i] + own[j])) else i
            for i, j in enumerate(flip)
        ]
        met = cost[range(len(z)), flip]
        nearest = float((met <= cost.min(1) + 1e-9 * cost.max()).mean())
        alone = [i for i, j in enumerate(flip) if i == j and off[i] and met[i] > ALONE**2]
        met[alone] = max(met.max(), LARGEST**2 + 1)
        tried.append((np.sqrt(met), nearest, flip))
    return min(tried, key=lambda one: float((one[0] ** 2).sum()))


def _involution(assignment: NDArray[np.integer], cost: Array) -> list[int]:
    """Break longer cycles of an assignment into pairs, cheapest first; of odd ones a member stays by itself."""
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
            chosen = int(np.argmin(costs))
            if len(cycle) % 2:
                flip[turns[chosen][0]] = turns[chosen][0]
            for a, b in ways[chosen]:
                flip[a], flip[b] = b, a
    return flip


def _face_misfit(z: NDArray[np.complex128], s: Array, flip: Sequence[int]) -> float | None:
    """Misfit of one mirrored face, RMS; None where too little is labelled."""
    pairs = [k for k, other in enumerate(flip) if np.isfinite(z[k]) and np.isfinite(z[other])]
    if not pairs:
        return None
    place = {k: i for i, k in enumerate(pairs)}
    others = [place[flip[k]] for k in pairs]
    z, s = z[pairs], s[pairs]
    extent = _extent(z, s)
    if not extent:
        return None
    weights = _weights(s, extent)
    weights = 2 / (1 / weights + 1 / weights[others])
    z = z - np.average(z, weights=weights)
    # The tilt that fits best, of at most 45 degrees.
    turn = (weights * -z * z[others]).sum()
    mirrored, spreads = _mirrored(z, s, float(np.clip(np.angle(turn), -np.pi / 2, np.pi / 2)) / 2)
    misfits = weights * _distances(mirrored, spreads, z[others], s[others])
    return float(np.sqrt(np.minimum(misfits, LARGEST**2).mean()))
