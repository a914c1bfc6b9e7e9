"""Index of a tar shard: where each pair lies, so that any pair is read without unpacking the shard.

An index file is one line of JSON (number of pairs, size of the shard), then one record of fixed length per pair. For
shards of other programs (webdataset, img2dataset) it is made on first use. It lies beside the shard or, if that folder
is not writable, in the cache. Members are named by webdataset's rule: the key of the pair is the name up to the first
dot, and the rest is the kind of the content.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...core.atomic_file import whole_file
from ...core.cache_folder import cache_folder
from ...core.json_text import parse_json
from .pair import read_faces

log = logging.getLogger("facekit")

IMAGES = ("jpg", "jpeg", "png", "webp")
TEXTS = ("txt", "caption")
# Fields of a sample's json in which other programs store the text.
TEXT_FIELDS = ("caption", "text")
VERSION = 1
# Bytes of a tar block.
BLOCK = 512

# Offset in the shard and length, in bytes.
Span = tuple[int, int]


@dataclass(frozen=True)
class Index:
    """An opened index file.

    Attributes:
        path: The index file.
        count: Number of pairs in the shard.
        faceless: Number of pairs without a face, including those without a face search.
        start: Offset of the first record, bytes.
        key_length: Bytes of the longest key.
    """

    path: Path
    count: int
    faceless: int
    start: int
    key_length: int

    def records(self) -> np.memmap:
        """Map the records into memory.

        Returns:
            (count,) records with the fields key, image, text and json (offset and bytes; offset -1: there is none) and
            faces (number of faces; -1: no face search).
        """
        return np.memmap(self.path, _record(self.key_length), "r", offset=self.start, shape=(self.count,))


def _record(key_length: int) -> np.dtype:
    """Return the data type of a record."""
    spans = [(name, "<i8", (2,)) for name in ("image", "text", "json")]
    return np.dtype([("key", f"S{key_length}"), *spans, ("faces", "<i4")])


def open_index(shard: Path) -> Index:
    """Open the index of a shard. Build it if it is missing or does not fit the shard.

    Args:
        shard: The .tar file.

    Returns:
        The index.

    Raises:
        FileNotFoundError: If the shard does not exist.
        ValueError: If the shard is damaged, compressed or without pairs, or no index can be written.
    """
    if not shard.is_file():
        raise FileNotFoundError(f"{shard}: expected a .tar file of images and texts, got no such shard; check the path")
    if shard.suffix != ".tar":
        raise ValueError(f"{shard}: expected a .tar file, got {shard.suffix or 'no suffix'}; unpack a compressed shard")
    size = shard.stat().st_size
    beside_shard = shard.with_suffix(".index")
    for path in (beside_shard, _in_cache(shard)):
        index = _read(path, size)
        if index is not None:
            return index
    head, records = _build(shard, size)
    for path in (beside_shard, _in_cache(shard)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as temporary:
                temporary.write_bytes(head + records.tobytes())
        except OSError as error:
            log.debug("%s: %s", path, error)
            continue
        index = _read(path, size)
        assert index is not None
        return index
    raise ValueError(f"{shard}: its index can be written neither beside it nor to the cache; set FACEKIT_HOME")


def members(shard: Path) -> Iterator[tuple[str, dict[str, Span]]]:
    """Read where the members of each sample lie in a tar file.

    Args:
        shard: The .tar file.

    Yields:
        Key and members of a sample: suffix in lower case -> (offset, bytes). The order is that of the file.

    Raises:
        ValueError: If the shard is damaged, or holds a member twice.
    """
    from webdataset.tariterators import base_plus_ext

    size = shard.stat().st_size
    current: str | None = None
    spans: dict[str, Span] = {}
    end = 0
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # otherwise tarfile keeps all members in memory
                end = member.offset_data + -(-member.size // BLOCK) * BLOCK
                if member.offset_data + member.size > size:
                    raise ValueError(
                        f"{shard}: expected a whole file, got one in which {member.name} is cut short; copy or make "
                        "the shard again"
                    )
                key, suffix = base_plus_ext(member.name)
                # Skip webdataset's own notes and the files that macOS adds.
                if not member.isreg() or key is None or Path(key).name.startswith(("__", "._")):
                    continue
                if key != current:
                    if current is not None and spans:
                        yield current, spans
                    current, spans = key, {}
                if suffix.lower() in spans:
                    raise ValueError(
                        f"{shard}: expected members of different suffixes for each key, got {member.name}, which is "
                        "there twice; rename one of them"
                    )
                spans[suffix.lower()] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ValueError(
            f"{shard}: expected a tar file, got one that is not a whole tar file ({error}); copy or make the shard "
            "again"
        ) from error
    if current is not None and spans:
        yield current, spans
    with shard.open("rb") as file:
        file.seek(end)
        # tarfile treats a damaged header as the end of the file.
        if file.read(BLOCK).strip(b"\0"):
            raise ValueError(
                f"{shard}: expected a whole tar file, got one that is damaged behind {current}; copy or make the shard "
                "again"
            )


def _build(shard: Path, size: int) -> tuple[bytes, np.ndarray]:
    """Build the first line and the records of a shard's index."""
    rows: list[tuple[bytes, Span, Span, Span, int]] = []
    left_out = 0
    with shard.open("rb") as file:
        for key, spans in members(shard):
            image = next((spans[s] for s in IMAGES if s in spans), None)
            text = next((spans[s] for s in TEXTS if s in spans), (-1, -1))
            note = spans.get("json", (-1, -1))
            about = _note_at(file, note, f"{shard} {key}")
            if image is None or (text[0] < 0 and not any(isinstance(about.get(f), str) for f in TEXT_FIELDS)):
                left_out += 1
                continue
            boxes, _ = read_faces(about, f"{shard} {key}")
            rows.append((key.encode(), image, text, note, -1 if boxes is None else len(boxes)))
    if not rows:
        raise ValueError(
            f"{shard}: expected an image ({', '.join(IMAGES)}) and a text (txt, or a caption in json) per sample, got "
            f"none of its {left_out} samples with both"
        )
    if left_out:
        log.warning("%s: %d samples without an image or without a text are left out", shard, left_out)
    key_length = max(len(row[0]) for row in rows)
    records = np.array(rows, _record(key_length))
    head = {
        "facekit_index": VERSION,
        "bytes": size,
        "count": len(rows),
        "faceless": int((records["faces"] < 1).sum()),
        "key": key_length,
    }
    return json.dumps(head).encode() + b"\n", records


def _note_at(file: BinaryIO, span: Span, where: str) -> dict[str, Any]:
    """Read a sample's json from an open shard. It is empty if there is none."""
    if span[0] < 0:
        return {}
    file.seek(span[0])
    return read_note(file.read(span[1]), where)


def read_note(data: bytes, where: str) -> dict[str, Any]:
    """Parse the json member of a pair.

    Args:
        data: Content of the member.
        where: Shard and key, for errors.

    Returns:
        The JSON object.

    Raises:
        ValueError: If the content is no JSON object.
    """
    about = parse_json(data, where)
    if not isinstance(about, dict):
        raise ValueError(f"{where}: its json: expected an object, got a {type(about).__name__}")
    return about


def _read(path: Path, shard_size: int) -> Index | None:
    """Open an index file. Return None if it is missing or does not fit the shard."""
    try:
        with path.open("rb") as file:
            line = file.readline(4096)
            head = parse_json(line, str(path))
            whole = path.stat().st_size == len(line) + head["count"] * _record(head["key"]).itemsize
            if head["facekit_index"] != VERSION or head["bytes"] != shard_size or not whole:
                return None
            return Index(path, head["count"], head["faceless"], len(line), head["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in_cache(shard: Path) -> Path:
    """Return the path of a shard's index in the cache."""
    status = shard.stat()
    stamp = f"{shard.resolve()} {status.st_size} {status.st_mtime_ns}"
    return cache_folder() / "shards" / f"{hashlib.sha256(stamp.encode()).hexdigest()[:24]}.index"


def shards_of(folder: Path) -> list[Path]:
    """List the .tar files of a folder.

    Args:
        folder: The folder.

    Returns:
        Their paths, sorted by name. Hidden files are left out.

    Raises:
        FileNotFoundError: If there is none.
    """
    shards = sorted(path for path in folder.glob("*.tar") if not path.name.startswith(".") and path.is_file())
    if not shards:
        raise FileNotFoundError(
            f"{folder}: expected .tar shards, got none; make them with `facekit shard ... --out {folder}`"
        )
    return shards


def key_of(record: np.void) -> str:
    """Return the key of a record as text."""
    return os.fsdecode(bytes(record["key"]))
