"""Measure ALIGN of FaRL's Table 3 on images of several unaligned faces.

    FACEKIT_DATA=... facekit shard scenes:4000 --size 192 --out SHARDS
    FACEKIT_DATA=... python -m benchmarks.farl.align --shards SHARDS --out FOLDER

Rows are ITC, ITC+ALIGN, ITC+MIM and ITC+MIM+ALIGN, and scratch, which has no pre-training. All rows of a seed start
from the same small random towers and learn for equal steps. Then the towers are frozen under the
same heads for attributes (CelebA-HQ, 80 and 800 faces), landmarks (300-W, 155 faces) and parsing (FASSEG, 10 faces).

Pre-training takes faces among the first 8,000 images of CelebA-HQ. Labelled and scored faces are among the others.
Each finished row and seed is a line of runs.jsonl in the folder. A stopped command continues after these lines.
"""

from __future__ import annotations

import argparse
import functools
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

import facekit
from facekit.backbones.farl.image_text_model import ImageTextModel, to_clip
from facekit.backbones.farl.text_tower import TextSize, TextTower
from facekit.backbones.image_tower import ImageTower, TowerSize
from facekit.core.atomic_file import whole_file
from facekit.core.global_state import seeded_random
from facekit.labels import CELEBA_40
from facekit.papers.face_data import LANDMARKS, PARTS

from ..runbook import RunBook
from .tables import TEST, attribute_faces, show

IMAGE = TowerSize(input_size=64, patch=8, width=128, layers=4, heads=2, embed_dim=64)
TEXT = TextSize(width=64, layers=2, heads=2, vocabulary=4096, embed_dim=64)
ROWS: dict[str, dict[str, Any] | None] = {
    "scratch": None,
    "ITC": {"mim": 0.0, "align": False},
    "ITC+ALIGN": {"mim": 0.0, "align": True},
    "ITC+MIM": {"align": False},
    "ITC+MIM+ALIGN": {"align": True},
}


def random_towers(folder: Path, seed: int) -> Path:
    """Write the random towers that all rows of a seed start from."""
    file = folder / f"start-{seed}.safetensors"
    if not file.exists():
        with seeded_random(seed):
            pair = ImageTextModel(ImageTower(IMAGE), TextTower(TEXT))
        with whole_file(file) as temporary:
            save_file(to_clip(pair), temporary, {"heads_image": str(IMAGE.heads), "heads_text": str(TEXT.heads)})
    return file


def pretrained(a: argparse.Namespace, row: str, seed: int) -> Path:
    """Pre-train the towers of a row, unless the folder holds them."""
    recipe, start = ROWS[row], random_towers(a.out, seed)
    if recipe is None:
        return start
    file = a.out / f"{row.lower().replace('+', '-')}-{a.steps}-{a.batch}-{seed}.safetensors"
    if not file.exists():
        facekit.pretrain(
            "farl",
            a.shards,
            out=file,
            weights=start,
            steps=a.steps,
            batch_size=a.batch,
            warmup=a.steps // 10,
            seed=seed,
            input_size=IMAGE.input_size,
            bfloat16=False,
            progress=False,
            **recipe,
        )
    return file


def frozen_scores(weights: Path, seed: int) -> dict[str, float]:
    """Train the heads on a frozen tower and return their scores."""
    settings: dict[str, Any] = {"weights": weights, "seed": seed, "progress": False, "bfloat16": False}
    scores: dict[str, float] = {}
    images, truth = attribute_faces()
    for n in (80, 800):
        few = random.Random(seed).sample(range(len(images) - TEST), n)
        faces = [images[i] for i in few]
        model = facekit.adapt(
            faces, truth[few], "attributes", "farl", names=CELEBA_40, align="none", views=2, steps=200, **settings
        )
        scored = facekit.evaluate(model, images[-TEST:], truth[-TEST:])
        scores[f"mAcc {n}"], scores[f"balanced {n}"] = scored["accuracy"], scored["balanced_accuracy"]
    dense = settings | {"steps": 200, "views": 4, "least_views": 200, "head_channels": 32}
    split = LANDMARKS.split(155, seed)
    model = facekit.adapt(split.images, split.labels, "landmarks", "farl", names="68", align="none", **dense)
    scores["NME"] = LANDMARKS.score(model, split)["all"]
    split = PARTS.split(10, seed)
    model = facekit.adapt(split.images, split.labels, "segmentation", "farl", names=PARTS.names, **dense)
    scores["F1"] = PARTS.score(model, split)["overall"]
    return scores


def measured(a: argparse.Namespace, row: str, seed: int) -> dict[str, float]:
    """Return the scores of a row and a seed."""
    return frozen_scores(pretrained(a, row, seed), seed)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", nargs="+", required=True, help="folders that `facekit shard scenes:COUNT` wrote")
    parser.add_argument("--out", type=Path, default=Path("farl-align"))
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--draws", type=int, default=3)
    a = parser.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    book = RunBook(a.out / "runs.jsonl")
    runs: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS}
    for seed in range(a.draws):
        for row in ROWS:
            key = {"table": "align", "row": row, "seed": seed, "steps": a.steps, "batch": a.batch}
            runs[row].append(book.once(key, functools.partial(measured, a, row, seed)))
            show(f"{row}, seeds to {seed}", runs[row])


if __name__ == "__main__":
    main()
