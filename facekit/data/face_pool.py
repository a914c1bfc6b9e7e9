"""Pools of unlabelled face crops on disk: memory does not grow with the number of images."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..augmentation.affine import Affine, random_matrices, warp
from ..core.atomic_file import whole_file
from ..core.json_text import parse_json

log = logging.getLogger("facekit")

# A crop holds this much more than the network sees, so that shifts and rotations find real pixels.
MARGIN = 1.25
# FSMA supplement section 2.1: faces lower than 100 px are left out of what a network of 256 px sees.
LEAST_FACE = 100 / 256

Face = tuple[str, np.ndarray, tuple[float, float, float, float]]


class Pool(Protocol):
    """What the images come from: (n,) indices -> (n,3,side,side) uint8."""

    side: int

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor) -> Tensor: ...


class FacePool:
    """N square RGB crops in one memory-mapped file.

    pool[indices] -> (n,3,side,side) uint8 tensor, side = `MARGIN` times the network's input size.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        meta = parse_json(self.path.with_suffix(".json").read_text(), str(self.path.with_suffix(".json")))
        self.side: int = meta["side"]
        self.sources: dict[str, int] = meta["sources"]
        self._data = np.memmap(self.path, np.uint8, "r", shape=(meta["count"], self.side, self.side, 3))

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._data[indices.numpy()]).permute(0, 3, 1, 2)


def pool_side(input_size: int) -> int:
    """Side of the stored crops for a network of `input_size` px."""
    return round(input_size * MARGIN)


def build_pool(
    sources: dict[str, Iterable[Face]], input_size: int, folder: str | os.PathLike[str], progress: bool = True
) -> FacePool:
    """Crop every face of `sources` into one file under `folder`, or open it if it is there already.

    sources: name -> iterable of (image name, (H,W,3) uint8 RGB, square box (x0,y0,x1,y1) of the network's framing).
    The names identify the pool: a source that changed needs a new name. Raises ValueError when no face is left.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(json.dumps([sorted(sources), input_size, MARGIN]).encode()).hexdigest()[:16]
    path = folder / f"faces-{key}.u8"
    if path.exists() and path.with_suffix(".json").exists():
        return FacePool(path)
    side, least, counts, small = pool_side(input_size), LEAST_FACE * input_size, {}, 0
    with whole_file(path) as temporary:
        with temporary.open("wb") as file:
            for name, faces in sources.items():
                counts[name] = 0
                for _, image, box in tqdm(faces, desc=f"cropping {name}", disable=not progress, leave=False):
                    if box[3] - box[1] < least:
                        small += 1
                        continue
                    file.write(crop_with_margin(image, box, side).tobytes())
                    counts[name] += 1
        total = sum(counts.values())
        if total == 0:
            raise ValueError(
                f"no face is left in {', '.join(sources) or 'an empty list'} ({small} were lower than "
                f"{least:.0f} px): pass larger images of faces"
            )
        meta = {"count": total, "side": side, "sources": counts}
        with whole_file(path.with_suffix(".json")) as beside:
            beside.write_text(json.dumps(meta))
    if small:
        log.warning("%d faces lower than %.0f px were left out", small, least)
    return FacePool(path)


def crop_with_margin(image: np.ndarray, box: tuple[float, float, float, float], side: int) -> np.ndarray:
    """The square of `MARGIN` times the box around its centre, resampled to (side,side,3); outside pixels reflect."""
    x0, y0, x1, y1 = box
    cx, cy, length = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * MARGIN
    scale = side / length
    if scale < 0.75:
        # warpAffine does not filter when it shrinks.
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * (1 / scale - 1) + 0.2)
    shift = (side - 1) / 2
    matrix = np.array([[scale, 0, shift - scale * cx], [0, scale, shift - scale * cy]])
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def whole_image_boxes(images: Iterable[tuple[str, np.ndarray]]) -> Iterator[Face]:
    """Take images that are face crops already: the centred square of each."""
    for name, image in images:
        h, w = image.shape[:2]
        s, cx, cy = min(h, w), (w - 1) / 2, (h - 1) / 2
        yield name, image, (cx - s / 2, cy - s / 2, cx + s / 2, cy + s / 2)


def views(pool: Pool, chosen: Tensor, matrices: Tensor, side: int, device: torch.device) -> Tensor:
    """Crops of a pool as a network of `side` px sees them, transformed by `random_matrices`.

    chosen: (N,) indices; matrices: (N,2,3). Returns (N,3,side,side) RGB in [0, 1].
    """
    images = pool[chosen].to(device, torch.get_default_dtype()).div_(255)
    # The crops in the pool are wider than what the network sees.
    return warp(images, matrices * (side / pool.side), side)


def plain_views(pool: Pool, n: int, side: int) -> Tensor:
    """n crops spread over the pool (all of a smaller one), without augmentation: (n,3,side,side) RGB in [0, 1]."""
    chosen = torch.linspace(0, len(pool) - 1, min(n, len(pool))).round().long()
    matrices, _ = random_matrices(len(chosen), Affine(), torch.Generator())
    return views(pool, chosen, matrices, side, torch.device("cpu"))
