"""Labelled faces that mosaics are made of. None of them is in a set that scores the face finder."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from facekit.alignment import five_points
from facekit.data.face_sources import (
    CELEBAHQ_BOX,
    TEST_300W,
    celebahq128,
    data_folder,
    landmarks_300w,
    pseudo_landmarks,
)
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.detection import Face, landmark_box
from facekit.images.reader import load_image
from facekit.labels import LANDMARKS_68
from facekit.model import ready_model

from ..utkface_groups import trained_images

# Box of a face from its 68 points, in the frame of the face: the points' box is widened on both sides, and raised by
# parts of its height, as annotators of WIDER FACE draw from chin to forehead.
WIDEN = 0.02
RAISE = 0.28
LOWER = 0.02
CELEBAHQ = 8000
LFW_STEP = 5
GENERATED = 2400
GENERATED_SIDE = 144
# Turned away: the data sets of photos have few such faces.
GENERATED_YAW = (-75.0, 75.0)
GENERATED_FRAMING = 2.4
# Faces of UTKFace and lfw_parts in their images, for the landmark model.
UTKFACE_SQUARE = (-26.9, -28.3, 153.5, 152.5)
LFW_PARTS_SQUARE = (24.0, 35.0, 187.0, 198.0)
SIDE_300W = 192


@dataclass(frozen=True)
class FaceGroup:
    """Faces of one source.

    Attributes:
        images: (N,S,S,3) uint8 RGB.
        points: (N,68,2) float32, pixels.
        heads: (N,S,S) bool, where the person is, or None if that is not known.
    """

    images: np.ndarray
    points: np.ndarray
    heads: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)


def face_of_points(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what the network learns of a face.

    Args:
        points: (68,2), pixels.

    Returns:
        (14,): centre x and y, width and height of its box in its own frame, five points x and y; and its roll, degrees.
    """
    five = five_points(points, LANDMARKS_68)
    assert five is not None
    roll = roll_of_five(five)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[c, -s], [s, c]])  # points @ turn are upright
    upright = points @ turn
    (x0, y0), (x1, y1) = upright.min(0), upright.max(0)
    w, h = x1 - x0, y1 - y0
    x0, x1, y0, y1 = x0 - WIDEN * w, x1 + WIDEN * w, y0 - RAISE * h, y1 + LOWER * h
    centre = turn @ np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.concatenate([centre, [x1 - x0, y1 - y0], five.ravel()]), roll


def roll_of_five(five: np.ndarray) -> float:
    """Return the roll of a face in degrees, from both the line of the eyes and the line down to the mouth."""
    across, down = five[1] - five[0], five[3:].mean(0) - five[:2].mean(0)
    x = across + np.array([down[1], -down[0]])
    return float(np.degrees(np.arctan2(x[1], x[0])))


def face_groups(cache: Path) -> dict[str, FaceGroup]:
    """Return all sources.

    Args:
        cache: Folder that keeps what was read, generated and labelled before.
    """
    return {name: _cached(cache / f"{name}.npz", read) for name, read in _SOURCES.items()}


def _cached(path: Path, read: Callable[[], FaceGroup]) -> FaceGroup:
    """Read a source from its file; make the file first if there is none."""
    if not path.is_file():
        group = read()
        heads = {} if group.heads is None else {"heads": group.heads}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=group.images, points=group.points, **heads)
    with np.load(path) as file:
        return FaceGroup(file["images"], file["points"], file.get("heads"))


def _celebahq() -> FaceGroup:
    """Read CelebA-HQ's faces with the points of another program."""
    pseudo = pseudo_landmarks()
    known = ((image, pseudo[name[:-4]]) for name, image, _ in celebahq128() if name[:-4] in pseudo)
    images, points = zip(*itertools.islice(known, CELEBAHQ), strict=True)
    return FaceGroup(np.stack(images), np.stack(points))


def _train_300w() -> FaceGroup:
    """Read 300-W without the subset that scores landmarks."""
    paths, subsets, points = landmarks_300w()
    train = [i for i, subset in enumerate(subsets) if subset != TEST_300W]
    return _resized(((load_image(paths[i]), points[i], None) for i in train), SIDE_300W)


def _generated() -> FaceGroup:
    """Generate faces of all yaws and pitches."""
    faces = GeneratedFaces(seed=21, size=GENERATED_SIDE, domain="wild", yaw=GENERATED_YAW, framing=GENERATED_FRAMING)
    images, points, heads = [], [], []
    for start in range(0, GENERATED, 100):
        batch = faces.batch(range(start, start + 100), want=("image", "landmarks68", "mask"))
        images.append(batch["image"].permute(0, 2, 3, 1).numpy())
        points.append(batch["landmarks68"].numpy())
        heads.append(batch["mask"].numpy() > 0)
    return FaceGroup(np.concatenate(images), np.concatenate(points), np.concatenate(heads))


def _rendered() -> FaceGroup:
    """Read the sample of FaceSynthetics."""
    folder = data_folder("facesynthetics")
    with (folder / "landmarks70.csv").open() as file:
        rows = list(csv.reader(file))[1:]

    def faces() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        for row in rows:
            points = np.array([float(v) for v in row[1:]], np.float32).reshape(-1, 2)[:68]
            mask = cv2.imread(str(next((folder / "masks").glob(f"{Path(row[0]).stem}.*"))), cv2.IMREAD_UNCHANGED)
            yield load_image(folder / "images" / row[0]), points, (mask > 0) & (mask != 255)

    return _resized(faces(), 256)


def _celebamask() -> FaceGroup:
    """Read CelebAMask-HQ's training faces, with the points of the ready landmark model."""
    folder = data_folder("celebamask")
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "train"]
    images = [load_image(folder / "images" / row["image"]) for row in rows]
    masks = [cv2.imread(str(folder / "masks" / row["mask"]), cv2.IMREAD_GRAYSCALE) > 0 for row in rows]
    side = images[0].shape[0]
    points = _pointed(images, tuple(v * side - 0.5 for v in CELEBAHQ_BOX)).points
    return _resized(zip(images, points, masks, strict=True), SIDE_300W)


def _lfw_parts() -> FaceGroup:
    """Read LFW's photos of labelled parts."""
    folder = data_folder("lfw_parts")
    return _pointed([load_image(path) for path in sorted((folder / "images").glob("*"))], LFW_PARTS_SQUARE)


def _utkface() -> FaceGroup:
    """Read UTKFace without the images that are scored."""
    return _pointed([load_image(path) for path in trained_images()], UTKFACE_SQUARE)


def _lfw() -> FaceGroup:
    """Read a part of LFW's aligned faces."""
    images = [image for _, image, _ in celebahq128(data_folder("lfw128"))][::LFW_STEP]
    side = images[0].shape[0]
    return _pointed(images, tuple(v * side - 0.5 for v in CELEBAHQ_BOX))


def _pointed(images: list[np.ndarray], square: tuple[float, ...]) -> FaceGroup:
    """Label images by the ready landmark model.

    Args:
        images: Images of one size.
        square: (x0, y0, x1, y1) of the face in all of them, 1.6 times the box of its points.
    """
    boxes = [[_framed_by(square)]] * len(images)
    results = ready_model("landmarks").predict(images, faces=boxes, align="box")
    points = [face.points for result in results for face in result]
    return FaceGroup(np.stack(images), np.stack(points).astype(np.float32))


def _framed_by(square: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Return the box of a face that `landmark_box` frames by a square."""
    x0, y0, x1, _ = landmark_box(Face((0.0, 0.0, 1.0, 1.0)))
    side = (square[2] - square[0]) / (x1 - x0)
    left, top = square[0] - x0 * side, square[1] - y0 * side
    return (left, top, left + side, top + side)


def _resized(faces: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]], side: int) -> FaceGroup:
    """Return square faces at another size."""
    images, points, heads = [], [], []
    for image, own, head in faces:
        scale = side / image.shape[0]
        images.append(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
        points.append((own + 0.5) * scale - 0.5)
        if head is not None:
            small = cv2.resize(head.astype(np.uint8), (side, side), interpolation=cv2.INTER_AREA)
            heads.append(small > 0)
    return FaceGroup(np.stack(images), np.stack(points), np.stack(heads) if heads else None)


_SOURCES: dict[str, Callable[[], FaceGroup]] = {
    "celebahq": _celebahq,
    "lfw": _lfw,
    "lfw_parts": _lfw_parts,
    "utkface": _utkface,
    "300w": _train_300w,
    "generated": _generated,
    "rendered": _rendered,
    "celebamask": _celebamask,
}
