"""Dogs of StanfordExtra and cats of Cat-Head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import image, save, text_points

from facekit.data.datasets import DOG_HEAD_6, cat_head_faces, stanford_extra_faces
from facekit.data.synthetic_cats import CAT_HEAD_9

NAMES = ("n02085620-Chihuahua/n02085620_1.png", "n02085620-Chihuahua/n02085620_2.png", "n0-Pug/n0_3.png")
SPLITS = {"train": [2, 0], "val": [1], "test": []}


def joints(seed: int) -> np.ndarray:
    """Draw 24 points, of which the last four are never labelled."""
    points = np.column_stack([text_points(24, seed), np.ones(24)])
    points[20:] = 0
    return points


def dogs(root: Path, inner: str = "") -> Path:
    entries = [{"img_path": name, "joints": joints(seed).tolist()} for seed, name in enumerate(NAMES)]
    (root / inner).mkdir(exist_ok=True)
    (root / inner / "StanfordExtra_v12.json").write_text(json.dumps(entries))
    for split, numbers in SPLITS.items():
        np.save(root / inner / f"{split}_stanford_StanfordExtra_v12.npy", np.array(numbers, int))
    for seed, name in enumerate(NAMES):
        save(root / "Images" / name, image(seed))
    return root


@pytest.mark.parametrize("inner", ["", "StanfordExtra_V12"])
def test_dogs_by_the_published_split(tmp_path: Path, inner: str) -> None:
    root = dogs(tmp_path, inner)
    for split, numbers in SPLITS.items():
        faces = stanford_extra_faces(root, split)
        assert [face.name for face in faces] == [NAMES[i] for i in numbers]
        for i, face in zip(numbers, faces, strict=True):
            np.testing.assert_allclose(face.points, joints(i)[14:20, :2], atol=1e-4)
            assert face.labels is DOG_HEAD_6 and np.array_equal(face.image, image(i)) and face.box is None


def test_hidden_points_are_nan(tmp_path: Path) -> None:
    root = dogs(tmp_path)
    entries = json.loads((root / "StanfordExtra_v12.json").read_text())
    # One point without coordinates, and one that the annotators did not agree on.
    entries[1]["joints"][15] = [0, 0, 0]
    entries[1]["joints"][19] = [12.5, 30, 0]
    (root / "StanfordExtra_v12.json").write_text(json.dumps(entries))
    points = stanford_extra_faces(root, "val")[0].points
    assert np.isnan(points).all(1).tolist() == [False, True, False, False, False, True]


def test_a_dogs_left_is_the_viewers_right() -> None:
    # keypoint_definitions.csv: 14 base of left ear, 15 of right ear, 16 nose, 17 chin, 18 left ear tip, 19 right.
    names = ["right_ear_base", "left_ear_base", "nose", "chin", "right_ear_tip", "left_ear_tip"]
    assert list(DOG_HEAD_6.points) == names and DOG_HEAD_6.flip == (1, 0, 2, 3, 5, 4)
    mirrored = {frozenset((DOG_HEAD_6.flip[a], DOG_HEAD_6.flip[b])) for a, b in DOG_HEAD_6.edges}
    assert mirrored == {frozenset(edge) for edge in DOG_HEAD_6.edges}


def test_stanford_extra_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match=r"StanfordExtra_v12.json, .*Images does not exist, expected StanfordExtra \(.*benjiebob",
    ):
        stanford_extra_faces(tmp_path)
    root = dogs(tmp_path)
    with pytest.raises(ValueError, match="split of StanfordExtra: expected one of train, val, test, got 'all'"):
        stanford_extra_faces(root, "all")
    (root / "Images" / NAMES[1]).unlink()
    with pytest.raises(ValueError, match=r"n02085620_2.png"):
        stanford_extra_faces(root, "val")[0]
    entries = json.loads((root / "StanfordExtra_v12.json").read_text())
    entries[1]["joints"] = entries[1]["joints"][:19]
    (root / "StanfordExtra_v12.json").write_text(json.dumps(entries))
    with pytest.raises(
        ValueError, match=r"n02085620_2.png: expected at least 20 joints .*v12.json, got 19 joints of \[3\] numbers"
    ):
        stanford_extra_faces(root, "val")[0]
    for text in (json.dumps(entries[:1]), "[{", "{}", '[{"img_path": "a"}, {}]'):
        (root / "StanfordExtra_v12.json").write_text(text)
        with pytest.raises(
            ValueError, match=r"StanfordExtra_v12.json and val_.*npy: expected a list of dogs and numbers"
        ):
            stanford_extra_faces(root, "val")


def cat(root: Path, name: str, seed: int, count: int = 9) -> np.ndarray:
    save(root / name, image(seed))
    points = text_points(count, seed).round()
    numbers = " ".join(str(int(value)) for value in points.ravel())
    (root / f"{name}.cat").write_text(f"{count} {numbers} ")
    return points


def test_cats(tmp_path: Path) -> None:
    points = [cat(tmp_path, "CAT_00/00000001_000.jpg", 0), cat(tmp_path, "deeper/CAT_06/00001433_011.jpg", 1)]
    save(tmp_path / "CAT_00/unlabelled.jpg", image())
    (tmp_path / "CAT_00/00000003_019.jpg.cat").write_text("9 1 2")  # published without its image
    faces = cat_head_faces(tmp_path)
    assert [face.name for face in faces] == ["00000001_000.jpg", "00001433_011.jpg"]
    for face, expected in zip(faces, points, strict=True):
        np.testing.assert_array_equal(face.points, expected)
        assert face.labels is CAT_HEAD_9 and face.points.dtype == np.float32


def test_cat_head_says_what_is_wrong(tmp_path: Path) -> None:
    expected = r"CAT_00/\*.jpg.cat does not exist, expected Cat-Head \(CAT_00 to CAT_06, each .*archive.org"
    with pytest.raises(FileNotFoundError, match=expected):
        cat_head_faces(tmp_path)
    cat(tmp_path, "CAT_00/1_1.jpg", 0, 8)
    with pytest.raises(ValueError, match="1_1.jpg.cat: expected 9 points x y in pixels, got points of shape"):
        cat_head_faces(tmp_path)[0]
    (tmp_path / "CAT_00/1_1.jpg.cat").write_text("9 " + "1 " * 17 + "x")
    with pytest.raises(ValueError, match=r"1_1.jpg.cat: expected 9 points x y in pixels, got points of shape \(8, 2\)"):
        cat_head_faces(tmp_path)[0]
    (tmp_path / "CAT_00/1_1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"CAT_00/1_1.jpg does not exist, expected Cat-Head"):
        cat_head_faces(tmp_path)
