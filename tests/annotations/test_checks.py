"""Good labels of every kind are returned in one form, and unusual but usable labels cause a warning."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facekit.annotations.checks import check_attributes, check_landmarks, check_targets
from facekit.annotations.mask_checks import check_masks

SIZES = [(20, 30), (40, 30)]
POINTS = np.array([[[1.5, 2], [29, 19], [np.nan, np.nan]], [[-5, 45], [3, 4], [10, 10]]])


@pytest.fixture(autouse=True)
def _no_stray_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize(
    "labels",
    [
        POINTS,
        POINTS.astype(np.float32),
        POINTS.tolist(),
        list(POINTS),
        torch.from_numpy(POINTS),
        [torch.from_numpy(face).requires_grad_() for face in POINTS],
        (face.tolist() for face in POINTS),
        [[torch.from_numpy(point) for point in face] for face in POINTS],
    ],
    ids=["numpy", "float32", "lists", "list of numpy", "torch", "list of torch", "generator", "points of torch"],
)
def test_landmarks_of_every_kind(labels: object) -> None:
    points = check_landmarks(labels, SIZES, ["a.png", "b.png"], k=3)
    assert points.dtype == np.float32 and points.shape == (2, 3, 2)
    np.testing.assert_array_equal(points, POINTS.astype(np.float32))


@pytest.mark.parametrize("bare", [np.array([[3, 4], [5, 6]]), [[3, 4], [5, 6]], torch.tensor([[3, 4], [5, 6]])])
def test_one_face_needs_no_list(bare: object) -> None:
    for labels in (bare, [bare]):
        assert check_landmarks(labels, [(8, 8)]).tolist() == [[[3, 4], [5, 6]]]
    assert check_landmarks([[3, 4]], [(8, 8)], k=1).tolist() == [[[3, 4]]]


def test_landmarks_may_lie_a_image_outside() -> None:
    edge = [[[-30.0, -20], [60, 40]]]
    assert check_landmarks(edge, SIZES[:1]).tolist() == edge


def test_a_face_without_points_passes_beside_one_with() -> None:
    labels = np.stack([np.full((3, 2), np.nan), POINTS[1]])
    assert np.isnan(check_landmarks(labels, SIZES)[0]).all()


def test_normalised_landmarks_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="multiply x by the width"):
        check_landmarks([[[0.2, 0.3], [0.5, 1.0]]], SIZES[:1])


IDS = np.array([[0, 1, 2], [2, 255, 1]])


def write_masks(folder: Path) -> list[Path]:
    """The same ids as palette, grey and 16-bit PNG."""
    paletted = Image.fromarray(IDS.astype(np.uint8)).convert("P")
    paletted.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255] + [7] * 759)
    paletted.save(folder / "2_mask.png")
    Image.fromarray(IDS.astype(np.uint8)).save(folder / "10_mask.png")
    Image.fromarray(IDS.astype(np.uint16)).save(folder / "11_mask.png")
    return [folder / "2_mask.png", folder / "10_mask.png", folder / "11_mask.png"]


def test_masks_from_files_and_folder(tmp_path: Path) -> None:
    paths = write_masks(tmp_path)
    names = ["2.jpg", "10.jpg", "11.jpg"]
    for labels in (paths, [str(path) for path in paths], tmp_path, str(tmp_path)):
        for mask in check_masks(labels, [(2, 3)] * 3, 3, names=names):
            assert mask.dtype == np.uint8
            np.testing.assert_array_equal(mask, IDS)
    np.testing.assert_array_equal(check_masks(paths[0], [(2, 3)], 3)[0], IDS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint64, ">i4"])
def test_masks_of_every_integer_type(dtype: object) -> None:
    ids = IDS.astype(dtype)
    for labels in (ids, ids[None], [ids], ids.tolist(), [ids.tolist()], Image.fromarray(IDS.astype(np.uint8))):
        masks = check_masks(labels, [(2, 3)], 3)
        assert len(masks) == 1 and masks[0].dtype == np.uint8
        np.testing.assert_array_equal(masks[0], IDS)


def test_masks_of_torch_and_bool() -> None:
    for labels in (torch.from_numpy(IDS), torch.from_numpy(IDS)[None], [torch.from_numpy(IDS).to(torch.uint8)]):
        np.testing.assert_array_equal(check_masks(labels, [(2, 3)], 3)[0], IDS)
    half = IDS == 1
    for two in (half, torch.from_numpy(half), Image.fromarray(half)):
        np.testing.assert_array_equal(check_masks(two, [(2, 3)], 2)[0], half)


def test_masks_may_differ_in_size_and_keep_the_users_array() -> None:
    own = np.ones((4, 4), np.uint8)
    masks = check_masks([own, np.zeros((2, 5), int)], [(4, 4), (2, 5)], None)
    assert [mask.shape for mask in masks] == [(4, 4), (2, 5)] and not np.shares_memory(masks[0], own)


@pytest.mark.parametrize("ignore", [-1, -100, 7])
def test_another_ignore_value_becomes_255(ignore: int) -> None:
    ids = np.array([[0, ignore, 2]])
    assert check_masks(ids, [(1, 3)], 3, ignore=ignore)[0].tolist() == [[0, 255, 2]]


def test_an_ignored_mask_is_warned_about() -> None:
    with pytest.warns(UserWarning, match=r"1 of 2 masks have every pixel ignored: mask 1 \(b\.png\)"):
        check_masks([np.eye(2, dtype=int), np.full((2, 2), 255)], [(2, 2)] * 2, 2, names=["a.png", "b.png"])


def test_only_background_passes_as_it_may_be_right() -> None:
    assert not check_masks(np.zeros((2, 2), int), [(2, 2)], 5)[0].any()


def test_targets(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "face1.png")
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    one = [(5, 7)]
    for labels in (image, [image], image[None], tensor, tensor[None], tmp_path, tmp_path / "face1.png"):
        targets = check_targets(labels, one, ["face1.jpg"])
        assert len(targets) == 1
        np.testing.assert_array_equal(targets[0], image)
    grey = check_targets([image[..., 0]], one)
    assert grey[0].shape == (5, 7, 3)


def test_attributes() -> None:
    values = np.array([[0, 1, np.nan], [1, 1, 0]])
    for labels in (values, values.tolist(), torch.from_numpy(values), list(torch.from_numpy(values))):
        out = check_attributes(labels, 2, attributes=["smile", "hat", "beard"])
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, values)
    assert check_attributes([True, False], 1).tolist() == [[1, 0]]
    assert check_attributes(np.array([[True], [False]]), 2).tolist() == [[1], [0]]
    unknown = check_attributes([[0, np.nan], [1, np.nan]], 2, attributes=["smile", "hat"])
    assert np.isnan(unknown[:, 1]).all()
