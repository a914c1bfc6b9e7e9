"""Pools of unlabelled face crops in memory-mapped files: memory does not grow with the number of images."""

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

# Side of a stored crop relative to the network's input, so that shifts and rotations find real pixels.
MARGIN = 1.25
# Least height of a face relative to the network's input. FSMA (supplement, section 2.1) leaves out faces below 100 px
# for a network of 256 px.
LEAST_FACE = 100 / 256

# Name, image (H,W,3) uint8 RGB, and square box (x0,y0,x1,y1) of the network's framing in the image's pixels.
Face = tuple[str, np.ndarray, tuple[float, float, float, float]]


class Pool(Protocol):
    """A source of crops: `pool[indices]` with indices (n,) int64 is a uint8 tensor (n,3,side,side).

    Attributes:
        side: Side of the crops, px.
    """

    side: int

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Tensor) -> Tensor: ...


class FacePool:
    """N square RGB crops in one memory-mapped file. It is a `Pool`.

    Attributes:
        path: File of the pixels. A .json beside it describes them.
        side: Side of the crops, px: `MARGIN` times the network's input.
        sources: Number of crops per source.
    """

    def __init__(self, path: str | os.PathLike[str]):
        """Open a pool that `build_pool` wrote.

        Args:
            path: File of the pixels.

        Raises:
            FileNotFoundError: If one of the two files is missing.
            ValueError: If the description is damaged.
        """
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
    """Return the side of the stored crops for a network with inputs of `input_size` px."""
    return round(input_size * MARGIN)


def build_pool(
    sources: dict[str, Iterable[Face]], input_size: int, folder: str | os.PathLike[str], progress: bool = True
) -> FacePool:
    """Crop every face of the sources into one file. Open the file if it exists already.

    The names of the sources identify the file, so a source that has changed needs a new name.

    Args:
        sources: Faces by name of the source.
        input_size: Side of the network's input, px.
        folder: Folder of the file. It is made if it is missing.
        progress: Whether to show a progress bar.

    Returns:
        The pool.

    Raises:
        ValueError: If no face is left.
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
                f"expected faces of at least {least:.0f} px, got none in {', '.join(sources) or 'an empty list'} "
                f"({small} smaller ones); pass larger images of faces"
            )
        meta = {"count": total, "side": side, "sources": counts}
        with whole_file(path.with_suffix(".json")) as temporary_json:
            temporary_json.write_text(json.dumps(meta))
    if small:
        log.warning("%d faces lower than %.0f px were left out", small, least)
    return FacePool(path)


def crop_with_margin(image: np.ndarray, box: tuple[float, float, float, float], side: int) -> np.ndarray:
    """Crop the square of `MARGIN` times a box around the box's centre.

    Args:
        image: (H,W,3) uint8 RGB.
        box: (x0,y0,x1,y1) in the image's pixels.
        side: Side of the crop, px.

    Returns:
        (side,side,3) uint8. Pixels outside the image are reflected.
    """
    x0, y0, x1, y1 = box
    cx, cy, length = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * MARGIN
    scale = side / length
    if scale < 0.75:
        # warpAffine does not filter before it shrinks.
        image = cv2.GaussianBlur(image, (0, 0), 0.5 * (1 / scale - 1) + 0.2)
    shift = (side - 1) / 2
    matrix = np.array([[scale, 0, shift - scale * cx], [0, scale, shift - scale * cy]])
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def whole_image_boxes(images: Iterable[tuple[str, np.ndarray]]) -> Iterator[Face]:
    """Use images that are face crops already: the box is the centred square.

    Args:
        images: Name and image (H,W,3) uint8 RGB.

    Yields:
        Name, image and box.
    """
    for name, image in images:
        h, w = image.shape[:2]
        s, cx, cy = min(h, w), (w - 1) / 2, (h - 1) / 2
        yield name, image, (cx - s / 2, cy - s / 2, cx + s / 2, cy + s / 2)


def views(pool: Pool, chosen: Tensor, matrices: Tensor, side: int, device: torch.device) -> Tensor:
    """Make augmented inputs of a network from crops of a pool.

    Args:
        pool: The pool.
        chosen: (N,) int64 indices of crops.
        matrices: (N,2,3) transforms of `augmentation.affine.random_matrices`.
        side: Side of the network's input, px.
        device: Device that computes.

    Returns:
        (N,3,side,side) RGB in [0, 1], of torch's default dtype.
    """
    images = pool[chosen].to(device, torch.get_default_dtype()).div_(255)
    # The crops in the pool are wider than the network's input.
    return warp(images, matrices * (side / pool.side), side)


def plain_views(pool: Pool, n: int, side: int) -> Tensor:
    """Make inputs of a network from crops spread evenly over a pool, without augmentation.

    Args:
        pool: The pool.
        n: Number of crops. A smaller pool gives all of its crops.
        side: Side of the network's input, px.

    Returns:
        (n,3,side,side) RGB in [0, 1], on the CPU.
    """
    return torch.cat(list(plain_batches(pool, n, side, n)))


def plain_batches(pool: Pool, n: int, side: int, batch_size: int) -> Iterator[Tensor]:
    """Make the inputs of ``plain_views`` in batches, so that memory does not grow with their number.

    Args:
        pool: As for ``plain_views``.
        n: As for ``plain_views``.
        side: As for ``plain_views``.
        batch_size: Number of crops per batch.

    Yields:
        (batch_size,3,side,side) RGB in [0, 1], on the CPU. The last batch may be smaller.
    """
    chosen = torch.linspace(0, len(pool) - 1, min(n, len(pool))).round().long()
    for some in chosen.split(batch_size):
        matrices, _ = random_matrices(len(some), Affine(), torch.Generator())
        yield views(pool, some, matrices, side, torch.device("cpu"))
