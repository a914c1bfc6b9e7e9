"""Weights that a paper's authors published: fetched only when asked for, into the cache, whole or not at all."""

from __future__ import annotations

import logging
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from ..core.atomic_file import whole_file
from ..core.cache_folder import cache_folder

log = logging.getLogger("facekit")

PATIENCE = 30.0  # seconds without a byte


@dataclass(frozen=True)
class Official:
    """One published file. No checksum was published with it."""

    url: str
    licence: str
    about: str


_FARL = "https://github.com/FacePerceiver/FaRL/releases/download/pretrained_weights/FaRL-Base-Patch16-LAIONFace20M"
OFFICIAL = {
    "farl-ep16": Official(f"{_FARL}-ep16.pth", "MIT", "ViT-B/16, 20 million pairs of LAION-FACE, 16 epochs"),
    "farl-ep64": Official(f"{_FARL}-ep64.pth", "MIT", "ViT-B/16, 20 million pairs of LAION-FACE, 64 epochs"),
}


def cached_file(name: str) -> Path | None:
    """The published file where it is in the cache already."""
    path = _place(OFFICIAL[name])
    return path if path.is_file() else None


def official_file(name: str) -> Path:
    """The published file in the cache, fetched if it is not there.

    Raises ConnectionError that says where to put the file by hand.
    """
    entry = OFFICIAL[name]
    path = _place(entry)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    log.info("fetching %s (%s, licence %s) from %s", path.name, entry.about, entry.licence, entry.url)
    try:
        with urllib.request.urlopen(entry.url, timeout=PATIENCE) as source, whole_file(path) as temporary:
            expected = int(source.headers.get("Content-Length") or 0)
            with temporary.open("wb") as file:
                shutil.copyfileobj(source, file)
            if expected and temporary.stat().st_size != expected:
                raise ConnectionError(f"{temporary.stat().st_size} of {expected} bytes came")
    except OSError as error:  # URLError, timeouts and broken connections are all of this kind
        raise ConnectionError(
            f"{entry.url} could not be fetched ({error}): put the file at {path} yourself, pass weights=<file>, or "
            "weights='embedded'"
        ) from error
    return path


def _place(entry: Official) -> Path:
    return cache_folder() / "weights" / entry.url.rsplit("/", 1)[1]
