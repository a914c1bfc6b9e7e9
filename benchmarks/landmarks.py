"""Real landmarks from few faces: NME (inter-ocular, percent) on 300-W `lfpw_test`, mean and spread over draws.

FACEKIT_DATA=... python benchmarks/landmarks.py --faces 10 50 157 --draws 3
With --unet mobilenet_v2-b0353104.pth a UNet on ImageNet's MobileNetV2 is trained on the same draws instead.
"""

from __future__ import annotations

from draws import measure, options
from splits import LANDMARKS


def main() -> None:
    chosen = options(__doc__, [10, 50, 157], "300w")
    measure(chosen, LANDMARKS, "all", "NME")


if __name__ == "__main__":
    main()
