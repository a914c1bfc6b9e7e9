"""Find faces by YuNet or by the embedded network."""

from __future__ import annotations

import math
from numbers import Real

from ..core.arguments import check_choice
from ..core.global_state import default_settings
from ..images.reader import rgb_to_read
from ..images.types import ImageLike
from .embedded import embedded_rows, placed_points
from .face import Face
from .found_faces import search_twice
from .yunet import yunet_file, yunet_rows

DETECTORS = ("auto", "yunet", "embedded")


@default_settings()
def find_faces(image: ImageLike, min_size: float | None = None, detector: str = "auto") -> list[Face]:
    """Find the faces in an image.

    Args:
        image: Path, PIL image, array or tensor, as in `facekit.load_image`.
        min_size: Height of the smallest face in pixels. None is 1/32 of the image's longest side. Smaller values take
            longer; below 1/80 of the longest side, they find no further faces.
        detector: "yunet" is OpenCV's, which `facekit download yunet` fetches; "embedded" is the network in this
            package; "auto" is "yunet" if its file is in the cache, else "embedded".

    Returns:
        The faces, best first; an empty list if there is none.

    Raises:
        FileNotFoundError: If ``detector`` is "yunet" and its file is not in the cache.
        ImageError: If the image cannot be read.
        ValueError: If ``min_size`` is no positive number, or there is no such detector.
    """
    if min_size is not None and not (isinstance(min_size, Real) and math.isfinite(min_size) and min_size > 0):
        raise ValueError(f"min_size={min_size!r}: expected the height of the smallest face in pixels, above 0")
    check_choice(detector, "detector", DETECTORS)
    pixels = rgb_to_read(image)
    if detector == "auto":
        detector = "embedded" if yunet_file() is None else "yunet"
    if detector == "yunet":
        return search_twice(pixels, min_size, yunet_rows)
    return search_twice(pixels, min_size, embedded_rows, placed_points)
