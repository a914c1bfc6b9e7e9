"""Metrics by the field's protocols, on plain arrays."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..labels import LandmarkSet
from ..zoo.embedded import embedded_file

if TYPE_CHECKING:
    import lpips


_OLD_KEYS = ("nme", "fr10", "auc10", "auc7")


class LandmarkScores(dict[str, float]):
    """Scores of landmarks by name; each name says what the errors are divided by ("nme_inter_ocular").

    For one release, the names without it ("nme", "fr10", "auc10", "auc7") give the first normaliser's score with a
    DeprecationWarning. They are not among the keys.
    """

    def __missing__(self, key: str) -> float:
        full = next((k for k in self if key in _OLD_KEYS and k.startswith(f"{key}_")), None)
        if full is None:
            raise KeyError(key)
        message = f"scores[{key!r}] does not say what errors are divided by, expected {full!r}: use that name"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self[full]

    def get(self, key: str, default: Any = None) -> Any:
        """As a dictionary's `get`, also for the names without a normaliser."""
        old = key not in self and key in _OLD_KEYS and any(k.startswith(f"{key}_") for k in self)
        return self[key] if old else super().get(key, default)


def landmark_normaliser(truth: NDArray[np.floating], labels: LandmarkSet, by: str) -> float:
    """The distance that NME divides by, in pixels. truth: (K,2), NaN = not labelled.

    by: "inter_ocular" (outer eye corners: points 36 and 45 of the 68, 60 and 72 of the 98), "inter_pupil" (means of the
    eye points), "box" (sqrt of the area of the points' box) or "diagonal" (of that box). NaN where the points for it
    are missing or lie in one place.
    """
    distance = _distance(truth, labels, by)
    return distance if distance > 0 else float("nan")


def _distance(truth: NDArray[np.floating], labels: LandmarkSet, by: str) -> float:
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
    """Normalised mean error of one face, as a fraction (0.04 = 4 %). Points that are NaN in truth do not count."""
    distances = np.linalg.norm(predicted - truth, axis=-1)
    return float(np.nanmean(distances)) / landmark_normaliser(truth, labels, by)


def failure_rate(errors: NDArray[np.floating], threshold: float) -> float:
    """FR: the part of the faces whose NME exceeds the threshold (0.10 for FR@10)."""
    return float((np.asarray(errors) > threshold).mean())


def auc(errors: NDArray[np.floating], threshold: float) -> float:
    """Area under the cumulative error distribution up to the threshold, divided by the threshold; 1 is perfect."""
    return float(np.clip(1 - np.asarray(errors) / threshold, 0, None).mean())


def confusion(
    predicted: NDArray[np.integer], truth: NDArray[np.integer], classes: int, ignore: int = 255
) -> NDArray[np.int64]:
    """(classes, classes) pixel counts, truth by row, prediction by column; ignored pixels of the truth left out.

    predicted, truth: ids of the same shape. Raises ValueError for an id outside the classes.
    """
    keep = truth != ignore
    t, p = truth[keep].astype(np.int64), predicted[keep].astype(np.int64)
    for name, ids in (("truth", t), ("prediction", p)):
        if len(ids) and not 0 <= ids.min() <= ids.max() < classes:
            raise ValueError(f"{name} holds ids {ids.min()} to {ids.max()}: expected 0 to {classes - 1}")
    return np.bincount(t * classes + p, minlength=classes * classes).reshape(classes, classes)


def f1_by_class(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """2TP / (2TP + FP + FN) a class from `confusion`; NaN for a class that is neither in truth nor in prediction."""
    hit = np.diag(table).astype(float)
    both = table.sum(0) + table.sum(1)
    return np.where(both > 0, 2 * hit / np.maximum(both, 1), np.nan)


def iou_by_class(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """TP / (TP + FP + FN) a class from `confusion`; NaN as in `f1_by_class`."""
    hit = np.diag(table).astype(float)
    either = table.sum(0) + table.sum(1) - hit
    return np.where(either > 0, hit / np.maximum(either, 1), np.nan)


def accuracy_by_attribute(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """The part of the labelled faces that is told right, an attribute: (N,A), (N,A) of 0, 1 and NaN -> (A,).

    An attribute is told to be there from the threshold on. NaN in truth does not count; NaN for an attribute that no
    face is labelled with.
    """
    return _share((probabilities >= threshold) == (truth == 1), ~np.isnan(truth))


def balanced_accuracy_by_attribute(
    probabilities: NDArray[np.floating], truth: NDArray[np.floating], threshold: float = 0.5
) -> NDArray[np.float64]:
    """Half the accuracy on the faces that have the attribute plus half that on those that do not: 0.5 for a guess, how
    rare ever the attribute is. Shapes as `accuracy_by_attribute`; NaN for an attribute that all faces have, or none."""
    told = probabilities >= threshold
    return (_share(told, truth == 1) + _share(~told, truth == 0)) / 2


def calibration_error(probabilities: NDArray[np.floating], truth: NDArray[np.floating], bins: int = 15) -> float:
    """Expected calibration error: how far probabilities are from how often they come true, 0 is perfect.

    All labelled entries of (N,A) probabilities are sorted into bins of equal width in [0, 1], the upper end in the last
    one; the error is the mean over the bins, weighted by their entries, of |mean probability - part of them that is
    true|. NaN where nothing is labelled.
    """
    known = ~np.isnan(truth)
    p, t = probabilities[known].astype(np.float64), truth[known].astype(np.float64)
    if not len(p):
        return float("nan")
    which = np.minimum((p * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(which, p - t, minlength=bins)).sum() / len(p))


def _share(hit: NDArray[np.bool_], of: NDArray[np.bool_]) -> NDArray[np.float64]:
    """By column the part of `of` that is `hit` as well; NaN for an empty one."""
    return np.where(of.any(0), (hit & of).sum(0) / np.maximum(of.sum(0), 1), np.nan)


def psnr(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio of two images (H,W,3), in dB; inf where they are equal."""
    error = np.mean((image.astype(np.float64) - truth) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def ssim(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Structural similarity of two images (H,W,3), at least 11 px a side: Wang et al. 2004, Gaussian window of sigma
    1.5, mean over the colours. In [-1, 1], 1 where they are equal."""
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            image, truth, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
    )  # fmt: skip


def lpips_distance(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """LPIPS 0.1 on AlexNet of two images (H,W,3), at least 32 px a side; 0 where they are equal, about 0.7 for
    images that have nothing in common."""
    import torch

    net = alexnet_lpips()
    both = torch.from_numpy(np.stack([image, truth])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        return float(net(both[:1], both[1:]))


@functools.cache
def alexnet_lpips() -> lpips.LPIPS:
    """The network with its trunk from this package: lpips itself would download that."""
    import lpips

    from ..core.global_state import no_warnings, preserved_random_state
    from ..core.weight_files import read_weights

    with no_warnings(), preserved_random_state():  # the warning is torchvision's, about an argument that lpips passes
        net = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = read_weights(embedded_file("alexnet"), "AlexNet's trunk").tensors
    missing, unexpected = net.load_state_dict(trunk, strict=False)
    assert not unexpected and not any(k.startswith("net.") for k in missing)
    return net.eval()
