"""Run FaRL's tables at a small scale, on real faces that no pre-training used.

    FACEKIT_DATA=... python -m benchmarks.farl.tables attributes --weights FILE --runs runs.jsonl
    FACEKIT_DATA=... python -m benchmarks.farl.tables table3 --shards FOLDER ... --folder WEIGHTS --runs runs.jsonl

attributes: CelebA-HQ's 40 attributes from 100 and 1,000 labelled faces with a frozen tower. It is compared with the
majority class and with a logistic regression on 32 px pixels, whose penalty is chosen on a quarter of the same labels.
table3: scratch, ITC, ITC+MIM, and each of the latter two with ALIGN (Tables 2 and 3). All rows are pre-trained for
equal steps with 3 seeds. Then the towers are frozen under the same heads for landmarks (300-W, 1 % and 10 %), parsing
(FASSEG) and attributes (1 % and 10 %).

Each run is one line of the file ``--runs``. A stopped command continues after the runs that the file contains.
Pre-training takes shards of the first 8,000 CelebA-HQ images (``facekit shard celebahq128:8000``). Labelled and scored
faces are among the other 2,000. CelebA-HQ contains several images of some people and no identities, so a few people may
be in both parts.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import facekit
from facekit.data.face_sources import celebahq128, celebahq_attributes
from facekit.labels import CELEBA_40
from facekit.papers.face_data import LANDMARKS, PARTS

from ..runbook import RunBook

SEEN = 8000  # images of the shards that pre-training may have seen
TEST = 800  # the last ones; the 1,200 between are labelled from
ONE_PERCENT = {"attributes": 80, "landmarks": 31}
STEPS = 300
SEEN_SIDE = 64  # px that table 3's towers learn at: the heads look at faces of the same size


def attribute_faces() -> tuple[list[np.ndarray], np.ndarray]:
    """Return CelebA-HQ's images that no pre-training used, and their attributes (N, 40)."""
    _, table = celebahq_attributes()
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128()][SEEN:]
    return [image for _, image in faces], np.stack([table[name] for name, _ in faces])


def accuracy(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Return CelebA's mean accuracy, percent."""
    return 100 * float((predicted == truth).mean())


def majority(labels: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy of the majority class of the labels, percent."""
    return accuracy(np.broadcast_to(labels.mean(0) > 0.5, truth.shape), truth)


def pixels(images: list[np.ndarray]) -> torch.Tensor:
    """Return images as rows of 32 px pixels in [0, 1]."""
    small = [cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA) for p in images]
    return torch.from_numpy(np.stack(small)).flatten(1).double() / 255


def logistic(x: torch.Tensor, y: torch.Tensor, penalty: float) -> Callable[[torch.Tensor], torch.Tensor]:
    """Fit forty logistic regressions on standardised pixels until convergence."""
    mean, std = x.mean(0), x.std(0).clamp_min(1e-3)
    weight = torch.zeros(x.shape[1], y.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.logit(y.mean(0).clamp(0.01, 0.99)).detach().requires_grad_()
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")
    z = (x - mean) / std

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = F.binary_cross_entropy_with_logits(z @ weight + bias, y) + penalty * weight.square().sum() / y.shape[1]
        loss.backward()
        return loss

    optimiser.step(closure)
    return lambda new: ((new - mean) / std) @ weight.detach() + bias.detach() > 0


def best_logistic(x: torch.Tensor, y: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Choose the penalty on every fourth labelled face, then fit on all."""
    held = torch.arange(len(x)) % 4 == 0

    def score(penalty: float) -> float:
        return float((logistic(x[~held], y[~held], penalty)(x[held]) == (y[held] > 0.5)).double().mean())

    return logistic(x, y, max((1e-4, 1e-3, 1e-2, 1e-1, 1.0), key=score))


def show(row: str, runs: list[dict[str, float]]) -> None:
    """Print one row: mean and standard deviation of each column."""
    cells = []
    for column in runs[0]:
        values = [r[column] for r in runs]
        spread = statistics.stdev(values) if len(values) > 1 else float("nan")
        cells.append(f"{column} {statistics.mean(values):.2f} +- {spread:.2f}")
    print(f"  {row:24s} {'  '.join(cells)}", flush=True)


def adapted_attributes(weights: str, n: int, seed: int, **settings: Any) -> dict[str, float]:
    """Adapt on `n` faces and return scores and seconds."""
    images, truth = attribute_faces()
    few = random.Random(seed).sample(range(len(images) - TEST), n)
    started = time.monotonic()
    model = facekit.adapt(
        [images[i] for i in few],
        truth[few],
        "attributes",
        "farl",
        names=CELEBA_40,
        weights=weights,
        seed=seed,
        progress=False,
        **settings,
    )
    seconds = time.monotonic() - started
    scores = facekit.evaluate(model, images[-TEST:], truth[-TEST:])
    kept = {k: scores[k] for k in ("accuracy", "balanced_accuracy", "calibration")}
    return {**kept, "seconds": seconds}


def rivals(n: int, seed: int) -> dict[str, float]:
    """Return the accuracies of majority class and logistic regression."""
    images, truth = attribute_faces()
    few = random.Random(seed).sample(range(len(images) - TEST), n)
    fitted = best_logistic(pixels([images[i] for i in few]), torch.from_numpy(truth[few]).double())
    predicted = fitted(pixels(images[-TEST:])).numpy()
    return {"majority": majority(truth[few], truth[-TEST:]), "logistic": accuracy(predicted, truth[-TEST:] > 0.5)}


def attributes(a: argparse.Namespace, book: RunBook) -> None:
    """Print the table of attributes."""
    for n in (100, 1000):
        print(f"{n} labelled faces, draws {list(range(a.draws))}, {TEST} scored")
        mine, others = [], []
        for seed in range(a.draws):
            key = {"table": "attributes", "faces": n, "seed": seed}
            weights = {**key, "weights": Path(a.weights).name}
            mine.append(book.once(weights, functools.partial(adapted_attributes, a.weights, n, seed)))
            others.append(book.once({**key, "weights": "rivals"}, functools.partial(rivals, n, seed)))
        show("farl, frozen", mine)
        show("rivals", others)


# Table 3's rows, as fields of the pre-training recipe.
ROWS: dict[str, dict[str, Any] | None] = {
    "scratch": None,
    "ITC": {"mim": 0.0, "align": False},
    "ITC+ALIGN": {"mim": 0.0},
    "ITC+MIM": {"align": False},
    "ITC+MIM+ALIGN": {},
}


def frozen_scores(weights: str, seed: int) -> dict[str, float]:
    """Return the scores of section 4.1's heads on a frozen tower, each from few labels, for one draw."""
    settings: dict[str, Any] = {
        "backbone": "farl",
        "weights": weights,
        "seed": seed,
        "progress": False,
        "input_size": SEEN_SIDE,
    }
    scores: dict[str, float] = {}
    for percent in (1, 10):
        split = LANDMARKS.split(ONE_PERCENT["landmarks"] * percent, seed)
        model = facekit.adapt(split.images, split.labels, "landmarks", names="68", steps=STEPS, **settings)
        scores[f"NME {percent} %"] = LANDMARKS.score(model, split)["all"]
    split = PARTS.split(10, seed)
    model = facekit.adapt(split.images, split.labels, "segmentation", names=PARTS.names, steps=STEPS, **settings)
    scores["F1 of parts"] = PARTS.score(model, split)["overall"]
    for percent in (1, 10):
        n = ONE_PERCENT["attributes"] * percent
        scores[f"attributes {percent} %"] = adapted_attributes(weights, n, seed, input_size=SEEN_SIDE)["accuracy"]
    return scores


def pretrained_scores(a: argparse.Namespace, row: str, seed: int) -> dict[str, float]:
    """Pre-train the tower of one row, if it is not in the folder, and return its scores."""
    recipe = ROWS[row]
    if recipe is None:
        return frozen_scores("none", seed)
    file = a.folder / f"{row.lower().replace('+', '-')}-{a.steps}-{seed}.safetensors"
    if not file.exists():
        facekit.pretrain(
            "farl",
            a.shards,
            out=file,
            steps=a.steps,
            batch_size=a.batch,
            warmup=a.steps // 10,
            seed=seed,
            input_size=SEEN_SIDE,
            progress=False,
            **recipe,
        )
    return frozen_scores(str(file), seed)


def table3(a: argparse.Namespace, book: RunBook) -> None:
    """Print Table 3."""
    print(f"table 3: {a.steps} steps of {a.batch} pairs, seeds {list(range(a.draws))}; heads of {STEPS} steps")
    a.folder.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        runs = []
        for seed in range(a.draws):
            key = {"table": "table3", "row": row, "seed": seed, "steps": a.steps, "batch": a.batch, "heads": STEPS}
            runs.append(book.once(key, functools.partial(pretrained_scores, a, row, seed)))
        show(row, runs)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=["attributes", "table3"])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("farl-runs.jsonl"))
    parser.add_argument("--weights", help="of attributes: what `facekit pretrain farl` wrote, or an official file")
    parser.add_argument("--shards", nargs="+")
    parser.add_argument("--folder", type=Path, default=Path("farl-table3"))
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=64)
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: these tables need celebahq128/, 300w/ and fasseg/ there")
    if "attributes" in a.tables and not a.weights:
        sys.exit("attributes needs --weights: the tower to measure")
    if "table3" in a.tables and not a.shards:
        sys.exit("table3 needs --shards: folders that `facekit shard` wrote")
    book = RunBook(a.runs)
    for name in a.tables:
        {"attributes": attributes, "table3": table3}[name](a, book)


if __name__ == "__main__":
    main()
