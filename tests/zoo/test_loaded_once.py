"""Ready models are read from their files once in a process, however many are used in turns."""

from __future__ import annotations

from facekit.model import READY
from facekit.model.model import ready_model


def test_all_ready_models_stay_loaded() -> None:
    first = [ready_model(name) for name in READY]
    assert [ready_model(name) for name in READY] == first
    assert len({id(model) for model in first}) == len(READY) > 8
