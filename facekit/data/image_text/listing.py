"""Tables of image addresses and texts in the style of LAION: .parquet or .csv, read in parts."""

from __future__ import annotations

import csv
import itertools
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .download import fetch
from .local_files import bytes_of, check_table
from .pair import Pair, decode_for_storing
from .pair_sources import Failure

SUFFIXES = (".parquet", ".csv")
COLUMNS = ("url", "text")
# Number of parallel downloads: servers are slow and many.
FETCHERS = 32

# The chosen cells of a row.
Row = tuple[str, ...]


class Listing:
    """The pairs of a table with the columns URL and TEXT, in upper or lower case.

    Without `download` an address is a path, relative to the table's folder, or a file:// address. With `download` only
    http:// and https:// are read: a table of web images must not name files of this machine.

    Attributes:
        path: The table.
        download: Whether images are downloaded.
        count: Number of rows.
    """

    def __init__(self, path: Path, download: bool = False, columns: Sequence[str] = COLUMNS):
        """Count the rows and check the columns.

        Args:
            path: The table, .parquet or .csv.
            download: Whether to download images that are on the web.
            columns: The columns to read, "url" first. Without "text", only addresses can be read.

        Raises:
            ValueError: If the table lacks a column or has no rows, or has web addresses and `download` is False.
            ImportError: If a .parquet file comes and pyarrow is missing. The text names the extra to install.
            FileNotFoundError: If the table does not exist.
        """
        check_table(path)
        self.path, self.download, self._columns = path, download, columns
        self.count, web = 0, 0
        for row in self._rows(0):
            self.count += 1
            web += _scheme(row[0]) in ("http", "https")
        if self.count == 0:
            raise ValueError(f"{path}: expected one image per row, got a table without rows")
        if web and not download:
            raise ValueError(
                f"{path}: {web} of {self.count} images are on the web, expected files; pass --download to fetch them, "
                "or a listing of files"
            )
        self._reader: Iterator[Row] | None = None
        self._position = 0

    @property
    def name(self) -> str:
        """Path of the table."""
        return f"{self.path.resolve()}"

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Read rows `start` to `stop - 1`. The same range always gives the same rows.

        Args:
            start: First row, from 0.
            stop: End of the range, exclusive.

        Yields:
            A pair or a failure per row.
        """
        rows = self._read_rows(start, stop)
        if not self.download:
            yield from map(self._pair, rows)
            return
        with ThreadPoolExecutor(FETCHERS, "facekit-fetch") as threads:
            for first in range(0, len(rows), 2 * FETCHERS):
                yield from threads.map(self._pair, rows[first : first + 2 * FETCHERS])

    def addresses(self, start: int, stop: int) -> list[str]:
        """Return the addresses of rows `start` to `stop - 1`."""
        return [row[0] for row in self._read_rows(start, stop)]

    def _read_rows(self, start: int, stop: int) -> list[Row]:
        """Read rows `start` to `stop - 1`."""
        if self._reader is None or start < self._position:
            self._reader, self._position = self._rows(start), start
        next(itertools.islice(self._reader, start - self._position, start - self._position), None)
        self._position = stop
        return list(itertools.islice(self._reader, stop - start))

    def _pair(self, row: Row) -> Pair | Failure:
        """Read the image of a row."""
        url, text = row
        try:
            image, encoded = decode_for_storing(self.bytes_at(url), "image")
        except (OSError, ValueError) as error:
            return Failure(url, str(error))
        return Pair(url, image, text, encoded=encoded)

    def bytes_at(self, url: str) -> bytes:
        """Read or download the file behind an address.

        Raises:
            OSError: If the file cannot be read.
            ValueError: If the address is of another kind than the listing may have.
        """
        scheme = _scheme(url)
        if scheme in ("http", "https"):
            return fetch(url)
        if self.download:
            raise ValueError("expected an http or https address, got a file of this machine in a downloaded listing")
        if scheme == "file":
            path = Path(urllib.request.url2pathname(urllib.parse.urlparse(url).path))
        elif scheme:
            raise ValueError(f"expected an http(s) or file address or a path, got one that begins with {scheme}:")
        elif not url:
            raise ValueError("the address is empty")
        else:
            path = self.path.parent / url
        return bytes_of(path)

    def _rows(self, start: int) -> Iterator[Row]:
        """Yield the chosen cells of the rows from `start` on."""
        return self._parquet(start) if self.path.suffix.lower() == ".parquet" else self._csv(start)

    def _csv(self, start: int) -> Iterator[Row]:
        """Yield the rows of a .csv file from `start` on."""
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file)
            places = _places(next(reader, []), self.path, self._columns)
            for row in itertools.islice((row for row in reader if row), start, None):
                # A short row lacks its last cells.
                yield tuple((row[i] if i < len(row) else "").strip() for i in places)

    def _parquet(self, start: int) -> Iterator[Row]:
        """Yield the rows of a .parquet file from `start` on."""
        try:
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise ImportError(f'{self.path}: reading .parquet needs pyarrow; pip install -e ".[train]"') from error
        try:
            file = parquet.ParquetFile(self.path)
        except (ValueError, OSError) as error:
            raise ValueError(f"{self.path}: expected a parquet file, got unreadable bytes ({error})") from error
        with file:
            names = file.schema_arrow.names
            chosen = [names[i] for i in _places(names, self.path, self._columns)]
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if start >= rows:
                    start -= rows
                    continue
                for part in file.iter_batches(1024, [group], columns=chosen):
                    cells = [part.column(name).to_pylist()[start:] for name in chosen]
                    start = max(0, start - part.num_rows)
                    yield from (tuple(map(_text, row)) for row in zip(*cells, strict=True))

    def __getstate__(self) -> dict[str, Any]:
        # An open reader cannot be pickled.
        return self.__dict__ | {"_reader": None}


def _places(names: list[str], path: Path, columns: Sequence[str]) -> list[int]:
    """Return the positions of columns, in upper or lower case."""
    plain = [str(name).strip().lower() for name in names]
    if any(column not in plain for column in columns):
        expected = f"expected {'columns' if len(columns) > 1 else 'a column'} {' and '.join(map(str.upper, columns))}"
        raise ValueError(f"{path}: {expected}, got {', '.join(map(str, names)) or 'none'}")
    return [plain.index(column) for column in columns]


def _text(cell: Any) -> str:
    """Return a cell as text. An empty cell is ""."""
    return "" if cell is None else str(cell).strip()


def _scheme(url: str) -> str:
    """Return "http" of "http://...". It is "" for a path, also for a path with a Windows drive."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark and scheme.isalnum() else ""
