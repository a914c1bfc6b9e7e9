"""`facekit shard`: from sources of images and texts to shards of pairs with faces, resumable at any moment.

Each shard stands for a fixed run of the sources' images, whatever is left out of it. So shards are made independently
of each other: in several processes, and again after an interruption only those that are not there yet. A shard's report
(.json beside it) is written last and says that it is done.
"""

from __future__ import annotations

import csv
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
from ...core.device import pick_device
from ...core.json_text import parse_json
from ...core.output_paths import check_output
from ..face_sources import named_source
from . import listing
from . import pair_sources as sources
from .faces import LONGEST, SCORE, shrink, with_faces
from .pair import Pair
from .shards import shard_path, write_shard

log = logging.getLogger("facekit")


@dataclass(frozen=True)
class Settings:
    """per_shard: images a shard stands for. score: the least of a face. longest: side of stored images, px."""

    per_shard: int = 1000
    score: float = SCORE
    longest: int = LONGEST

    def __post_init__(self) -> None:
        if self.per_shard < 1 or self.longest < 32 or not 0 <= self.score < 1:
            raise ValueError(
                f"per_shard={self.per_shard}, longest={self.longest}, score={self.score}: expected at least 1, at "
                "least 32 px, and a score from 0 to below 1"
            )


def make_shards(
    listed: Sequence[str],
    out: str | os.PathLike[str],
    *,
    texts: str | os.PathLike[str] | None = None,
    download: bool = False,
    size: int = 256,
    seed: int = 0,
    workers: int = 1,
    progress: bool = True,
    per_shard: int = 1000,
    score: float = SCORE,
    longest: int = LONGEST,
    device: str | torch.device | None = None,
) -> dict[str, Any]:
    """Write the pairs of all sources under `out` and say how many there are and what was left out.

    listed: folders of images, folders or files of .tar shards, .parquet or .csv listings, "generated:COUNT",
    "celebahq128" or its first "celebahq128:COUNT". texts: .csv of file name and caption for the
    one folder of images. download: fetch what a listing has on the web. size: side of generated faces, px. workers:
    processes. score: images without a face above it are left out. longest: larger images are shrunk to this side.
    seed: of wordings and generated faces. device: renders generated faces; None is the best there is.
    Run again with the same arguments it makes only what is missing.
    Raises ValueError for an unknown source, for settings out of range and for a folder made with others;
    FileNotFoundError for a source that is not there.
    """
    settings = Settings(per_shard, score, longest)
    if workers < 1:
        raise ValueError(f"workers={workers}: expected at least 1")
    joined = Joined(open_sources(listed, texts, download, size, seed, pick_device(device)))
    root = check_output(out, folder=True)
    _check_same_run(root, {"sources": joined.names, **asdict(settings)})
    numbers = range(-(-len(joined) // per_shard))
    reports = {number: report for number in numbers if (report := _report(root, number)) is not None}
    waiting = [number for number in numbers if number not in reports]
    done = sum(report["read"] for report in reports.values())
    with tqdm(total=len(joined), initial=done, desc="pairs", unit="", disable=not progress, leave=False) as bar:
        if workers == 1 or len(waiting) < 2:
            for number in waiting:
                _make(joined, root, settings, number, bar.update)
        else:
            _make_in_processes(joined, root, settings, waiting, workers, bar.update)
    return _outcome(root, numbers)


def open_sources(
    listed: Sequence[str],
    texts: str | os.PathLike[str] | None,
    download: bool,
    size: int,
    seed: int,
    device: str | torch.device | None = None,
) -> list[sources.Source]:
    """The sources by name. device: renders generated faces; None is the CPU. Errors as make_shards's."""
    found: list[sources.Source] = []
    for text in listed:
        path = Path(text).expanduser()
        named = named_source(text)
        if named is not None:
            name, count = named
            celeba = name == "celebahq128"
            found.append(sources.CelebaHQ(seed, count) if celeba else sources.Generated(count or 0, size, seed, device))
        elif not path.exists():
            raise FileNotFoundError(
                f"{text!r}: no such file or folder; expected a folder of images or .tar shards, a .parquet or .csv "
                "listing, 'celebahq128' or 'generated:COUNT'"
            )
        elif path.suffix == ".tar" or (path.is_dir() and any(path.glob("*.tar"))):
            found.append(sources.Shards(path))
        elif path.suffix.lower() in listing.SUFFIXES:
            found.append(listing.Listing(path, download))
        elif path.is_dir():
            found.append(sources.Folder(path, None if texts is None else Path(texts)))
        else:
            raise ValueError(f"{text!r}: a {path.suffix or 'plain'} file came, expected .tar, .parquet or .csv")
    folders = sum(isinstance(source, sources.Folder) for source in found)
    if texts is not None and folders != 1:
        raise ValueError(f"--texts belongs to one folder of images, but {folders} came")
    if not found:
        raise ValueError("no source came: pass a folder of images, a listing, 'celebahq128' or 'generated:COUNT'")
    return found


class Joined:
    """Several sources in a row."""

    def __init__(self, parts: Sequence[sources.Source]):
        self.parts = list(parts)
        self.names = [f"{part.name} ({len(part)})" for part in parts]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def read(self, start: int, stop: int) -> Iterator[Pair | sources.Failure]:
        for part in self.parts:
            if start < len(part) and stop > 0:
                yield from part.read(max(start, 0), min(stop, len(part)))
            start, stop = start - len(part), stop - len(part)


def _make(joined: Joined, root: Path, settings: Settings, number: int, tick: Callable[[int], Any]) -> None:
    first = number * settings.per_shard
    report: dict[str, Any] = {"read": 0, "written": 0, "without_face": 0, "without_text": 0, "failed": []}

    def good() -> Iterator[Pair]:
        for pair in joined.read(first, min(first + settings.per_shard, len(joined))):
            report["read"] += 1
            tick(1)
            if isinstance(pair, sources.Failure):
                report["failed"].append([pair.name, pair.reason])
            elif not pair.text:
                report["without_text"] += 1
            else:
                found = _with_faces(pair, settings)
                if isinstance(found, sources.Failure):
                    report["failed"].append([found.name, found.reason])
                elif found.points is None or len(found.points) == 0:
                    report["without_face"] += 1
                else:
                    report["written"] += 1
                    yield found

    path = shard_path(root, number)
    write_shard(path, good(), first)
    with whole_file(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(report, indent=1))


def _with_faces(pair: Pair, settings: Settings) -> Pair | sources.Failure:
    if pair.points is not None:
        return pair
    try:
        return with_faces(shrink(pair, settings.longest), settings.score)
    except ValueError as error:  # of strange shapes: 1 px high, say
        return sources.Failure(pair.name, str(error))


def _make_in_processes(
    joined: Joined, root: Path, settings: Settings, numbers: list[int], workers: int, tick: Callable[[int], Any]
) -> None:
    # Forked children of a process with torch's threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(numbers)), context, _begin, (joined, root, settings)) as pool:
        try:
            for read in pool.map(_make_here, numbers):
                tick(read)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _begin(*task: Any) -> None:
    import torch

    torch.set_num_threads(1)
    globals()["_task"] = task


def _make_here(number: int) -> int:
    joined, root, settings = globals()["_task"]
    _make(joined, root, settings, number, lambda _: None)
    report = _report(root, number)
    assert report is not None
    return report["read"]


def _report(root: Path, number: int) -> dict[str, Any] | None:
    """What is known of a finished shard, None of one that is to be made."""
    path = shard_path(root, number)
    try:
        report = parse_json(path.with_suffix(".json").read_text(), str(path))
    except (OSError, ValueError):
        return None
    return report if path.exists() or report["written"] == 0 else None


def _check_same_run(root: Path, about: dict[str, Any]) -> None:
    path = root / "shards.json"
    if path.exists():
        before = parse_json(path.read_text(), str(path))
        if not isinstance(before, dict):
            raise ValueError(f"{path}: a {type(before).__name__} came, expected the settings of a run: remove the file")
        if before != about:
            changed = [key for key in about if before.get(key) != about[key]]
            raise ValueError(
                f"{root} holds shards made with other {', '.join(changed)} "
                f"({'; '.join(f'{key}: {before.get(key)}, now {about[key]}' for key in changed)}): go on with those, "
                "or pass another --out"
            )
        return
    if any(root.glob("*.tar")):
        raise ValueError(f"{root} holds shards of another program or of write_shards: pass another --out")
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1))


def _outcome(root: Path, numbers: range) -> dict[str, Any]:
    totals = {"pairs": 0, "shards": 0, "without_face": 0, "without_text": 0, "failed": 0}
    log_file = root / "failures.csv"
    with whole_file(log_file) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
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
        log_file.unlink()
    else:
        log.warning("%d images could not be read: %s says why", totals["failed"], log_file)
    if totals["pairs"] == 0:
        left_out = totals["without_face"], totals["without_text"]
        log.warning("no pair is left: %d images are without a face, %d without a text", *left_out)
    return {"out": str(root), **totals, "failures": str(log_file) if totals["failed"] else None}
