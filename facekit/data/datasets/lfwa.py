"""LFWA: LFW with CelebA's 40 attributes. FaRL's attributes are trained and scored on it (section 3.5).

Liu et al., "Deep Learning Face Attributes in the Wild", ICCV 2015, https://arxiv.org/abs/1411.7766. Home page:
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html. Licence: non-commercial research only.
"""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.name_index import folded_name
from ...images.reader import load_image
from ...labels import CELEBA_40
from .files import check_split, dataset_folder
from .lazy_faces import LazyFaces
from .records import AttributeFace

_TITLE = "LFWA"
_ATTRIBUTES, _INDICES = "lfw_att_40.mat", "indices_train_test.mat"
_LAYOUT = f"lfw/PERSON/PERSON_0001.jpg, {_ATTRIBUTES} and {_INDICES}"
_HOME = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
# The first bytes of MATLAB's files of version 7.3, which are HDF5.
_HDF5 = (b"MATLAB 7.3", b"\x89HDF")


def lfwa_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[AttributeFace]:
    """Open LFWA. As in FaRL's paper, 6,263 of its 13,143 images are for training and the others for testing.

    Its .mat files have MATLAB's version 7.3, which needs the package h5py. Files that MATLAB saved as version 7 or
    earlier need only scipy.

    Args:
        folder: The folder LFWA.
        split: "train" or "test".

    Returns:
        The faces, with labels CELEBA_40. A face raises ImageError on access if its image is missing.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ImportError: If h5py is missing and needed.
        ValueError: If the split is unknown or a file is damaged. The text names the file.
    """
    split = check_split(split, ("train", "test"), _TITLE)
    root = dataset_folder(folder, ("lfw", _ATTRIBUTES, _INDICES), _TITLE, _LAYOUT, _HOME)
    names, values = _attributes(root / _ATTRIBUTES)
    chosen = _indices(root / _INDICES, f"indices_img_{split}", len(names))

    def read(row: int) -> AttributeFace:
        image = load_image(root / "lfw" / names[row])
        return AttributeFace(names[row].name, image, values[row].astype(np.float32), CELEBA_40)

    return LazyFaces(f"{_TITLE}, {split}", chosen, read)


def _attributes(path: Path) -> tuple[list[Path], NDArray[np.int8]]:
    """Read the images' paths below lfw, and their attributes (N,40) of 0 and 1 in the order of CELEBA_40."""
    contents = _read_mat(path, ("AttrName", "label", "name"))
    # The file has Windows paths such as Aaron_Eckhart\Aaron_Eckhart_0001.jpg.
    names = [Path(*PureWindowsPath(name).parts) for name in contents["name"]]
    columns = [folded_name(name).replace(" ", "_") for name in contents["AttrName"]]
    wanted = [folded_name(name) for name in CELEBA_40.names]
    if sorted(columns) != sorted(wanted):
        other = sorted({*columns} ^ {*wanted})
        raise ValueError(
            f"{path.name}: expected CelebA's 40 attributes in AttrName, got {len(columns)} names that differ in "
            f"{', '.join(other[:3])}; download it again"
        )
    label = np.asarray(contents["label"])
    if label.shape != (len(names), len(columns)) or not np.isin(label, (0, 1)).all():
        raise ValueError(
            f"{path.name}: expected a label of shape ({len(names)}, {len(columns)}) with values 0 and 1, got shape "
            f"{label.shape} with values {np.unique(label)[:5].tolist()}; download it again"
        )
    return names, label[:, [columns.index(name) for name in wanted]].astype(np.int8)


def _indices(path: Path, key: str, count: int) -> list[int]:
    """Read the rows of a split. The file counts them from 1."""
    rows = np.asarray(_read_mat(path, (key,))[key]).ravel()
    if not rows.size or rows.min() < 1 or rows.max() > count or len(np.unique(rows)) != len(rows):
        got = f"{rows.min()} to {rows.max()}" if rows.size else "none"
        raise ValueError(
            f"{path.name}: expected different numbers 1 to {count} in {key}, as {_ATTRIBUTES} has {count} images, got "
            f"{len(rows)} numbers {got}; download both again"
        )
    return [int(row) - 1 for row in rows]


def _read_mat(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read variables of a .mat file: a matrix as an array, a cell array of texts as a list."""
    with path.open("rb") as file:
        hdf5 = file.read(16).startswith(_HDF5)
    try:
        found = _read_hdf5(path, keys) if hdf5 else _read_version_5(path, keys)
    except ImportError:
        raise
    except Exception as error:  # scipy and h5py raise any type on a damaged file
        raise ValueError(
            f"{path.name}: expected a MATLAB file, got one that is not readable ({error}); download it again"
        ) from error
    missing = [key for key in keys if key not in found]
    if missing:
        raise ValueError(f"{path.name}: expected {', '.join(keys)}, got no {', '.join(missing)}; download it again")
    return found


def _read_version_5(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read variables of a .mat file of version 5 to 7."""
    from scipy.io import loadmat

    contents = loadmat(path, variable_names=keys)
    found = {key: contents[key] for key in keys if key in contents}
    return {
        key: [str(cell.item()) for cell in value.ravel()] if value.dtype == object else value
        for key, value in found.items()
    }


def _read_hdf5(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    """Read variables of a .mat file of version 7.3. Its matrices are transposed, its texts are arrays of letters."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{path.name}: expected h5py for MATLAB's version 7.3, got no such package; pip install h5py"
        ) from error
    found: dict[str, Any] = {}
    with h5py.File(path, "r") as file:
        for key in keys:
            if key not in file:
                continue
            value = file[key][()]
            if value.dtype == object:
                # The column-major order of MATLAB is the row-major order of the transposed array.
                found[key] = ["".join(map(chr, file[cell][()].ravel(order="F"))) for cell in value.ravel()]
            else:
                found[key] = value.T
    return found
