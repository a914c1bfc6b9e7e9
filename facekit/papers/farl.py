"""Tables of "General Facial Representation Learning in a Visual-Linguistic Manner" (FaRL): what towers are worth.

Paper: https://arxiv.org/abs/2112.03109. `farl_tasks` has the tables of single tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import published
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .farl_at_hand import measure_attributes, measure_groups, measure_heads
from .labelled_faces import Published
from .labelled_faces import measure as measure_published
from .needs import AFLW, CELEBA, CELEBAHQ_128, CLIP, CROPS_300W, FAIRFACE, FARL, FASSEG, LAPA, UTKFACE

# The three tasks of Tables 1, 2, 3 and 10, each with the score that these tables show.
_TASKS: tuple[tuple[Published, str, str], ...] = (
    (published.LAPA, "mean", "F1"),
    (published.AFLW_19, "NME_diag, full", "NME"),
    (published.CELEBA, "mAcc", "mAcc"),
)
_SHOWN = {"F1": 2, "NME": 3, "mAcc": 2}
_OFFICIAL: dict[str, Settings] = {"FaRL": {"weights": FARL.name}, "CLIP": {"weights": CLIP.name}}
_NEEDS = (FARL, LAPA, AFLW, CELEBA)
_THREE = "LaPa, AFLW-19 (NME by the diagonal), CelebA: test sets; ViT-B/16"
# FaRL's heads on one GPU in a quarter of the paper recipe's steps. The paper names no number of steps.
SHORT: Settings = {"recipe": "paper", "steps": 500}


def measure_tasks(cell: Cell) -> Scores:
    """Score heads on a frozen tower on the three published data sets."""
    settings = dict(cell.settings)
    short = settings.pop("steps", None)
    found: Scores = {}
    for data, score, shown in _TASKS:
        own = settings | ({"steps": short} if short and data.task != "attributes" else {})
        found[shown] = measure_published(data, "farl", replace(cell, settings=own))[score]
    return found


def _measured(cell: Cell) -> Scores:
    return measure_heads(cell) if cell.scale == "mini" else measure_tasks(cell)


def _row(f1: float, nme: float, accuracy: float) -> Scores:
    return {"F1": f1, "NME": nme, "mAcc": accuracy}


def _tasks(columns: Mapping[str, Settings], minutes: float) -> dict[str, Scale]:
    optional = {"CLIP": CLIP}
    return {
        "gpu": Scale(columns, 1, _NEEDS, f"{_THREE}; 500 steps of dense heads", SHORT, minutes, _OFFICIAL, optional),
        "paper": Scale(columns, 1, _NEEDS, _THREE, {"recipe": "paper"}, 3 * minutes, _OFFICIAL, optional),
    }


_SMALL_HEADS: Settings = {"head_steps": 200}
_FEW_DATA = "10 FASSEG faces, 155 of 300-W and 800 of CelebA-HQ labelled; others scored"
_HANDS = (CELEBAHQ_128, CROPS_300W, FASSEG)
_ALL: dict[str, Settings] = {"all": {}}
_NOT_OURS = "The paper's other towers are no part of facekit: MoCo v3, BEiT, ViT, DeiT and Face Transformer."
TABLE_1 = Experiment(
    "farl/table1",
    "Pre-trained towers, frozen: F1 of parts, NME of points, mean accuracy of attributes, %",
    {"random tower": {"weights": "random-mini"}, "FaRL": {"weights": "embedded"}},
    "FaRL",
    {"mini": Scale({"few": {}}, 3, _HANDS, f"{_FEW_DATA}; the embedded tower", _SMALL_HEADS, 30), **_tasks(_ALL, 240)},
    _measured,
    _SHOWN,
    ("NME",),
    paper={
        ("MoCo v3", "all"): _row(91.86, 1.007, 90.23),
        ("BEiT", "all"): _row(91.29, 1.076, 90.82),
        ("ViT", "all"): _row(91.61, 1.004, 90.77),
        ("DeiT", "all"): _row(92.00, 1.003, 89.56),
        ("CLIP", "all"): _row(92.21, 0.995, 90.86),
        ("Face Transformer", "all"): _row(91.09, 1.031, 90.77),
        ("FaRL", "all"): _row(92.32, 0.991, 91.39),
    },
    paper_data=_THREE,
    notes=(_NOT_OURS,),
)
_PARTS = {"1 %": {"part": 0.01}, "10 %": {"part": 0.1}, "100 %": {"part": 1.0}}
_FEW: Mapping[str, Settings] = {"100": {"faces": 100}, "1000": {"faces": 1000}}


def _few(row: str, *values: tuple[float, float, float]) -> dict[tuple[str, str], Scores]:
    return {(row, column): _row(*value) for column, value in zip(_PARTS, values, strict=True)}


TABLE_2 = Experiment(
    "farl/table2",
    "Few labelled faces on frozen towers, %",
    {
        "majority class": {"baseline": "majority"},
        "logistic regression on 32 px": {"baseline": "logistic"},
        "random tower": {"weights": "none"},
        "FaRL": {"weights": "embedded"},
        "FaRL, regions (ours)": {"weights": "embedded", "regions": 3},
    },
    "FaRL",
    {
        "mini": Scale(
            _FEW, 3, (CELEBAHQ_128,), "CelebA-HQ: attributes, the last 800 faces scored; the embedded tower", {}, 25
        ),
        **_tasks(_PARTS, 500),
    },
    lambda cell: measure_attributes(cell) if cell.scale == "mini" else measure_tasks(cell),
    {**_SHOWN, "balanced accuracy": 2},
    ("NME",),
    paper={
        **_few("MoCo v3", (86.47, 1.41, 87.85), (90.18, 1.19, 89.76), (91.86, 1.007, 90.23)),
        **_few("BEiT", (85.01, 1.94, 85.64), (89.21, 1.37, 88.74), (91.29, 1.076, 89.71)),
        **_few("ViT", (86.64, 1.37, 89.20), (89.97, 1.16, 90.21), (91.61, 1.004, 90.77)),
        **_few("DeiT", (87.24, 1.41, 86.73), (90.45, 1.17, 89.00), (92.00, 1.003, 89.79)),
        **_few("CLIP", (88.13, 1.30, 89.09), (90.91, 1.11, 90.47), (92.21, 0.995, 90.86)),
        **_few("Face Transformer", (86.42, 1.41, 87.42), (89.54, 1.21, 90.32), (91.09, 1.031, 90.77)),
        **_few("FaRL", (88.21, 1.35, 89.66), (90.91, 1.15, 90.99), (92.32, 0.991, 91.39)),
    },
    paper_data=_THREE,
    notes=(_NOT_OURS, "BEiT and DeiT have other accuracies on all faces in the paper's Table 1."),
)
_ITC: Settings = {"mim": 0.0}
TABLE_3 = Experiment(
    "farl/table3",
    "Parts of the pre-training, frozen towers: F1 of parts, NME of points, mean accuracy of attributes, %",
    {
        "scratch": {"pretraining": None},
        "ITC": {"pretraining": {**_ITC, "align": False}},
        "ITC+ALIGN": {"pretraining": {**_ITC, "align": True}},
        "ITC+MIM1": {"pretraining": {"align": False}},
        "ITC+MIM6": {"pretraining": {"align": False, "mim_layers": 6}},
        "ITC+MIM6+ALIGN": {"pretraining": {"align": True, "mim_layers": 6}},
        "ITC+MIM1+ALIGN": {"pretraining": {"align": True}},
    },
    "ITC+MIM1+ALIGN",
    {
        "mini": Scale(
            {"few": {}},
            3,
            _HANDS,
            f"pre-trained on 4,000 scenes of CelebA-HQ; {_FEW_DATA}",
            {"scenes": 4000, "scene_size": 192, "steps": 1500, "batch": 64, **_SMALL_HEADS},
            600,
        )
    },
    measure_heads,
    _SHOWN,
    ("NME",),
    paper={
        ("ITC", "all"): _row(91.75, 1.009, 91.31),
        ("ITC+MIM1", "all"): _row(91.82, 1.004, 91.22),
        ("ITC+MIM1+ALIGN", "all"): _row(92.32, 0.991, 91.39),
        ("ITC+MIM6+ALIGN", "all"): _row(92.19, 1.002, 91.38),
        ("ITC+MIM6", "all"): _row(91.99, 0.992, 91.20),
        ("ITC+ALIGN", "all"): _row(91.88, 1.012, 91.40),
        ("ITC (LAION-RANDOM)", "all"): _row(91.68, 1.010, 90.76),
    },
    paper_data=f"{_THREE}, 20 million pairs",
    missing="gpu and paper need the 20 million pairs of LAION-Face, and days on many GPUs (`facekit pretrain farl`)",
)
_LEVELS = {"all levels": {}, **{f"level {level}": {"layers": [level] * 4} for level in (1, 2, 3, 4, 5, 6)}}


def measure_levels(cell: Cell) -> Scores:
    """Score heads that read one level of the tower four times (Figure 4)."""
    settings: dict[str, Any] = dict(cell.settings)
    if "layers" in settings:
        settings["layers"] = tuple(settings["layers"])
    cell = replace(cell, settings=settings)
    if cell.scale == "mini":
        return measure_attributes(cell)
    return {
        "F1": measure_published(published.LAPA, "farl", cell)["mean"],
        "mAcc": measure_published(published.CELEBA, "farl", cell)["mAcc"],
    }


_LEVELS_12 = {"all levels": {}, **{f"level {level}": {"layers": [level] * 4} for level in range(1, 13)}}
FIGURE_4 = Experiment(
    "farl/figure4",
    "Single levels of the tower: F1 of parts, mean accuracy of attributes, %",
    _LEVELS,
    "all levels",
    {
        "mini": Scale(
            {"1000": {"faces": 1000}},
            3,
            (CELEBAHQ_128,),
            "CelebA-HQ: attributes, the last 800 faces scored; the embedded tower of six blocks",
            {"weights": "embedded"},
            12,
        ),
        "paper": Scale(
            _ALL,
            1,
            (FARL, LAPA, CELEBA),
            "LaPa, CelebA: test sets; ViT-B/16",
            {"recipe": "paper", "weights": FARL.name},
            4000,
            _LEVELS_12,
        ),
    },
    measure_levels,
    {"F1": 2, "mAcc": 2},
    paper={("all levels", "all"): {"F1": 92.32, "mAcc": 91.39}},
    paper_data="LaPa, CelebA; the figures of single levels are drawn only",
    missing="gpu would be the scale paper",
)
_GROUPS = {f"{kind}, {group}": 2 for kind in ("age", "gender") for group in ("white", "others", "all", "discrepancy")}


def _by_race(age: tuple[float, ...], gender: tuple[float, ...]) -> Scores:
    return dict(zip(_GROUPS, (*age, *gender), strict=True))


TABLE_11 = Experiment(
    "farl/table11",
    "Age and gender of white and other people: accuracy, %",
    {"random tower": {"weights": "none"}, "FaRL": {"weights": "embedded"}},
    "FaRL",
    {
        "mini": Scale(
            {"1000": {"faces": 1000}},
            3,
            (UTKFACE,),
            "UTKFace: 1,000 faces scored; the embedded tower",
            {"align": "none"},
            15,
        ),
        **{
            scale: Scale(
                {column: {"faces": faces} if faces else {}},
                1,
                (FARL, FAIRFACE),
                "FairFace: val scored; ViT-B/16",
                {"recipe": "paper", "align": "none"},
                minutes,
                _OFFICIAL,
                {"CLIP": CLIP},
            )
            for scale, column, faces, minutes in (("gpu", "10000", 10_000, 30), ("paper", "all", None, 180))
        },
    },
    measure_groups,
    _GROUPS,
    tuple(name for name in _GROUPS if name.endswith("discrepancy")),
    paper={
        ("FairFace", "all"): _by_race((60.05, 60.63, 60.52, 0.58), (94.15, 94.41, 94.36, 0.26)),
        ("CLIP", "all"): _by_race((62.25, 61.95, 62.00, -0.30), (94.87, 95.78, 95.61, 0.91)),
        ("FaRL", "all"): _by_race((61.49, 61.84, 61.78, 0.35), (95.16, 95.77, 95.65, 0.61)),
    },
    paper_data="FairFace: val scored; ViT-B/16",
    notes=("The discrepancy is others minus white. Lower means nearer to 0.",),
)

EXPERIMENTS = (TABLE_1, TABLE_2, TABLE_3, TABLE_11, FIGURE_4)
