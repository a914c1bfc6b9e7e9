"""From faces in large images to the small squares that a network learns from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ...labels import SegmentationSet
from .face import ParsedFace, cropped
from .generated import GeneratedParsing
from .mix import ParsingSet

_AT_ONCE = 32
_LISTED = 5

Crop = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def crops(
    faces: Sequence[ParsedFace], side: int, margin: float = 1.0, lift: float = 0.0, workers: int | None = None
) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint8]]]:
    """Images (side,side,3) and masks (side,side), uint8, of all faces that can be read, in their order.

    margin: how many times the face's square a crop shows; 1 is what a network is shown, `data.pool.MARGIN` leaves room
    for augmentation. lift: how far above that square, in parts of it. workers: threads that read; None: as many as
    there are processors, 8 at most. At most 32 large images are in memory at once. A face that cannot be read is
    named in a warning and left out. Raises ValueError if none is left or none came, for faces that are labelled in
    different sets, and for what `cropped` refuses.
    """
    if not faces:
        raise ValueError("no faces came: pass at least one")
    found: list[Crop] = []
    failed: list[str] = []
    sets: set[SegmentationSet] = set()

    def one(index: int, rendered: ParsedFace | None) -> Crop | str:
        try:
            face = faces[index] if rendered is None else rendered
        except (ValueError, OSError) as error:
            return f"{_name(faces, index)}: {error}"
        sets.add(face.labels)
        return cropped(face, side, margin, lift)

    with ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(faces), _AT_ONCE):
            indices = range(start, min(start + _AT_ONCE, len(faces)))
            rendered = _rendered(faces, indices)
            for done in pool.map(one, indices, map(rendered.get, indices)):
                failed.append(done) if isinstance(done, str) else found.append(done)
            if len(sets) > 1:
                came = f"faces labelled in {' and '.join(sorted(s.name for s in sets))} came"
                raise ValueError(f"{came}, expected one label set: read all sources with the same labels=")
    listing = "; ".join(failed[:_LISTED]) + (f"; and {len(failed) - _LISTED} more" if len(failed) > _LISTED else "")
    if not found:
        raise ValueError(f"none of the {len(faces)} faces can be read: {listing}")
    if failed:
        warnings.warn(f"{len(failed)} of {len(faces)} faces left out: {listing}", stacklevel=2)
    return [image for image, _ in found], [mask for _, mask in found]


def _rendered(faces: Sequence[ParsedFace], indices: Sequence[int]) -> dict[int, ParsedFace]:
    """Those of the faces that are made rather than read, by index: made together they cost less."""
    if isinstance(faces, GeneratedParsing):
        return dict(zip(indices, faces.batch(indices), strict=True))
    out: dict[int, ParsedFace] = {}
    if isinstance(faces, ParsingSet):
        for name, source in faces.sources.items():
            own = {faces.pairs[i][1]: i for i in indices if faces.pairs[i][0] == name}
            if own:
                out.update((own[place], face) for place, face in _rendered(source, list(own)).items())
    return out


def _name(faces: Sequence[ParsedFace], index: int) -> str:
    if isinstance(faces, ParsingSet):
        name, index = faces.pairs[index]
        return f"{name} {index}"
    return f"face {index}"
