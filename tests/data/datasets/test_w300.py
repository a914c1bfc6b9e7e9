"""300-W is read by subsets, and its points count from 0 afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import image, lines, save, text_points

from facekit.data.datasets import w300_faces
from facekit.labels import LANDMARKS_68


def photo(root: Path, name: str, seed: int = 0) -> np.ndarray:
    """Write an image and its points as they are released; return the points of the file."""
    save(root / name, image(seed))
    points = text_points(68, seed)
    text = f"version: 1\nn_points:  68\n{{\n{lines(points)}}}\n"
    (root / name).with_suffix(".pts").write_text(text)
    return points


def tree(root: Path) -> Path:
    for seed, name in enumerate(
        [
            *("afw/1051618982_1.png", "helen/trainset/100032540_1.png", "helen/trainset/10405146_1.png"),
            *("lfpw/trainset/image_0001.png", "helen/testset/296814969_3.png", "lfpw/testset/image_0001.png"),
            *("lfpw/testset/image_0002.png", "ibug/image_092 _01.png", "300W/01_Indoor/indoor_001.png"),
            "300W/02_Outdoor/outdoor_001.png",
        ]
    ):
        photo(root, name, seed)
    return root


def test_splits_and_subsets(tmp_path: Path) -> None:
    root = tree(tmp_path)
    found = {split: [face.name for face in w300_faces(root, split)] for split in ("train", "common", "challenge")}
    assert found == {
        "train": [
            *("afw/1051618982_1.png", "helen_train/10405146_1.png", "helen_train/100032540_1.png"),
            "lfpw_train/image_0001.png",
        ],
        "common": ["helen_test/296814969_3.png", "lfpw_test/image_0001.png", "lfpw_test/image_0002.png"],
        "challenge": ["ibug/image_092 _01.png"],
    }
    full = [face.name for face in w300_faces(root, "full")]
    assert full == found["common"] + found["challenge"]
    assert [face.groups for face in w300_faces(root, "private")] == [{"subset": "indoor"}, {"subset": "outdoor"}]


def test_points_count_from_0(tmp_path: Path) -> None:
    root = tree(tmp_path)
    points = photo(root, "ibug/image_092 _01.png", 7)
    face = w300_faces(root, "challenge")[0]
    assert face.labels is LANDMARKS_68 and face.points.dtype == np.float32 and face.groups == {"subset": "ibug"}
    np.testing.assert_allclose(face.points, points - 1, atol=1e-4)
    assert np.array_equal(face.image, image(7)) and face.box is None


@pytest.mark.parametrize(
    "names", [("AFW", "Helen/Trainset", "LFPW/trainset"), ("afw", "helen_trainset", "LFPW_trainset")]
)
def test_other_spellings_and_mirrored_copies(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        photo(tmp_path, f"{name}/a.png")
        photo(tmp_path, f"{name}/a_mirror.png")
    assert [face.name for face in w300_faces(tmp_path)] == ["afw/a.png", "helen_train/a.png", "lfpw_train/a.png"]


def test_the_private_set_alone(tmp_path: Path) -> None:
    photo(tmp_path, "01_Indoor/indoor_001.png")
    photo(tmp_path, "02_Outdoor/outdoor_001.png")
    assert len(w300_faces(tmp_path, "private")) == 2


def test_w300_says_what_is_missing(tmp_path: Path) -> None:
    expected = r"helen/trainset, .*lfpw/trainset does not exist, expected 300-W \(afw, .*NAME.pts\).*ibug.doc.ic.ac.uk"
    photo(tmp_path, "afw/a.png")
    with pytest.raises(FileNotFoundError, match=expected):
        w300_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere/ibug does not exist, expected 300-W"):
        w300_faces(tmp_path / "nowhere", "challenge")
    with pytest.raises(ValueError, match="split of 300-W: expected one of train, common, .*private, got 'test'"):
        w300_faces(tmp_path, "test")


def test_w300_says_which_file_is_damaged(tmp_path: Path) -> None:
    save(tmp_path / "ibug/a.png", image())
    face = w300_faces(tmp_path, "challenge")
    with pytest.raises(FileNotFoundError, match=r"ibug/a.pts does not exist, expected a file of 68 points"):
        face[0]
    (tmp_path / "ibug/a.pts").write_text(lines(text_points(67)))
    with pytest.raises(ValueError, match=r"a.pts: expected 68 points x y in pixels, got points of shape \(67, 2\)"):
        face[0]
    (tmp_path / "ibug/a.pts").write_text(lines(text_points(67)) + "1x 2\n")
    with pytest.raises(ValueError, match=r"a.pts: expected 68 points"):
        face[0]
    (tmp_path / "ibug/a.pts").write_text(lines(text_points(67)) + "nan 2\n")
    with pytest.raises(ValueError, match=r"a.pts: expected 68 points x y in pixels, got NaN or inf"):
        face[0]


def crops(root: Path) -> np.ndarray:
    points = np.stack([text_points(68, seed) for seed in range(3)])
    rows = ["file,subset," + ",".join(f"x{i},y{i}" for i in range(68))]
    for name, face in zip(("afw_a", "lfpw_train_a", "lfpw_test_a"), points, strict=True):
        save(root / f"images/{name}.png", image())
        rows.append(",".join([f"{name}.png", name.removesuffix("_a"), *map(str, face.ravel())]))
    (root / "index.csv").write_text("\n".join(rows) + "\n")
    return points


def test_the_shared_crops(tmp_path: Path) -> None:
    points = crops(tmp_path)
    train, common = w300_faces(tmp_path), w300_faces(tmp_path, "common")
    assert [(face.name, face.groups["subset"]) for face in train] == [
        ("afw_a.png", "afw"),
        ("lfpw_train_a.png", "lfpw_train"),
    ]
    assert [face.groups["subset"] for face in common] == ["lfpw_test"]
    np.testing.assert_allclose(common[0].points, points[2], atol=1e-4)
    with pytest.raises(ValueError, match="the crops of 300-W .*: expected one of train, common, got 'full'"):
        w300_faces(tmp_path, "full")


def test_the_real_crops(data: Path) -> None:
    train, common = w300_faces(data / "300w"), w300_faces(data / "300w", "common")
    assert (len(train), len(common)) == (805 + 870 + 337, 224)
    face = common[0]
    assert face.groups == {"subset": "lfpw_test"} and face.image.shape == (256, 256, 3)
    assert ((face.points > 0) & (face.points < 255)).all()
