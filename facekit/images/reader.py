"""Load images. Every public function of facekit converts its input to RGB uint8 arrays of shape (H, W, 3) here.

One image is one of these:

- the path of a file,
- a PIL image of any mode,
- a numpy array of shape (H, W) or (H, W, C) with 1, 3 or 4 channels,
- a torch tensor of shape (H, W) or (C, H, W) with 1, 3 or 4 channels.

Several images are a folder, a numpy batch (N, H, W, C), a torch batch (N, C, H, W), or an iterable of single images.

EXIF orientation is applied, and transparent pixels are blended with white. The module `formats` lists the accepted
number types and how they become 8 bit. Invalid input raises `ImageError`, whose message names the image by its file
name or by its index from 0.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image

from ..core.atomic_file import whole_file
from .files import SUFFIXES, expand_home, file_name, list_images, open_image
from .formats import MAX_PIXELS, ImageError, check_size, from_numpy, from_pil, from_torch

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageBatch",
    "ImageError",
    "ImageSource",
    "image_source",
    "iter_images",
    "list_images",
    "load_each",
    "load_image",
    "open_image",
    "read_images",
    "rgb_to_read",
    "save_image",
    "to_tensor",
]

_SAVED_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_JPEG_QUALITY = 95
_EXPECTED = "expected a path, a PIL image, numpy (H,W,3) uint8 or torch (3,H,W)"
# Skipped images that a message lists.
_LISTED = 5


@dataclass(frozen=True)
class ImageBatch:
    """The images that `read_images` returns.

    Attributes:
        arrays: RGB arrays of shape (H, W, 3), uint8. Sizes may differ.
        names: Name of each image: its file name, or "image 3".
        kept: Index of each image in the input. It has gaps where images were skipped.
        single: Whether the input was one image and not a list.
        skipped: Reason by name of each skipped image. Empty unless `on_error="skip"`.
    """

    arrays: Sequence[np.ndarray]
    names: list[str]
    kept: list[int]
    single: bool
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(height, width) of each image in pixels."""
        return [(array.shape[0], array.shape[1]) for array in self.arrays]


def load_image(image: Any, name: str | None = None) -> np.ndarray:
    """Load one image as RGB.

    Args:
        image: One image of any kind that the module docstring lists.
        name: Name of the image in messages. Default: the file name, or "image".

    Returns:
        RGB array of shape (H, W, 3), uint8. It is new, contiguous and writable.

    Raises:
        ImageError: If the file is missing, empty, truncated or not an image; if the image has no pixels or more than
            100 megapixels (checked in the header, before decoding); if its rank or number of channels is wrong; if it
            has NaN, inf or floats outside [0, 1]; or if its type is another one.

    Example:
        >>> load_image("face.jpg").shape
        (480, 640, 3)
    """
    if isinstance(image, (str, os.PathLike)):
        name = name or file_name(image)
        return from_pil(open_image(image, name), name)
    name = name or "image"
    if isinstance(image, Image.Image):
        return from_pil(image, name)
    if isinstance(image, torch.Tensor):
        return from_torch(image, name)
    if hasattr(image, "__array__"):
        return from_numpy(np.asarray(image), name)
    advice = "convert it to one of these"
    if isinstance(image, (list, tuple)):
        advice = "pass its images one by one"
    elif isinstance(image, (bytes, bytearray)) or hasattr(image, "read"):
        advice = "open it with PIL.Image.open (bytes inside io.BytesIO)"
    raise ImageError(f"{name}: {_EXPECTED}, got {type(image).__name__}; {advice}")


def rgb_to_read(image: Any) -> np.ndarray:
    """Load one image as RGB for reading only: an array that needs no conversion is returned without a copy.

    Args:
        image: As in `load_image`.

    Returns:
        RGB array of shape (H, W, 3), uint8, contiguous. It may be ``image`` itself.

    Raises:
        ImageError: As `load_image`.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.shape[2:] == (3,) and image.flags.carray:
        check_size(image.shape[1], image.shape[0], "image")
        return image
    return load_image(image)


def read_images(images: Any, on_error: Literal["raise", "skip"] = "raise") -> ImageBatch:
    """Load one image, or all images of a list, batch, iterator or folder.

    Args:
        images: One or several images, as the module docstring lists. Of a folder, the image files are read in natural
            order, without those of subfolders.
        on_error: "raise" stops at the first invalid image. "skip" leaves invalid images out, warns once with their
            names, and keeps the reasons in `ImageBatch.skipped`.

    Returns:
        The images, their names and their indices in the input.

    Raises:
        ImageError: As `load_image` does, and if there is no valid image.
        ValueError: If `on_error` is another word.
    """
    _check_on_error(on_error)
    source = image_source(images)
    skipped: dict[str, str] = {}
    loaded = list(load_each(source, on_error, skipped))
    names, kept = [name for _, name, _ in loaded], [index for index, _, _ in loaded]
    return ImageBatch([array for _, _, array in loaded], names, kept, source.single, skipped)


def iter_images(images: Any, on_error: Literal["raise", "skip"] = "raise") -> Iterator[tuple[str, np.ndarray]]:
    """Load images one at a time, so that memory does not grow with their number.

    A wrong folder or `on_error` raises at the call. An invalid image raises in its turn. The warning about skipped
    images comes at the end.

    Args:
        images: As in `read_images`.
        on_error: As in `read_images`.

    Returns:
        Iterator over (name, array) of each image; the array is RGB of shape (H, W, 3), uint8.

    Raises:
        ImageError: As `read_images` does.
        ValueError: If `on_error` is another word.
    """
    _check_on_error(on_error)
    source = image_source(images)
    return ((name, array) for _, name, array in load_each(source, on_error, {}))


def to_tensor(arrays: np.ndarray | Sequence[np.ndarray]) -> torch.Tensor:
    """Convert RGB uint8 arrays to a float tensor.

    Args:
        arrays: One array of shape (H, W, 3), a batch (N, H, W, 3), or a sequence of arrays of one size; all uint8.

    Returns:
        Tensor of shape (3, H, W), or (N, 3, H, W) for a batch or sequence; float32 in [0, 1].

    Raises:
        ImageError: If sizes differ, or if an array is not RGB uint8.
    """
    if not isinstance(arrays, np.ndarray):
        shapes = sorted({np.shape(array) for array in arrays})
        if len(shapes) != 1:
            raise ImageError(
                f"to_tensor: expected one common shape, got a batch of shapes {shapes}; crop or resize the images first"
            )
        arrays = np.stack(list(arrays))
    if arrays.dtype != np.uint8 or arrays.ndim not in (3, 4) or arrays.shape[-1] != 3:
        got = f"got {arrays.dtype} {arrays.shape}"
        raise ImageError(f"to_tensor: expected uint8 (H,W,3) or (N,H,W,3), {got}; pass it through load_image")
    tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(arrays, -1, -3)))
    return tensor.to(torch.float32).div_(255)


def save_image(array: Any, path: str | os.PathLike[str]) -> None:
    """Save an image as PNG or JPEG, by the suffix of the path.

    Missing folders are made. If writing fails, an existing file stays as it was.

    Args:
        array: One image of any kind that `load_image` accepts.
        path: Path that ends with .png, .jpg or .jpeg. JPEG has quality 95.

    Raises:
        ImageError: If the suffix is another one, or if the image is invalid.
        OutputError: If the file cannot be written.
    """
    target = Path(expand_home(path))
    kind = _SAVED_FORMATS.get(target.suffix.lower())
    if kind is None:
        raise ImageError(
            f"{target.name}: expected .png, .jpg or .jpeg, got the suffix {target.suffix!r}; rename the file"
        )
    image = Image.fromarray(load_image(array))
    with whole_file(target) as temporary:
        image.save(temporary, format=kind, **({"quality": _JPEG_QUALITY} if kind == "JPEG" else {}))


class ImageSource(NamedTuple):
    """The single images that an input stands for.

    Attributes:
        items: The images in order, not loaded yet. Each is of a kind that `load_image` accepts.
        single: Whether the input was one image.
        is_folder: Whether the items are the files of a folder.
    """

    items: Iterable[Any]
    single: bool = False
    is_folder: bool = False


def image_source(images: Any) -> ImageSource:
    """Split an input into single images without loading them.

    Args:
        images: One or several images, as the module docstring lists.

    Returns:
        The single images.

    Raises:
        ImageError: If a folder cannot be read, or holds no image.
    """
    if isinstance(images, (str, os.PathLike)):
        path = expand_home(images)
        if path and os.path.isdir(path):
            return ImageSource(list_images(path), is_folder=True)
        return ImageSource([images], single=True)
    if isinstance(images, torch.Tensor):
        return ImageSource(images) if images.ndim == 4 else ImageSource([images], single=True)
    if hasattr(images, "__array__"):
        array = np.asarray(images)
        if array.ndim == 1 and array.dtype.kind in "OU":  # a pandas column, or an array of paths
            return ImageSource(array.tolist())
        return ImageSource(array) if array.ndim == 4 else ImageSource([array], single=True)
    no_sequence = isinstance(images, (Image.Image, Mapping, Set, bytes, bytearray)) or hasattr(images, "read")
    if no_sequence or not isinstance(images, Iterable):
        return ImageSource([images], single=True)
    return ImageSource(images)


def load_each(
    source: ImageSource, on_error: Literal["raise", "skip"], skipped: dict[str, str]
) -> Iterator[tuple[int, str, np.ndarray]]:
    """Load the images of a source one at a time.

    Args:
        source: The single images.
        on_error: As in `read_images`.
        skipped: Dictionary that receives the reason by the name of each skipped image.

    Yields:
        Index in the source, name, and RGB array of shape (H, W, 3), uint8, of each valid image.

    Raises:
        ImageError: As `read_images` does.
    """
    index, valid = -1, 0
    for index, item in enumerate(source.items):
        is_file = isinstance(item, (str, os.PathLike))
        name = file_name(item) if is_file else f"image {index}"
        # In a list of paths, two files may have one name: the index tells them apart.
        label = f"image {index} ({name})" if is_file and not (source.single or source.is_folder) else name
        try:
            array = load_image(item, label)
        except ImageError as error:
            if on_error == "raise":
                raise
            skipped[label if name in skipped else name] = str(error).removeprefix(f"{label}: ")
            continue
        valid += 1
        yield index, name, array
    if index < 0:
        raise ImageError(f"no images: {_EXPECTED}, got an empty list or batch; pass at least one image")
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    listing += f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    if not valid:
        raise ImageError(f"none of the {index + 1} images can be read: {listing}")
    if skipped:
        warnings.warn(f"{len(skipped)} of {index + 1} images skipped: {listing}", stacklevel=3)


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "skip"):
        raise ValueError(f'expected on_error="raise" or "skip", got on_error={on_error!r}; choose one of them')
