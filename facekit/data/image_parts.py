"""Images in numbered parts, so that processes can share them: a folder, tar shards, or a listing.

Every part always gives the same images in the same order. The parts of a folder and of a listing are ranges of a fixed
length. Each tar shard is one part. It is read as a stream, so a shard may be the output of a program, for example
``pipe:aws s3 cp s3://faces/000.tar -``.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from ..images.reader import ImageError, expand_home, list_images, load_image
from .image_text.index import IMAGES, shards_of
from .image_text.listing import SUFFIXES, Listing
from .image_text.pair import decode_image

# What is made of an image before it goes through the network.
Prepared = TypeVar("Prepared")


@dataclass(frozen=True)
class PartImage:
    """An image that is not decoded yet.

    Attributes:
        name: Its name. It differs from all others of the same source.
        load: Function that returns the image (H,W,3) uint8 RGB. It raises ValueError or OSError for a damaged image.
    """

    name: str
    load: Callable[[], NDArray[np.uint8]]


class ImageParts(Protocol):
    """Images in parts.

    Attributes:
        location: Where the images are.
        about: Plain data that tells one list of images from another, wherever it is stored.
        parts: Number of parts.
        images: Number of images, or None if that is known only after reading.
    """

    location: str
    about: dict[str, Any]
    parts: int
    images: int | None

    def read(self, part: int) -> Iterator[PartImage]:
        """Read one part.

        Args:
            part: Its number, from 0.

        Yields:
            The images.

        Raises:
            ValueError: If a tar shard is damaged or cut short.
            OSError: If a shard or listing cannot be read.
        """
        ...


class FolderParts:
    """The images of a folder, in natural order of their names."""

    def __init__(self, folder: Path, per_part: int):
        """List the images.

        Args:
            folder: The folder.
            per_part: Number of images per part.

        Raises:
            ImageError: If the folder holds no image.
        """
        self.location, self._folder, self._per_part = str(folder.resolve()), folder, per_part
        self._names = [path.name for path in list_images(folder)]
        self.images: int | None = len(self._names)
        self.parts = -(-len(self._names) // per_part)
        self.about = {"kind": "folder", "images": len(self._names), "names": _digest(self._names), "per_part": per_part}

    def read(self, part: int) -> Iterator[PartImage]:
        """Read one part, as `ImageParts.read` does."""
        for name in self._names[part * self._per_part : (part + 1) * self._per_part]:
            yield PartImage(name, functools.partial(load_image, self._folder / name, name))


class ListingParts:
    """The images of a .parquet or .csv table with a column URL, as `facekit shard` takes. TEXT is not needed."""

    def __init__(self, path: Path, per_part: int):
        """Count the rows.

        Args:
            path: The table. It names files of this machine.
            per_part: Number of rows per part.

        Raises:
            ValueError: If the table has no such column or no rows, or names images on the web.
            FileNotFoundError: If the table does not exist.
            ImportError: If a .parquet file comes and pyarrow is missing.
        """
        self._table, self._per_part = Listing(path, columns=("url",)), per_part
        self.location, count = self._table.name, len(self._table)
        self.images: int | None = count
        self.parts = -(-count // per_part)
        size = path.stat().st_size
        self.about = {"kind": "listing", "images": count, "bytes": size, "per_part": per_part}

    def read(self, part: int) -> Iterator[PartImage]:
        """Read one part, as `ImageParts.read` does."""
        start = part * self._per_part
        for address in self._table.addresses(start, min(start + self._per_part, len(self._table))):
            yield PartImage(address, functools.partial(self._load, address))

    def _load(self, address: str) -> NDArray[np.uint8]:
        return decode_image(self._table.bytes_at(address), address)


class TarParts:
    """The images in webdataset's tar shards. Other members than images are not read."""

    def __init__(self, location: str, shards: Sequence[str]):
        """Keep the shards.

        Args:
            location: What the user gave.
            shards: Path or webdataset address of each shard, for example ``pipe:...``.
        """
        self.location, self._shards, self.parts = location, list(shards), len(shards)
        self.images: int | None = None
        self._labels = [_shard_label(shard, number) for number, shard in enumerate(shards)]
        self.about = {"kind": "shards", "shards": self.parts, "names": _digest(self._labels)}

    def read(self, part: int) -> Iterator[PartImage]:
        """Read one part, as `ImageParts.read` does."""
        from webdataset.gopen import gopen

        shard, label = self._shards[part], self._labels[part]
        try:
            with gopen(shard) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as tar:
                for member in tar:
                    tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps all members in memory
                    name = Path(member.name).name
                    if not member.isreg() or name.startswith(("__", "._")):
                        continue
                    if name.rpartition(".")[2].lower() in IMAGES:
                        file = tar.extractfile(member)
                        assert file is not None
                        full = f"{label}/{member.name}"
                        yield PartImage(full, functools.partial(decode_image, file.read(), full))
                while stream.read(1 << 20):  # a program that writes to a closed pipe would fail
                    pass
        except tarfile.TarError as error:
            raise ValueError(
                f"{shard}: expected a whole tar file, got a damaged one ({error}); copy it again"
            ) from error


class _Member(tarfile.TarInfo):
    """A member of a tar file. tarfile takes a damaged or missing header for the end of the file; this is an error."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"no end mark: {error}") from error


def open_image_parts(images: str | os.PathLike[str], per_part: int) -> ImageParts:
    """Open a source of images.

    Args:
        images: A folder of images, a .tar shard or a folder of them, several shards in webdataset's notation
            (``faces-{000..099}.tar``, ``pipe:...``), or a .parquet or .csv listing with a column URL.
        per_part: Number of images per part of a folder or listing.

    Returns:
        The images.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If it is of another kind, or `per_part` is below 1.
    """
    if per_part < 1:
        raise ValueError(f"per_part={per_part}: expected at least 1 image per part; pass 1 or more")
    text = expand_home(images)
    path = Path(text)
    if path.is_dir():
        tars = any(path.glob("*.tar"))
        return TarParts(str(path.resolve()), [str(p) for p in shards_of(path)]) if tars else FolderParts(path, per_part)
    if path.suffix.lower() in SUFFIXES:
        return ListingParts(path, per_part)
    if path.suffix == ".tar" and path.is_file():
        return TarParts(str(path.resolve()), [text])
    if text.startswith("pipe:") or "://" in text or re.search(r"\{\d+\.\.\d+\}", text):
        from webdataset.shardlists import expand_urls

        return TarParts(text, expand_urls(text))
    if path.exists():
        raise ValueError(
            f"{text!r}: expected a folder, a .tar, .parquet or .csv file, got a {path.suffix or 'plain'} file; pass "
            "the folder of the images"
        )
    raise FileNotFoundError(f"{text!r}: expected a folder, tar shards or a listing, got no such file; check the path")


def decode_ahead(
    images: Iterable[PartImage], workers: int, prepare: Callable[[NDArray[np.uint8]], Prepared]
) -> Iterator[tuple[str, Prepared | ImageError]]:
    """Decode and prepare images in threads, a few ahead, in order.

    Args:
        images: The images.
        workers: Number of threads. Twice as many images are held at once.
        prepare: Function of an image (H,W,3) uint8 RGB, for example a search for faces. It raises ValueError for an
            image that it cannot prepare.

    Yields:
        Name and what ``prepare`` returned, or the image's error.
    """
    ahead: deque[tuple[str, Future[Prepared | ImageError]]] = deque()
    with ThreadPoolExecutor(workers, "facekit-decode") as threads:
        for image in images:
            ahead.append((image.name, threads.submit(_load, image, prepare)))
            if len(ahead) == 2 * workers:
                name, future = ahead.popleft()
                yield name, future.result()
        for name, future in ahead:
            yield name, future.result()


def _load(image: PartImage, prepare: Callable[[NDArray[np.uint8]], Prepared]) -> Prepared | ImageError:
    """Decode and prepare an image. Return the error of a damaged one."""
    try:
        return prepare(image.load())
    except (ValueError, OSError) as error:
        return ImageError(str(error).removeprefix(f"{image.name}: "))


def _shard_label(shard: str, number: int) -> str:
    """Return a short name of a shard: the last part of its address that ends with .tar."""
    found = re.findall(r"[^/\s]+\.tar", shard)
    return found[-1] if found else f"shard {number}"


def _digest(texts: Iterable[str]) -> str:
    """Return the SHA-256 digest of a list of texts, in hexadecimal."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(os.fsencode(text) + b"\0")
    return digest.hexdigest()
