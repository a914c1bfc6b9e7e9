"""Helen's 194 points: files, order, left-right pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import image, save, text_points

from facekit.data.datasets import helen194_faces
from facekit.labels import LANDMARKS_194, landmark_map, landmark_set


def annotation(root: Path, number: int, name: str, count: int = 194) -> np.ndarray:
    points = text_points(count, number)
    path = root / "annotation" / f"{number}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{name}\n" + "".join(f"{x:.3f} , {y:.3f}\n" for x, y in points))
    return points


def tree(root: Path, folders: tuple[str, str, str] = ("helen_1", "helen_4", "helen_5")) -> Path:
    for number, (folder, name) in enumerate(zip(folders, ("232194_1", "99_2", "3_1"), strict=True), 1):
        annotation(root, number, name)
        save(root / folder / f"{name}.jpg", image(number))
    # The lists are not in the order of the annotations.
    (root / "trainnames.txt").write_text("99_2\n232194_1\n\n")
    (root / "testnames.txt").write_text("3_1\r\n")
    return root


@pytest.mark.parametrize(
    "folders", [("helen_1", "helen_4", "helen_5"), ("train_1", "train_4", "test"), ("images",) * 3]
)
def test_lists_name_the_faces(tmp_path: Path, folders: tuple[str, str, str]) -> None:
    root = tree(tmp_path, folders)
    train, test = helen194_faces(root), helen194_faces(root, "test")
    assert [face.name for face in train] == ["99_2", "232194_1"] and [face.name for face in test] == ["3_1"]
    np.testing.assert_allclose(train[0].points, text_points(194, 2), atol=1e-4)
    np.testing.assert_allclose(train[1].points, text_points(194, 1), atol=1e-4)
    assert train[0].labels is LANDMARKS_194 and train[0].image.shape == image().shape


def test_helen_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError,
        match=r"annotation, .*trainnames.txt does not exist, expected Helen, 194 points \(annotation/1",
    ):
        helen194_faces(tmp_path)
    root = tree(tmp_path)
    with pytest.raises(ValueError, match="split of Helen, 194 points: expected one of train, test, got 'val'"):
        helen194_faces(root, "val")
    (root / "helen_4/99_2.jpg").unlink()
    (root / "annotation/1.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"99_2.jpg and 1 more does not exist, expected Helen.*helen_1 to helen_5"
    ):
        helen194_faces(root)
    annotation(root, 7, "232194_1")
    save(root / "images/99_2.jpg", image())
    assert len(helen194_faces(root)) == 2
    (root / "annotation/7.txt").write_text("other\n")
    with pytest.raises(FileNotFoundError, match="the file in annotation whose first line is 232194_1 does not exist"):
        helen194_faces(root)


def test_helen_says_which_file_is_damaged(tmp_path: Path) -> None:
    root = tree(tmp_path)
    annotation(root, 2, "99_2", 193)
    faces = helen194_faces(root)
    with pytest.raises(ValueError, match=r"2.txt: expected 194 points x y in pixels, got points of shape \(193, 2\)"):
        faces[0]
    text = (root / "annotation/1.txt").read_text().splitlines()
    text[100] = "12.5 , x"
    (root / "annotation/1.txt").write_text("\n".join(text))
    with pytest.raises(ValueError, match="1.txt: expected 194 points"):
        faces[1]


def test_pairs_of_the_194_points() -> None:
    s = LANDMARKS_194
    assert s is landmark_set("helen194") is landmark_set("LANDMARKS_194") is landmark_set(194)
    assert len(s) == 194 and all(s.flip[s.flip[i]] == i for i in range(194)) and s.mirrors
    # Jaw and nose are reversed; an eye or brow is the other one, point by point.
    assert s.flip[:58] == (*range(40, -1, -1), *range(57, 40, -1))
    assert s.flip[114:] == (*range(134, 154), *range(114, 134), *range(174, 194), *range(154, 174))
    # Each ring of the lips is mirrored about the middle between its corners, 14 points apart.
    for first in (58, 86):
        assert [s.flip[first + i] - first for i in range(28)] == [(14 - i) % 28 for i in range(28)]
    assert [i for i in range(194) if s.flip[i] == i] == [20, 49, 65, 79, 93, 107]


def test_names_of_the_194_points() -> None:
    s = LANDMARKS_194
    places = {
        **{"left_mouth_corner": 58, "right_mouth_corner": 72, "left_inner_corner": 86, "jaw_bottom": 20},
        **{"right_eye_inner": 114, "right_eye_outer": 125, "left_eye_inner": 134, "left_eye_outer": 145},
    }
    assert {name: s.index(name) for name in places} == places
    assert s.eye_corners == (145, 125) and s.eyes == (tuple(range(134, 154)), tuple(range(114, 134)))
    table = landmark_map("helen194", "68")
    assert {i: int(table[i]) for i in (8, 36, 39, 42, 45, 48, 54, 51, 57, 60, 62, 64, 66)} == {
        **{8: 20, 36: 145, 39: 134, 42: 114, 45: 125, 48: 58, 54: 72, 51: 65, 57: 79},
        **{60: 86, 62: 93, 64: 100, 66: 107},
    }
    # Seven outlines, of which jaw and nose are open: each point is connected to the next one.
    assert len(s.edges) == 40 + 16 + 2 * 28 + 4 * 20
