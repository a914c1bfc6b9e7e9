"""WFLW is read with boxes, six groups and the subsets of its test set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import image, save, text_points

from facekit.data.datasets import WFLW_SUBSETS, wflw_faces
from facekit.labels import LANDMARKS_98

LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
BOX = "10 20 30 45"


def line(seed: int, flags: str = "0 0 0 0 0 0", name: str = "0--Parade/a.png") -> str:
    points = " ".join(f"{value:.6f}" for value in text_points(98, seed).ravel())
    return f"{points} {BOX} {flags} {name}\n"


def tree(root: Path, train: str, test: str) -> Path:
    (root / LISTS).mkdir(parents=True)
    for split, text in (("train", train), ("test", test)):
        (root / LISTS / f"list_98pt_rect_attr_{split}.txt").write_text(text)
    save(root / "WFLW_images/0--Parade/a.png", image(1))
    return root


def test_faces_have_points_box_and_groups(tmp_path: Path) -> None:
    faces = wflw_faces(tree(tmp_path, line(3, "1 0 0 1 0 0") + line(4), line(5)))
    assert len(faces) == 2 and len(wflw_faces(tmp_path, "test")) == 1
    face = faces[0]
    np.testing.assert_allclose(face.points, text_points(98, 3), atol=1e-4)
    assert face.labels is LANDMARKS_98 and face.box == (10, 20, 30, 45)
    yes, no = "yes", "no"
    assert face.groups == {
        **{"pose": yes, "expression": no, "illumination": no},
        **{"make-up": yes, "occlusion": no, "blur": no},
    }
    # Two faces of one image have two names.
    assert [face.name for face in faces] == ["0--Parade/a.png 1", "0--Parade/a.png 2"]
    assert np.array_equal(face.image, image(1)) and set(faces[1].groups.values()) == {no}


def test_subsets_of_the_test_set(tmp_path: Path) -> None:
    one_each = [line(i, " ".join("1" if k == i else "0" for k in range(6))) for i in range(6)]
    root = tree(tmp_path, line(9, "1 1 1 1 1 1"), "".join(one_each) + line(6, "1 0 0 0 0 1"))
    assert len(wflw_faces(root, "test")) == 7
    for i, subset in enumerate(WFLW_SUBSETS):
        faces = wflw_faces(root, subset)
        assert len(faces) == (2 if subset in ("pose", "blur") else 1)
        np.testing.assert_allclose(faces[0].points, text_points(98, i), atol=1e-4)
        assert all(face.groups[subset] == "yes" for face in faces)


def test_wflw_says_what_is_missing(tmp_path: Path) -> None:
    expected = (
        r"WFLW_images, .*attr_train.txt does not exist, expected WFLW \(WFLW_images/EVENT/NAME.jpg, .*wywu.github.io"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        wflw_faces(tmp_path)
    root = tree(tmp_path, line(0, name="1--Gone/b.jpg"), "")
    with pytest.raises(ValueError, match="split of WFLW: expected one of train, test, pose, .*blur, got 'makeup'"):
        wflw_faces(root, "makeup")
    with pytest.raises(ValueError, match="b.jpg"):
        wflw_faces(root)[0]


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (line(1).replace("0--Parade/a.png", ""), "got 206 words, not 207"),
        (line(1, "0 0 2 0 0 0"), "got NaN, inf or another flag"),
        ("nan " + line(1).split(" ", 1)[1], "got NaN, inf or another flag"),
        ("1,5 " + line(1).split(" ", 1)[1], "got could not convert string to float: '1,5'"),
    ],
)
def test_wflw_says_which_line_is_damaged(tmp_path: Path, bad: str, got: str) -> None:
    root = tree(tmp_path, line(0) + bad, "")
    with pytest.raises(
        ValueError, match=f"list_98pt_rect_attr_train.txt, line 2: expected 196 coordinates, 4 of the box, .*{got}"
    ):
        wflw_faces(root)
