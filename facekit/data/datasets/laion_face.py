"""LAION-Face: numbers of the 50 million images of LAION-400M with faces, and the faces that its authors detected.

FaRL is pre-trained on 20 million of them (section 3.1). Zheng et al., "General Facial Representation Learning in a
Visual-Linguistic Manner", CVPR 2022, https://arxiv.org/abs/2112.03109. Home page:
https://github.com/FacePerceiver/LAION-Face. Licence of the numbers: CC BY 4.0. The images and texts are LAION's:
`facekit shard` makes them into shards.

The files are pickles of torch.save. They are read by a restricted unpickler: numbers, containers and numpy arrays are
made, and anything else is an error.
"""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .files import dataset_folder

PARTS = 32
"""Number of the parts of LAION-Face, those of LAION-400M."""
PARTS_20M = (0, 2, 5, 8, 13, 15, 17, 18, 21, 22, 24, 25, 28)
"""Parts of LAION-Face 20M, on which FaRL is pre-trained."""

_HOME = "https://github.com/FacePerceiver/LAION-Face"
_IDS = "laion_face_ids.pth"
_LAYOUT = f"{_IDS}, and sample2detect_0.pth to sample2detect_{PARTS - 1}.pth for the detections"
# First number of a file of torch.save before torch 1.6.
_OLD_FORMAT = 0x1950A86A20F9469CFC6C
_EXPECTED = "expected a file of torch.save with plain numbers and numpy arrays"


@dataclass(frozen=True, eq=False)
class DetectedFaces:
    """The F faces that were detected in an image, in the pixels of the image as it was downloaded.

    Attributes:
        boxes: (F,4) float32, (x0,y0,x1,y1).
        points: (F,5,2) float32 x,y of eyes, nose and corners of the mouth, from the viewer's left.
        scores: (F,) float32, the detector's confidence, 0 to 1.
    """

    boxes: NDArray[np.float32]
    points: NDArray[np.float32]
    scores: NDArray[np.float32]


class LaionFaceDetections(Mapping[int, DetectedFaces]):
    """Detected faces of one part by LAION's SAMPLE_ID. A part takes about 1 GB of disk and several of memory."""

    def __init__(self, folder: str | os.PathLike[str], part: int):
        """Read a part.

        Args:
            folder: The folder of the files sample2detect_0.pth to sample2detect_31.pth.
            part: Number of the part, 0 to 31.

        Raises:
            FileNotFoundError: If the file is missing. The text lists the expected files.
            ValueError: If the part is out of range, or the file is damaged or holds other objects.
        """
        name = f"sample2detect_{_checked_part(part)}.pth"
        path = dataset_folder(folder, (name,), "LAION-Face", _LAYOUT, _HOME) / name
        contents = _read_torch(path)
        if not isinstance(contents, dict):
            raise ValueError(
                f"{name}: expected a dictionary of faces by SAMPLE_ID, got {type(contents).__name__}; download it again"
            )
        self._name, self._faces_of = name, contents

    def __len__(self) -> int:
        return len(self._faces_of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._faces_of)

    def __getitem__(self, sample_id: int) -> DetectedFaces:
        faces = self._faces_of[sample_id]
        try:
            boxes = np.array([face[0] for face in faces], np.float32).reshape(len(faces), 4)
            points = np.array([face[1] for face in faces], np.float32).reshape(len(faces), 5, 2)
            scores = np.array([face[2] for face in faces], np.float32).reshape(len(faces))
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise ValueError(
                f"{self._name}, SAMPLE_ID {sample_id}: expected a box of 4 numbers, 5 points and a score per face, got "
                f"others ({error}); download it again"
            ) from error
        return DetectedFaces(boxes, points, scores)


def laion_face_ids(folder: str | os.PathLike[str], part: int) -> NDArray[np.int64]:
    """Read the SAMPLE_IDs of LAION-400M's images with faces.

    Args:
        folder: The folder of laion_face_ids.pth.
        part: Number of the part, 0 to 31. `PARTS_20M` lists those of LAION-Face 20M.

    Returns:
        (N,) int64 SAMPLE_IDs in ascending order.

    Raises:
        FileNotFoundError: If the file is missing. The text lists the expected files.
        ValueError: If the part is out of range, or the file is damaged or holds other objects.
    """
    part = _checked_part(part)
    path = dataset_folder(folder, (_IDS,), "LAION-Face", _LAYOUT, _HOME) / _IDS
    contents = _read_torch(path)
    count = len(contents) if isinstance(contents, (list, tuple, dict)) else 0
    if count != PARTS:
        raise ValueError(f"{_IDS}: expected {PARTS} lists of SAMPLE_IDs, got {count}; download it again")
    numbers = contents[part]
    try:
        ids = np.unique(np.asarray(list(numbers) if isinstance(numbers, (set, frozenset)) else numbers))
        if ids.dtype.kind not in "iu":
            raise ValueError(f"values of {ids.dtype}")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_IDS}, part {part}: expected whole numbers, got others ({error}); download it again") from (
            error
        )
    return ids.astype(np.int64)


def _checked_part(part: int) -> int:
    """Return the number of a part. Raise ValueError if it is out of range."""
    if not 0 <= part < PARTS:
        raise ValueError(f"part of LAION-Face: expected 0 to {PARTS - 1}, got {part}; pass one of them")
    return part


def _read_torch(path: Path) -> Any:
    """Read a file of torch.save without making any object that `_KNOWN` does not list."""
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                # Before torch 1.6: a number that marks the format, its version, and facts about the machine.
                file.seek(0)
                if _Unpickler(file).load() != _OLD_FORMAT:
                    raise pickle.UnpicklingError("it is another pickle")
                _Unpickler(file).load(), _Unpickler(file).load()
                return _Unpickler(file).load()
            with zipfile.ZipFile(file) as archive:
                names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
                if len(names) != 1:
                    raise pickle.UnpicklingError("the archive has no data.pkl")
                with archive.open(names[0]) as data:
                    return _Unpickler(data).load()
    except Exception as error:  # a damaged pickle raises any type
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path.name}: {_EXPECTED}, got another one ({reason}); download it again") from error


class _NumericType:
    """Type of an array in a pickle."""

    def __init__(self, code: str, *_: Any):
        self.dtype = np.dtype(code)
        if self.dtype.kind not in "biuf":
            raise pickle.UnpicklingError(f"it has an array of {self.dtype}, which is not allowed")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")


class _Array:
    """Array in a pickle. numpy converts it by `__array__`."""

    def __init__(self, *_: Any):
        self.values: NDArray[Any] = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, column_major, data = state
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order="F" if column_major else "C")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.values if dtype is None else self.values.astype(dtype)


def _scalar(kind: _NumericType, data: bytes) -> Any:
    """Return a number from its bytes."""
    return np.frombuffer(data, kind.dtype, 1)[0]


def _encoded(text: str, encoding: str) -> bytes:
    """Return the bytes that pickles of protocol 2 hold as text."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it names the encoding {encoding!r}, which is not allowed")
    return text.encode("latin1")


# What stands for the classes and functions of a pickle. numpy 1 has the module numpy.core instead of numpy._core.
_KNOWN: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encoded,
    "builtins.set": set,
    "__builtin__.set": set,
    "numpy.dtype": _NumericType,
    "numpy.ndarray": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray.scalar": _scalar,
}


class _Unpickler(pickle.Unpickler):
    """Unpickler of numbers, containers and numpy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a class or function. Raise UnpicklingError if it is not listed."""
        known = _KNOWN.get(f"{module}.{name}".replace("numpy.core.", "numpy._core."))
        if known is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not allowed")
        return known
