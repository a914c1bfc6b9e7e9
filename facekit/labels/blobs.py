"""Describe the members of a label set as Gaussian blobs, and mirror and compare such blobs.

A blob has a centre and a covariance, which is called its spread. A landmark is a blob without spread. A class of a mask
is a blob with the mean and the covariance of its pixels. Points of the plane are complex numbers x + iy, so a rotation
and scaling of the plane is the multiplication by one complex number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Distance that counts as a misfit of 1: this part of the labels' extent (RMS), and more for wide regions such as hair.
UNIT, WIDE = 0.15, 0.5
# The axis of a face is found with this unit, which gives small members more weight.
_AXIS_UNIT = 0.5


@dataclass(frozen=True)
class Blobs:
    """The K members of a label set in N images.

    Attributes:
        centres: Complex centres x + iy in pixels, shape (N, K). NaN if a member is not labelled.
        spreads: Covariances in square pixels, shape (N, K, 2, 2).
        areas: Number of pixels of each member, shape (N, K). 1 for a point.
        middles: Column in the middle of each image, shape (N,).
    """

    centres: ComplexArray
    spreads: Array
    areas: Array
    middles: Array


def blobs_of_points(points: Sequence[NDArray[np.floating]], sizes: Sequence[tuple[int, int]]) -> Blobs:
    """Describe landmarks as blobs without spread.

    Args:
        points: Coordinates x, y in pixels of each face, shape (K, 2). NaN if not labelled.
        sizes: (height, width) of each image.

    Returns:
        The blobs.
    """
    xy = np.stack(list(points)).astype(np.float64)
    middles = np.array([(width - 1) / 2 for _, width in sizes])
    n, k = xy.shape[:2]
    return Blobs(xy[..., 0] + 1j * xy[..., 1], np.zeros((n, k, 2, 2)), np.ones((n, k)), middles)


def blobs_of_masks(masks: Sequence[NDArray[np.integer]], classes: int) -> Blobs:
    """Describe the classes 1 to classes - 1 of masks as blobs. The background is left out.

    Args:
        masks: Ids of each face, shape (H, W).
        classes: Number of classes, background included.

    Returns:
        The blobs; member k is class k + 1.
    """
    blobs = [_blobs_of_mask(mask, classes) for mask in masks]
    centres, spreads, areas = (np.stack(part) for part in zip(*blobs, strict=True))
    return Blobs(centres, spreads, areas, np.array([(mask.shape[1] - 1) / 2 for mask in masks]))


def _blobs_of_mask(mask: NDArray[np.integer], classes: int) -> tuple[ComplexArray, Array, Array]:
    """Return centres (C-1,), spreads (C-1, 2, 2) and areas (C-1,) of the classes 1 to C-1 in a mask."""
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


def extent(centres: ComplexArray, spreads: Array) -> float:
    """Return the root mean square distance of all blobs from their common mean.

    Args:
        centres: Centres (n,) as x + iy, in pixels.
        spreads: Covariances (n, 2, 2), in square pixels.
    """
    return float(np.sqrt((np.abs(centres - centres.mean()) ** 2 + np.trace(spreads, axis1=-2, axis2=-1)).mean()))


def precision(spreads: Array, labels_extent: float, unit: float = UNIT) -> Array:
    """Return the weight of each blob's position: 1 / the squared distance that counts as a misfit of 1.

    Args:
        spreads: Covariances, shape (..., 2, 2).
        labels_extent: What `extent` returns for all labels.
        unit: Part of the extent that counts as a misfit of 1 for a point.

    Returns:
        Weights of shape (...).
    """
    return 1 / ((unit * labels_extent) ** 2 + WIDE * np.trace(spreads, axis1=-2, axis2=-1))


def axis_point(centres: ComplexArray, spreads: Array) -> complex:
    """Return a point x + iy on the mirror axis: the mean of the members, with more weight for small ones.

    Args:
        centres: Centres (n,) as x + iy, in pixels.
        spreads: Covariances (n, 2, 2), in square pixels.
    """
    return complex(np.average(centres, weights=precision(spreads, extent(centres, spreads), _AXIS_UNIT)))


def axis_offset(centres: ComplexArray, spreads: Array, areas: Array) -> float:
    """Return the distance of the mirror axis from the middle of the whole area, relative to the area's width.

    Small members of one side move the axis away from the middle.

    Args:
        centres: Centres (n,) as x + iy, in pixels.
        spreads: Covariances (n, 2, 2), in square pixels.
        areas: Areas (n,), in square pixels.
    """
    areas = areas / areas.sum()
    middle = (areas * centres.real).sum()
    width = np.sqrt((areas * ((centres.real - middle) ** 2 + spreads[:, 0, 0])).sum())
    return float(abs(axis_point(centres, spreads).real - middle) / max(width, 1e-9))


def image_offset(blobs: Blobs) -> float:
    """Return the median horizontal offset of the labels from the middle of their image, in the labels' widths."""
    offsets = []
    for z, s, middle in zip(blobs.centres, blobs.spreads, blobs.middles, strict=True):
        labelled = ~np.isnan(z)
        if labelled.any():
            wide = z[labelled].real.var() + s[labelled, 0, 0].mean()
            tall = z[labelled].imag.var() + s[labelled, 1, 1].mean()
            offsets.append((z[labelled].real.mean() - middle) / np.sqrt(wide + 0.1 * tall + 1e-9))
    return float(np.median(offsets))


def mean_face(centres: ComplexArray, spreads: Array) -> tuple[ComplexArray, Array]:
    """Average faces after aligning each to the mean by translation, rotation and scaling.

    The mean has the average rotation of the faces.

    Args:
        centres: Centres of each face, shape (N, K).
        spreads: Covariances, shape (N, K, 2, 2).

    Returns:
        Centres (K,) and covariances (K, 2, 2) of the mean face. The covariances include the variation between faces,
        except for points.
    """
    mean = centres[np.isfinite(centres).sum(1).argmax()]
    for _ in range(3):
        factors, aligned = [], []
        for z in centres:
            both = np.isfinite(z) & np.isfinite(mean)
            if not both.any():
                factors.append(1 + 0j)
                aligned.append(np.full_like(z, np.nan))
                continue
            a, b = z[both] - z[both].mean(), mean[both] - mean[both].mean()
            square = (np.abs(a) ** 2).sum()
            factor = (a.conj() * b).sum() / square if square > 1e-12 else 1 + 0j
            factors.append(factor)
            aligned.append((z - z[both].mean()) * factor + mean[both].mean())
        units = np.array(factors) / np.maximum(np.abs(factors), 1e-12)
        rotation = units.conj().sum()
        rotation = rotation / abs(rotation) if abs(rotation) > 1e-12 else 1.0
        with np.errstate(invalid="ignore"):
            moved = np.array(aligned) * rotation
            mean = _nanmean(moved)
        turned = np.stack([_turn(s, f * rotation) for s, f in zip(spreads, factors, strict=True)])
    within = _nanmean(turned)
    if not within[np.isfinite(within)].any():
        return mean, within  # points
    off = moved - mean
    between = np.stack([off.real**2, off.real * off.imag, off.imag * off.real, off.imag**2], -1)
    return mean, within + _nanmean(between.reshape(*off.shape, 2, 2))


def mirrored(centres: ComplexArray, spreads: Array, tilt: float) -> tuple[ComplexArray, Array]:
    """Reflect blobs in an axis through 0.

    Args:
        centres: Complex centres of any shape.
        spreads: Covariances, that shape and (2, 2).
        tilt: Angle of the axis from the vertical, in radians.

    Returns:
        Centres and covariances of the reflected blobs.
    """
    turn = np.exp(2j * tilt)
    flipped = spreads * np.array([[1, -1], [-1, 1]])
    return -centres.conj() * turn, _turn(flipped, turn)


def squared_distances(z: ComplexArray, s: Array, others: ComplexArray, t: Array) -> Array:
    """Return the squared Wasserstein distances between two sets of Gaussians, element by element.

    Args:
        z: Centres of the first set.
        s: Covariances of the first set.
        others: Centres of the second set.
        t: Covariances of the second set.
    """
    trace = np.trace(s, axis1=-2, axis2=-1) + np.trace(t, axis1=-2, axis2=-1)
    product = np.einsum("...ij,...ji->...", s, t)
    root = np.sqrt(np.maximum(np.linalg.det(s) * np.linalg.det(t), 0))
    return np.abs(z - others) ** 2 + trace - 2 * np.sqrt(np.maximum(product + 2 * root, 0))


def _nanmean(values: NDArray) -> NDArray:
    """Return the mean over the first axis without NaN."""
    labelled = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(labelled, values, 0).sum(0) / labelled.sum(0)


def _turn(spreads: Array, factor: complex) -> Array:
    """Return covariances after their plane was multiplied by a complex factor."""
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return turn @ spreads @ turn.T
