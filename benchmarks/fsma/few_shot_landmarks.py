"""Measure landmarks from a few real faces: NME (inter-ocular, percent) on 300-W ``lfpw_test``.

    FACEKIT_DATA=... python -m benchmarks.fsma.few_shot_landmarks --faces 10 50 157 --draws 3

Prints mean and standard deviation over the draws. ``--backbone synthparse --weights imagenet`` trains a UNet on
ImageNet's MobileNetV2 on the same draws; its weights must be in the cache. ``--start none`` switches off the warm
start from generated faces.
"""

from __future__ import annotations

from facekit.papers.face_data import LANDMARKS

from ..draws import measure, options


def main() -> None:
    """Run the benchmark from the command line."""
    chosen = options(__doc__, [10, 50, 157], "300w")
    measure(chosen, LANDMARKS, "all", "NME")


if __name__ == "__main__":
    main()
