"""Writing pairs as webdataset tar shards: 000123.jpg, 000123.txt and 000123.json a pair."""

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
    return folder / f"shard-{number:06d}.tar"


def write_shard(path: Path, pairs: Iterable[Pair], first: int) -> Index | None:
    """Write one shard with its index; the keys count from `first`. None, and no file, where no pair came.

    The file appears whole; one that was there before is gone first. Its bytes depend on the pairs only.
    """
    from webdataset.writer import TarWriter

    for stale in (path, path.with_suffix(".index")):
        stale.unlink(missing_ok=True)
    rest = iter(pairs)
    head = next(rest, None)
    if head is None:
        return None
    with whole_file(path) as temporary, temporary.open("wb") as file:
        # Encoded here, because webdataset would encode by suffix; without a time, equal pairs make equal files.
        with TarWriter(file, encoder=False, mtime=0) as tar:
            for number, pair in enumerate(itertools.chain([head], rest), first):
                tar.write({"__key__": f"{number:06d}", **pack(pair)})
    return open_index(path)


def write_shards(pairs: Iterable[Pair], folder: str | os.PathLike[str], per_shard: int = 1000) -> list[Path]:
    """Write pairs into tar shards of `per_shard` under `folder`, each with its index. Returns the shards' paths.

    A shard appears whole or not at all. After an interruption, call it again with the same pairs: those of finished
    shards are drawn from the iterable and dropped. (`facekit shard` does not even draw them.)
    Raises ValueError for per_shard < 1, for a folder with shards of another size, and as Pair's packing does.
    """
    if per_shard < 1:
        raise ValueError(f"per_shard={per_shard}: expected at least 1")
    root = check_output(folder, folder=True)
    rest = iter(pairs)
    written: list[Path] = []
    for number in itertools.count():
        path = shard_path(root, number)
        if path.exists():
            there = open_index(path).count
            last = not shard_path(root, number + 1).exists()
            if there > per_shard or (there < per_shard and not last):
                raise ValueError(
                    f"{path} holds {there} pairs, but per_shard={per_shard}: pass the number that the folder was begun "
                    "with, or another folder"
                )
            _drop(rest, there)
        elif write_shard(path, itertools.islice(rest, per_shard), number * per_shard) is None:
            return written
        written.append(path)
    raise AssertionError


def _drop(pairs: Iterator[Pair], count: int) -> None:
    next(itertools.islice(pairs, count, count), None)
