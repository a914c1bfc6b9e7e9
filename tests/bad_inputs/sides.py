"""Bad names, pairs and flips of label sets, and images that are not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from facekit.annotations.label_sources import labels_from_path
from facekit.labels import AttributeSet, LandmarkSet, flip_landmarks, flip_mask, landmark_set, segmentation_set
from facekit.metrics.scores import landmark_normaliser

ROWS: list[tuple[str, type[Exception], Callable[[Path], Any], str]] = [
    (
        "pair of three names",
        ValueError,
        lambda _: landmark_set(["a", "b", "c"], pairs=[("a", "b", "c")]),
        "two indices",
    ),
    ("pair of a stranger", ValueError, lambda _: landmark_set(["a", "b"], pairs=[("a", "x")]), "'x' is not among"),
    ("pair outside the set", ValueError, lambda _: landmark_set(None, 3, pairs=[(0, 3)]), r"outside 0\.\.2"),
    ("point in two pairs", ValueError, lambda _: landmark_set(None, 3, pairs=[(0, 1), (1, 2)]), "repeats a member"),
    ("pair with itself", ValueError, lambda _: segmentation_set(None, 3, pairs=[(1, 1)]), "repeats a member"),
    ("20,000 equal names", ValueError, lambda _: landmark_set(["eye_left"] * 20_000), "more than once"),
    ("300 class names", ValueError, lambda _: segmentation_set([f"left_{i}" for i in range(300)]), "got 300"),
    ("flip of another length", ValueError, lambda _: LandmarkSet("x", ("a", "b"), (0,)), "expected a permutation"),
    (
        "flip that does not undo itself",
        ValueError,
        lambda _: AttributeSet("x", ("a", "b", "c"), (1, 2, 0)),
        "its own inverse",
    ),
    ("pairs for a known set", ValueError, lambda _: landmark_set("68", pairs=[(0, 1)]), "leave out pairs="),
    (
        "mirrored points of one side",
        ValueError,
        lambda _: flip_landmarks(np.zeros((2, 2)), 9, landmark_set(["l_eye", "nose"])),
        "pairs=",
    ),
    (
        "mirrored mask of unknown pairs",
        ValueError,
        lambda _: flip_mask(np.zeros((2, 2), np.uint8), segmentation_set(["background", "eye1", "eye2"])),
        "pairs=",
    ),
    (
        "unknown normaliser",
        ValueError,
        lambda _: landmark_normaliser(np.zeros((5, 2)), landmark_set("5"), "eyes"),
        "by=",
    ),
    (
        "images that are not there",
        FileNotFoundError,
        lambda f: labels_from_path(str(f / "imags"), str(f), "landmarks", None),
        "imags: no such images",
    ),
]
