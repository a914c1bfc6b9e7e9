"""Tables of "Few-Shot Model Adaptation for Customized Facial Landmark Detection, Segmentation, ..." (FSMA).

Paper: https://arxiv.org/abs/2104.09457
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from . import published
from .experiment import Cell, Experiment, Scale, Scores, Settings
from .face_data import LANDMARKS, PARTS, Data
from .labelled_faces import Published
from .labelled_faces import measure as measure_published
from .needs import CROPS_300W, FASSEG, FSMA_256, HELEN, W300, Need, imagenet
from .plain_adaptation import adapt_plain

# No warm start from generated faces: rows must differ in their own setting only. Fewer steps than the quick recipes
# where those would take hours over all rows.
POINT_SETTINGS: dict[str, Any] = {"start": "none", "steps": 300, "batch_size": 10, "lr": 3e-3}
_MASKS: dict[str, Any] = {"start": "none", "steps": 400, "batch_size": 8, "lr": 4e-3}
# Every layer trains, from random weights: twice the steps, at a rate that suits it.
_UNET_POINTS: Settings = {"baseline": "unet", "lr": 1e-3, "steps": 600}
_UNET_MASKS: Settings = {"baseline": "unet", "lr": 1e-3, "steps": 800}
# The usual alternative to facekit. The paper's has ResNet-18, and the size of FSMA's network.
_IMAGENET = "UNet from ImageNet"
_RIVAL: Settings = {"backbone": "synthparse", "weights": "imagenet", "lr": 1e-3, "tower_lr": 1e-3}


def measure(data: Data, cell: Cell) -> Scores:
    """Adapt one model on data at hand and score it.

    Args:
        data: The data set.
        cell: The cell; ``faces`` among its settings is the number of labelled faces.
    """
    settings = dict(cell.settings)
    split = data.split(settings.pop("faces"), cell.draw)
    if "/" in settings.get("weights", ""):
        settings["weights"] = cell.file(settings["weights"])
    model = adapt_plain(
        split.images,
        split.labels,
        data.task,
        settings.pop("backbone", "fsma"),
        cell.draw,
        names=data.names,
        **settings,
    )
    scores = data.score(model, split)
    if data is PARTS:
        # As in the paper's text (supplement, section 2.2), without skin and hair.
        scores["face"] = scores.pop("skin")
        scores["overall"] = statistics.mean(scores[part] for part in ("eyes", "nose", "mouth"))
    return scores


def skips(*codes: str) -> dict[str, Settings]:
    """Return one row per code of skip layers."""
    return {code: {"skip": code} for code in codes}


def faces_columns(*numbers: int) -> dict[str, Settings]:
    """Return one column per number of labelled faces."""
    return {str(n): {"faces": n} for n in numbers}


def experiment(
    number: str,
    title: str,
    data: Data,
    rows: Mapping[str, Settings],
    scales: Mapping[str, Scale],
    shown: Mapping[str, int],
    whole: Published | None = None,
    **about: Any,
) -> Experiment:
    """Return an experiment on data at hand at scale "mini", and on published data at the others.

    Args:
        number: "table1", for example.
        title: What is compared.
        data: The data at hand.
        rows: As `Experiment.rows`. The code with most skip layers is the paper's method.
        scales: As `Experiment.scales`.
        shown: As `Experiment.shown`.
        whole: The published data.
        **about: Other fields of `Experiment`.
    """

    def measured(cell: Cell) -> Scores:
        if cell.scale == "mini" or whole is None:
            return measure(data, cell)
        return measure_published(whole, "fsma", cell)

    own = max(rows, key=lambda row: row.count("1") if set(row) <= {"0", "1"} else 0)
    lower = [name for name in shown if data.task == "landmarks" or name == "lpips"]
    return Experiment(f"fsma/{number}", title, rows, own, scales, measured, shown, tuple(lower), **about)


def _scales(
    mini: Scale, needs: Need, faces: tuple[int, ...], data: str, rows: Mapping[str, Settings]
) -> dict[str, Scale]:
    """Return the scales of a table: "gpu" has the embedded auto-encoder of 128 px, "paper" one of 256 px."""
    columns = faces_columns(*faces)
    on_gpu: Settings = {"recipe": "paper", "weights": "embedded", "side": 128}
    size: Settings = {"recipe": "paper", "weights": FSMA_256.name, "side": 256}
    optional = {row: imagenet("resnet18") for row in rows if row == _IMAGENET}
    sized = [
        {
            row: {**own, "encoder": "resnet18", "input_size": side} if row == _IMAGENET else own
            for row, own in rows.items()
        }
        for side in (128, 256)
    ]
    cells = len(rows) * len(columns)
    about = f"{data}; embedded auto-encoder of 128 px"
    return {
        "mini": mini,
        "gpu": Scale(columns, 1, (needs,), about, on_gpu, 20 * cells, sized[0], optional),
        "paper": Scale(columns, 1, (needs, FSMA_256), f"{data}, 256 px", size, 60 * cells, sized[1], optional),
    }


def _nme(inside: float, outline: float, every: float) -> Scores:
    return {"inside": inside, "outline": outline, "all": every}


def _paper_nme(row: str, faces: str, *values: float) -> dict[tuple[str, str], Scores]:
    return {(row, faces): _nme(*values)}


_300W = Scale(
    faces_columns(157, 50, 10, 1),
    3,
    (CROPS_300W,),
    "300-W: crops, 157, 50, 10 or 1 faces labelled, the 224 of lfpw_test scored",
    POINT_SETTINGS,
)
_FASSEG = Scale(
    faces_columns(10, 5, 1), 3, (FASSEG,), "FASSEG: 10, 5 or 1 of 20 frontal faces labelled, the others scored", _MASKS
)
_NMES = {"inside": 2, "outline": 2, "all": 2}
_WHOLE_300W = "300-W: common and challenge subsets scored"
_WHOLE_HELEN = "Helen: the 230 of the validation set scored"
_POINT_SKIPS = skips("0000", "1000", "1100", "1110", "1111")
TABLE_1 = experiment(
    "table1",
    "Skip layers and landmarks: NME, % (inside points, outline, all)",
    LANDMARKS,
    _POINT_SKIPS,
    _scales(replace(_300W, minutes=60), W300, (3148,), _WHOLE_300W, _POINT_SKIPS),
    _NMES,
    published.W300_PARTS,
    paper={
        ("0000", "3148"): _nme(3.65, 6.40, 4.31),
        ("1000", "3148"): _nme(3.64, 6.31, 4.29),
        ("1100", "3148"): _nme(3.61, 6.24, 4.15),
        ("1110", "3148"): _nme(3.42, 6.17, 4.13),
        ("1111", "3148"): _nme(3.12, 6.14, 3.88),
    },
    paper_data="300-W's validation set, 256 px",
)
_TABLE_3 = {**skips("0000"), "UNet from random weights": _UNET_POINTS, **skips("1111")}
TABLE_3 = experiment(
    "table3",
    "Few labelled faces and landmarks: NME, % (inside points, outline, all)",
    LANDMARKS,
    {**_TABLE_3, _IMAGENET: {**_RIVAL, "steps": 600}},
    _scales(
        replace(_300W, minutes=45, optional={_IMAGENET: imagenet("mobilenet_v2")}),
        W300,
        (3148, 630, 315, 157),
        _WHOLE_300W,
        skips("0000", "1111"),
    ),
    _NMES,
    published.W300_PARTS,
    paper={
        ("RCN+", "3148"): _nme(4.20, 7.78, 4.90),
        ("RCN+", "630"): {"outline": 9.56, "all": 5.88},
        ("RCN+", "315"): {"outline": 10.35, "all": 6.32},
        ("RCN+", "157"): {"outline": 15.54, "all": 7.22},
        ("SA", "3148"): _nme(3.21, 4.98, 3.46),
        ("SA", "630"): {"inside": 3.85},
        ("SA", "315"): {"inside": 4.27},
        ("SA", "157"): {"inside": 6.32},
        ("TS3", "3148"): _nme(2.91, 5.90, 3.49),
        ("TS3", "630"): _nme(4.31, 7.97, 5.03),
        ("TS3", "315"): _nme(4.67, 9.26, 5.64),
        ("3FabRec", "3148"): _nme(3.36, 5.74, 3.82),
        ("3FabRec", "630"): _nme(3.76, 6.53, 4.31),
        ("3FabRec", "315"): _nme(3.88, 6.88, 4.47),
        ("3FabRec", "157"): _nme(4.22, 6.95, 4.75),
        ("0000", "3148"): _nme(3.65, 6.40, 4.31),
        ("0000", "630"): _nme(3.63, 7.08, 4.49),
        ("0000", "315"): _nme(4.05, 7.36, 4.87),
        ("0000", "157"): _nme(4.13, 7.78, 5.04),
        ("1111", "3148"): _nme(3.12, 6.14, 3.88),
        ("1111", "630"): _nme(3.23, 6.87, 4.14),
        ("1111", "315"): _nme(3.59, 7.01, 4.45),
        ("1111", "157"): _nme(3.85, 7.30, 4.71),
    },
    paper_data="300-W's validation set, 256 px",
    notes=(
        "The paper has no UNet for landmarks; its row is ours. RCN+, SA, TS3 and 3FabRec are no part of facekit.",
        "The paper shows one figure each for SA with fewer faces, in the column of the inside points.",
    ),
)

# FASSEG's classes beside Helen's: it joins hair and brows, so the paper's brows have no column of ours beside them.
_PARTS_SHOWN = dict.fromkeys(("face", "eyebrows", "eyes", "nose", "mouth", "overall"), 2)


def _f1(*values: float) -> Scores:
    return dict(zip(_PARTS_SHOWN, values, strict=True))


_FASSEG_NOTE = (
    "FASSEG joins hair and brows, which have no column here. So overall is the mean of eyes, nose and mouth there; on "
    "Helen it pools brows, eyes, nose and mouth."
)
_PART_SKIPS = skips("00000", "10000", "11000", "11100", "11110", "11111")
TABLE_2 = experiment(
    "table2",
    "Skip layers and parts: F1, %",
    PARTS,
    _PART_SKIPS,
    _scales(replace(_FASSEG, minutes=60), HELEN, (2000,), _WHOLE_HELEN, _PART_SKIPS),
    _PARTS_SHOWN,
    published.HELEN,
    paper={
        ("00000", "2000"): _f1(92.10, 73.55, 79.11, 90.71, 87.62, 85.23),
        ("10000", "2000"): _f1(92.83, 75.15, 80.00, 92.36, 88.25, 86.60),
        ("11000", "2000"): _f1(93.69, 76.51, 83.44, 92.35, 89.89, 87.78),
        ("11100", "2000"): _f1(94.23, 78.33, 85.81, 93.22, 91.28, 89.21),
        ("11110", "2000"): _f1(94.70, 81.31, 87.91, 93.28, 92.11, 90.09),
        ("11111", "2000"): _f1(94.72, 80.74, 87.81, 93.67, 92.47, 90.32),
    },
    paper_data="Helen's validation set, 256 px",
    notes=(_FASSEG_NOTE,),
)
TABLE_4 = experiment(
    "table4",
    "Parts with all labels, beside other methods: F1, %",
    PARTS,
    skips("11111"),
    _scales(replace(_FASSEG, minutes=8, columns=faces_columns(10)), HELEN, (2000,), _WHOLE_HELEN, skips("11111")),
    _PARTS_SHOWN,
    published.HELEN,
    paper={
        ("MO-GC, 250 px", "2000"): _f1(91.0, 71.3, 76.8, 90.9, 84.1, 84.7),
        ("iCNN, 256 px", "2000"): {"eyebrows": 81.3, "eyes": 87.4, "nose": 95.0, "mouth": 92.6, "overall": 87.3},
        ("CNN-RNN, 256 px", "2000"): _f1(92.1, 77.0, 86.8, 93.0, 89.1, 88.6),
        ("Adaptive RF, 256 px", "2000"): _f1(91.48, 78.61, 84.66, 93.65, 91.48, 90.21),
        ("11111", "2000"): _f1(94.72, 80.74, 87.81, 93.67, 92.47, 90.32),
        ("BSPNet+LaPa, 473 px", "2000"): _f1(95.1, 81.9, 87.8, 94.7, 93.8, 91.4),
        ("AFSRTS, 512 px", "2000"): _f1(95.62, 83.88, 89.92, 94.73, 94.31, 92.04),
        ("Tanh-Warp, 512 px", "2000"): _f1(95.3, 85.9, 89.7, 95.6, 95.2, 93.1),
    },
    paper_data="Helen's validation set",
    notes=(_FASSEG_NOTE, "The other methods are no part of facekit."),
)
TABLE_5 = experiment(
    "table5",
    "Few labelled faces and parts: F1, %",
    PARTS,
    {
        **skips("00000"),
        "UNet from random weights": _UNET_MASKS,
        **skips("11111"),
        _IMAGENET: {**_RIVAL, "steps": 800},
    },
    _scales(
        replace(_FASSEG, minutes=50, optional={_IMAGENET: imagenet("mobilenet_v2")}),
        HELEN,
        (2000, 500, 100, 50, 10, 5),
        _WHOLE_HELEN,
        {**skips("00000", "11111"), _IMAGENET: _RIVAL},
    ),
    {"overall": 2},
    published.HELEN,
    paper={
        (row, faces): {"overall": value}
        for row, values in (
            (_IMAGENET, (89.53, 88.66, 87.09, 82.71, 75.49, 71.19)),
            ("00000", (85.23, 84.99, 84.28, 82.77, 78.72, 75.21)),
            ("11111", (90.32, 90.08, 89.10, 87.01, 84.53, 81.87)),
        )
        for faces, value in zip(("2000", "500", "100", "50", "10", "5"), values, strict=True)
    },
    paper_data="Helen's validation set, 256 px",
    notes=(_FASSEG_NOTE,),
)

EXPERIMENTS = (TABLE_1, TABLE_2, TABLE_3, TABLE_4, TABLE_5)
