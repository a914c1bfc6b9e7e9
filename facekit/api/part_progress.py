"""Progress of work on parts that several processes share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm
from typing_extensions import Self

from ..core.extras import pyarrow
from ..data.image_parts import ImageParts
from ..results.prediction_table import part_path, table_schema


class PartProgress:
    """A progress bar over the images of all processes, with images per second and the time left.

    Of other processes, the images of finished parts are counted. The number of images in tar shards is an estimate:
    the mean of the finished shards.
    """

    def __init__(self, source: ImageParts, root: Path, shown: bool):
        """Count what is finished.

        Args:
            source: The images.
            root: Folder of the finished parts.
            shown: Whether to show the bar.
        """
        self._source, self._root = source, root
        self._finished: dict[int, tuple[int, int]] = {}
        self._part = -1
        options: dict[str, Any] = {"initial": self.rows(), "total": self._total(), "disable": not shown}
        self._bar: Any = tqdm(desc="images", unit=" images", smoothing=0, leave=False, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.close()

    def advance(self, part: int, images: int) -> None:
        """Add images of an unfinished part.

        Args:
            part: The part.
            images: Their number.
        """
        if self._bar.disable:
            return
        if part != self._part:
            self._part = part
            self._bar.n = self.rows()
            self._bar.total = self._total()
        self._bar.update(images)

    def rows(self) -> int:
        """Return the number of images in the parts that are finished now."""
        self._look()
        return sum(rows for rows, _ in self._finished.values())

    def failed(self) -> int:
        """Return how many of these images have an error."""
        return sum(failed for _, failed in self._finished.values())

    def _total(self) -> int | None:
        if self._source.images is not None:
            return self._source.images
        rows = sum(rows for rows, _ in self._finished.values())
        return round(self._source.parts * rows / len(self._finished)) if rows else None

    def _look(self) -> None:
        """Read the numbers of rows and of errors of parts that were finished since the last look."""
        parquet = pyarrow("parquet")
        error = table_schema([]).names.index("error")
        # One listing instead of a look for each part, which would be slow on a shared disk.
        present = set(os.listdir(self._root))
        for part in range(self._source.parts):
            if part not in self._finished and (path := part_path(self._root, part)).name in present:
                about = parquet.read_metadata(path)
                groups = [about.row_group(i) for i in range(about.num_row_groups)]
                empty = sum(group.column(error).statistics.null_count for group in groups)
                self._finished[part] = about.num_rows, about.num_rows - empty
