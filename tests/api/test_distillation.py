"""`facekit.distill` trains a parser on the labelled samples of an adapted generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.api import distillation
from facekit.backbones.pftgan.labelled_samples import labelled_samples
from facekit.backbones.pftgan.network import PFTGANNetwork
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.model import find_backbone, resolve_model

SHORT: dict[str, Any] = {"steps": 1, "classifier_epochs": 1, "pixels": 300, "progress": False, "device": "cpu"}


def adapted(members: int = 2, **settings: Any) -> facekit.Model:
    faces = GeneratedFaces(seed=6, size=96, yaw=(-20, 20)).batch(range(1), want=("image", "mask"))
    masks = (faces["mask"] > 0).to(torch.uint8) + (faces["mask"] > 5).to(torch.uint8)
    given = {"names": ["background", "skin", "parts"], "align": "ffhq", "faces": [[12, 12, 84, 84]], "stages": "1"}
    return facekit.adapt(
        faces["image"], masks, "segmentation", "pftgan", **{**given, "members": members, **SHORT, **settings}
    )


@pytest.fixture(scope="module")
def teacher() -> facekit.Model:
    return adapted()


def test_samples_are_sorted_by_their_uncertainty(teacher: facekit.Model) -> None:
    generator, _ = find_backbone("pftgan").load_pair()
    network, cpu = teacher.network, torch.device("cpu")
    assert isinstance(network, PFTGANNetwork)
    found, again, others = (labelled_samples(network, generator, 5, 0.7, seed, cpu) for seed in (1, 1, 2))
    assert found.images.shape == (5, 128, 128, 3) and found.masks.shape == (5, 128, 128)
    assert found.images.dtype == found.masks.dtype == np.uint8 and found.masks.max() <= 2
    assert (np.diff(found.uncertainty) >= 0).all() and found.uncertainty[-1] > found.uncertainty[0] >= 0
    assert np.array_equal(found.images, again.images) and not np.array_equal(found.images, others.images)
    small = labelled_samples(network, generator, 5, 0.7, 1, cpu, largest=64)
    assert small.images.shape == (5, 64, 64, 3) and small.masks.shape == (5, 64, 64)
    # The generator's own images, not those of the stream, which generates label images.
    codes = generator.codes(torch.zeros(1, generator.size.z_dim), 0.0)
    mean = ((generator.synthesis(codes) + 1) * 127.5).clamp(0, 255).mean((0, 2, 3)).detach().numpy()
    assert np.abs(found.images.mean((0, 1, 2)) - mean).max() < 40


def test_distilling(teacher: facekit.Model, tmp_path: Path) -> None:
    calls: list[int] = []
    student = facekit.distill(
        teacher, count=10, steps=2, batch_size=4, device="cpu", progress=lambda step, steps, losses: calls.append(step)
    )
    assert student.backbone == "synthparse" and student.align == "ffhq" and calls == [1, 2]
    assert student.task.labels == teacher.task.labels and student.about["distilled"]["kept"] == 9
    student.save(tmp_path / "fast.facekit")
    again = facekit.load(tmp_path / "fast.facekit", device="cpu")
    x = torch.rand(1, 3, 128, 128)
    assert torch.equal(again.maps(x), student.maps(x)) and again.about["distilled"]["generated"] == 10
    teacher.save(tmp_path / "slow.facekit")
    same = facekit.distill(tmp_path / "slow.facekit", count=10, steps=2, batch_size=4, device="cpu", progress=False)
    assert torch.equal(same.maps(x), student.maps(x))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "count=0: expected at least 1"),
        ({"keep": 0.0}, "keep=0.0: expected a number above 0"),
        ({"truncation": 1.5}, "truncation=1.5: expected a number above 0"),
        ({"weights": "none.pkl"}, "none.pkl"),
        ({"count": 2.5}, "count=2.5: expected a whole number"),
        ({"count": None}, "count=None: expected a whole number"),
        ({"keep": "0.9"}, "keep='0.9': expected a number above 0, at most 1, got str"),
        ({"truncation": True}, "truncation=True: expected a number above 0, at most 1, got bool"),
    ],
)
def test_wrong_arguments(teacher: facekit.Model, settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=message):
        facekit.distill(teacher, **settings)


def test_wrong_settings_of_the_parser_are_told_before_images_are_made(
    teacher: facekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: Any) -> None:
        raise AssertionError("expected no images")

    monkeypatch.setattr(distillation, "labelled_samples", made)
    with pytest.raises(TypeError, match="step"):
        facekit.distill(teacher, step=3)
    with pytest.raises(ValueError, match="recipe='fast'"):
        facekit.distill(teacher, recipe="fast")


def test_another_generator_of_the_same_size_is_refused(teacher: facekit.Model) -> None:
    """Its images would not show what the stream labels."""
    settings: dict[str, Any] = {"count": 2, "steps": 1, "batch_size": 2, "device": "cpu", "progress": False}
    message = "weights='none': expected the generator of 128 px that the model was adapted from, got another one"
    with pytest.raises(ValueError, match=message):
        facekit.distill(teacher, weights="none", **settings)
    random = adapted(weights="none", seed=3, stages="")
    assert facekit.distill(random, **settings).about["distilled"]["kept"] == 1, "random weights depend on the seed"


def test_a_large_generator_makes_images_no_larger_than_the_crops(
    teacher: facekit.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of images of the generator's side would fill the memory."""
    asked: list[int] = []

    def made(*arguments: Any) -> Any:
        asked.append(arguments[-2])
        return labelled_samples(*arguments)

    monkeypatch.setattr(distillation, "labelled_samples", made)
    settings: dict[str, Any] = {"count": 2, "steps": 1, "batch_size": 2, "device": "cpu", "progress": False}
    facekit.distill(teacher, **settings)
    facekit.distill(teacher, input_size=32, **settings)
    assert asked == [256, 64]


def test_models_that_generate_nothing() -> None:
    with pytest.raises(ValueError, match="expected a segmentation model of backbone 'pftgan'"):
        facekit.distill("segmentation")
    with pytest.raises(ValueError, match="expected 1 for a model with one classifier"):
        facekit.distill(adapted(members=1, stages=""))


def test_a_label_adapter_is_refused(teacher: facekit.Model) -> None:
    faces = GeneratedFaces(seed=6, size=96).batch(range(2), want=("image", "mask"))
    masks = (faces["mask"] > 0).to(torch.uint8)
    names = ["background", "face"]
    settings: dict[str, Any] = {"names": names, "steps": 1, "device": "cpu", "progress": False}
    settings |= {"faces": [[12, 12, 84, 84]] * 2}
    renamed = facekit.adapt_labels(teacher, faces["image"], masks, **settings)
    with pytest.raises(ValueError, match=r"expected one without a label adapter, .* pass model.unadapted"):
        facekit.distill(renamed)


def test_the_start_of_the_parser(teacher: facekit.Model) -> None:
    """Without a start, nothing is left of the ready parser; the steps are too small to move the weights."""
    settings: dict[str, Any] = {"count": 2, "steps": 1, "batch_size": 2, "device": "cpu", "progress": False}
    settings |= {"lr": 1e-9, "tower_lr": 1e-9, "weight_decay": 0.0}
    ready = resolve_model("segmentation").network.state_dict()
    name = next(name for name, value in ready.items() if "encoder" in name and value.ndim == 4)
    started, random = (facekit.distill(teacher, start=s, **settings).network.state_dict() for s in ("embedded", "none"))
    assert torch.allclose(started[name], ready[name], atol=1e-5)
    assert not torch.allclose(random[name], ready[name], atol=0.01)


def test_crops_are_those_of_the_embedded_generator() -> None:
    settings: dict[str, Any] = {"count": 2, "steps": 1, "batch_size": 2, "device": "cpu", "progress": False}
    assert facekit.distill(adapted(align="box"), **settings).align == "ffhq"
    assert facekit.distill(adapted(align="none", faces=None), **settings).align == "none"
