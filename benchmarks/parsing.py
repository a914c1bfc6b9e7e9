"""Real parsing from few faces: mean F1 over FASSEG's five parts (skin, hair and brows, eyes, nose, mouth), percent, on
the frontal pictures that were not drawn; mean and spread over draws.

FACEKIT_DATA=... python benchmarks/parsing.py --faces 5 10 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import statistics
import sys
from typing import Any

import facekit
from facekit.data.readers import data_folder
from facekit.labels import FASSEG_6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--start", choices=["embedded", "none"], help="none: trained layers from scratch")
    parser.add_argument("--unet", metavar="FILE", help="ImageNet weights of the network that users would take instead")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs fasseg/ in that folder")
    folder = data_folder("fasseg")
    with (folder / "index.csv").open() as f:
        rows = [row for row in csv.DictReader(f) if row["subset"].startswith("frontal")]
    pictures = [facekit.load_image(folder / "images" / row["image"]) for row in rows]
    masks = [str(folder / "masks" / row["mask"]) for row in rows]
    overrides: dict[str, Any] = {k: v for k, v in {"steps": a.steps, "start": a.start}.items() if v is not None}
    print(f"{len(rows)} faces, draws {list(range(a.draws))}, {os.cpu_count()} cores", flush=True)
    for n in a.faces:
        scores, seconds = [], []
        for seed in range(a.draws):
            chosen = random.Random(seed).sample(range(len(rows)), n)
            rest = [i for i in range(len(rows)) if i not in chosen]
            few, labels = [pictures[i] for i in chosen], [masks[i] for i in chosen]
            if a.unet:
                from unet import adapt_unet

                model = adapt_unet(few, labels, "segmentation", FASSEG_6, a.unet, seed, **overrides)
            else:
                model = facekit.adapt(
                    few, labels, "segmentation", names=FASSEG_6, seed=seed, progress=False, **overrides
                )
            seconds.append(model.about["seconds"])
            result = facekit.evaluate(model, [pictures[i] for i in rest], [masks[i] for i in rest])
            scores.append(statistics.mean(result[f"f1_{part}"] for part in FASSEG_6.classes[1:]))
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        mean, took = statistics.mean(scores), statistics.mean(seconds)
        each = ", ".join(f"{s:.1f}" for s in scores)
        print(f"{n:4d} faces: mean F1 {mean:.1f} +- {spread:.1f} % ({each}), adapting {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
