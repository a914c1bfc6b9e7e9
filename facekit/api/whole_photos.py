"""A warning of whole photos where the embedded weights know face crops only."""

from __future__ import annotations

import os
import warnings

from ..core.global_state import preserved_random_state
from ..core.listing import first_of
from ..images import ImageBatch
from ..model import find_frames

# Side of the face's frame as a part of the image's longer side. It is 0.9 to 1.1 on crops of FFHQ's kind.
_SMALLEST, _LARGEST = 0.7, 1.4
# A search takes about 0.2 s.
_SEARCHED = 5


def warn_of_whole_photos(
    images: ImageBatch, frame: str | None, weights: str | os.PathLike[str], align: str, stacklevel: int
) -> None:
    """Warn if faces are much smaller or larger than in the images that the embedded weights were trained on.

    Nothing is said about faces away from the middle, or of images in which no face is found.

    Args:
        images: The labelled images; the first five are searched for faces.
        frame: From `Backbone.known_frame`.
        weights: As in `facekit.adapt`. Nothing is known about others than the embedded ones.
        align: As in `facekit.adapt`.
        stacklevel: Of the warning.
    """
    if frame is None or align != "none" or weights not in ("auto", "embedded"):
        return
    others = []
    # Loading the networks of the search draws random numbers, which are the caller's.
    with preserved_random_state():
        for name, image in zip(images.names[:_SEARCHED], images.arrays, strict=False):
            found = find_frames(image, frame, None)
            if found and found[0].box is not None:
                side = (found[0].box[2] - found[0].box[0]) / max(image.shape[:2])
                others += [name] if not _SMALLEST < side < _LARGEST else []
    if others:
        expected = f"align='none': expected face crops as align={frame!r} makes them, got faces of another size"
        fix = f"pass align={frame!r} to adapt; predict then crops in the same way"
        warnings.warn(f"{expected} in the image ({first_of(others)}); {fix}", stacklevel=stacklevel)
