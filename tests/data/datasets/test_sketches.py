"""CUFS and FS2K: photos with their sketches, official splits and FS2K's attributes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.parsed_faces import save

from facekit.data.datasets import ImagePair, cufs_faces, fs2k_faces
from facekit.images.reader import load_image

# Photo and sketch, as the CUHK students are distributed.
TRAIN = {"f-005-01.jpg": "F2-005-01-sz1.jpg", "m-021-01.jpg": "M2-021-01-sz1.jpg"}
TEST = {"f-039-01.jpg": "f-039-01-sz1.jpg", "f1-001-01.jpg": "f1-001-01-sz1.jpg", "m1-001-01.jpg": "m1-001-01-sz1.jpg"}


def flat(value: int) -> np.ndarray:
    """An image of one grey value, which JPEG keeps."""
    return np.full((25, 20, 3), value, np.uint8)


def greys(pairs: Any) -> list[tuple[str, int, int]]:
    return [(pair.name, int(pair.image[0, 0, 0]), int(pair.target[0, 0, 0])) for pair in pairs]


def write_pairs(photos: Path, sketches: Path, pairs: dict[str, str], first: int = 10) -> None:
    """Save pairs in which the sketch is 100 lighter than its photo."""
    for i, (photo, sketch) in enumerate(pairs.items()):
        save(photos / photo, flat(first + 10 * i))
        save(sketches / sketch, flat(100 + first + 10 * i))


def cufs(root: Path, inner: bool) -> Path:
    for name, pairs in (("training", TRAIN), ("testing", TEST)):
        folders = [root / f"CUHK_{name}_cropped_{kind}" / (kind if inner else "") for kind in ("photos", "sketches")]
        write_pairs(*folders, pairs, 10 if name == "training" else 50)
    return root


@pytest.mark.parametrize("inner", [True, False], ids=["archives in folders", "images in folders"])
def test_cufs_as_distributed(tmp_path: Path, inner: bool) -> None:
    cufs(tmp_path, inner)
    assert greys(cufs_faces(tmp_path)) == [("f-005-01.jpg", 10, 110), ("m-021-01.jpg", 20, 120)]
    assert greys(cufs_faces(tmp_path, "test")) == [
        ("f1-001-01.jpg", 60, 160),
        ("f-039-01.jpg", 50, 150),
        ("m1-001-01.jpg", 70, 170),
    ]
    assert isinstance(cufs_faces(tmp_path)[0], ImagePair)


def test_cufs_in_two_folders(tmp_path: Path) -> None:
    write_pairs(tmp_path / "photos", tmp_path / "sketches", TRAIN | TEST)
    assert {pair.name for pair in cufs_faces(tmp_path)} == set(TRAIN)
    assert {pair.name for pair in cufs_faces(tmp_path, "test")} == set(TEST)
    for split in ("train", "test"):
        assert all(sketch == photo + 100 for _, photo, sketch in greys(cufs_faces(tmp_path, split)))


def test_cufs_sample(tmp_path: Path) -> None:
    write_pairs(tmp_path / "photos", tmp_path / "sketches", {"c.jpg": "c.jpg", "a.jpg": "b.jpg"})
    (tmp_path / "index.csv").write_text("photo,sketch,subset\nc.jpg,c.jpg,cuhk_train\na.jpg,b.jpg,ar\n")
    assert greys(cufs_faces(tmp_path)) == [("c.jpg", 10, 110)]
    assert greys(cufs_faces(tmp_path, "ar")) == [("a.jpg", 20, 120)]
    with pytest.raises(FileNotFoundError, match="index.csv with rows of subset cuhk_test does not exist"):
        cufs_faces(tmp_path, "test")


def test_cufs_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"photos, .*sketches does not exist, expected CUFS, train \(CUHK"):
        cufs_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match="index.csv does not exist, expected CUFS, ar"):
        cufs_faces(tmp_path, "ar")
    with pytest.raises(ValueError, match="split of CUFS: expected one of train, test, ar, got 'val'"):
        cufs_faces(tmp_path, "val")
    cufs(tmp_path, True)
    (tmp_path / "CUHK_testing_cropped_sketches/sketches/f-039-01-sz1.jpg").unlink()
    assert len(cufs_faces(tmp_path)) == 2
    with pytest.raises(ValueError, match="photos/f-039-01.jpg: expected a photo and a sketch of each person, got no"):
        cufs_faces(tmp_path, "test")
    (tmp_path / "CUHK_testing_cropped_sketches").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="CUHK_testing_cropped_sketches does not exist"):
        cufs_faces(tmp_path, "test")
    (tmp_path / "CUHK_training_cropped_photos/photos/m-021-01.jpg").unlink()
    with pytest.raises(ValueError, match="sketches/M2-021-01-sz1.jpg: expected a photo and a sketch"):
        cufs_faces(tmp_path)


def entry(name: str, **changes: Any) -> dict[str, Any]:
    """An entry of FS2K's annotations, from its README."""
    return {
        "image_name": name,
        "skin_patch": [163, 139],
        "lip_color": [156.9, 82.5, 79.0],
        **{"hair": 0, "hair_color": 2, "gender": 0, "earring": 1, "smile": 1, "frontal_face": 1, "style": 0},
        **changes,
    }


def fs2k(root: Path, train: list[Any] | None = None) -> Path:
    for i, name in enumerate(("photo1/image0110", "photo2/image0001", "photo3/image0999")):
        sketch = name.replace("photo", "sketch").replace("image", "sketch")
        save(root / "photo" / f"{name}.jpg", flat(10 * i + 10))
        save(root / "sketch" / f"{sketch}{'.png' if name.startswith('photo2') else '.jpg'}", flat(10 * i + 110))
    train = [entry("photo2/image0001", style=2, gender=1), entry("photo1/image0110")] if train is None else train
    (root / "anno_train.json").write_text(json.dumps(train))
    test = [entry("photo3/image0999", hair=1, hair_color=3, earring=0, smile=0, frontal_face=0, style=1)]
    (root / "anno_test.json").write_text(json.dumps(test))
    return root


def test_fs2k_pairs_and_attributes(tmp_path: Path) -> None:
    train, test = fs2k_faces(fs2k(tmp_path)), fs2k_faces(tmp_path, "test")
    assert greys(train) == [("photo2/image0001", 20, 120), ("photo1/image0110", 10, 110)]
    assert [pair.groups["style"] for pair in train] == ["2", "0"]
    assert train[1].groups == {
        "style": "0",
        "gender": "male",
        "hair": "with",
        "hair_color": "red",
        "earring": "without",
        "smile": "without",
        "frontal_face": "above 30 degrees",
    }
    assert train[0].groups["gender"] == "female"
    assert greys(test) == [("photo3/image0999", 30, 130)]
    assert test[0].groups == {
        "style": "1",
        "gender": "male",
        "hair": "without",
        "hair_color": "no hair",
        "earring": "with",
        "smile": "with",
        "frontal_face": "within 30 degrees",
    }


def test_fs2k_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"anno_train.json, .*photo, .*expected FS2K, train \(anno_train.json"):
        fs2k_faces(tmp_path)
    fs2k(tmp_path)
    (tmp_path / "sketch/sketch2/sketch0001.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"sketch2/sketch0001.jpg or sketch0001.png does not exist"):
        fs2k_faces(tmp_path)[0]
    with pytest.raises(ValueError, match="split of FS2K: expected one of train, test, got 'val'"):
        fs2k_faces(tmp_path, "val")
    for train, message in (
        ([entry("photo1/image0110"), entry("photo1/0110")], "anno_train.json, image 1: expected an image_name such as"),
        ([entry("photo1/image0110", style=3)], r"image 0 \(photo1/image0110\): expected style from 0 to 2, got 3"),
        ([entry("photo1/image0110", smile=None)], "expected smile from 0 to 1, got None"),
        ([5], "image 0: expected an image_name such as photo1/image0110, got None"),
        ([], "anno_train.json: expected a list of images"),
    ):
        fs2k(tmp_path, train)
        with pytest.raises(ValueError, match=message):
            fs2k_faces(tmp_path)
    (tmp_path / "anno_train.json").write_text("[{")
    with pytest.raises(ValueError, match="anno_train.json: expected whole JSON text"):
        fs2k_faces(tmp_path)


def test_fs2k_sample(tmp_path: Path) -> None:
    write_pairs(tmp_path / "photos", tmp_path / "sketches", {"0.jpg": "0.jpg"})
    (tmp_path / "index.csv").write_text("photo,sketch\n0.jpg,0.jpg\n")
    assert greys(fs2k_faces(tmp_path)) == [("0.jpg", 10, 110)] and fs2k_faces(tmp_path)[0].groups == {}
    with pytest.raises(FileNotFoundError, match="anno_test.json"):
        fs2k_faces(tmp_path, "test")


@pytest.mark.data
def test_real_samples(data: Path) -> None:
    train, ar, fs2k_pairs = cufs_faces(), cufs_faces(split="ar"), fs2k_faces()
    assert (len(train), len(ar), len(fs2k_pairs)) == (88, 123, 250)
    for pairs, folder in ((train, "sketches"), (ar, "sketches"), (fs2k_pairs, "fs2k")):
        pair = pairs[1]
        assert np.array_equal(pair.image, load_image(data / folder / "photos" / pair.name))
        assert pair.image.shape == pair.target.shape and not np.array_equal(pair.image, pair.target)
