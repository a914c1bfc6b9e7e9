"""Train the embedded face finder.

    python -m benchmarks.ready_models.finder_training.training --out FILE.safetensors --backgrounds FOLDER

FOLDER holds images without faces; the card of the weights names the ones that were used. ``FACEKIT_DATA`` holds the
faces. ImageNet's MobileNetV2 must be on this machine.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from facekit.backbones.synthparse.imagenet_weights import imagenet_state
from facekit.detection.network import FaceNetwork, decode
from facekit.training.loop import train

from .backgrounds import Backgrounds
from .faces import face_groups
from .losses import finder_loss
from .mosaics import Mosaics
from .targets import targets

SIDE = 256
BATCH = 8
# Batches that are made in advance.
AHEAD = 4
STEPS = 5600
LR = 1.5e-3
TRUNK_LR = 8e-4
WEIGHT_DECAY = 1e-4
WARMUP = 300
# The weights that are kept are running averages with this factor per step.
AVERAGE = 0.998
# The first layers of the trunk, up to stride 4, stay ImageNet's: half of the time of a step would be theirs.
FROZEN = 4
CLIP = 10.0


class Batches:
    """Makes batches of training images with their targets in another thread; batch ``i`` is the same in every run."""

    def __init__(self, mosaics: Mosaics, steps: int) -> None:
        self._mosaics, self._steps = mosaics, steps
        self._pool = ThreadPoolExecutor(1)
        self._ahead: dict[int, Future[tuple[Tensor, Tensor]]] = {}

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        for i in range(index, min(index + AHEAD, self._steps)):
            if i not in self._ahead:
                self._ahead[i] = self._pool.submit(self._batch, i)
        return self._ahead.pop(index).result()

    def _batch(self, index: int) -> tuple[Tensor, Tensor]:
        """Return images (N,3,S,S) uint8 and targets (N,M,15)."""
        scenes = [self._mosaics.scene(i) for i in range(index * BATCH, (index + 1) * BATCH)]
        images = np.stack([scene.image for scene in scenes]).transpose(0, 3, 1, 2)
        wanted = np.stack([targets(*scene.labels(), scene.size) for scene in scenes])
        return torch.from_numpy(images), torch.from_numpy(wanted)


class FinderProgram:
    """One optimisation step of the face finder, for `facekit.training.loop.train`."""

    def __init__(self, mosaics: Mosaics, steps: int, seed: int, init: Mapping[str, Tensor] | None = None) -> None:
        torch.manual_seed(seed)
        self.steps = steps
        self.network = FaceNetwork()
        if init is None:
            self.network.load_state_dict(_imagenet_trunk(self.network), strict=False)
        else:
            self.network.load_state_dict(init)
        self.network.to(memory_format=torch.channels_last)
        self._frozen = self.network.features[:FROZEN]
        self._frozen.requires_grad_(False)
        trunk = [p for p in self.network.features.parameters() if p.requires_grad]
        known = {id(p) for p in self.network.features.parameters()}
        head = [p for p in self.network.parameters() if id(p) not in known]
        self.optimizer = torch.optim.AdamW(
            [{"params": head, "peak": LR}, {"params": trunk, "peak": TRUNK_LR}], lr=LR, weight_decay=WEIGHT_DECAY
        )
        self.average = {k: v.detach().clone() for k, v in self.network.state_dict().items()}
        self._batches = Batches(mosaics, steps)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the parts of the loss."""
        images, wanted = self._batches[index]
        share = min(1.0, (index + 1) / WARMUP) * (0.02 + 0.98 * (1 + math.cos(math.pi * index / self.steps)) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        self.network.train()
        self._frozen.eval()
        losses = finder_loss(decode(self.network(images.to(memory_format=torch.channels_last))), wanted)
        self.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        self.optimizer.step()
        factor = min(AVERAGE, (index + 1) / (index + 10))
        for name, value in self.network.state_dict().items():
            mean = self.average[name]
            if mean.is_floating_point():
                mean.lerp_(value, 1 - factor)
            else:
                mean.copy_(value)
        return {name: loss.item() for name, loss in losses.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return weights, averages and the optimiser's state."""
        return {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])


def save_weights(average: Mapping[str, Tensor], path: Path) -> None:
    """Write the averaged weights in half precision."""
    kept = {k: v.half().contiguous() for k, v in average.items() if v.is_floating_point()}
    save_file(kept, path)


def train_finder(
    out: Path, backgrounds: Path, cache: Path, *, seed: int = 0, steps: int = STEPS, checkpoint: Path | None = None
) -> None:
    """Train the face finder and write its weights.

    Args:
        out: The .safetensors file to write.
        backgrounds: Folder of images without faces.
        cache: Folder for labelled faces, which take minutes to prepare; it is filled at the first run.
        seed: Seed of weights and images.
        steps: Optimisation steps of `BATCH` images.
        checkpoint: File to resume from and to save to, or None.
    """
    mosaics = Mosaics(face_groups(cache), Backgrounds(backgrounds), SIDE, seed)
    program = FinderProgram(mosaics, steps, seed)
    train(program, steps, checkpoint=checkpoint, name="face finder")
    save_weights(program.average, out)


def _imagenet_trunk(network: FaceNetwork) -> dict[str, Tensor]:
    """Return ImageNet's weights of the trunk."""
    state = imagenet_state("mobilenet_v2", download=False)
    if state is None:
        raise FileNotFoundError("ImageNet's weights of mobilenet_v2 are not on this machine; see docs/install.md")
    own = network.state_dict()
    return {k: v for k, v in state.items() if k in own}


def add_options(parser: argparse.ArgumentParser, steps: int) -> None:
    """Add the options that all trainings of the finder have.

    Args:
        parser: The parser.
        steps: Default number of steps.
    """
    parser.add_argument("--cache", type=Path, default=Path("finder-faces"), help="folder for labelled faces")
    parser.add_argument("--checkpoint", type=Path, help="file to resume from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=steps)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--backgrounds", type=Path, required=True, help="folder of images without faces")
    add_options(parser, STEPS)
    a = parser.parse_args()
    train_finder(a.out, a.backgrounds, a.cache, seed=a.seed, steps=a.steps, checkpoint=a.checkpoint)


if __name__ == "__main__":
    main()
