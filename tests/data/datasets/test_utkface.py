"""UTKFace: groups from the names of the files, and from the table of the sample in FACEKIT_DATA."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import pytest
from helpers.parsed_faces import image, save

from facekit.data.datasets import utkface_faces

# Names of the release, three of them without race.
NAMED = {
    "1_0_2_20161219140530307.jpg.chip.jpg": ("0-2", "male", "asian"),
    "3_1_4_20161219140530308.jpg": ("3-9", "female", "other"),
    "24_0_1_20170116220224657 .jpg.chip.jpg": ("20-29", "male", "black"),
    "69_1_0_20170116220224658.jpg.chip.jpg": ("60-69", "female", "white"),
    "116_1_3_20170116220224659.jpg.chip.jpg": ("more than 70", "female", "indian"),
}
MALFORMED = (
    "39_1_20170116174525125.jpg.chip.jpg",
    "61_1_20170109142408075.jpg.chip.jpg",
    "20_2_0_20170109142408076.jpg.chip.jpg",
)


def utkface(root: Path, names: tuple[str, ...]) -> Path:
    for i, name in enumerate(names):
        save(root / name, image(i, (20, 20)))
    return root


def test_groups_come_from_the_names(tmp_path: Path) -> None:
    utkface(tmp_path, tuple(NAMED))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faces = utkface_faces(tmp_path)
    assert [face.name for face in faces] == sorted(NAMED)
    found = {face.name: (face.groups["age"], face.groups["gender"], face.groups["race"]) for face in faces}
    assert found == NAMED and faces[0].image.shape == (20, 20, 3)


def test_malformed_names_are_one_warning(tmp_path: Path) -> None:
    utkface(tmp_path, (*NAMED, *MALFORMED))
    with pytest.warns(
        UserWarning, match="UTKFace: 3 of 8 images are left out, expected names AGE.*, got 20_2_0"
    ) as seen:
        faces = utkface_faces(tmp_path)
    assert len(faces) == 5 and len(seen) == 1
    assert all(name in str(seen[0].message) for name in MALFORMED)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"chip.jpg does not exist, expected UTKFace \(AGE_GENDER_.*susanqq"):
        utkface_faces(tmp_path)
    utkface(tmp_path, MALFORMED)
    with pytest.raises(
        ValueError, match="expected names AGE_GENDER_RACE_DATE.jpg, got 3 images with other names, 20_2"
    ):
        utkface_faces(tmp_path)


def test_table_of_the_sample(tmp_path: Path) -> None:
    utkface(tmp_path / "images", ("0.jpg", "1.jpg"))
    (tmp_path / "index.csv").write_text("file,age,gender,race\n0.jpg,70,1,3\n1.jpg,9,0,0\n")
    faces = utkface_faces(tmp_path)
    assert [(face.name, face.groups) for face in faces] == [
        ("0.jpg", {"age": "more than 70", "gender": "female", "race": "indian"}),
        ("1.jpg", {"age": "3-9", "gender": "male", "race": "white"}),
    ]


@pytest.mark.data
def test_real_sample() -> None:
    faces = utkface_faces()
    assert len(faces) == 3000 and faces[0].groups == {"age": "0-2", "gender": "female", "race": "asian"}
    assert faces[0].image.shape == (128, 128, 3)
    groups = Counter(faces[i].groups["race"] for i in range(0, 3000, 60))
    assert set(groups) <= {"white", "black", "asian", "indian", "other"} and len(groups) >= 4
