"""Where real data and parity numbers are found; tests that need them skip where the variables are unset."""

from __future__ import annotations

import importlib.util
import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread for each of the processes that share the cores; torch reads it as it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest
from torch import Tensor

from facekit.backbones.image_tower import ImageTower, Level


def _folder(variable: str, name: str) -> Path:
    root = os.environ.get(variable)
    if not root:
        pytest.skip(f"{variable} is not set: this test needs {name}")
    return Path(root)


@pytest.fixture(scope="session")
def data() -> Path:
    return _folder("FACEKIT_DATA", "real labelled faces")


@pytest.fixture
def tower_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images FaRL's tower was shown each time that it ran for heads."""
    runs: list[int] = []
    levels = ImageTower.levels

    def counted(self: ImageTower, x: Tensor, selected: Sequence[int]) -> list[Level]:
        runs.append(len(x))
        return levels(self, x, selected)

    monkeypatch.setattr(ImageTower, "levels", counted)
    return runs


@pytest.fixture(scope="session")
def parity() -> Path:
    return _folder("FACEKIT_PARITY", "numbers of reference implementations")


@pytest.fixture(scope="session")
def recipe(parity: Path) -> ModuleType:
    """The parity folder's own way of filling weights by name."""
    spec = importlib.util.spec_from_file_location("parity_recipe", parity / "recipe.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
