"""A checkpoint is resumed by the same call only, and nothing is lost by another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces

NAMES = ["background", "skin", "parts"]
FAST: dict[str, Any] = {
    "weights": "none",
    "steps": 2,
    "least_views": 6,
    "batch_size": 4,
    "progress": False,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    return GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(3), want=("image", "mask", "landmarks68"))


@pytest.fixture
def call(faces: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    given = {"images": faces["image"], "labels": faces["landmarks68"], "task": "landmarks", **FAST}
    return {**given, "checkpoint": tmp_path / "run.pt"}


def masks_of(faces: dict[str, Any]) -> torch.Tensor:
    return (faces["mask"] > 0).to(torch.uint8) + (faces["mask"] > 5).to(torch.uint8)


def moved(points: torch.Tensor) -> torch.Tensor:
    changed = points.clone()
    changed[0, 0, 0] += 1
    return changed


def test_another_call_is_refused(call: dict[str, Any], faces: dict[str, Any]) -> None:
    first = facekit.adapt(**call)
    before = call["checkpoint"].read_bytes()
    darker = faces["image"].clone()
    darker[1] //= 2
    changes: list[tuple[dict[str, Any], str]] = [
        (
            {"images": darker},
            "the same images, as .* got others; pass the same images to resume it, or another",
        ),
        (
            {"labels": moved(faces["landmarks68"])},
            "the same labels, as in the call that wrote it, got others;",
        ),
        (
            {"images": faces["image"].flip(0)},
            "the same images, as in the call that wrote it, got others;",
        ),
        ({"lr": 0.02}, r"expected lr=0\.0015, as .*, got lr=0\.02;"),
        ({"steps": 4}, "expected steps=2, as .*, got steps=4;"),
        ({"seed": 1}, "expected seed=0, as .*, got seed=1;"),
        ({"weights": "embedded"}, "the same weights, as in the call that wrote it, got others;"),
        ({"align": "box", "faces": [[9, 9, 119, 119]] * 3}, "the same faces, align,"),
        ({"backbone": "synthparse"}, r"expected backbone=fsma, .*, got backbone=synthparse, lr=0\.002,"),
        ({"task": "segmentation", "labels": masks_of(faces), "names": NAMES}, "the same labels, task, names,"),
    ]
    for change, message in changes:
        with pytest.raises(ValueError, match=message):
            facekit.adapt(**{**call, **change})
    assert call["checkpoint"].read_bytes() == before
    assert facekit.adapt(**call).about["loss"] == first.about["loss"]


def test_what_does_not_change_the_result_may_change(call: dict[str, Any]) -> None:
    first = facekit.adapt(**call)
    assert facekit.adapt(**call, cache_bytes=0).about["loss"] == first.about["loss"]


def test_files_are_known_by_their_pixels(call: dict[str, Any], tmp_path: Path) -> None:
    """A folder may be moved before a training goes on."""
    first = facekit.adapt(**call)
    names = [tmp_path / f"{i}.png" for i in range(3)]
    for name, image in zip(names, call["images"], strict=True):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(name)
    assert facekit.adapt(**{**call, "images": names}).about["loss"] == first.about["loss"]


def test_another_file_of_weights_is_refused(call: dict[str, Any], tmp_path: Path) -> None:
    embedded = Path(facekit.zoo.embedded_file("fsma"))
    file = tmp_path / "own.safetensors"
    file.write_bytes(embedded.read_bytes())
    call["weights"] = file
    facekit.adapt(**call)
    from safetensors.torch import load_file, save_file

    save_file({name: value * 1.01 for name, value in load_file(file).items()}, file)
    with pytest.raises(ValueError, match="the same weights, as in the call that wrote it, got others;"):
        facekit.adapt(**call)


def test_other_validation_faces_are_refused(call: dict[str, Any], faces: dict[str, Any]) -> None:
    """They decide which weights are kept."""
    call |= {"keep_best": True, "validation": (faces["image"][:2], faces["landmarks68"][:2])}
    facekit.adapt(**call)
    with pytest.raises(ValueError, match="the same validation, as in the call that wrote it, got others;"):
        facekit.adapt(**{**call, "validation": (faces["image"][1:], faces["landmarks68"][1:])})


def test_other_support_images_are_refused(call: dict[str, Any], faces: dict[str, Any]) -> None:
    short = {"stages": "2", "members": 1, "classifier_epochs": 1, "pixels": 300}
    call |= {"images": faces["image"][:1], "labels": masks_of(faces)[:1], "task": "segmentation"}
    call |= {"names": NAMES, "backbone": "pftgan", **short}
    call |= {"support_images": faces["image"][1:]}
    del call["least_views"], call["batch_size"]
    facekit.adapt(**call)
    with pytest.raises(ValueError, match="the same support_images, as in the call that wrote it, got others;"):
        facekit.adapt(**{**call, "support_images": faces["image"][:2]})


def test_a_label_adapter(faces: dict[str, Any], tmp_path: Path) -> None:
    masks = masks_of(faces).numpy()
    given = {"names": NAMES, "steps": 2, "batch_size": 2, "decoder": "fcn", "weights": "none", "progress": False}
    given |= {"device": "cpu", "checkpoint": tmp_path / "labels.pt"}
    first = facekit.adapt_labels("segmentation", faces["image"], masks, **given)
    changed = masks.copy()
    changed[0, :9, :9] = 1
    with pytest.raises(ValueError, match="the same labels, as in the call that wrote it, got others;"):
        facekit.adapt_labels("segmentation", faces["image"], changed, **given)
    with pytest.raises(ValueError, match=r", got lr=0\.5;"):
        facekit.adapt_labels("segmentation", faces["image"], masks, lr=0.5, **given)
    with pytest.raises(ValueError, match=r"expected seed=0, as .*, got seed=1;"):
        facekit.adapt_labels("segmentation", faces["image"], masks, seed=1, **given)
    other = facekit.adapt(faces["image"], masks, "segmentation", "synthparse", names=NAMES, **FAST)
    with pytest.raises(ValueError, match="the same .*model"):
        facekit.adapt_labels(other, faces["image"], masks, **given)
    again = facekit.adapt_labels("segmentation", faces["image"], masks, **given)
    assert again.about["adapter"]["loss"] == first.about["adapter"]["loss"]
