"""The task "landmarks": any number of points, one heatmap each (FSMA section 4.1, FaRL section 4.1)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from ..annotations.checks import check_landmarks
from ..annotations.label_items import Labels
from ..augmentation.affine import Moves, warp_points
from ..core.arguments import check_choice
from ..geometry.crop import Crop
from ..images.reader import ImageBatch
from ..labels import LANDMARK_SETS, LandmarkSet, landmark_set
from ..labels.sides import sides_of
from ..labels.symmetry import flip_against_names, flip_of_points
from ..metrics.face_boxes import BOX_NORMALISERS, box_normaliser
from ..metrics.point_groups import point_groups
from ..metrics.scores import LandmarkScores, auc, failure_rate, landmark_normaliser, point_error
from ..results.types import Drawable, Landmarks
from .base import ParsedLabels, Task, TaskSettings
from .heatmaps import KINDS
from .label_set_task import LabelSetTask


class LandmarkTask(LabelSetTask):
    """K points, one map each.

    Points of maps with a fixed side, such as "farl-128", are learned and decoded in the pixels of an input of twice
    that side. ``augmented`` and ``result`` convert them.

    Attributes:
        heatmaps: Kind of heatmap. "softmax" (ours) and "farl" (FaRL's paper, narrower): the softmax over a map is the
            probability of the point's position, learned by cross-entropy. "farl-128": the same on maps of 128 px. "l2"
            (FSMA's paper): the map is a Gaussian of peak 1 at the point, learned by a squared error. "farl-code"
            (FaRL's released code): the sigmoid of the map is such a Gaussian. "farl-released": the same on maps of a
            quarter of the input's side.
        sigma: Standard deviation of the target Gaussian, as a part of the map's side.
    """

    name: ClassVar[str] = "landmarks"
    higher_is_better: ClassVar[bool] = False
    labels: LandmarkSet

    def __init__(self, labels: LandmarkSet, heatmaps: str = "softmax", mirroring: bool = True):
        """Store the label set.

        Args:
            labels: The label set.
            heatmaps: Kind of heatmap.
            mirroring: Whether mirrored images may be used.

        Raises:
            ValueError: If there is no such kind of heatmap.
        """
        super().__init__(labels, mirroring)
        check_choice(heatmaps, "heatmaps", KINDS)
        self.heatmaps, self.sigma = heatmaps, KINDS[heatmaps].sigma
        self.map_side = KINDS[heatmaps].side

    @property
    @override
    def stride(self) -> int:  # type: ignore[override]
        return KINDS[self.heatmaps].stride

    @property
    @override
    def headline(self) -> str:  # type: ignore[override]
        return f"nme_{self.normalisers[0]}"

    @property
    def normalisers(self) -> list[str]:
        """Names of the lengths that errors can be divided by (see `facekit.metrics.landmark_normaliser`)."""
        kinds = ["inter_ocular"] * bool(self.labels.eye_corners) + ["inter_pupil"] * bool(self.labels.eyes)
        return [*kinds, "box", "diagonal"]

    @classmethod
    @override
    def create(cls, label_set: LandmarkSet, settings: TaskSettings) -> LandmarkTask:
        cls.log_mirroring(label_set, settings)
        return cls(label_set, settings.heatmaps, settings.mirror)

    @classmethod
    @override
    def customised(cls, label_set: LandmarkSet) -> bool:
        return label_set.name != "68"

    @classmethod
    @override
    def parse(cls, labels: Labels | None, names: Any, images: ImageBatch) -> ParsedLabels:
        points = check_landmarks(labels, images.sizes, images.names)
        k = points.shape[1]
        # 68 and 98 points are the field's sets. Every other number is the user's own set unless it is named.
        guess = str(k) if names is None and k in (68, 98) else names
        chosen = landmark_set(guess, k)
        if not chosen.mirrors and not sides_of(chosen.points).one_sided:
            # Names do not tell left-right pairs. Points decide, or mirrored images are not used.
            flip = flip_of_points(list(points), images.sizes, chosen.flip)
            chosen = chosen if flip is None else replace(chosen, flip=flip, mirrors=True)
        elif chosen.mirrors and chosen.name not in LANDMARK_SETS:
            chosen = _trusted(chosen, points, images.sizes)
        return ParsedLabels(chosen, list(points))

    @override
    def check(self, labels: Labels | None, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return list(check_landmarks(labels, sizes, items, len(self.labels)))

    @override
    def to_crop(self, label: np.ndarray, crop: Crop) -> np.ndarray:
        return crop.points(label).astype(np.float32)

    @override
    def augmented(self, labels: Tensor, moves: Moves, mirrored: Tensor, side: int, out: int) -> Tensor:
        points = warp_points(labels, moves, side, out if self.map_side is None else self.map_side * self.stride)
        swapped = points[:, list(self.labels.flip)]
        return torch.where(mirrored[:, None, None], swapped, points)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Return the mean error over points that are labelled and inside the input.

        Args:
            maps: Heatmaps (N, K, h, w).
            labels: Points (N, K, 2) from ``augmented``, NaN = unlabelled.
        """
        h, w = maps.shape[2:]
        points = (labels + 0.5) * (w / self._input_side(w)) - 0.5
        inside = ((points > -0.5) & (points < points.new_tensor([w - 0.5, h - 0.5]))).all(-1)
        error = KINDS[self.heatmaps].error(maps.float(), torch.nan_to_num(points), self.sigma * w)
        return (error * inside).sum() / inside.sum().clamp_min(1)

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Start every point as the known point that is closest to it on these faces."""
        found = torch.from_numpy(np.stack(known.decode(maps)))[:, None, :, :2]
        if isinstance(known, LandmarkTask):
            side = maps.shape[-1]
            own = side * known.stride if self.map_side is None else self._input_side(side)
            found = (found + 0.5) * (own / known._input_side(side)) - 0.5
        distance = (labels.cpu()[:, :, None] - found).norm(dim=-1).nanmean(0)
        return F.one_hot(distance.nan_to_num(torch.inf).argmin(-1), known.channels).float()

    @override
    def uncertainty(self, maps: Tensor, mirrored: Callable[[], Tensor]) -> Tensor:
        return 1 - torch.from_numpy(np.stack(self.decode(maps)))[..., 2].mean(1)

    @override
    def decoding(self, side: int) -> str:
        known = KINDS[self.heatmaps]
        maps = self.map_side or side // self.stride
        return (
            f"maps: float32 (N, {self.channels}, {maps}, {maps}), one per name. {known.words(self.sigma * maps)}. x "
            f"in pixels of the input is (x + 0.5) * {side / maps:g} - 0.5, y alike; (0, 0) is the centre of a pixel."
        )

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Return points (K, 3) per image: x, y in pixels of the input, as ``loss`` has them, and a score in [0, 1].

        The score is the probability mass around the point, for "farl-code" and "farl-released" the largest value of the
        map.
        """
        found = KINDS[self.heatmaps].find(maps.float(), self.sigma * maps.shape[-1])
        side = maps.shape[-1]
        found = torch.cat([(found[..., :2] + 0.5) * (self._input_side(side) / side) - 0.5, found[..., 2:]], -1)
        return list(found.cpu().numpy())

    def _input_side(self, map_side: int) -> int:
        """Return the side of the input in whose pixels points are learned, for maps of a side."""
        return (self.map_side or map_side) * self.stride

    @override
    def result(self, prediction: np.ndarray, crop: Crop, image: np.ndarray, box: Any) -> Landmarks:
        points = prediction[:, :2]
        if self.map_side is not None:
            points = (points + 0.5) * (crop.size[1] / self._input_side(self.map_side)) - 0.5
        points = crop.points_back(points)
        return Landmarks(points.astype(np.float32), prediction[:, 2].astype(np.float32), self.labels, image, box)

    @override
    def score(
        self, results: list[Drawable], labels: list[np.ndarray], boxes: NDArray[np.floating] | None = None
    ) -> dict[str, float]:
        """Compute NME by every normaliser that the set allows, and FR@10, AUC@10, AUC@7 by the first; all in percent.

        The keys name the normaliser: "nme_inter_ocular" (where the set has outer eye corners), "nme_inter_pupil",
        "nme_box", "nme_diagonal"; "fr10_inter_ocular", and so on. For the 68 points, "nme_inter_ocular_inside" and
        "nme_inter_ocular_outline" are those of 51 and 17 points (FSMA, Tables 1 and 3).

        Args:
            results: One result per image.
            labels: What ``check`` returned.
            boxes: (N, 4), the data set's bounding boxes from `check_boxes`, or None. With boxes, "nme_box" is divided
                by the square root of the given box's area, and "nme_diag" by its diagonal; "auc7_box" is added, and
                "nme_diagonal" is left out (FaRL, Table 6). Without boxes, the box of the labelled points is used.
        """
        found = [r.points for r in results if isinstance(r, Landmarks)]
        distances = {by: [landmark_normaliser(t, self.labels, by) for t in labels] for by in self.normalisers}
        if boxes is not None:
            del distances["diagonal"]
            distances |= {by: [box_normaliser(box, by) for box in boxes] for by in BOX_NORMALISERS}
        errors = [point_error(p, t) for p, t in zip(found, labels, strict=True)]
        scores: dict[str, float] = {}
        for by, lengths in distances.items():
            fractions = _finite_fractions(errors, lengths)
            if not len(fractions):
                continue
            first = not scores
            scores[f"nme_{by}"] = 100 * float(fractions.mean())
            if first:
                scores[f"fr10_{by}"] = 100 * failure_rate(fractions, 0.10)
                scores |= {f"auc10_{by}": 100 * auc(fractions, 0.10), f"auc7_{by}": 100 * auc(fractions, 0.07)}
            elif by == "box" and boxes is not None:
                scores[f"auc7_{by}"] = 100 * auc(fractions, 0.07)
        for group, ids in point_groups(self.labels).items():
            errors = [point_error(p[ids], t[ids]) for p, t in zip(found, labels, strict=True)]
            fractions = _finite_fractions(errors, distances["inter_ocular"])  # the 68 points have eye corners
            if len(fractions):
                scores[f"nme_inter_ocular_{group}"] = 100 * float(fractions.mean())
        return LandmarkScores(scores)

    @override
    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name,
            "points": list(s.points),
            "flip": list(s.flip),
            "edges": [list(e) for e in s.edges],
            "eye_corners": s.eye_corners,
            "eyes": s.eyes,
            "mirrors": s.mirrors,
            "heatmaps": self.heatmaps,
            **self._mirroring_to_dict(),
        }

    @classmethod
    @override
    def from_dict(cls, settings: dict[str, Any]) -> LandmarkTask:
        s = dict(settings)
        heatmaps = s.pop("heatmaps", "softmax")  # earlier files have no other kind
        mirroring = s.pop("mirroring", True)
        for key in ("points", "flip", "eye_corners"):
            s[key] = tuple(s[key]) if s[key] is not None else None
        s["edges"] = tuple((int(a), int(b)) for a, b in s["edges"])
        s["eyes"] = tuple(tuple(group) for group in s["eyes"]) if s["eyes"] else None
        return cls(LandmarkSet(**s), heatmaps, mirroring)


def _finite_fractions(errors: list[float], lengths: list[float]) -> NDArray[np.float64]:
    """Return errors over lengths. Faces whose error or length is unknown are left out."""
    fractions = np.array(errors, np.float64) / np.array(lengths, np.float64)
    return fractions[np.isfinite(fractions)]


def _trusted(own: LandmarkSet, points: np.ndarray, sizes: Sequence[tuple[int, int]]) -> LandmarkSet:
    """Return the set with the pairs of its names, or with those of the points if the names are clearly wrong."""
    flip = flip_against_names(list(points), sizes, own.flip)
    if flip is None:
        return own
    i = next(i for i, (a, b) in enumerate(zip(flip, own.flip, strict=True)) if a != b)
    named, found = own.points[own.flip[i]], own.points[flip[i]]
    warnings.warn(
        f"names pair {own.points[i]!r} with {named!r}, but its mirror image lies at {found!r}, expected names that "
        "agree with the points: the points' pairs are used",
        stacklevel=5,
    )
    return replace(own, flip=flip)
