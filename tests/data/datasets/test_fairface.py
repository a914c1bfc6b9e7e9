"""FairFace: the groups of each face as its tables give them."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.parsed_faces import image, save

from facekit.data.datasets import FaceImage, fairface_faces
from facekit.images.reader import ImageError

HEAD = "file,age,gender,race,service_test\n"
TABLES = {
    "train": [
        "train/1.jpg,50-59,Male,East Asian,True",
        "train/2.jpg,more than 70,Female,Latino_Hispanic,False",
        "train/10.jpg,3-9,Female,White,True",
    ],
    "val": ["val/1.jpg,20-29,Male,Black,False"],
}


def fairface(root: Path) -> Path:
    for split, rows in TABLES.items():
        for row in rows:
            save(root / row.split(",")[0], image(len(row), (20, 20)))
        (root / f"fairface_label_{split}.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return root


def test_groups_of_each_split(tmp_path: Path) -> None:
    train, val = fairface_faces(fairface(tmp_path)), fairface_faces(tmp_path, "val")
    assert [(face.name, face.groups) for face in train] == [
        ("train/1.jpg", {"age": "50-59", "gender": "male", "race": "east asian"}),
        ("train/2.jpg", {"age": "more than 70", "gender": "female", "race": "latino_hispanic"}),
        ("train/10.jpg", {"age": "3-9", "gender": "female", "race": "white"}),
    ]
    assert len(val) == 1 and type(val[0]) is FaceImage and val[0].image.shape == (20, 20, 3) and val[0].box is None
    assert val[0].groups == {"age": "20-29", "gender": "male", "race": "black"}


@pytest.mark.parametrize("missing", ["fairface_label_val.csv", "val"])
def test_missing_files(tmp_path: Path, missing: str) -> None:
    (fairface(tmp_path) / missing).rename(tmp_path / "elsewhere")
    assert len(fairface_faces(tmp_path)) == 3
    with pytest.raises(FileNotFoundError, match=rf"{missing} does not exist, expected FairFace \(fairface_label_train"):
        fairface_faces(tmp_path, "val")
    (tmp_path / "train/2.jpg").unlink()
    with pytest.raises(ImageError, match="2.jpg"):
        fairface_faces(tmp_path)[1]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (HEAD, "fairface_label_val.csv: expected a row per image, got none"),
        ("file,age,sex\n", "fairface_label_val.csv: expected the columns file, age, gender, race, got file, age, sex"),
        ("", "expected the columns file, age, gender, race, got none"),
        (HEAD + "val/1.jpg,3-9,Male,White,True\nval/2.jpg,3-9\n", "csv, line 3: .*, got none for gender, race"),
        (HEAD + "val/1.jpg,3-9,,White,True\n", "csv, line 2: expected a value for .*, got none for gender;"),
    ],
)
def test_damaged_table(tmp_path: Path, table: str, message: str) -> None:
    (fairface(tmp_path) / "fairface_label_val.csv").write_text(table)
    with pytest.raises(ValueError, match=message):
        fairface_faces(tmp_path, "val")
    with pytest.raises(ValueError, match="split of FairFace: expected one of train, val, got 'test'"):
        fairface_faces(tmp_path, "test")
