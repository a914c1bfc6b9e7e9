"""Real parsing from few faces: mean F1 over FASSEG's five parts (skin, hair and brows, eyes, nose, mouth), percent, on
the frontal pictures that were not drawn; mean and spread over draws.

FACEKIT_DATA=... python benchmarks/parsing.py --faces 5 10 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

import csv
import random
import statistics

from draws import adapted, options, report

import facekit
from facekit.data.readers import data_folder
from facekit.labels import FASSEG_6


def main() -> None:
    chosen = options(__doc__, [5, 10], "fasseg")
    folder = data_folder("fasseg")
    with (folder / "index.csv").open() as f:
        rows = [row for row in csv.DictReader(f) if row["subset"].startswith("frontal")]
    pictures = [facekit.load_image(folder / "images" / row["image"]) for row in rows]
    masks = [str(folder / "masks" / row["mask"]) for row in rows]

    def once(n: int, seed: int) -> tuple[float, float]:
        few = random.Random(seed).sample(range(len(rows)), n)
        rest = [i for i in range(len(rows)) if i not in few]
        model = adapted(
            chosen, [pictures[i] for i in few], [masks[i] for i in few], "segmentation", FASSEG_6, seed
        )
        scores = facekit.evaluate(model, [pictures[i] for i in rest], [masks[i] for i in rest])
        return statistics.mean(scores[f"f1_{part}"] for part in FASSEG_6.classes[1:]), model.about["seconds"]

    print(f"{len(rows)} faces")
    report(chosen, "mean F1", once)


if __name__ == "__main__":
    main()
