"""Tables 4 to 9 of FaRL: its tower on single tasks, frozen and fine-tuned, beside a tower from random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from . import published
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .farl import SHORT
from .farl_at_hand import measure_attributes, measure_parts, measure_points
from .farl_towers import random_towers
from .labelled_faces import Published
from .labelled_faces import measure as measure_published
from .needs import (
    AFLW,
    CELEBA,
    CELEBAHQ_128,
    CELEBAMASK_CROPS,
    CELEBAMASK_HQ,
    CROPS_300W,
    FARL,
    LAPA,
    LFWA,
    W300,
    WFLW,
    Need,
)

# "scratch" is trained whole on the task, from random weights.
_ROWS: dict[str, Settings] = {
    "Scratch": {"recipe": "paper-ft", "weights": "random-base"},
    "FaRL": {"recipe": "paper", "weights": FARL.name},
    "FaRL_ft": {"recipe": "paper-ft", "weights": FARL.name},
    "FaRL_ft 448": {"recipe": "paper-ft-448", "weights": FARL.name},
}
# On the embedded tower. Without the tower's own rate, it is frozen.
_SMALL: dict[str, Settings] = {
    "Scratch": {"weights": "none", "tower_lr": 3e-4},
    "FaRL": {"weights": "embedded"},
    "FaRL_ft": {"weights": "embedded", "tower_lr": 1e-4},
}
_FINE_TUNED: Settings = {"cache": False}


def measure(data: Published, cell: Cell) -> Scores:
    """Score a tower on a published data set."""
    settings = dict(cell.settings)
    if settings["weights"].startswith("random-"):
        settings["weights"] = str(random_towers(cell, settings["weights"].removeprefix("random-")))
    return measure_published(data, "farl", replace(cell, settings=settings))


def _whole(data: str, needs: tuple[Need, ...], minutes: float, columns: Mapping[str, Settings]) -> dict[str, Scale]:
    """Return the scales "gpu" (500 steps, frozen and fine-tuned) and "paper"."""
    rows = {name: own for name, own in _ROWS.items() if "448" not in name}
    short: Settings = {"steps": SHORT["steps"]}
    return {
        "gpu": Scale(columns, 1, (FARL, *needs), f"{data}; ViT-B/16, 500 steps", short, minutes, rows),
        "paper": Scale(columns, 1, (FARL, *needs), f"{data}; ViT-B/16", {}, 6 * minutes, _ROWS),
    }


def _experiment(
    number: str,
    title: str,
    data: Published,
    needs: tuple[Need, ...],
    shown: Mapping[str, int],
    text: str,
    minutes: float,
    paper: Mapping[str, tuple[float, ...]],
    mini: tuple[Scale, Callable[[Cell], Scores]] | None = None,
    missing: str = "",
) -> Experiment:
    scales = _whole(text, needs, minutes, {"all": {}})
    if mini is not None:
        scales = {"mini": mini[0], **scales}
    return Experiment(
        f"farl/{number}",
        title,
        _ROWS if mini is None else _SMALL,
        "FaRL",
        scales,
        lambda cell: mini[1](cell) if mini is not None and cell.scale == "mini" else measure(data, cell),
        shown,
        tuple(name for name in shown if name.startswith(("NME", "FR"))),
        paper={(row, "all"): dict(zip(shown, values, strict=False)) for row, values in paper.items()},
        paper_data=f"{text}; ViT-B/16",
        missing=missing,
    )


_DENSE: Settings = {**_FINE_TUNED, "steps": 200, "views": 8, "head_channels": 32, "bfloat16": True}
_LAPA_SHOWN = (
    *("skin", "hair", "left_eye", "right_eye", "upper_lip", "inner_mouth", "lower_lip"),
    *("nose", "left_brow", "right_brow", "mean"),
)
TABLE_4 = _experiment(
    "table4",
    "Parts of LaPa: F1, %",
    published.LAPA,
    (LAPA,),
    dict.fromkeys(_LAPA_SHOWN, 2),
    "LaPa: test set",
    120,
    {
        "AGRNet": (97.7, 96.5, 91.6, 91.1, 88.5, 90.7, 90.1, 97.3, 89.9, 90.0, 92.3),
        "Scratch": (97.18, 93.06, 91.61, 91.50, 87.22, 89.44, 89.13, 97.26, 90.12, 89.69, 91.62),
        "FaRL": (97.38, 94.53, 91.88, 91.69, 88.20, 90.59, 89.85, 97.42, 90.84, 90.85, 92.32),
        "FaRL_ft": (97.52, 95.11, 92.33, 92.09, 88.69, 90.70, 90.05, 97.55, 91.57, 91.34, 92.70),
        "FaRL_ft 448": (98.00, 96.52, 93.97, 93.91, 90.15, 91.74, 91.21, 97.92, 92.70, 92.65, 93.88),
    },
    missing="mini would be farl/table5 again",
)
_CELEBAMASK_SHOWN = (
    *("skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear", "right_ear"),
    *("inner_mouth", "upper_lip", "lower_lip", "hair", "hat", "earring", "necklace", "neck", "cloth", "mean"),
)
TABLE_5 = _experiment(
    "table5",
    "Parts of CelebAMask-HQ: F1, %",
    published.CELEBAMASK_HQ,
    (CELEBAMASK_HQ,),
    dict.fromkeys(_CELEBAMASK_SHOWN, 2),
    "CelebAMask-HQ: test set",
    150,
    {
        "AGRNet": (
            *(96.5, 93.9, 91.8, 88.7, 89.1, 85.5, 85.6, 88.1, 88.7),
            *(92.0, 89.1, 91.1, 95.2, 87.2, 69.6, 32.8, 89.9, 84.9, 85.5),
        ),
        "Scratch": (
            *(96.17, 93.77, 92.28, 89.04, 88.97, 85.32, 85.36, 86.88, 87.32),
            *(91.66, 88.10, 90.04, 94.94, 82.73, 63.05, 33.52, 90.76, 85.92, 84.74),
        ),
        "FaRL": (
            *(96.29, 93.72, 93.91, 88.75, 88.64, 85.24, 85.42, 87.06, 87.36),
            *(90.96, 87.53, 89.81, 95.60, 90.07, 68.19, 50.94, 91.54, 89.88, 86.72),
        ),
        "FaRL_ft": (
            *(96.32, 93.62, 94.08, 88.81, 88.67, 85.25, 85.46, 87.53, 87.87),
            *(91.10, 87.77, 89.81, 95.76, 90.80, 69.87, 60.91, 91.79, 90.40, 87.55),
        ),
        "FaRL_ft 448": (
            *(96.74, 94.22, 95.37, 90.71, 90.56, 87.03, 87.14, 89.06, 89.46),
            *(92.80, 90.17, 91.38, 96.20, 92.09, 75.72, 69.72, 92.45, 91.31, 89.56),
        ),
    },
    mini=(
        Scale(
            {"100": {"faces": 100}},
            3,
            (CELEBAMASK_CROPS,),
            "CelebAMask-HQ: crops, the 70 validation faces that no pre-training saw; the embedded tower",
            _DENSE,
            45,
        ),
        measure_parts,
    ),
)
TABLE_6 = _experiment(
    "table6",
    "19 points of AFLW-19: NME and AUC, %",
    published.AFLW_19,
    (AFLW,),
    {"NME_diag, full": 3, "NME_diag, frontal": 3, "NME_box, full": 3, "AUC7_box, full": 1},
    "AFLW-19: full and frontal test sets",
    150,
    {
        "Scratch": (1.047, 0.884, 1.481, 79.3),
        "FaRL": (0.991, 0.851, 1.402, 80.4),
        "FaRL_ft": (0.969, 0.836, 1.371, 80.8),
        "FaRL_ft 448": (0.943, 0.821, 1.334, 81.3),
    },
    missing="mini would be farl/table8 again",
)
_WFLW_SHOWN = (
    *("NME, full", "NME, pose", "NME, expression", "NME, illumination", "NME, make-up", "NME, occlusion", "NME, blur"),
    *("FR10, full", "AUC10, full"),
)
TABLE_7 = _experiment(
    "table7",
    "98 points of WFLW: NME by the distance of the eyes, failures and AUC, %",
    published.WFLW,
    (WFLW,),
    dict.fromkeys(_WFLW_SHOWN, 2),
    "WFLW: test set and its subsets",
    150,
    {
        "ADNet": (4.14, 6.96, 4.38, 4.09, 4.05, 5.06, 4.79, 2.72, 60.22),
        "Scratch": (4.80, 8.78, 5.09, 4.74, 4.99, 6.01, 5.35, 5.72, 54.54),
        "FaRL": (4.38, 7.60, 4.66, 4.19, 4.30, 5.44, 4.98, 3.32, 57.54),
        "FaRL_ft": (4.03, 6.81, 4.32, 3.92, 3.87, 4.70, 4.54, 1.76, 60.23),
        "FaRL_ft 448": (3.96, 6.91, 4.21, 3.97, 3.80, 4.71, 4.57, 1.76, 61.16),
    },
    missing="mini would be farl/table8 again",
)
TABLE_8 = _experiment(
    "table8",
    "68 points of 300-W: NME by the distance of the eyes, %",
    published.W300,
    (W300,),
    {"NME, common": 2, "NME, challenge": 2, "NME, full": 2},
    "300-W: common, challenge and full",
    90,
    {
        "ADNet": (2.53, 4.58, 2.93),
        "Scratch": (2.90, 5.19, 3.35),
        "FaRL": (2.69, 4.85, 3.12),
        "FaRL_ft": (2.70, 4.64, 3.08),
        "FaRL_ft 448": (2.56, 4.45, 2.93),
    },
    mini=(
        Scale(
            {"157": {"faces": 157}},
            3,
            (CROPS_300W,),
            "300-W: crops, the 224 of lfpw_test scored as common; the embedded tower",
            _DENSE,
            45,
        ),
        measure_points,
    ),
)
_SHARES = {"CelebA": (0.002, 0.005, 0.01, 0.02, 1.0), "LFWA": (0.05, 0.1, 0.2, 0.5, 1.0)}
_SETS = {"CelebA": published.CELEBA, "LFWA": published.LFWA}


def _column(name: str, share: float) -> str:
    return f"{name}, {100 * share:g} %"


def _shares(row: str, values: Mapping[str, tuple[float | None, ...]]) -> dict[tuple[str, str], Scores]:
    return {
        (row, _column(name, share)): {"mAcc": value}
        for name, some in values.items()
        for share, value in zip(_SHARES[name], some, strict=True)
        if value is not None
    }


def measure_shares(cell: Cell) -> Scores:
    """Score attributes from a share of the training faces (Table 9)."""
    if cell.scale == "mini":
        return measure_attributes(cell)
    settings: dict[str, Any] = dict(cell.settings)
    return measure(_SETS[settings.pop("set")], replace(cell, settings=settings))


_COLUMNS: dict[str, dict[str, Any]] = {
    _column(name, share): {"set": name, "part": share} for name, some in _SHARES.items() for share in some
}
_FROZEN_AND_TUNED = {name: _ROWS[name] for name in ("FaRL", "FaRL_ft")}
_TABLE_9 = "CelebA and LFWA: test sets"
TABLE_9 = Experiment(
    "farl/table9",
    "Attributes from shares of the training faces: mean accuracy, %",
    {"FaRL": _SMALL["FaRL"], "FaRL_ft": {**_SMALL["FaRL_ft"], **_FINE_TUNED}},
    "FaRL",
    {
        "mini": Scale(
            {"100": {"faces": 100}, "1000": {"faces": 1000}},
            3,
            (CELEBAHQ_128,),
            "CelebA-HQ: the last 800 faces scored; the embedded tower",
            {"steps": 200},
            60,
        ),
        "gpu": Scale(
            {name: own for name, own in _COLUMNS.items() if own["part"] < 0.1},
            1,
            (FARL, CELEBA, LFWA),
            f"{_TABLE_9}; ViT-B/16",
            {},
            120,
            _FROZEN_AND_TUNED,
        ),
        "paper": Scale(_COLUMNS, 1, (FARL, CELEBA, LFWA), f"{_TABLE_9}; ViT-B/16", {}, 4000, _FROZEN_AND_TUNED),
    },
    measure_shares,
    {"mAcc": 2},
    paper={
        **_shares("PS-MCNN", {"CelebA": (None,) * 4 + (92.98,), "LFWA": (None,) * 4 + (87.36,)}),
        **_shares(
            "SSPL",
            {"CelebA": (86.67, 88.05, 88.84, 89.58, 91.77), "LFWA": (78.68, 81.65, 83.45, 85.43, 86.53)},
        ),
        **_shares(
            "FaRL",
            {"CelebA": (87.63, 88.58, 89.66, 90.26, 91.39), "LFWA": (80.94, 82.42, 83.94, 85.38, 85.94)},
        ),
        **_shares(
            "FaRL_ft",
            {"CelebA": (88.51, 89.12, 90.24, 90.55, 91.88), "LFWA": (82.57, 83.58, 84.80, 85.95, 86.69)},
        ),
    },
    paper_data=f"{_TABLE_9}; ViT-B/16",
)

EXPERIMENTS = (TABLE_4, TABLE_5, TABLE_6, TABLE_7, TABLE_8, TABLE_9)
