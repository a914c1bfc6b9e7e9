"""Figures of FSMA, and customised label formats: stylization, shadow removal, points and parts of one's own, cats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .custom_formats import CATS, IMM, OWN_PARTS, POINTS_112
from .experiment import Experiment, Scale, Settings
from .face_data import SHADOWS, SKETCHES, Data
from .fsma import POINT_SETTINGS, experiment, faces_columns, skips
from .needs import CELEBAHQ_128, IMM_73, SKETCH_PAIRS, YALE_B, Need

_IMAGES = {"ssim": 3, "psnr": 1, "lpips": 3}
_NEEDS_PAPER = "the paper shows images only, and neither its images nor its styles are published"


def _own(
    number: str, title: str, data: Data, rows: Mapping[str, Settings], mini: Scale, shown: Mapping[str, int]
) -> Experiment:
    return experiment(number, title, data, rows, {"mini": mini}, shown, missing=_NEEDS_PAPER)


FIGURE_8 = _own(
    "figure8",
    "Skip layers and sketches: SSIM, PSNR (dB), LPIPS",
    SKETCHES,
    skips("00000", "11111"),
    Scale(faces_columns(15, 10), 3, (SKETCH_PAIRS,), "CUFS: 15 or 10 pairs learned, 60 others scored", {}, 25),
    _IMAGES,
)
FIGURE_13 = _own(
    "figure13",
    "Skip layers and shadows: SSIM, PSNR (dB), LPIPS",
    SHADOWS,
    skips("00000", "11111"),
    Scale(faces_columns(50), 3, (YALE_B, CELEBAHQ_128), "50 clean CelebA-HQ faces; Extended Yale B scored", {}, 30),
    _IMAGES,
)
FIGURE_10 = _own(
    "figure10",
    "Customised points (68 + 44): NME, %",
    POINTS_112,
    skips("1111"),
    Scale(faces_columns(20, 10, 5, 1), 3, (), "generated faces, 100 others scored", {}, 15),
    {"NME": 2},
)
FIGURE_11 = _own(
    "figure11",
    "Customised parts (21): F1 and mIoU, %",
    OWN_PARTS,
    skips("11111"),
    Scale(faces_columns(50, 25, 10), 3, (), "generated faces, 100 others scored", {}, 20),
    {"F1": 1, "mIoU": 1},
)
IMM_POINTS = _own(
    "imm73",
    "IMM's 73 points, scored on other men: NME, %",
    IMM,
    skips("1111"),
    Scale(faces_columns(20, 10, 5, 1), 3, (IMM_73,), "IMM: three men learned, two scored", {}, 8),
    {"NME": 2},
)
CATS_ENCODER = Need(
    "weights/cats.safetensors",
    "an auto-encoder of cats: `python -m benchmarks.fsma.cat_images FOLDER`, then `facekit pretrain fsma --weights "
    "embedded --faces FOLDER --steps 1200 --out cats.safetensors`",
)
FIGURE_14 = replace(
    _own(
        "figure14",
        "Points of cats by the auto-encoder's pre-training: NME, %",
        CATS,
        {"people's": {"weights": "embedded"}, "cats'": {"weights": CATS_ENCODER.name}},
        Scale(
            faces_columns(100, 20),
            3,
            (),
            "generated cats, 100 others scored",
            POINT_SETTINGS,
            20,
            optional={"cats'": CATS_ENCODER},
        ),
        {"NME": 2},
    ),
    own="cats'",
)

EXPERIMENTS = (FIGURE_8, FIGURE_10, FIGURE_11, FIGURE_13, FIGURE_14, IMM_POINTS)
