"""One image with its text and its faces, and the way it is packed into a shard's members."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ... import alignment as framing
from ...core.global_state import no_warnings
from ...images.heic import has_reader, is_heic, open_heic
from ...images.reader import ImageError, load_image
from ...labels import LANDMARKS_68

# Named, so that a stranger's file never reaches Pillow's EPS reader, which starts Ghostscript.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF")
QUALITY = 95


@dataclass(frozen=True, eq=False)
class Pair:
    """An image and what somebody wrote about it.

    name: where it is from. image: (H,W,3) uint8 RGB. text: str. boxes: (F,4) float32 (x0,y0,x1,y1) around the 68 points
    of each face. points: (F,5,2) float32 x,y: the eye on the viewer's left, the one on the right, nose tip, mouth
    corner on the left, on the right. Both in the image's pixels, (0,0) = centre of the top-left pixel; both None
    where nobody has looked for faces. encoded: the image as the JPEG it came as, to be stored as it is, or None.
    """

    name: str
    image: NDArray[np.uint8]
    text: str
    boxes: NDArray[np.float32] | None = None
    points: NDArray[np.float32] | None = None
    encoded: bytes | None = field(default=None, repr=False)


def five_points(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """68 points of F faces (F,68,2) -> (F,5,2) float32, in Pair's order."""
    five = [framing.five_points(face, LANDMARKS_68) for face in points]
    return np.array(five, np.float32).reshape(len(five), 5, 2)


def boxes_of(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The upright boxes (F,4) around points (F,K,2)."""
    return np.concatenate([points.min(1), points.max(1)], axis=1).astype(np.float32)


def decode_image(data: bytes, where: str) -> NDArray[np.uint8]:
    """An image file's bytes -> RGB (H,W,3) uint8, upright. Raises ImageError (a ValueError) that names `where`."""
    return load_image(_open(data, where), where)


def decode_for_storing(data: bytes, where: str) -> tuple[NDArray[np.uint8], bytes | None]:
    """`decode_image`, and the bytes again where they can go into a shard unchanged: a plain RGB JPEG.

    One with EXIF cannot: other readers may not turn it, and it may say where its owner lives.
    """
    file = _open(data, where)
    plain = file.format == "JPEG" and file.mode == "RGB" and "exif" not in file.info
    return load_image(file, where), data if plain else None


def _open(data: bytes, where: str) -> Image.Image:
    Image.init()  # formats that are not registered yet would be a KeyError
    formats = [kind for kind in FORMATS if kind in Image.OPEN]
    try:
        with no_warnings(Image.DecompressionBombWarning):  # load_image has a limit of its own and says so
            heic = has_reader() and is_heic(data[:64])
            return open_heic(io.BytesIO(data)) if heic else Image.open(io.BytesIO(data), formats=formats)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's readers raise any type on a damaged header
        raise ImageError(
            f"{where}: {len(data)} bytes that are no image ({type(error).__name__}), expected one of "
            f"{', '.join(formats)}"
        ) from error


def pack(pair: Pair) -> dict[str, bytes]:
    """The members of a shard, by suffix: jpg, txt, json. Raises ValueError for arrays of other shapes than Pair's."""
    image = pair.image
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"{pair.name}: an image of {image.dtype} {image.shape} came: pass (H,W,3) uint8 RGB")
    about: dict[str, Any] = {"name": pair.name, "size": [image.shape[0], image.shape[1]]}
    if (pair.boxes is None) != (pair.points is None):
        raise ValueError(f"{pair.name}: boxes and points belong together: pass both, or None for both")
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
    """Raises ValueError unless boxes are (F,4) and points (F,5,2), all finite."""
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or points.shape != (len(boxes), 5, 2):
        raise ValueError(f"{where}: boxes {boxes.shape} and points {points.shape} came: expected (F,4) and (F,5,2)")
    if not (np.isfinite(boxes).all() and np.isfinite(points).all()):
        raise ValueError(f"{where}: boxes or points are not finite: leave such faces out")


def read_faces(
    about: dict[str, Any], where: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | tuple[None, None]:
    """Boxes (F,4) and points (F,5,2) of a pair's json, or (None, None) without them. Errors as check_faces'."""
    if about.get("boxes") is None or about.get("points") is None:
        return None, None
    try:
        boxes = np.asarray(about["boxes"], np.float32)
        points = np.asarray(about["points"], np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: boxes or points are no tables of numbers ({error})") from error
    # Empty lists have lost their shape in JSON.
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    points = points.reshape(0, 5, 2) if points.size == 0 else points
    check_faces(boxes, points, where)
    return boxes, points
