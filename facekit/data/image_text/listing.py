"""LAION-style listings: a table of addresses and texts, .parquet or .csv, read a part at a time."""

from __future__ import annotations

import csv
import itertools
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .download import fetch
from .local_files import bytes_of, check_table
from .pair import Pair, decode_for_storing
from .pair_sources import Failure

SUFFIXES = (".parquet", ".csv")
COLUMNS = ("url", "text")
# Servers are slow and many: so many are asked at once.
FETCHERS = 32

Row = tuple[str, str]


class Listing:
    """The pairs of a listing with the columns URL and TEXT (in any case).

    An address is a path (from the listing's folder) or a file:// one or, with `download`, an http(s):// one and no
    other: a listing whose images are on the web must not name files of this machine.
    Raises ValueError for a table without these columns or without rows, and for addresses on the web if they are not to
    be downloaded; ImportError that names the extra which brings pyarrow.
    """

    def __init__(self, path: Path, download: bool = False):
        check_table(path)
        self.path, self.download = path, download
        self.count, web = 0, 0
        for url, _ in self._rows(0):
            self.count += 1
            web += _scheme(url) in ("http", "https")
        if self.count == 0:
            raise ValueError(f"{path}: a table without rows, expected one image a row")
        if web and not download:
            raise ValueError(
                f"{path}: {web} of {self.count} images are on the web: pass --download to fetch them, or a listing "
                "of files"
            )
        self._reader: Iterator[Row] | None = None
        self._at = 0

    @property
    def name(self) -> str:
        return f"{self.path.resolve()}"

    def __len__(self) -> int:
        return self.count

    def read(self, start: int, stop: int) -> Iterator[Pair | Failure]:
        """Rows start..stop-1."""
        if self._reader is None or start < self._at:
            self._reader, self._at = self._rows(start), start
        next(itertools.islice(self._reader, start - self._at, start - self._at), None)
        rows = list(itertools.islice(self._reader, stop - start))
        self._at = stop
        if not self.download:
            yield from map(self._pair, rows)
            return
        with ThreadPoolExecutor(FETCHERS, "facekit-fetch") as threads:
            for first in range(0, len(rows), 2 * FETCHERS):
                yield from threads.map(self._pair, rows[first : first + 2 * FETCHERS])

    def _pair(self, row: Row) -> Pair | Failure:
        url, text = row
        try:
            image, encoded = decode_for_storing(self._bytes(url), "picture")
        except (OSError, ValueError) as error:
            return Failure(url, str(error))
        return Pair(url, image, text, encoded=encoded)

    def _bytes(self, url: str) -> bytes:
        scheme = _scheme(url)
        if scheme in ("http", "https"):
            return fetch(url)
        if self.download:
            raise ValueError("a file of this machine, in a listing that is downloaded: expected http or https")
        if scheme == "file":
            path = Path(urllib.request.url2pathname(urllib.parse.urlparse(url).path))
        elif scheme:
            raise ValueError(f"addresses that begin with {scheme}: are not read: expected http(s), file or a path")
        elif not url:
            raise ValueError("the address is empty")
        else:
            path = self.path.parent / url
        return bytes_of(path)

    def _rows(self, start: int) -> Iterator[Row]:
        return self._parquet(start) if self.path.suffix.lower() == ".parquet" else self._csv(start)

    def _csv(self, start: int) -> Iterator[Row]:
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file)
            url, text = _columns(next(reader, []), self.path)
            for row in itertools.islice((row for row in reader if row), start, None):
                # A short row lacks its last cells.
                yield tuple((row[i] if i < len(row) else "").strip() for i in (url, text))  # type: ignore[misc]

    def _parquet(self, start: int) -> Iterator[Row]:
        try:
            import pyarrow.parquet as parquet
        except ImportError as error:
            raise ImportError(f'{self.path}: reading .parquet needs pyarrow: pip install -e ".[train]"') from error
        try:
            file = parquet.ParquetFile(self.path)
        except (ValueError, OSError) as error:
            raise ValueError(f"{self.path}: not a readable parquet file ({error})") from error
        with file:
            names = file.schema_arrow.names
            chosen = [names[i] for i in _columns(names, self.path)]
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if start >= rows:
                    start -= rows
                    continue
                for part in file.iter_batches(1024, [group], columns=chosen):
                    cells = [part.column(name).to_pylist()[start:] for name in chosen]
                    start = max(0, start - part.num_rows)
                    yield from ((_text(url), _text(text)) for url, text in zip(*cells, strict=True))

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}


def _columns(names: list[str], path: Path) -> list[int]:
    plain = [str(name).strip().lower() for name in names]
    if any(column not in plain for column in COLUMNS):
        raise ValueError(f"{path}: columns {', '.join(map(str, names)) or '(none)'}: expected URL and TEXT among them")
    return [plain.index(column) for column in COLUMNS]


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _scheme(url: str) -> str:
    """ "http" of "http://..."; "" for a path, also one of a Windows drive."""
    scheme, mark, _ = url.partition("://")
    return scheme.lower() if mark and scheme.isalnum() else ""
