"""The 26 hostile uploads: files that are no images, damaged ones, and images that are too large."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
from PIL import Image

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (24, 32, 3)).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **settings: Any) -> bytes:
    image.save(buffer := io.BytesIO(), kind, **settings)
    return buffer.getvalue()


def turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(Image.fromarray(COLOURS), kind, exif=exif)


def animated(kind: str) -> bytes:
    frames = [Image.fromarray(np.roll(COLOURS, shift, 0)) for shift in range(3)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def bomb(side: int) -> bytes:
    header = side.to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


PNG, JPEG = encoded(Image.fromarray(COLOURS), "PNG"), encoded(Image.fromarray(COLOURS), "JPEG")
BAD: dict[str, bytes] = {
    "empty.png": b"",
    "page.jpg": b"<!DOCTYPE html><html><body>Not found</body></html>",
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "pointer.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "text.png": b"just a text",
    "half.png": PNG[: len(PNG) // 2],
    "half.jpg": JPEG[: len(JPEG) // 2],
    "head.png": PNG[:8],
    "header.png": PNG[:33],
    "head.jpg": JPEG[:2],
    "half.gif": animated("GIF")[:40],
    "half.webp": animated("WEBP")[:60],
    "half.tif": turned("TIFF")[:100],
    "half.bmp": encoded(Image.fromarray(COLOURS), "BMP")[:80],
    "cut.heic": b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf",
    "bomb.png": bomb(60_000),
    "large.png": bomb(12_000),
    "nothing.png": bomb(0),
    "wrong.png": PNG[:40] + bytes(60) + PNG[100:],
    "script.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
    "film.mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "paper.pdf": b"%PDF-1.7\n",
    "archive.zip": b"PK\x03\x04" + bytes(30),
    "zeros.jpg": bytes(4000),
    "list.m3u8": b"#EXTM3U\n/etc/passwd\n",
    "negative.tif": encoded(Image.fromarray(np.full((4, 4), -1, np.int32)), "TIFF"),
}
