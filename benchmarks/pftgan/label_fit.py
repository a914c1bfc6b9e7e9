"""How well PFTGAN's segmentation stream learns its label, and what that is worth on other faces.

    python -m benchmarks.pftgan.label_fit [--faces 5] [--first 0] [--unseen 60] [--choose] [--rendered]

Each of some training faces of celebamask (``FACEKIT_DATA``, 19 classes) is the one labelled face of a model. The
generated label image is read by the nearest colour and compared with the label: part of the pixels, and mIoU over the
classes of the label. The model is then scored on validation faces, which are the support images, too. Seed 0. With
``--choose`` the last training faces take their place: settings are chosen on those. With ``--rendered`` all faces are
rendered (27 parts); these people are in no training and in no table.

"recipe of version 1" has the segmentation stream's settings of earlier versions: AlexNet's distance at 128 px, 100
steps, JoJoGAN's Adam. Its image stream learns the labelled image, too, which it did not then. "quick, 200 steps" is the
quick recipe that was chosen with the earlier generator of 64 px.
"""

from __future__ import annotations

import argparse
import statistics
import time
from types import SimpleNamespace
from typing import Any

from facekit import evaluate
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import CELEBAMASK_19, FACEKIT_27
from facekit.metrics.paired_differences import paired_difference
from facekit.papers.plain_adaptation import adapt_plain

from .celebamask_faces import add_unseen, labelled_and_unseen

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
    "quick, 200 steps": {"steps": 200, "lr": 1e-2},
    "quick, the paper's part shared": {"shared": None},
    "paper": {"recipe": "paper"},
}
FIRST = "untouched generator"


def chosen_faces(parser: argparse.ArgumentParser, a: argparse.Namespace) -> tuple[list[Any], list[Any], dict[str, Any]]:
    """Choose labelled faces and others.

    Args:
        parser: The command's parser.
        a: The command's arguments.

    Returns:
        The labelled faces and those that are scored, each with an ``image`` RGB (H, W, 3) uint8 and a ``mask`` (H, W)
        of class ids, and the arguments ``names`` and ``align`` of `facekit.adapt` for them.
    """
    if a.rendered:
        faces = GeneratedFaces(seed=733, size=192, framing=2.2, yaw=(-25, 25), pitch=(-12, 12), roll=(-10, 10))
        found = faces.batch(range(a.first + a.faces + a.unseen), want=("image", "mask"))
        pairs = zip(found["image"].permute(0, 2, 3, 1).numpy(), found["mask"].numpy(), strict=True)
        rendered = [SimpleNamespace(image=image, mask=mask) for image, mask in pairs]
        given = {"names": FACEKIT_27, "align": "ffhq"}
        return rendered[a.first : a.first + a.faces], rendered[a.first + a.faces :], given
    train, unseen = labelled_and_unseen(parser, a)
    others = [train[len(train) - 1 - i] if a.choose else unseen[i] for i in range(a.unseen)]
    return [train[a.first + i] for i in range(a.faces)], others, {"names": CELEBAMASK_19, "align": "none"}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=5, help="labelled faces, each the only one of its models")
    parser.add_argument("--first", type=int, default=0, help="number of the first of them among the training faces")
    add_unseen(parser)
    parser.add_argument("--choose", action="store_true", help="score on the last training faces instead")
    parser.add_argument("--rendered", action="store_true", help="rendered faces instead of photos")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="rows of the table")
    a = parser.parse_args()
    labelled, others, given = chosen_faces(parser, a)
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
                **given,
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
