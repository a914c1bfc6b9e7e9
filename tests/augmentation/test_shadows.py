"""Synthetic shadows are painted on portraits."""

from __future__ import annotations

import pytest
import torch

from facekit.augmentation.shadows import ShadowRange, cast_shadows, perlin, silhouettes


def _random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shadows_darken_the_portrait_and_nothing_else() -> None:
    images = 0.2 + 0.7 * torch.rand(12, 3, 48, 64, generator=_random(1))
    portrait = torch.zeros(12, 1, 48, 64)
    portrait[..., 16:48] = 1
    shadowed = cast_shadows(images, _random(2), portrait)
    assert torch.equal(shadowed[..., :16], images[..., :16]) and torch.equal(shadowed[..., 48:], images[..., 48:])
    assert (shadowed <= images).all() and (shadowed > 0).all()
    lost = 1 - shadowed[..., 16:48].mean((1, 2, 3)) / images[..., 16:48].mean((1, 2, 3))
    assert 0.03 < lost.mean() < 0.5 and lost.std() > 0.01, "shadows, and different ones"
    assert torch.equal(cast_shadows(images, _random(2), portrait), shadowed), "same seed, same shadows"


def test_noise_masks_cover_what_was_asked_for() -> None:
    grey = torch.full((20, 3, 64, 64), 0.5)
    spec = ShadowRange(cover=(0.3, 0.3), silhouettes=0.0, variation=0.0, tint=0.0, blur=(0.001, 0.001))
    dark = (cast_shadows(grey, _random(), spec=spec) < 0.45).float().mean((1, 2, 3))
    torch.testing.assert_close(dark, torch.full((20,), 0.3), atol=0.05, rtol=0)


def test_edges_are_soft_by_different_amounts() -> None:
    step = torch.full((1, 3, 128, 128), 0.8)
    sharp = ShadowRange(blur=(0.002, 0.002), scattering=(0.0, 0.0), silhouettes=1.0, variation=0.0)
    soft = ShadowRange(blur=(0.05, 0.05), scattering=(0.0, 0.0), silhouettes=1.0, variation=0.0)

    def steepest(spec: ShadowRange) -> float:
        return float(cast_shadows(step, _random(3), spec=spec).diff(dim=-1).abs().max())

    assert steepest(sharp) > 3 * steepest(soft)


def test_perlin_is_smooth_and_centred() -> None:
    noise = perlin(64, 64, 4, _random())
    assert abs(noise.mean()) < 0.02 and 0.1 < noise.std() < 0.4
    assert noise.diff(dim=-1).abs().max() < 0.2
    on_grid = perlin(4, 256, 4, _random())[:, 0, ::64, ::64]
    assert on_grid.abs().max() < 0.02, "zero where the cells meet"


def test_silhouettes_are_masks_of_many_sizes() -> None:
    masks = silhouettes(60, 32, _random())
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert masks.mean((1, 2, 3)).std() > 0.1


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"got \(2, 1, 8, 8\)"):
        cast_shadows(torch.zeros(2, 1, 8, 8), _random())
    with pytest.raises(ValueError, match="with portrait"):
        cast_shadows(torch.zeros(2, 3, 8, 8), _random(), torch.zeros(1, 1, 8, 8))
