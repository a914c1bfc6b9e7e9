"""Pool of image-text pairs: several folders of shards as one sequence, read from disk in any order."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .index import BLOCK, TEXT_FIELDS, Index, key_of, open_index, read_note, shards_of
from .pair import Pair, decode_image, read_faces

# Most open shards of a thread. A pair of another shard costs one open() more, which is little beside its decoding.
_OPEN = 32

Opened = tuple[BinaryIO, np.memmap]


class PairPool:
    """N pairs in tar shards: `len(pool)` is N, `pool[i]` is a `Pair`.

    A pair is read from disk on access. Memory holds a fixed number of bytes per shard. Threads may share a pool, and it
    can be pickled for other processes: each opens its own files.

    Attributes:
        shards: Paths of the shards, in order.
        faceless: Number of pairs without a face, including those without a face search.
    """

    def __init__(self, sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]):
        """Open the shards.

        Args:
            sources: Folders of .tar shards or .tar files, in this order. Shards are those of `facekit shard`, or of
                other programs (webdataset, img2dataset): per key an image and a .txt, or a json with "caption". These
                are indexed on first use.

        Raises:
            FileNotFoundError: If a source does not exist or holds no shard.
            ValueError: If a shard is damaged, or no source is given.
        """
        listed = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
        self.shards: list[Path] = []
        for source in map(Path, listed):
            if not source.exists():
                raise FileNotFoundError(
                    f"{source}: expected .tar shards of `facekit shard`, got no such file or folder; check the path"
                )
            self.shards += shards_of(source) if source.is_dir() else [source]
        if not self.shards:
            raise ValueError("expected folders of .tar files, got no shards; pass at least one folder")
        self._indices: list[Index] = [open_index(shard) for shard in self.shards]
        self._ends = np.cumsum([index.count for index in self._indices])
        self.faceless = sum(index.faceless for index in self._indices)
        self._local = _OpenShards()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Pair:
        """Read a pair.

        Args:
            index: Number of the pair. Negative numbers count from the end.

        Returns:
            The pair.

        Raises:
            IndexError: If the index is outside the pool.
            ValueError: If the pair is damaged. The text names shard and key.
        """
        shard, place = self._find(index)
        file, records = self._local.get(shard, self.shards[shard], self._indices[shard])
        record = records[place]
        key = key_of(record)
        where = f"{self.shards[shard]} {key}"
        about: dict[str, Any] = {}
        if record["json"][0] >= 0:
            about = read_note(_read(file, record["json"], key, where), where)
        if record["text"][0] >= 0:
            try:
                text = _read(file, record["text"], key, where).decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"{where}: its text: expected UTF-8, got other bytes ({error})") from error
        else:
            text = next((about[f] for f in TEXT_FIELDS if isinstance(about.get(f), str)), "")
        image = decode_image(_read(file, record["image"], key, where), where)
        boxes, points = read_faces(about, where)
        size = list(image.shape[:2])
        if points is not None and about.get("size", size) != size:
            raise ValueError(
                f"{where}: expected an image of height and width {about['size']}, in which its faces were found, got "
                f"{size}; make the shard again"
            )
        name = about.get("name")
        return Pair(name if isinstance(name, str) else key, image, text.strip(), boxes, points)

    def where(self, index: int) -> str:
        """Return shard and key of a pair, for messages.

        Args:
            index: Number of the pair.

        Returns:
            "SHARD KEY".

        Raises:
            IndexError: If the index is outside the pool.
        """
        shard, place = self._find(index)
        records = self._local.get(shard, self.shards[shard], self._indices[shard])[1]
        return f"{self.shards[shard]} {key_of(records[place])}"

    def _find(self, index: int) -> tuple[int, int]:
        """Return the number of a pair's shard and the pair's place in it."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside the {len(self)} pairs of this pool")
        index = int(index) % len(self)
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return shard, index - int(self._ends[shard]) + self._indices[shard].count

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = _OpenShards()


class _OpenShards(threading.local):
    """The open files of one thread. Neither threads nor forked processes may share the position in a file."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.files: OrderedDict[int, Opened] = OrderedDict()

    def get(self, number: int, shard: Path, index: Index) -> Opened:
        """Return file and records of a shard. The shard that was not used for longest is closed first."""
        if self.process != os.getpid():
            self.process, self.files = os.getpid(), OrderedDict()
        if number not in self.files:
            if len(self.files) >= _OPEN:
                self.files.popitem(last=False)[1][0].close()
            self.files[number] = (shard.open("rb", buffering=0), index.records())
        self.files.move_to_end(number)
        return self.files[number]


def _read(file: BinaryIO, span: np.ndarray, key: str, where: str) -> bytes:
    """Read a member with its header, and check by the header that the shard still fits its index."""
    offset, size = (int(v) for v in span)
    file.seek(offset - BLOCK)
    data = file.read(BLOCK + size)
    name, length = data[:100].split(b"\0")[0], data[124:135]
    # The header holds neither a name beyond 100 bytes in full nor a size beyond 8 GB in octal.
    same_name = len(key) > 80 or name.startswith(os.fsencode(key))
    same_size = not length.isdigit() or int(length, 8) == size
    if len(data) != BLOCK + size or not same_name or not same_size:
        raise ValueError(
            f"{where}: expected the member at the place that the index records, got other bytes; copy the shard again, "
            "or delete its .index file"
        )
    return data[BLOCK:]
