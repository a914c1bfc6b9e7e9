"""Tables of "Leveraging GAN Priors for Few-Shot Part Segmentation" (PFTGAN). All scores are mIoU in percent."""

from __future__ import annotations

import functools
import itertools
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..api.adaptation import adapt
from ..api.evaluation import evaluate
from ..api.prediction import predict
from ..data.synthetic_faces.generator import GeneratedFaces
from ..labels import FACEKIT_27, FASSEG_6
from ..model import find_frames
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .face_data import Split, split_fasseg

_SIDE, _UNSEEN, _LABELLED = 192, 64, 40
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


@functools.cache
def _rendered() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return generated faces whose people are in no training: first those to label, then those to score."""
    faces = GeneratedFaces(seed=620, size=_SIDE, framing=2.2, yaw=(-25, 25), pitch=(-12, 12), roll=(-10, 10))
    found = faces.batch(range(_LABELLED + _UNSEEN), want=("image", "mask"))
    return list(found["image"].permute(0, 2, 3, 1).numpy()), list(found["mask"].numpy())


def split_generated(n: int, seed: int) -> Split:
    """Draw `n` generated faces; score the 64 others."""
    images, masks = _rendered()
    drawn = random.Random(seed).sample(range(_LABELLED), _LABELLED)
    # An image in which no face is found is not labelled, as a user would do.
    few = list(itertools.islice((i for i in drawn if find_frames(images[i], "ffhq", None)), n))
    return Split([images[i] for i in few], [masks[i] for i in few], images[_LABELLED:], masks[_LABELLED:])


SETS: dict[str, tuple[Callable[[int, int], Split], Any]] = {
    "generated": (split_generated, FACEKIT_27),
    "fasseg": (split_fasseg, FASSEG_6),
}


def measure(cell: Cell) -> Scores:
    """Adapt one model, and return mIoU by both ways of counting and the time of a prediction.

    The unlabelled support images are the images that are scored, as in the paper. All methods use the same crops.

    Args:
        cell: The cell; ``set`` and ``faces`` among its settings choose the data.
    """
    settings = {"backbone": "pftgan", **cell.settings}
    splitting, names = SETS[settings.pop("set")]
    split = splitting(settings.pop("faces"), cell.draw)
    if settings["backbone"] == "pftgan" and settings.get("recipe", "quick") in ("quick", "paper"):
        alone = not settings.get("image_stream", True) or settings.get("stages") == ""
        settings |= {} if alone else {"support_images": split.unseen}
    model = adapt(
        split.images,
        split.labels,
        "segmentation",
        names=names,
        align="ffhq",
        seed=cell.draw,
        progress=False,
        **settings,
    )
    scores = evaluate(model, split.unseen, split.truth)
    started = time.monotonic()
    for image in split.unseen[:10]:
        predict(model, image, align="none")
    took = (time.monotonic() - started) * 100
    kept = {"mIoU": scores["miou"], "mIoU, all classes": scores["miou_all_classes"]}
    return {**kept, "seconds of adapting": model.about["seconds"], "ms of predicting": took}


def _columns(*faces: int) -> Mapping[str, Settings]:
    names = {"generated": "generated, ", "fasseg": "FASSEG, "}
    return {f"{names[name]}{n}": {"set": name, "faces": n} for name in SETS for n in faces}


def _experiment(
    number: str,
    title: str,
    rows: Mapping[str, Settings],
    own: str,
    mini: Scale,
    paper: Mapping[Any, float],
    **about: Any,
) -> Experiment:
    return Experiment(
        f"pftgan/{number}",
        title,
        rows,
        own,
        {"mini": mini},
        measure,
        {"mIoU": 1, "mIoU, all classes": 1},
        "higher",
        # The paper counts a class that is predicted and absent as 0.
        paper={key: {"mIoU, all classes": 100 * value} for key, value in paper.items()},
        missing="gpu and paper need NVIDIA's FFHQ generator of 256 px with an e4e encoder, and the labels of FFHQ-34",
        **about,
    )


_DATA = "generated faces (27 parts; 64 scored) and FASSEG (six classes; the frontal faces that were not drawn scored)"
_SHOTS = ("1", "2", "3", "4", "5")


def _row(name: str, *values: float) -> dict[tuple[str, str], float]:
    return {(name, shots): value for shots, value in zip(_SHOTS, values, strict=True)}


TABLE_1 = _experiment(
    "table1",
    "Few-shot parts: mIoU, %",
    METHODS,
    "PFTGAN",
    Scale(_columns(1, 5), 5, ("fasseg",), _DATA, {}, 240),
    {
        **_row("DatasetGAN", 0.360, 0.430, 0.436, 0.439, 0.439),
        **_row("DDPM", 0.285, 0.412, 0.436, 0.460, 0.473),
        **_row("MAE", 0.246, 0.379, 0.425, 0.437, 0.451),
        **_row("PFTGAN", 0.380, 0.457, 0.467, 0.472, 0.478),
    },
    paper_data="FFHQ-34, real images, 256 px",
)
_ABLATIONS: dict[str, dict[str, Settings]] = {
    "table4": {"PFTGAN": {}, "single stream": {"image_stream": False}, "DatasetGAN": {"recipe": "datasetgan"}},
    "table5": {"PFTGAN": {}, "nothing shared": {"shared": 0}, "all shared": {"shared": 64}},
    "table6": {
        "PFTGAN": {},
        "no fine-tuning": {"stages": ""},
        "vanilla fine-tuning": {"stages": "v"},
        "step 1": {"stages": "1", "reads_colours": True},
        "steps 1 and 2": {"stages": "12", "reads_colours": True},
        "steps 1, 2 and 3": {"stages": "123", "reads_colours": True},
    },
}
_ABLATED = Scale(_columns(1), 5, ("fasseg",), _DATA, {}, 120)
TABLE_4 = _experiment(
    "table4",
    "One stream or two, one labelled face: mIoU, %",
    _ABLATIONS["table4"],
    "PFTGAN",
    _ABLATED,
    {("DatasetGAN", "1"): 0.384, ("single stream", "1"): 0.379, ("PFTGAN", "1"): 0.429},
    paper_data="FFHQ-34, generated images",
)
TABLE_5 = _experiment(
    "table5",
    "Shared layers, one labelled face: mIoU, %",
    _ABLATIONS["table5"],
    "PFTGAN",
    _ABLATED,
    {("nothing shared", "1"): 0.383, ("PFTGAN", "1"): 0.429},
    paper_data="FFHQ-34, generated images",
)
TABLE_6 = _experiment(
    "table6",
    "Steps of fine-tuning, one labelled face: mIoU, %",
    _ABLATIONS["table6"],
    "PFTGAN",
    _ABLATED,
    {
        ("no fine-tuning", "1"): 0.384,
        ("vanilla fine-tuning", "1"): 0.347,
        ("step 1", "1"): 0.385,
        ("steps 1 and 2", "1"): 0.424,
        ("steps 1, 2 and 3", "1"): 0.429,
    },
    paper_data="FFHQ-34, generated images",
)

EXPERIMENTS = (TABLE_1, TABLE_4, TABLE_5, TABLE_6)
