"""AFLW-19 is read from the .mat file that Zhu et al. released, here with random points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.parsed_faces import image, save
from scipy.io import savemat

from facekit.data.datasets import aflw_faces
from facekit.labels import LANDMARKS_19

FACES = 24386


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    """Arrays in the shapes of the release."""
    rng = np.random.default_rng(0)
    names = np.empty((FACES, 1), object)
    names[:, 0] = [f"{(0, 2, 3)[i % 3]}/image{i:05d}.png" for i in range(FACES)]
    left, top = rng.integers(1, 20, (2, FACES))
    return {
        "nameList": names,
        "bbox": np.stack([left, left + 30, top, top + 40], 1).astype(float),
        "data": rng.uniform(0, 60, (FACES, 38)),
        "mask_new": (rng.uniform(size=(FACES, 19)) < 0.95).astype(np.uint8),
        "ra": (rng.permutation(FACES) + 1)[None].astype(float),
    }


@pytest.fixture(scope="module")
def root(arrays: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("AFLW19")
    savemat(folder / "AFLWinfo_release.mat", arrays)
    order = arrays["ra"].ravel().astype(int) - 1
    for i in (order[0], order[20000]):
        save(folder / "data/flickr" / str(arrays["nameList"][i, 0]), image(int(i) % 7))
    (folder / "data/flickr/0").mkdir(exist_ok=True)
    return folder


def test_splits_follow_ra(arrays: dict[str, Any], root: Path) -> None:
    order = arrays["ra"].ravel().astype(int) - 1
    train, full, frontal = (aflw_faces(root, split) for split in ("train", "full", "frontal"))
    assert (len(train), len(full)) == (20000, 4386)
    assert [item[0] for item in train.items] == order[:20000].tolist()
    assert [item[0] for item in full.items] == order[20000:].tolist()
    visible = [int(i) for i in order[20000:] if arrays["mask_new"][i].sum() == 19]
    assert [item[0] for item in frontal.items] == visible and 0 < len(visible) < 4386


def test_points_boxes_and_groups(arrays: dict[str, Any], root: Path) -> None:
    for split, place in (("train", 0), ("full", 20000)):
        i = int(arrays["ra"].ravel()[place]) - 1
        face = aflw_faces(root, split)[0]
        assert face.labels is LANDMARKS_19 and face.name == f"{arrays['nameList'][i, 0]} {i}"
        # First all x, then all y.
        np.testing.assert_allclose(face.points[:, 0], arrays["data"][i, :19], rtol=1e-6)
        np.testing.assert_allclose(face.points[:, 1], arrays["data"][i, 19:], rtol=1e-6)
        left, right, top, bottom = arrays["bbox"][i]
        assert face.box == (left, top, right, bottom)
        assert face.groups == {"frontal": "yes" if arrays["mask_new"][i].all() else "no"}
        assert np.array_equal(face.image, image(i % 7))


def test_the_19_are_aflws_without_ears() -> None:
    # The pairs of HRNet's code for AFLW, from 0.
    pairs = [(0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)]
    flip = list(range(19))
    for a, b in pairs:
        flip[a], flip[b] = b, a
    assert LANDMARKS_19.flip == tuple(flip)


def test_aflw_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"AFLWinfo_release.mat does not exist, expected AFLW-19 \(.*data/flickr.*mmlab"
    ):
        aflw_faces(tmp_path)
    (tmp_path / "AFLWinfo_release.mat").write_bytes(b"no Matlab file")
    with pytest.raises(FileNotFoundError, match=r"data/flickr/0 does not exist, expected AFLW-19"):
        aflw_faces(tmp_path)
    with pytest.raises(ValueError, match="split of AFLW-19: expected one of train, full, frontal, got 'test'"):
        aflw_faces(tmp_path, "test")
    (tmp_path / "images/0").mkdir(parents=True)
    with pytest.raises(ValueError, match="AFLWinfo_release.mat: expected a Matlab file, got one that is not readable"):
        aflw_faces(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": np.zeros((3, 38))}, r"expected data of shape \(24386, 38\), got shape \(3, 38\)"),
        ({"mask_new": None}, r"expected mask_new of shape \(24386, 19\), got no such array"),
        ({"ra": np.zeros(FACES)}, "expected ra to contain 1 to 24386, got others"),
    ],
)
def test_aflw_says_which_array_is_wrong(
    arrays: dict[str, Any], tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    content = {name: array for name, array in {**arrays, **change}.items() if array is not None}
    savemat(tmp_path / "AFLWinfo_release.mat", content)
    (tmp_path / "0").mkdir()
    with pytest.raises(ValueError, match=f"AFLWinfo_release.mat: {message}; download the file again"):
        aflw_faces(tmp_path)


def test_an_image_that_is_not_there(root: Path) -> None:
    with pytest.raises(ValueError, match=r"image\d+.png"):
        aflw_faces(root, "full")[1]
