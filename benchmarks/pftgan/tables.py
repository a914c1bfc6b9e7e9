"""Segment parts from one to five labelled faces: PFTGAN, the methods of its comparison, and its ablations (mIoU, %).

    python -m benchmarks.pftgan.tables shots --runs runs.jsonl
    python -m benchmarks.pftgan.tables ablations --runs runs.jsonl
    python -m benchmarks.pftgan.tables beyond --runs runs.jsonl

shots: Tables 1 and 2 at a small scale.
ablations: Tables 4 to 6, the perceptual distance and the colours, all with one labelled face.
beyond: landmarks and stylization, which the paper does not contain.

There are two data sets. "generated" has 27 parts on rendered faces; 64 faces of other people are scored. "fasseg"
(``FACEKIT_DATA``) has 20 frontal photos in six classes; those that were not drawn are scored. Each draw takes other
labelled faces. The unlabelled support images are the images that are scored, as in the paper. All methods use the same
crops (``align="ffhq"``). Tables hold mean and standard deviation over ``--draws``. Each run is one line of the file
``--runs``. A stopped command continues after the runs that the file contains.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import facekit
from facekit.backbones.pftgan.config import NEAR
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, FASSEG_6
from facekit.model import find_frames as frames_in
from facekit.papers.face_data import LANDMARKS, SKETCHES, Data, Split, split_fasseg

from ..runbook import RunBook

SIDE, UNSEEN, LABELLED = 192, 64, 40
# Arguments of `facekit.adapt`. The last two use no few-shot features: a UNet from random weights, and one that was
# trained on 19 classes of labelled faces.
METHODS: dict[str, dict[str, Any]] = {
    "PFTGAN": {"recipe": "quick"},
    "PFTGAN, paper": {"recipe": "paper"},
    "DatasetGAN": {"recipe": "datasetgan"},
    "FaRL-mini": {"recipe": "farl"},
    "UNet": {"backbone": "synthparse", "weights": "none", "start": "none"},
    "UNet, ready parser": {"backbone": "synthparse"},
}
# Changes of the quick recipe.
ABLATIONS: dict[str, dict[str, Any]] = {
    "two streams, shared to 8 px, steps 1+2, colours not read": {},
    "single stream (Table 4)": {"image_stream": False},
    "nothing shared (Table 5)": {"shared": 0},
    "all shared (Table 5)": {"shared": 64},
    "vanilla fine-tuning (Table 6)": {"stages": "v"},
    "no fine-tuning (Table 6)": {"stages": ""},
    "step 1, colours read (Table 6)": {"stages": "1", "reads_colours": True},
    "steps 1+2, colours read (Table 6)": {"stages": "12", "reads_colours": True},
    "steps 1+2+3, colours read (Table 6)": {"stages": "123", "reads_colours": True},
    "distance: the parser's features": {"perceptual": "parser"},
    "codes refined in 100 steps": {"refine": 100},
    "eight views of the face": {"views": 8, **NEAR},
}
# Data, labelled images, the score that is shown and its digits.
BEYOND: dict[str, tuple[Data, tuple[int, ...], str, int]] = {
    "68 points, 300-W lfpw_test, NME %": (LANDMARKS, (1, 10), "nme_inter_ocular", 2),
    "photo to sketch, CUFS, LPIPS": (SKETCHES, (1, 10), "lpips", 3),
}
# Sketches are face crops already. Photos are cropped for landmarks as each backbone was pre-trained.
FRAMES = {"pftgan": "ffhq", "fsma": "landmarks"}


@functools.cache
def rendered() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return generated faces whose people are in no training: first those to label, then those to score."""
    faces = GeneratedFaces(seed=620, size=SIDE, framing=2.2, yaw=(-25, 25), pitch=(-12, 12), roll=(-10, 10))
    found = faces.batch(range(LABELLED + UNSEEN), want=("image", "mask"))
    return list(found["image"].permute(0, 2, 3, 1).numpy()), list(found["mask"].numpy())


def split_generated(n: int, seed: int) -> Split:
    """Draw `n` generated faces; score the others."""
    images, masks = rendered()
    drawn = random.Random(seed).sample(range(LABELLED), LABELLED)
    # An image in which no face is found is not labelled, as a user would do.
    few = list(itertools.islice((i for i in drawn if frames_in(images[i], "ffhq", None)), n))
    return Split([images[i] for i in few], [masks[i] for i in few], images[LABELLED:], masks[LABELLED:])


SETS: dict[str, tuple[Callable[[int, int], Split], Any]] = {
    "generated": (split_generated, FACEKIT_27),
    "fasseg": (split_fasseg, FASSEG_6),
}


def measured(name: str, shots: int, seed: int, settings: dict[str, Any]) -> dict[str, float]:
    """Return mIoU in percent, seconds of adapting and milliseconds per predicted face."""
    splitting, names = SETS[name]
    split = splitting(shots, seed)
    how = {"backbone": "pftgan", **settings}
    if how["backbone"] == "pftgan" and how.get("recipe", "quick") in ("quick", "paper"):
        alone = not how.get("image_stream", True) or how.get("stages") == ""
        how |= {} if alone else {"support_images": split.unseen}
    model = facekit.adapt(
        split.images, split.labels, "segmentation", names=names, align="ffhq", seed=seed, progress=False, **how
    )
    scores = facekit.evaluate(model, split.unseen, split.truth)
    started = time.monotonic()
    for image in split.unseen[:10]:
        facekit.predict(model, image, align="none")
    took = (time.monotonic() - started) * 100
    return {"miou": scores["miou"], "seconds": model.about["seconds"], "ms": took}


def spread(values: list[float], digits: int) -> str:
    """Return mean and standard deviation over the draws as text, or the single value."""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def table(book: RunBook, sets: list[str], shots: list[int], draws: int, rows: dict[str, dict[str, Any]]) -> None:
    """Print one table per data set."""
    for name in sets:
        print(
            f"\n{name}, mIoU %, {draws} draws\n| | "
            + " | ".join(f"{n} labelled" for n in shots)
            + " | adapting, s | predicting, ms |"
        )
        print("|---|" + "---|" * (len(shots) + 2), flush=True)
        for row, settings in rows.items():
            cells, seconds, ms = [], [], []
            for n in shots:
                found = []
                for seed in range(draws):
                    key = {"set": name, "row": row, "shots": n, "seed": seed}
                    found.append(book.once(key, functools.partial(measured, name, n, seed, settings)))
                cells.append(spread([f["miou"] for f in found], 1))
                seconds.append(f"{statistics.mean(f['seconds'] for f in found):.0f}")
                ms.append(f"{statistics.mean(f['ms'] for f in found):.0f}")
            print(f"| {row} | {' | '.join(cells)} | {', '.join(seconds)} | {', '.join(ms)} |", flush=True)


def measured_beyond(data: Data, shown: str, shots: int, seed: int, backbone: str) -> dict[str, float]:
    """Return the score of one backbone on landmarks or sketches, and the seconds of adapting."""
    split = data.split(shots, seed)
    align = FRAMES[backbone] if data is LANDMARKS else "none"
    model = facekit.adapt(
        split.images, split.labels, data.task, backbone, names=data.names, align=align, seed=seed, progress=False
    )
    scores = facekit.evaluate(model, split.unseen, split.truth)
    return {"score": scores[shown], "seconds": model.about["seconds"]}


def table_beyond(book: RunBook, draws: int) -> None:
    """Print the table of landmarks and sketches."""
    print(f"| {draws} draws | labelled | " + " | ".join(FRAMES) + " |\n|---|---|" + "---|" * len(FRAMES), flush=True)
    for name, (data, counts, shown, digits) in BEYOND.items():
        for n in counts:
            cells = []
            for backbone in FRAMES:
                values = []
                for seed in range(draws):
                    key = {"set": name, "row": backbone, "shots": n, "seed": seed}
                    run = functools.partial(measured_beyond, data, shown, n, seed, backbone)
                    values.append(book.once(key, run)["score"])
                cells.append(spread(values, digits))
            print(f"| {name} | {n} | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["shots", "ablations", "beyond"])
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--shots", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--rows", nargs="+", help="only these")
    parser.add_argument("--runs", type=Path, default=Path("parts.jsonl"))
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ and (a.what == "beyond" or "fasseg" in a.sets):
        sys.exit("FACEKIT_DATA is not set: this needs real faces; or take --sets generated for shots and ablations")
    if a.what == "beyond":
        table_beyond(RunBook(a.runs), a.draws)
        return
    rows = METHODS if a.what == "shots" else ABLATIONS
    unknown = sorted(set(a.rows or ()) - rows.keys())
    if unknown:
        sys.exit(f"--rows {unknown[0]!r}: expected some of {', '.join(map(repr, rows))}")
    chosen = {name: rows[name] for name in rows if a.rows is None or name in a.rows}
    table(RunBook(a.runs), a.sets, a.shots if a.what == "shots" else [1], a.draws, chosen)


if __name__ == "__main__":
    main()
