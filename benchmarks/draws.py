"""Options of the few-shot benchmarks, and mean and standard deviation of a score over draws of labelled faces."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from typing import Any

import facekit
from facekit.papers.face_data import Data, Split


def options(description: str | None, faces: list[int], data: str) -> argparse.Namespace:
    """Read the command line of a few-shot benchmark.

    Args:
        description: Text of the help.
        faces: Default numbers of labelled faces.
        data: Folder that `FACEKIT_DATA` must contain.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, nargs="+", default=faces)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--backbone", choices=["fsma", "farl", "synthparse"], default="fsma")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--start", choices=["embedded", "none"], help="none: trained layers from scratch")
    parser.add_argument("--weights", help="imagenet with --backbone synthparse: the usual alternative to facekit")
    chosen = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit(f"FACEKIT_DATA is not set: this benchmark needs {data}/ in that folder")
    return chosen


def adapted(chosen: argparse.Namespace, data: Data, split: Split, seed: int) -> Any:
    """Adapt a model by `facekit.adapt`."""
    given = {"steps": chosen.steps, "start": chosen.start, "weights": chosen.weights}
    return facekit.adapt(
        split.images,
        split.labels,
        data.task,
        chosen.backbone,
        names=data.names,
        seed=seed,
        progress=False,
        **{name: value for name, value in given.items() if value is not None},
    )


def measure(chosen: argparse.Namespace, data: Data, column: str, name: str) -> None:
    """Print mean and standard deviation over the draws of one score.

    Args:
        chosen: The options.
        data: Data set to adapt and score on.
        column: Name of the score, in percent.
        name: Name of the score in the output.
    """
    print(f"draws {list(range(chosen.draws))}, {os.cpu_count()} cores", flush=True)
    for n in chosen.faces:
        scores, seconds = [], []
        for seed in range(chosen.draws):
            split = data.split(n, seed)
            model = adapted(chosen, data, split, seed)
            scores.append(data.score(model, split)[column])
            seconds.append(model.about["seconds"])
        spread = statistics.stdev(scores) if len(scores) > 1 else float("nan")
        each = ", ".join(f"{s:.2f}" for s in scores)
        mean, took = statistics.mean(scores), statistics.mean(seconds)
        print(f"{n:4d} faces: {name} {mean:.2f} +- {spread:.2f} % ({each}), adapting {took:.0f} s", flush=True)
