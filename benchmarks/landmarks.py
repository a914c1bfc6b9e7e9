"""Real landmarks from few faces: NME (inter-ocular, percent) on 300-W `lfpw_test`, mean and spread over draws.

FACEKIT_DATA=... python benchmarks/landmarks.py --faces 10 50 157 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
from typing import Any

import facekit
from facekit.data.readers import landmarks_300w


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="+", default=[10, 50, 157])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--start", choices=["embedded", "none"], help="none: trained layers from scratch")
    parser.add_argument("--unet", metavar="FILE", help="ImageNet weights of the network that users would take instead")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs 300w/ in that folder")
    paths, subsets, points = landmarks_300w()
    train = [i for i, s in enumerate(subsets) if s != "lfpw_test"]
    test = [i for i, s in enumerate(subsets) if s == "lfpw_test"]
    unseen = [facekit.load_image(paths[i]) for i in test]
    overrides: dict[str, Any] = {k: v for k, v in {"steps": a.steps, "start": a.start}.items() if v is not None}
    print(f"{len(test)} test faces, draws {list(range(a.draws))}, {os.cpu_count()} cores", flush=True)
    for n in a.faces:
        errors, seconds = [], []
        for seed in range(a.draws):
            chosen = random.Random(seed).sample(train, n)
            pictures = [facekit.load_image(paths[i]) for i in chosen]
            if a.unet:
                from unet import adapt_unet

                model = adapt_unet(pictures, points[chosen], "landmarks", "68", a.unet, seed, **overrides)
            else:
                model = facekit.adapt(pictures, points[chosen], names="68", seed=seed, progress=False, **overrides)
            seconds.append(model.about["seconds"])
            errors.append(facekit.evaluate(model, unseen, points[test])["nme"])
        spread = statistics.stdev(errors) if len(errors) > 1 else float("nan")
        mean, took = statistics.mean(errors), statistics.mean(seconds)
        each = ", ".join(f"{e:.2f}" for e in errors)
        print(f"{n:4d} faces: NME {mean:.2f} +- {spread:.2f} % ({each}), adapting {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
