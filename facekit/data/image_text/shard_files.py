"""Files of pairs: webdataset tar shards with the members 000123.jpg, 000123.txt and 000123.json for each pair."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...core.atomic_file import whole_file
from ...core.output_paths import check_output
from .index import Index, open_index
from .pair import Pair, pack


def shard_path(folder: Path, number: int) -> Path:
    """Return the path of a shard.

    Args:
        folder: Folder of the shards.
        number: Number of the shard, from 0.

    Returns:
        For example shard-000007.tar in the folder.
    """
    return folder / f"shard-{number:06d}.tar"


def write_shard(path: Path, pairs: Iterable[Pair], first: int) -> Index | None:
    """Write one shard with its index.

    An older file of this path is removed first. The new file appears as a whole, and its bytes depend on the pairs
    only.

    Args:
        path: The .tar file.
        pairs: The pairs.
        first: Key of the first pair. The others count on from it.

    Returns:
        The opened index. None, and no file, if there are no pairs.

    Raises:
        ValueError: If a pair cannot be packed, see `pair.pack`.
    """
    from webdataset.writer import TarWriter

    for stale in (path, path.with_suffix(".index")):
        stale.unlink(missing_ok=True)
    rest = iter(pairs)
    head = next(rest, None)
    if head is None:
        return None
    # The members are encoded by `pack`, because webdataset would encode them by suffix. Without a time of change, equal
    # pairs make equal files.
    with (
        whole_file(path) as temporary,
        temporary.open("wb") as file,
        TarWriter(file, encoder=False, mtime=0) as tar,
    ):
        for number, pair in enumerate(itertools.chain([head], rest), first):
            tar.write({"__key__": f"{number:06d}", **pack(pair)})
    return open_index(path)


def write_shards(pairs: Iterable[Pair], folder: str | os.PathLike[str], per_shard: int = 1000) -> list[Path]:
    """Write pairs into tar shards, each with its index.

    A shard appears as a whole or not at all. After an interruption, call the function again with the same pairs: the
    pairs of finished shards are then read from the iterable and skipped. (`facekit shard` does not even read them.)

    Args:
        pairs: The pairs.
        folder: Folder of the shards. It is made if it is missing.
        per_shard: Pairs per shard.

    Returns:
        Paths of the shards.

    Raises:
        ValueError: If `per_shard` is below 1, the folder holds shards of another size, or a pair cannot be packed.
    """
    if per_shard < 1:
        raise ValueError(f"per_shard={per_shard}: expected at least 1")
    root = check_output(folder, folder=True)
    rest = iter(pairs)
    written: list[Path] = []
    for number in itertools.count():
        path = shard_path(root, number)
        if path.exists():
            count = open_index(path).count
            last = not shard_path(root, number + 1).exists()
            if count > per_shard or (count < per_shard and not last):
                raise ValueError(
                    f"{path} holds {count} pairs, but per_shard={per_shard}; pass the number that the first call had, "
                    "or another folder"
                )
            _skip(rest, count)
        elif write_shard(path, itertools.islice(rest, per_shard), number * per_shard) is None:
            return written
        written.append(path)
    raise AssertionError


def _skip(pairs: Iterator[Pair], count: int) -> None:
    """Advance an iterator by `count` items."""
    next(itertools.islice(pairs, count, count), None)
