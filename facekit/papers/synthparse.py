"""Tables of "In the Wild Face Parsing in Synthetic-Data Trained Models" (synthparse). All scores are F1, 0 to 1.

A cell trains a parser on synthetic, real or mixed faces, scores it on the target's faces, trains a label adapter on the
target's training faces, and scores again. The paper's own F1 is beside the sound one: it is a mean over images in which
a class below .1 counts as .1 before adaptation and is left out after it.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..api.adaptation import adapt
from ..api.label_adaptation import adapt_labels
from ..api.prediction import predict
from ..data.datasets import (
    GeneratedParsing,
    ParsedFace,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    helen_faces,
    ibugmask_faces,
    mix,
)
from ..data.face_sources import data_folder
from ..labels import FASSEG_6, SYNTHPARSE_11, SegmentationSet
from ..metrics.class_means import foreground_f1
from ..metrics.image_f1 import mean_image_f1
from ..metrics.scores import confusion, f1_by_class
from ..model import Model, load
from .cells import plain
from .experiment import Cell, Experiment, Scale, Scores, Settings

MODELS = ("deeplabv3plus", "fpn", "unet", "mobilenet_v2")
_LEARNED = ("1", "2", "3", "4")  # FASSEG's people that adapters learn from
_BATCH = 24
Faces = Sequence[ParsedFace]


@functools.lru_cache(maxsize=4)
def _rendered(domain: str, seed: int, count: int, size: int) -> list[ParsedFace]:
    """Return generated faces, which are rendered once for all cells of a process."""
    faces = GeneratedParsing(count, domain, seed, size)
    return [face for start in range(0, count, 32) for face in faces.batch(range(start, min(start + 32, count)))]


def _generated(domain: str, seed: int, cell: Settings) -> tuple[Faces, Faces]:
    """Return generated faces for training and for validation."""
    faces = _rendered(domain, seed, cell["faces"] + cell["validation"], cell["size"])
    return faces[: cell["faces"]], faces[cell["faces"] :]


def _sources(cell: Settings) -> dict[str, tuple[Faces, Faces]]:
    """Return synthetic and real faces, each for training and for validation. They share no face."""
    if cell["data"] == "generated":
        return {"synthetic": _generated("studio", 51, cell), "real": _generated("wild", 52, cell)}
    synthetic = facesynthetics_faces(data_folder("facesynthetics"))
    helen = data_folder("helen")
    count = cell["faces"]
    return {
        "synthetic": (synthetic[:count], synthetic[count : count + cell["validation"]]),
        "real": (helen_faces(helen, "train"), helen_faces(helen, "val")),
    }


def _target(cell: Settings) -> tuple[Faces, Faces, SegmentationSet]:
    """Return the target's faces that adapters learn from, those that are scored, and their label set."""
    if cell["data"] != "generated":
        folder = data_folder("ibugmask_release")
        return ibugmask_faces(folder, "train"), ibugmask_faces(folder, "test"), SYNTHPARSE_11
    faces = fasseg_faces(labels=FASSEG_6)
    # multi_train_p45_062.jpg shows person 6.
    learned = [i for i, (name, _) in enumerate(faces.items) if name.startswith("multi") and name[-6] in _LEARNED]
    rest = sorted({*range(len(faces))} - {*learned})
    return [faces[i] for i in learned], [faces[i] for i in rest], FASSEG_6


def parser_file(cell: Cell) -> Path:
    """Return the file of a cell's parser. Its name ends with a hash of everything that made it."""
    own = {k: plain(v) for k, v in sorted(cell.settings.items()) if k != "reads"}
    digest = hashlib.sha256(json.dumps([own, cell.draw]).encode()).hexdigest()[:10]
    real = round(100 * cell.settings["real"])
    return cell.folder / f"{cell.settings['model']}-{real}-percent-real-draw{cell.draw}-{digest}.facekit"


def trained(cell: Cell) -> Model:
    """Return the parser of a cell by the paper's recipe. It is trained once and kept."""
    file, about = parser_file(cell), cell.settings
    if file.exists():
        return load(file)
    shares = {name: share for name, share in (("synthetic", 1 - about["real"]), ("real", about["real"])) if share > 0}
    sources = _sources(about)
    learned, chosen_by = (
        mix(shares, about[size], {name: pair[i] for name, pair in sources.items()}, cell.draw)
        for i, size in enumerate(("faces", "validation"))
    )
    images, masks = crops(learned, about["size"])
    model = adapt(
        images,
        masks,
        "segmentation",
        "synthparse",
        names=SYNTHPARSE_11,
        recipe=f"paper-{about['model']}",
        seed=cell.draw,
        input_size=about["size"],
        steps=_steps(about),
        validation=crops(chosen_by, about["size"]),
        checkpoint=file.with_suffix(".checkpoint"),
        bfloat16=True,
        progress=False,
    )
    model.save(file)
    return model


def _steps(about: Settings) -> int:
    return about["epochs"] * -(-about["faces"] // _BATCH)


def scored(cell: Cell, model: Model, kind: str) -> Scores:
    """Score a parser on the target.

    Args:
        cell: The cell.
        model: The parser, with or without a label adapter.
        kind: "unadapted" or "adapted".
    """
    _, unseen, labels = _target(cell.settings)
    images, masks = crops(unseen, cell.settings["size"])
    n = len(labels)
    tables = [confusion(r.to(labels).mask, m, n) for r, m in zip(predict(model, images), masks, strict=True)]
    table = sum(tables, np.zeros((n, n), np.int64))
    single = {f"{kind} {name}": float(v) for name, v in zip(labels.classes[1:], f1_by_class(table)[1:], strict=True)}
    paper = mean_image_f1(tables, "raise" if kind == "unadapted" else "drop")
    return {f"{kind} mean": foreground_f1(table), f"{kind}, as in the paper": paper, **single}


def measure(cell: Cell) -> Scores:
    """Score a parser before and after label adaptation."""
    parser = trained(cell)
    learned, _, labels = _target(cell.settings)
    images, masks = crops(learned, cell.settings["size"])
    # As many steps as the parser had.
    adapted = adapt_labels(
        parser,
        images,
        masks,
        names=labels,
        reads=cell.settings["reads"],
        steps=_steps(cell.settings),
        seed=cell.draw,
        progress=False,
    )
    scores = {**scored(cell, parser, "unadapted"), **scored(cell, adapted, "adapted")}
    return {**scores, "net": scores["adapted mean"] - scores["unadapted mean"]}


_SHOWN = {
    "unadapted mean": 3,
    "adapted mean": 3,
    "net": 3,
    "unadapted, as in the paper": 3,
    "adapted, as in the paper": 3,
}
_MINI: Settings = {
    "data": "generated",
    "faces": 400,
    "validation": 60,
    "epochs": 10,
    "size": 96,
    "reads": "onehot",
    "model": "mobilenet_v2",
}
_PAPER: Settings = {**_MINI, "data": "published", "faces": 2000, "validation": 230, "epochs": 30, "size": 128}
_MINI_DATA = "generated faces (studio instead of FaceSynthetics, wild instead of Helen), FASSEG instead of iBugMask"
_PAPER_DATA = "FaceSynthetics, Helen, iBugMask"
_PUBLISHED = ("facesynthetics", "helen", "ibugmask_release")


def _scales(
    columns: Mapping[str, Settings], minutes: float, paper_columns: Mapping[str, Settings] | None = None
) -> dict[str, Scale]:
    all_columns = paper_columns or columns
    return {
        "mini": Scale(columns, 3, ("fasseg",), _MINI_DATA, _MINI, minutes),
        "gpu": Scale(columns, 3, _PUBLISHED, _PAPER_DATA, _PAPER, minutes),
        "paper": Scale(all_columns, 1, _PUBLISHED, _PAPER_DATA, {**_PAPER, "reads": "ids"}, 4 * minutes),
    }


def _by_model(name: str, values: Sequence[tuple[float, float]]) -> dict[tuple[str, str], Scores]:
    return {
        (name, model): {"unadapted, as in the paper": before, "adapted, as in the paper": after}
        for model, (before, after) in zip(MODELS, values, strict=True)
    }


TABLE_7 = Experiment(
    "synthparse/table7",
    "Training faces before and after label adaptation: F1",
    {"synthetic": {"real": 0.0}, "real": {"real": 1.0}, "mixed": {"real": 0.5}},
    "mixed",
    _scales({"mobilenet_v2": {"model": "mobilenet_v2"}}, 150, {model: {"model": model} for model in MODELS}),
    measure,
    _SHOWN,
    "higher",
    # Means of Table 7's rows; "real" is Helen.
    paper={
        **_by_model("synthetic", ((0.511, 0.618), (0.511, 0.616), (0.422, 0.579), (0.489, 0.577))),
        **_by_model("real", ((0.565, 0.504), (0.569, 0.483), (0.591, 0.507), (0.614, 0.507))),
        **_by_model("mixed", ((0.589, 0.607), (0.595, 0.610), (0.593, 0.614), (0.598, 0.614))),
    },
    paper_data="FaceSynthetics, Helen; iBugMask scored, 128 px",
)
_RATIOS = (0.0, 0.2, 0.3, 0.4, 0.5, 1.0)
FIGURE_6 = Experiment(
    "synthparse/figure6",
    "Share of real faces: F1",
    {f"{round(100 * share)} % real": {"real": share} for share in _RATIOS},
    "50 % real",
    _scales({"mobilenet_v2": {"model": "mobilenet_v2"}}, 300),
    measure,
    _SHOWN,
    "higher",
    paper_data="the paper draws a figure without numbers",
)
QUANTITY = Experiment(
    "synthparse/section4.4",
    "Number of synthetic faces, and as many real ones: F1",
    {
        "a quarter, synthetic": {"real": 0.0, "part": 4},
        "half, synthetic": {"real": 0.0, "part": 2},
        "all, synthetic": {"real": 0.0, "part": 1},
        "all, real": {"real": 1.0, "part": 1},
    },
    "all, synthetic",
    _scales({"mobilenet_v2": {"model": "mobilenet_v2"}}, 150),
    lambda cell: measure(_fewer(cell)),
    _SHOWN,
    "higher",
    paper_data="FaceSynthetics, Helen; iBugMask scored; no table",
)


def _fewer(cell: Cell) -> Cell:
    """Return a cell with a part of the training faces."""
    settings: dict[str, Any] = dict(cell.settings)
    settings["faces"] //= settings.pop("part")
    return Cell(cell.experiment, cell.scale, cell.row, cell.column, cell.draw, settings, cell.folder)


EXPERIMENTS = (TABLE_7, FIGURE_6, QUANTITY)
