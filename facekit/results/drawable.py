"""What every result can do: draw, show and save itself; and the checks that results share."""

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
    """What every result can do; each says how it draws itself on a canvas and what its numbers are."""

    image: NDArray[np.uint8]

    def draw(self) -> NDArray[np.uint8]:
        """The image with the result drawn on it, RGB uint8."""
        return self.draw_on(self.image)

    @abstractmethod
    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A copy of `canvas` (H,W,3), an image of the same size, with the result drawn on it."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Numbers and names as plain lists, ready for JSON; unknown numbers (NaN) are None."""

    def show(self, **options: Any) -> Image.Image:
        """The drawing as a PIL image; notebooks display it. options: those of `draw`."""
        return Image.fromarray(self.draw(**options))

    def save(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Writes the numbers (.json) or the drawing (.png, .jpg; options: those of `draw`), whole or not at all.

        Missing folders are made. Raises ValueError for another suffix, and for a path that cannot be written.
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
    """The image as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def store(result: Drawable, **values: Any) -> None:
    """Fields of a frozen result, once they are checked."""
    for name, value in values.items():
        object.__setattr__(result, name, value)


def rgb_array(image: ArrayLike) -> NDArray[np.uint8]:
    """An image (H,W,3) uint8, else ValueError."""
    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ValueError(f"an image {array.dtype} {array.shape} came: results hold RGB (H,W,3) uint8")
    return array


def box_numbers(box: Any) -> Box | None:
    """Four numbers as plain floats, else ValueError; None stays."""
    if box is None:
        return None
    values = [float(v) for v in np.asarray(box, np.float64).reshape(-1)]
    if len(values) != 4:
        raise ValueError(f"a box of {len(values)} numbers came: pass (x0, y0, x1, y1) or None")
    return values[0], values[1], values[2], values[3]


def same_size(canvas: NDArray[np.uint8], image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The canvas, if it is as large as the image, else ValueError."""
    if canvas.shape != image.shape:
        raise ValueError(f"a canvas of shape {canvas.shape} came for a result of an image {image.shape}")
    return canvas


def json_number(value: Any) -> float | None:
    """Four digits behind the point; JSON knows no NaN."""
    return round(float(value), 4) if np.isfinite(value) else None


def frame_dict(result: Any) -> dict[str, Any]:
    """What `to_dict` says of every result: the image's size and the face's box."""
    box = None if result.box is None else [round(v, 3) for v in result.box]
    return {"size": list(result.image.shape[:2]), "box": box}


def about_frame(result: Any) -> str:
    """The same in words."""
    where = "" if result.box is None else f"face at ({', '.join(f'{v:.0f}' for v in result.box)}) in "
    return f"{where}an image of {result.image.shape[1]} x {result.image.shape[0]}"


def write_whole(target: Path, write: Callable[[Path], Any]) -> None:
    """Write a file that appears whole or not at all. Missing folders are made."""
    with whole_file(target) as temporary:
        write(temporary)
