"""Read the results that ``facekit predict MODEL --images SOURCE --out FOLDER`` writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.extras import pyarrow
from ..core.json_text import parse_json
from ..images.reader import load_image
from ..images.types import ImageLike
from .drawable import Drawable
from .face_columns import FaceColumn

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ImageRow:
    """The results of one image.

    Attributes:
        name: Name of the image.
        size: (height, width) in pixels, or None if the image could not be read.
        error: Why there are no results, or None.
        faces: By model, the faces as plain values: box, points and so on. Empty lists if there is an error.
    """

    name: str
    size: tuple[int, int] | None
    error: str | None
    faces: dict[str, list[dict[str, Any]]]
    _columns: dict[str, FaceColumn] = field(repr=False)
    _folder: Path | None = field(repr=False)

    def result(self, model: str | None = None, image: ImageLike | None = None) -> Drawable:
        """Return what `facekit.predict` returned for this image, which can be drawn, shown and saved.

        Args:
            model: Name of the model's column. It may be left out if there is one.
            image: The image. None reads it again, if the results are of a folder of images.

        Returns:
            `Faces`, or the result of a face crop.

        Raises:
            ValueError: If there are no results, no such model, or the image is missing or has another size.

        Example:
            >>> row.result("landmarks").save("drawing.png")
        """
        if self.error is not None:
            raise ValueError(f"{self.name}: expected results, got the error {self.error!r}; repair the image first")
        if model is None and len(self._columns) == 1:
            model = next(iter(self._columns))
        if model not in self._columns:
            raise ValueError(f"model={model!r}: expected one of {', '.join(self._columns)}; pass one of these names")
        if image is None and self._folder is None:
            raise ValueError(f"{self.name}: expected image=, because these results are of no folder; pass the image")
        array: NDArray[np.uint8] = load_image(image if image is not None else self._folder / self.name, self.name)  # type: ignore[operator]
        if array.shape[:2] != self.size:
            raise ValueError(
                f"{self.name}: expected the image of size {self.size}, got {array.shape[:2]}; pass the image that the "
                "results are of"
            )
        return self._columns[model].outcome(self.faces[model], array)


class PredictionTable:
    """The results in a folder, one row per image. Rows are read when they are needed.

    Attributes:
        folder: The folder.
        manifest: How the results were made: version, models, images.
        columns: The column of each model, by name.
        parts: Number of parts when the run is complete.
        files: The parts that are there, in order.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        """Read the manifest and list the parts.

        Args:
            folder: The folder.

        Raises:
            FileNotFoundError: If the folder has no manifest.
            ValueError: If the manifest is damaged.
        """
        self.folder = Path(folder)
        path = self.folder / MANIFEST
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder}: expected a folder with a {MANIFEST}, as `facekit predict --images` writes it, got none; "
                "check the path"
            )
        self.manifest: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"), str(path))
        try:
            models = self.manifest["models"]
            self.columns = {name: FaceColumn.from_dict(name, about) for name, about in models.items()}
            self.parts: int = self.manifest["parts"]
            kind, location = self.manifest["images"]["kind"], self.manifest["location"]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: expected models, images and parts, got damaged entries; run it again") from error
        self._images = Path(location) if kind == "folder" else None
        self.files = [file for part in range(self.parts) if (file := part_path(self.folder, part)).is_file()]

    @property
    def complete(self) -> bool:
        """Whether all parts are there."""
        return len(self.files) == self.parts

    def __len__(self) -> int:
        parquet = pyarrow("parquet")
        return sum(parquet.read_metadata(file).num_rows for file in self.files)

    def __repr__(self) -> str:
        return f"PredictionTable({', '.join(self.columns)}; {len(self.files)} of {self.parts} parts in {self.folder})"

    def __iter__(self) -> Iterator[ImageRow]:
        parquet = pyarrow("parquet")
        for path in self.files:
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(64):
                    for row in batch.to_pylist():
                        size = None if row["height"] is None else (row["height"], row["width"])
                        faces = {name: row[name] or [] for name in self.columns}
                        yield ImageRow(row["image"], size, row["error"], faces, self.columns, self._images)

    def arrow(self, columns: list[str] | None = None) -> Any:
        """Return the results as one `pyarrow.Table`, which is held in memory.

        Args:
            columns: Names of the columns to read. None is all.
        """
        pa, parquet = pyarrow(), pyarrow("parquet")
        wanted = table_schema(list(self.columns.values()))
        if columns is not None:
            wanted = pa.schema([wanted.field(name) for name in columns])
        tables = [parquet.read_table(file, columns=columns, partitioning=None) for file in self.files]
        return (
            pa.concat_tables([table.replace_schema_metadata(None) for table in tables])
            if tables
            else wanted.empty_table()
        )


def read(folder: str | os.PathLike[str]) -> PredictionTable:
    """Open the results that ``facekit predict MODEL --images SOURCE --out FOLDER`` has written.

    A run that has not ended yet can be read, too: its finished parts are there.

    Args:
        folder: The folder.

    Returns:
        The results. Loop over the rows, or take them as a `pyarrow.Table` by ``arrow()``.

    Raises:
        FileNotFoundError: If the folder holds no such results.
        ValueError: If its manifest is damaged.

    Example:
        >>> table = facekit.results.read("results")
        >>> for row in table:
        ...     if row.error is None:
        ...         row.result("landmarks").save(f"drawings/{row.name}.png")
    """
    return PredictionTable(folder)


def part_path(folder: Path, part: int) -> Path:
    """Return the path of a part of the results.

    Args:
        folder: Folder of the results.
        part: Number of the part, from 0.

    Returns:
        For example part-000007.parquet in the folder.
    """
    return folder / f"part-{part:06d}.parquet"


def table_schema(columns: list[FaceColumn]) -> Any:
    """Return the Arrow schema of the results: image, height, width, error, and a column per model."""
    pa = pyarrow()
    size = [("height", pa.int32()), ("width", pa.int32())]
    models = [(column.name, column.arrow_type()) for column in columns]
    return pa.schema([("image", pa.string()), *size, ("error", pa.string()), *models])
