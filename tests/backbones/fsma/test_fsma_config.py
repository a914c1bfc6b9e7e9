"""FSMA's recipes are the rows of Table 7, and a field can be overridden."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facekit.backbones.farl.config import FaRLAdaptation
from facekit.backbones.fsma.config import TABLE_7, named_recipe, paper_row, quick_shadow_removal
from facekit.cli.command import parse_setting
from facekit.training.config import Adaptation
from facekit.training.config_overrides import overridden

# (name, epochs, batch size, learning rate, betas, amsgrad, instance norm, augmented), as printed.
PRINTED = [
    ("300w-100%", 100, 20, 1e-2, (0.9, 0.999), False, False, True),
    ("300w-20%", 500, 20, 1e-2, (0.9, 0.999), False, False, True),
    ("300w-10%", 900, 20, 1e-2, (0.9, 0.999), False, False, True),
    ("300w-5%", 900, 20, 1e-2, (0.9, 0.999), False, False, True),
    ("customised-landmarks-20", 1000, 20, 1e-2, (0.9, 0.999), True, True, False),
    ("customised-landmarks-10", 1000, 10, 1e-2, (0.9, 0.999), True, True, False),
    ("customised-landmarks-5", 1000, 5, 1e-2, (0.9, 0.999), True, True, False),
    ("customised-landmarks-1", 1000, 1, 1e-2, (0.9, 0.999), True, True, False),
    ("helen-100%", 100, 50, 1e-2, (0.9, 0.999), False, False, True),
    ("helen-25%", 500, 50, 1e-2, (0.9, 0.999), False, False, True),
    ("helen-2.5%", 2000, 50, 1e-2, (0.9, 0.999), False, False, True),
    ("helen-0.5%", 5000, 10, 1e-2, (0.9, 0.999), False, False, True),
    ("customised-segmentation-100", 500, 5, 1e-2, (0.9, 0.999), False, False, True),
    ("customised-segmentation-50", 1000, 5, 1e-2, (0.9, 0.999), False, False, True),
    ("customised-segmentation-25", 1600, 5, 1e-2, (0.9, 0.999), False, False, True),
    ("customised-segmentation-10", 2000, 5, 1e-2, (0.9, 0.999), False, False, True),
    ("stylization-50", 400, 5, 1e-4, (0.5, 0.999), False, False, True),
    ("stylization-25", 400, 5, 1e-4, (0.5, 0.999), False, False, True),
    ("stylization-15", 500, 5, 1e-4, (0.5, 0.999), False, False, True),
    ("stylization-10", 600, 5, 1e-4, (0.5, 0.999), False, False, True),
    ("shadow-removal-2500", 300, 25, 1e-4, (0.5, 0.999), False, False, True),
    ("shadow-removal-500", 300, 25, 1e-4, (0.5, 0.999), False, False, True),
    ("shadow-removal-100", 300, 25, 1e-4, (0.5, 0.999), False, False, True),
    ("shadow-removal-50", 300, 25, 1e-4, (0.5, 0.999), False, False, True),
]


@pytest.mark.parametrize("printed", PRINTED, ids=[row[0] for row in PRINTED])
def test_rows_are_as_printed(printed: tuple) -> None:
    row = TABLE_7[printed[0]]
    s = row.settings
    augmented = s.rotate > 0 and s.mirror
    assert (row.epochs, s.batch_size, s.lr, s.betas, s.amsgrad, s.instance_norm, augmented) == printed[1:]
    # An epoch shows every image once; of shadows there are 5,000 however few images they fall on.
    images = 5000 if row.task == "shadow_removal" else row.faces
    assert s.steps == row.epochs * -(-images // s.batch_size)
    assert s.heatmaps == "l2" and not s.jitter if row.task == "landmarks" else not s.cosine


@pytest.mark.parametrize("faces", [5, 50, 2500])
def test_shadow_removal_has_5000_pairs_of_any_number_of_images(faces: int) -> None:
    for settings in (named_recipe("paper", "shadow_removal", True, faces), quick_shadow_removal(faces)):
        assert faces * max(settings.views, math.ceil(settings.least_views / faces)) == 5000


def test_every_row_is_there() -> None:
    assert list(TABLE_7) == [row[0] for row in PRINTED]


@pytest.mark.parametrize(
    ("task", "customised", "faces", "name"),
    [
        ("landmarks", False, 150, "300w-5%"),
        ("landmarks", False, 2000, "300w-100%"),
        ("landmarks", True, 12, "customised-landmarks-10"),
        ("segmentation", False, 20, "helen-0.5%"),
        ("segmentation", True, 40, "customised-segmentation-50"),
        ("stylization", True, 4, "stylization-10"),
        ("shadow_removal", True, 60, "shadow-removal-50"),
    ],
)
def test_paper_takes_the_closest_row(task: str, customised: bool, faces: int, name: str) -> None:
    assert paper_row(task, customised, faces) == TABLE_7[name]
    assert named_recipe("paper", task, customised, faces) == named_recipe(name, task, customised, faces)


def test_epochs_stay_when_the_number_of_images_is_another() -> None:
    assert named_recipe("customised-segmentation-10", "segmentation", True, 7).steps == 2000 * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cosine": "false"}, "cosine='false': expected bool"),
        ({"cosine": 0}, "cosine=0: expected bool"),
        ({"steps": 2.5}, "steps=2.5: expected int"),
        ({"steps": True}, "steps=True: expected int"),
        ({"lr": "fast"}, "lr='fast': expected float"),
        ({"tower_lr": "none"}, r"tower_lr='none': expected float \| None"),
        ({"layers": 5}, "layers=5: expected"),
        ({"heatmaps": 2}, "heatmaps=2: expected str"),
        ({"scale": (1, 2, 3)}, r"scale=\(1, 2, 3\): expected tuple"),
        ({"betas": (0.9, "b")}, "betas=.*: expected tuple"),
        ({"epoch": 3}, r"adapt\(\) has no field 'epoch': expected one of .*batch_size"),
        ({"step": 3}, "has no field 'step': expected one of its fields; did you mean 'steps'"),
    ],
)
def test_wrong_fields_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        overridden(FaRLAdaptation(steps=1), change, "adapt()")


def test_fields_of_the_right_type_are_taken() -> None:
    change: dict[str, Any] = {"lr": 1, "steps": np.int64(3), "tower_lr": None, "layers": [1, 2, 3, 4], "cosine": True}
    changed = overridden(FaRLAdaptation(steps=1), change, "adapt()")
    assert dataclasses.asdict(changed) == dataclasses.asdict(FaRLAdaptation(**change | {"layers": (1, 2, 3, 4)}))
    assert json.loads(json.dumps(dataclasses.asdict(changed)))["steps"] == 3, "plain numbers, as files hold them"
    assert overridden(Adaptation(steps=1), {"start": Path("a.facekit")}, "adapt()").start == "a.facekit"


def test_words_of_the_command_line() -> None:
    texts = ("align=False", "mim=0", "tower_lr=None", "noise=2.5", "tokenizer=a.pkl")
    said = dict(parse_setting(text) for text in texts)
    assert said == {"align": False, "mim": 0, "tower_lr": None, "noise": 2.5, "tokenizer": "a.pkl"}
    digits = dict(parse_setting(text) for text in ("stages=12", "skip=1111", "steps=12"))
    assert digits == {"stages": "12", "skip": "1111", "steps": 12}
    with pytest.raises(ValueError, match="expected NAME=VALUE"):
        parse_setting("align")
