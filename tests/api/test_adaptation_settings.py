"""`adapt` handles epochs, batches of one image, crops on disk, images read again, and weights that break."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import facekit
from facekit.backbones.fsma.config import FSMAAdaptation
from facekit.core.large_arrays import large_array
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import ImageError, read_images
from facekit.images.stream import stream_images
from facekit.labels import FACEKIT_27, FASSEG_6, segmentation_map
from facekit.model import CROPPER
from facekit.tasks import SegmentationTask
from facekit.training.loop import check_finite

FAST: dict[str, Any] = {"weights": "none", "steps": 2, "views": 1, "least_views": 1, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    batch = GeneratedFaces(seed=41, size=96, yaw=(-20, 20)).batch(range(5), want=("image", "mask", "landmarks68"))
    table = segmentation_map(FACEKIT_27, FASSEG_6)
    return {
        "image": list(batch["image"].permute(0, 2, 3, 1).numpy()),
        "landmarks": batch["landmarks68"].numpy(),
        "segmentation": [np.where(m == 255, 0, m) for m in table[batch["mask"].numpy()]],
    }


def adapted(
    x: dict[str, Any], task: str = "landmarks", backbone: str = "fsma", count: int = 5, **settings: Any
) -> facekit.Model:
    return facekit.adapt(x["image"][:count], x[task][:count], task, backbone, **{**FAST, **settings})


def same(first: facekit.Model, second: facekit.Model) -> bool:
    pairs = zip(first.network.state_dict().values(), second.network.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# Epochs.
def test_an_epoch_sees_every_face_once(faces: dict[str, Any]) -> None:
    settings = {k: v for k, v in FAST.items() if k != "steps"}
    by_epochs = facekit.adapt(faces["image"], faces["landmarks"], epochs=3, batch_size=2, **settings)
    by_steps = facekit.adapt(faces["image"], faces["landmarks"], steps=9, batch_size=2, **settings)
    assert by_epochs.about["recipe"]["steps"] == 3 * 3 and same(by_epochs, by_steps)


def test_a_plain_adaptation_is_the_backbones_own(faces: dict[str, Any]) -> None:
    settings = {"views": 1, "least_views": 1}
    call = {"weights": "none", "device": "cpu", "progress": False}
    plain = facekit.adapt(faces["image"], faces["landmarks"], recipe=facekit.Adaptation(steps=2, **settings), **call)
    own = facekit.adapt(faces["image"], faces["landmarks"], recipe=FSMAAdaptation(steps=2, **settings), **call)
    assert same(plain, own) and plain.about["recipe"]["skip"] is None


# Batch norm over a single value (case 09).
@pytest.mark.filterwarnings("ignore:no pixel of")
@pytest.mark.parametrize(
    ("task", "backbone", "settings"),
    [
        ("landmarks", "farl", {"head_channels": 16}),
        ("segmentation", "farl", {"head_channels": 16}),
        ("segmentation", "synthparse", {"decoder": "deeplabv3plus", "decoder_channels": None, "input_size": 64}),
        ("segmentation", "synthparse", {"decoder": "unet", "input_size": 32, "tower_lr": 1e-3}),
        ("landmarks", "synthparse", {"decoder": "fpn", "decoder_channels": None, "input_size": 64}),
        ("landmarks", "fsma", {}),
        ("segmentation", "fsma", {"baseline": "unet"}),
    ],
)
@pytest.mark.parametrize(("count", "batch_size"), [(1, 20), (3, 1)])
def test_a_batch_of_one_image(
    task: str, backbone: str, settings: dict[str, Any], count: int, batch_size: int, faces: dict[str, Any]
) -> None:
    model = adapted(faces, task, backbone, count, batch_size=batch_size, **settings)
    assert np.isfinite(model.about["loss"])
    facekit.predict(model, faces["image"][0])


@pytest.mark.filterwarnings("ignore:no pixel of", "ignore:the model says")
def test_an_adapter_learns_from_batches_of_one(faces: dict[str, Any]) -> None:
    parser = adapted(faces, "segmentation", "synthparse", input_size=32, weights="none")
    adapter = facekit.adapt_labels(
        parser,
        faces["image"],
        faces["segmentation"],
        decoder="deeplabv3plus",
        weights="none",
        steps=2,
        batch_size=1,
        device="cpu",
        progress=False,
    )
    assert np.isfinite(adapter.about["adapter"]["loss"])


# Thousands of faces.
@pytest.mark.slow
def test_crops_on_disk_are_those_in_memory(faces: dict[str, Any], tmp_path: Path) -> None:
    for i, image in enumerate(faces["image"]):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    whole, parts = read_images(tmp_path), stream_images(tmp_path, kept_bytes=2 * faces["image"][0].nbytes)
    assert len(parts.arrays.kept) == 2, "the first ones stay in memory"  # type: ignore[attr-defined]
    assert (whole.names, whole.sizes, whole.single) == (parts.names, parts.sizes, parts.single)
    assert all(np.array_equal(a, b) for a, b in zip(whole.arrays, parts.arrays, strict=True))
    task, clean = SegmentationTask.from_labels(faces["segmentation"], FASSEG_6, parts)
    memory = CROPPER.training_crops(whole, clean, task, "none", None, 64)
    disk = CROPPER.training_crops(parts, clean, task, "none", None, 64, limit=0)
    assert all(torch.equal(a, b) for a, b in zip(memory, disk, strict=True))
    assert same(adapted(faces), adapted(faces, cache_bytes=0))
    assert same(adapted(faces), facekit.adapt(tmp_path, faces["landmarks"], **FAST))


def test_images_are_named_in_errors_of_the_second_reading(faces: dict[str, Any], tmp_path: Path) -> None:
    for i, image in enumerate(faces["image"][:2]):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    stream = stream_images(tmp_path, kept_bytes=0)
    (tmp_path / "1.png").unlink()
    with pytest.raises(ImageError, match=r"^1.png: no such file"):
        list(stream.arrays)


def test_an_array_beyond_the_limit_is_a_file_that_goes_with_it() -> None:
    array = large_array((4, 3), np.uint8, limit=11)
    array[:] = np.arange(12).reshape(4, 3)
    assert isinstance(array, np.memmap) and array.sum() == 66
    assert type(large_array((4, 3), np.uint8, limit=12)) is np.ndarray


def test_validation_is_checked_before_training_and_read_once(faces: dict[str, Any]) -> None:
    steps: list[int] = []
    with pytest.raises(ValueError, match="2 images but 1 arrays of landmarks"):
        adapted(
            faces, validation=(faces["image"][:2], faces["landmarks"][:1]), progress=lambda done, *_: steps.append(done)
        )
    assert not steps
    images = iter(faces["image"][:2])
    model = adapted(faces, validation=(images, faces["landmarks"][:2]), keep_best=True)
    assert model.about["validation"] == facekit.evaluate(model, faces["image"][:2], faces["landmarks"][:2])


# Weights that are no numbers.
def test_a_rate_that_breaks_the_weights_gives_no_model(faces: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"at step \d, expected a number: lower the learning rate"):
        adapted(faces, lr=1e30, warmup=0, steps=5)
    file = tmp_path / "c.pt"
    with pytest.raises(FloatingPointError, match=r"after step \d.*lower the learning rate"):
        adapted(faces, lr=1e38, betas=(0.0, 0.0), weight_decay=1e38, warmup=0, steps=1, checkpoint=file)
    assert not file.exists(), "nothing broken is saved"


def test_a_broken_model_is_not_saved(faces: dict[str, Any], tmp_path: Path) -> None:
    model = adapted(faces)
    with torch.no_grad():
        next(iter(model.network.parameters())).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="not finite in this model, expected finite numbers"):
        model.save(tmp_path / "m.facekit")
    assert not (tmp_path / "m.facekit").exists()
    check_finite({"a": [torch.full((3,), 3e38)]}, "here")  # whose sum is not finite
