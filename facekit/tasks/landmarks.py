"""Landmarks as heatmaps (FSMA section 4.1): any number of points, sub-pixel decoding."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..annotations import check_landmarks
from ..augment import warp_points
from ..geometry import invert, transform_points
from ..images import Pictures
from ..labels import LandmarkSet, landmark_set
from ..metrics import auc, failure_rate, nme
from ..recipes import Adaptation
from ..results import Drawable, Landmarks
from .base import LabelSetTask, Task

# Spread of the target Gaussian as a part of the picture's side, by kind of heatmap. 7/128 is the public 3FabRec's; for
# 64 px maps and a softmax a narrower one is located better.
SIGMA = {"softmax": 1.5 / 64, "l2": 7 / 128}
# Decoding averages under a Gaussian window of this many of the above around the peak.
REACH = {"softmax": 2.5, "l2": 1.0}
# 3FabRec's factor before the squared error.
L2_WEIGHT = 300.0


class LandmarkTask(LabelSetTask):
    """K points, one map each.

    heatmaps: "softmax" (ours): the softmax over a map is the probability of the point's place. "l2" (the paper's): the
    map is a Gaussian of peak 1 at the point, learned by a squared error.
    """

    name: ClassVar[str] = "landmarks"
    headline: ClassVar[str] = "nme"
    higher_is_better: ClassVar[bool] = False
    stride: ClassVar[int] = 2
    labels: LandmarkSet

    def __init__(self, labels: LandmarkSet, heatmaps: str = "softmax"):
        super().__init__(labels)
        if heatmaps not in SIGMA:
            raise ValueError(f"heatmaps={heatmaps!r}: expected one of {', '.join(map(repr, SIGMA))}")
        self.heatmaps, self.sigma = heatmaps, SIGMA[heatmaps]

    def configured(self, recipe: Adaptation) -> LandmarkTask:
        return LandmarkTask(self.labels, recipe.heatmaps)

    @property
    def customised(self) -> bool:
        return self.labels.name != "68"

    @classmethod
    def from_labels(cls, labels: Any, names: Any, pictures: Pictures) -> tuple[LandmarkTask, list[np.ndarray]]:
        points = check_landmarks(labels, pictures.sizes, pictures.names)
        k = points.shape[1]
        # 68 and 98 points are what the field calls them; every other number is the user's own set unless named.
        guess = str(k) if names is None and k in (68, 98) else names
        return cls(landmark_set(guess, k)), list(points)

    def check(self, labels: Any, sizes: list[tuple[int, int]], items: list[str]) -> list[np.ndarray]:
        return list(check_landmarks(labels, sizes, items, len(self.labels)))

    def to_crop(self, label: np.ndarray, matrix: np.ndarray, side: int) -> np.ndarray:
        return transform_points(label, matrix).astype(np.float32)

    def augmented(self, labels: Tensor, matrices: Tensor, mirrored: Tensor, side: int, out: int) -> Tensor:
        points = warp_points(labels, matrices, side, out)
        swapped = points[:, list(self.labels.flip)]
        return torch.where(mirrored[:, None, None], swapped, points)

    def loss(self, maps: Tensor, labels: Tensor) -> Tensor:
        """Between each map and a Gaussian at the point: cross-entropy of the softmax, or squared error; unlabelled or
        outside points are left out. maps: (N,K,h,w). labels: (N,K,2) in input pixels."""
        n, k, h, w = maps.shape
        points = (labels + 0.5) / self.stride - 0.5
        inside = ((points > -0.5) & (points < points.new_tensor([w - 0.5, h - 0.5]))).all(-1)
        target = gaussians(torch.nan_to_num(points), h, w, self.sigma * w).flatten(2)
        if self.heatmaps == "l2":
            error = L2_WEIGHT * (maps.flatten(2).float() - target).square().mean(-1)
        else:
            target = target / target.sum(-1, keepdim=True).clamp_min(1e-6)
            error = -(target * F.log_softmax(maps.flatten(2).float(), -1)).sum(-1)
        return (error * inside).sum() / inside.sum().clamp_min(1)

    def mixing(self, known: Task, maps: Tensor, labels: Tensor) -> Tensor:
        """Every point starts as the known point that lies closest to it on these faces."""
        found = torch.from_numpy(np.stack(known.decode(maps)))[:, None, :, :2]
        distance = (labels.cpu()[:, :, None] - found).norm(dim=-1).nanmean(0)
        return F.one_hot(distance.nan_to_num(torch.inf).argmin(-1), known.channels).float()

    def decode(self, maps: Tensor) -> list[np.ndarray]:
        """Per picture (K,3): x, y in input pixels and the probability mass around the point, its score in [0, 1]."""
        maps = maps.float()
        p = maps.clamp_min(0) + 1e-9 if self.heatmaps == "l2" else maps.flatten(2).softmax(-1).view(maps.shape)
        p = p / p.sum((2, 3), keepdim=True)
        return list(locate(p, self.sigma * maps.shape[-1], REACH[self.heatmaps], self.stride).cpu().numpy())

    def result(self, prediction: np.ndarray, matrix: np.ndarray, image: np.ndarray, box: Any) -> Landmarks:
        points = transform_points(prediction[:, :2], invert(matrix))
        return Landmarks(points.astype(np.float32), prediction[:, 2].astype(np.float32), self.labels, image, box)

    def score(self, results: list[Drawable], labels: list[np.ndarray]) -> dict[str, float]:
        """NME in percent (inter-ocular where the set has eye corners, else the box), FR@10, AUC@10 and AUC@7 in
        percent, and the other normalisations that the set allows."""
        faces = [(r.points, t) for r, t in zip(results, labels, strict=True) if isinstance(r, Landmarks)]
        kinds = ["inter_ocular"] * bool(self.labels.eye_corners) + ["inter_pupil"] * bool(self.labels.eyes)
        scores: dict[str, float] = {}
        for by in [*kinds, "box", "diagonal"]:
            errors = np.array([nme(p, t, self.labels, by) for p, t in faces])
            errors = errors[np.isfinite(errors)]
            if not len(errors):
                continue
            if "nme" not in scores:
                scores |= {"nme": 100 * float(errors.mean()), "fr10": 100 * failure_rate(errors, 0.10)}
                scores |= {"auc10": 100 * auc(errors, 0.10), "auc7": 100 * auc(errors, 0.07)}
            scores[f"nme_{by}"] = 100 * float(errors.mean())
        return scores

    def to_dict(self) -> dict[str, Any]:
        s = self.labels
        return {
            "name": s.name, "points": list(s.points), "flip": list(s.flip), "edges": [list(e) for e in s.edges],
            "eye_corners": s.eye_corners, "eyes": s.eyes, "mirrors": s.mirrors, "heatmaps": self.heatmaps,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LandmarkTask:
        s = dict(settings)
        heatmaps = s.pop("heatmaps", "softmax")  # files of before had no other kind
        for key in ("points", "flip", "eye_corners"):
            s[key] = tuple(s[key]) if s[key] is not None else None
        s["edges"] = tuple((int(a), int(b)) for a, b in s["edges"])
        s["eyes"] = tuple(tuple(group) for group in s["eyes"]) if s["eyes"] else None
        return cls(LandmarkSet(**s), heatmaps)


def gaussians(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """(N,K,height,width) Gaussians of peak 1 at points (N,K,2), in the maps' pixels."""
    xs = torch.arange(width, device=points.device, dtype=points.dtype)
    ys = torch.arange(height, device=points.device, dtype=points.dtype)
    gx = torch.exp(-((xs - points[..., :1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys - points[..., 1:]) ** 2) / (2 * sigma**2))
    return gy[..., :, None] * gx[..., None, :]


def locate(p: Tensor, sigma: float, reach: float, stride: int) -> Tensor:
    """The centroid of each map around its smoothed peak, under a window of `reach` times sigma (map pixels).

    p: (N,K,h,w), not negative, each map sums to 1. Returns (N,K,3): x, y in input pixels, and the mass under the window
    there.
    """
    n, k, h, w = p.shape
    radius = max(1, round(sigma))
    taps = torch.exp(-(torch.arange(-2 * radius, 2 * radius + 1, device=p.device).float() ** 2) / (2 * sigma**2))
    smooth = F.conv2d(p.view(n * k, 1, h, w), taps.view(1, 1, 1, -1), padding=(0, 2 * radius))
    smooth = F.conv2d(smooth, taps.view(1, 1, -1, 1), padding=(2 * radius, 0)).view(n, k, -1)
    peak = smooth.argmax(-1)
    xs, ys = torch.arange(w, device=p.device).float(), torch.arange(h, device=p.device).float()
    x, y = (peak % w).float(), (peak // w).float()
    # A window around the rounded peak would pull towards it; a few steps of mean shift move it onto the centroid.
    for _ in range(3):
        window_x = torch.exp(-((xs - x[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        window_y = torch.exp(-((ys - y[..., None]) ** 2) / (2 * (reach * sigma) ** 2))
        window = p * window_y[..., :, None] * window_x[..., None, :]
        mass = window.sum((2, 3)).clamp_min(1e-9)
        x = (window.sum(2) * xs).sum(-1) / mass
        y = (window.sum(3) * ys).sum(-1) / mass
    return torch.stack([(x + 0.5) * stride - 0.5, (y + 0.5) * stride - 0.5, mass.clamp(0, 1)], -1)
