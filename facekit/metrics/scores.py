"""Scores of landmarks, segmentation, attributes and images by the field's protocols, on plain arrays."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import LandmarkSet

_OLD_KEYS = ("nme", "fr10", "auc10", "auc7")


class LandmarkScores(dict[str, float]):
    """Scores of landmarks by name; each name holds what the errors are divided by ("nme_inter_ocular").

    For one more release, the names without it ("nme", "fr10", "auc10", "auc7") return the score by the first
    normaliser, with a DeprecationWarning. They are not among the keys.
    """

    def __missing__(self, key: str) -> float:
        full = next((k for k in self if key in _OLD_KEYS and k.startswith(f"{key}_")), None)
        if full is None:
            raise KeyError(key)
        message = f"scores[{key!r}] does not say what errors are divided by, expected {full!r}: use that name"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self[full]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a score, also by a name without a normaliser.

        Args:
            key: Name of the score.
            default: Returned if there is no such score.
        """
        old = key not in self and key in _OLD_KEYS and any(k.startswith(f"{key}_") for k in self)
        return self[key] if old else super().get(key, default)


def landmark_normaliser(truth: NDArray[np.floating], labels: LandmarkSet, by: str) -> float:
    """Return the distance that NME divides errors by.

    Args:
        truth: Labelled points (K,2) in pixels, NaN = not labelled.
        labels: The set that names the points.
        by: "inter_ocular" (outer eye corners: points 36 and 45 of the 68, 60 and 72 of the 98), "inter_pupil" (means
            of the eye points), "box" (square root of the area of the points' bounding box) or "diagonal" (of that
            box).

    Returns:
        The distance in pixels. NaN if the points for it are missing or lie in one place.

    Raises:
        ValueError: If ``by`` has another name.
    """
    distance = _distance(truth, labels, by)
    return distance if distance > 0 else float("nan")


def _distance(truth: NDArray[np.floating], labels: LandmarkSet, by: str) -> float:
    """Return the distance of `landmark_normaliser`, which may be zero."""
    if by == "inter_ocular":
        pair = labels.eye_corners
        return float(np.linalg.norm(truth[pair[0]] - truth[pair[1]])) if pair else float("nan")
    if by == "inter_pupil":
        if not labels.eyes:
            return float("nan")
        left, right = (truth[list(group)].mean(0) for group in labels.eyes)
        return float(np.linalg.norm(left - right))
    width, height = np.nanmax(truth, 0) - np.nanmin(truth, 0)
    if by == "box":
        return float(np.sqrt(width * height))
    if by == "diagonal":
        return float(np.hypot(width, height))
    raise ValueError(f"by={by!r}: expected 'inter_ocular', 'inter_pupil', 'box' or 'diagonal'")


def nme(
    predicted: NDArray[np.floating], truth: NDArray[np.floating], labels: LandmarkSet, by: str = "inter_ocular"
) -> float:
    """Compute the normalised mean error of one face.

    Args:
        predicted: Points (K,2) in pixels.
        truth: Labelled points (K,2). Points that are NaN do not count.
        labels: The set that names the points.
        by: As in `landmark_normaliser`.

    Returns:
        The error as a fraction (0.04 = 4 %).
    """
    return point_error(predicted, truth) / landmark_normaliser(truth, labels, by)


def point_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    """Compute the mean distance between the points of one face and their labels.

    Args:
        predicted: Points (K,2) in pixels.
        truth: Labelled points (K,2). Points that are NaN do not count.

    Returns:
        The mean distance in pixels; NaN if no point is labelled.
    """
    distances = np.linalg.norm(predicted - truth, axis=-1)
    return float("nan") if np.isnan(distances).all() else float(np.nanmean(distances))


def failure_rate(errors: NDArray[np.floating], threshold: float) -> float:
    """Compute FR, the fraction of faces whose error exceeds a threshold.

    Args:
        errors: NME of each face (N,), as fractions.
        threshold: 0.10 for FR@10.

    Returns:
        A fraction in [0, 1].
    """
    return float((np.asarray(errors) > threshold).mean())


def auc(errors: NDArray[np.floating], threshold: float) -> float:
    """Compute the area under the cumulative error distribution up to a threshold, divided by the threshold.

    Args:
        errors: NME of each face (N,), as fractions.
        threshold: 0.07 for AUC@7.

    Returns:
        A value in [0, 1]; 1 is perfect.
    """
    return float(np.clip(1 - np.asarray(errors) / threshold, 0, None).mean())


def confusion(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int, ignore: int = 255
) -> NDArray[np.int64]:
    """Count the pixels of each pair of classes.

    Args:
        predicted: Class ids of any shape.
        truth: Class ids of the same shape.
        classes: Number of classes.
        ignore: Pixels of this id in ``truth`` do not count.

    Returns:
        (classes, classes) counts: one row per class of the truth, one column per class of the prediction.

    Raises:
        ValueError: If an id is outside the classes.
    """
    keep = truth != ignore
    t, p = truth[keep].astype(np.int64), predicted[keep].astype(np.int64)
    for name, ids in (("truth", t), ("prediction", p)):
        if len(ids) and not 0 <= ids.min() <= ids.max() < classes:
            raise ValueError(f"{name}: expected ids from 0 to {classes - 1}, got {ids.min()} to {ids.max()}")
    return np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)


def f1_by_class(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the F1 score of each class, 2TP / (2TP + FP + FN).

    Args:
        table: (classes, classes) counts of `confusion`.

    Returns:
        (classes,) in [0, 1]; NaN for a class that is neither in the truth nor in the prediction.
    """
    hit = np.diag(table).astype(float)
    both = table.sum(0) + table.sum(1)
    return np.where(both > 0, 2 * hit / np.maximum(both, 1), np.nan)


def iou_by_class(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the intersection over union of each class, TP / (TP + FP + FN).

    Args:
        table: (classes, classes) counts of `confusion`.

    Returns:
        (classes,) in [0, 1]; NaN for a class that is neither in the truth nor in the prediction.
    """
    hit = np.diag(table).astype(float)
    either = table.sum(0) + table.sum(1) - hit
    return np.where(either > 0, hit / np.maximum(either, 1), np.nan)


def accuracy_by_attribute(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Compute the fraction of labelled faces that are classified correctly, for each attribute.

    Args:
        probabilities: (N,A) in [0, 1].
        truth: (N,A) of 0, 1 and NaN; NaN = not labelled.
        threshold: A probability of at least this is a prediction of 1.

    Returns:
        (A,) in [0, 1]; NaN for an attribute without labels.
    """
    return _share((probabilities >= threshold) == (truth == 1), ~np.isnan(truth))


def balanced_accuracy_by_attribute(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Compute the mean of the accuracies on faces with and without the attribute, for each attribute.

    A guess scores 0.5, also for a rare attribute.

    Args:
        probabilities: (N,A) in [0, 1].
        truth: (N,A) of 0, 1 and NaN; NaN = not labelled.
        threshold: A probability of at least this is a prediction of 1.

    Returns:
        (A,) in [0, 1]; NaN for an attribute that all labelled faces have, or none.
    """
    predicted = probabilities >= threshold
    return (_share(predicted, truth == 1) + _share(~predicted, truth == 0)) / 2


def calibration_error(probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = 15) -> float:
    """Compute the expected calibration error: how far probabilities are from observed frequencies.

    All labelled entries are sorted into bins of equal width in [0, 1]; 1 belongs to the last bin. The error is the mean
    of |mean probability - fraction that is true| over the bins, weighted by their numbers of entries.

    Args:
        probabilities: (N,A) in [0, 1].
        truth: (N,A) of 0, 1 and NaN; NaN = not labelled.
        bins: Number of bins.

    Returns:
        A value in [0, 1], 0 is perfect; NaN if nothing is labelled.
    """
    labelled = ~np.isnan(truth)
    p, t = probabilities[labelled].astype(np.float64), truth[labelled].astype(np.float64)
    if not len(p):
        return float("nan")
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(which, p - t, minlength=bins)).sum() / len(p))


def _share(hit: NDArray[np.bool_], of: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return per column the fraction of ``of`` that is also ``hit``; NaN for an empty column."""
    return np.where(of.any(0), (hit & of).sum(0) / np.maximum(of.sum(0), 1), np.nan)


def psnr(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Compute the peak signal-to-noise ratio of an image.

    Args:
        image: (H,W,3) uint8.
        truth: The image to compare with, of the same shape.

    Returns:
        Decibels; infinity for equal images.
    """
    error = np.mean((image.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def ssim(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Compute the structural similarity of two images (Wang et al. 2004).

    The window is a Gaussian of sigma 1.5; the score is the mean over the colour channels.

    Args:
        image: (H,W,3) uint8, at least 11 px a side.
        truth: The image to compare with, of the same shape.

    Returns:
        A value in [-1, 1]; 1 for equal images.
    """
    from skimage.metrics import structural_similarity

    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(image, truth, channel_axis=-1, data_range=255, **options))
