"""Images without faces, behind and between the faces of a mosaic."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facekit.images.reader import load_image

# Longest side in memory, pixels.
LONGEST = 900
# Photos are wanted more often than screenshots and drawings: these have few colours.
_PHOTO_SATURATION = 35.0
_PHOTO_WEIGHT = 4.0


class Backgrounds:
    """Draws backgrounds from a folder of images without faces, plain colours, gradients and noise.

    Args:
        folder: Folder of image files without faces.

    Raises:
        ValueError: If the folder holds no image.
    """

    def __init__(self, folder: Path) -> None:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
        if not files:
            raise ValueError(f"{folder}: expected images without faces (.jpg or .png), got none")
        self.images = [limited(load_image(path)) for path in files]
        saturation = np.array(
            [cv2.cvtColor(image[::4, ::4], cv2.COLOR_RGB2HSV)[..., 1].mean() for image in self.images]
        )
        white = np.array([(image[::4, ::4].min(-1) > 225).mean() for image in self.images])
        weight = np.where((saturation > _PHOTO_SATURATION) & (white < 0.4), _PHOTO_WEIGHT, 1.0)
        self._chance = weight / weight.sum()

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Return a background (size,size,3) uint8."""
        kind = rng.random()
        if kind < 0.84:
            return self.photo(rng, size, size)
        if kind < 0.9:
            return np.full((size, size, 3), rng.integers(0, 256, 3), np.uint8)
        # Blobs: few pixels, enlarged; with noise of a second, finer scale.
        coarse = rng.integers(0, 256, (*rng.integers(2, 9, 2), 3)).astype(np.uint8)
        image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        cells = int(rng.integers(16, size))
        fine = rng.normal(0, rng.uniform(0, 40), (cells, cells, 1)).astype(np.float32)
        image += cv2.resize(fine, (size, size))[..., None]
        return np.clip(image, 0, 255).astype(np.uint8)

    def photo(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Return a part of one of the images, at any scale (height,width,3) uint8."""
        image = self.images[rng.choice(len(self.images), p=self._chance)]
        if rng.random() < 0.1:
            image = np.rot90(image, int(rng.integers(1, 4)))
        h, w = image.shape[:2]
        # The part's size in the image's pixels: from half to three times the pixels that are wanted.
        scale = min(float(np.exp(rng.uniform(np.log(0.5), np.log(3.0)))), h / height, w / width)
        ph, pw = max(1, int(height * scale)), max(1, int(width * scale))
        y, x = int(rng.integers(0, h - ph + 1)), int(rng.integers(0, w - pw + 1))
        part = np.ascontiguousarray(image[y : y + ph, x : x + pw])
        if rng.random() < 0.5:
            part = np.ascontiguousarray(part[:, ::-1])
        how = cv2.INTER_AREA if scale > 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(part, (width, height), interpolation=how))


def limited(image: np.ndarray) -> np.ndarray:
    """Return an image whose longest side is at most `LONGEST`."""
    scale = LONGEST / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
