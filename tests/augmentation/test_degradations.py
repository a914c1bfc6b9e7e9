"""Degradations do what their names say, and noise on aligned points moves faces as a new alignment does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from facekit.augmentation.affine import warp_points
from facekit.augmentation.degradations import Degradation, degrade
from facekit.augmentation.point_noise import compose, point_noise_matrices
from facekit.core.random_streams import generator_for
from facekit.data.image_text import mean_face
from facekit.geometry.affine import similarity_from_points, transform_points

SIDE = 112


def sources(count: int) -> list[torch.Generator]:
    return [generator_for(4, i, 14) for i in range(count)]


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(12, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_nothing_happens_without_a_degradation(images: torch.Tensor) -> None:
    assert torch.equal(degrade(images, Degradation(), sources(12)), images)


def test_an_image_does_not_depend_on_its_neighbours(images: torch.Tensor) -> None:
    spec = Degradation(0.5, 0.5, 0.5, 0.5)
    before = images.clone()
    together = degrade(images, spec, sources(12))
    alone = torch.cat([degrade(images[i : i + 1], spec, [generator_for(4, i, 14)]) for i in range(12)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    changed = (together != images).flatten(1).any(1)
    assert torch.equal(images, before) and changed.sum() >= 6 and together.min() >= 0 and together.max() <= 1
    with pytest.raises(ValueError, match="expected one generator per image, got 2 for 12 images"):
        degrade(images, spec, sources(2))


def test_half_of_the_images_are_degraded() -> None:
    images = torch.full((400, 3, 8, 8), 0.5)
    changed = (degrade(images, Degradation(noisy=0.5), sources(400)) != 0.5).flatten(1).any(1)
    assert 160 < changed.sum() < 240


def test_an_occluded_image_has_a_rectangle_of_one_colour(images: torch.Tensor) -> None:
    for image, changed in zip(images, degrade(images, Degradation(occluded=1), sources(12)), strict=True):
        rows, columns = torch.nonzero((image != changed).any(0), as_tuple=True)
        part = changed[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert len(part.flatten(1).unique(dim=1).T) == 1, "it has one colour"
        assert len(rows) == part[0].numel(), "the rest is unchanged"
        assert all(0.1 * SIDE - 1 <= side <= 0.4 * SIDE + 1 for side in part.shape[1:])


def test_a_grey_image_keeps_its_luminance(images: torch.Tensor) -> None:
    grey = degrade(images, Degradation(grey=1), sources(12))
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 0], grey[:, 2])
    torch.testing.assert_close(grey[:, 0], torch.einsum("nchw,c->nhw", images, torch.tensor([0.299, 0.587, 0.114])))


def test_noise_is_gaussian_of_up_to_a_tenth() -> None:
    images = torch.full((30, 3, 64, 64), 0.5)
    spread = (degrade(images, Degradation(noisy=1), sources(30)) - 0.5).flatten(1).std(1)
    assert spread.min() < 0.02 and 0.08 < spread.max() < 0.102


def test_blur_is_that_of_scipy(images: torch.Tensor) -> None:
    blurred = degrade(images, Degradation(blurred=1), sources(12))
    sigmas = [float(torch.rand(13, generator=g)[5]) * 3 / 224 * SIDE for g in sources(12)]
    assert max(sigmas) > 1
    for image, found, sigma in zip(images.numpy(), blurred.numpy(), sigmas, strict=True):
        wanted = np.stack([gaussian_filter(c, sigma, mode="mirror", radius=5) for c in image])
        np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_noise_on_points_is_a_new_alignment() -> None:
    """The face's own points, moved as the view is, are where an alignment by the noisy points puts them."""
    std = 5**0.5
    matrices = point_noise_matrices(200, std, generator_for(0, 0, 13))
    target = mean_face(224)
    noise = std * torch.randn(200, 5, 2, generator=generator_for(0, 0, 13)).numpy()
    points = torch.as_tensor(target, dtype=torch.float32)[None].repeat(200, 1, 1)
    moved = warp_points(points, matrices, 224, 224).numpy()
    for found, draw in zip(moved, noise, strict=True):
        wanted = transform_points(target, similarity_from_points(target + draw, target))
        np.testing.assert_allclose(found, wanted, atol=0.02)
    assert 0.5 < (moved - target).std() < std, "five points average the noise"


def test_transforms_are_composed() -> None:
    outer, inner = point_noise_matrices(2, 40.0, generator_for(1, 0)).chunk(2)
    point = torch.tensor([0.3, -0.2, 1.0])
    first = inner[0] @ point
    torch.testing.assert_close(compose(outer, inner)[0] @ point, outer[0] @ torch.cat([first, torch.ones(1)]))
