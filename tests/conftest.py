"""Find real data and the numbers of reference implementations; mark and skip the tests that need them."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # One thread for each of the processes that share the cores; torch reads it as it is imported.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.parity import COMMITTED
from torch import Tensor

from facekit.backbones.image_tower import ImageTower, Level
from facekit.model import Model

# The variable that names a folder, by the marker of the tests that read it.
FOLDERS = {"data": "FACEKIT_DATA", "parity": "FACEKIT_PARITY"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test that uses the fixture ``data`` or ``parity``, and skip it where there is no such folder."""
    for item in items:
        for name, variable in FOLDERS.items():
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(name)
            if item.get_closest_marker(name) and not os.environ.get(variable):
                item.add_marker(pytest.mark.skip(reason=f"{variable} is not set"))


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real labelled faces."""
    return Path(os.environ["FACEKIT_DATA"])


@pytest.fixture(scope="session")
def parity() -> Path:
    """Folder of all numbers of reference implementations."""
    return Path(os.environ["FACEKIT_PARITY"])


@pytest.fixture(scope="session", params=["committed", pytest.param("whole", marks=pytest.mark.parity)])
def references(request: pytest.FixtureRequest) -> Path:
    """Folder of numbers of reference implementations: the few committed ones, then all."""
    return COMMITTED if request.param == "committed" else Path(os.environ["FACEKIT_PARITY"])


@pytest.fixture
def predicted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the network was given."""
    counts: list[int] = []
    real = Model.predict_images

    def counted(self: Model, images: Any, *given: Any) -> Any:
        counts.append(len(images))
        return real(self, images, *given)

    monkeypatch.setattr(Model, "predict_images", counted)
    return counts


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
