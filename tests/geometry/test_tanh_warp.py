"""The tanh-warp gives the reference's numbers and can be inverted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.parity import pieces
from helpers.pasted_images import pasted

from facekit.alignment import point_frame
from facekit.geometry import affine as g
from facekit.geometry import crop as crop_module
from facekit.geometry.affine_crop import AffineCrop
from facekit.geometry.crop import Crop
from facekit.geometry.tanh_crop import TanhCrop
from facekit.geometry.tanh_warp import ALPHA, MEAN_FACE, reach, tanh_alpha, tanh_inverse
from facekit.labels import LANDMARKS_5

ALPHAS = (0.2, 0.8, 1.0)
HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # from our pixels to facer's, which count from the edge


@pytest.fixture(scope="module")
def numbers(references: Path) -> dict[str, Any]:
    return torch.load(references / "tanh_warp.pt", weights_only=True)


def smooth(h: int, w: int, sigma: float = 4) -> np.ndarray:
    import cv2

    noise = cv2.GaussianBlur(np.random.default_rng(0).random((h, w, 3)).astype(np.float32), (0, 0), sigma)
    return (255 * (noise - noise.min()) / np.ptp(noise)).astype(np.uint8)


def face_crop(side: int, alpha: float = ALPHA, roll: float = 12.0, width: float = 60.0) -> TanhCrop:
    """Of a face of that width in the middle of an image of 160 x 120 px."""
    box = (80 - width / 2, 60 - width / 2, 80 + width / 2, 60 + width / 2)
    return TanhCrop(g.crop_matrix(box, side, roll), side, alpha)


def test_matrices_are_the_references(numbers: dict[str, Any]) -> None:
    standard = (MEAN_FACE + 0.5) / 256 - 1
    assert np.allclose(standard, numbers["std_pts"], atol=1e-6)
    for scale in ("1.0", "0.8"):
        target = (standard * float(scale) + 1) * 447 / 2  # a crop of 448 px, from the first pixel to the last
        for points, theirs in zip(numbers["points"], numbers[f"facer_matrix_{scale}"], strict=True):
            assert np.allclose(g.similarity_from_points(points, target), theirs, rtol=1e-4, atol=1e-4)
        align = {"1.0": "mean", "0.8": "mean-wide"}[scale]
        for points, theirs in zip(numbers["points"].double().numpy(), numbers[f"facer_matrix_{scale}"], strict=True):
            frame = point_frame(points - 0.5, LANDMARKS_5, align)
            assert frame is not None and frame.alpha is None
            ours = g.transform_points(points - 0.5, frame.plain((1, 1), 448)) + 0.5
            # facer's middle is that of the first and the last pixel's numbers, half a pixel from ours.
            assert np.allclose(ours, g.transform_points(points, theirs.double().numpy()), atol=0.75)
    assert np.allclose(g.crop_matrix(numbers["box"][0], 512), numbers["blueprint_crop_512"][0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("alpha", ["0.0", *map(str, ALPHAS)])
def test_grids_and_points_are_the_references(alpha: str, numbers: dict[str, Any]) -> None:
    h, w, height, width = 56, 48, 100, 120
    to_square = g.crop_matrix((-0.5, -0.5, w - 0.5, h - 0.5), h)  # ours are square; normalised coordinates do not care
    for i, theirs in enumerate(numbers["matrix_56x48"].double().numpy()):
        matrix = to_square @ np.linalg.inv(HALF) @ theirs @ HALF
        crop: Crop = AffineCrop(matrix, h) if alpha == "0.0" else TanhCrop(matrix, h, float(alpha))

        def check(ours: np.ndarray, name: str, i: int = i) -> None:
            mine, theirs = pieces(ours, numbers[f"{name}_{alpha}"][i])
            np.testing.assert_allclose(mine, theirs, 1e-4, 1e-4)

        warped = g.transform_points(np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).astype(float), to_square)
        sources = crop.points_back(warped)
        check((sources + 0.5) / [width, height] * 2 - 1, "facer_grid")
        there = crop.points(np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(float))
        check((there + 0.5) / h * 2 - 1, "facer_inv_grid")
        points = numbers["points"][i].double().numpy()
        moved = crop.points(points - 0.5)
        check(g.transform_points(moved, g.invert(to_square)) + 0.5, "facer_pts_fwd")
        check(crop.points_back(moved) + 0.5, "facer_pts_inv")


@pytest.mark.parametrize("alpha", ALPHAS)
def test_tanh_alpha_and_back(alpha: float) -> None:
    x = np.linspace(-4, 4, 4001)
    y = tanh_alpha(x, alpha)
    middle = np.abs(x) <= 1 - alpha
    assert np.array_equal(y[middle], x[middle]) and np.abs(y).max() < 1
    assert np.allclose(y, -y[::-1]) and (np.diff(y) >= 0).all() and np.abs(np.diff(y, 2)).max() < 2e-5 / alpha
    by_hand = alpha * np.tanh((2.0 - 1 + alpha) / alpha) + 1 - alpha
    assert tanh_alpha(np.array([2.0]), alpha)[0] == pytest.approx(by_hand)
    seen = np.abs(x) < reach(alpha)
    assert np.allclose(tanh_inverse(y, alpha)[seen], x[seen], atol=1e-6)
    assert np.allclose(np.abs(tanh_inverse(y, alpha)[~seen]), reach(alpha), atol=1e-6)
    tensor = torch.from_numpy(x).requires_grad_()
    bent = tanh_alpha(tensor, alpha)
    assert np.allclose(bent.detach(), y) and np.allclose(tanh_inverse(bent, alpha).detach(), tanh_inverse(y, alpha))
    bent.sum().backward()
    assert tensor.grad is not None and (tensor.grad >= 0).all() and tensor.grad.isfinite().all()


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.01, float("nan")])
def test_wrong_alphas_are_named(alpha: float) -> None:
    for function in (tanh_alpha, tanh_inverse):
        with pytest.raises(ValueError, match=r"alpha=.* in \(0, 1\]"):
            function(np.zeros(2), alpha)
    with pytest.raises(ValueError, match=r"alpha=.* in \(0, 1\]"):
        TanhCrop(np.eye(3), 8, alpha)


def test_wrong_crops_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected a matrix \(3, 3\)"):
        TanhCrop(np.eye(2), 8)
    with pytest.raises(ValueError, match=r"expected values of the crop's size \(64, 64\), got \(65, 65\)"):
        face_crop(64).paste(np.zeros((65, 65), np.float32), (120, 160))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_points_go_there_and_back(alpha: float) -> None:
    crop = face_crop(96, alpha)
    edge = reach(alpha) * 48 - 1
    plain = np.random.default_rng(0).uniform(47.5 - edge, 47.5 + edge, (200, 2))
    points = g.transform_points(plain, g.invert(crop.matrix)).astype(np.float32)
    points[7] = np.nan
    there = crop.points(points.astype(np.float64))
    assert np.nanmin(there) > -0.5 and np.nanmax(there) < 95.5
    back = crop.points_back(there)
    assert np.nanmax(np.abs(back - points)) < 1e-4 and np.isnan(back[7]).all()
    assert crop.points(points).dtype == crop.points_back(points).dtype == np.float32


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("side", [64, 400])
def test_dots_land_where_their_points_do(side: int, alpha: float) -> None:
    crop = face_crop(side, alpha)
    ys, xs = np.mgrid[:120, :160]
    rows, columns = np.mgrid[:side, :side]
    for x, y in [(80, 60), (70, 75), (100, 45)]:
        dot = (1000 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 8)).astype(np.float32)
        out = crop.image(dot, border="constant")
        centre = np.array([(out * columns).sum(), (out * rows).sum()], np.float64) / out.sum(dtype=np.float64)
        # What is squeezed weighs less: by how much longer it is in the plain crop.
        pixels = np.stack([xs, ys], -1).astype(float)
        plain = g.transform_points(pixels, crop.matrix)
        weights = dot * np.prod(crop.warp(plain + 0.01) - crop.warp(plain - 0.01), -1)
        wanted = (crop.points(pixels) * weights[..., None]).sum((0, 1)) / weights.sum()
        assert np.abs(centre - wanted).max() < 0.08
        assert np.abs(wanted - crop.points([x, y])).max() < side / 200


def test_the_middle_is_the_plain_crop() -> None:
    image, crop = smooth(120, 160), face_crop(100, 0.5)
    out, plain = crop.image(image), AffineCrop(crop.matrix, 100).image(image)
    assert np.abs(out[26:74, 26:74].astype(int) - plain[26:74, 26:74]).max() <= 1
    nearest = crop.image(image, interpolation="nearest")
    assert set(np.unique(nearest)) <= set(np.unique(image))
    assert np.abs(nearest.astype(int) - out).mean() < 4
    with pytest.raises(ValueError, match="border: expected one of 'reflect'"):
        crop.image(image, border="mirror")  # type: ignore[arg-type]


def test_what_is_squeezed_is_averaged() -> None:
    stripes = np.zeros((600, 600), np.uint8)
    stripes[:, ::2] = 255
    out = TanhCrop(g.crop_matrix((249.5, 249.5, 349.5, 349.5), 100), 100).image(stripes)
    grey = np.abs(out[:, :12].astype(int) - 127)
    assert grey.max() < 80 and grey.mean() < 25, "single stripes would be 0 or 255"


def test_a_mirrored_image_gives_the_mirrored_crop() -> None:
    image = smooth(121, 121)
    crop = TanhCrop(g.crop_matrix((30, 20, 90, 80), 64), 64)
    there, mirrored = crop.image(image), crop.image(image[:, ::-1])
    assert np.abs(there[:, ::-1].astype(int) - mirrored).max() <= 2


@pytest.mark.parametrize("side", [32, 120, 400])
def test_images_go_there_and_back(side: int) -> None:
    image, crop = smooth(120, 160, 12), face_crop(side, roll=12 if side < 400 else 0, width=60 if side < 400 else 40)
    back = pasted(crop, crop.image(image), image)
    error = np.abs(back.astype(int) - image).max(-1)
    # In the middle nothing is lost but what the crop's pixels cannot hold; further out it grows soft.
    assert error[45:75, 65:95].max() <= (8 if side >= 120 else 40)
    assert error.mean() < (7 if side >= 120 else 15)
    black = pasted(crop, np.zeros((side, side, 3), np.uint8), image, feather=side / 10)
    assert black[60, 80].max() == 0 and len(np.unique(black)) > 20
    plain = g.transform_points(np.stack(np.meshgrid(np.arange(160), np.arange(120)), -1).astype(float), crop.matrix)
    inside = np.abs(plain - (side - 1) / 2).max(-1) < reach(ALPHA) * side / 2
    assert inside.all() == (side < 400) and np.array_equal(black[~inside], image[~inside])
    values, where = crop.paste(np.ones((side, side), np.float32), (120, 160), border="constant")
    assert np.abs(values - inside[where]).mean() < 0.02


@pytest.mark.parametrize("side", [120, 400])
@pytest.mark.parametrize("roll", [0.0, 25.0])
def test_masks_go_there_and_back(side: int, roll: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ys, xs = np.mgrid[:120, :160]
    mask = ((xs - 90) ** 2 + (ys - 70) ** 2 < 30**2).astype(np.uint8) + (xs > 100)
    crop = face_crop(side, roll=roll)
    warped = crop.mask(mask)
    assert (warped == 255).any(), "beyond the image there is no label"
    assert set(np.unique(warped)) == {0, 1, 2, 255}
    back = crop.paste_mask(warped, mask.shape, fill=99)
    labelled = (back != 99) & (back != 255)
    assert labelled.mean() > 0.9 and (back[labelled] != mask[labelled]).mean() < 0.06
    assert (back[40:80, 60:100] != mask[40:80, 60:100]).mean() < 0.03
    logits = (warped[None] == np.arange(4)[:, None, None]).astype(np.float32)
    smoothly = crop.paste_scores(logits, mask.shape, fill=99)
    assert np.array_equal(smoothly == 99, back == 99)
    assert (smoothly[labelled] != mask[labelled]).mean() < 0.06
    monkeypatch.setattr(crop_module, "_STRIP_VALUES", 4000)
    assert (crop.paste_scores(logits, mask.shape, fill=99) != smoothly).mean() < 0.002


def test_logits_of_a_small_face_are_averaged_not_picked() -> None:
    crop = face_crop(240, width=20)
    checks = np.indices((240, 240)).sum(0) % 2
    logits = np.stack([checks, 1 - checks, np.full_like(checks, 0.2)]).astype(np.float32)
    logits[0, ::3] += 1
    pasted = crop.paste_scores(logits, (120, 160))
    assert (pasted[55:65, 75:85] == 0).all()


def test_pasting_outside_the_image_changes_nothing() -> None:
    crop = TanhCrop(g.crop_matrix((900, 900, 950, 950), 32), 32)
    assert (crop.paste_mask(np.ones((32, 32), np.uint8), (100, 100)) == 0).all()
    assert (crop.paste_scores(np.ones((2, 32, 32), np.float32), (100, 100), fill=3) == 3).all()
