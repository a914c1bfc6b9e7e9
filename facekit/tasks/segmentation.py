"""The task "segmentation": face parsing with one class per pixel (FSMA section 4.2)."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from ..annotations.label_items import Labels
from ..annotations.mask_checks import check_masks
from ..augmentation.affine import Moves, warp_masks
from ..core.arguments import check_choice
from ..core.listing import first_of
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import IGNORE_ID, SYNTHPARSE_11, SegmentationSet, segmentation_set
from ..labels.sides import sides_of
from ..labels.symmetry import flip_of_masks
from ..metrics.class_means import all_classes_iou, foreground_f1
from ..metrics.image_f1 import mean_image_f1
from ..metrics.part_groups import f1_by_group
from ..metrics.scores import confusion, f1_by_class, iou_by_class
from ..results.types import Drawable, Segmentation
from .base import Loss, ParsedLabels, Task, TaskSettings
from .label_set_task import LabelSetTask, binary_entropy

# Names of the background class.
_BACKGROUNDS = frozenset(
    "background _background_ __background__ bg void none null nothing other others else rest unlabeled unlabelled "
    "hintergrund fondo fond sfondo fundo achtergrond tło фон 背景 배경".split()
)

ACTIVATIONS = ("softmax", "sigmoid")


class SegmentationTask(LabelSetTask):
    """Face parsing into C classes, one map of logits each.

    Attributes:
        activation: "softmax" gives each pixel one class, learned by cross-entropy. "sigmoid" decides every class by
            itself, learned by binary cross-entropy on one-hot targets (synthparse section 3.1.3).
    """

    name: ClassVar[str] = "segmentation"
    headline: str = "f1"
    higher_is_better: ClassVar[bool] = True
    stride: ClassVar[int] = 1
    labels: SegmentationSet

    def __init__(self, labels: SegmentationSet, activation: str = "softmax", mirroring: bool = True):
        """Store the label set.

        Args:
            labels: The label set.
            activation: "softmax" or "sigmoid".
            mirroring: Whether mirrored images may be used.

        Raises:
            ValueError: If the activation is another one.
        """
        super().__init__(labels, mirroring)
        check_choice(activation, "activation", ACTIVATIONS)
        self.activation = activation

    @classmethod
    @override
    def create(cls, label_set: SegmentationSet, settings: TaskSettings) -> SegmentationTask:
        cls.log_mirroring(label_set, settings)
        return cls(label_set, settings.activation, settings.mirror)

    @classmethod
    @override
    def customised(cls, label_set: SegmentationSet) -> bool:
        return label_set.name != "helen11"

    @classmethod
    @override
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        sizes, items = images.sizes, images.names
        chosen = None if names is None else segmentation_set(names)
        known, ignore = (None, IGNORE_ID) if chosen is None else (len(chosen.classes), chosen.ignore)
        masks = check_masks(labels, sizes, known, ignore, items, None if chosen is None else chosen.palette)
        if chosen is None:
            _warn_of_spread_ids(masks)
            n = 1 + max(int(m[m != IGNORE_ID].max(initial=0)) for m in masks)
            chosen = replace(segmentation_set(None, max(n, 2)), mirrors=False)
        elif isinstance(names, (list, tuple)) and not any(str(n).strip().casefold() in _BACKGROUNDS for n in names):
            got = f"got names without a background, so that id 0 means {chosen.classes[0]!r}"
            warnings.warn(
                f"expected class names from id 0 on, {got}; put 'background' first if id 0 is it", stacklevel=4
            )
        if not chosen.mirrors and not sides_of(chosen.classes).one_sided:
            # Names do not tell left-right pairs. Masks decide, or mirrored images are not used.
            flip = flip_of_masks(masks, len(chosen), chosen.flip)
            chosen = chosen if flip is None else replace(chosen, flip=flip, mirrors=True)
        return ParsedLabels(chosen, masks)

    @override
    def check(self, labels: Labels | None, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return check_masks(labels, sizes, len(self.labels.classes), self.labels.ignore, items, self.labels.palette)

    @override
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return crop.mask(label)

    @override
    def augmented(self, labels: Tensor, moves: Moves, mirrored: Tensor, side: int, out: int) -> Tensor:
        masks = warp_masks(labels, moves, out)
        swap = torch.arange(256)
        swap[: self.channels] = torch.tensor(self.labels.flip)
        swapped = swap.to(masks.device)[masks.long()].to(masks.dtype)
        return torch.where(mirrored.to(masks.device)[:, None, None], swapped, masks)

    @override
    def check_crops(self, labels: Tensor) -> None:
        _warn_of_absent(self._counts(labels), len(labels), self.labels)

    def loss_function(self, labels: Tensor) -> Loss:
        """Return the loss; with sigmoids, classes are weighted by how rare they are."""
        if self.activation == "softmax":
            return self.loss
        return functools.partial(self.loss, weights=self.class_weights(labels))

    def class_weights(self, labels: Tensor) -> Tensor:
        """Return the weight (C,) of each class: 1 minus its part of all labelled pixels, as in synthparse's code."""
        counts = self._counts(labels)
        return 1 - counts / counts.sum().clamp_min(1)

    def _counts(self, labels: Tensor) -> Tensor:
        return torch.bincount(labels.flatten(), minlength=256)[: self.channels].float()

    def loss(self, maps: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return the cross-entropy, or the mean over classes of the binary ones.

        Args:
            maps: Logits (N, C, h, w).
            labels: Class ids (N, h, w); 255 is ignored.
            weights: Weights of the classes (C,) with sigmoids. None weights all alike.
        """
        if self.activation == "softmax":
            return F.cross_entropy(maps.float(), labels.long(), ignore_index=IGNORE_ID)
        ids = labels.long()
        truth = F.one_hot(ids.clamp(max=self.channels), self.channels + 1)[..., :-1].movedim(-1, 1).to(maps.dtype)
        error = F.binary_cross_entropy_with_logits(maps.float(), truth.float(), reduction="none").movedim(1, -1)
        if weights is not None:
            error = error * weights.to(error)
        labelled = ids != IGNORE_ID
        return error[labelled].mean() if bool(labelled.any()) else 0.0 * maps.float().sum()

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Assign every known class to the class that covers most of it.

        A class starts as the mean of the known classes that are assigned to it, weighted by area. A class without any
        starts as the known class of which it covers most.
        """
        inside = F.one_hot(labels.long().clamp(max=self.channels), self.channels + 1)[..., : self.channels].float()
        area = torch.einsum("nkhw,nhwc->ck", maps.float().softmax(1), inside)
        cover = area / area.sum(0).clamp_min(1e-6)
        nearest = cover == cover.amax(0)
        nearest |= (cover == cover.amax(1, keepdim=True)) & ~nearest.any(1, keepdim=True)
        weights = area * nearest
        return weights / weights.sum(1, keepdim=True).clamp_min(1e-6)

    @override
    def uncertainty(self, maps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        if self.activation == "sigmoid":
            return binary_entropy(maps).flatten(1).mean(1)
        logs = maps.float().log_softmax(1)
        return -(logs.exp() * logs).sum(1).flatten(1).mean(1)

    @override
    def decoding(self, side: int) -> str:
        return (
            f"maps: float32 (N, {self.channels}, {side // self.stride}, {side // self.stride}), one per name. "
            "Interpolate them linearly at the pixels of the photo. The class of a pixel is the index in names of the "
            "largest map there; outside the crop it is class 0."
        )

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return scores (C, h, w) float32 per image. The class with the largest score is the prediction.

        Scores are logits, or logarithms of sigmoids. They can be interpolated between pixels.
        """
        scores = maps.float() if self.activation == "softmax" else F.logsigmoid(maps.float())
        return list(scores.cpu().numpy())

    @override
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Segmentation:
        # Scores instead of ids are resampled, so that outlines are smooth at any size.
        return Segmentation(crop.paste_scores(prediction, image.shape[:2]), self.labels, image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """Return F1, mean IoU and pixel accuracy in percent, from one confusion table over all images.

        * "f1": mean over facial parts in the truth, without skin, hair and background (FSMA, supplement 2.2).
        * "miou": mean over the classes in the truth. "accuracy": fraction of correct pixels.
        * "f1_mean": mean over all classes but the background (FaRL, Tables 1 to 5). A missed class counts as 0.
        * "miou_all_classes": mean over all classes of the set (PFTGAN, equation 9). Absent classes count as 0.
        * "f1_brows", "f1_eyes", "f1_mouth", "f1_overall": merged parts, for sets that have Helen's (FSMA, Table 4).
        * "f1_images_raised", "f1_images_dropped": means over images, for SYNTHPARSE_11 (`mean_image_f1`).
        * "f1_NAME": F1 of each class; NaN if it is neither in the truth nor in the prediction.
        """
        n = self.channels
        tables = []
        for r, truth in zip(results, labels, strict=True):
            assert isinstance(r, Segmentation)
            tables.append(confusion(r.mask, truth, n))
        table = sum(tables, np.zeros((n, n), np.int64))
        f1, iou = 100 * f1_by_class(table), 100 * iou_by_class(table)
        occurring = table.sum(1) > 0
        parts = [i for i in self.labels.facial_parts if occurring[i]] or [i for i in range(1, n) if occurring[i]]
        scores = {
            "f1": float(np.nanmean(f1[parts])) if parts else float("nan"),
            "miou": float(np.nanmean(iou[occurring])),
            "accuracy": 100 * float(np.diag(table).sum() / max(1, table.sum())),
            "f1_mean": 100 * foreground_f1(table),
            "miou_all_classes": 100 * all_classes_iou(table),
        }
        scores |= {f"f1_{group}": 100 * value for group, value in f1_by_group(table, self.labels).items()}
        if self.labels.name == SYNTHPARSE_11.name:
            scores["f1_images_raised"] = 100 * mean_image_f1(tables, "raise")
            scores["f1_images_dropped"] = 100 * mean_image_f1(tables, "drop")
        return scores | {f"f1_{name}": float(v) for name, v in zip(self.labels.classes, f1, strict=True)}

    @override
    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name,
            "classes": list(s.classes),
            "palette": [list(c) for c in s.palette],
            "flip": list(s.flip),
            "facial_parts": list(s.facial_parts),
            "ignore": s.ignore,
            "mirrors": s.mirrors,
            "activation": self.activation,
            **self._mirroring_to_dict(),
        }

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> SegmentationTask:
        s = dict(settings)
        activation = s.pop("activation", "softmax")
        mirroring = s.pop("mirroring", True)
        s["palette"] = tuple(tuple(c) for c in s["palette"])
        for key in ("classes", "flip", "facial_parts"):
            s[key] = tuple(s[key])
        return cls(SegmentationSet(**s), activation, mirroring=mirroring)


def _warn_of_absent(counts: Tensor, masks: int, labels: SegmentationSet) -> None:
    """Warn of classes without a pixel, which cannot be learned.

    Args:
        counts: Number of pixels of each class.
        masks: Number of masks.
        labels: The label set.
    """
    absent = [name for name, pixels in zip(labels.classes, counts.tolist(), strict=True) if not pixels]
    if absent:
        listing = first_of(absent)
        given = "1 mask" if masks == 1 else f"{masks} masks"
        problem = f"no pixel of {len(absent)} of the {len(labels)} classes in {given} ({listing})"
        fix = "these classes are not learned, the others are; to learn them, add masks with pixels of them"
        # For the caller of `adapt` or `adapt_labels`; a decorator is in between.
        warnings.warn(f"{problem}, expected some of each: {fix}", stacklevel=5)


def _warn_of_spread_ids(masks: list[np.ndarray]) -> None:
    """Warn of few ids that are far apart, such as 0, 64 and 128: they may be grey levels instead of class ids."""
    ids = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    ids = ids[ids != IGNORE_ID]
    if len(ids) and ids[-1] >= 60 and ids[-1] > 8 * len(ids):
        shown = ", ".join(map(str, ids[:8])) + (" ..." if len(ids) > 8 else "")
        warnings.warn(
            f"expected ids 0, 1, 2, ..., got {shown}, which make {ids[-1] + 1} classes; if these are grey levels, turn "
            "them into ids, or pass names=",
            stacklevel=4,
        )
