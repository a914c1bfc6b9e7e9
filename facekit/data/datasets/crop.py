"""Crops of faces for training a network: small squares from large images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ...labels import SegmentationSet
from .face import ParsedFace, cropped
from .generated_parsing import GeneratedParsing
from .mixtures import ParsingSet

# Most large images in memory at once.
_AT_ONCE = 32
# Most failures that a message lists.
_LISTED = 5

Crop = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def crops(
    faces: Sequence[ParsedFace],
    side: int,
    margin: float = 1.0,
    lift: float = 0.0,
    workers: int | None = None,
    framing: str = "square",
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Crop all faces that can be read, in their order. A warning names the others.

    At most 32 large images are in memory at once.

    Args:
        faces: The faces.
        side: Side of the crops, px.
        margin: Side of the cropped square relative to the face's square. 1 is the network's input;
            `face_pool.MARGIN` is wide enough for augmentation.
        lift: Shift of the cropped square upwards, relative to the side of the face's square.
        workers: Threads that read. None is the number of processors, at most 8.
        framing: "square", or "tight": the tight box, stretched to a square, as in synthparse's code. See `cropped`.

    Returns:
        Images (side,side,3) and masks (side,side), uint8.

    Raises:
        ValueError: If there are no faces or none can be read, they are labelled in different sets, a face has no tight
            box for `framing="tight"`, or `side`, `margin` or `framing` is out of range.
    """
    if not faces:
        raise ValueError("expected at least one face, got no faces; pass at least one")
    results: list[Crop] = []
    failures: list[str] = []
    sets: set[SegmentationSet] = set()

    def crop_one(index: int, rendered: ParsedFace | None) -> Crop | str:
        try:
            face = faces[index] if rendered is None else rendered
        except (ValueError, OSError) as error:
            return f"{_name(faces, index)}: {error}"
        sets.add(face.labels)
        return cropped(face, side, margin, lift, framing)

    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(faces), _AT_ONCE):
            indices = range(start, min(start + _AT_ONCE, len(faces)))
            rendered = _render(faces, indices)
            for result in pool.map(crop_one, indices, map(rendered.get, indices)):
                if isinstance(result, str):
                    failures.append(result)
                else:
                    results.append(result)
            if len(sets) > 1:
                names = " and ".join(sorted(s.name for s in sets))
                raise ValueError(
                    f"expected faces labelled in one set, got {names}; read all sources with the same labels="
                )
    more = f"; and {len(failures) - _LISTED} more" if len(failures) > _LISTED else ""
    listing = "; ".join(failures[:_LISTED]) + more
    if not results:
        raise ValueError(f"none of the {len(faces)} faces can be read: {listing}")
    if failures:
        warnings.warn(f"{len(failures)} of {len(faces)} faces left out: {listing}", stacklevel=2)
    return [image for image, _ in results], [mask for _, mask in results]


def _render(faces: Sequence[ParsedFace], indices: Sequence[int]) -> dict[int, ParsedFace]:
    """Render the generated ones of the faces together, which is faster. Return them by index."""
    if isinstance(faces, GeneratedParsing):
        return dict(zip(indices, faces.batch(indices), strict=True))
    rendered: dict[int, ParsedFace] = {}
    if isinstance(faces, ParsingSet):
        for name, source in faces.sources.items():
            places = {faces.pairs[i][1]: i for i in indices if faces.pairs[i][0] == name}
            if places:
                rendered.update((places[place], face) for place, face in _render(source, list(places)).items())
    return rendered


def _name(faces: Sequence[ParsedFace], index: int) -> str:
    """Return a face's name in messages: its source, if there are several, and its index."""
    if isinstance(faces, ParsingSet):
        name, index = faces.pairs[index]
        return f"{name} {index}"
    return f"face {index}"
