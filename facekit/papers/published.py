"""Published data sets with their official splits: what the papers train and score on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..data.datasets import (
    AttributeFace,
    PointedFace,
    aflw_faces,
    celeba_faces,
    celebamask_hq_faces,
    crops,
    helen_faces,
    lapa_faces,
    lfwa_faces,
    w300_faces,
    wflw_faces,
)
from ..data.datasets.files import read_points
from ..detection.face import Face
from ..labels import CELEBA_40, CELEBAMASK_19, HELEN_11, LAPA_11
from .labelled_faces import LabelledFaces, LazyImages, Published
from .needs import celeba_points


def _pointed(faces: Sequence[PointedFace], by_box: bool) -> LabelledFaces:
    """Return faces with points. Each image is read once for its points, and again when it is cropped."""
    points, boxes = [], []
    for face in faces:
        points.append(face.points)
        boxes.append(face.box)
    known = [box for box in boxes if box is not None]
    if not by_box:
        return LabelledFaces(LazyImages(faces), points)
    return LabelledFaces(LazyImages(faces), points, [Face(box) for box in known], np.array(known))


def w300(root: Path, split: str) -> LabelledFaces:
    """Open 300-W whole, see `w300_faces`."""
    return _pointed(w300_faces(root / "300w", split), by_box=False)


def _attributed(faces: Sequence[AttributeFace], points: dict[str, np.ndarray] | None) -> LabelledFaces:
    """Return faces with attributes. With ``points``, the five points of each image align it."""
    names, values = [], []
    for face in faces:
        names.append(face.name)
        values.append(face.values)
    found = None if points is None else [_face(points[name]) for name in names]
    return LabelledFaces(LazyImages(faces), values, found)


def _face(points: np.ndarray) -> Face:
    """Return a face by its five points (5, 2)."""
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return Face((float(x0), float(y0), float(x1), float(y1)), points=tuple((float(x), float(y)) for x, y in points))


def _celeba_points(folder: Path) -> dict[str, np.ndarray]:
    """Read the five points of CelebA's aligned images."""
    lines = celeba_points(folder).read_text().splitlines()[2:]
    rows = (line.split() for line in lines if line.strip())
    return {row[0]: np.array(row[1:11], np.float64).reshape(5, 2) for row in rows}


def celeba(root: Path, split: str) -> LabelledFaces:
    """Open CelebA's aligned images with the data set's five points (FaRL, appendix)."""
    folder = root / "CelebA"
    return _attributed(celeba_faces(folder, split), _celeba_points(folder))


# LaPa's points that are eyes, nose tip and corners of the mouth.
_LAPA_FIVE = (104, 105, 54, 84, 90)


def lapa(root: Path, split: str) -> LabelledFaces:
    """Open LaPa in its own classes. Each face is aligned by five of its points (FaRL, appendix)."""
    faces = lapa_faces(root / "lapa", split, LAPA_11)
    folder = root / "lapa" / split / "landmarks"
    points = [read_points(folder / f"{Path(path).stem}.txt", 106)[list(_LAPA_FIVE)] for path in faces.items]
    return LabelledFaces(LazyImages(faces), [face.mask for face in faces], [_face(five) for five in points])


def celebamask(root: Path, split: str) -> LabelledFaces:
    """Open CelebAMask-HQ in its own classes. Its images are aligned already."""
    faces = celebamask_hq_faces(root / "CelebAMask-HQ", split, CELEBAMASK_19)
    return LabelledFaces(LazyImages(faces), [face.mask for face in faces])


def helen(root: Path, split: str, side: int) -> LabelledFaces:
    """Open crops of Helen in its own classes."""
    return LabelledFaces(*crops(helen_faces(root / "helen", split, HELEN_11), side))


def _same(read: Callable[[Path, str], LabelledFaces], split: str) -> Callable[[Path, int], LabelledFaces]:
    return lambda root, side: read(root, split)


def _reader(read: Callable[[Path, str], LabelledFaces], *tests: str) -> dict[str, Callable[[Path, int], LabelledFaces]]:
    return {name: _same(read, name) for name in tests}


def _aflw(root: Path, split: str) -> LabelledFaces:
    return _pointed(aflw_faces(root / "AFLW", split), by_box=True)


def _wflw(root: Path, split: str) -> LabelledFaces:
    return _pointed(wflw_faces(root / "WFLW", split), by_box=True)


def _lfwa(root: Path, split: str) -> LabelledFaces:
    return _attributed(lfwa_faces(root / "LFWA", split), None)


def _helen(split: str) -> Callable[[Path, int], LabelledFaces]:
    return lambda root, side: helen(root, split, side)


_F1 = "f1_{}".format
_NME = "nme_inter_ocular"
_WFLW_TESTS = ("test", "pose", "expression", "illumination", "make-up", "occlusion", "blur")

LAPA = Published(
    "segmentation",
    LAPA_11,
    "tanh",
    _same(lapa, "train"),
    _reader(lapa, "test"),
    {name: ("test", _F1(name)) for name in LAPA_11.classes[1:]} | {"mean": ("test", "f1_mean")},
)
CELEBAMASK_HQ = Published(
    "segmentation",
    CELEBAMASK_19,
    "none",
    _same(celebamask, "train"),
    _reader(celebamask, "test"),
    {name: ("test", _F1(name)) for name in CELEBAMASK_19.classes[1:]} | {"mean": ("test", "f1_mean")},
)
AFLW_19 = Published(
    "landmarks",
    "19",
    "box",
    _same(_aflw, "train"),
    _reader(_aflw, "full", "frontal"),
    {
        "NME_diag, full": ("full", "nme_diag"),
        "NME_diag, frontal": ("frontal", "nme_diag"),
        "NME_box, full": ("full", "nme_box"),
        "AUC7_box, full": ("full", "auc7_box"),
    },
)
WFLW = Published(
    "landmarks",
    "98",
    "box",
    _same(_wflw, "train"),
    _reader(_wflw, *_WFLW_TESTS),
    {f"NME, {'full' if name == 'test' else name}": (name, _NME) for name in _WFLW_TESTS}
    | {"FR10, full": ("test", "fr10_inter_ocular"), "AUC10, full": ("test", "auc10_inter_ocular")},
)
W300 = Published(
    "landmarks",
    "68",
    "landmarks",
    _same(w300, "train"),
    _reader(w300, "common", "challenge", "full"),
    {f"NME, {name}": (name, _NME) for name in ("common", "challenge", "full")},
)
# FSMA scores 300-W's "full" by parts of the points.
W300_PARTS = replace(
    W300,
    tests=_reader(w300, "full"),
    metrics={"inside": ("full", f"{_NME}_inside"), "outline": ("full", f"{_NME}_outline"), "all": ("full", _NME)},
)
_ATTRIBUTES = {"mAcc": ("test", "accuracy")}
CELEBA = Published("attributes", CELEBA_40, "mean", _same(celeba, "train"), _reader(celeba, "test"), _ATTRIBUTES)
LFWA = Published("attributes", CELEBA_40, "mean", _same(_lfwa, "train"), _reader(_lfwa, "test"), _ATTRIBUTES)
# FSMA trains on 2,000 images of Helen and scores on the 230 of its validation set.
HELEN = Published(
    "segmentation",
    HELEN_11,
    "none",
    _helen("train"),
    {"val": _helen("val")},
    {name: ("val", _F1(key)) for name, key in (("face", "skin"), ("eyebrows", "brows"))}
    | {name: ("val", _F1(name)) for name in ("eyes", "nose", "mouth", "overall")},
)
