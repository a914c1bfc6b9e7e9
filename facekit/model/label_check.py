"""Compare the user's labels with predictions of the embedded models, and warn of labels that look wrong.

Labels of a known set (68 points, Helen's parts, ...) are compared on a few images. If they fit only after a usual
mistake is undone (x and y exchanged, another order of the images, ...), a warning names it. There is no warning in
other cases, because the embedded models may be wrong about unusual faces.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..alignment import Frame, frame_points, point_frame
from ..core.global_state import preserved_random_state
from ..images.reader import ImageBatch
from ..labels import (
    IGNORE_ID,
    LANDMARK_SETS,
    LANDMARKS_68,
    SEGMENTATION_SETS,
    LandmarkSet,
    SegmentationSet,
    convert_landmarks,
    segmentation_map,
)
from ..results import Landmarks, Segmentation
from ..tasks import LandmarkTask, SegmentationTask, Task
from .face_frames import embedded_model

IMAGES = 8  # Number of images that are compared, spread over all.
OTHERS = 500  # Number of other images whose labels are tried.
# Errors of points are parts of the side of the face's box.
FITS = 0.055  # median error of labels that are right
BETTER = 0.5  # a mistake undone makes the error so much smaller, in most images
MOST = 0.75
SHIFT = 0.02  # the smallest common offset that is a mistake; twice as much for fewer images than FEW
FEW = 3
FACE_SIDE = (0.4, 0.9)  # of the image's side: then the whole image is a face crop
# F1 of parts, averaged over the classes.
PARTS_FIT, PARTS_GAIN = 0.45, 0.04

Array = NDArray[np.floating]
Size = tuple[int, int]

# Mistakes, as they are undone: points (K,2) and the image's (height, width) -> points.
_MOVES: dict[str, Callable[[Array, Size], Array]] = {
    "x and y exchanged": lambda p, size: p[:, ::-1],
    "mirrored left to right": lambda p, size: np.stack([size[1] - 1 - p[:, 0], p[:, 1]], 1),
    "upside down": lambda p, size: np.stack([p[:, 0], size[0] - 1 - p[:, 1]], 1),
    "normalised to 0..1": lambda p, size: p * size[::-1],
    "normalised to -1..1": lambda p, size: (p + 1) / 2 * size[::-1],
    "in percent of the image": lambda p, size: p / 100 * size[::-1],
    "multiplied by 2": lambda p, size: p / 2,
    "divided by 2": lambda p, size: p * 2,
}
_FIXES = {
    "x and y exchanged": "give x first, then y",
    "mirrored left to right": "turn x into width - 1 - x",
    "upside down": "count y from the top of the image",
    "normalised to 0..1": "multiply x by the width and y by the height",
    "normalised to -1..1": "turn them into pixels of the images",
    "in percent of the image": "turn them into pixels of the images",
    "multiplied by 2": "give them in pixels of these images",
    "divided by 2": "give them in pixels of these images",
    "left and right exchanged": "left is the viewer's left; exchange the names, or the columns",
    "mirrored left to right, with the names": "mirror the images as well, or take the labels as they were",
    "those of other images": "give the labels in the order of the images",
}


def check_plausible(task: Task, labels: Sequence[np.ndarray], images: ImageBatch, stacklevel: int = 3) -> None:
    """Warn of labels of a known set in which the embedded models find a usual mistake.

    Args:
        task: The task with its label set. Sets of the user's own are not compared.
        labels: What ``task.check`` returned, in pixels of the images.
        images: The images with their names.
        stacklevel: As in `warnings.warn`, counted from here.
    """
    indices = sorted(set(np.linspace(0, len(labels) - 1, min(len(labels), IMAGES)).round().astype(int).tolist()))
    # Loading a model draws random numbers, which are the caller's.
    with preserved_random_state(), torch.inference_mode():
        if isinstance(task, LandmarkTask) and LANDMARK_SETS.get(task.labels.name) == task.labels:
            mistaken = _mistaken_points(task.labels, labels, images, indices)
        elif isinstance(task, SegmentationTask) and SEGMENTATION_SETS.get(task.labels.name) == task.labels:
            mistaken = _mistaken_masks(task.labels, labels, images, indices)
        else:
            return
    if mistaken is not None:
        mistake, places = mistaken
        names = ", ".join(images.names[i] for i in places[:3]) + (" ..." if len(places) > 3 else "")
        expected = f"expected labels of {task.labels.name!r} in pixels of each image"
        got = f"got labels that look {'like ' if mistake.startswith('those') else ''}{mistake} ({names})"
        warnings.warn(f"{expected}, {got}; {_fix(mistake)}", stacklevel=stacklevel)


def _fix(mistake: str) -> str:
    return _FIXES.get(mistake, "give them in pixels of these images as they are")


def _mistaken_points(
    label_set: LandmarkSet, labels: Sequence[np.ndarray], photos: ImageBatch, indices: list[int]
) -> tuple[str, list[int]] | None:
    """Return the mistake and the indices of images with it, or None."""
    images, sizes = [photos.arrays[i] for i in indices], [photos.sizes[i] for i in indices]
    points = [np.asarray(labels[i], np.float64) for i in indices]
    if not any(np.isfinite(p).all(1).any() for p in convert_landmarks(np.zeros((1, 68, 2)), "68", label_set)):
        return None  # FSMA's 44 have no point in common with the 68
    is_crop = all(_is_crop(p, size) for p, size in zip(points, sizes, strict=True))
    if not is_crop:
        # Each mistake has frames of its own, so half of the images is enough.
        indices, images, sizes, points = indices[::2], images[::2], sizes[::2], points[::2]
    predicted = _predicted_points(label_set, images, [Frame() if is_crop else _frame(p, label_set) for p in points])
    errors = np.array([_error(p, s) for p, s in zip(points, predicted, strict=True)])
    if not is_crop:
        if np.nanmedian(errors) <= FITS:
            return None
        predicted = _predicted_points(label_set, images, [Frame()] * len(images))

    def errors_undone(undone: list[Array]) -> Array:
        """Return the errors of labels with a mistake undone. Small faces are predicted in frames around them."""
        all_crops = all(_is_crop(p, size) for p, size in zip(undone, sizes, strict=True))
        if all_crops or is_crop:
            predicted_there = predicted
        elif not all(_is_inside(p, size) for p, size in zip(undone, sizes, strict=True)):
            return np.full(len(undone), np.inf)
        else:
            predicted_there = _predicted_points(label_set, images, [_frame(p, label_set) for p in undone])
        return np.array([_error(p, s) for p, s in zip(undone, predicted_there, strict=True)])

    flip = list(label_set.flip)
    moves = dict(_MOVES)
    moves["left and right exchanged"] = lambda p, size: p[flip]
    moves["mirrored left to right, with the names"] = lambda p, size: _MOVES["mirrored left to right"](p[flip], size)
    outcomes = {
        name: errors_undone([m(p, size) for p, size in zip(points, sizes, strict=True)]) for name, m in moves.items()
    }
    outcomes["those of other images"] = _error_of_others(labels, predicted, indices)
    mistake, least = min(outcomes.items(), key=lambda one: float(np.nanmedian(one[1])))
    if not _clearly(least, errors):
        undone = _moved_alike(points, predicted, errors)
        return None if undone is None else (undone, indices)
    return mistake, [i for i, e, o in zip(indices, least, errors, strict=True) if e < BETTER * o]


def _clearly(errors: Array, before: Array) -> bool:
    """Return whether the labels fit after a mistake was undone, and did not before."""
    better = (errors < BETTER * before) & (errors < 2 * FITS)
    return bool(np.nanmedian(errors) <= FITS and better.mean() >= MOST)


def _box(p: Array) -> tuple[Array, Array]:
    p = p[np.isfinite(p).all(1)]
    return (p.min(0), p.max(0)) if len(p) else (np.zeros(2), np.zeros(2))


def _is_inside(p: Array, size: Size) -> bool:
    low, high = _box(p)
    return bool((low > -0.3 * min(size)).all() and (high < np.array(size[::-1]) * 1.3).all() and (high - low).min() > 8)


def _is_crop(p: Array, size: Size) -> bool:
    low, high = _box(p)
    part = (high - low).max() / min(size) * (2 if len(p) < 10 else 1)  # a face is twice its eyes, nose and mouth
    return bool(_is_inside(p, size) and FACE_SIDE[0] <= part <= FACE_SIDE[1])


def _frame(p: Array, label_set: LandmarkSet) -> Frame:
    low, high = _box(p)
    if not np.isfinite(p).any() or (high - low).max() < 4:
        return Frame()
    if len(label_set) >= 68:
        return frame_points(p, label_set)
    centre, half = (low + high) / 2, 1.6 * float((high - low).max())  # pupils to mouth are half of the 68's box
    return Frame((*(centre - half), *(centre + half)))


def _predicted_points(
    label_set: LandmarkSet, images: list[np.ndarray], frames: list[Frame]
) -> list[tuple[Array, float]]:
    """Return per frame the embedded model's points in the order of the set, and the side of the face's box."""
    results = embedded_model("landmarks").predict_images(images, [[frame] for frame in frames])
    points = [face.points.astype(np.float64) for (face,) in results if isinstance(face, Landmarks)]
    return [(convert_landmarks(p, "68", label_set), float(np.sqrt(np.prod(np.ptp(p, 0))))) for p in points]


def _error(p: Array, predicted: tuple[Array, float]) -> float:
    """Return the mean distance in parts of the face's side, or inf if too few points are labelled."""
    distances = np.linalg.norm(p - predicted[0], axis=1)
    distances = distances[np.isfinite(distances)]
    return float(distances.mean()) / max(predicted[1], 1e-6) if len(distances) >= 4 else np.inf


def _error_of_others(labels: Sequence[np.ndarray], predicted: list[tuple[Array, float]], indices: list[int]) -> Array:
    """Return for each image the least error of another image's labels."""
    others = sorted({*indices, *np.linspace(0, len(labels) - 1, min(len(labels), OTHERS)).round().astype(int).tolist()})
    pairs = zip(indices, predicted, strict=True)
    return np.array([min((_error(labels[j], s) for j in others if j != i), default=np.inf) for i, s in pairs])


def _moved_alike(labelled: Sequence[Array], predicted: list[tuple[Array, float]], errors: Array) -> str | None:
    """Return the factor or offset that all labels have in common, in words."""
    factors, offsets, shifts, left = [], [], [], []
    for p, (points, side) in zip(labelled, predicted, strict=True):
        both = np.isfinite(p).all(1) & np.isfinite(points).all(1)
        if both.sum() < 4:
            continue
        a, b = p[both] - p[both].mean(0), points[both] - points[both].mean(0)
        factor = float((a * b).sum() / max((a * a).sum(), 1e-9))
        factors.append(factor)
        offsets.append(p[both].mean(0) - points[both].mean(0) / max(factor, 1e-9))
        shifts.append(p[both].mean(0) - points[both].mean(0))
        left.append(float(np.linalg.norm(factor * a - b, axis=1).mean()) / max(side, 1e-6))
    if not factors or not _clearly(np.array(left), errors[: len(left)]):
        return None
    factor, offset = float(np.median(factors)), np.median(offsets, 0)
    side = float(np.median([s for _, s in predicted]))
    spread = np.abs(np.array(offsets) - offset).max() * factor / side
    if np.ptp(factors) > 0.15 * factor or spread > 0.15:
        return None
    if abs(factor - 1) > 0.12 and np.abs(offset).max() * factor < 0.2 * side:
        return f"multiplied by {1 / factor:.2g}"
    if abs(factor - 1) < 0.12:
        # Without the factor: faces differ from the mean face by a few percent, which moves points far from the origin.
        shift = np.median(shifts, 0)
        least = SHIFT * side * (2 if len(shifts) < FEW else 1)
        return f"moved by about ({shift[0]:.0f}, {shift[1]:.0f}) px" if np.abs(shift).max() >= least else None
    return f"multiplied by {1 / factor:.2g} and moved by about ({offset[0]:.0f}, {offset[1]:.0f}) px"


def _mistaken_masks(
    label_set: SegmentationSet, labels: Sequence[np.ndarray], photos: ImageBatch, indices: list[int]
) -> tuple[str, list[int]] | None:
    """Return what `_mistaken_points` returns, for masks."""
    indices = indices[:: 2 if len(indices) > 4 else 1]
    parser = embedded_model("segmentation")
    assert isinstance(parser.task, SegmentationTask)
    table = segmentation_map(parser.task.labels.name, label_set)
    images, masks = [photos.arrays[i] for i in indices], [labels[i] for i in indices]
    pointed = embedded_model("landmarks").predict_images(images, [[_mask_frame(mask)] for mask in masks])
    # The parser learned from faces brought to the mean face.
    found = [face for (face,) in pointed if isinstance(face, Landmarks)]
    frames = [point_frame(face.points, LANDMARKS_68, "mean") or Frame() for face in found]
    results = parser.predict_images(images, [[frame] for frame in frames])
    predicted = [table[face.mask] for (face,) in results if isinstance(face, Segmentation)]
    swap = np.arange(256, dtype=np.uint8)
    swap[: len(label_set)] = label_set.flip
    sided = [k for k, other in enumerate(label_set.flip) if k != other]
    all_classes = list(range(1, len(label_set)))
    undone: dict[str, tuple[list[int], Callable[[np.ndarray], np.ndarray]]] = {
        "left and right exchanged": (sided, lambda m: swap[m]),
        "mirrored left to right": (all_classes, lambda m: m[:, ::-1]),
        "mirrored left to right, with the names": (all_classes, lambda m: swap[m[:, ::-1]]),
        "upside down": (all_classes, lambda m: m[::-1]),
        "x and y exchanged": (all_classes, lambda m: m.T),
    }
    # On frontal faces several fit, because a mirrored face nearly has its parts at their places. The best one counts.
    fitting: dict[str, tuple[float, list[int]]] = {}
    for mistake, (classes, move) in undone.items():
        moved = [move(m) for m in masks]
        if not classes or any(m.shape != s.shape for m, s in zip(moved, predicted, strict=True)):
            continue
        before = np.array([_f1(m, s, classes) for m, s in zip(masks, predicted, strict=True)])
        f1 = np.array([_f1(m, s, classes) for m, s in zip(moved, predicted, strict=True)])
        if _parts_fit(f1, before):
            whole = float(np.median([_f1(m, s, all_classes) for m, s in zip(moved, predicted, strict=True)]))
            fitting[mistake] = whole, [i for i, a, b in zip(indices, f1, before, strict=True) if a > b]
    if fitting:
        best_fit = max(fitting, key=lambda mistake: fitting[mistake][0])
        return best_fit, fitting[best_fit][1]
    before = np.array([_f1(m, s, all_classes) for m, s in zip(masks, predicted, strict=True)])
    if len(labels) > 1:
        others = sorted(
            {*indices, *np.linspace(0, len(labels) - 1, min(len(labels), OTHERS // 10)).round().astype(int)}
        )
        best = []
        for i, p in zip(indices, predicted, strict=True):
            same_size = [j for j in others if j != i and labels[j].shape == p.shape]
            best.append(max((_f1(labels[j], p, all_classes) for j in same_size), default=0.0))
        f1 = np.array(best)
        if _parts_fit(f1, before):
            return "those of other images", [i for i, a, b in zip(indices, f1, before, strict=True) if a > b]
    return None


def _parts_fit(f1: Array, before: Array) -> bool:
    gain = PARTS_GAIN if len(f1) >= 4 else 2 * PARTS_GAIN
    return bool(np.median(f1) >= PARTS_FIT and (f1 > before + gain).mean() >= MOST)


def _mask_frame(mask: np.ndarray) -> Frame:
    """Return the square around the labelled pixels, or the whole image if that is most of it."""
    ys, xs = np.nonzero((mask > 0) & (mask < 255))
    if not len(xs) or max(np.ptp(xs), np.ptp(ys)) > 0.5 * min(mask.shape):
        return Frame()
    x, y, half = (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2, 0.7 * max(np.ptp(xs), np.ptp(ys))
    return Frame((x - half, y - half, x + half, y + half))


def _f1(mask: np.ndarray, predicted: np.ndarray, classes: list[int]) -> float:
    """Return the mean F1 of the classes in either mask, on every few pixels, without ignored ones."""
    step = max(1, max(mask.shape) // 128)
    a, b = mask[::step, ::step], predicted[::step, ::step]
    keep = (a != IGNORE_ID) & (b != IGNORE_ID)
    a, b = a[keep], b[keep]
    areas, others = np.bincount(a, minlength=256), np.bincount(b, minlength=256)
    hit = np.bincount(a[a == b], minlength=256)
    present = [k for k in classes if areas[k] + others[k] > 20]
    return float(np.mean([2 * hit[k] / (areas[k] + others[k]) for k in present])) if present else 0.0
