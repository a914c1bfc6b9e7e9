"""Bad inputs of the page: uploads, texts and painted layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facekit.images.reader import ImageError, load_image
from facekit.page.components import check_length
from facekit.page.label_messages import checked_messages
from facekit.page.label_sheet import names_in, parts_in
from facekit.page.text_matching import sentences_in


def _load(folder: Path, name: str, content: bytes) -> Any:
    (folder / name).write_bytes(content)
    return load_image(folder / name)


def _negative(folder: Path) -> Any:
    Image.fromarray(np.full((4, 4), -1, np.int32)).save(folder / "negative.tif")
    return load_image(folder / "negative.tif")


ROWS: list[tuple[str, type[Exception], Callable[[Path], Any], str]] = [
    (
        "a HEIC file's head alone",
        ImageError,
        lambda f: _load(f, "cut.heic", b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"),
        r"^cut.heic: .*expected .*(copy or download it again|install the extra heic)",
    ),
    (
        "an AVIF file's head alone",
        ImageError,
        lambda f: _load(f, "a.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif"),
        r"^a.avif: .*expected",
    ),
    (
        "a film as an image",
        ImageError,
        lambda f: _load(f, "film.jpg", b"\0\0\0\x18ftypisom\0\0\0\0isommp42"),
        r"^film.jpg: not a readable image file, expected JPEG",
    ),
    (
        "a PDF as an image",
        ImageError,
        lambda f: _load(f, "paper.png", b"%PDF-1.7\n"),
        r"^paper.png: not a readable image file, expected JPEG",
    ),
    (
        "an SVG as an image",
        ImageError,
        lambda f: _load(f, "a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        r"^a.svg: not a readable image file, expected .*SVG",
    ),
    (
        "a zip as an image",
        ImageError,
        lambda f: _load(f, "a.jpg", b"PK\x03\x04" + bytes(30)),
        r"^a.jpg: not a readable image file, expected JPEG",
    ),
    (
        "a playlist as an image",
        ImageError,
        lambda f: _load(f, "a.png", b"#EXTM3U\n/etc/passwd\n"),
        r"^a.png: not a readable image file, expected JPEG",
    ),
    (
        "negative 32-bit numbers in a TIFF",
        ImageError,
        _negative,
        r'^negative.tif: expected 0 to 65535 in PIL mode "I", got values -1 to -1',
    ),
    (
        "100,000 names in the page's text field",
        ValueError,
        lambda f: names_in(",".join(map(str, range(100_000)))),
        r"^expected at most 10,000 characters, got 588,889; shorten the text",
    ),
    (
        "201 names in the page's text field",
        ValueError,
        lambda f: names_in(",".join(map(str, range(201)))),
        r"^expected at most 200 names, got 201; leave some out",
    ),
    (
        "100,000 parts in the page's text field",
        ValueError,
        lambda f: parts_in(",".join(map(str, range(100_000)))),
        r"^expected at most 10,000 characters, got 588,889",
    ),
    (
        "a million sentences in the page's text field",
        ValueError,
        lambda f: sentences_in("a\n" * 1_000_000),
        r"^expected at most 10,000 characters, got 2,000,000",
    ),
    (
        "one letter too many",
        ValueError,
        lambda f: check_length("a" * 10_001),
        r"^expected at most 10,000 characters, got 10,001; shorten the text",
    ),
    (
        "the same name twice in the page's text field",
        ValueError,
        lambda f: names_in("left eye, nose, left eye"),
        r"^expected different names, got left_eye twice; rename one of them",
    ),
    (
        "61 parts in the page's text field",
        ValueError,
        lambda f: parts_in(",".join(map(str, range(61)))),
        r"^expected at most 60 names, got 61; leave some out",
    ),
    (
        "a message of the canvas that is none",
        ValueError,
        lambda f: checked_messages({"messages": [{"type": "launch"}]}),
        r"^expected a message of the labelling canvas, got another one; load the page again",
    ),
]
