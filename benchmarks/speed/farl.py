"""Measure FaRL's speed: images per second of pre-training, and seconds to adapt on a frozen ViT-B/16 at 224 px.

    python -m benchmarks.speed.farl [--preset base] [--batch 8] [--steps 4] [--peak 790] [--faces 10]

A pre-training step makes both passes through the tower, in bfloat16 where the machine computes in it. ``--peak`` is the
machine's bfloat16 TFLOP/s; the used share is then printed (6 operations per parameter and token, plus attention).
Weights are random, because speed does not depend on them.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import facekit
from facekit.backbones.farl.config import PRETRAIN_BASE
from facekit.backbones.farl.image_text_model import PRESETS, new_pair, to_clip
from facekit.backbones.farl.pretraining import Pretraining
from facekit.backbones.farl.tokenizer import VisualTokenizer
from facekit.core.device import pick_device
from facekit.core.random_streams import generator_for
from facekit.data.synthetic_faces.generator import GeneratedFaces

TEXT = "a portrait of a young woman with brown hair and glasses, smiling"


class Noise:
    """Image-text pairs that take no time to read."""

    def __init__(self, batch: int, side: int):
        self.batch, self.side = batch, side

    def from_step(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield the same batch again and again."""
        shape = (self.batch, 3, self.side, self.side)
        image = torch.randint(256, shape, generator=generator_for(0, 0), dtype=torch.uint8)
        while True:
            yield {"image": image, "text": [TEXT] * self.batch}


def operations(preset: str) -> float:
    """Return the floating-point operations of one image's step: two passes forward, and twice that back."""
    size = PRESETS[preset][0]
    tokens = 1 + (size.input_size // size.patch) ** 2
    blocks = size.layers * (12 * size.width**2 * tokens + 2 * tokens**2 * size.width)
    return 2 * 3 * 2 * (blocks + 3 * size.patch**2 * size.width * (tokens - 1))


def pretraining(a: argparse.Namespace, device: torch.device) -> None:
    """Print the speed of pre-training."""
    recipe = dataclasses.replace(PRETRAIN_BASE, batch_size=a.batch, checkpointing=a.checkpointing)
    side = PRESETS[a.preset][0].input_size
    program = Pretraining(new_pair(a.preset, 0), Noise(a.batch, side), VisualTokenizer(), recipe, 100, device)
    program.step(0)
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    for i in range(1, a.steps + 1):
        program.step(i)  # it ends with the losses as numbers, so nothing is left queued
    rate = a.steps * a.batch / (time.perf_counter() - started)
    share = "" if not a.peak else f", {rate * operations(a.preset) / (a.peak * 1e12):.1%} of {a.peak:g} TFLOP/s"
    print(f"pre-training {a.preset}, batch {a.batch} on {device}: {rate:.2f} images/s{share}")


def adapting(a: argparse.Namespace, device: torch.device) -> None:
    """Print the time of one adaptation."""
    faces = GeneratedFaces(seed=5, size=224, yaw=(-20, 20)).batch(range(a.faces), want=("image", "landmarks68"))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "base.pth"
        torch.save({"state_dict": to_clip(new_pair("base", 0))}, file)
        started = time.perf_counter()
        facekit.adapt(
            faces["image"],
            faces["landmarks68"],
            "landmarks",
            "farl",
            names="68",
            weights=file,
            device=device,
            steps=a.adapt_steps,
            head_channels=a.head_channels,
            progress=False,
        )
    took = time.perf_counter() - started
    print(f"adapting ViT-B/16 at 224 px on {a.faces} faces, {a.adapt_steps} steps on {device}: {took:.1f} s")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="base", choices=list(PRESETS))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--peak", type=float, help="bfloat16 TFLOP/s of the device")
    parser.add_argument("--faces", type=int, default=10)
    parser.add_argument("--adapt-steps", type=int, default=100)
    parser.add_argument("--head-channels", type=int, help="of UperNet; default the tower's 768, as the paper's")
    a = parser.parse_args()
    device = pick_device()
    pretraining(a, device)
    adapting(a, device)


if __name__ == "__main__":
    main()
