"""Measure `facekit.predict` with the ready models: one face crop, and a photo of 12 megapixels with four faces.

    python -m benchmarks.speed.predict_photo [--rounds 10]

The crop is a sample face of 256 px. The photo has 4000 x 3000 px; four sample faces of 900 px lie on grey. Prints the
median time of each model in milliseconds, and of all models in one call beside the sum of single calls.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch

import facekit
from facekit.model import READY

SIDE, WIDTH, HEIGHT = 900, 4000, 3000
CORNERS = ((200, 300), (1700, 150), (2900, 1700), (600, 1800))  # x, y of the four faces


def photo() -> np.ndarray:
    """Return the photo with four faces (3000, 4000, 3)."""
    canvas = np.full((HEIGHT, WIDTH, 3), 190, np.uint8)
    for (x, y), face in zip(CORNERS, facekit.data.samples().images[:4], strict=True):
        canvas[y : y + SIDE, x : x + SIDE] = cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return canvas


def median_ms(call: Callable[[], Any], rounds: int) -> float:
    """Return the median time of a call in milliseconds, after one call that is not counted."""
    call()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        took.append(time.perf_counter() - started)
    return 1000 * statistics.median(took)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    crop, whole = facekit.data.samples().images[4], photo()
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, medians of {rounds} rounds, ms")
    print(f"{'model':22s} {'crop':>8s} {'photo':>8s}")
    sums = [0.0, 0.0]
    for name in READY:
        faces = len(facekit.predict(name, whole))
        assert faces == len(CORNERS), f"expected {len(CORNERS)} faces in the photo, found {faces}"
        times = (
            median_ms(functools.partial(facekit.predict, name, crop, align="none"), rounds),
            median_ms(functools.partial(facekit.predict, name, whole), rounds),
        )
        sums = [before + took for before, took in zip(sums, times, strict=True)]
        print(f"{name:22s} {times[0]:8.1f} {times[1]:8.1f}", flush=True)
    together = median_ms(lambda: facekit.predict(list(READY), whole), rounds)
    print(f"{'all in one call':22s} {'':8s} {together:8.1f}  ({sums[1]:.1f} in single calls)")
    print(f"{'faces only':22s} {'':8s} {median_ms(lambda: facekit.find_faces(whole), rounds):8.1f}")


if __name__ == "__main__":
    main()
