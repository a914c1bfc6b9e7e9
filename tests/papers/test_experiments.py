"""Every experiment runs at scale "mini" on the data at hand. Trainings have two steps here."""

from __future__ import annotations

import dataclasses
import math
import os
from pathlib import Path
from typing import Any

import pytest

from facekit.papers.catalogue import EXPERIMENTS
from facekit.papers.experiment import Experiment
from facekit.papers.run import missing_data

MINI = [one for one in EXPERIMENTS.values() if "mini" in one.scales]
SMALL: dict[str, dict[str, Any]] = {
    "fsma": {"steps": 2},
    "pftgan": {"steps": 2, "members": 1},
    "synthparse": {"faces": 24, "validation": 8, "epochs": 1, "size": 64, "adapter_steps": 2},
    "farl": {"steps": 2},
}
# These pre-train towers; their heads have a setting of their own.
TOWERS = {"head_steps": 2, "scenes": 24, "scene_size": 96, "batch": 8}


def small(experiment: Experiment) -> dict[str, Any]:
    """Return the settings that make a cell small."""
    paper = experiment.id.split("/")[0]
    own = experiment.scales["mini"].settings
    more = {name: value for name, value in TOWERS.items() if name in own}
    if "head_steps" in own and "scenes" not in own:
        return more
    return SMALL[paper] | more


@pytest.mark.slow
@pytest.mark.parametrize("experiment", MINI, ids=[one.id for one in MINI])
def test_a_cell_of_the_papers_method_is_measured(experiment: Experiment, tmp_path: Path) -> None:
    root = Path(os.environ["FACEKIT_DATA"]).resolve() if "FACEKIT_DATA" in os.environ else None
    if problems := missing_data(experiment, "mini", root):
        pytest.skip("; ".join(problems))
    cells = [one for one in experiment.cells("mini", root, tmp_path, draws=1) if one.row == experiment.own]
    if not cells:
        pytest.skip(f"row {experiment.own!r}: {experiment.left_out('mini', root)}")
    cell = min(cells, key=lambda one: one.settings.get("faces", 0))
    settings = {**cell.settings, **small(experiment)}
    if experiment.id.startswith("farl/") and "faces" in settings:
        settings["faces"] = min(settings["faces"], 60)  # features of all their views are computed before the first step
    scores = experiment.measure(dataclasses.replace(cell, settings=settings))
    # Some scores belong to other columns, and two steps never predict some parts.
    assert any(math.isfinite(scores.get(name, math.nan)) for name in experiment.shown), scores
