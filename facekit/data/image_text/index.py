"""Where each pair of a tar shard lies, in a file beside the shard, so that any pair is read without unpacking.

An index is one line of JSON (how many pairs, the shard's size) and then one record of fixed length a pair. It is made
on first use for shards of others (webdataset, img2dataset), beside the shard or, where that cannot be written, in the
cache. Members are named as webdataset wants it: up to the first dot the pair's key, after it what it is.
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
from typing import Any

import numpy as np

from ...core.atomic_file import whole_file
from ...core.json_text import parse_json
from .pair import read_faces

log = logging.getLogger("facekit")

IMAGES = ("jpg", "jpeg", "png", "webp")
TEXTS = ("txt", "caption")
# What some shards of others call the text inside their json.
TEXT_FIELDS = ("caption", "text")
VERSION = 1
BLOCK = 512

Span = tuple[int, int]


@dataclass(frozen=True)
class Index:
    """An opened index. count: pairs in the shard. faceless: how many of them have no face or none known."""

    path: Path
    count: int
    faceless: int
    start: int
    key_length: int

    def records(self) -> np.memmap:
        """The records (count,), mapped: fields key, image, text, json (offset, bytes; -1 = there is none), faces."""
        return np.memmap(self.path, _record(self.key_length), "r", offset=self.start, shape=(self.count,))


def _record(key_length: int) -> np.dtype:
    spans = [(name, "<i8", (2,)) for name in ("image", "text", "json")]
    return np.dtype([("key", f"S{key_length}"), *spans, ("faces", "<i4")])


def open_index(shard: Path) -> Index:
    """The index of a shard; made now where there is none, or one of another shard.

    Raises FileNotFoundError for a missing shard, ValueError for one that is damaged, compressed or without pairs.
    """
    if not shard.is_file():
        raise FileNotFoundError(f"{shard}: no such shard; expected a .tar file of images and texts")
    if shard.suffix != ".tar":
        raise ValueError(f"{shard}: not a .tar file; a compressed one cannot be read at random, so unpack it")
    size = shard.stat().st_size
    beside = shard.with_suffix(".index")
    for path in (beside, _in_cache(shard)):
        found = _read(path, size)
        if found is not None:
            return found
    lines, records = _build(shard, size)
    for path in (beside, _in_cache(shard)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as temporary:
                temporary.write_bytes(lines + records.tobytes())
        except OSError as error:
            log.debug("%s: %s", path, error)
            continue
        found = _read(path, size)
        assert found is not None
        return found
    raise ValueError(f"{shard}: its index can be written neither beside it nor to the cache: set FACEKIT_HOME")


def members(shard: Path) -> Iterator[tuple[str, dict[str, Span]]]:
    """(key, {suffix: (offset, bytes)}) of each sample of a tar file, in order. Errors as `open_index`'s."""
    from webdataset.tariterators import base_plus_ext

    size = shard.stat().st_size
    current: str | None = None
    spans: dict[str, Span] = {}
    end = 0
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
                end = member.offset_data + -(-member.size // BLOCK) * BLOCK
                if member.offset_data + member.size > size:
                    raise ValueError(f"{shard}: {member.name} is cut short: copy or make the shard again")
                key, suffix = base_plus_ext(member.name)
                # webdataset's own notes, and the ones that macOS adds.
                if not member.isreg() or key is None or Path(key).name.startswith(("__", "._")):
                    continue
                if key != current:
                    if current is not None and spans:
                        yield current, spans
                    current, spans = key, {}
                if suffix.lower() in spans:
                    raise ValueError(f"{shard}: {member.name} is there twice: a key's members have different suffixes")
                spans[suffix.lower()] = (member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ValueError(f"{shard}: not a whole tar file ({error}): copy or make the shard again") from error
    if current is not None and spans:
        yield current, spans
    with shard.open("rb") as file:
        file.seek(end)
        # tarfile takes a damaged header for the end.
        if file.read(BLOCK).strip(b"\0"):
            raise ValueError(f"{shard}: damaged behind {current}: copy or make the shard again")


def _build(shard: Path, size: int) -> tuple[bytes, np.ndarray]:
    rows: list[tuple[bytes, Span, Span, Span, int]] = []
    left_out = 0
    with shard.open("rb") as file:
        for key, spans in members(shard):
            image = next((spans[s] for s in IMAGES if s in spans), None)
            text = next((spans[s] for s in TEXTS if s in spans), (-1, -1))
            note = spans.get("json", (-1, -1))
            about = _note(file, note, f"{shard} {key}")
            if image is None or (text[0] < 0 and not any(isinstance(about.get(f), str) for f in TEXT_FIELDS)):
                left_out += 1
                continue
            boxes, _ = read_faces(about, f"{shard} {key}")
            rows.append((key.encode(), image, text, note, -1 if boxes is None else len(boxes)))
    if not rows:
        raise ValueError(
            f"{shard}: none of its {left_out} samples has an image ({', '.join(IMAGES)}) and a text (txt, or a "
            "caption in json)"
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


def _note(file: Any, span: Span, where: str) -> dict[str, Any]:
    if span[0] < 0:
        return {}
    file.seek(span[0])
    return read_note(file.read(span[1]), where)


def read_note(data: bytes, where: str) -> dict[str, Any]:
    """A pair's json. Raises ValueError that begins with `where` unless it is an object."""
    about = parse_json(data, where)
    if not isinstance(about, dict):
        raise ValueError(f"{where}: its json is a {type(about).__name__}, expected an object")
    return about


def _read(path: Path, shard_size: int) -> Index | None:
    """The index in this file, or None where there is none that fits the shard."""
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
    from ...core.cache_folder import cache_folder

    about = shard.stat()
    stamp = f"{shard.resolve()} {about.st_size} {about.st_mtime_ns}"
    return cache_folder() / "shards" / f"{hashlib.sha256(stamp.encode()).hexdigest()[:24]}.index"


def natural_shards(folder: Path) -> list[Path]:
    """The .tar files of a folder, by name. Raises FileNotFoundError where there is none."""
    found = sorted(path for path in folder.glob("*.tar") if not path.name.startswith(".") and path.is_file())
    if not found:
        raise FileNotFoundError(f"{folder}: no .tar shards in it: make them with `facekit shard ... --out {folder}`")
    return found


def readable_key(record: np.void) -> str:
    """The key of one record."""
    return os.fsdecode(bytes(record["key"]))
