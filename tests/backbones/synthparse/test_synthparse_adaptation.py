"""synthparse has a sigmoid loss, keeps the best epoch, and adapts labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import facekit
from facekit.backbones.synthparse.config import named_recipe
from facekit.backbones.synthparse.label_adapter import LabelAdapter
from facekit.backbones.synthparse.network import ParserNetwork, ParserSize
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, SYNTHPARSE_11, segmentation_map
from facekit.model import find_backbone
from facekit.results.types import Segmentation
from facekit.tasks import SegmentationTask

synthparse = find_backbone("synthparse")

FAST: dict[str, Any] = {"weights": "none", "batch_size": 4, "progress": False, "device": "cpu", "seed": 0}


@pytest.fixture(scope="module")
def faces() -> tuple[list[np.ndarray], list[np.ndarray]]:
    batch = GeneratedFaces(seed=6, size=96, yaw=(-20, 20)).batch(range(6), want=("image", "mask"))
    masks = segmentation_map(FACEKIT_27, SYNTHPARSE_11)[batch["mask"].numpy()]
    return list(batch["image"].permute(0, 2, 3, 1).numpy()), list(masks)


@pytest.fixture(scope="module")
def parser(faces: tuple[list[np.ndarray], list[np.ndarray]]) -> facekit.Model:
    return facekit.adapt(
        *faces, "segmentation", "synthparse", names=SYNTHPARSE_11, recipe="paper", steps=2, input_size=64, **FAST
    )


def test_sigmoid_loss_is_weighted_and_ignores() -> None:
    task = SegmentationTask(SYNTHPARSE_11, "sigmoid")
    labels = torch.zeros(1, 2, 4, dtype=torch.uint8)
    labels[0, 0, 0] = 1
    labels[0, 1] = 255
    weighted = task.loss_function(labels)
    weights = weighted.keywords["weights"]
    torch.testing.assert_close(weights[:3], torch.tensor([0.25, 0.75, 1.0]))
    maps = torch.randn(1, 11, 2, 4, generator=torch.Generator().manual_seed(0))
    expected = 0.0
    for x in range(4):
        for c in range(11):
            p = torch.sigmoid(maps[0, c, 0, x])
            right = p if int(labels[0, 0, x]) == c else 1 - p
            expected -= float(weights[c] * right.log()) / 44
    assert float(weighted(maps, labels)) == pytest.approx(expected, rel=1e-5)
    moved = maps.clone()
    moved[:, :, 1] += 3
    assert float(weighted(moved, labels)) == pytest.approx(expected, rel=1e-5), "ignored pixels do not count"
    assert float(task.loss(maps, torch.full_like(labels, 255))) == 0.0
    assert SegmentationTask.from_dict(task.to_dict()).activation == "sigmoid"
    logs = task.decode(maps)[0]
    np.testing.assert_allclose(np.exp(logs), torch.sigmoid(maps[0]).numpy(), rtol=1e-5)
    with pytest.raises(ValueError, match="'softmax', 'sigmoid'"):
        SegmentationTask(SYNTHPARSE_11, "focal")


@pytest.mark.slow
def test_the_best_epoch_is_kept(faces: Any, tmp_path: Path) -> None:
    images, masks = faces
    settings: dict[str, Any] = {**FAST, "recipe": "paper", "input_size": 64, "names": SYNTHPARSE_11}
    curve: list[float] = []

    def note(done: int, steps: int, losses: dict[str, float]) -> None:
        curve.append(losses.get("validation", float("nan")))

    held = (images[4:], masks[4:])
    settings["progress"] = note
    best = facekit.adapt(
        images[:4], masks[:4], "segmentation", "synthparse", steps=6, validation=held, lr=0.02, **settings
    )
    assert len(curve) == 6 and not np.isnan(curve).any()
    at = int(np.argmax(curve)) + 1
    settings["progress"] = False
    stopped = facekit.adapt(
        images[:4], masks[:4], "segmentation", "synthparse", steps=at, lr=0.02, keep_best=False, **settings
    )
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(best.maps(x), stopped.maps(x)), "as if it had been stopped at its best epoch"


@pytest.mark.parametrize("reads", [pytest.param("onehot", marks=pytest.mark.slow), "ids"])
def test_label_adapter(reads: str, parser: facekit.Model, faces: Any, tmp_path: Path) -> None:
    images, masks = faces
    before = {k: v.clone() for k, v in parser.network.state_dict().items()}
    adapted = facekit.adapt_labels(
        parser, images, masks, reads=reads, steps=3, batch_size=4, weights="none", progress=False, device="cpu"
    )
    assert all(torch.equal(v, before[k]) for k, v in parser.network.state_dict().items()), "the parser stays"
    result = facekit.predict(adapted, images[0])
    assert isinstance(result, Segmentation) and isinstance(result.unadapted, Segmentation)
    plain = facekit.predict(parser, images[0])
    assert np.array_equal(result.unadapted.mask, plain.mask)
    assert np.array_equal(facekit.predict(adapted.unadapted, images[0]).mask, plain.mask)
    assert result.to_dict()["naked"] == result.unadapted.to_dict()
    with pytest.warns(DeprecationWarning, match="Model.unadapted"):
        assert adapted.naked.adapter is None
    adapted.save(tmp_path / "a.facekit")
    again = facekit.load(tmp_path / "a.facekit", "cpu")
    x = torch.rand(2, 3, 64, 64)
    assert torch.equal(again.maps(x), adapted.maps(x)) and torch.equal(again.unadapted.maps(x), parser.maps(x))
    assert set(facekit.evaluate(adapted, images[:2], masks[:2])) >= {"f1", "miou"}
    with pytest.raises(ValueError, match="already"):
        facekit.adapt_labels(adapted, images, masks)


def test_an_adapter_starts_as_a_relabelling() -> None:
    size = ParserSize(decoder_channels=(16, 16, 16, 16, 16), input_size=32)
    adapter = LabelAdapter(size, 3, 4).eval()
    ids = torch.randint(0, 3, (2, 32, 32), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    masks = torch.tensor([0, 3, 1], dtype=torch.uint8)[ids.long()]
    masks[:, :4] = 2  # a class that no id stands for
    masks[:, 4:8] = 255
    adapter.start_from(ids, masks)
    with torch.inference_mode():
        chances = adapter(ids.long()).sigmoid()
    assert torch.equal(chances.argmax(1)[:, 8:], masks[:, 8:].long())
    assert float(chances[:, 2].mean()) == pytest.approx(4 / 28, abs=0.03), "as often as it was drawn there"
    plain = LabelAdapter(size, 3, 4, reads="ids").eval()
    before = {k: v.clone() for k, v in plain.state_dict().items()}
    plain.start_from(ids, masks)
    assert all(torch.equal(v, before[k]) for k, v in plain.state_dict().items()), "the paper's knows nothing yet"


@pytest.mark.slow
def test_an_adapter_learns_a_swap(parser: facekit.Model, faces: Any) -> None:
    """Annotators who call every class by the next one's id: nothing in the images says so, the pairs do."""
    images, _ = faces
    said = [facekit.predict(parser, p).mask for p in images]
    target = [((m.astype(int) + 1) % 11).astype(np.uint8) for m in said]
    adapted = facekit.adapt_labels(
        parser, images, target, steps=60, batch_size=6, weights="none", progress=False, device="cpu", lr=3e-3
    )
    agree = np.mean([(facekit.predict(adapted, p).mask == t).mean() for p, t in zip(images, target, strict=True)])
    before = np.mean([(m == t).mean() for m, t in zip(said, target, strict=True)])
    assert agree > 0.8 > before


def test_ids_outside_belong_to_no_class() -> None:
    adapter = LabelAdapter(ParserSize(input_size=32), 5, 4)
    ids = torch.tensor([[[0, 4, 255]]])
    assert adapter._read(ids)[0, :, 0].T.tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    coded = LabelAdapter(ParserSize(input_size=32), 5, 4, "ids")
    assert coded._read(ids)[0, :, 0].T.tolist() == [[-2.0] * 3, [2.0] * 3, [-2.0] * 3], "outside is background"


def test_bad_input(parser: facekit.Model, faces: Any, tmp_path: Path) -> None:
    images, masks = faces
    for wrong, match in (
        ({"decoder": "pspnet"}, "'unet', 'deeplabv3plus', 'fpn'"),
        ({"encoder": "resnet9"}, "'mobilenet_v2'"),
        ({"input_size": 100}, "a multiple of 32"),
        ({"optimiser": "sgd"}, "'adamw' or 'nadam'"),
        ({"activation": "relu"}, "'softmax', 'sigmoid'"),
    ):
        with pytest.raises(ValueError, match=match):
            facekit.adapt(images, masks, "segmentation", "synthparse", **{**FAST, "steps": 1, **wrong})
    with pytest.raises(ValueError, match="a task of the paper .segmentation., got"):
        named_recipe("paper", "landmarks", True, 10)
    with pytest.raises(ValueError, match="'quick', 'paper'"):
        named_recipe("best", "segmentation", True, 10)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        synthparse.load("nowhere.safetensors")
    torch_file = tmp_path / "half.safetensors"
    torch_file.write_bytes(b"12345678")
    with pytest.raises(ValueError, match="a text file that begins with"):
        synthparse.load(torch_file)
    save_file({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="do not fit, expected those of"):
        synthparse.load(tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="reads='text'"):
        facekit.adapt_labels(parser, images, masks, reads="text")
    points = facekit.adapt(images, np.full((6, 3, 2), 40.0), "landmarks", "synthparse", steps=1, input_size=64, **FAST)
    with pytest.raises(ValueError, match="wild=True: expected segmentation .*, got landmarks"):
        facekit.adapt(
            images, np.full((6, 3, 2), 40.0), "landmarks", "synthparse", steps=1, input_size=64, wild=True, **FAST
        )
    with pytest.raises(ValueError, match="model: expected one for segmentation, got one for landmarks"):
        facekit.adapt_labels(points, images, masks)


def test_an_encoders_file_is_taken_over(tmp_path: Path) -> None:
    donor = ParserNetwork(ParserSize(), 4)
    save_file({k: v.contiguous() for k, v in donor.encoder.state_dict().items()}, tmp_path / "encoder.safetensors")
    taken = synthparse.load(tmp_path / "encoder.safetensors", seed=1)
    assert all(torch.equal(v, donor.encoder.state_dict()[k]) for k, v in taken.encoder.state_dict().items())
    maps = taken.features(torch.rand(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [32, 16, 8, 4, 2]


def test_image_tasks_have_a_discriminator_of_patches(faces: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
    images, _ = faces
    discriminator = synthparse.discriminator("none", 0)
    logits = discriminator(torch.rand(2, 3, 64, 64))
    assert logits.shape == (2, 1, 7, 7)
    # Each patch has 46 pixels: the middle logit does not depend on the pixels around them.
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    discriminator.eval()(x)[0, 0, 3, 3].backward()
    rows, columns = torch.nonzero(x.grad.abs().sum((0, 1)), as_tuple=True)  # type: ignore[union-attr]
    assert rows.max() - rows.min() + 1 == columns.max() - columns.min() + 1 == 46
    settings = {**FAST, "steps": 2, "input_size": 64, "align": "none"}
    losses: list[dict[str, float]] = []
    settings["progress"] = lambda done, steps, loss: losses.append(loss)
    for adv in (0.0, 1.0):
        losses.clear()
        facekit.adapt(images, images, "stylization", "synthparse", adv=adv, **settings)
        assert ("adv" in losses[0], "discriminator" in losses[0]) == (adv > 0, adv > 0)
    with pytest.raises((TypeError, ValueError), match="adv"):
        facekit.adapt(*faces, "segmentation", "synthparse", names=SYNTHPARSE_11, adv=1.0, **settings)
