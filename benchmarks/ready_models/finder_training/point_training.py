"""Train the point network of the embedded face finder, and put it into the finder's file.

    FACEKIT_DATA=... python -m benchmarks.ready_models.finder_training.point_training --finder FILE --out FILE

The network sees crops as `facekit.detection.embedded` makes them: of the size of the face, and upright up to the
finder's error.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from facekit.detection.embedded import PREFIX
from facekit.detection.point_network import MARGIN, SIDE, PointNetwork
from facekit.geometry.affine import crop_matrix
from facekit.training.loop import train

from .camera_effects import camera, recoloured
from .faces import FaceGroup, face_groups, face_of_points
from .scene import Cutout
from .training import add_options

# How often each source is drawn: the ones with manual or exact points more often.
SHARES = {
    "celebahq": 0.2,
    "lfw": 0.1,
    "lfw_parts": 0.06,
    "utkface": 0.16,
    "300w": 0.28,
    "generated": 0.14,
    "rendered": 0.02,
    "celebamask": 0.04,
}
BATCH = 96
STEPS = 3000
LR = 2e-3
WARMUP = 100
# Standard deviations of the finder's errors: roll in degrees, place and logarithm of the size in parts of the crop.
ROLL, PLACE, SIZE = 14.0, 0.05, 0.09


class Crops:
    """Draws crops of faces with their five points. Crop ``i`` depends on the seed and ``i`` only.

    Args:
        groups: The faces by source.
        seed: Seed of all draws.
    """

    def __init__(self, groups: dict[str, FaceGroup], seed: int) -> None:
        self._groups, self._seed = groups, seed
        self._names = list(SHARES)
        self._labels = {name: [face_of_points(p) for p in groups[name].points] for name in self._names}

    def crop(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a crop (SIDE,SIDE,3) uint8 and its points (5,2) float32 in pixels."""
        rng = np.random.default_rng((self._seed, index))
        name = self._names[rng.choice(len(self._names), p=list(SHARES.values()))]
        group = self._groups[name]
        k = int(rng.integers(len(group)))
        cutout = Cutout(group.images[k], *self._labels[name][k])
        if rng.random() < 0.5:
            cutout = cutout.mirrored()
        side = math.sqrt(cutout.face[2] * cutout.face[3]) * MARGIN * math.exp(rng.normal(0, SIZE))
        roll = cutout.roll + (rng.normal(0, ROLL) if rng.random() < 0.8 else rng.uniform(-70, 70))
        low = cutout.face[:2] + rng.normal(0, PLACE, 2) * side - side / 2
        matrix = crop_matrix((*low, *(low + side)), SIDE, roll)[:2]
        image = cutout.image
        if side > 1.5 * SIDE:  # warpAffine does not average
            image = cv2.GaussianBlur(image, (0, 0), side / SIDE / 3)
        border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
        crop = cv2.warpAffine(image, matrix, (SIDE, SIDE), borderMode=border, borderValue=(116, 116, 116))
        points = cutout.face[4:].reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]
        return camera(recoloured(crop, rng), rng), points.astype(np.float32)

    def batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the crops (N,3,SIDE,SIDE) uint8 and the points (N,5,2) of a step."""
        drawn = [self.crop(i) for i in range(index * BATCH, (index + 1) * BATCH)]
        images = np.stack([image for image, _ in drawn]).transpose(0, 3, 1, 2)
        return torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(np.stack([p for _, p in drawn]))


class PointProgram:
    """One optimisation step of the point network, for `facekit.training.loop.train`."""

    def __init__(self, crops: Crops, steps: int, seed: int) -> None:
        torch.manual_seed(seed)
        self.crops, self.steps, self.network = crops, steps, PointNetwork()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), LR, weight_decay=1e-4)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the loss, and the mean error in pixels of the crop."""
        images, wanted = self.crops.batch(index)
        share = min(1.0, (index + 1) / WARMUP) * (0.02 + 0.98 * (1 + math.cos(math.pi * index / self.steps)) / 2)
        self.optimizer.param_groups[0]["lr"] = LR * share
        found = self.network.train()(images)
        loss = F.smooth_l1_loss(found, wanted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"points": loss.item(), "error": (found - wanted).detach().norm(dim=-1).mean().item()}

    def state_dict(self) -> dict[str, Any]:
        """Return weights and the optimiser's state."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finder", type=Path, required=True, help="file of the face finder; its points are replaced")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    add_options(parser, STEPS)
    a = parser.parse_args()
    program = PointProgram(Crops(face_groups(a.cache), a.seed), a.steps, a.seed)
    train(program, a.steps, checkpoint=a.checkpoint, name="points of faces")
    kept = {k: v for k, v in load_file(a.finder).items() if not k.startswith(PREFIX)}
    points = {
        PREFIX + k: v.half().contiguous() for k, v in program.network.state_dict().items() if v.is_floating_point()
    }
    save_file(kept | points, a.out)


if __name__ == "__main__":
    main()
