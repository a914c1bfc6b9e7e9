"""Affine crops, warps and pastes map every pixel centre to its place and back."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from helpers.pasted_images import pasted

from facekit.alignment import roll_of_points
from facekit.geometry import affine as g
from facekit.geometry import crop as crop_module
from facekit.geometry.affine_crop import AffineCrop
from facekit.labels import LANDMARKS_5, LANDMARKS_44, LANDMARKS_68

# (name, crop) for a 120x160 image: shrinking, enlarging, turning, and shapes that are not square.
CROPS = [
    ("same", AffineCrop(np.eye(3), (120, 160))),
    ("shrink by 4", AffineCrop(g.crop_matrix((-0.5, -0.5, 159.5, 119.5), (30, 40)), (30, 40))),
    ("enlarge by 3", AffineCrop(g.crop_matrix((50, 40, 110, 90), (150, 180)), (150, 180))),
    ("turn 30", AffineCrop(g.crop_matrix((30, 10, 130, 110), 100, roll=30), 100)),
    ("turn -75, shrink by 2.3", AffineCrop(g.crop_matrix((20, 0, 140, 120), 52, roll=-75), 52)),
    ("turn 10, enlarge by 2.7", AffineCrop(g.crop_matrix((60, 40, 100, 80), 108, roll=10), 108)),
    ("letterbox", AffineCrop(g.fit_matrix((120, 160), 64), 64)),
    ("stretch", AffineCrop(g.crop_matrix((10, 10, 150, 110), (64, 200)), (64, 200))),
]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def smooth_image(rng: np.random.Generator, h: int = 120, w: int = 160) -> np.ndarray:
    import cv2

    noise = cv2.GaussianBlur(rng.random((h, w, 3)).astype(np.float32), (0, 0), 4)
    noise = (noise - noise.min()) / np.ptp(noise)
    return (noise * 255).astype(np.uint8)


def centroid(image: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(image * xs).sum(), (image * ys).sum()], np.float64) / image.sum(dtype=np.float64)


@pytest.mark.parametrize(("name", "crop"), CROPS, ids=[c[0] for c in CROPS])
def test_points_go_there_and_back(name: str, crop: AffineCrop, rng: np.random.Generator) -> None:
    points = rng.uniform(-50, 4000, (100, 2)).astype(np.float32)
    points[3] = np.nan
    there = crop.points(points.astype(np.float64))
    back = crop.points_back(there)
    assert np.nanmax(np.abs(back - points)) < 1e-4
    assert np.isnan(back[3]).all() and np.isfinite(np.delete(back, 3, 0)).all()
    assert crop.points(points).dtype == crop.points_back(points).dtype == np.float32


@pytest.mark.parametrize(("name", "crop"), [c for c in CROPS if c[0][:4] in ("same", "enla")])
def test_one_pixel_lands_where_its_point_does(name: str, crop: AffineCrop) -> None:
    image = np.zeros((120, 160), np.float32)
    image[67, 92] = 1000.0
    assert np.abs(centroid(crop.image(image)) - crop.points([92, 67])).max() < 0.05


@pytest.mark.parametrize(("name", "crop"), CROPS, ids=[c[0] for c in CROPS])
def test_a_soft_dot_lands_where_its_point_does(name: str, crop: AffineCrop) -> None:
    ys, xs = np.mgrid[:120, :160]
    for x, y in [(80, 60), (73, 55), (86, 65)]:
        image = (255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 2.2**2))).astype(np.float32)
        out = crop.image(image, border="constant")
        assert np.abs(centroid(out) - crop.points([x, y])).max() < 0.05


def test_shrinking_averages_instead_of_picking() -> None:
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    out = AffineCrop(g.crop_matrix((-0.5, -0.5, 127.5, 127.5), 16), 16).image(stripes)
    assert abs(float(out.mean()) - 127.5) < 2 and np.ptp(out) <= 2
    turned = AffineCrop(g.crop_matrix((20, 20, 100, 100), 16, roll=17), 16).image(stripes)
    assert turned.std() < 12


def test_identity_warp_changes_nothing(rng: np.random.Generator) -> None:
    image, crop = rng.integers(0, 256, (31, 47, 3), dtype=np.uint8), AffineCrop(np.eye(3), (31, 47))
    assert np.array_equal(crop.image(image), image)
    mask = rng.integers(0, 20, (31, 47), dtype=np.uint8)
    assert np.array_equal(crop.mask(mask), mask)
    assert np.array_equal(crop.paste_mask(mask, (31, 47)), mask)


def test_crop_of_a_whole_box_is_the_slice(rng: np.random.Generator) -> None:
    image = rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)
    crop = AffineCrop(g.crop_matrix((9.5, 19.5, 29.5, 49.5), (30, 20)), (30, 20))
    assert np.array_equal(crop.image(image), image[20:50, 10:30])


def test_cutting_first_gives_the_same_as_warping_the_whole_image(rng: np.random.Generator) -> None:
    import cv2

    image = smooth_image(rng)
    boxes = [(-40, -30, 60, 70), (100, 60, 190, 150), (-400, -400, 500, 500), (300, 300, 340, 340), (60, 50, 90, 80)]
    for box in boxes:
        matrix = g.crop_matrix(box, 100, roll=20)
        whole = cv2.warpAffine(image, matrix[:2], (100, 100), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        if math.sqrt(np.linalg.det(matrix)) >= 0.8:
            ours = AffineCrop(matrix, 100).image(image).astype(int)
            assert np.abs(ours - whole).mean() < 0.5, box
            assert np.abs(ours - whole).max() < 12, box
        assert AffineCrop(matrix, 100).image(image).shape == (100, 100, 3)


def test_borders(rng: np.random.Generator) -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    crop = AffineCrop(g.crop_matrix((-10.5, -10.5, 29.5, 29.5), 40), 40)
    assert (crop.image(image, border="constant", fill=7)[:9] == 7).all()
    assert (crop.image(image, border="reflect") == 200).all()
    assert (crop.image(image, border="replicate") == 200).all()
    mask = np.ones((20, 20), np.uint8)
    warped = crop.mask(mask)
    assert (warped[:10] == 255).all() and (warped[10:30, 10:30] == 1).all() and (warped == 1).sum() == 400
    with pytest.raises(ValueError, match="border: expected one of 'reflect'"):
        crop.image(image, border="mirror")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="interpolation: expected one of 'linear'"):
        crop.image(image, interpolation="spline")  # type: ignore[arg-type]


def test_many_channels_go_through_whole(rng: np.random.Generator) -> None:
    planes = rng.random((40, 40, 11)).astype(np.float32)
    crop = AffineCrop(g.crop_matrix((5, 5, 30, 30), 60, roll=12), 60)
    out = crop.image(planes)
    assert out.shape == (60, 60, 11)
    for i in range(11):
        assert np.allclose(out[..., i], crop.image(np.ascontiguousarray(planes[..., i])), atol=1e-5)
    assert AffineCrop(crop.matrix, 20).image(planes[..., :1]).shape == (20, 20, 1)


@pytest.mark.parametrize("roll", [0.0, 25.0, -60.0])
@pytest.mark.parametrize("size", [50, 200, 400])
def test_masks_go_there_and_back(roll: float, size: int) -> None:
    ys, xs = np.mgrid[:150, :200]
    mask = ((xs - 90) ** 2 + (ys - 70) ** 2 < 30**2).astype(np.uint8) + (xs > 100)
    crop = AffineCrop(g.crop_matrix((40, 20, 140, 120), size, roll), size)
    small = crop.mask(mask)
    back = crop.paste_mask(small, mask.shape, fill=99)
    inside = back != 99
    assert abs(int(inside.sum()) - 100 * 100) < 250
    # Only outlines may move, by half a crop pixel.
    assert (back[inside] != mask[inside]).mean() < (0.001 if size >= 200 and roll == 0 else 0.05)
    logits = (small[None] == np.arange(4)[:, None, None]).astype(np.float32)
    smooth = crop.paste_scores(logits, mask.shape, fill=99)
    assert np.array_equal(smooth != 99, inside)
    assert (smooth[inside] != mask[inside]).mean() < 0.03
    assert (smooth[inside] != mask[inside]).mean() <= (back[inside] != mask[inside]).mean() + 0.01


def test_paste_scores_in_strips_is_the_same(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    logits = rng.random((5, 32, 32)).astype(np.float32)
    crop = AffineCrop(g.crop_matrix((10, 10, 90, 70), 32, roll=15), 32)
    whole = crop.paste_scores(logits, (100, 120))
    monkeypatch.setattr(crop_module, "_STRIP_VALUES", 4000)
    assert (crop.paste_scores(logits, (100, 120)) != whole).mean() < 0.002


def test_pasting_outside_the_image_changes_nothing() -> None:
    crop = AffineCrop(g.crop_matrix((500, 500, 600, 600), 32), 32)
    assert (crop.paste_mask(np.ones((32, 32), np.uint8), (100, 100)) == 0).all()
    assert (crop.paste_scores(np.ones((2, 32, 32), np.float32), (100, 100), fill=3) == 3).all()
    image = np.full((100, 100, 3), 50, np.uint8)
    pixels, region = crop.paste_pixels(np.zeros((32, 32, 3), np.uint8), image)
    assert not pixels.size and not image[region].size


def test_image_goes_there_and_back(rng: np.random.Generator) -> None:
    image = smooth_image(rng)
    crop = AffineCrop(g.crop_matrix((30, 10, 110, 100), (180, 160), roll=20), (180, 160))
    back = pasted(crop, crop.image(image), image)
    assert np.abs(back.astype(int) - image).max() <= 6
    black = pasted(crop, np.zeros((180, 160, 3), np.uint8), image, feather=20)
    centre = crop.points_back([79.5, 89.5]).round().astype(int)
    assert black[centre[1], centre[0]].max() == 0
    assert np.array_equal(black[:, :10], image[:, :10]) and np.array_equal(black[:, -10:], image[:, -10:])
    values = np.unique(black[60])
    assert len(values) > 20  # fades, no hard edge
    assert np.array_equal(image, smooth_image(np.random.default_rng(0)))  # the given image is untouched


def test_roll_sign_is_clockwise_in_the_image() -> None:
    # Eyes of a face rolled clockwise by 30 degrees: the right one is lower in the image.
    points = np.zeros((5, 2))
    points[0], points[1] = (0, 0), (math.cos(math.radians(30)), math.sin(math.radians(30)))
    assert roll_of_points(points, LANDMARKS_5) == pytest.approx(30)
    matrix = g.crop_matrix((-2, -2, 2, 2), 64, roll=30)
    upright = g.transform_points(points[:2], matrix)
    assert upright[0, 1] == pytest.approx(upright[1, 1]) and upright[0, 0] < upright[1, 0]
    with pytest.raises(ValueError, match="expected labelled eyes"):
        roll_of_points(np.zeros((44, 2)), LANDMARKS_44)
    with pytest.raises(ValueError, match="expected labelled eyes"):
        roll_of_points(np.full((68, 2), np.nan), LANDMARKS_68)


def test_similarity_recovers_what_made_the_points(rng: np.random.Generator) -> None:
    source = rng.uniform(0, 200, (12, 2))
    made = g.crop_matrix((30, 40, 130, 140), 77, roll=-33)
    target = g.transform_points(source, made)
    source[4], target[7] = np.nan, np.nan
    found = g.similarity_from_points(source, target)
    assert np.allclose(found, made, atol=1e-9)
    noisy = g.similarity_from_points(source, target + rng.normal(0, 0.5, target.shape))
    assert np.allclose(noisy[:2, :2], made[:2, :2], atol=0.02)
    with pytest.raises(ValueError, match="1 of 12"):  # noqa: PT012
        source[1:] = np.nan
        g.similarity_from_points(source, target)
    with pytest.raises(ValueError, match="coincide"):
        g.similarity_from_points([[1, 1], [1, 1]], [[1, 2], [3, 4]])
    with pytest.raises(ValueError, match=r"expected two arrays of points \(K, 2\)"):
        g.similarity_from_points([[1, 1]], [[1, 2], [3, 4]])


def test_bad_input_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="x0 < x1"):
        g.crop_matrix((5, 5, 5, 9), 10)
    with pytest.raises(ValueError, match="finite"):
        g.crop_matrix((5, 5, np.nan, 9), 10)
    with pytest.raises(ValueError, match="singular"):
        g.invert(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="at least 1"):
        g.crop_matrix((0, 0, 5, 5), 0)
    with pytest.raises(ValueError, match="at least 2 different"):
        g.box_of_points(np.full((5, 2), np.nan))


def test_wrong_crops_are_named() -> None:
    crop = AffineCrop(g.crop_matrix((5, 5, 30, 30), 60), 60)
    with pytest.raises(ValueError, match=r"expected values of the crop's size \(60, 60\), got \(60, 61\)"):
        crop.paste_mask(np.zeros((60, 61), np.uint8), (100, 100))
    with pytest.raises(ValueError, match=r"expected a matrix \(3, 3\), got shape \(2, 3\)"):
        AffineCrop(crop.matrix[:2], 60)


def test_letterbox_keeps_everything_and_the_shape() -> None:
    matrix = g.fit_matrix((120, 160), (64, 128))
    corners = g.transform_points([[-0.5, -0.5], [159.5, 119.5]], matrix)
    assert corners.min() >= -0.5 - 1e-9
    assert np.allclose(corners[1] - corners[0], np.array([160, 120]) * 64 / 120)
    assert corners[1, 1] == pytest.approx(63.5) and corners.mean(0)[0] == pytest.approx(63.5)


def test_box_of_points_turns_with_the_face(rng: np.random.Generator) -> None:
    points = rng.uniform(-30, 30, (68, 2)) * (1, 1.3) + 100
    upright = g.box_of_points(points)
    assert upright[2] - upright[0] == pytest.approx(upright[3] - upright[1])
    turn = g.invert(g.crop_matrix((0, 0, 200, 200), 200, roll=40))
    rolled = g.box_of_points(g.transform_points(points, turn), roll=40)
    seen = g.transform_points(points, g.crop_matrix(upright, 256))
    seen_rolled = g.transform_points(g.transform_points(points, turn), g.crop_matrix(rolled, 256, roll=40))
    assert np.allclose(seen, seen_rolled, atol=1e-6)


def test_box_of_points_is_the_300w_square(data: Path) -> None:
    with (data / "300w" / "index.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    points = np.array([[float(v) for v in row[2:]] for row in rows]).reshape(len(rows), 68, 2)
    boxes = np.array([g.box_of_points(p) for p in points])
    sides = boxes[:, 2] - boxes[:, 0]
    assert np.abs(sides - 256).max() < 0.01
    # The crops' own square sits half a source pixel up and left of this one; faces differ in how much that is here.
    offset = boxes - np.array([-0.5, -0.5, 255.5, 255.5])
    assert np.abs(offset[:, :2] - offset[:, 2:]).max() < 0.02
    assert offset.min() >= 0 and offset.max() < 1.2 and offset.mean() < 0.5
