"""Notebooks have the cells of their scripts, and stay small."""

from __future__ import annotations

import base64
from pathlib import Path

import nbformat
import pytest

jupytext = pytest.importorskip("jupytext")

FOLDER = Path(__file__).parents[2] / "notebooks"
SCRIPTS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def test_every_notebook_has_a_script() -> None:
    assert [path.stem for path in sorted(FOLDER.glob("*.ipynb"))] == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_cells_are_those_of_the_script(script: Path) -> None:
    source = jupytext.read(script, fmt="py:percent")
    made = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    cells = [[(cell.cell_type, cell.source) for cell in each.cells] for each in (source, made)]
    assert cells[0] == cells[1], f"run `python notebooks/make.py {script.stem}`"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_files_are_small(script: Path) -> None:
    file = script.with_suffix(".ipynb")
    assert file.stat().st_size < 1_000_000
    for cell in nbformat.read(file, as_version=4).cells:
        for output in cell.get("outputs", ()):
            for kind, content in output.get("data", {}).items():
                if kind.startswith("image/"):
                    assert len(base64.b64decode(content)) <= 60_000
