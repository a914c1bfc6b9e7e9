"""Files with ``whole=False`` leave out embedded weights only, and load with the same embedded weights only."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import torch

import facekit
from facekit.model import Model, find_backbone
from facekit.tasks import StylizationTask


def model(weights: str) -> Model:
    fsma, task = find_backbone("fsma"), StylizationTask()
    return Model("fsma", fsma.build(weights, 0, task, fsma.recipe("quick", "stylization", True, 1)), task)


def test_own_frozen_weights_stay_in_the_file(tmp_path: Path) -> None:
    x = torch.rand(1, 3, 128, 128)
    for weights, smaller in (("embedded", True), ("none", False)):
        saved = model(weights)
        saved.save(tmp_path / "whole.facekit")
        saved.save(tmp_path / "part.facekit", whole=False)
        sizes = [(tmp_path / f"{name}.facekit").stat().st_size for name in ("part", "whole")]
        assert (sizes[0] < 0.5 * sizes[1]) == smaller
        torch.testing.assert_close(facekit.load(tmp_path / "part.facekit").maps(x), saved.maps(x), atol=1e-2, rtol=0)


def test_other_embedded_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.facekit"
    model("embedded").save(path, whole=False)
    with zipfile.ZipFile(path) as file:
        about, packed = json.loads(file.read("model.json")), file.read("weights.safetensors")
    about["left_out"] = "0" * 32
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.json", json.dumps(about))
        file.writestr("weights.safetensors", packed)
    with pytest.raises(ValueError, match=r"part\.facekit: expected the embedded weights that it was saved with"):
        facekit.load(path)


def test_embedded_weights_of_other_shapes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of earlier versions have no digest."""
    path = tmp_path / "part.facekit"
    model("embedded").save(path, whole=False)
    with zipfile.ZipFile(path) as file:
        about, packed = json.loads(file.read("model.json")), file.read("weights.safetensors")
    del about["left_out"]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("model.json", json.dumps(about))
        file.writestr("weights.safetensors", packed)
    assert facekit.load(path).backbone == "fsma"
    embedded = {k: torch.cat([v, v]) for k, v in find_backbone("fsma").embedded_state().items() if v.ndim}
    monkeypatch.setattr(find_backbone("fsma"), "embedded_state", lambda: embedded)
    with pytest.raises(ValueError, match=r"part\.facekit: expected the embedded weights that it was saved with"):
        facekit.load(path)
