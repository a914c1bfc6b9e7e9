"""The augmentations of "In the Wild Face Parsing in Synthetic-Data Trained Models" (section 3.1.2), by albumentations.

The library draws the transforms and changes the colours. The transforms are applied here, all in one resampling. The
library's own Perspective (2.0.8) enlarges twice, which shifts each face to the lower right. Its border mode applies to
image and mask alike, so a mask would get classes outside the image.
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
from ..labels import IGNORE_ID

_THREADS = 4
# Where the paper uses the library's defaults, these are the defaults of its version then (1.3): noise of variance 10 to
# 50 in levels of 255 (2.0.8 adds at least seven times as much). The blur of 3 px is from the paper's code.
_CORNERS = (0.05, 0.1)
_NOISE = (10**0.5 / 255, 50**0.5 / 255)
_BLUR = (3, 3)


@dataclass(frozen=True)
class WildAugmentation:
    """Random views of an image and its mask (section 3.1.2). Equal seeds give equal views. Nothing is mirrored.

    Attributes:
        rotate: Largest rotation in degrees, in both directions; each view is rotated.
        perspective: Probability of a perspective transform, which moves the corners inwards.
        photometric: Whether to change colours: Gaussian noise with probability 0.2, and with probability 0.9 each, one
            of CLAHE, brightness and gamma; one of sharpening and blur; one of contrast, and hue and saturation.

    Raises:
        ValueError: If ``rotate`` is outside 0 to 180, or ``perspective`` outside 0 to 1.
    """

    rotate: float = 18.0
    perspective: float = 0.5
    photometric: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.rotate <= 180:
            raise ValueError(f"rotate={self.rotate}: expected degrees from 0 to 180")
        if not 0 <= self.perspective <= 1:
            raise ValueError(f"perspective={self.perspective}: expected a probability from 0 to 1")

    def __call__(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a random view of an image and its mask.

        Args:
            image: (H,W,3) uint8 RGB.
            mask: (H,W) uint8 class ids.
            seed: 0 or more.

        Returns:
            A new image and a new mask of the same shapes. Outside the image it is reflected, and the mask is 255
            (ignore).

        Raises:
            ValueError: If image or mask has another shape or type.
        """
        self._check(image, mask)
        return self._view(image, mask, seed, (image.shape[0], image.shape[1]))

    def batch(self, crops: Tensor, masks: Tensor, seeds: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
        """Return a random view of each crop and its mask, at another size.

        The view is transformed and averaged to ``size`` first. Its colours change after that, as in the paper.

        Args:
            crops: (N,3,s,s) uint8.
            masks: (N,s,s) uint8 class ids.
            seeds: One per crop.
            size: Side of the views in pixels.

        Returns:
            Images (N,3,size,size) float32 in [0, 1], channels-last in memory, and masks (N,size,size) uint8.

        Raises:
            ValueError: If the numbers differ, or a crop or mask has another shape or type.
        """
        if not len(crops) == len(masks) == len(seeds):
            raise ValueError(
                f"expected a mask and a seed per crop, "
                f"got {len(crops)} crops, {len(masks)} masks and {len(seeds)} seeds"
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
        """Transform pairs of label maps, both maps of a pair alike, at another size.

        Args:
            first: (N,s,s) uint8 class ids.
            second: (N,s,s) uint8 class ids.
            seeds: One per pair.
            size: Side of the result in pixels.

        Returns:
            Two tensors (N,size,size) uint8: the nearest id of each pixel, 255 outside the maps.

        Raises:
            ValueError: If the numbers differ.
        """
        if not len(first) == len(second) == len(seeds):
            raise ValueError(
                f"expected one seed per pair of maps, got {len(first)} and {len(second)} maps and {len(seeds)} seeds"
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
        """Raise ValueError for an image or a mask of another shape or type."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"image: expected RGB (H,W,3) uint8, got {image.dtype} {image.shape}")
        if mask.dtype != np.uint8 or mask.shape != image.shape[:2]:
            raise ValueError(
                f"mask: expected uint8 of the size of the image {image.shape[:2]}, got {mask.dtype} {mask.shape}"
            )

    def _view(
        self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int, size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return a view (h,w) of an image and its mask, by a seed."""
        # All transforms share one pair of generators. By set_random_seed each one would get the same draws, and the
        # noise would only occur together with the perspective.
        draws, coins = np.random.default_rng(seed), random.Random(seed)
        matrix = self._move(draws, coins, (image.shape[0], image.shape[1]))
        fine = max(size[0], image.shape[0]), max(size[1], image.shape[1])
        moved = _warped(image, matrix, fine, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
        if fine != size:
            moved = np.asarray(cv2.resize(moved, size[::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
        if self.photometric:
            _, colours = _transforms(self.rotate, self.perspective, threading.get_ident())
            colours.set_random_state(draws, coins)
            moved = colours(image=moved)["image"]
        return moved, _ids(mask, matrix, size)

    def _move(self, draws: np.random.Generator, coins: random.Random, shape: tuple[int, int]) -> Matrix:
        """Draw a random transform (3,3) of an image of a shape (h, w), in its pixels."""
        moves, _ = _transforms(self.rotate, self.perspective, threading.get_ident())
        matrix: Matrix = np.eye(3)
        for move in moves:
            move.set_random_state(draws, coins)
            if move.should_apply():
                matrix = move.get_params_dependent_on_data({"shape": shape}, {})["matrix"] @ matrix
        return matrix


# For the label adapter, by `maps`: the settings of the paper's code.
LABEL_MAPS = WildAugmentation(rotate=11.0, perspective=0.4)


def _in_threads(fill: Callable[[int], None], count: int) -> None:
    """Call fill(0) to fill(count - 1) in threads.

    The pool is closed after each batch. Forked data workers would inherit a kept pool without its threads.
    """
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, range(count)))


def _warped(
    image: NDArray[Any], matrix: Matrix, size: tuple[int, int], interpolation: int, border: int
) -> NDArray[Any]:
    """Transform an image or a mask by a matrix (3,3), in its own pixels, and resample it to a size (h, w)."""
    h, w = image.shape[:2]
    to_size = crop_matrix((-0.5, -0.5, w - 0.5, h - 0.5), size)
    return cv2.warpPerspective(
        image, to_size @ matrix, size[::-1], flags=interpolation, borderMode=border, borderValue=(IGNORE_ID,) * 3
    )


def _ids(mask: NDArray[np.uint8], matrix: Matrix, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Transform ids as `_warped` does: the nearest id, 255 outside."""
    return np.asarray(_warped(mask, matrix, size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT), dtype=np.uint8)


# A transform holds its random state, so threads must not share one. The number of a finished thread may be used again;
# its transforms are then used again, too.
@functools.lru_cache(maxsize=64)
def _transforms(rotate: float, perspective: float, thread: int) -> tuple[tuple[Any, Any], Any]:
    """Return (rotation, perspective) and a Compose of the colour changes, for one thread."""
    # The import takes seconds, so it waits until it is needed.
    with isolated_import():
        # Otherwise albumentations looks for its newest version over the network when it is imported.
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
