"""LAION-Face: numbers and detections of files as torch.save writes them; nothing in them is executed."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facekit.data.datasets import LaionFaceDetections, laion_face_ids
from facekit.data.datasets.laion_face import PARTS, PARTS_20M

BOX = np.array([1.5, 2, 30, 40], np.float32)
POINTS = np.arange(10, dtype=np.float32).reshape(5, 2)
FACES = {
    123456789012: [(BOX, POINTS, np.float32(0.75)), (BOX[::-1].copy(), POINTS + 1, np.float32(0.5))],
    7: [],
    8: [(BOX.tolist(), POINTS.tolist(), 0.25)],
}


class Attack:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, ("executed",)


def as_numpy_1(path: Path) -> None:
    """Rename numpy's modules in a file to those of numpy 1, with which the published files were made."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data.replace(b"cnumpy._core.", b"cnumpy.core."))


@pytest.mark.parametrize("kind", ["zip", "numpy 1", "old"])
def test_detections_of_a_part(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sample2detect_3.pth"
    torch.save(FACES, path, _use_new_zipfile_serialization=kind != "old")
    if kind == "numpy 1":
        as_numpy_1(path)
        with zipfile.ZipFile(path) as archive:
            data = b"".join(archive.read(name) for name in archive.namelist())
        assert b"numpy.core.multiarray" in data and b"numpy._core" not in data
    found = LaionFaceDetections(tmp_path, 3)
    assert list(found) == list(FACES) and len(found) == 3 and 7 in found and 9 not in found
    two = found[123456789012]
    assert two.boxes.tolist() == [[1.5, 2, 30, 40], [40, 30, 2, 1.5]] and two.boxes.dtype == np.float32
    assert np.array_equal(two.points, [POINTS, POINTS + 1]) and two.scores.tolist() == [0.75, 0.5]
    none, lists = found[7], found[8]
    assert none.boxes.shape == (0, 4) and none.points.shape == (0, 5, 2) and none.scores.shape == (0,)
    assert lists.boxes.tolist() == [BOX.tolist()] and np.array_equal(lists.points[0], POINTS)


@pytest.mark.parametrize("make", [list, set, tuple, np.array], ids=["list", "set", "tuple", "array"])
def test_ids_of_a_part(tmp_path: Path, make: Any) -> None:
    torch.save([make([10 * part + 2, 10 * part + 1, 2**40]) for part in range(PARTS)], tmp_path / "laion_face_ids.pth")
    ids = laion_face_ids(tmp_path, 28)
    assert ids.tolist() == [281, 282, 2**40] and ids.dtype == np.int64
    assert len(PARTS_20M) == 13 and max(PARTS_20M) == 28


@pytest.mark.parametrize("value", [Attack(), [np.array([Attack()], object)], {1: torch.zeros(2)}])
def test_other_objects_are_errors(tmp_path: Path, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for zipped in (True, False):
        torch.save(value, tmp_path / "laion_face_ids.pth", _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match="laion_face_ids.pth: expected a file of torch.save .*; download it again"):
            laion_face_ids(tmp_path, 0)
    (tmp_path / "laion_face_ids.pth").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(ValueError, match=r"it names (posix|nt).mkdir, which is not allowed"):
        laion_face_ids(tmp_path, 0)
    assert not (tmp_path / "executed").exists()
    torch.save([np.array(["a"], object)], tmp_path / "laion_face_ids.pth")
    with pytest.raises(ValueError, match="it has an array of object, which is not allowed"):
        laion_face_ids(tmp_path, 0)


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"laion_face_ids.pth does not exist, expected LAION-Face \(laion_face"):
        laion_face_ids(tmp_path, 0)
    with pytest.raises(FileNotFoundError, match="sample2detect_31.pth does not exist, expected LAION-Face"):
        LaionFaceDetections(tmp_path, 31)
    with pytest.raises(ValueError, match="part of LAION-Face: expected 0 to 31, got 32"):
        LaionFaceDetections(tmp_path, 32)
    torch.save([[1]] * 31, tmp_path / "laion_face_ids.pth")
    with pytest.raises(ValueError, match="laion_face_ids.pth: expected 32 lists of SAMPLE_IDs, got 31"):
        laion_face_ids(tmp_path, 0)
    torch.save([[1]] * 31 + [["a"]], tmp_path / "laion_face_ids.pth")
    assert laion_face_ids(tmp_path, 0).tolist() == [1]
    with pytest.raises(ValueError, match="laion_face_ids.pth, part 31: expected whole numbers, got others"):
        laion_face_ids(tmp_path, 31)
    torch.save([FACES], tmp_path / "sample2detect_0.pth")
    with pytest.raises(ValueError, match="sample2detect_0.pth: expected a dictionary of faces by SAMPLE_ID, got list"):
        LaionFaceDetections(tmp_path, 0)
    torch.save({5: [(BOX, POINTS[:4], 0.5)], 6: [0.5]}, tmp_path / "sample2detect_0.pth")
    for sample in (5, 6):
        with pytest.raises(ValueError, match=f"sample2detect_0.pth, SAMPLE_ID {sample}: expected a box of 4 numbers"):
            LaionFaceDetections(tmp_path, 0)[sample]
    data = (tmp_path / "sample2detect_0.pth").read_bytes()
    (tmp_path / "sample2detect_0.pth").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match="sample2detect_0.pth: expected a file of torch.save"):
        LaionFaceDetections(tmp_path, 0)
