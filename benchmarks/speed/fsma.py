"""Measure FSMA's images per second at the paper's sizes: pre-training at 128 px and 256 px, adaptation at 256 px.

    python -m benchmarks.speed.fsma [--steps 8] [--batch 8] [--device cuda] [--bfloat16]
    torchrun --nproc_per_node 2 -m benchmarks.speed.fsma --batch 16

The network at 256 px is grown from the one at 128 px. With torchrun, ``--batch`` is the batch of all processes
together.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import torch

from facekit.backbones.fsma.autoencoder import PRESETS, AutoEncoder
from facekit.backbones.fsma.growth import grow
from facekit.backbones.fsma.network import FSMANetwork
from facekit.backbones.fsma.pretraining import Pretraining
from facekit.backbones.fsma.pretraining_setup import RECIPES
from facekit.core.device import pick_device
from facekit.data.face_pool import pool_side
from facekit.labels import HELEN_11, LANDMARKS_68
from facekit.tasks import LandmarkTask, SegmentationTask, Task
from facekit.training.config import Adaptation
from facekit.training.distributed import join, local_device
from facekit.training.finetune import FineTuning
from facekit.training.views import TrainingData


class Noise:
    """A pool of images in memory, so that the disk is not measured."""

    def __init__(self, input_size: int, count: int = 64):
        self.side = pool_side(input_size)
        self._data = torch.randint(0, 256, (count, 3, self.side, self.side), dtype=torch.uint8)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
        return self._data[indices]


def adapting(net: AutoEncoder, task: Task, a: argparse.Namespace, device: torch.device) -> None:
    """Time steps of `facekit.adapt` with all skip layers; the frozen features are computed in each step."""
    side = net.size.input_size
    crops = torch.randint(0, 256, (16, 3, side, side), dtype=torch.uint8)
    masks = torch.randint(0, 11, (16, side, side), dtype=torch.uint8)
    labels = torch.rand(16, 68, 2) * side if isinstance(task, LandmarkTask) else masks
    recipe = Adaptation(steps=a.steps, batch_size=a.batch, cache=False, bfloat16=a.bfloat16)
    network = FSMANetwork(net, task.channels, task.stride, "1111" + "1" * (task.stride == 1))
    program = FineTuning(network, task, TrainingData(crops, labels), recipe, device)
    program.step(0)
    begin = time.monotonic()
    for step in range(1, 1 + a.steps):
        loss = program.step(step)["loss"]
    seconds = time.monotonic() - begin
    print(
        f"{side} px, {task.name}: {a.steps * a.batch / seconds:.2f} images/s, {seconds / a.steps:.2f} s a step of "
        f"{a.batch} on {device.type}; loss {loss:.3f}"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=8, help="timed steps, a multiple of 4: the discriminators' turns")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--device")
    parser.add_argument("--bfloat16", action="store_true")
    a = parser.parse_args()
    device = pick_device(local_device(a.device))
    torch.manual_seed(0)
    net = AutoEncoder(PRESETS["128"])
    with join(device) as processes:
        for preset in ("128", "256"):
            if preset == "256":
                net = grow(net.cpu(), PRESETS["256"], torch.rand(8, 3, 256, 256))
            recipe = dataclasses.replace(RECIPES[preset], batch_size=a.batch, bfloat16=a.bfloat16)
            pool = Noise(PRESETS[preset].input_size)
            program = Pretraining(pool, PRESETS[preset], recipe, 10**6, device, 0, net, processes)
            for step in range(4):
                program.step(step)
            begin = time.monotonic()
            for step in range(4, 4 + a.steps):
                losses = program.step(step)  # reads the losses, so CUDA's queue is empty when it returns
            seconds = time.monotonic() - begin
            if processes.first:
                print(
                    f"{preset} px: {a.steps * a.batch / seconds:.2f} images/s, {seconds / a.steps:.2f} s a step of "
                    f"{a.batch} on {processes.count} x {device.type}; "
                    + ", ".join(f"{k} {v:.3f}" for k, v in losses.items())
                )
        if processes.count == 1:
            for task in (LandmarkTask(LANDMARKS_68), SegmentationTask(HELEN_11)):
                adapting(net, task, a, device)


if __name__ == "__main__":
    main()
