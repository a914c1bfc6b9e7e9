"""Tables 3, 4 and 5 of synthparse: parsers that are scored on the data set that they, or their adapters, learn from."""

from __future__ import annotations

import statistics

from .experiment import Cell, Experiment, Scores
from .needs import CELEBAMASK_CROPS, FACE_SYNTHETICS, HELEN, LAPA
from .synthparse import ALL_MODELS, MINI_ROWS, MOBILENET, MODELS, PAPER_ROWS, large_scales, mini_scale, mixture
from .synthparse_training import adapted, scored, trained

_LIPS = ("upper_lip", "inner_mouth", "lower_lip")


def _merged(scores: Scores) -> Scores:
    """Return the columns of Tables 3 and 5: means of left and right. Their average leaves out hair, and the mouth."""
    found = {
        "eyes": statistics.mean((scores["left_eye"], scores["right_eye"])),
        "eyebrows": statistics.mean((scores["left_brow"], scores["right_brow"])),
        "nose": scores["nose"],
        **{name: scores[name] for name in _LIPS},
        "skin": scores["skin_ears_neck"],
    }
    return {
        **found,
        "mouth": statistics.mean(scores[name] for name in _LIPS),
        "average": statistics.mean(found.values()),
    }


def measure_merged(cell: Cell) -> Scores:
    """Score a parser in the columns of Table 3, by the paper's F1, and the average by the sound one."""
    sound, paper = scored(cell, trained(cell), "raise")
    return {**_merged(paper), "average, sound": _merged(sound)["average"]}


def measure_control(cell: Cell) -> Scores:
    """Score the control experiment (Table 5): before and after label adaptation to the target's own training faces."""
    parser = trained(cell)
    before, paper_before = (_merged(one)["average"] for one in scored(cell, parser, "raise"))
    after, paper_after = (_merged(one)["average"] for one in scored(cell, adapted(cell, parser), "drop"))
    return {
        "unadapted": before,
        "adapted": after,
        "unadapted, as in the paper": paper_before,
        "adapted, as in the paper": paper_after,
    }


def measure_all(cell: Cell) -> Scores:
    """Score a parser in all classes (Table 4), by the paper's F1, and the mean by the sound one."""
    sound, paper = scored(cell, trained(cell), "raise")
    return {**paper, "mean, sound": sound["mean"]}


_TABLE_3 = ("eyes", "eyebrows", "nose", "inner_mouth", "upper_lip", "lower_lip", "mouth", "skin", "average")
_SELF_MINI = "CelebAMask-HQ: 240 faces learned, the 100 of its validation part scored, 64 px"
TABLE_3 = Experiment(
    "synthparse/table3",
    "Models trained and scored on the same data set: F1 as in the paper",
    {name: {"model": model} for name, model in MODELS.items()},
    "MobileNetV2",
    {
        "mini": mini_scale(
            {"CelebAMask-HQ": mixture(celebamask=1.0)},
            (CELEBAMASK_CROPS,),
            60,
            _SELF_MINI,
            target="celebamask",
            faces=240,
            size=64,
        ),
        **large_scales(
            ALL_MODELS,
            200,
            "Helen: its test set scored; tight crops",
            (HELEN,),
            {"Helen": mixture(helen=1.0)},
            target="helen",
        ),
    },
    measure_merged,
    dict.fromkeys((*_TABLE_3, "average, sound"), 3),
    paper={
        (model, "Helen"): dict(zip(_TABLE_3, values, strict=True))
        for model, values in {
            "DeepLabV3+": (0.733, 0.679, 0.922, 0.706, 0.692, 0.776, 0.724, 0.944, 0.779),
            "FPN": (0.356, 0.711, 0.897, 0.676, 0.701, 0.795, 0.724, 0.943, 0.726),
            "UNet": (0.747, 0.708, 0.897, 0.662, 0.714, 0.797, 0.724, 0.945, 0.781),
            "MobileNetV2": (0.750, 0.709, 0.896, 0.673, 0.720, 0.798, 0.730, 0.944, 0.785),
        }.items()
    },
    paper_data="Helen: its test set scored, 128 px",
    column_title="data set",
)
_TABLE_4 = (
    *("skin_ears_neck", "hair", "left_eye", "right_eye", "upper_lip", "inner_mouth", "lower_lip"),
    *("left_brow", "right_brow", "nose", "mean"),
)
TABLE_4 = Experiment(
    "synthparse/table4",
    "Models trained and scored on LaPa: F1 as in the paper",
    {name: {"model": model} for name, model in MODELS.items()},
    "MobileNetV2",
    large_scales(
        ALL_MODELS, 600, "LaPa: its test set scored; tight crops", (LAPA,), {"LaPa": PAPER_ROWS["LaPa"]}, target="lapa"
    ),
    measure_all,
    dict.fromkeys((*_TABLE_4, "mean, sound"), 3),
    paper={
        (model, "LaPa"): dict(zip(_TABLE_4, values, strict=True))
        for model, values in {
            "DeepLabV3+": (0.960, 0.730, 0.680, 0.698, 0.771, 0.692, 0.804, 0.679, 0.713, 0.922, 0.765),
            "FPN": (0.963, 0.761, 0.654, 0.210, 0.784, 0.715, 0.825, 0.696, 0.724, 0.897, 0.723),
            "UNet": (0.967, 0.759, 0.710, 0.717, 0.795, 0.727, 0.836, 0.705, 0.729, 0.933, 0.788),
            "MobileNetV2": (0.967, 0.755, 0.710, 0.716, 0.795, 0.727, 0.829, 0.702, 0.730, 0.896, 0.783),
        }.items()
    },
    paper_data="LaPa: its test set scored, 128 px",
    column_title="data set",
    missing="mini would be synthparse/table3 again",
)
_CONTROL = ("unadapted", "adapted", "unadapted, as in the paper", "adapted, as in the paper")
TABLE_5 = Experiment(
    "synthparse/table5",
    "Control: scored where the label adapter learns, F1 (average of eyes, brows, nose, lips, mouth and skin)",
    MINI_ROWS,
    "mixed",
    {
        "mini": mini_scale(
            MOBILENET,
            (CELEBAMASK_CROPS,),
            60,
            "generated faces and CelebAMask-HQ: the 100 of its validation part scored",
            target="celebamask",
        ),
        **large_scales(
            {name: PAPER_ROWS[name] for name in ("synthetic", "mixed", "Helen")},
            120,
            "Face Synthetics, LaPa, Helen; Helen's test set scored; tight crops",
            (FACE_SYNTHETICS, LAPA, HELEN),
            {"DeepLabV3+": {"model": "deeplabv3plus"}},
            target="helen",
        ),
    },
    measure_control,
    dict.fromkeys(_CONTROL, 3),
    # Helen's row is that of Table 3, without an adapter.
    paper={
        ("synthetic", "DeepLabV3+"): {"adapted, as in the paper": 0.751},
        ("mixed", "DeepLabV3+"): {"adapted, as in the paper": 0.773},
        ("Helen", "DeepLabV3+"): {"unadapted, as in the paper": 0.779},
    },
    paper_data="Helen's test set scored, 128 px",
    column_title="model",
)

EXPERIMENTS = (TABLE_3, TABLE_4, TABLE_5)
