"""A one-shot model of PFTGAN and the fast parser that is distilled from it.

    python -m benchmarks.pftgan.distillation [--faces 3] [--unseen 60] [--count 2000]

Each of the first training faces of celebamask (``FACEKIT_DATA``, 19 classes) is the one labelled face of a model, which
is then distilled. Both are scored on validation faces, which are the support images of the first model, too. The time
of a prediction is the median over these faces, one at a time. Seed 0.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

from facekit import adapt, distill, evaluate, predict
from facekit.labels import CELEBAMASK_19
from facekit.papers.face_data import celebamask


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
    parser.add_argument("--faces", type=int, default=3, help="labelled faces, each the only one of its model")
    parser.add_argument("--unseen", type=int, default=60, help="validation faces that are scored")
    parser.add_argument("--count", type=int, default=2000, help="generated images")
    a = parser.parse_args()
    folder = Path(os.environ["FACEKIT_DATA"]) / "celebamask"
    labelled, others = (celebamask(folder, split, CELEBAMASK_19) for split in ("train", "validation"))
    unseen = [others[i].image for i in range(a.unseen)]
    truth = [others[i].mask for i in range(a.unseen)]
    print("face | model | mIoU % | ms of a prediction | seconds of training", flush=True)
    for i in range(a.faces):
        face = labelled[i]
        given = [face.image], [face.mask], "segmentation", "pftgan"
        slow = adapt(*given, names=CELEBAMASK_19, support_images=unseen, progress=False)
        show(f"{i} | pftgan", slow, unseen, truth)
        show(f"{i} | distilled", distill(slow, count=a.count, progress=False), unseen, truth)


if __name__ == "__main__":
    main()
