"""PFTGAN adapts through the public calls, with own generators, support images, baselines and bad input."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import facekit
from facekit.backbones.pftgan.backbone import PFTGAN
from facekit.backbones.pftgan.config import PFTGANAdaptation
from facekit.backbones.pftgan.generator_files import load_inversion
from facekit.backbones.pftgan.inversion_encoder import InversionEncoder, InversionSize
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.model import find_backbone
from facekit.training import time_estimate

pftgan = find_backbone("pftgan")

# A recipe without stages does not read them, so that they are an error.
STAGES: dict[str, Any] = {"steps": 2, "batch_size": 2}
SHORT: dict[str, Any] = {
    "views": 1,
    "least_views": 1,
    "members": 1,
    "classifier_epochs": 2,
    "pixels": 400,
    "progress": False,
    "device": "cpu",
}
PRETRAINED: dict[str, Any] = {"steps": 1, "batch_size": 4, "progress": False}


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    return GeneratedFaces(seed=6, size=96, yaw=(-20, 20)).batch(range(4), want=("image", "mask"))


@pytest.fixture(scope="module")
def masks(faces: dict[str, Any]) -> Any:
    return (faces["mask"] > 0).to(torch.uint8)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator that was trained for one step, with the encoder that learned beside it."""
    folder = tmp_path_factory.mktemp("g")
    out = folder / "g.safetensors"
    facekit.pretrain("stylegan2", "generated:6", out=out, pool=folder, reconstructed=2, **PRETRAINED)
    return out


def adapted(known: dict[str, Any], masks: Any, **settings: Any) -> facekit.Model:
    tuned = settings.get("recipe", "quick") in ("quick", "paper", "slow")
    wanted = {"weights": "none", **(STAGES if tuned else {}), **SHORT, **settings}
    return facekit.adapt(known["image"][:2], masks[:2], "segmentation", "pftgan", **wanted)


def test_the_backbone_of_a_file(file: Path) -> None:
    backbone = facekit.load_backbone("pftgan", file)
    x, z = torch.rand(2, 3, 64, 64), torch.randn(2, 128)
    codes = backbone.encode(x)
    assert codes.shape == (2, 10, 128)
    assert torch.equal(backbone.encode(torch.nn.functional.interpolate(x, 64)), codes)
    assert backbone.generate(z).shape == backbone.synthesize(codes).shape == (2, 3, 64, 64)
    assert torch.equal(backbone.reconstruct(x), backbone.synthesize(codes))
    assert [len(m) for m in backbone.features(x)] == [2] * 9
    mean = backbone.generate(z, truncation=0.0)
    assert torch.allclose(mean[0], mean[1]) and 0 <= float(mean.min()) <= float(mean.max()) <= 1
    held = {k.removeprefix("encoder."): v.float() for k, v in load_file(file).items() if k.startswith("encoder.")}
    assert all(torch.equal(v.float(), held[k]) for k, v in backbone.encoder.state_dict().items())


def test_adaptation_from_a_file_is_saved_whole(file: Path, faces: Any, masks: Any, tmp_path: Path) -> None:
    model = adapted(faces, masks, weights=file)
    model.save(tmp_path / "m.facekit")
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(facekit.load(tmp_path / "m.facekit", device="cpu").maps(x), model.maps(x))
    backbone = facekit.load_backbone("pftgan", file)
    assert torch.equal(model.network.encoder(x), backbone.encode(x))
    assert not torch.equal(model.network.stream(backbone.encode(x)), backbone.generator.synthesis(backbone.encode(x)))


def test_a_model_says_how_well_its_labels_were_learned(faces: Any, masks: Any, tmp_path: Path) -> None:
    model = adapted(faces, masks, stages="2")
    fit = model.about["fit"]
    assert set(fit) == {"label accuracy", "label mIoU"} and all(0 <= value <= 1 for value in fit.values())
    model.save(tmp_path / "m.facekit")
    assert facekit.load(tmp_path / "m.facekit").about["fit"] == fit
    assert "fit" not in adapted(faces, masks, stages="").about  # the generator as it is
    # A training that resumes in its last stage says the same.
    checkpoint = tmp_path / "c.pt"
    first = adapted(faces, masks, stages="2", checkpoint=checkpoint)
    assert adapted(faces, masks, stages="2", checkpoint=checkpoint).about["fit"] == first.about["fit"] == fit


@pytest.mark.slow
def test_support_images_teach_the_image_stream(faces: Any, masks: Any) -> None:
    x = torch.rand(1, 3, 64, 64)
    settings = {"shared": 128, "stages": "2"}  # all layers are shared: what support images teach reaches both
    plain = adapted(faces, masks, **settings)
    other = adapted(faces, masks, support_images=faces["image"][2:], **settings)
    again = adapted(faces, masks, support_images=faces["image"][2:], **settings)
    assert not torch.equal(plain.maps(x), other.maps(x)) and torch.equal(other.maps(x), again.maps(x))
    alone = adapted(faces, masks, image_stream=False, stages="2")
    assert not torch.equal(alone.maps(x), plain.maps(x))


def test_support_images_without_a_face(faces: Any, masks: Any) -> None:
    empty = np.full((2, 80, 80, 3), 90, np.uint8)
    image = Image.fromarray(faces["image"][2].permute(1, 2, 0).numpy()).resize((384, 384))
    boxes = [[10, 10, 86, 86]] * 2
    none_found = pytest.raises(ValueError, match="support_images: expected faces, got 2 images without one")
    with none_found, pytest.warns(UserWarning, match="no face found, left out"):
        adapted(faces, masks, support_images=empty, align="box", faces=boxes)
    with pytest.warns(UserWarning, match="support_images: .*no face found, left out") as seen:
        adapted(faces, masks, support_images=[empty[0], image], align="box", faces=boxes)
    assert [w.filename for w in seen if "left out" in str(w.message)] == [__file__], "it names the caller's line"
    with pytest.raises(ValueError, match="support_images: .*no images"):
        adapted(faces, masks, support_images=[])
    with pytest.raises(ValueError, match="support_images: nowhere: no such file"):
        adapted(faces, masks, support_images="nowhere")


def test_the_comparisons(faces: Any, masks: Any, tmp_path: Path) -> None:
    x = torch.rand(1, 3, 64, 64)
    untouched = adapted(faces, masks, recipe="datasetgan")
    assert torch.equal(
        untouched.network.stream(untouched.network.encoder(x)),
        pftgan.load_pair("none")[0].synthesis(untouched.network.encoder(x)),
    )
    settings = {"tower": "vit_tiny_patch16_224", "input_size": 32, "layers": (1, 3)}
    vit = adapted(faces, masks, recipe="mae", **settings)
    farl = adapted(faces, masks, recipe="farl", weights="embedded", input_size=64)
    for model in (vit, farl):
        model.save(tmp_path / "m.facekit")
        x = torch.rand(1, 3, model.input_size, model.input_size)
        assert torch.equal(facekit.load(tmp_path / "m.facekit", device="cpu").maps(x), model.maps(x))
        assert facekit.predict(model, faces["image"][3]).mask.shape == (96, 96)


def test_memory_and_time_are_said_before_training(
    faces: Any, masks: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_estimate, "_WORTH_SAYING", 0.0)
    said: list[str] = []
    before_training: list[str] = []

    def progress(done: int, total: int, losses: dict[str, float]) -> None:
        said[:] = [r.getMessage() for r in caplog.records]
        before_training.extend(said if done == 1 else [])

    with caplog.at_level(logging.INFO, "facekit"):
        adapted(faces, masks, pixels=None, memory_limit=8_000_000, progress=progress)
    assert any("pixel classifiers: evaluation takes" in m for m in before_training)
    assert any(m.startswith("adapting segmentation: at least 0 minutes; fewer steps=") for m in before_training)
    assert any("pixel classifiers: evaluation takes" in m and "8.0 MB of pixels" in m for m in said)
    assert any("labelled pixels are drawn: memory_limit=8000000" in m for m in said)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"pixels": 1}, "pixels=1: expected at least 2"), ({"memory_limit": 1000}, "got 1,000; raise the limit")],
)
def test_pixels_that_do_not_fit_are_refused_before_the_training(
    settings: dict[str, Any], message: str, faces: Any, masks: Any
) -> None:
    steps: list[int] = []
    with pytest.raises(ValueError, match=message):
        adapted(faces, masks, progress=lambda done, *_: steps.append(done), **settings)
    assert not steps


def test_the_generator_is_read_once(faces: Any, masks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only if the generator makes the support images is it needed beside the network's copy."""
    read: list[str] = []
    load = PFTGAN.load_generator
    monkeypatch.setattr(PFTGAN, "load_generator", lambda *a: read.append("again") or load(*a))
    adapted(faces, masks, weights="embedded", stages="1", support_images=faces["image"][2:])
    adapted(faces, masks, weights="embedded", stages="")
    assert not read
    adapted(faces, masks, weights="embedded", stages="1")
    assert read == ["again"]


def test_landmarks_have_one_classifier(faces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one is trained on whole maps, so that others would spoil the mean. Nothing is prepared for streams."""
    monkeypatch.delattr("facekit.backbones.pftgan.backbone.stream_adaptation")
    recipe = PFTGANAdaptation(steps=1, views=1, least_views=1, members=3, stages="")
    model = facekit.adapt(
        faces["image"][:1], [[[30.0, 40.0]]], "landmarks", "pftgan", names=["nose"], recipe=recipe, weights="none",
        device="cpu", progress=False,
    )  # fmt: skip
    assert model.network.members == 1
    assert facekit.predict(model, faces["image"][1]).points.shape == (1, 2), (
        "one point, though a classifier has two outputs"
    )


@pytest.mark.slow
def test_where_classifiers_disagree(faces: Any, masks: Any) -> None:
    several, single = adapted(faces, masks, members=3), adapted(faces, masks)
    image = faces["image"][3].permute(1, 2, 0).numpy()
    found = facekit.uncertainty(several, image)
    assert found.shape == (96, 96) and found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= np.log(2) + 1e-5, "of two classes"
    wide = np.pad(image, ((150, 150), (150, 150), (0, 0)))
    inside = facekit.uncertainty(several, wide, faces=[(149.5, 149.5, 245.5, 245.5)], align="box")
    assert np.isnan(inside[:, :20]).all() and np.isfinite(inside[150:246, 150:246]).all()
    large = facekit.uncertainty(several, np.kron(image, np.ones((4, 4, 1), np.uint8)))
    assert np.isfinite(large).all(), "corners, too"
    assert [m.shape for m in facekit.uncertainty(several, [image, image[:50]])] == [(96, 96), (50, 96)]
    suggested = facekit.suggest(several, [image, image[:50]])
    assert suggested.scores[0] == pytest.approx(found.mean(), rel=1e-4) and np.isfinite(suggested.scores[1])
    assert np.isfinite(facekit.suggest(single, image).scores).all(), "entropy of the one classifier"
    with pytest.raises(ValueError, match="no classifiers that could disagree.*members=10"):
        facekit.uncertainty(single, image)
    with pytest.raises(ValueError, match="one image at a time"):
        facekit.uncertainty(several, [image], faces=[(0, 0, 9, 9)])


def coloured(first: tuple[int, int, int], second: tuple[int, int, int], folder: Path, name: str) -> Path:
    ids = np.zeros((96, 96), np.uint8)
    ids[20:60, 30:70] = 1
    image = Image.fromarray(ids, "L").convert("P")
    image.putpalette([*first, *second])
    image.save(folder / name)
    return folder / name


def test_masks_of_different_palettes(faces: Any, tmp_path: Path) -> None:
    red = coloured((0, 0, 0), (255, 0, 0), tmp_path, "a.png")
    green = coloured((0, 0, 0), (0, 255, 0), tmp_path, "b.png")
    message = r"b.png.*got the colour \(0, 255, 0\) for class 1, but \(255, 0, 0\) in .*a.png"
    with pytest.raises(ValueError, match=message):
        adapted(faces, [red, green])
    assert adapted(faces, [red, coloured((0, 0, 0), (255, 0, 0), tmp_path, "c.png")]).task.channels == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": "official"}, "PFTGAN's authors published none"),
        ({"inversion": "e.pt"}, "expected the file of its generator, got none"),
        ({"recipe": "slow"}, "'quick', 'paper', 'datasetgan'"),
        ({"stages": "4"}, "'1', '2', '3', 'v'"),
        ({"shared": 5}, "0 or the side of a block, 4, 8"),
        ({"align": "tanh", "faces": [[0, 0, 90, 90]] * 2}, "no tanh-warped faces"),
        ({"keep_best": True}, "no epochs to choose from"),
        ({"recipe": "datasetgan", "support_images": "SUPPORT"}, "expected a recipe whose image stream learns"),
        ({"recipe": "mae", "weights": "auto"}, "'pretrained'"),
        ({"recipe": "ddpm", "weights": "none"}, "a diffusers UNet's folder"),
        ({"features": "clip"}, "'generator', 'vit'"),
        ({"members": 0}, "1 to 255"),
        ({"start": "x.facekit"}, "start='none'"),
        ({"perceptual": "ssim"}, "'lpips-alex'"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str, faces: Any, masks: Any) -> None:
    settings = {k: faces["image"] if v == "SUPPORT" else v for k, v in settings.items()}
    with pytest.raises(ValueError, match=message):
        adapted(faces, masks, **settings)


def test_other_backbones_take_no_support(faces: Any, masks: Any) -> None:
    with pytest.raises(ValueError, match="backbone 'fsma' learns from labelled images only"):
        facekit.adapt(faces["image"], masks, "segmentation", support_images=faces["image"])


def test_masks_of_one_class(faces: Any, masks: Any) -> None:
    with pytest.raises(ValueError, match="expected at least two classes, got 1"):
        adapted(faces, torch.ones_like(masks), names=["background", "face"])


def test_generators_and_encoders_that_do_not_fit(file: Path, faces: Any, masks: Any, tmp_path: Path) -> None:
    own = load_file(file)
    bare = tmp_path / "bare.safetensors"
    from safetensors.torch import save_file

    save_file({k: v for k, v in own.items() if not k.startswith("encoder.")}, bare)
    with pytest.raises(ValueError, match="expected inversion= .* got none.*facekit pretrain inversion"):
        adapted(faces, masks, weights=bare)
    other = tmp_path / "e.safetensors"
    encoder = InversionEncoder(InversionSize(64, 12, 128, 4))
    save_file(encoder.state_dict(), other, {"size": '{"input_size": 64, "layers": 12, "w_dim": 128, "width": 4}'})
    with pytest.raises(ValueError, match="gives 12 codes of 128 numbers, but the generator .* 64 px takes 10 of 128"):
        adapted(faces, masks, weights=bare, inversion=str(other))
    with pytest.raises(ValueError, match="expected an inversion encoder.*got a file without one"):
        load_inversion(bare)
    with pytest.raises(FileNotFoundError, match="no such file"):
        pftgan.load(tmp_path / "none.pkl")
    with pytest.raises(FileNotFoundError, match="no such file"):
        pftgan.load(bare, inversion=tmp_path / "none.safetensors")
