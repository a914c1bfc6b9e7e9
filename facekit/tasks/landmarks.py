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
from ..labels import LandmarkSet, landmark_set
from ..metrics import auc, failure_rate, nme
from ..results import Drawable, Landmarks
from .base import Task

# Spread of the target Gaussian as a part of the picture's side. The public 3FabRec has 7/128; for 64 px maps and a
# softmax a narrower one is located better.
SIGMA = 1.5 / 64
# Decoding averages under a Gaussian window of this many standard deviations around the peak.
REACH = 2.5


class LandmarkTask(Task):
    """K points, one map each: the softmax over a map is the probability of the point's place."""

    name: ClassVar[str] = "landmarks"
    headline: ClassVar[str] = "nme"
    higher_is_better: ClassVar[bool] = False
    stride: ClassVar[int] = 2
    labels: LandmarkSet

    @classmethod
    def from_labels(
        cls, labels: Any, names: Any, sizes: list[tuple[int, int]], items: list[str]
    ) -> tuple[LandmarkTask, list[np.ndarray]]:
        points = check_landmarks(labels, sizes, items)
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
        """Cross-entropy between the softmax of each map and a Gaussian at the point; unlabelled or outside points are
        left out. maps: (N,K,h,w). labels: (N,K,2) in input pixels."""
        n, k, h, w = maps.shape
        points = (labels + 0.5) / self.stride - 0.5
        inside = ((points > -0.5) & (points < points.new_tensor([w - 0.5, h - 0.5]))).all(-1)
        target = gaussians(torch.nan_to_num(points), h, w, SIGMA * w).flatten(2)
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
        return list(locate(maps, SIGMA * maps.shape[-1], self.stride).cpu().numpy())

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
            "eye_corners": s.eye_corners, "eyes": s.eyes, "mirrors": s.mirrors,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LandmarkTask:
        s = dict(settings)
        for key in ("points", "flip", "eye_corners"):
            s[key] = tuple(s[key]) if s[key] is not None else None
        s["edges"] = tuple((int(a), int(b)) for a, b in s["edges"])
        s["eyes"] = tuple(tuple(group) for group in s["eyes"]) if s["eyes"] else None
        return cls(LandmarkSet(**s))


def gaussians(points: Tensor, height: int, width: int, sigma: float) -> Tensor:
    """(N,K,height,width) Gaussians of peak 1 at points (N,K,2), in the maps' pixels."""
    xs = torch.arange(width, device=points.device, dtype=points.dtype)
    ys = torch.arange(height, device=points.device, dtype=points.dtype)
    gx = torch.exp(-((xs - points[..., :1]) ** 2) / (2 * sigma**2))
    gy = torch.exp(-((ys - points[..., 1:]) ** 2) / (2 * sigma**2))
    return gy[..., :, None] * gx[..., None, :]


def locate(maps: Tensor, sigma: float, stride: int) -> Tensor:
    """The centroid of the softmax around its smoothed peak. maps: (N,K,h,w) logits.

    Returns (N,K,3): x, y in input pixels, and the probability mass under the window there.
    """
    n, k, h, w = maps.shape
    p = maps.flatten(2).float().softmax(-1).view(n, k, h, w)
    radius = max(1, round(sigma))
    taps = torch.exp(-(torch.arange(-2 * radius, 2 * radius + 1, device=maps.device).float() ** 2) / (2 * sigma**2))
    smooth = F.conv2d(p.view(n * k, 1, h, w), taps.view(1, 1, 1, -1), padding=(0, 2 * radius))
    smooth = F.conv2d(smooth, taps.view(1, 1, -1, 1), padding=(2 * radius, 0)).view(n, k, -1)
    peak = smooth.argmax(-1)
    xs, ys = torch.arange(w, device=maps.device).float(), torch.arange(h, device=maps.device).float()
    x, y = (peak % w).float(), (peak // w).float()
    # A window around the rounded peak would pull towards it; a few steps of mean shift move it onto the centroid.
    for _ in range(3):
        window_x = torch.exp(-((xs - x[..., None]) ** 2) / (2 * (REACH * sigma) ** 2))
        window_y = torch.exp(-((ys - y[..., None]) ** 2) / (2 * (REACH * sigma) ** 2))
        window = p * window_y[..., :, None] * window_x[..., None, :]
        mass = window.sum((2, 3)).clamp_min(1e-9)
        x = (window.sum(2) * xs).sum(-1) / mass
        y = (window.sum(3) * ys).sum(-1) / mass
    return torch.stack([(x + 0.5) * stride - 0.5, (y + 0.5) * stride - 0.5, mass.clamp(0, 1)], -1)
