"""The ready label adapter draws the ready parser's masks as FASSEG does."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors

import facekit
from benchmarks.ready_models import retrain
from facekit.alignment import Frame
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import to_tensor
from facekit.labels import CELEBAMASK_19, FASSEG_6
from facekit.model import find_frames as frames_in
from facekit.model import ready_model
from facekit.results.types import Segmentation
from facekit.zoo.embedded import embedded_file


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """A rendered face (256,256,3)."""
    image = GeneratedFaces(seed=3, size=256, domain="wild", yaw=(-15, 15)).batch([1], want=("image",))["image"][0]
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())


@pytest.fixture(scope="module")
def frame(face: np.ndarray) -> Frame:
    found = frames_in(face, "mean", None)
    assert len(found) == 1
    return found[0]


def copied(model: facekit.Model, path: Path) -> facekit.Model:
    model.save(path)
    return facekit.load(path)


def test_the_file_holds_the_adapter_alone() -> None:
    path = embedded_file("segmentation-fasseg")
    assert path.stat().st_size < 1.5e6
    with zipfile.ZipFile(path) as file:
        state = load_tensors(file.read("weights.safetensors"))
    assert all(name.startswith("adapter.") for name in state)
    assert all(v.dtype == torch.float16 for v in state.values() if v.is_floating_point())
    model, parser = ready_model("segmentation-fasseg"), ready_model("segmentation")
    own, known = model.network.state_dict(), parser.network.state_dict()
    assert own.keys() == known.keys() and all(torch.equal(own[k], known[k]) for k in known)


@pytest.mark.slow
def test_it_says_what_the_adapter_makes_of_what_the_parser_says(face: np.ndarray, frame: Frame) -> None:
    (result,) = facekit.predict("segmentation-fasseg", face)
    assert isinstance(result, Segmentation) and isinstance(result.unadapted, Segmentation)
    assert result.labels == FASSEG_6 and result.unadapted.labels == CELEBAMASK_19
    assert result.mask.shape == result.unadapted.mask.shape == (256, 256)
    assert set(np.unique(result.mask)) == set(range(6))
    (plain,) = facekit.predict("segmentation", face)
    assert plain.unadapted is None and np.array_equal(result.unadapted.mask, plain.mask)

    model, parser = ready_model("segmentation-fasseg"), ready_model("segmentation")
    crop = frame.crop((256, 256), parser.input_size)
    x = to_tensor([crop.image(face)]).to(parser.device)
    with torch.inference_mode():
        maps = model.adapter(parser.network.folded()(x).argmax(1))
    by_hand = model.task.result(model.task.decode(maps)[0], crop, face, frame.box)
    assert isinstance(by_hand, Segmentation) and np.array_equal(result.mask, by_hand.mask)


def test_it_is_more_than_the_class_map(face: np.ndarray) -> None:
    """Same parts at the same places, but not drawn alike."""
    (result,) = facekit.predict("segmentation-fasseg", face)
    mapped = result.unadapted.to(FASSEG_6).mask
    assert 0.8 < (result.mask == mapped).mean() < 0.999
    for part in (FASSEG_6.index(name) for name in ("eyes", "nose", "mouth")):
        there, here = (np.argwhere(mask == part).mean(0) for mask in (mapped, result.mask))
        assert np.abs(there - here).max() < 8


def test_only_the_ready_parser_is_left_out(tmp_path: Path) -> None:
    parser = ready_model("segmentation")
    parser.save(tmp_path / "none.facekit", whole=False)
    assert (tmp_path / "none.facekit").stat().st_size < 1e5
    x = torch.rand(1, 3, 160, 160)
    assert torch.equal(facekit.load(tmp_path / "none.facekit").maps(x), parser.maps(x))

    other = copied(parser, tmp_path / "other.facekit")
    with torch.no_grad():
        other.network.model.segmentation_head[0].bias[0] += 1
    other.save(tmp_path / "all.facekit", whole=False)
    again = facekit.load(tmp_path / "all.facekit")
    assert (tmp_path / "all.facekit").stat().st_size < 1e5, "the tensors that equal the ready parser's are left out"
    assert torch.equal(again.maps(x), other.maps(x)) and not torch.equal(again.maps(x), parser.maps(x))


def test_the_ready_parser_itself_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parser = copied(ready_model("segmentation"), tmp_path / "parser.facekit")
    path = tmp_path / "again.facekit"
    for name, whole in (("segmentation", True), ("segmentation-fasseg", False)):
        monkeypatch.setitem(retrain.MODELS, name, lambda seed: parser)
        monkeypatch.setattr(sys, "argv", ["retrain", name, "--out", str(path)])
        retrain.main()
        assert (path.stat().st_size > 7e6) == whole
