"""Stylization and shadow removal train the right layers, and results keep background and detail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import facekit
from facekit.alignment import Frame
from facekit.backbones.fsma.autoencoder import AutoEncoder, AutoEncoderSize
from facekit.backbones.fsma.network import FSMANetwork
from facekit.core.random_streams import generator_for
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.geometry.affine import fit_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.images.reader import read_images
from facekit.metrics.perceptual import lpips_distance
from facekit.metrics.scores import psnr, ssim
from facekit.model import find_backbone
from facekit.model.portraits import with_portrait
from facekit.tasks import ShadowRemovalTask, StylizationTask

fsma = find_backbone("fsma")


@pytest.fixture(scope="module")
def faces() -> Any:
    return GeneratedFaces(seed=6, size=128, yaw=(-20, 20)).batch(range(4), want=("image", "mask"))


def test_metrics_by_hand() -> None:
    a = np.random.default_rng(0).integers(0, 200, (64, 64, 3)).astype(np.uint8)
    assert psnr(a, a + np.uint8(5)) == pytest.approx(20 * np.log10(255 / 5))
    assert psnr(a, a) == float("inf")
    assert ssim(a, a) == pytest.approx(1) and lpips_distance(a, a) == pytest.approx(0, abs=1e-6)
    noise = np.random.default_rng(1).integers(0, 255, a.shape).astype(np.uint8)
    assert ssim(a, noise) < 0.1
    assert lpips_distance(np.full_like(a, 128), noise) > 0.5


def test_lpips_hears_structure_more_than_brightness(faces: Any) -> None:
    face, other = (f.permute(1, 2, 0).numpy() for f in faces["image"][:2])
    darker = (face * 0.9).astype(np.uint8)
    assert lpips_distance(face, darker) < 0.1 < lpips_distance(face, other)


def test_portraits_are_the_person(faces: Any) -> None:
    image = faces["image"][0].permute(1, 2, 0).numpy()
    found = with_portrait(image, Frame())
    assert np.array_equal(found[..., :3], image) and set(np.unique(found[..., 3])) == {0, 255}
    person = faces["mask"][0].numpy() > 0
    assert ((found[..., 3] > 0) & person).sum() / ((found[..., 3] > 0) | person).sum() > 0.7


def test_shadows_fall_on_the_portrait_only() -> None:
    clean = torch.rand(3, 3, 64, 64) * 0.5 + 0.4
    portrait = torch.zeros(3, 1, 64, 64)
    portrait[..., 16:48, 16:48] = 1
    task = ShadowRemovalTask()
    labels = torch.cat([torch.zeros_like(clean), portrait], 1)
    sources = [generator_for(0, i) for i in range(3)]
    shadowed = task.inputs(clean, labels, sources)
    assert torch.equal(shadowed[..., :16, :], clean[..., :16, :])
    assert (shadowed <= clean).all() and (shadowed < clean - 0.02).any(dim=3).any(dim=2).any(dim=1).all()
    targets = task.targets(labels, lambda: clean)
    assert torch.equal(targets[:, :3], clean) and torch.equal(targets[:, 3:], portrait)
    real, painted = task.adversarial_images(torch.zeros(3, 4, 64, 64), targets)
    assert torch.equal(real, clean) and torch.equal(painted[..., :16, :], clean[..., :16, :])
    assert (painted[..., 16:48, 16:48] == 0).all()


def test_loss_of_shadow_removal_counts_the_portrait_only() -> None:
    task = ShadowRemovalTask()
    labels = torch.zeros(1, 4, 8, 8)
    labels[:, 3, :4] = 1
    maps = torch.zeros(1, 4, 8, 8)
    maps[:, 3] = torch.where(labels[:, 3] > 0, 50.0, -50.0)
    maps[:, :3, 4:] = 1.0
    assert task.loss(maps, labels) == pytest.approx(0, abs=1e-4)
    maps[:, :3, :4] = 0.1
    assert task.loss(maps, labels) == pytest.approx(25.5, abs=1e-3)


def test_results_keep_background_and_detail() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(20, 120, (256, 256, 3)).astype(np.uint8)
    crop = AffineCrop(fit_matrix((256, 256), 64), 64)
    task = ShadowRemovalTask()
    prediction = np.zeros((64, 64, 4), np.float32)
    prediction[:, 32:, 3] = 1  # the portrait is the right half
    result = task.result(prediction, crop, image, None)
    assert np.array_equal(result.output[:, :126], image[:, :126]), "background put back"
    # What the network sees, given back unchanged, changes nothing, however fine the image's own detail.
    prediction[..., :3] = crop.image(image) / 255.0
    same = task.result(prediction, crop, image, None)
    assert np.abs(same.output.astype(int) - image).max() <= 1


def test_the_light_of_a_crop_fades_at_its_rim() -> None:
    image = np.full((200, 200, 3), 100, np.uint8)
    angle = np.deg2rad(10)
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) * 0.64
    crop = AffineCrop(np.vstack([np.column_stack([turned, 31.5 - turned @ [100, 100]]), [0, 0, 1]]), 64)
    prediction = np.full((64, 64, 4), 160 / 255, np.float32)
    prediction[..., 3] = 1
    output = ShadowRemovalTask().result(prediction, crop, image, np.array([50, 50, 150, 150])).output.astype(int)
    assert output.min() == 100, "a dark line at the rim"
    assert output[100, 100].min() >= 159
    assert np.abs(np.diff(output[..., 0], axis=0)).max() <= 20, "a step at the rim"


def test_pairs_or_clean_images(faces: Any) -> None:
    images = read_images(faces["image"])
    synthesised, clean = ShadowRemovalTask.from_labels(None, None, images)
    assert synthesised.synthesised and np.array_equal(clean[1], images.arrays[1])
    real, _ = ShadowRemovalTask.from_labels(faces["image"], None, images)
    assert not real.synthesised
    dim = torch.rand(2, 3, 8, 8)
    assert real.inputs(dim, torch.rand(2, 4, 8, 8), []) is dim
    with pytest.raises(ValueError, match="4 images but 3 target images"):
        StylizationTask.from_labels(faces["image"][:3], None, images)
    with pytest.raises(ValueError, match="leave names out"):
        StylizationTask.from_labels(faces["image"], "68", images)


def test_a_network_that_paints_starts_as_the_decoder() -> None:
    torch.manual_seed(0)
    autoencoder = AutoEncoder(AutoEncoderSize(128, 8)).eval()
    net = FSMANetwork(autoencoder, 4, 1, "00000", paints=True).eval()
    x = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[:, :3].clamp(0, 1), autoencoder.reconstruct(x), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_unet_baseline_trains_all_layers(faces: Any) -> None:
    small: dict[str, Any] = {"least_views": 6, "batch_size": 4, "progress": False, "device": "cpu", "start": "none"}
    targets = 255 - faces["image"]
    unet = facekit.adapt(faces["image"], targets, "stylization", steps=2, baseline="unet", **small)
    started = facekit.adapt(faces["image"], targets, "stylization", steps=1, lr=1e-12, baseline="unet", **small)
    frozen = facekit.adapt(faces["image"], targets, "stylization", steps=2, **small)
    embedded = fsma.load()
    name = "Q.layer1.0.conv1.weight"
    trained, start = (m.network.autoencoder.state_dict()[name] for m in (unet, started))
    assert not torch.equal(trained, start) and not torch.allclose(start, embedded.state_dict()[name])
    assert torch.equal(frozen.network.autoencoder.state_dict()[name], embedded.state_dict()[name])


def test_the_discriminator_comes_from_the_first_stage() -> None:
    torch.manual_seed(3)
    embedded, fresh = fsma.discriminator("embedded").eval(), fsma.discriminator("none").eval()
    real = torch.rand(2, 3, 128, 128)
    with torch.no_grad():
        assert embedded(real).shape == (2,) and not torch.allclose(embedded(real), fresh(real))
    assert fsma.discriminator("embedded")[1].main[3].num_batches_tracked > 1000, "it was trained"


def test_the_discriminator_learns_every_second_step(faces: Any) -> None:
    seen: list[dict[str, float]] = []
    facekit.adapt(
        faces["image"],
        255 - faces["image"],
        "stylization",
        weights="none",
        steps=4,
        least_views=4,
        batch_size=4,
        progress=lambda done, steps, losses: seen.append(losses),
        device="cpu",
    )
    assert ["discriminator" in losses for losses in seen] == [True, False, True, False]
    assert all("adv" in losses for losses in seen)


@pytest.mark.slow
def test_stylization_learns_to_invert(faces: Any) -> None:
    settings: dict[str, Any] = {"least_views": 20, "batch_size": 8, "progress": False, "rotate": 5.0}
    model = facekit.adapt(faces["image"], 255 - faces["image"], "stylization", steps=60, **settings)
    scores = facekit.evaluate(model, faces["image"], 255 - faces["image"])
    assert scores["psnr"] > scores["psnr_before"] + 6 and scores["ssim"] > scores["ssim_before"]
