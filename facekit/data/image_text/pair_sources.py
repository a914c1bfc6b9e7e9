"""Where pairs come from: each source has a length and gives any run of its pairs, so that work on it can be resumed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from ...images.reader import list_images
from ..face_sources import celebahq_attributes, data_folder, pseudo_landmarks
from ..synthetic_faces.generator import GeneratedFaces
from .captions import caption_from_attributes
from .index import members
from .local_files import LARGEST_CAPTIONS, LARGEST_TEXT, bytes_of, check_table
from .pair import Pair, boxes_of, decode_for_storing, five_points
from .pool import PairPool

# An aligned face takes up 4.3 eye distances and reaches far above the eyes: so wide a frame (300-W's is 1.6) holds it.
_FRAMING = 2.3
_RENDERED = 32
_FILE_COLUMNS = frozenset(("file", "file name", "file_name", "filename", "image", "name", "path", "picture", "id"))
_TEXT_COLUMNS = frozenset(("caption", "text", "description", "title"))


@dataclass(frozen=True)
class Failure:
    """An image that could not be read, and why."""

    name: str
    reason: str


class Source(Protocol):
    """A list of pairs that are made when asked for. `name` tells it from other sources."""

    @property
    def name(self) -> str: ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """One pair or failure for each number from start to stop - 1; the same whenever it is asked."""


class Folder:
    """A folder's images, with their captions from a .csv (file name, caption) or a .txt beside each image.

    With a .csv the pairs are its rows, else the folder's images. Raises ValueError where no image has a text.
    """

    def __init__(self, folder: Path, texts: Path | None = None):
        self.folder = folder
        self.name = f"{folder.resolve()} {texts.resolve() if texts else ''}".strip()
        self._rows: list[tuple[str, str | None]]
        if texts is not None:
            self._rows = [(name, text) for name, text in _caption_table(texts)]
        else:
            self._rows = [(path.name, None) for path in list_images(folder)]
            if not any(self._beside(name).is_file() for name, _ in self._rows):
                raise ValueError(
                    f"{folder}: no image has a .txt of its name beside it: write one each, or pass --texts with a "
                    ".csv of file name and caption"
                )

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        for name, text in self._rows[start:stop]:
            try:
                if text is None:
                    text = bytes_of(self._beside(name), LARGEST_TEXT).decode().strip()
                image, encoded = decode_for_storing(bytes_of(self.folder / name), "picture")
            except (OSError, ValueError) as error:
                yield Failure(name, str(error))
            else:
                yield Pair(name, image, text, encoded=encoded)

    def _beside(self, name: str) -> Path:
        return (self.folder / name).with_suffix(".txt")


def _caption_table(path: Path) -> list[tuple[str, str]]:
    check_table(path, LARGEST_CAPTIONS)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error}): save it as UTF-8") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    name = next((i for i, cell in enumerate(head) if cell in _FILE_COLUMNS), 0)
    text = next((i for i, cell in enumerate(head) if cell in _TEXT_COLUMNS), 1)
    if name == text or any(len(row) <= max(name, text) for row in rows):
        raise ValueError(f"{path}: rows with {min(map(len, rows))} cells, expected a file name and a caption in each")
    titled = bool(rows) and head[name] in _FILE_COLUMNS and head[text] in _TEXT_COLUMNS
    table = [(row[name].strip(), row[text].strip()) for row in rows[titled:]]
    if not table:
        raise ValueError(f"{path}: no rows, expected a file name and a caption in each")
    return table


class Generated:
    """Generated faces "in the wild" with their captions; the five points are the annotation's, nothing is searched.

    device: renders the faces; None is the CPU. It is no part of the source's name, as it changes rounding only.
    """

    def __init__(self, count: int, size: int = 256, seed: int = 0, device: str | torch.device | None = None):
        self.count, self.size, self.seed, self.device = count, size, seed, device
        self.name = f"generated:{count} size {size} seed {seed}"

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        faces = GeneratedFaces(self.seed, self.size, "wild", self.device, self.count, framing=_FRAMING)
        for first in range(start, stop, _RENDERED):
            indices = range(first, min(first + _RENDERED, stop))
            batch = faces.batch(indices, want=("image", "landmarks68", "caption"))
            images = batch["image"].permute(0, 2, 3, 1).contiguous().cpu().numpy()
            points = batch["landmarks68"].cpu().numpy()[:, None]
            for i, image, p, text in zip(indices, images, points, batch["caption"], strict=True):
                yield Pair(f"generated {self.seed} {i}", image, text, boxes_of(p), five_points(p))


class CelebaHQ:
    """celebahq128 under FACEKIT_DATA: captions worded from the attributes, points from the pseudo-landmarks.

    count: the first so many images of the shards, so that the rest can be a test; None: all. Images whose points
    are unsure have none and are left out.
    """

    def __init__(self, seed: int = 0, count: int | None = None):
        self.seed, root = seed, data_folder("celebahq128")
        self.name = f"celebahq128{'' if count is None else f':{count}'} seed {seed}"
        self._names, self._attributes = celebahq_attributes()
        self._points = pseudo_landmarks()
        listed = [(shard, key, spans["jpg"]) for shard in sorted(root.glob("*.tar")) for key, spans in members(shard)]
        self._images = [p for p in listed[:count] if p[1] in self._points and p[1] in self._attributes]

    def __len__(self) -> int:
        return len(self._images)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        for shard, key, (offset, size) in self._images[start:stop]:
            with shard.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
            try:
                image, encoded = decode_for_storing(data, "picture")
            except ValueError as error:
                yield Failure(key, str(error))
                continue
            said = dict(zip(self._names, self._attributes[key].tolist(), strict=True))
            points = self._points[key][None]
            text = caption_from_attributes(said, key, self.seed)
            yield Pair(f"celebahq128 {key}", image, text, boxes_of(points), five_points(points), encoded)


class Shards:
    """Shards that are there already, of this or another program: faces that they lack are searched."""

    def __init__(self, path: Path):
        self.pool = PairPool(path)
        self.name = f"{path.resolve()}"

    def __len__(self) -> int:
        return len(self.pool)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        for i in range(start, stop):
            try:
                yield self.pool[i]
            except (OSError, ValueError) as error:
                yield Failure(self.pool.where(i), str(error))
