"""Measure parsing from a few real faces: mean F1 over FASSEG's five parts (percent) on the other frontal images.

    FACEKIT_DATA=... python -m benchmarks.fsma.few_shot_parsing --faces 5 10 --draws 3

The parts are skin, hair and brows, eyes, nose and mouth. Prints mean and standard deviation over the draws.
``--backbone synthparse`` measures the backbone of the ready parser, and with ``--weights imagenet`` a UNet on
ImageNet's MobileNetV2 on the same draws; its weights must be in the cache.
"""

from __future__ import annotations

from facekit.papers.face_data import PARTS

from ..draws import measure, options


def main() -> None:
    """Run the benchmark from the command line."""
    chosen = options(__doc__, [5, 10], "fasseg")
    measure(chosen, PARTS, "overall", "mean F1")


if __name__ == "__main__":
    main()
