"""Tables of "General Facial Representation Learning in a Visual-Linguistic Manner" (FaRL).

Pre-training takes scenes of the first 8,000 CelebA-HQ faces (`facekit shard scenes:COUNT`), so that faces are not
aligned. Labelled and scored faces are among the other 2,000. CelebA-HQ contains several images of some people and no
identities, so a few people may be in both parts.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from ..api.adaptation import adapt
from ..api.evaluation import evaluate
from ..api.pretraining import pretrain
from ..api.shards import make_shards
from ..backbones.farl.image_text_model import ImageTextModel, to_clip
from ..backbones.farl.text_tower import TextSize, TextTower
from ..backbones.image_tower import ImageTower, TowerSize
from ..core.atomic_file import whole_file
from ..core.global_state import seeded_random
from ..data.face_sources import celebahq128, celebahq_attributes
from ..labels import CELEBA_40
from .cells import slug
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .face_data import LANDMARKS, PARTS

_SEEN = 8000  # images that pre-training may have seen
_TEST = 800  # the last ones; the 1,200 between are labelled from
_IMAGE = TowerSize(input_size=64, patch=8, width=128, layers=4, heads=2, embed_dim=64)
_TEXT = TextSize(width=64, layers=2, heads=2, vocabulary=4096, embed_dim=64)


@functools.cache
def _attribute_faces() -> tuple[list[np.ndarray], np.ndarray]:
    """Return CelebA-HQ's images that no pre-training used, and their attributes (N, 40)."""
    _, table = celebahq_attributes()
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128()][_SEEN:]
    return [image for _, image in faces], np.stack([table[name] for name, _ in faces])


def attributes(weights: str | Path, faces: int, draw: int, **settings: Any) -> Scores:
    """Adapt attributes on some faces, and score them on the last 800.

    Args:
        weights: The tower.
        faces: Number of labelled faces.
        draw: Number of the draw, and seed.
        **settings: Fields of the recipe.
    """
    images, truth = _attribute_faces()
    few = random.Random(draw).sample(range(len(images) - _TEST), faces)
    model = adapt(
        [images[i] for i in few],
        truth[few],
        "attributes",
        "farl",
        names=CELEBA_40,
        weights=weights,
        seed=draw,
        progress=False,
        **settings,
    )
    scores = evaluate(model, images[-_TEST:], truth[-_TEST:])
    return {"mAcc": scores["accuracy"], "balanced accuracy": scores["balanced_accuracy"]}


def measure_attributes(cell: Cell) -> Scores:
    """Score one cell of Table 2's part on attributes."""
    settings = dict(cell.settings)
    return attributes(settings.pop("weights"), settings.pop("faces"), cell.draw, **settings)


def random_towers(folder: Path, seed: int) -> Path:
    """Write the random towers that all rows of a draw start from, once."""
    file = folder / f"start-draw{seed}.safetensors"
    if not file.exists():
        with seeded_random(seed):
            pair = ImageTextModel(ImageTower(_IMAGE), TextTower(_TEXT))
        with whole_file(file) as temporary:
            save_file(to_clip(pair), temporary, {"heads_image": str(_IMAGE.heads), "heads_text": str(_TEXT.heads)})
    return file


def shards(cell: Cell) -> Path:
    """Write the scenes of an experiment, once."""
    count, size = cell.settings["scenes"], cell.settings["scene_size"]
    folder = cell.folder / f"scenes-{count}-{size}"
    if not (folder / "index.json").exists() and not any(folder.glob("*.tar")):
        make_shards([f"scenes:{count}"], folder, size=size, progress=False)
    return folder


def pretrained(cell: Cell) -> Path:
    """Pre-train the towers of a row and a draw, once."""
    about, start = cell.settings, random_towers(cell.folder, cell.draw)
    if about["recipe"] is None:
        return start
    steps, batch = about["steps"], about["batch"]
    file = cell.folder / f"{slug(cell.row)}-{steps}-steps-of-{batch}-draw{cell.draw}.safetensors"
    if not file.exists():
        pretrain(
            "farl",
            shards(cell),
            out=file,
            weights=start,
            steps=steps,
            batch_size=batch,
            warmup=steps // 10,
            seed=cell.draw,
            input_size=_IMAGE.input_size,
            bfloat16=False,
            progress=False,
            **about["recipe"],
        )
    return file


def measure_ablation(cell: Cell) -> Scores:
    """Score one cell of Table 3: heads of section 4.1 on a frozen tower, each from few labels."""
    weights = pretrained(cell)
    shared: dict[str, Any] = {"steps": 200, "bfloat16": False}
    found = attributes(weights, 800, cell.draw, align="none", views=2, **shared)
    dense = {**shared, "weights": weights, "seed": cell.draw, "progress": False}
    dense |= {"views": 4, "least_views": 200, "head_channels": 32}
    split = LANDMARKS.split(155, cell.draw)
    model = adapt(split.images, split.labels, "landmarks", "farl", names="68", align="none", **dense)
    nme = LANDMARKS.score(model, split)["all"]
    split = PARTS.split(10, cell.draw)
    model = adapt(split.images, split.labels, "segmentation", "farl", names=PARTS.names, **dense)
    return {"mAcc": found["mAcc"], "F1": PARTS.score(model, split)["overall"], "NME": nme}


_FEW: Mapping[str, Settings] = {"100": {"faces": 100}, "1000": {"faces": 1000}}
TABLE_2 = Experiment(
    "farl/table2",
    "Few labelled faces and attributes on a frozen tower: mean and balanced accuracy, %",
    {
        "random tower": {"weights": "none"},
        "FaRL-mini": {"weights": "embedded"},
        "FaRL-mini, regions (ours)": {"weights": "embedded", "regions": 3},
    },
    "FaRL-mini",
    {
        "mini": Scale(
            _FEW,
            3,
            ("celebahq128",),
            "CelebA-HQ: 100 or 1,000 faces labelled, 800 scored; the embedded tower",
            {},
            15,
        )
    },
    measure_attributes,
    {"mAcc": 2, "balanced accuracy": 2},
    "higher",
    paper={
        ("FaRL", percent): {"mAcc": value} for percent, value in (("1 %", 89.66), ("10 %", 90.99), ("100 %", 91.39))
    },
    paper_data="CelebA, ViT-B/16",
    missing="gpu and paper need CelebA, LaPa and AFLW-19, and the official tower",
)


def _row(f1: float, nme: float, accuracy: float) -> Scores:
    return {"F1": f1, "NME": nme, "mAcc": accuracy}


TABLE_3 = Experiment(
    "farl/table3",
    "Parts of the pre-training, frozen towers: F1 of parts, NME of points, mean accuracy of attributes, %",
    {
        "scratch": {"recipe": None},
        "ITC": {"recipe": {"mim": 0.0, "align": False}},
        "ITC+ALIGN": {"recipe": {"mim": 0.0, "align": True}},
        "ITC+MIM1": {"recipe": {"align": False}},
        "ITC+MIM6": {"recipe": {"align": False, "mim_layers": 6}},
        "ITC+MIM1+ALIGN": {"recipe": {"align": True}},
    },
    "ITC+MIM1+ALIGN",
    {
        "mini": Scale(
            {"few": {}},
            3,
            ("celebahq128", "300w", "fasseg"),
            "4,000 scenes of CelebA-HQ; 10 FASSEG faces, 155 of 300-W and 800 of CelebA-HQ labelled",
            {"scenes": 4000, "scene_size": 192, "steps": 1500, "batch": 64},
            240,
        )
    },
    measure_ablation,
    {"F1": 1, "NME": 2, "mAcc": 2},
    "higher",
    paper={
        ("ITC", "all"): _row(91.75, 1.009, 91.31),
        ("ITC+MIM1", "all"): _row(91.82, 1.004, 91.22),
        ("ITC+MIM1+ALIGN", "all"): _row(92.32, 0.991, 91.39),
        ("ITC+MIM6+ALIGN", "all"): _row(92.19, 1.002, 91.38),
        ("ITC+MIM6", "all"): _row(91.99, 0.992, 91.20),
        ("ITC+ALIGN", "all"): _row(91.88, 1.012, 91.40),
        ("ITC (LAION-RANDOM)", "all"): _row(91.68, 1.010, 90.76),
    },
    paper_data="LaPa, AFLW-19 (NME by the diagonal, lower is better), CelebA; ViT-B/16 on 20 million pairs",
    missing="gpu and paper need LAION-Face, LaPa, AFLW-19 and CelebA",
)

EXPERIMENTS = (TABLE_2, TABLE_3)
