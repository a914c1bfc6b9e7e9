"""Sources of pairs: folders, generated faces, CelebA-HQ and existing shards.

Each source has a length and reads any range of its pairs, so that interrupted work can be resumed.
"""

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

# An aligned face takes up 4.3 eye distances and reaches far above the eyes. A frame of this width contains it; that of
# 300-W is 1.6.
_FRAMING = 2.3
# Faces rendered at once.
_RENDERED = 32
_FILE_COLUMNS = frozenset(("file", "file name", "file_name", "filename", "image", "name", "path", "picture", "id"))
_TEXT_COLUMNS = frozenset(("caption", "text", "description", "title"))


@dataclass(frozen=True)
class Failure:
    """An image that could not be read.

    Attributes:
        name: Name of the image.
        reason: The error's text.
    """

    name: str
    reason: str


class Source(Protocol):
    """A sequence of pairs that are read on demand."""

    @property
    def name(self) -> str:
        """Text that identifies the source and its settings."""
        ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read items `start` to `stop - 1`. The same range always gives the same items.

        Args:
            start: First item, from 0.
            stop: End of the range, exclusive.

        Yields:
            A pair or a failure per item.
        """
        ...


class Folder:
    """The images of a folder, with captions from a .csv table or from a .txt file beside each image."""

    def __init__(self, folder: Path, texts: Path | None = None):
        """List the images.

        Args:
            folder: The folder.
            texts: A .csv of file name and caption, whose rows are then the pairs. None: the pairs are the folder's
                images, each with a .txt file of its name.

        Raises:
            ValueError: If no image has a .txt file, or the table has no such columns or no rows.
            FileNotFoundError: If the table does not exist.
        """
        self.folder = folder
        self.name = f"{folder.resolve()} {texts.resolve() if texts else ''}".strip()
        self._rows: list[tuple[str, str | None]]
        if texts is not None:
            self._rows = [(name, text) for name, text in _caption_table(texts)]
        else:
            self._rows = [(path.name, None) for path in list_images(folder)]
            if not any(self._text_file(name).is_file() for name, _ in self._rows):
                raise ValueError(
                    f"{folder}: expected a .txt file beside each image, of the same name, got none; write them, or "
                    "pass --texts with a .csv of file name and caption"
                )

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read items `start` to `stop - 1`, as `Source.read` does."""
        for name, text in self._rows[start:stop]:
            try:
                if text is None:
                    text = bytes_of(self._text_file(name), LARGEST_TEXT).decode().strip()
                image, encoded = decode_for_storing(bytes_of(self.folder / name), "image")
            except (OSError, ValueError) as error:
                yield Failure(name, str(error))
            else:
                yield Pair(name, image, text, encoded=encoded)

    def _text_file(self, name: str) -> Path:
        """Return the path of an image's .txt file."""
        return (self.folder / name).with_suffix(".txt")


def _caption_table(path: Path) -> list[tuple[str, str]]:
    """Read file name and caption of each row. A first row that names both columns is a header."""
    check_table(path, LARGEST_CAPTIONS)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text, got other bytes ({error}); save it as UTF-8") from error
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    name = next((i for i, cell in enumerate(head) if cell in _FILE_COLUMNS), 0)
    text = next((i for i, cell in enumerate(head) if cell in _TEXT_COLUMNS), 1)
    if name == text or any(len(row) <= max(name, text) for row in rows):
        fewest = min(map(len, rows))
        raise ValueError(f"{path}: expected a file name and a caption in each row, got rows of {fewest} cells")
    has_header = bool(rows) and head[name] in _FILE_COLUMNS and head[text] in _TEXT_COLUMNS
    table = [(row[name].strip(), row[text].strip()) for row in rows[has_header:]]
    if not table:
        raise ValueError(f"{path}: expected a file name and a caption in each row, got no rows")
    return table


class Generated:
    """Generated "wild" faces with captions. The five points are the renderer's annotation, so no search is needed."""

    def __init__(self, count: int, size: int = 256, seed: int = 0, device: str | torch.device | None = None):
        """Keep the settings of the generator.

        Args:
            count: Number of faces.
            size: Side of the images, px.
            seed: Seed of the faces and captions.
            device: Device that renders. None is the CPU. It is not part of the name, because it changes rounding only.
        """
        self.count, self.size, self.seed, self.device = count, size, seed, device
        self.name = f"generated:{count} size {size} seed {seed}"

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Render items `start` to `stop - 1`. The same range always gives the same items.

        Args:
            start: First item, from 0.
            stop: End of the range, exclusive.

        Yields:
            A pair per item.
        """
        faces = GeneratedFaces(self.seed, self.size, "wild", self.device, self.count, framing=_FRAMING)
        for first in range(start, stop, _RENDERED):
            indices = range(first, min(first + _RENDERED, stop))
            batch = faces.batch(indices, want=("image", "landmarks68", "caption"))
            images = batch["image"].permute(0, 2, 3, 1).contiguous().cpu().numpy()
            points = batch["landmarks68"].cpu().numpy()[:, None]
            for i, image, p, text in zip(indices, images, points, batch["caption"], strict=True):
                yield Pair(f"generated {self.seed} {i}", image, text, boxes_of(p), five_points(p))


class CelebaHQ:
    """CelebA-HQ at 128 px, from FACEKIT_DATA: captions worded from attributes, points from pseudo-landmarks.

    Images whose pseudo-landmarks are unreliable have no points and are left out.
    """

    def __init__(self, seed: int = 0, count: int | None = None):
        """List the images.

        Args:
            seed: Seed of the captions' wording.
            count: Number of images from the start of the shards, so that the rest can be a test set. None is all.

        Raises:
            FileNotFoundError: If FACEKIT_DATA is not set or lacks the data.
        """
        self.seed, root = seed, data_folder("celebahq128")
        self.name = f"celebahq128{'' if count is None else f':{count}'} seed {seed}"
        self._names, self._attributes = celebahq_attributes()
        self._points = pseudo_landmarks()
        listed = [(shard, key, spans["jpg"]) for shard in sorted(root.glob("*.tar")) for key, spans in members(shard)]
        self._images = [p for p in listed[:count] if p[1] in self._points and p[1] in self._attributes]

    def __len__(self) -> int:
        return len(self._images)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read items `start` to `stop - 1`, as `Source.read` does."""
        for shard, key, (offset, size) in self._images[start:stop]:
            with shard.open("rb") as file:
                file.seek(offset)
                data = file.read(size)
            try:
                image, encoded = decode_for_storing(data, "image")
            except ValueError as error:
                yield Failure(key, str(error))
                continue
            attributes = dict(zip(self._names, self._attributes[key].tolist(), strict=True))
            points = self._points[key][None]
            text = caption_from_attributes(attributes, key, self.seed)
            yield Pair(f"celebahq128 {key}", image, text, boxes_of(points), five_points(points), encoded)


class Shards:
    """Existing tar shards, written by this or another program. Pairs may lack faces."""

    def __init__(self, path: Path):
        """Open the shards.

        Args:
            path: A .tar file or a folder of .tar files.

        Raises:
            FileNotFoundError: If there is no shard.
            ValueError: If a shard is damaged.
        """
        self.pool = PairPool(path)
        self.name = f"{path.resolve()}"

    def __len__(self) -> int:
        return len(self.pool)

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read items `start` to `stop - 1`, as `Source.read` does."""
        for i in range(start, stop):
            try:
                yield self.pool[i]
            except (OSError, ValueError) as error:
                yield Failure(self.pool.where(i), str(error))
