"""The base class of results: draw, show and save; and the checks that results share."""

from __future__ import annotations

import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from ..core.atomic_file import whole_file
from ..images.reader import save_image

Box = tuple[float, float, float, float]


class Drawable(ABC):
    """Base class of results. A subclass implements `draw_on` and `to_dict`.

    Attributes:
        image: The image that the result is for, (H,W,3) uint8 RGB.
    """

    image: NDArray[np.uint8]

    def draw(self) -> NDArray[np.uint8]:
        """Return the image with the result drawn on it, (H,W,3) uint8 RGB."""
        return self.draw_on(self.image)

    @abstractmethod
    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the result on a copy of an image.

        Args:
            canvas: (H,W,3) uint8 RGB, of the size of the result's image.

        Returns:
            The drawing, (H,W,3) uint8 RGB.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return numbers and names as plain lists, ready for JSON; unknown numbers (NaN) are None."""

    def show(self, **options: Any) -> Image.Image:
        """Return the drawing as a PIL image, which notebooks display.

        Args:
            options: Those of `draw`.
        """
        return Image.fromarray(self.draw(**options))

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Write the numbers or the drawing to a file, atomically. Missing folders are made.

        Args:
            path: A file .json for the numbers, .png or .jpg for the drawing.
            options: Those of `draw`.

        Raises:
            ValueError: For another suffix, or a path that cannot be written.
        """
        target = Path(path)
        if target.suffix.lower() == ".json":
            text = json.dumps(self.to_dict(), allow_nan=False)
            write_whole(target, lambda file: file.write_bytes(text.encode()))
        else:
            save_image(self.draw(**options), target)

    def _repr_png_(self) -> bytes:
        return png_bytes(self.show())


def png_bytes(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def store(result: Drawable, **values: Any) -> None:
    """Set fields of a frozen result.

    Args:
        result: The result, changed in place.
        **values: Values by field.
    """
    for name, value in values.items():
        object.__setattr__(result, name, value)


def rgb_array(image: ArrayLike) -> NDArray[np.uint8]:
    """Return an image (H,W,3) uint8. Raises ValueError for anything else."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"image: expected RGB (H,W,3) uint8, got {array.dtype} {array.shape}")
    return array


def box_numbers(box: Any) -> Box | None:
    """Return a box as four plain floats; None stays None. Raises ValueError for another count."""
    if box is None:
        return None
    values = [float(v) for v in np.asarray(box, np.float64).reshape(-1)]
    if len(values) != 4:
        raise ValueError(f"box: expected (x0, y0, x1, y1) or None, got {len(values)} numbers")
    return values[0], values[1], values[2], values[3]


def same_size(canvas: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Check the size of a canvas.

    Args:
        canvas: RGB uint8, shape (H, W, 3).
        image: The result's image, RGB uint8.

    Returns:
        The canvas.

    Raises:
        ValueError: If it has another shape than the image.
    """
    if canvas.shape != image.shape:
        raise ValueError(f"canvas: expected the shape of the result's image {image.shape}, got {canvas.shape}")
    return canvas


def json_number(value: Any) -> float | None:
    """Round to four decimals; None for NaN and infinity, which JSON does not have."""
    return round(float(value), 4) if np.isfinite(value) else None


def frame_dict(result: Any) -> dict[str, Any]:
    """Return the entries of `to_dict` that all results share: the image's size and the face's box."""
    box = None if result.box is None else [round(v, 3) for v in result.box]
    return {"size": list(result.image.shape[:2]), "box": box}


def about_frame(result: Any) -> str:
    """Describe the image's size and the face's box in words."""
    where = "" if result.box is None else f"face at ({', '.join(f'{v:.0f}' for v in result.box)}) in "
    return f"{where}an image of {result.image.shape[1]} x {result.image.shape[0]}"


def write_whole(target: Path, write: Callable[[Path], Any]) -> None:
    """Write a file atomically. Missing folders are created.

    Args:
        target: The file.
        write: Writes the contents to the temporary path that it is given.
    """
    with whole_file(target) as temporary:
        write(temporary)
