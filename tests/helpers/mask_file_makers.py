"""PNG files of every depth, written by hand: Pillow cannot write most of them."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {GREY: 1, COLOUR: 3, PALETTE: 1, GREY_ALPHA: 2, COLOUR_ALPHA: 4}
# Adam7: first row and column, steps.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(ids: NDArray, depth: int, kind: int = GREY, interlaced: bool = False, extra: bytes = b"") -> bytes:
    """A PNG that stores `ids` (H,W) at so many bits, in all colour channels; alpha is opaque."""
    height, width = ids.shape
    values = np.repeat(ids[..., None], _CHANNELS[kind], -1)
    if kind in (GREY_ALPHA, COLOUR_ALPHA):
        values[..., -1] = 2**depth - 1
    if kind == PALETTE:
        colours = np.random.default_rng(0).integers(0, 256, 3 * min(256, 2**depth)).astype(np.uint8)
        extra = chunk(b"PLTE", colours.tobytes()) + extra
    parts = [values[y::dy, x::dx] for y, x, dy, dx in _PASSES] if interlaced else [values]
    rows = b"".join(b"\0" + _packed(row.reshape(-1), depth) for part in parts if part.size for row in part)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _packed(row: NDArray, depth: int) -> bytes:
    if depth >= 8:
        return row.astype(">u2" if depth == 16 else np.uint8).tobytes()
    bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, -depth:]
    return np.packbits(bits.reshape(-1)).tobytes()
