"""The images of an adaptation: read one after the other, and again where they are needed again.

Thousands of photos do not fit into memory. The first ones stay in memory; the others are read twice: once to check
them and to learn their sizes, once to cut the faces out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .reader import ImageBatch, _items, _walk, load_image

# Bytes of decoded images that stay in memory.
KEPT = 500_000_000


class ImageSequence(Sequence[np.ndarray]):
    """Images as RGB (H,W,3) uint8, decoded when they are asked for unless they are among the kept ones.

    Args:
        items: What each image is read from, of any kind that `load_image` takes.
        names: Of the images, for errors.
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
    """`Images` whose arrays are an `ImageSequence`. measured: (height, width) of each in pixels."""

    measured: tuple[tuple[int, int], ...] = ()

    @property
    def sizes(self) -> list[tuple[int, int]]:
        return list(self.measured)


def stream_images(images: Any, kept_bytes: int = KEPT) -> StreamedImages:
    """Check every image, and keep as many in memory as fit.

    Args:
        images: As in `facekit.images.read_images`. An iterator's items are kept, because they come once.
        kept_bytes: Of the decoded images that stay in memory.

    Raises:
        ImageError: As `read_images` does.
    """
    found, single, folder = _items(images)
    items, names, sizes = list(found), [], []
    kept: dict[int, np.ndarray] = {}
    room = kept_bytes
    for index, name, array in _walk(items, single or folder, "raise", {}):
        names.append(name)
        sizes.append((array.shape[0], array.shape[1]))
        if array.nbytes <= room:
            kept[index], room = array, room - array.nbytes
    return StreamedImages(
        ImageSequence(items, names, kept), names, list(range(len(items))), single, measured=tuple(sizes)
    )
