"""Face parsing (FSMA section 4.2): one class a pixel, cross-entropy, an ignore id."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..annotations.checks import check_masks
from ..augmentation.affine import warp_masks
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import SegmentationSet, segmentation_set
from ..labels.sides import sides_of
from ..labels.symmetry import flip_of_masks
from ..metrics.scores import confusion, f1_by_class, iou_by_class
from ..results.types import Drawable, Segmentation
from ..training.config import Adaptation
from .base import LabelSetTask, Task

# Names of what belongs to no part.
_BACKGROUNDS = frozenset(
    "background _background_ __background__ bg void none null nothing other others else rest unlabeled unlabelled "
    "hintergrund fondo fond sfondo fundo achtergrond tło фон 背景 배경".split()
)

ACTIVATIONS = ("softmax", "sigmoid")
_LISTED = 8


class SegmentationTask(LabelSetTask):
    """C classes, one logit map each.

    activation: "softmax": each pixel is of one class, cross-entropy. "sigmoid": every class is a question of yes or no
    of its own, binary cross-entropy on one-hot targets (synthparse section 3.1.3). weights: of the classes (C,) in the
    latter; all alike where None.
    """

    name: ClassVar[str] = "segmentation"
    headline: str = "f1"
    higher_is_better: ClassVar[bool] = True
    stride: ClassVar[int] = 1
    labels: SegmentationSet

    def __init__(
        self,
        labels: SegmentationSet,
        activation: str = "softmax",
        weights: Tensor | None = None,
        mirroring: bool = True,
    ):
        super().__init__(labels, mirroring)
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation={activation!r}: expected one of {', '.join(map(repr, ACTIVATIONS))}")
        self.activation, self.weights = activation, weights

    def configured(self, recipe: Adaptation) -> Task:
        configured = super().configured(recipe)
        return SegmentationTask(self.labels, recipe.activation, mirroring=configured.mirroring)

    def balanced(self, labels: Tensor) -> SegmentationTask:
        counts = torch.bincount(labels.flatten(), minlength=256)[: self.channels].float()
        _warn_of_absent(counts, len(labels), self.labels)
        if self.activation == "softmax":
            return self
        # The paper's code: 1 minus the class's part of all labelled pixels.
        return SegmentationTask(
            self.labels, self.activation, 1 - counts / counts.sum().clamp_min(1), self.mirroring
        )  # fmt: skip

    @classmethod
    def from_labels(cls, labels: Any, names: Any, images: ImageBatch) -> tuple[SegmentationTask, list[np.ndarray]]:
        sizes, items = images.sizes, images.names
        chosen = None if names is None else segmentation_set(names)
        known, ignore = (None, 255) if chosen is None else (len(chosen.classes), chosen.ignore)
        masks = check_masks(labels, sizes, known, ignore, items, None if chosen is None else chosen.palette)
        if chosen is None:
            _warn_of_spread_ids(masks)
            n = 1 + max(int(m[m != 255].max(initial=0)) for m in masks)
            chosen = replace(segmentation_set(None, max(n, 2)), mirrors=False)
        elif isinstance(names, (list, tuple)) and not any(str(n).strip().casefold() in _BACKGROUNDS for n in names):
            came = f"class names without a background came, so that id 0 means {chosen.classes[0]!r}"
            warnings.warn(f"{came}, expected names from id 0 on: put 'background' first if id 0 is it", stacklevel=4)
        if not chosen.mirrors and not sides_of(chosen.classes).one_sided:
            # The names do not tell: the masks do, or mirrored images are not used.
            flip = flip_of_masks(masks, len(chosen), chosen.flip)
            chosen = chosen if flip is None else replace(chosen, flip=flip, mirrors=True)
        return cls(chosen), masks

    @property
    def customised(self) -> bool:
        return self.labels.name != "helen11"

    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return check_masks(labels, sizes, len(self.labels.classes), self.labels.ignore, items, self.labels.palette)

    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return crop.mask(label)

    def augmented(self, labels: Tensor, matrices: Tensor, mirrored: Tensor, side: int, out: int) -> Tensor:
        masks = warp_masks(labels, matrices, out)
        swap = torch.arange(256)
        swap[: self.channels] = torch.tensor(self.labels.flip)
        swapped = swap.to(masks.device)[masks.long()].to(masks.dtype)
        return torch.where(mirrored.to(masks.device)[:, None, None], swapped, masks)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy, or the mean over classes of weighted binary ones. maps: (N,C,h,w). labels: (N,h,w) ids, 255 =
        ignored."""
        if self.activation == "softmax":
            return F.cross_entropy(maps.float(), labels.long(), ignore_index=255)
        ids = labels.long()
        truth = F.one_hot(ids.clamp(max=self.channels), self.channels + 1)[..., :-1].movedim(-1, 1).to(maps.dtype)
        error = F.binary_cross_entropy_with_logits(maps.float(), truth.float(), reduction="none").movedim(1, -1)
        if self.weights is not None:
            error = error * self.weights.to(error)
        seen = ids != 255
        return error[seen].mean() if bool(seen.any()) else 0.0 * maps.float().sum()

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Every known class goes to the class that covers most of it; a class starts as the mean of those it got, by
        their area, or as the one it covers best."""
        inside = F.one_hot(labels.long().clamp(max=self.channels), self.channels + 1)[..., : self.channels].float()
        area = torch.einsum("nkhw,nhwc->ck", maps.float().softmax(1), inside)
        cover = area / area.sum(0).clamp_min(1e-6)
        mine = cover == cover.amax(0)
        mine |= (cover == cover.amax(1, keepdim=True)) & ~mine.any(1, keepdim=True)
        weights = area * mine
        return weights / weights.sum(1, keepdim=True).clamp_min(1e-6)

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Per image the scores (C,h,w) float32, whose largest is the class, also between pixels: logits, for what
        softmax would take off is the same for all classes; of sigmoids the logarithms."""
        scores = maps.float() if self.activation == "softmax" else F.logsigmoid(maps.float())
        return list(scores.cpu().numpy())

    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Segmentation:
        # Logits, not ids, are brought to the image's pixels: smooth borders at any size.
        return Segmentation(crop.paste_scores(prediction, image.shape[:2]), self.labels, image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """Overall F1 over the facial parts (skin, hair, background do not count), mean IoU over all classes, pixel
        accuracy and F1 a class, all in percent, from one confusion table over all images."""
        n = self.channels
        table = np.zeros((n, n), np.int64)
        for r, truth in zip(results, labels, strict=True):
            assert isinstance(r, Segmentation)
            table += confusion(r.mask, truth, n)
        f1, iou = 100 * f1_by_class(table), 100 * iou_by_class(table)
        seen = table.sum(1) > 0
        parts = [i for i in self.labels.facial_parts if seen[i]] or [i for i in range(1, n) if seen[i]]
        scores = {
            "f1": float(np.nanmean(f1[parts])) if parts else float("nan"),
            "miou": float(np.nanmean(iou[seen])),
            "accuracy": 100 * float(np.diag(table).sum() / max(1, table.sum())),
        }
        return scores | {f"f1_{name}": float(v) for name, v in zip(self.labels.classes, f1, strict=True)}

    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name, "classes": list(s.classes), "palette": [list(c) for c in s.palette], "flip": list(s.flip),
            "facial_parts": list(s.facial_parts), "ignore": s.ignore, "mirrors": s.mirrors,
            "activation": self.activation, **self._mirroring_to_dict(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> SegmentationTask:
        s = dict(settings)
        activation = s.pop("activation", "softmax")
        mirroring = s.pop("mirroring", True)
        s["palette"] = tuple(tuple(c) for c in s["palette"])
        for key in ("classes", "flip", "facial_parts"):
            s[key] = tuple(s[key])
        return cls(SegmentationSet(**s), activation, mirroring=mirroring)


def _warn_of_absent(counts: Tensor, masks: int, labels: SegmentationSet) -> None:
    """Says which classes of the set have no pixel: networks cannot learn these. counts: pixels of each."""
    absent = [name for name, pixels in zip(labels.classes, counts.tolist(), strict=True) if not pixels]
    if absent:
        listing = ", ".join(absent[:_LISTED]) + (" ..." if len(absent) > _LISTED else "")
        came = f"no pixel of {len(absent)} of the {len(labels)} classes came in {masks} masks ({listing})"
        fix = "add masks that hold them, or pass names= without them"
        # Of `adapt` or `adapt_labels`' caller; a decorator stands between.
        warnings.warn(f"{came}, expected some of each, for they will not be learned: {fix}", stacklevel=5)


def _warn_of_spread_ids(masks: list[np.ndarray]) -> None:
    """Warn of few ids that are far apart: greys for the eye, such as 0, 64 and 128, instead of class ids."""
    ids = np.unique(np.concatenate([np.unique(mask) for mask in masks]))
    ids = ids[ids != 255]
    if len(ids) and ids[-1] >= 60 and ids[-1] > 8 * len(ids):
        shown = ", ".join(map(str, ids[:8])) + (" ..." if len(ids) > 8 else "")
        warnings.warn(
            f"ids {shown} came, which make {ids[-1] + 1} classes, expected 0, 1, 2, ...: if these are greys for the "
            "eye, turn them into ids, or pass names=",
            stacklevel=4,
        )
