"""Measure the speed-up of the feature cache: adaptation with cached and with recomputed frozen features.

    python -m benchmarks.speed.feature_cache

Both ways compute in the same precision and without gradients for the frozen part. The rest of a step is the same.
"""

from __future__ import annotations

import time

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces


def main() -> None:
    """Run the benchmark from the command line."""
    faces = GeneratedFaces(seed=1, size=128, yaw=(-30, 30)).batch(range(10), want=("image", "landmarks68"))
    seconds: dict[bool, list[float]] = {}
    losses = {}
    for cached in (True, False, False, True):
        begin = time.monotonic()
        model = facekit.adapt(faces["image"], faces["landmarks68"], progress=False, cache=cached, steps=300)
        seconds.setdefault(cached, []).append(time.monotonic() - begin)
        losses[cached] = model.about["loss"]
    fast, slow = min(seconds[True]), min(seconds[False])
    print(f"cached {fast:.1f} s, loss {losses[True]:.4f}; uncached {slow:.1f} s, loss {losses[False]:.4f}")
    print(f"ratio {slow / fast:.2f}")


if __name__ == "__main__":
    main()
