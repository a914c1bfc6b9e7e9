"""Measure the augmentation of a batch: image by image, and the whole batch at once.

    python -m benchmarks.speed.augmentation [--device cpu] [--images 20] [--side 128] [--rounds 30]

Colour changes and label transforms are compared with the same random numbers. The two ways alternate in one run. On a
GPU the image-by-image way also transforms the labels on the CPU and copies them to the GPU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from facekit.augmentation.affine import Affine, jitter, random_matrices, warp_masks, warp_points
from facekit.core.random_streams import generator_for

STRENGTH = 0.3
POINTS = 68


def seconds(run: Callable[[], Tensor], device: torch.device) -> float:
    """Return the wall time of one call until the device has finished."""
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def compare(name: str, old: Callable[[], Tensor], new: Callable[[], Tensor], device: torch.device, rounds: int) -> None:
    """Print the best time of each way, their ratio and the largest difference of their results."""
    apart = float((old().float() - new().float()).abs().nan_to_num().max())
    times = [(seconds(old, device), seconds(new, device)) for _ in range(rounds)]
    before, after = (min(column) for column in zip(*times, strict=True))
    print(
        f"{name:8s} image by image {1000 * before:7.2f} ms, whole batch {1000 * after:7.2f} ms, "
        f"ratio {before / after:4.2f}, largest difference {apart:.1e}"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=30)
    a = parser.parse_args()
    device, n, side = torch.device(a.device), a.images, a.side
    draws = torch.Generator().manual_seed(0)
    images = torch.rand(n, 3, side, side, generator=draws).to(device)
    masks = torch.randint(11, (n, 2 * side, 2 * side), generator=draws, dtype=torch.uint8)
    points = 2 * side * torch.rand(n, POINTS, 2, generator=draws)
    matrices, _ = random_matrices(n, Affine(20, (0.85, 1.15), 0.06, 0.5), draws)

    def one(i: int) -> Tensor:
        return jitter(images[i : i + 1], STRENGTH, [generator_for(0, i, 6)])

    def moved(labels: Tensor, move: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return torch.cat([move(labels[i : i + 1], matrices[i : i + 1]) for i in range(n)]).to(device)

    def mask(labels: Tensor, moves: Tensor) -> Tensor:
        return warp_masks(labels, moves, side)

    def point(labels: Tensor, moves: Tensor) -> Tensor:
        return warp_points(labels, moves, 2 * side, side)

    print(f"{n} images of {side} px on {device}, {torch.get_num_threads()} threads")
    compare(
        "colours",
        lambda: torch.cat([one(i) for i in range(n)]),
        lambda: jitter(images, STRENGTH, [generator_for(0, i, 6) for i in range(n)]),
        device,
        a.rounds,
    )
    compare("masks", lambda: moved(masks, mask), lambda: mask(masks.to(device), matrices), device, a.rounds)
    compare("points", lambda: moved(points, point), lambda: point(points.to(device), matrices), device, a.rounds)


if __name__ == "__main__":
    main()
