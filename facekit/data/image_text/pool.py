"""Several folders of shards as one set of pairs, read at random from disk."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .index import BLOCK, TEXT_FIELDS, Index, natural_shards, open_index, read_note, readable_key
from .pair import Pair, decode_image, read_faces

# Open shards a thread. A pair of another one costs an open() more, which is little beside decoding it.
_OPEN = 32

Opened = tuple[BinaryIO, np.memmap]


class PairPool:
    """N pairs in tar shards: `len(pool)`, `pool[i]` -> Pair.

    sources: folders of .tar shards or .tar files, in this order; shards of `facekit shard`, or of others (webdataset,
    img2dataset: an image and a .txt, or a json with "caption", a key), which are indexed on first use.
    A pair is read from disk when asked for; what is kept is a number of bytes a shard. Threads may share a pool and it
    may be sent to other processes: each opens its own files.
    faceless: how many pairs have no face, or none known because nobody has looked for it.
    Raises FileNotFoundError for a source that is not there or holds no shard, ValueError for a damaged shard.
    """

    def __init__(self, sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]):
        listed = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
        self.shards: list[Path] = []
        for source in map(Path, listed):
            if not source.exists():
                raise FileNotFoundError(f"{source}: no such file or folder; expected .tar shards of `facekit shard`")
            self.shards += natural_shards(source) if source.is_dir() else [source]
        if not self.shards:
            raise ValueError("no shards came: pass folders of .tar files")
        self._indices: list[Index] = [open_index(shard) for shard in self.shards]
        self._ends = np.cumsum([index.count for index in self._indices])
        self.faceless = sum(index.faceless for index in self._indices)
        self._local = _Opened()

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, index: int) -> Pair:
        """Pair number `index`. Raises IndexError outside the pool, ValueError that names shard and key for a pair that
        is damaged."""
        shard, place = self._find(index)
        file, records = self._local.get(shard, self.shards[shard], self._indices[shard])
        record = records[place]
        key = readable_key(record)
        where = f"{self.shards[shard]} {key}"
        about: dict[str, Any] = {}
        if record["json"][0] >= 0:
            about = read_note(_read(file, record["json"], key, where), where)
        if record["text"][0] >= 0:
            try:
                text = _read(file, record["text"], key, where).decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"{where}: its text is not UTF-8 ({error})") from error
        else:
            text = next((about[f] for f in TEXT_FIELDS if isinstance(about.get(f), str)), "")
        image = decode_image(_read(file, record["image"], key, where), where)
        boxes, points = read_faces(about, where)
        if points is not None and about.get("size", list(image.shape[:2])) != list(image.shape[:2]):
            raise ValueError(f"{where}: its faces were found in an image of {about['size']} px, not {image.shape[:2]}")
        name = about.get("name")
        return Pair(name if isinstance(name, str) else key, image, text.strip(), boxes, points)

    def where(self, index: int) -> str:
        """Shard and key of pair number `index`, for messages."""
        shard, place = self._find(index)
        records = self._local.get(shard, self.shards[shard], self._indices[shard])[1]
        return f"{self.shards[shard]} {readable_key(records[place])}"

    def _find(self, index: int) -> tuple[int, int]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside the {len(self)} pairs of this pool")
        index = int(index) % len(self)
        shard = int(np.searchsorted(self._ends, index, side="right"))
        return shard, index - int(self._ends[shard]) + self._indices[shard].count

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._local = _Opened()


class _Opened(threading.local):
    """The files that this thread has open: a file's position must not be shared, neither with threads nor forks."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.files: OrderedDict[int, Opened] = OrderedDict()

    def get(self, number: int, shard: Path, index: Index) -> Opened:
        if self.process != os.getpid():
            self.process, self.files = os.getpid(), OrderedDict()
        if number not in self.files:
            if len(self.files) >= _OPEN:
                self.files.popitem(last=False)[1][0].close()
            self.files[number] = (shard.open("rb", buffering=0), index.records())
        self.files.move_to_end(number)
        return self.files[number]


def _read(file: BinaryIO, span: np.ndarray, key: str, where: str) -> bytes:
    """A member's bytes, by way of its header: a shard that was changed behind the index's back is noticed."""
    offset, size = (int(v) for v in span)
    file.seek(offset - BLOCK)
    data = file.read(BLOCK + size)
    name, length = data[:100].split(b"\0")[0], data[124:135]
    # A name beyond 100 bytes is not here as a whole, and a size beyond 8 GB not in octal.
    same_name = len(key) > 80 or name.startswith(os.fsencode(key))
    same_size = not length.isdigit() or int(length, 8) == size
    if len(data) != BLOCK + size or not same_name or not same_size:
        raise ValueError(f"{where}: not where the index says; copy the shard again, or delete its .index file")
    return data[BLOCK:]
