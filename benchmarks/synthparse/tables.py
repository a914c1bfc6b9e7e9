"""Run the experiment of "In the Wild Face Parsing in Synthetic-Data Trained Models": generated faces instead of labels.

    python -m benchmarks.synthparse.tables table7 --runs runs.jsonl
    python -m benchmarks.synthparse.tables table7 --synthetic FaceSynthetics --real LaPa --target ibugmask_release

table7: parsers trained on synthetic, real and mixed faces, tested on the target's faces before and after a label
adapter. The adapter learns from the target's training faces. Columns: F1 per class, their mean, net adaptation.
ratios: the mean before and after adaptation with 0, 20, 30, 40, 50 and 100 % of real faces (Figure 6).
quantity: the same for synthetic parsers from a quarter, a half and all of ``--faces``, and from real ones
(section 4.4).
inputs: the adapter of the synthetic parsers with two inputs: class ids (the paper's code) or one channel per class.

Without folders, both training sets are generated: synthetic is "studio" (exact masks), real is "wild" (masks as
annotators draw them). The target is then FASSEG (``FACEKIT_DATA``): real photos with hand-drawn masks in six classes.
Adapters learn from four of its people in many poses. The other three people and the 20 frontal faces (other people) are
scored. Each run is one line of the file ``--runs``. A stopped command continues after the runs that the file contains.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import facekit
from facekit.data.datasets import (
    GeneratedParsing,
    ParsedFace,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    helen_faces,
    ibugmask_faces,
    lapa_faces,
    mix,
    split,
)
from facekit.labels import FASSEG_6, SYNTHPARSE_11, SegmentationSet
from facekit.tasks import SegmentationTask

from ..runbook import RunBook

MODELS = ("deeplabv3plus", "fpn", "unet", "mobilenet_v2")
RATIOS = (0.0, 0.2, 0.3, 0.4, 0.5, 1.0)
ROWS = {"synthetic": 0.0, "real": 1.0, "mixed": 0.5}
LEARNED = ("1", "2", "3", "4")  # FASSEG's people that adapters learn from

Crops = tuple[list[np.ndarray], list[np.ndarray]]


@functools.cache
def rendered(count: int, domain: str, seed: int, size: int) -> list[ParsedFace]:
    """Return generated faces, which are rendered once for all runs."""
    faces = GeneratedParsing(count, domain, seed, size)
    return [face for start in range(0, count, 32) for face in faces.batch(range(start, min(start + 32, count)))]


def sources(a: argparse.Namespace) -> dict[str, Sequence[ParsedFace]]:
    """Return synthetic and real faces to train on."""
    count = a.faces + a.validation
    synthetic: Sequence[ParsedFace] = (
        facesynthetics_faces(a.synthetic) if a.synthetic else rendered(count, "studio", 51, a.size)
    )
    real: Sequence[ParsedFace] = [] if a.real else rendered(count, "wild", 52, a.size)
    if a.real:
        real = lapa_faces(a.real) if (Path(a.real) / "train").is_dir() else helen_faces(a.real)
    return {"synthetic": synthetic, "real": real}


def target(a: argparse.Namespace) -> tuple[Sequence[ParsedFace], Sequence[ParsedFace], SegmentationSet]:
    """Return the target's faces that adapters learn from, those that are scored, and their label set."""
    if a.target:
        return ibugmask_faces(a.target, "train"), ibugmask_faces(a.target, "test"), SYNTHPARSE_11
    faces = fasseg_faces(labels=FASSEG_6)
    # multi_train_p45_062.jpg shows person 6.
    learned = [i for i, (name, _) in enumerate(faces.items) if name.startswith("multi") and name[-6] in LEARNED]
    rest = sorted({*range(len(faces))} - {*learned})
    return [faces[i] for i in learned], [faces[i] for i in rest], FASSEG_6


def trained(a: argparse.Namespace, model: str, real: float, seed: int) -> facekit.Model:
    """Return a parser by the paper's recipe, trained once and kept in ``--folder``."""
    file = a.folder / f"{model}-{round(100 * real)}-{a.faces}-{a.epochs}-{a.size}-{seed}.facekit"
    if file.exists():
        return facekit.load(file)
    shares = {name: share for name, share in (("synthetic", 1 - real), ("real", real)) if share > 0}
    faces = mix(shares, a.faces + a.validation, sources(a), seed)
    learned, chosen_by, _ = split(faces, a.faces, a.validation, 0, seed)
    images, masks = crops(learned, a.size)
    found = facekit.adapt(
        images,
        masks,
        "segmentation",
        "synthparse",
        names=SYNTHPARSE_11,
        recipe=f"paper-{model}",
        seed=seed,
        input_size=a.size,
        steps=a.epochs * -(-len(images) // 24),
        validation=crops(chosen_by, a.size),
        checkpoint=file.with_suffix(".checkpoint"),
        bfloat16=True,
        progress=False,
    )
    found.save(file)
    return found


def adapter(a: argparse.Namespace, parser: facekit.Model, seed: int, reads: str) -> facekit.Model:
    """Train a label adapter for a parser, with as many steps as the parser had."""
    learned, _, labels = target(a)
    images, masks = crops(learned, a.size)
    # As many steps as the parser had.
    steps = a.epochs * -(-a.faces // 24)
    return facekit.adapt_labels(
        parser, images, masks, names=labels, reads=reads, steps=steps, seed=seed, progress=False
    )


def scored(a: argparse.Namespace, model: facekit.Model) -> dict[str, float]:
    """Return F1 of the target's classes and their mean, 0 to 1. NaN counts as 0, as in the paper."""
    _, unseen, labels = target(a)
    images, masks = crops(unseen, a.size)
    results = [r.to(labels) for r in facekit.predict(model, images)]
    scores = SegmentationTask(labels).score(results, masks)
    columns = {name: float(np.nan_to_num(scores[f"f1_{name}"])) / 100 for name in labels.classes[1:]}
    return {**columns, "mean": statistics.mean(columns.values())}


def both(a: argparse.Namespace, model: str, real: float, seed: int, reads: str = "onehot") -> dict[str, float]:
    """Return scores before and after adaptation, and the seconds of the adapter's training."""
    parser = trained(a, model, real, seed)
    unadapted = {f"unadapted {k}": v for k, v in scored(a, parser).items()}
    started = time.monotonic()
    adapted = adapter(a, parser, seed, reads)
    took = time.monotonic() - started
    return {**unadapted, **{f"adapted {k}": v for k, v in scored(a, adapted).items()}, "seconds": took}


def runs_of(a: argparse.Namespace, book: RunBook, model: str, real: float, reads: str = "onehot") -> list[Any]:
    """Return the runs of all draws."""
    found = []
    for seed in range(a.draws):
        key = {
            "model": model,
            "real": real,
            "reads": reads,
            "seed": seed,
            "faces": a.faces,
            "epochs": a.epochs,
            "size": a.size,
            "folders": [a.synthetic, a.real, a.target],
        }
        found.append(book.once(key, functools.partial(both, a, model, real, seed, reads)))
    return found


def cell(runs: list[dict[str, float]], column: str) -> str:
    """Return mean and standard deviation of a column as text."""
    values = [r[column] for r in runs]
    return f"{statistics.mean(values):.3f} +- {statistics.stdev(values) if len(values) > 1 else float('nan'):.3f}"


def table7(a: argparse.Namespace, book: RunBook) -> None:
    """Print Table 7."""
    for row, real in ROWS.items():
        for model in a.models:
            runs = runs_of(a, book, model, real)
            for state in ("unadapted", "adapted"):
                columns = [c for c in runs[0] if c.startswith(state)]
                cells = "  ".join(f"{c.removeprefix(state + ' ')} {cell(runs, c)}" for c in columns)
                print(f"{row:10s} {model:14s} {state:9s} {cells}")
            net = [{"net": r["adapted mean"] - r["unadapted mean"]} for r in runs]
            print(f"{row:10s} {model:14s} net adaptation {cell(net, 'net')}", flush=True)


def ratios(a: argparse.Namespace, book: RunBook) -> None:
    """Print the sweep of mixing ratios (Figure 6)."""
    for model in a.models:
        for real in RATIOS:
            runs = runs_of(a, book, model, real)
            print(
                f"{model}, {100 * real:.0f} % real: unadapted {cell(runs, 'unadapted mean')}, adapted "
                f"{cell(runs, 'adapted mean')}",
                flush=True,
            )


def quantity(a: argparse.Namespace, book: RunBook) -> None:
    """Print scores by the number of synthetic faces (section 4.4)."""
    for model in a.models:
        for part, real in ((4, 0.0), (2, 0.0), (1, 0.0), (1, 1.0)):
            fewer = argparse.Namespace(**{**vars(a), "faces": a.faces // part})
            runs = runs_of(fewer, book, model, real)
            print(
                f"{model}, {fewer.faces} {'real' if real else 'synthetic'} faces: "
                f"unadapted {cell(runs, 'unadapted mean')}, adapted {cell(runs, 'adapted mean')}",
                flush=True,
            )


def inputs(a: argparse.Namespace, book: RunBook) -> None:
    """Print scores by the adapter's input."""
    for model in a.models:
        for reads in ("ids", "onehot"):
            runs = runs_of(a, book, model, 0.0, reads)
            print(
                f"{model}, synthetic, adapter reads {reads}: {cell(runs, 'adapted mean')}, trained in "
                f"{cell(runs, 'seconds')} s",
                flush=True,
            )


TABLES = {"table7": table7, "ratios": ratios, "quantity": quantity, "inputs": inputs}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=list(TABLES))
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["mobilenet_v2"])
    parser.add_argument("--synthetic", metavar="FOLDER", help="Face Synthetics, as released")
    parser.add_argument("--real", metavar="FOLDER", help="LaPa or Helen, as released")
    parser.add_argument("--target", metavar="FOLDER", help="iBugMask, as released")
    parser.add_argument("--faces", type=int, default=400, help="the paper's: 2000")
    parser.add_argument("--validation", type=int, default=60, help="the paper's: 230")
    parser.add_argument("--epochs", type=int, default=10, help="the paper's: 30")
    parser.add_argument("--size", type=int, default=96, help="the paper's: 128")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("synthparse-runs.jsonl"))
    parser.add_argument("--folder", type=Path, default=Path("synthparse-models"))
    a = parser.parse_args()
    if not a.target and "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: without --target this benchmark needs fasseg/ there")
    a.folder.mkdir(parents=True, exist_ok=True)
    print(f"{a.faces} faces, {a.epochs} epochs, {a.size} px, seeds {list(range(a.draws))}, {os.cpu_count()} cores")
    book = RunBook(a.runs)
    for name in a.tables:
        TABLES[name](a, book)


if __name__ == "__main__":
    main()
