"""Writer of shards of pairs with faces, from sources of images and texts (`facekit shard`).

Each shard stands for a fixed range of the sources' images, whether or not some of them are left out. So shards are made
independently of each other: in several processes and machines, and after an interruption only the missing ones. The
report of a shard (the .json beside it) is written last and marks the shard as finished. Processes share the shards by
claims (`core.work_claims`).
"""

from __future__ import annotations

import csv
import functools
import json
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from ...core.atomic_file import whole_file
from ...core.json_text import parse_json
from ...core.output_paths import check_output
from ...core.work_claims import Claims, own_first, work_through
from .face_search import LONGEST, SCORE, PointFinder, shrink, with_faces
from .named_sources import ConcatSource
from .pair import Pair
from .pair_sources import Failure, Source
from .shard_files import shard_path, write_shard

log = logging.getLogger("facekit")


@dataclass(frozen=True)
class Settings:
    """Settings that decide the content of the shards.

    Attributes:
        per_shard: Number of source images per shard.
        score: Least score of a face, from 0 to below 1.
        longest: Most px of the longest side of a stored image, at least 32.
        faceless: Whether images without a face are stored, too.
    """

    per_shard: int = 1000
    score: float = SCORE
    longest: int = LONGEST
    faceless: bool = False

    def __post_init__(self) -> None:
        if self.per_shard < 1 or self.longest < 32 or not 0 <= self.score < 1:
            raise ValueError(
                f"per_shard={self.per_shard}, longest={self.longest}, score={self.score}: expected at least 1, at "
                "least 32 px, and a score from 0 to below 1"
            )


def write_sources(
    sources: Sequence[Source],
    out: str | os.PathLike[str],
    find_points: PointFinder,
    settings: Settings,
    workers: int = 1,
    progress: bool = True,
    rank: int = 0,
    processes: int = 1,
) -> dict[str, Any] | None:
    """Write the pairs of all sources as shards.

    A second call with the same arguments makes only the shards that are missing. Calls that run at the same time, also
    on several machines, share the shards. Each call ends when all shards are finished.

    Args:
        sources: The sources.
        out: Folder of the shards.
        find_points: Function that finds the 68 points of faces, see `face_search.with_faces`. It must be picklable if
            there are several processes.
        settings: Settings that decide the content of the shards.
        workers: Number of processes that this call starts, at least 1.
        progress: Whether to show a progress bar.
        rank: Number of this call among those that run at the same time, from 0.
        processes: Number of those calls.

    Returns:
        "out", the numbers "pairs", "shards", "without_face", "without_text" and "failed", and "failures": the path of
        the table of failed images, or None. In all calls but the first, None.

    Raises:
        ValueError: If the folder holds shards that were made with other settings.
        OutputError: If `out` cannot be written.
    """
    source = ConcatSource(sources)
    root = check_output(out, folder=True)
    # Folders of earlier versions know no "faceless".
    known = {name: value for name, value in asdict(settings).items() if name != "faceless" or value}
    _check_same_run(root, {"sources": source.names, **known})
    task = _Task(source, root, settings, find_points, Claims(root / ".claims"))
    numbers = range(-(-len(source) // settings.per_shard))
    read = {number: report["read"] for number in numbers if (report := _report(root, number)) is not None}
    missing = [number for number in own_first(len(numbers), rank, processes) if number not in read]
    with tqdm(
        total=len(source), initial=sum(read.values()), desc="pairs", unit="", disable=not progress, leave=False
    ) as bar:
        for number in _make(task, missing, workers, bar.update):
            report = _report(root, number)
            assert report is not None
            read[number] = report["read"]
            bar.update(sum(read.values()) - bar.n)
    task.claims.remove()
    return _summary(root, numbers) if rank == 0 else None


@dataclass(frozen=True)
class _Task:
    """What a process needs to write any of the shards."""

    source: ConcatSource
    root: Path
    settings: Settings
    find_points: PointFinder
    claims: Claims


def _make(task: _Task, missing: list[int], workers: int, advance: Callable[[int], Any]) -> Iterator[int]:
    """Make missing shards, except those that other calls make. Yield the number of each finished one."""
    if workers == 1 or len(missing) < 2:
        yield from work_through(missing, functools.partial(_attempt, task, advance))
        return
    # Forked children of a process with torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(missing)), context, _start_process, (task,)) as pool:
        try:
            yield from work_through(missing, _attempt_in_this_process, pool.map)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start_process(task: _Task) -> None:
    """Prepare a worker process: one thread, and the task as a global variable."""
    torch.set_num_threads(1)
    globals()["_task"] = task


def _attempt_in_this_process(number: int) -> bool:
    """Write a shard in a worker process, as `_attempt` does."""
    return _attempt(globals()["_task"], lambda _: None, number)


def _attempt(task: _Task, advance: Callable[[int], Any], number: int) -> bool:
    """Write a shard, unless another process writes it. Return whether it is finished."""
    return task.claims.attempt(number, lambda n: _report(task.root, n) is not None, lambda n: _write(task, n, advance))


def _write(task: _Task, number: int, advance: Callable[[int], Any]) -> None:
    """Write one shard and then its report. `advance` gets the number of images read."""
    source, settings = task.source, task.settings
    first = number * settings.per_shard
    report: dict[str, Any] = {"read": 0, "written": 0, "without_face": 0, "without_text": 0, "failed": []}

    def pairs_to_store() -> Iterator[Pair]:
        for item in source.read(first, min(first + settings.per_shard, len(source))):
            report["read"] += 1
            advance(1)
            if isinstance(item, Failure):
                report["failed"].append([item.name, item.reason])
            elif not item.text:
                report["without_text"] += 1
            else:
                pair = _with_faces(item, task)
                if isinstance(pair, Failure):
                    report["failed"].append([pair.name, pair.reason])
                    continue
                without = pair.points is None or len(pair.points) == 0
                report["without_face"] += without
                if settings.faceless or not without:
                    report["written"] += 1
                    yield pair

    path = shard_path(task.root, number)
    write_shard(path, pairs_to_store(), first)
    with whole_file(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(report, indent=1))


def _with_faces(pair: Pair, task: _Task) -> Pair | Failure:
    """Find the faces of a pair, unless it has points already."""
    if pair.points is not None:
        return pair
    try:
        return with_faces(shrink(pair, task.settings.longest), task.find_points, task.settings.score)
    except ValueError as error:  # for an image of an extreme shape, for example 1 px high
        return Failure(pair.name, str(error))


def _report(root: Path, number: int) -> dict[str, Any] | None:
    """Return the report of a finished shard. It is None if the shard is to be made."""
    path = shard_path(root, number)
    try:
        report = parse_json(path.with_suffix(".json").read_text(), str(path))
    except (OSError, ValueError):
        return None
    return report if path.exists() or report["written"] == 0 else None


def _check_same_run(root: Path, settings: dict[str, Any]) -> None:
    """Compare the settings with those of the folder's earlier run, or store them for later runs."""
    path = root / "shards.json"
    # Another process may write both in this moment: the settings first, then a shard.
    shards = any(root.glob("*.tar"))
    if path.exists():
        earlier = parse_json(path.read_text(), str(path))
        if not isinstance(earlier, dict):
            raise ValueError(f"{path}: expected the settings of a run, got a {type(earlier).__name__}; remove the file")
        if earlier != settings:
            changed = [key for key in settings if earlier.get(key) != settings[key]]
            raise ValueError(
                f"{root}: expected the settings of its earlier run, got other {', '.join(changed)} "
                f"({'; '.join(f'{key}: {earlier.get(key)}, now {settings[key]}' for key in changed)}); continue with "
                "those, or pass another --out"
            )
        return
    if shards:
        raise ValueError(
            f"{root}: expected no shards of another program or of write_shards, got such shards; pass another --out"
        )
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=1))


def _summary(root: Path, numbers: range) -> dict[str, Any]:
    """Add up the reports of all shards and write the table of failed images."""
    totals = {"pairs": 0, "shards": 0, "without_face": 0, "without_text": 0, "failed": 0}
    failures = root / "failures.csv"
    with whole_file(failures) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "reason"])
        for number in numbers:
            report = _report(root, number)
            assert report is not None
            totals["pairs"] += report["written"]
            totals["shards"] += report["written"] > 0
            totals["without_face"] += report["without_face"]
            totals["without_text"] += report["without_text"]
            totals["failed"] += len(report["failed"])
            writer.writerows(report["failed"])
    if totals["failed"] == 0:
        failures.unlink(missing_ok=True)  # calls that were started by hand do this at the same time
    else:
        log.warning("%d images could not be read; %s lists the reasons", totals["failed"], failures)
    if totals["pairs"] == 0:
        left_out = totals["without_face"], totals["without_text"]
        log.warning("no pair is left: %d images are without a face, %d without a text", *left_out)
    return {"out": str(root), **totals, "failures": str(failures) if totals["failed"] else None}
