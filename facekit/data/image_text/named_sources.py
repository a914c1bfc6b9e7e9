"""Sources of pairs that are given by name or path, and several of them as one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from ..source_names import PAIR_SOURCES, list_sources, named_source
from .listing import SUFFIXES, Listing
from .pair import Pair
from .pair_sources import CelebaHQ, Failure, Folder, Generated, Shards, Source
from .scenes import Scenes


def open_sources(
    names: Sequence[str],
    texts: str | os.PathLike[str] | None,
    download: bool,
    size: int,
    seed: int,
    device: str | torch.device | None = None,
) -> list[Source]:
    """Open the sources of `facekit.api.shards.make_shards`, whose arguments these are.

    Args:
        names: Folders of images, folders or files of .tar shards, .parquet or .csv listings, "celebahq128",
            "celebahq128:COUNT", "scenes:COUNT" or "generated:COUNT".
        texts: A .csv of file name and caption for the one folder of images, or None.
        download: Whether to download the images of a listing that are on the web.
        size: Side of generated faces and scenes, px.
        seed: Seed of the wording of captions, of generated faces and of scenes.
        device: Device that renders generated faces. None is the CPU.

    Returns:
        One source per name.

    Raises:
        FileNotFoundError: If a path does not exist.
        ValueError: If there is no name, a file is of an unknown kind, a source cannot be read, or `texts` is given
            for several folders or none.
    """
    sources: list[Source] = []
    for text in names:
        path = Path(text).expanduser()
        named = named_source(text, PAIR_SOURCES)
        if named is not None:
            name, count = named
            sources.append(_named(name, count, size, seed, device))
        elif not path.exists():
            raise FileNotFoundError(
                f"{text!r}: expected a folder of images or .tar shards, a .parquet or .csv listing, or one of "
                f"{list_sources(PAIR_SOURCES)}, got no such file or folder; check the path"
            )
        elif path.suffix == ".tar" or (path.is_dir() and any(path.glob("*.tar"))):
            sources.append(Shards(path))
        elif path.suffix.lower() in SUFFIXES:
            sources.append(Listing(path, download))
        elif path.is_dir():
            sources.append(Folder(path, None if texts is None else Path(texts)))
        else:
            raise ValueError(f"{text!r}: expected a .tar, .parquet or .csv file, got a {path.suffix or 'plain'} file")
    folders = sum(isinstance(source, Folder) for source in sources)
    if texts is not None and folders != 1:
        raise ValueError(f"--texts: expected one folder of images, got {folders}; pass each folder in its own command")
    if not sources:
        raise ValueError(
            "expected at least one source, got no source; pass a folder of images, a listing, 'celebahq128' or "
            "'generated:COUNT'"
        )
    return sources


def _named(name: str, count: int | None, size: int, seed: int, device: str | torch.device | None) -> Source:
    """Open one of `PAIR_SOURCES`."""
    if name == "celebahq128":
        return CelebaHQ(seed, count)
    return Scenes(count or 0, size, seed) if name == "scenes" else Generated(count or 0, size, seed, device)


class ConcatSource:
    """Concatenation of several sources.

    Attributes:
        sources: The sources, in order.
        names: Name and length of each source.
    """

    def __init__(self, sources: Sequence[Source]):
        """Keep the sources.

        Args:
            sources: The sources, in order.
        """
        self.sources = list(sources)
        self.names = [f"{source.name} ({len(source)})" for source in sources]

    def __len__(self) -> int:
        return sum(map(len, self.sources))

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read items `start` to `stop - 1`, counted through all sources.

        Args:
            start: First item.
            stop: End of the range, exclusive.

        Yields:
            A pair or a failure per item.
        """
        for source in self.sources:
            if start < len(source) and stop > 0:
                yield from source.read(max(start, 0), min(stop, len(source)))
            start, stop = start - len(source), stop - len(source)
