"""Predictions of many images, shared by processes and machines, as a table in Parquet files.

The images are split into numbered parts, and each part gives one Parquet file. A part that is there is finished. So a
stopped run goes on with the missing parts, in any number of processes. The processes share parts by claims
(`core.work_claims`) and exchange nothing else.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..alignment import check_align
from ..core.arguments import short_repr
from ..core.atomic_file import whole_file
from ..core.extras import pyarrow
from ..core.file_digest import file_digest
from ..core.global_state import default_settings
from ..core.json_text import parse_json
from ..core.output_paths import check_output
from ..core.version import __version__
from ..core.work_claims import Claims, own_first, work_through
from ..data.image_parts import ImageParts, PartImage, decode_ahead, open_image_parts
from ..images import ImageError
from ..model import READY, Model, resolve_model
from ..model.prediction import FramedImage, frame_image, image_groups, predict_group
from ..results.drawable import Drawable
from ..results.face_columns import FaceColumn
from ..results.prediction_table import MANIFEST, part_path, table_schema
from ..training.distributed import launched_processes, local_device
from ..zoo.embedded import embedded_file
from .part_progress import PartProgress

log = logging.getLogger("facekit")

# Rows and bytes of masks and images that are held before they are written to the file of a part.
_ROWS, _BYTES = 1000, 32_000_000
# Unreadable parts that a message names.
_LISTED = 5


class _UnreadablePart(Exception):  # noqa: N818
    """A part of the images cannot be read."""


@default_settings()
def predict_table(
    models: Sequence[str],
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    per_part: int = 1000,
    workers: int = 2,
    align: str | None = None,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> dict[str, Any] | None:
    """Run models on many images and write the results as Parquet files.

    Started by torchrun or accelerate, or several times by hand, the processes share the images. A second call with the
    same arguments makes only the parts that are missing. `facekit.results.read` reads the results.

    Args:
        models: Names of ready models, or paths of .facekit files. Faces are searched once for all models,
            and a frozen backbone that several share runs once per face.
        images: A folder of images, tar shards, or a .parquet or .csv listing; see `open_image_parts`.
        out: Folder of the results, which all processes see.
        per_part: Number of images per part. A tar shard is always one part.
        workers: Number of threads that decode images and search for faces, while the network runs on earlier images.
        align: How faces are cropped. None is each model's own way.
        device: Where to run. None is the best device; each of several processes takes a GPU of its own.
        progress: Whether the first process shows a progress bar.

    Returns:
        "out", the numbers "images", "failed" and "parts", and "images_per_second" of all processes in this run. None in
        all processes but the first.

    Raises:
        ValueError: If an argument is wrong, the folder holds other results, or parts of the images cannot be read.
        FileNotFoundError: If the images or a model do not exist.
        ImportError: If pyarrow is missing.
        OutputError: If `out` cannot be written.

    Example:
        >>> predict_table(["landmarks", "attributes"], "photos", "results")["images"]
        10000
    """
    pyarrow()
    if workers < 1:
        raise ValueError(f"workers={workers}: expected at least 1; pass 1 or more")
    root = check_output(out, folder=True)
    source = open_image_parts(images, per_part)
    rank, processes = launched_processes()
    run = _Run(*_load(models, local_device(device), align), align, source, root, workers)
    _check_manifest(root, run)
    claims = Claims(root / ".claims")
    unreadable: dict[int, str] = {}
    started = time.monotonic()
    with PartProgress(source, root, progress and rank == 0) as bar:
        before = bar.rows()

        def write(part: int) -> None:
            try:
                _write_part(run, part, bar)
            except _UnreadablePart as error:
                unreadable[part] = str(error)

        def attempt(part: int) -> bool:
            return claims.attempt(part, lambda n: part_path(root, n).is_file(), write)

        for _ in work_through(own_first(source.parts, rank, processes), attempt):
            pass
        rows = bar.rows()
    if unreadable:
        listing = "; ".join(list(unreadable.values())[:_LISTED])
        raise ValueError(
            f"{len(unreadable)} of {source.parts} parts of the images cannot be read: {listing}; repair them and run "
            "the same command again, which makes only these parts"
        )
    claims.remove()
    failed = bar.failed()
    if failed:
        log.warning("%d of %d images have an error instead of results; see the column error", failed, rows)
    rate = round((rows - before) / (time.monotonic() - started), 2)
    summary = {"out": str(root), "images": rows, "failed": failed, "parts": source.parts, "images_per_second": rate}
    return summary if rank == 0 else None


@dataclass(frozen=True)
class _Run:
    """What a process needs to write any of the parts."""

    models: list[Model]
    columns: list[FaceColumn]
    digests: list[str]
    align: str | None
    source: ImageParts
    root: Path
    workers: int

    @default_settings()
    def frame(self, image: NDArray[np.uint8]) -> FramedImage:
        """Find the faces of an image. Threads call it, each with settings of its own."""
        return frame_image(self.models, image, None, self.align)


def _load(
    names: Sequence[str], device: str | torch.device | None, align: str | None
) -> tuple[list[Model], list[FaceColumn], list[str]]:
    """Load the models. Return them with their columns and the digests of their files."""
    if isinstance(names, str) or not names:
        raise ValueError(f"models={short_repr(names)}: expected a list of at least one name or file; pass a list")
    models = [resolve_model(name, device) for name in names]
    labels = [name if name in READY else Path(name).stem for name in names]
    wrong = [label for label in labels if labels.count(label) > 1 or label in table_schema([]).names]
    if wrong:
        raise ValueError(f"models: expected different names, got {wrong[0]!r} twice or as a reserved name; rename it")
    searched = [check_align(align or model.align) != "none" for model in models]
    columns = [FaceColumn(*about) for about in zip(labels, (m.task.labels for m in models), searched, strict=True)]
    return models, columns, [file_digest(embedded_file(n) if n in READY else Path(n)) for n in names]


def _check_manifest(root: Path, run: _Run) -> None:
    """Compare the run with that of the folder's manifest, or write the manifest."""
    columns = zip(run.columns, run.models, run.digests, strict=True)
    models = {c.name: {"digest": d, "align": run.align or m.align, **c.to_dict()} for c, m, d in columns}
    source = run.source
    manifest = {"facekit": __version__, "models": models, "images": source.about, "parts": source.parts}
    path = root / MANIFEST
    # Another process may write both in this moment: the manifest first, then a part.
    parts = any(root.glob("part-*.parquet"))
    if path.exists():
        earlier = parse_json(path.read_text(encoding="utf-8"), str(path))
        wanted = json.loads(json.dumps(manifest))
        changed = [key for key in wanted if not isinstance(earlier, dict) or earlier.get(key) != wanted[key]]
        if changed:
            raise ValueError(
                f"{root}: expected the {', '.join(changed)} of its earlier run, got others; continue with those, or "
                "pass another --out"
            )
        return
    if parts:
        raise ValueError(f"{root}: expected a new folder, got one with parts and no {MANIFEST}; pass another --out")
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps({**manifest, "location": source.location}, indent=1), encoding="utf-8")


def _write_part(run: _Run, part: int, bar: PartProgress) -> None:
    """Predict the images of a part and write its file."""
    pa, parquet = pyarrow(), pyarrow("parquet")
    schema = table_schema(run.columns)
    rows: list[dict[str, Any]] = []
    size = 0
    with (
        whole_file(part_path(run.root, part)) as temporary,
        parquet.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for group in image_groups(decode_ahead(_read(run.source, part), run.workers, run.frame)):
            new = _predict_rows(run, group)
            rows += new
            size += sum(_stored_bytes(row) for row in new)
            if len(rows) >= _ROWS or size >= _BYTES:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows, size = [], 0
            bar.advance(part, len(new))
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema))


def _read(source: ImageParts, part: int) -> Iterator[PartImage]:
    """Read a part of the images. Its own errors become `_UnreadablePart`."""
    try:
        yield from source.read(part)
    except (ValueError, OSError) as error:
        raise _UnreadablePart(str(error)) from error


def _predict_rows(run: _Run, group: Iterable[tuple[str, FramedImage | ImageError]]) -> list[dict[str, Any]]:
    """Return one row per image."""
    found = iter(_predict_each(run, [image for _, image in group if isinstance(image, FramedImage)]))
    rows = []
    for name, image in group:
        row: dict[str, Any] = {"image": name}
        outcomes = image if isinstance(image, ImageError) else next(found)
        if isinstance(image, FramedImage):
            row |= {"height": image.image.shape[0], "width": image.image.shape[1]}
        if isinstance(outcomes, ImageError):
            row["error"] = str(outcomes)
        else:
            row |= {c.name: c.cell(outcome) for c, outcome in zip(run.columns, outcomes, strict=True)}
        rows.append(row)
    return rows


def _predict_each(run: _Run, images: Sequence[FramedImage]) -> list[tuple[Drawable, ...] | ImageError]:
    """Return the outcomes of all models per image, or the error of an image that cannot be predicted."""
    if not images:
        return []
    try:
        return list(zip(*predict_group(run.models, images, run.align), strict=True))
    except ValueError as error:  # for an image of an extreme shape, for example 1 px high
        if len(images) == 1:
            return [ImageError(str(error))]
        return [outcome for image in images for outcome in _predict_each(run, [image])]


def _stored_bytes(row: dict[str, Any]) -> int:
    """Return the number of bytes of the encoded masks and images of a row."""
    cells = (cell for cell in row.values() if isinstance(cell, list))
    return sum(len(value) for cell in cells for face in cell for value in face.values() if isinstance(value, bytes))
