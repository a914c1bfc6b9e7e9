"""The files of results that visitors download: one zip of PNG, JSON and CSV."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ..labels.palettes import palette_image
from .photo_analysis import Analysis, draw_points, numbers, table
from .sessions import new_file


def png_files(photo: Analysis) -> dict[str, bytes]:
    """Return the images of a photo's results in full size, by the end of their name."""
    images = {
        "points": Image.fromarray(draw_points(photo)),
        "part-ids": palette_image(photo.parts.mask, photo.parts.labels),
        "parts": Image.fromarray(photo.parts.draw(legend=True)),
        "sketch": Image.fromarray(photo.sketch),
        "without-shadows": Image.fromarray(photo.bright),
    }
    return {name: _png(image) for name, image in images.items()}


def add_photo(archive: zipfile.ZipFile, photo: Analysis) -> None:
    """Add the images and the JSON file of a photo to an open zip file.

    Args:
        archive: The zip file.
        photo: The results.
    """
    for name, content in png_files(photo).items():
        archive.writestr(f"{photo.name}.{name}.png", content)
    archive.writestr(f"{photo.name}.json", json.dumps(numbers(photo)), zipfile.ZIP_DEFLATED)


def write_photo(photo: Analysis) -> Path:
    """Write all results of one photo to a new zip file, and return its path."""
    target = new_file("results.zip")
    with zipfile.ZipFile(target, "w") as archive:
        add_photo(archive, photo)
        archive.writestr("faces.csv", table(photo))
    return target


def numbered_names(files: Iterable[str]) -> list[str]:
    """Return the names of files. A name that occurs again gets its number, as two folders may hold the same name."""
    names: list[str] = []
    for number, file in enumerate(files, 1):
        name = Path(file).name
        names.append(f"{number}_{name}" if name in names else name)
    return names


def thumbnail(image: np.ndarray, side: int) -> np.ndarray:
    """Scale an image down so that no side is longer than ``side`` pixels, RGB uint8."""
    small = Image.fromarray(image)
    small.thumbnail((side, side))
    return np.asarray(small)


def _png(image: Image.Image) -> bytes:
    """Return an image as a PNG file. Weak compression: it takes a tenth of the time."""
    image.save(file := io.BytesIO(), format="PNG", compress_level=1)
    return file.getvalue()
