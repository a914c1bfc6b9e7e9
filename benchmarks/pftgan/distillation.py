"""A one-shot model of PFTGAN, the fast parser that is distilled from it, and what that parser knew before.

    python -m benchmarks.pftgan.distillation [--faces 3] [--first 0] [--unseen 60] [--count 2000] [--rows NAME ...]

Each of some training faces of celebamask (``FACEKIT_DATA``, 19 classes) is the one labelled face of a model. All rows
are scored on the same validation faces, which are the support images of PFTGAN, too. Seed 0. The rows:

- "pftgan": the one-shot model;
- "distilled": the parser that learns from its images and labels. It starts from the ready parser, which was trained on
  labelled faces, the training faces of celebamask among them. So its score here is not the score of distillation alone;
- "distilled, random start": the same parser from random weights: what the generated images and labels alone can teach;
- "synthparse": the ready parser, adapted to the labelled face. It shows how much it knew before.

The time of a prediction is the median over the scored faces, one at a time.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from facekit import adapt, distill, evaluate, predict
from facekit.labels import CELEBAMASK_19

from .celebamask_faces import add_unseen, labelled_and_unseen

ROWS = ("pftgan", "distilled", "distilled, random start", "synthparse")


def models(face: Any, unseen: list[Any], count: int, rows: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield the rows and their models, each adapted to one labelled face.

    Args:
        face: The labelled face: its ``image`` RGB (H, W, 3) uint8 and ``mask`` of class ids (H, W).
        unseen: Support images RGB (H, W, 3) uint8.
        count: Number of generated images.
        rows: Names of the rows, of `ROWS`.
    """
    given: dict[str, Any] = {"images": [face.image], "labels": [face.mask], "task": "segmentation"}
    given |= {"names": CELEBAMASK_19, "progress": False}
    teacher = adapt(**given, backbone="pftgan", support_images=unseen)
    for row in rows:
        if row == "pftgan":
            yield row, teacher
        elif row == "distilled":
            yield row, distill(teacher, count=count, progress=False)
        elif row == "distilled, random start":
            # A random encoder needs the decoder's learning rate; the quick recipe's smaller one is for a trained one.
            yield row, distill(teacher, count=count, progress=False, start="none", tower_lr=2e-3)
        else:
            yield row, adapt(**given, backbone="synthparse")


def show(row: str, model: Any, images: list[Any], truth: list[Any]) -> None:
    """Print mIoU in percent, the milliseconds of a prediction, and the seconds of the training."""
    seconds = []
    for image in images:
        started = time.perf_counter()
        predict(model, image)
        seconds.append(time.perf_counter() - started)
    miou, milliseconds = evaluate(model, images, truth)["miou"], 1000 * statistics.median(seconds)
    print(f"{row} | {miou:.1f} | {milliseconds:.0f} | {model.about['seconds']:.0f}", flush=True)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=3, help="labelled faces, each the only one of its models")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them")
    add_unseen(parser)
    parser.add_argument("--count", type=int, default=2000, help="generated images")
    parser.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS, help="rows to compute")
    a = parser.parse_args()
    labelled, others = labelled_and_unseen(parser, a)
    unseen = [others[i].image for i in range(a.unseen)]
    truth = [others[i].mask for i in range(a.unseen)]
    print("face | model | mIoU % | ms of a prediction | seconds of training", flush=True)
    for i in range(a.first, a.first + a.faces):
        for row, model in models(labelled[i], unseen, a.count, a.rows):
            show(f"{i} | {row}", model, unseen, truth)


if __name__ == "__main__":
    main()
