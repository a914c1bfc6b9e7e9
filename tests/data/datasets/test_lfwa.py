"""LFWA: attributes and splits of its .mat files, of MATLAB's versions 5 to 7 and 7.3."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.parsed_faces import image, save
from scipy.io import savemat

from facekit.data.datasets import lfwa_faces
from facekit.images.reader import ImageError
from facekit.labels import CELEBA_40

PEOPLE = ("Ann_A", "Ann_A", "Bo_B", "Cy_C", "Cy_C")
NAMES = [f"{person}\\{person}_{i:04d}.jpg" for i, person in enumerate(PEOPLE)]
# Another order than CelebA's, with spaces.
COLUMNS = [name.replace("_", " ") for name in CELEBA_40.names[::-1]]
LABEL = np.random.default_rng(0).integers(0, 2, (5, 40)).astype(float)
SPLITS = {"indices_img_train": [4, 1], "indices_img_test": [2, 3, 5]}


def cells(texts: list[str], column: bool) -> np.ndarray:
    values = np.empty((len(texts), 1) if column else (1, len(texts)), object)
    values.flat[:] = texts
    return values


def version_5(root: Path, attributes: dict[str, Any], splits: dict[str, Any]) -> None:
    savemat(root / "lfw_att_40.mat", attributes)
    savemat(root / "indices_train_test.mat", {key: np.array(rows, float)[:, None] for key, rows in splits.items()})


def version_73(root: Path, attributes: dict[str, Any], splits: dict[str, Any]) -> None:
    """Write HDF5 as MATLAB does: transposed matrices, references to letters, and a text of 512 bytes in front."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(root / "lfw_att_40.mat", "w", userblock_size=512) as file:
        for key, value in attributes.items():
            if value.dtype != object:
                file[key] = value.T
                continue
            references = np.empty(value.T.shape, h5py.ref_dtype)
            for i, text in enumerate(value.ravel()):
                file[f"#refs#/{key}{i}"] = np.array([[ord(letter)] for letter in text], np.uint16)
                references.flat[i] = file[f"#refs#/{key}{i}"].ref
            file.create_dataset(key, data=references, dtype=h5py.ref_dtype)
    with h5py.File(root / "indices_train_test.mat", "w", userblock_size=512) as file:
        for key, rows in splits.items():
            file[key] = np.array([rows], float)
    for name in ("lfw_att_40.mat", "indices_train_test.mat"):
        with (root / name).open("r+b") as raw:
            raw.write(b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(124))


def lfwa(
    root: Path,
    write: Callable[[Path, dict[str, Any], dict[str, Any]], None] = version_5,
    label: np.ndarray = LABEL,
    columns: list[str] = COLUMNS,
    splits: dict[str, list[int]] = SPLITS,
) -> Path:
    for i, name in enumerate(NAMES):
        save(root / "lfw" / name.replace("\\", "/"), image(i, (25, 25)))
    write(root, {"AttrName": cells(columns, False), "label": label, "name": cells(NAMES, True)}, splits)
    return root


@pytest.mark.parametrize("write", [version_5, version_73])
def test_attributes_of_each_split(tmp_path: Path, write: Callable[..., None]) -> None:
    lfwa(tmp_path, write)
    train, test = lfwa_faces(tmp_path), lfwa_faces(tmp_path, "test")
    assert [face.name for face in train] == ["Cy_C_0003.jpg", "Ann_A_0000.jpg"]
    assert [face.name for face in test] == ["Ann_A_0001.jpg", "Bo_B_0002.jpg", "Cy_C_0004.jpg"]
    face = test[1]
    assert face.labels is CELEBA_40 and face.values.dtype == np.float32
    assert face.values.tolist() == LABEL[2, ::-1].tolist(), "in CelebA's order"
    assert face.image.shape == (25, 25, 3)


def test_version_73_needs_h5py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lfwa(tmp_path)
    data = (tmp_path / "lfw_att_40.mat").read_bytes()
    (tmp_path / "lfw_att_40.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(128) + data[128:])
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match="lfw_att_40.mat: expected h5py for MATLAB's version 7.3, .*pip install h5py"):
        lfwa_faces(tmp_path)


@pytest.mark.parametrize("missing", ["lfw", "lfw_att_40.mat", "indices_train_test.mat"])
def test_missing_files(tmp_path: Path, missing: str) -> None:
    (lfwa(tmp_path) / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=rf"{missing} does not exist, expected LFWA \(lfw/PERSON/.*mmlab"):
        lfwa_faces(tmp_path)


def test_damaged_files(tmp_path: Path) -> None:
    lfwa(tmp_path, splits={**SPLITS, "indices_img_test": [2, 6]})
    with pytest.raises(ValueError, match="indices_train_test.mat: expected different numbers 1 to 5 .* got 2 numbers"):
        lfwa_faces(tmp_path, "test")
    lfwa(tmp_path, splits={"indices_img_train": [0, 1]})
    with pytest.raises(ValueError, match="expected different numbers 1 to 5 in indices_img_train"):
        lfwa_faces(tmp_path)
    with pytest.raises(ValueError, match="indices_train_test.mat: expected indices_img_test, got no indices_img_test"):
        lfwa_faces(tmp_path, "test")
    lfwa(tmp_path, label=LABEL[:4])
    with pytest.raises(ValueError, match=r"lfw_att_40.mat: expected a label of shape \(5, 40\) .* got shape \(4, 40\)"):
        lfwa_faces(tmp_path)
    lfwa(tmp_path, label=2 * LABEL - 1)
    with pytest.raises(ValueError, match=r"lfw_att_40.mat: .* values 0 and 1, got .*\[-1.0, 1.0\]"):
        lfwa_faces(tmp_path)
    lfwa(tmp_path, columns=["Asian", *COLUMNS[1:]])
    with pytest.raises(ValueError, match="lfw_att_40.mat: expected CelebA's 40 attributes .* differ in asian, young"):
        lfwa_faces(tmp_path)
    (tmp_path / "lfw_att_40.mat").write_bytes((tmp_path / "lfw_att_40.mat").read_bytes()[:300])
    with pytest.raises(ValueError, match="lfw_att_40.mat: expected a MATLAB file, got one that is not readable"):
        lfwa_faces(tmp_path)
    with pytest.raises(ValueError, match="split of LFWA: expected one of train, test, got 'val'"):
        lfwa_faces(tmp_path, "val")


def test_missing_image(tmp_path: Path) -> None:
    (lfwa(tmp_path) / "lfw/Bo_B/Bo_B_0002.jpg").unlink()
    with pytest.raises(ImageError, match="Bo_B_0002.jpg"):
        lfwa_faces(tmp_path, "test")[1]
