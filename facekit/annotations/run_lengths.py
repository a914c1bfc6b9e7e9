"""Encode masks as run lengths and decode them.

Runs of facekit's JSON: a list of [class id, length] row after row, readable from any language.

RLE of COCO (https://github.com/cocodataset/cocoapi, common/maskApi.c): the lengths of alternating runs of 0 and 1,
column after column. The first run is one of 0. Uncompressed, the lengths are a list. Compressed, they are text: each
character from "0" on holds 5 bits of a number, lowest bits first, and one bit that tells whether more follow. From the
fourth run on, the number is the difference to the run before the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import Size, json_list, json_object, short_repr, whole_number

_MAX_CHARACTERS = 7  # per run: 35 bits


def mask_to_runs(mask: NDArray[np.integer]) -> list[list[int]]:
    """Encode a mask as the runs of facekit's JSON.

    Args:
        mask: Array of shape (H, W), integers.

    Returns:
        [id, length] of each run of equal ids, row after row.

    Example:
        >>> mask_to_runs(np.array([[0, 0, 1], [1, 1, 2]]))
        [[0, 2], [1, 3], [2, 1]]
    """
    flat = np.asarray(mask).reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]])) if flat.size else np.zeros(0, int)
    lengths = np.diff(np.append(starts, flat.size))
    return [[int(i), int(n)] for i, n in zip(flat[starts], lengths, strict=True)]


def runs_to_mask(runs: Sequence[Sequence[int]], size: Size) -> NDArray[np.uint8]:
    """Decode the runs of facekit's JSON.

    Args:
        runs: [id, length] of each run, row after row.
        size: (H, W) of the mask.

    Returns:
        Array of shape (H, W), uint8.

    Raises:
        ValueError: If the runs do not fill the size.
    """
    pairs = np.asarray(runs, dtype=np.int64).reshape(-1, 2)
    flat = np.repeat(pairs[:, 0], pairs[:, 1]).astype(np.uint8)
    if flat.size != size[0] * size[1]:
        expected = f"expected runs of {size[0]} x {size[1]} = {size[0] * size[1]} pixels"
        raise ValueError(f"{expected}, got {flat.size} pixels; pass the size of the mask that was encoded")
    return flat.reshape(size)


def mask_to_coco_rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Encode a mask as the compressed RLE of COCO.

    Args:
        mask: Array of shape (H, W), bool.

    Returns:
        ``{"size": [H, W], "counts": text}``.
    """
    flat = np.asarray(mask, dtype=bool).T.reshape(-1)
    changes = np.flatnonzero(np.concatenate([flat[:1], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return {"size": [int(n) for n in mask.shape], "counts": _compress(lengths)}


def coco_rle_to_mask(rle: Any, size: Size) -> NDArray[np.bool_]:
    """Decode the RLE of COCO.

    Args:
        rle: ``{"size": [H, W], "counts": list or text}``.
        size: (H, W) of the image.

    Returns:
        Array of shape (H, W), bool.

    Raises:
        ValueError: If the RLE has another size than the image, or its counts are negative, damaged or do not fill it.
    """
    content = json_object(rle, "segmentation")
    what = "size of a run-length mask"
    declared = [whole_number(v, what) for v in json_list(content.get("size"), what)]
    if declared != list(size):
        fix = "export the labels of this image again"
        raise ValueError(f"expected a run-length mask of its image's size {list(size)}, got {declared}; {fix}")
    counts = content.get("counts")
    if isinstance(counts, str):
        lengths = _decompress(counts)
    else:
        lengths = [whole_number(n, "a run length") for n in json_list(counts, "run lengths")]
    return alternating_runs_to_mask(lengths, size[::-1]).T


def alternating_runs_to_mask(lengths: Sequence[int], size: Size) -> NDArray[np.bool_]:
    """Decode alternating runs of 0 and 1, row after row, as CVAT writes them. The first run is one of 0.

    Args:
        lengths: Length of each run, 0 or more.
        size: (rows, columns).

    Returns:
        Array of shape ``size``, bool.

    Raises:
        ValueError: If a length is negative, or the runs do not fill the size.
    """
    if any(n < 0 for n in lengths):
        raise ValueError(f"expected run lengths of 0 or more, got {min(lengths)}; export the labels again")
    if sum(lengths) != size[0] * size[1]:
        expected = f"expected run lengths of {size[0] * size[1]} pixels in all"
        raise ValueError(f"{expected}, got {sum(lengths)}; the mask is cut off or of another image")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(size)


def _compress(lengths: list[int]) -> str:
    """Encode run lengths as COCO's text."""
    characters: list[str] = []
    for i, length in enumerate(lengths):
        rest = length - lengths[i - 2] if i > 2 else length
        more = True
        while more:
            bits, rest = rest & 31, rest >> 5
            # The fifth bit becomes the sign when decoded, so the number may end only where both agree.
            more = rest != (-1 if bits & 16 else 0)
            characters.append(chr(48 + bits + 32 * more))
    return "".join(characters)


def _decompress(counts: str) -> list[int]:
    """Decode COCO's text into run lengths. Raise ValueError for damaged text."""
    lengths: list[int] = []
    value = digits = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or digits == _MAX_CHARACTERS:
            fix = "export the labels again"
            raise ValueError(f"expected compressed run lengths of COCO, got {short_repr(character)} in them; {fix}")
        value |= (bits & 31) << (5 * digits)
        digits += 1
        if not bits & 32:
            if bits & 16:
                value -= 1 << (5 * digits)
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = digits = 0
    if digits:
        raise ValueError("expected whole compressed run lengths, got some that end within a number; export them again")
    return lengths
