"""Real landmarks from few faces: NME (inter-ocular, percent) on 300-W `lfpw_test`, mean and spread over draws.

FACEKIT_DATA=... python benchmarks/landmarks.py --faces 10 50 157 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

import random

from draws import adapted, options, report

import facekit
from facekit.data.readers import landmarks_300w


def main() -> None:
    chosen = options(__doc__, [10, 50, 157], "300w")
    paths, subsets, points = landmarks_300w()
    train = [i for i, s in enumerate(subsets) if s != "lfpw_test"]
    test = [i for i, s in enumerate(subsets) if s == "lfpw_test"]
    unseen = [facekit.load_image(paths[i]) for i in test]

    def once(n: int, seed: int) -> tuple[float, float]:
        few = random.Random(seed).sample(train, n)
        pictures = [facekit.load_image(paths[i]) for i in few]
        model = adapted(chosen, pictures, points[few], "landmarks", "68", seed)
        return facekit.evaluate(model, unseen, points[test])["nme"], model.about["seconds"]

    print(f"{len(test)} test faces")
    report(chosen, "NME", once)


if __name__ == "__main__":
    main()
