"""Compare the fused pixel classifier with the one on the stack of upsampled feature maps, which defines it.

    python -m benchmarks.speed.pixel_classifier [--cases 128 256] [--rounds 25]

The stack is written for speed. It runs in inference mode. Maps are upsampled with channels last, which is several times
faster than contiguous ones. The stack is allocated once and holds a pixel's features contiguously, as the one linear
layer needs them. Logits of 34 classes must agree to 1e-4.

Time is CPU seconds of one thread, because the machine may be shared and several threads also count their waiting. The
two sides alternate; the ratio is that of the medians. Memory is the peak of the resident memory of a process minus what
it held before, each side once in its own process. This includes memory that libraries take inside an operation. In
these processes malloc returns freed memory to the system at once; otherwise kept memory would dominate small cases.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from facekit.backbones.pftgan.classifier_memory import MemoryEstimate, estimate_memory
from facekit.backbones.pftgan.fused_classifier import hidden_sizes
from facekit.backbones.pftgan.generator_files import MINI
from facekit.backbones.pftgan.pixel_classifier import PixelClassifier
from facekit.backbones.pftgan.stylegan2 import GeneratorSize

CLASSES = 34
# Sizes of the embedded generator, and of the full width at 256 px.
GENERATORS = {128: MINI, 256: GeneratorSize(256)}


def layers(size: GeneratorSize) -> list[tuple[int, int]]:
    """Return channels and side of each map of a StyleGAN2."""
    return [(size.channels(side), side) for side in size.sides for _ in range(1 if side == 4 else 2)]


CASES = {side: layers(size) for side, size in GENERATORS.items()}
SIDES = ("fused", "stack")


def prepared(case: list[tuple[int, int]]) -> tuple[PixelClassifier, list[Tensor]]:
    """Return a classifier with weights of usual size, and the maps of one image."""
    source = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, c, s, s, generator=source) for c, s in case]
    network = PixelClassifier([c for c, _ in case], CLASSES, source)
    for layer in network.layers:
        if isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, 0, 2 * layer.in_features**-0.5, generator=source)
        elif isinstance(layer, torch.nn.BatchNorm1d) and layer.running_mean is not None:
            layer.running_mean.normal_(0, 0.1, generator=source)
    return network.eval(), maps


def stacked(network: PixelClassifier, maps: list[Tensor], side: int) -> Tensor:
    """Return logits (side * side, classes) by the stack of upsampled maps."""
    stack = torch.empty(side, side, sum(network.channels))
    for x, part in zip(maps, stack.split(network.channels, -1), strict=True):
        x = x.contiguous(memory_format=torch.channels_last)
        part.copy_(F.interpolate(x, (side, side), mode="bilinear", align_corners=False)[0].permute(1, 2, 0))
    return network(stack.flatten(0, 1))


def calls(network: PixelClassifier, maps: list[Tensor], side: int) -> dict[str, Callable[[], Tensor]]:
    """Return the two ways as functions."""
    return {
        "fused": lambda: network.logits(maps, side)[0].permute(1, 2, 0).flatten(0, 1),
        "stack": lambda: stacked(network, maps, side),
    }


def arithmetic(network: PixelClassifier, maps: list[Tensor], side: int) -> float:
    """Return the multiplications of the linear layers on the stack, divided by those of the fused classifier.

    The fused classifier can be faster by at most this factor.
    """
    first, second = hidden_sizes(CLASSES)
    rest = side**2 * second * (first + CLASSES)
    own = sum(x[0].numel() for x in maps) * first
    return (side**2 * sum(network.channels) * first + rest) / (own + rest)


def estimate(network: PixelClassifier, maps: list[Tensor], side: int) -> MemoryEstimate:
    """Return facekit's own estimate of the memory."""
    return estimate_memory(network.channels, [x.shape[-1] for x in maps], CLASSES, side, members=1)


@torch.inference_mode()
def measure(which: str, side: int) -> None:
    """Print the bytes at the peak, in a process of its own."""
    # Libraries load their kernels at the first call.
    calls(*prepared([(8, 4), (8, 8), (8, 8)]), 8)[which]()
    run = calls(*prepared(CASES[side]), side)[which]
    # Linux. The ru_maxrss of getrusage would include the peak of imports, and that of the parent process.
    Path("/proc/self/clear_refs").write_text("5")
    before = highest()
    run()
    print(highest() - before)


def highest() -> int:
    """Return the highest resident memory since it was last reset, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def peak(which: str, side: int) -> int:
    """Run `measure` in a process of its own and return its bytes."""
    settings = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    command = [sys.executable, __file__, "--measure", which, "--cases", str(side)]
    return int(subprocess.run(command, env=settings, check=True, stdout=subprocess.PIPE, text=True).stdout)


@torch.inference_mode()
def compare(side: int, rounds: int) -> None:
    """Print time and memory of both ways for one generator."""
    network, maps = prepared(CASES[side])
    sides = calls(network, maps, side)
    apart = float((sides["fused"]() - sides["stack"]()).abs().max())
    assert apart < 1e-4, f"the logits are {apart} apart"
    took: dict[str, list[float]] = {which: [] for which in sides}
    for _ in range(rounds):
        for which, run in sides.items():
            started = time.process_time()
            run()
            took[which].append(time.process_time() - started)
    seconds = {which: statistics.median(times) for which, times in took.items()}
    memory = {which: peak(which, side) for which in sides}
    print(
        f"{side} px, {len(maps)} maps of {sum(network.channels)} channels, {CLASSES} classes; "
        f"logits at most {apart:.1e} apart"
    )
    print(f"  the stack takes {arithmetic(network, maps, side):.1f} times the multiplications")
    print(f"  estimate before the run: {estimate(network, maps, side)}")
    for which in SIDES:
        print(f"  {which}: {1000 * seconds[which]:,.1f} ms, {memory[which] / 1e6:,.1f} MB at the peak")
    print(
        f"  the stack takes {seconds['stack'] / seconds['fused']:.1f} times the time (aim: 3) and "
        f"{memory['stack'] / memory['fused']:.1f} times the memory (aim: 10)"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--rounds", type=int, default=25, help="at 128 px; an eighth of them at 256 px")
    parser.add_argument("--measure", choices=SIDES, help="for the benchmark itself: one side's memory")
    a = parser.parse_args()
    torch.set_num_threads(1)
    for side in a.cases:
        if a.measure:
            measure(a.measure, side)
        else:
            compare(side, a.rounds if side == 128 else max(1, a.rounds // 8))


if __name__ == "__main__":
    main()
