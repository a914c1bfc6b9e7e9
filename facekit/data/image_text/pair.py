"""One image with its text and its faces, and its encoding as members of a tar shard."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ... import alignment
from ...core.global_state import no_warnings
from ...images.heic import has_reader, is_heic, open_heic
from ...images.reader import ImageError, load_image
from ...labels import LANDMARKS_68

# Pillow gets this list, so that no file from the web reaches its EPS reader, which starts Ghostscript.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF")
QUALITY = 95


@dataclass(frozen=True, eq=False)
class Pair:
    """An image and its text.

    Coordinates are in the image's pixels; (0, 0) is the centre of the top-left pixel. `boxes` and `points` are both
    None where no face search has run yet.

    Attributes:
        name: Where the pair is from.
        image: (H,W,3) uint8 RGB.
        text: Caption of the image.
        boxes: (F,4) float32, (x0,y0,x1,y1) around the 68 points of each face, or None.
        points: (F,5,2) float32 x,y, or None: left eye, right eye, nose tip, left and right mouth corner. Left and
            right are the viewer's.
        encoded: JPEG bytes of the image, which a shard stores unchanged. None: the image is encoded when it is stored.
    """

    name: str
    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    encoded: bytes | None = field(default=None, repr=False)


def five_points(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Reduce the 68 points of faces to the five of `Pair`.

    Args:
        points: (F,68,2) x,y in pixels.

    Returns:
        (F,5,2) float32, in the order of `Pair.points`.
    """
    five = [alignment.five_points(face, LANDMARKS_68) for face in points]
    return np.array(five, np.float32).reshape(len(five), 5, 2)


def boxes_of(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Return the upright bounding boxes of faces.

    Args:
        points: (F,K,2) x,y in pixels.

    Returns:
        (F,4) float32, (x0,y0,x1,y1) of each face.
    """
    return np.concatenate([points.min(1), points.max(1)], axis=1).astype(np.float32)


def decode_image(data: bytes, where: str) -> NDArray[np.uint8]:
    """Decode the bytes of an image file.

    Args:
        data: Content of the file.
        where: Name of the image in errors.

    Returns:
        (H,W,3) uint8 RGB, with its EXIF rotation applied.

    Raises:
        ImageError: If the bytes are no image of a supported format. It is a ValueError.
    """
    return load_image(_open(data, where), where)


def decode_for_storing(data: bytes, where: str) -> tuple[NDArray[np.uint8], bytes | None]:
    """Decode the bytes of an image file, and return them again if a shard can store them unchanged.

    Only a plain RGB JPEG without EXIF is stored unchanged. Other readers may ignore the EXIF rotation, and EXIF may
    hold the place where the photo was taken.

    Args:
        data: Content of the file.
        where: Name of the image in errors.

    Returns:
        The image (H,W,3) uint8 RGB, and `data` or None.

    Raises:
        ImageError: If the bytes are no image of a supported format. It is a ValueError.
    """
    file = _open(data, where)
    plain = file.format == "JPEG" and file.mode == "RGB" and "exif" not in file.info
    return load_image(file, where), data if plain else None


def _open(data: bytes, where: str) -> Image.Image:
    """Open an image file of a supported format without decoding its pixels."""
    Image.init()  # formats that are not registered yet would be a KeyError
    formats = [kind for kind in FORMATS if kind in Image.OPEN]
    try:
        with no_warnings(Image.DecompressionBombWarning):  # load_image checks the size and raises its own error
            heic = has_reader() and is_heic(data[:64])
            return open_heic(io.BytesIO(data)) if heic else Image.open(io.BytesIO(data), formats=formats)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise any type on a damaged header
        raise ImageError(
            f"{where}: expected an image of type {', '.join(formats)}, got {len(data)} bytes that are no image "
            f"({type(error).__name__}); copy or download it again"
        ) from error


def pack(pair: Pair) -> dict[str, bytes]:
    """Encode a pair as the members of a shard.

    Args:
        pair: The pair.

    Returns:
        Content by suffix: jpg (the image), txt (the text, UTF-8), json (name, size, boxes and points).

    Raises:
        ValueError: If an array has another shape than `Pair` documents, or only one of boxes and points is there.
    """
    image = pair.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"{pair.name}: expected an image (H,W,3) uint8 RGB, got {image.dtype} {image.shape}")
    about: dict[str, Any] = {"name": pair.name, "size": [image.shape[0], image.shape[1]]}
    if (pair.boxes is None) != (pair.points is None):
        got = "points" if pair.boxes is None else "boxes"
        raise ValueError(f"{pair.name}: boxes and points belong together, got {got} alone; pass both, or None for both")
    if pair.boxes is not None and pair.points is not None:
        boxes, points = np.asarray(pair.boxes, np.float64), np.asarray(pair.points, np.float64)
        check_faces(boxes, points, pair.name)
        # A hundredth of a pixel is far below any annotator's error.
        about |= {"boxes": np.round(boxes, 2).tolist(), "points": np.round(points, 2).tolist()}
    encoded = pair.encoded
    if encoded is None:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=QUALITY)
        encoded = file.getvalue()
    return {
        "jpg": encoded,
        "txt": pair.text.encode(),
        "json": json.dumps(about, ensure_ascii=False, allow_nan=False).encode(),
    }


def check_faces(boxes: NDArray[np.floating[Any]], points: NDArray[np.floating[Any]], where: str) -> None:
    """Check the arrays of a pair's faces.

    Args:
        boxes: Expected shape (F,4).
        points: Expected shape (F,5,2).
        where: Name of the pair in errors.

    Raises:
        ValueError: If a shape is another one, or a value is not finite.
    """
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or points.shape != (len(boxes), 5, 2):
        raise ValueError(f"{where}: expected (F,4) and (F,5,2), got boxes {boxes.shape} and points {points.shape}")
    if not (np.isfinite(boxes).all() and np.isfinite(points).all()):
        raise ValueError(f"{where}: expected finite boxes and points, got NaN or inf; leave such faces out")


def read_faces(
    about: dict[str, Any], where: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | tuple[None, None]:
    """Read the faces from a pair's JSON object.

    Args:
        about: The JSON object.
        where: Name of the pair in errors.

    Returns:
        Boxes (F,4) and points (F,5,2), or (None, None) if the object has none.

    Raises:
        ValueError: If boxes or points are no finite numbers of these shapes.
    """
    if about.get("boxes") is None or about.get("points") is None:
        return None, None
    try:
        boxes = np.asarray(about["boxes"], np.float32)
        points = np.asarray(about["points"], np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: expected boxes (F,4) and points (F,5,2), got no tables of numbers ({error})"
        ) from error
    # Empty lists have lost their shape in JSON.
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    points = points.reshape(0, 5, 2) if points.size == 0 else points
    check_faces(boxes, points, where)
    return boxes, points
