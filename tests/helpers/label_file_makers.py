"""Small label files and images for the tests of `facekit.annotations`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facekit.annotations import LabelFiles

SIZES = [(20, 30), (41, 24), (20, 30)]
CLASSES = ["background", "skin", "left_eye", "right_eye"]
NAN = float("nan")


def photo(path: Path, size: tuple[int, int] = (20, 30)) -> Path:
    path.parent.mkdir(exist_ok=True)
    grid = np.indices(size).sum(0) * 3 % 256
    Image.fromarray(np.stack([grid, grid, 255 - grid], -1).astype(np.uint8)).save(path)
    return path


def photos(folder: Path) -> list[Path]:
    return [photo(folder / name, size) for name, size in zip(("a.png", "b2.jpg", "b10.png"), SIZES, strict=True)]


def save(path: Path, data: Any) -> Path:
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def shape(label: Any, points: Any, kind: str = "point", **more: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def labelme(shapes: Any, name: Any = "a.png", **more: Any) -> dict[str, Any]:
    head = {"version": "5.4.1", "flags": {}, "imageData": None, "imageHeight": 20, "imageWidth": 30}
    return {**head, "shapes": shapes, "imagePath": name, **more}


def coco(annotations: list[Any], categories: list[Any], **more: Any) -> dict[str, Any]:
    images = [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}]
    return {"images": images, "annotations": annotations, "categories": categories, **more}


def some_points(k: int, seed: int = 0) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-3, 22, (3, k, 2)).astype(np.float32)
    points[0, 0] = np.nan
    points[:, k - 1] = np.nan  # never labelled, still a point of the set
    points[1, 1] = (0, -0.1)
    return points


def some_masks(seed: int = 0, classes: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    masks = [rng.integers(0, classes, size).astype(np.uint8) for size in SIZES]
    masks[0][3:9, 4:20] = 1
    masks[0][5:7, 6:10] = 0  # a hole
    masks[0][12, :] = 2  # one pixel thin
    masks[0][:, 29] = 255
    masks[1][rng.random(SIZES[1]) < 0.2] = 255
    masks[2][:] = 0  # nothing there
    return masks


def same(found: LabelFiles, images: list[Path]) -> None:
    assert [p.resolve() for p in found.images] == [p.resolve() for p in images] and found.skipped == {}
