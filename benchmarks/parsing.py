"""Real parsing from few faces: mean F1 over FASSEG's five parts (skin, hair and brows, eyes, nose, mouth), percent, on
the frontal images that were not drawn; mean and spread over draws.

FACEKIT_DATA=... python benchmarks/parsing.py --faces 5 10 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

from draws import measure, options
from splits import PARTS


def main() -> None:
    chosen = options(__doc__, [5, 10], "fasseg")
    measure(chosen, PARTS, "overall", "mean F1")


if __name__ == "__main__":
    main()
