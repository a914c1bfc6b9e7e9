"""How well PFTGAN's segmentation stream learns its label, and what that is worth on other faces.

    python -m benchmarks.pftgan.label_fit [--faces 5] [--first 0] [--unseen 60] [--choose]

Each of some training faces of celebamask (``FACEKIT_DATA``, 19 classes) is the one labelled face of a model. The
generated label image is read by the nearest colour and compared with the label: part of the pixels, and mIoU over the
classes of the label. The model is then scored on validation faces, which are the support images, too. Seed 0. With
``--choose`` other training faces take their place: settings are chosen on those.

"recipe of version 1" has the segmentation stream's settings of earlier versions: AlexNet's distance at 128 px, 100
steps, JoJoGAN's Adam. Its image stream learns the labelled image, too, which it did not then.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from pathlib import Path
from typing import Any

from facekit import evaluate
from facekit.labels import CELEBAMASK_19
from facekit.metrics.paired_differences import paired_difference
from facekit.papers.face_data import celebamask
from facekit.papers.plain_adaptation import adapt_plain

ROWS: dict[str, dict[str, Any]] = {
    "untouched generator": {"recipe": "datasetgan"},
    "recipe of version 1": {
        "steps": 100,
        "distance_side": 128,
        "l2": 0.0,
        "lr": 2e-3,
        "betas": (0.0, 0.99),
        "cosine": False,
        "shared": None,
    },
    "quick": {},
    "quick, the paper's part shared": {"shared": None},
    "paper": {"recipe": "paper"},
}
FIRST = "untouched generator"


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=5, help="labelled faces, each the only one of its models")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them among the training faces")
    parser.add_argument("--unseen", type=int, default=60, help="validation faces that are scored")
    parser.add_argument("--choose", action="store_true", help="score on the last training faces instead")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="rows of the table")
    a = parser.parse_args()
    folder = Path(os.environ["FACEKIT_DATA"]) / "celebamask"
    labelled = [celebamask(folder, "train", CELEBAMASK_19)[a.first + i] for i in range(a.faces)]
    faces = celebamask(folder, "train" if a.choose else "validation", CELEBAMASK_19)
    others = [faces[len(faces) - 1 - i if a.choose else i] for i in range(a.unseen)]
    unseen, truth = [face.image for face in others], [face.mask for face in others]
    scores: dict[str, list[float]] = {}
    print("row | label: pixels % | label: mIoU % | other faces: mIoU % | seconds of adapting", flush=True)
    for row in a.rows:
        settings = dict(ROWS[row])
        support = {} if row == FIRST else {"support_images": unseen}
        found = []
        for face in labelled:
            started = time.monotonic()
            model = adapt_plain(
                [face.image],
                [face.mask],
                "segmentation",
                "pftgan",
                0,
                names=CELEBAMASK_19,
                align="none",
                **support,
                **settings,
            )
            took = time.monotonic() - started
            fit = model.about.get("fit", {"label accuracy": float("nan"), "label mIoU": float("nan")})
            miou = evaluate(model, unseen, truth)["miou"]
            found.append((100 * fit["label accuracy"], 100 * fit["label mIoU"], miou, took))
            print(f"  {row}: " + " | ".join(f"{value:.1f}" for value in found[-1]), flush=True)
        means = [statistics.mean(column) for column in zip(*found, strict=True)]
        scores[row] = [values[2] for values in found]
        print(f"{row} | " + " | ".join(f"{mean:.1f}" for mean in means), flush=True)
    for row in [row for row in a.rows if row != FIRST and FIRST in scores]:
        d = paired_difference(scores[row], scores[FIRST])
        print(f"{row} minus {FIRST}: mIoU {d.mean:+.1f} ({d.low:+.1f} to {d.high:+.1f})", flush=True)


if __name__ == "__main__":
    main()
