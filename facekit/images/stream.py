"""Load the images of an adaptation without holding all of them in memory.

Thousands of photos do not fit into memory. The first ones stay in memory. The others are read twice: once to check
them and to measure their sizes, and once to crop the faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .reader import ImageBatch, image_source, load_each, load_image

# Bytes of decoded images that stay in memory.
KEPT = 500_000_000


class ImageSequence(Sequence[np.ndarray]):
    """Sequence of RGB arrays (H, W, 3), uint8. An image that is not kept in memory is decoded at each access.

    Args:
        items: Single images of any kind that `load_image` accepts.
        names: Name of each image in messages.
        kept: Decoded images by index.
    """

    def __init__(self, items: Sequence[Any], names: Sequence[str], kept: dict[int, np.ndarray]):
        self.items, self.names, self.kept = items, names, kept

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        return self.kept[i] if i in self.kept else load_image(self.items[i], self.names[i])


@dataclass(frozen=True)
class StreamedImages(ImageBatch):
    """An `ImageBatch` whose arrays are an `ImageSequence`.

    Attributes:
        measured: (height, width) of each image in pixels.
    """

    measured: tuple[tuple[int, int], ...] = ()

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each image in pixels. No image is decoded for it."""
        return list(self.measured)


def stream_images(images: Any, kept_bytes: int = KEPT) -> StreamedImages:
    """Check every image, and keep as many in memory as fit.

    Args:
        images: As in `facekit.images.read_images`. The items of an iterator are kept, because they come only once. A
            sequence may read its images on access.
        kept_bytes: Bytes of decoded images that may stay in memory.

    Returns:
        The images with their sizes.

    Raises:
        ImageError: As `read_images` does.
    """
    source = image_source(images)
    items: Sequence[Any] = source.items if isinstance(source.items, Sequence) else list(source.items)
    names: list[str] = []
    sizes: list[tuple[int, int]] = []
    kept: dict[int, np.ndarray] = {}
    bytes_left = kept_bytes
    for index, name, array in load_each(source._replace(items=items), "raise", {}):
        names.append(name)
        sizes.append((array.shape[0], array.shape[1]))
        if array.nbytes <= bytes_left:
            kept[index] = array
            bytes_left -= array.nbytes
    return StreamedImages(
        ImageSequence(items, names, kept), names, list(range(len(items))), source.single, measured=tuple(sizes)
    )
