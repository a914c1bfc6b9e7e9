"""Weights that authors of papers published. They are downloaded into the cache, only on request."""

from __future__ import annotations

import logging
import os
import shutil
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file
from ..core.cache_folder import cache_folder
from ..core.file_digest import file_digest
from ..detection import yunet

log = logging.getLogger("facekit")

TIMEOUT = 30.0  # Seconds without data until a download is given up.


@dataclass(frozen=True)
class Official:
    """A published file.

    Attributes:
        url: Address of the file.
        licence: Name of its licence.
        about: What it contains.
        sha256: Checksum that its authors published, or None.
    """

    url: str
    licence: str
    about: str
    sha256: str | None = None


_OPENCV_ZOO = "https://github.com/opencv/opencv_zoo/raw/47534e27c9851bb1128ccc0102f1145e27f23f98/models"
_FARL = "https://github.com/FacePerceiver/FaRL/releases/download/pretrained_weights/FaRL-Base-Patch16-LAIONFace20M"
OFFICIAL = {
    "farl-ep16": Official(f"{_FARL}-ep16.pth", "MIT", "ViT-B/16, 20 million pairs of LAION-FACE, 16 epochs"),
    "farl-ep64": Official(f"{_FARL}-ep64.pth", "MIT", "ViT-B/16, 20 million pairs of LAION-FACE, 64 epochs"),
    "yunet": Official(
        f"{_OPENCV_ZOO}/face_detection_yunet/{yunet.FILE}", "MIT", "face detector YuNet of March 2023", yunet.SHA256
    ),
}


def cached_file(name: str) -> Path | None:
    """Return the path of a published file in the cache, or None if it was not downloaded."""
    path = _cache_path(OFFICIAL[name])
    return path if path.is_file() else None


def weights_identity(weights: str | os.PathLike[str]) -> Any:
    """Return what identifies the argument ``weights``: the digest of a file, or the name and what "auto" may choose.

    Args:
        weights: As in `facekit.adapt`.
    """
    if os.path.isfile(weights):
        return file_digest(Path(weights))
    return [str(weights), [name for name in OFFICIAL if cached_file(name) is not None]]


def official_file(name: str) -> Path:
    """Return the path of a published file in the cache. Download it if it is not there.

    Args:
        name: A key of ``OFFICIAL``.

    Raises:
        ConnectionError: If the download fails, or gives another file than the published one. The message says where to
            put the file by hand.
    """
    entry = OFFICIAL[name]
    path = _cache_path(entry)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    log.info("downloading %s (%s, licence %s) from %s", path.name, entry.about, entry.licence, entry.url)
    try:
        with urllib.request.urlopen(entry.url, timeout=TIMEOUT) as source, whole_file(path) as temporary:
            expected = int(source.headers.get("Content-Length") or 0)
            with temporary.open("wb") as file:
                shutil.copyfileobj(source, file)
            if expected and temporary.stat().st_size != expected:
                raise ConnectionError(f"got {temporary.stat().st_size} of {expected} bytes")
            if entry.sha256 and (got := file_digest(temporary)) != entry.sha256:
                raise ConnectionError(f"got a file with sha256 {got}, expected {entry.sha256}")
    except OSError as error:  # Also URLError, timeouts and broken connections.
        raise ConnectionError(
            f"{entry.url} could not be downloaded ({error}): put the file at {path} yourself, pass weights=<file>, or "
            "weights='embedded'"
        ) from error
    return path


def _cache_path(entry: Official) -> Path:
    """Return the path of a file in the cache."""
    return cache_folder() / "weights" / entry.url.rsplit("/", 1)[1]
