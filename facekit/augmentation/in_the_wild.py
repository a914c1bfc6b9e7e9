"""The augmentations of "In the Wild Face Parsing in Synthetic-Data Trained Models", section 3.1.2, by albumentations.

The library draws the moves and changes the colours; the moves themselves are made here, all in one resampling. Its own
Perspective (2.0.8) enlarges twice and so pushes each face to the lower right, and its one border for both would paint a
mask's classes where nobody drew any.
"""

from __future__ import annotations

import functools
import os
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.global_state import isolated_import
from ..geometry.affine import Matrix, crop_matrix

IGNORE = 255
_THREADS = 4
# What the paper leaves to the library is what that had when its code was written (1.3): noise of variance 10 to 50 in
# levels of 255 (by default 2.0.8 adds seven times as much and more), boxes of 3 px for the blur (as the code says).
_CORNERS = (0.05, 0.1)
_NOISE = (10**0.5 / 255, 50**0.5 / 255)
_BLUR = (3, 3)


@dataclass(frozen=True)
class WildAugmentation:
    """Random views of an image and its mask, the same for the same seed whatever else was drawn (section 3.1.2).

    rotate: degrees either way, always drawn. perspective: probability of moving the corners inwards. photometric:
    Gaussian noise (probability .2) and, .9 each, one of CLAHE, brightness, gamma; one of sharpening, blur; one of
    contrast, hue and saturation. Nothing is mirrored.
    """

    rotate: float = 18.0
    perspective: float = 0.5
    photometric: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate={self.rotate} came: pass degrees from 0 to 180")
        if not 0 <= self.perspective <= 1:
            raise ValueError(f"perspective={self.perspective} came: pass a probability, from 0 to 1")

    def __call__(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A view of the image (H,W,3) uint8 RGB and its mask (H,W) uint8: the same shapes, new arrays.

        seed: 0 or more. Outside the image it reflects, and the mask is 255 (ignore). Raises ValueError for other
        shapes or types.
        """
        self._check(image, mask)
        return self._view(image, mask, seed, (image.shape[0], image.shape[1]))

    def batch(self, crops: Tensor, masks: Tensor, seeds: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
        """Views of crops (N,3,s,s) uint8 and masks (N,s,s) uint8, one seed each, in `size` px.

        Returns images (N,3,size,size) float32 in [0, 1], channels-last in memory, and masks (N,size,size) uint8.
        Moved and averaged to `size` first, then changed in colour: the paper's images are of that size by then.
        """
        if not len(crops) == len(masks) == len(seeds):
            raise ValueError(
                f"{len(crops)} crops, {len(masks)} masks and {len(seeds)} seeds came: pass a mask and a seed per crop"
            )
        images = np.empty((len(crops), size, size, 3), np.uint8)
        ids = np.empty((len(crops), size, size), np.uint8)

        def fill(i: int) -> None:
            image, mask = crops[i].permute(1, 2, 0).contiguous().numpy(), masks[i].contiguous().numpy()
            self._check(image, mask)
            images[i], ids[i] = self._view(image, mask, seeds[i], (size, size))

        _in_threads(fill, len(crops))
        return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255), torch.from_numpy(ids)

    def maps(self, first: Tensor, second: Tensor, seeds: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
        """Pairs of label maps (N,s,s) uint8 moved alike, one seed each, in `size` px: two of (N,size,size) uint8.

        Ids do not mix, 255 comes from outside; no colours change.
        """
        if not len(first) == len(second) == len(seeds):
            raise ValueError(
                f"{len(first)} and {len(second)} maps and {len(seeds)} seeds came: pass a pair and a seed each"
            )
        moved = np.empty((2, len(first), size, size), np.uint8)

        def fill(i: int) -> None:
            shape = (first.shape[1], first.shape[2])
            matrix = self._move(np.random.default_rng(seeds[i]), random.Random(seeds[i]), shape)
            for out, ids in zip(moved, (first, second), strict=True):
                out[i] = _ids(ids[i].contiguous().numpy(), matrix, (size, size))

        _in_threads(fill, len(first))
        return torch.from_numpy(moved[0]), torch.from_numpy(moved[1])

    def _check(self, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"an image {image.dtype} {image.shape} came: pass RGB (H,W,3) uint8")
        if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
            raise ValueError(
                f"a mask {mask.dtype} {mask.shape} came for an image {image.shape[:2]}: pass uint8 of its size"
            )

    def _view(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        # One pair of generators for all: by set_random_seed each transform would get the same draws, and the noise
        # would come only with the perspective.
        draws, coins = np.random.default_rng(seed), random.Random(seed)
        matrix = self._move(draws, coins, (image.shape[0], image.shape[1]))
        fine = max(size[0], image.shape[0]), max(size[1], image.shape[1])
        moved = _seen(image, matrix, fine, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
        if fine != size:
            moved = np.asarray(cv2.resize(moved, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self.photometric:
            _, colours = _transforms(self.rotate, self.perspective, threading.get_ident())
            colours.set_random_state(draws, coins)
            moved = colours(image=moved)["image"]
        return moved, _ids(mask, matrix, size)

    def _move(self, draws: np.random.Generator, coins: random.Random, shape: tuple[int, int]) -> Matrix:
        """A random move (3,3) of an image of `shape` (h, w), in its own pixels."""
        moves, _ = _transforms(self.rotate, self.perspective, threading.get_ident())
        matrix: Matrix = np.eye(3)
        for move in moves:
            move.set_random_state(draws, coins)
            if move.should_apply():
                matrix = move.get_params_dependent_on_data({"shape": shape}, {})["matrix"] @ matrix
        return matrix


# For the label adapter's `maps`: the settings of the paper's code.
LABEL_MAPS = WildAugmentation(rotate=11.0, perspective=0.4)


def _in_threads(fill: Callable[[int], None], count: int) -> None:
    """fill(0) to fill(count - 1). The pool lives as long as the batch: one that lived on would be dead in forked
    workers."""
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, range(count)))


def _seen(image: NDArray[Any], matrix: Matrix, size: tuple[int, int], interpolation: int, border: int) -> NDArray[Any]:
    """The image or mask moved by the matrix (3,3), which is in its own pixels, and sampled in `size` (h, w)."""
    h, w = image.shape[:2]
    to_size = crop_matrix((-0.5, -0.5, w - 0.5, h - 0.5), size)
    return cv2.warpPerspective(
        image, to_size @ matrix, size[::-1], flags=interpolation, borderMode=border, borderValue=(IGNORE,) * 3
    )


def _ids(mask: NDArray[np.uint8], matrix: Matrix, size: tuple[int, int]) -> NDArray[np.uint8]:
    """`_seen` of ids: the nearest one, 255 from outside."""
    return np.asarray(_seen(mask, matrix, size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT), dtype=np.uint8)


# A transform keeps its random state in itself, so no two threads share one. A finished thread's number may come again,
# with what it left behind.
@functools.lru_cache(maxsize=64)
def _transforms(rotate: float, perspective: float, thread: int) -> tuple[tuple[Any, Any], Any]:
    """(rotation and perspective, a Compose of the changes in colour) for one thread."""
    with isolated_import():
        # Else importing it asks the network for its newest version. It takes seconds, so not before it is needed.
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A

    moves = (A.Rotate((-rotate, rotate), p=1), A.Perspective(_CORNERS, p=perspective))
    brightness = A.RandomBrightnessContrast(contrast_limit=(0, 0), p=1)
    contrast = A.RandomBrightnessContrast(brightness_limit=(0, 0), p=1)
    colours = A.Compose(
        [
            A.GaussNoise(_NOISE, p=0.2),
            A.OneOf([A.CLAHE(p=1), brightness, A.RandomGamma(p=1)], p=0.9),
            A.OneOf([A.Sharpen(p=1), A.Blur(_BLUR, p=1)], p=0.9),
            A.OneOf([contrast, A.HueSaturationValue(p=1)], p=0.9),
        ]
    )
    return moves, colours
