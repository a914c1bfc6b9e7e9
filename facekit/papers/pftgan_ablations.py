"""Ablations of PFTGAN with one labelled face: its streams, its shared layers, its steps of fine-tuning.

Tables 4 and 6 of the paper have a second column, cars. It is an experiment of its own here, because it needs other data
and another generator.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..backbones.pftgan.config import ALL_SHARED
from .experiment import Experiment, Scale, Settings
from .needs import FASSEG
from .pftgan import FASSEG_TEXT, GENERATED_TEXT, columns_of, experiment, published_scales

_ALL: Settings = {"shared": ALL_SHARED}
_ROWS: dict[str, dict[str, Settings]] = {
    "table4": {"PFTGAN": {}, "single stream": {"image_stream": False}, "DatasetGAN": {"recipe": "datasetgan"}},
    "table5": {"PFTGAN": {"shared": None}, "nothing shared": {"shared": 0}, "all shared (ours)": _ALL},
    "table6": {
        "PFTGAN": {},
        "no fine-tuning": {"stages": ""},
        "vanilla fine-tuning": {"stages": "v"},
        "step 1": {"stages": "1", "reads_colours": True},
        "steps 1 and 2": {"stages": "12", "reads_colours": True},
        "steps 1, 2 and 3": {"stages": "123", "reads_colours": True},
    },
}


def _stated(table: str) -> dict[str, Settings]:
    """Return the rows of the paper: all three steps are PFTGAN itself there, and no row shares all layers."""
    return {n: own for n, own in _ROWS[table].items() if own.get("stages") != "123" and own != _ALL}


def _ablation(table: str, title: str, minutes: float, paper: Mapping[str, float]) -> Experiment:
    """Return an ablation on faces. At scale mini, "PFTGAN" is the quick recipe, in Table 5 with the paper's shares."""
    columns = columns_of("generated", 1, prefix="generated, ") | columns_of("fasseg", 1, prefix="FASSEG, ")
    mini = Scale(columns, 3, (FASSEG,), f"{GENERATED_TEXT}; {FASSEG_TEXT}", {}, minutes)
    return experiment(
        table,
        f"{title}, one labelled face: mIoU, %",
        _ROWS[table],
        {"mini": mini, **published_scales("face34", _stated(table), (1,))},
        {(row, "1"): value for row, value in paper.items()},
        paper_data="FFHQ-34, images of the generator",
        notes=(
            "At scale mini, PFTGAN is the quick recipe: steps 1 and 2, whose classifiers read no colours. The quick "
            "recipe shares all layers; only Table 5's row PFTGAN shares the paper's 4/9 of the blocks.",
        ),
    )


def _cars(table: str, title: str, paper: Mapping[str, float]) -> Experiment:
    """Return the same ablation on cars."""
    return experiment(
        f"{table}-cars",
        f"{title}, one labelled car: mIoU, %",
        _ROWS[table],
        published_scales("car20", _stated(table), (1,)),
        {(row, "1"): value for row, value in paper.items()},
        paper_data="LSUN CAR-20",
        missing="mini needs a small generator of cars, which is no part of facekit",
    )


_STREAMS, _STEPS = "One stream or two", "Steps of fine-tuning"
TABLE_4 = _ablation("table4", _STREAMS, 35, {"DatasetGAN": 0.384, "single stream": 0.379, "PFTGAN": 0.429})
TABLE_4_CARS = _cars("table4", _STREAMS, {"DatasetGAN": 0.270, "single stream": 0.274, "PFTGAN": 0.338})
TABLE_5 = _ablation("table5", "Shared layers", 40, {"nothing shared": 0.383, "PFTGAN": 0.429})
_TABLE_6_ROWS = ("no fine-tuning", "vanilla fine-tuning", "step 1", "steps 1 and 2", "steps 1, 2 and 3")
TABLE_6 = _ablation("table6", _STEPS, 80, dict(zip(_TABLE_6_ROWS, (0.384, 0.347, 0.385, 0.424, 0.429), strict=True)))
TABLE_6_CARS = _cars("table6", _STEPS, dict(zip(_TABLE_6_ROWS, (0.270, 0.267, 0.281, 0.327, 0.338), strict=True)))

EXPERIMENTS = (TABLE_4, TABLE_4_CARS, TABLE_5, TABLE_6, TABLE_6_CARS)
