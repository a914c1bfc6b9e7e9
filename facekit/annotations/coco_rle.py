"""COCO's run lengths: column after column, the lengths of alternating runs of 0 and 1, the first being one of 0.

Uncompressed they are a list; compressed, text with 6 bits a character from "0" on: 5 of the number, lowest first, and
one that says that more follow; from the fourth run on the number is the difference to the run before the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .records import Size, entries, entry, shown, whole

_LONGEST = 7  # characters a run: 35 bits


def mask_of_rle(rle: Any, size: Size) -> NDArray[np.bool_]:
    """{"size": [H, W], "counts": list or text} as (H,W) bool.

    Raises ValueError for another size than the image's, counts that are negative, damaged or do not fill the size.
    """
    found = entry(rle, "segmentation")
    said = [whole(v, "size of a run-length mask") for v in entries(found.get("size"), "size of a run-length mask")]
    if said != list(size):
        fix = "export the labels of this image again"
        raise ValueError(f"a run-length mask of {said} came, expected its image's {list(size)}: {fix}")
    counts = found.get("counts")
    if isinstance(counts, str):
        lengths = _decompressed(counts)
    else:
        lengths = [whole(n, "a run length") for n in entries(counts, "run lengths")]
    if any(n < 0 for n in lengths):
        raise ValueError(f"a run length of {min(lengths)} came, expected 0 or more: export the labels again")
    if sum(lengths) != size[0] * size[1]:
        came, expected = f"run lengths of {sum(lengths)} pixels came", f"expected {size[0]} x {size[1]}"
        raise ValueError(f"{came}, {expected} = {size[0] * size[1]}: the mask is cut off or of another image")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(size[::-1]).T


def rle_of_mask(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """(H,W) bool as compressed run lengths, {"size": [H, W], "counts": text}."""
    flat = np.asarray(mask, dtype=bool).T.reshape(-1)
    changes = np.flatnonzero(np.concatenate([flat[:1], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return {"size": [int(n) for n in mask.shape], "counts": _compressed(lengths)}


def _compressed(lengths: list[int]) -> str:
    characters: list[str] = []
    for i, length in enumerate(lengths):
        rest = length - lengths[i - 2] if i > 2 else length
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            # The fifth bit is the sign of what is left, so stop only where it says the same.
            more = rest != (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + 32 * more))
    return "".join(characters)


def _decompressed(counts: str) -> list[int]:
    lengths: list[int] = []
    value = place = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or place == _LONGEST:
            fix = "export the labels again"
            raise ValueError(f"{shown(character)} came in compressed run lengths, expected COCO's coding: {fix}")
        value |= (bits & 31) << (5 * place)
        place += 1
        if not bits & 32:
            if bits & 16:
                value -= 1 << (5 * place)
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = place = 0
    if place:
        raise ValueError("compressed run lengths that end within a number came, expected whole ones: export them again")
    return lengths
