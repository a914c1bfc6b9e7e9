"""Tables of "Leveraging GAN Priors for Few-Shot Part Segmentation" (PFTGAN, MM 2022). All scores are mIoU in percent.

The paper counts a class that is predicted and not in the ground truth as 0: the column "mIoU, all classes".
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..api.evaluation import evaluate
from ..api.prediction import predict
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .face_data import LANDMARKS, SKETCHES
from .needs import (
    CAR_20,
    CAR_ENCODER,
    CAR_GENERATOR,
    CROPS_300W,
    DIFFUSION,
    FACE_34_GENERATED,
    FASSEG,
    FFHQ_34,
    FFHQ_ENCODER,
    FFHQ_GENERATOR,
    SKETCH_PAIRS,
)
from .pftgan_data import SETS
from .plain_adaptation import adapt_plain

# Arguments of `adapt`. The last two use no few-shot features: a UNet from random weights, and one that was trained on
# 19 classes of labelled faces.
METHODS: dict[str, Settings] = {
    "PFTGAN": {"recipe": "quick"},
    "PFTGAN, the paper's recipe": {"recipe": "paper"},
    "DatasetGAN": {"recipe": "datasetgan"},
    "FaRL-mini": {"recipe": "farl"},
    "UNet": {"backbone": "synthparse", "weights": "none", "start": "none"},
    "UNet, ready parser": {"backbone": "synthparse"},
}


def measure(cell: Cell) -> Scores:
    """Adapt one model, and return mIoU by both ways of counting and the time of a prediction.

    The unlabelled support images are the images that are scored, as in the paper. All methods use the same crops.

    Args:
        cell: The cell; ``set`` and ``faces`` among its settings choose the data.
    """
    settings = {"backbone": "pftgan", **cell.settings}
    splitting, names, align = SETS[settings.pop("set")]
    split = splitting(settings.pop("faces"), cell.draw, cell.root)
    for name in ("weights", "inversion"):
        if "/" in (settings.get(name) or ""):  # None where a row has no such file
            settings[name] = str(cell.file(settings[name]))
    if settings["backbone"] == "pftgan" and settings.get("recipe", "quick") in ("quick", "paper"):
        alone = not settings.get("image_stream", True) or settings.get("stages") == ""
        settings |= {} if alone else {"support_images": split.unseen}
    model = adapt_plain(
        split.images,
        split.labels,
        "segmentation",
        settings.pop("backbone"),
        cell.draw,
        names=names,
        align=align,
        **settings,
    )
    scores = evaluate(model, split.unseen, split.truth)
    started = time.monotonic()
    for image in split.unseen[:10]:
        predict(model, image, align="none")
    took = (time.monotonic() - started) * 1000 / min(10, len(split.unseen))
    kept = {"mIoU": scores["miou"], "mIoU, all classes": scores["miou_all_classes"]}
    return {**kept, "seconds of adapting": model.about["seconds"], "ms of predicting": took}


GENERATED_TEXT = "generated faces: 27 parts, 64 others scored"
FASSEG_TEXT = "FASSEG: six classes, the frontal faces that were not drawn scored"
_WHOLE = {
    "ffhq34": (FFHQ_34, "FFHQ-34: real photos, the test images scored"),
    "face34": (FACE_34_GENERATED, "DatasetGAN's generated faces: the test images scored"),
    "car20": (CAR_20, "LSUN CAR-20: the test images scored"),
}


def columns_of(name: str, *faces: int, prefix: str = "") -> dict[str, Settings]:
    """Return one column per number of labelled images.

    Args:
        name: A key of `SETS`.
        *faces: The numbers.
        prefix: Text before each number in the column's name.
    """
    return {f"{prefix}{n}": {"set": name, "faces": n} for n in faces}


def published_scales(name: str, rows: Mapping[str, Settings], faces: tuple[int, ...]) -> dict[str, Scale]:
    """Return the scales "gpu" (three draws, one and five faces) and "paper" (five draws, all numbers of faces)."""
    data, text = _WHOLE[name]
    weights = (CAR_GENERATOR, CAR_ENCODER) if name == "car20" else (FFHQ_GENERATOR, FFHQ_ENCODER)
    stated: Settings = {"recipe": "paper", "weights": weights[0].name, "inversion": weights[1].name}
    optional = {"DDPM": DIFFUSION} if "DDPM" in rows else {}
    few = tuple(n for n in faces if n in (1, 5))
    needs, cells = (data, *weights), len(rows)
    return {
        "gpu": Scale(columns_of(name, *few), 3, needs, text, stated, 8 * cells * len(few), rows, optional),
        "paper": Scale(columns_of(name, *faces), 5, needs, text, stated, 15 * cells * len(faces), rows, optional),
    }


# Rows with the paper's weights: fields that differ from the paper's recipe.
_DDPM: Settings = {"recipe": "ddpm", "weights": DIFFUSION.name, "inversion": None}
_COMPARED: dict[str, Settings] = {"PFTGAN": {}, "DatasetGAN": {"recipe": "datasetgan"}, "DDPM": _DDPM}
_SHOTS = ("1", "2", "3", "4", "5")


def _row(name: str, *values: float) -> dict[tuple[str, str], float]:
    return {(name, shots): value for shots, value in zip(_SHOTS, values, strict=False)}


def experiment(
    number: str,
    title: str,
    rows: Mapping[str, Settings],
    scales: Mapping[str, Scale],
    paper: Mapping[tuple[str, str], float],
    **about: Any,
) -> Experiment:
    """Return an experiment that scores mIoU.

    Args:
        number: "table1", for example.
        title: What is compared.
        rows: As `Experiment.rows`, among them "PFTGAN".
        scales: As `Experiment.scales`.
        paper: (row, column) -> the paper's mIoU, 0 to 1.
        **about: Other fields of `Experiment`.
    """
    return Experiment(
        f"pftgan/{number}",
        title,
        rows,
        "PFTGAN",
        scales,
        measure,
        {"mIoU": 1, "mIoU, all classes": 1},
        paper={key: {"mIoU, all classes": 100 * value} for key, value in paper.items()},
        **about,
    )


TABLE_1 = experiment(
    "table1",
    "Few-shot parts of photos: mIoU, %",
    METHODS,
    {
        "mini": Scale(columns_of("fasseg", 1, 5), 3, (FASSEG,), FASSEG_TEXT, {}, 45),
        **published_scales("ffhq34", _COMPARED, (1, 2, 3, 4, 5)),
    },
    {
        **_row("DatasetGAN", 0.360, 0.430, 0.436, 0.439, 0.439),
        **_row("DDPM", 0.285, 0.412, 0.436, 0.460, 0.473),
        **_row("MAE", 0.246, 0.379, 0.425, 0.437, 0.451),
        **_row("PFTGAN", 0.380, 0.457, 0.467, 0.472, 0.478),
    },
    paper_data="FFHQ-34, real images",
    notes=("The paper's MAE is a ViT-L of FFHQ, which its authors did not publish.",),
)
TABLE_2 = experiment(
    "table2",
    "Few-shot parts of generated images: mIoU, %",
    METHODS,
    {
        "mini": Scale(columns_of("generated", 1, 5), 3, (), GENERATED_TEXT, {}, 60),
        **published_scales("face34", _COMPARED, (1, 2, 3, 4, 5)),
    },
    {
        **_row("DatasetGAN", 0.384, 0.404, 0.462, 0.466, 0.464),
        **_row("DDPM", 0.343, 0.399, 0.468, 0.489, 0.513),
        **_row("MAE", 0.324, 0.390, 0.439, 0.466, 0.490),
        **_row("PFTGAN", 0.429, 0.438, 0.491, 0.499, 0.507),
    },
    paper_data="FFHQ-34, images of the generator",
    notes=("At scale mini, a renderer makes the images, not the generator.",),
)
TABLE_3 = experiment(
    "table3",
    "Few-shot parts of cars: mIoU, %",
    _COMPARED,
    published_scales("car20", {name: _COMPARED[name] for name in ("PFTGAN", "DatasetGAN")}, (1, 2, 3, 4, 5)),
    {
        **_row("DatasetGAN", 0.270, 0.302, 0.295, 0.303, 0.304),
        **_row("DDPM", 0.251, 0.306, 0.311, 0.321, 0.298),
        **_row("PFTGAN", 0.338, 0.373, 0.372, 0.393, 0.389),
    },
    paper_data="LSUN CAR-20",
    missing="mini needs a small generator of cars, which is no part of facekit",
)


def measure_beyond(cell: Cell) -> Scores:
    """Score landmarks and sketches on the generator and on fsma, which the paper does not contain."""
    settings = dict(cell.settings)
    data = {"landmarks": LANDMARKS, "sketches": SKETCHES}[settings["data"]]
    split = data.split(settings["faces"], cell.draw)
    model = adapt_plain(
        split.images,
        split.labels,
        data.task,
        settings["backbone"],
        cell.draw,
        names=data.names,
        # Photos are cropped for landmarks as each backbone was pre-trained. Sketches are face crops already.
        align=settings["frames"] if data is LANDMARKS else "none",
    )
    scores = evaluate(model, split.unseen, split.truth)
    return {"NME": scores["nme_inter_ocular"]} if data is LANDMARKS else {"LPIPS": scores["lpips"]}


BEYOND = Experiment(
    "pftgan/beyond",
    "Landmarks (NME, %) and sketches (LPIPS) on the generator; not in the paper",
    {"PFTGAN": {"backbone": "pftgan", "frames": "ffhq"}, "FSMA": {"backbone": "fsma", "frames": "landmarks"}},
    "PFTGAN",
    {
        "mini": Scale(
            {f"{data}, {n}": {"data": data, "faces": n} for data in ("landmarks", "sketches") for n in (1, 10)},
            3,
            (CROPS_300W, SKETCH_PAIRS),
            "300-W: the 224 of lfpw_test scored; CUFS: 60 pairs scored",
            {},
            25,
        )
    },
    measure_beyond,
    {"NME": 2, "LPIPS": 3},
    ("NME", "LPIPS"),
    missing="the paper has no such table",
)

EXPERIMENTS = (TABLE_1, TABLE_2, TABLE_3, BEYOND)
