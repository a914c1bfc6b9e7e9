"""OpenCV's Haar cascades find faces, their roll and their frame."""

from __future__ import annotations

import csv
import threading
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np
import pytest

from facekit.alignment import ALIGN, FaceFramer, Frame, roll_of_points
from facekit.detection import haar
from facekit.detection.face import Face, landmark_box
from facekit.detection.haar import haar_faces
from facekit.geometry.affine import box_of_points, crop_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.labels import LANDMARKS_68

# Of the astronaut, in the whole image; it leans by itself.
MIDDLE, LEAN = (223.0, 113.0), 2.9


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(pytest.importorskip("skimage.data").astronaut())


def centre(face: Face) -> np.ndarray:
    return (np.array(face.box[:2]) + np.array(face.box[2:])) / 2


@pytest.mark.parametrize("roll", [0.0, 15.0, -15.0])
@pytest.mark.parametrize("side", [200, 360])
def test_a_face_is_found_with_its_roll(astronaut: np.ndarray, roll: float, side: int) -> None:
    # A crop like the paper's, of one face, turned clockwise by `roll`.
    crop = AffineCrop(crop_matrix((101, 0, 341, 240), side, roll=-roll), side)
    faces = haar_faces(crop.image(astronaut))
    assert np.abs(centre(faces[0]) - crop.points(MIDDLE)).max() < 0.06 * side
    assert abs(faces[0].roll - (roll + LEAN)) < 5
    assert 0.3 < (faces[0].box[2] - faces[0].box[0]) / side < 0.6


def test_faces_of_a_whole_image_come_largest_first(astronaut: np.ndarray) -> None:
    # Once as it is, and beside that smaller.
    small = cv2.resize(astronaut[:240, 101:341], (150, 150), interpolation=cv2.INTER_AREA)
    canvas = np.full((420, 640, 3), 90, np.uint8)
    canvas[30:270, 20:260], canvas[200:350, 400:550] = astronaut[:240, 101:341], small
    faces = haar_faces(canvas)
    sides = [face.box[2] - face.box[0] for face in faces]
    assert sides == sorted(sides, reverse=True) and all(face.score == 1 for face in faces)
    assert np.abs(centre(faces[0]) - (142, 143)).max() < 15
    assert any(np.abs(centre(face) - (476, 271)).max() < 10 for face in faces[1:])


def test_the_first_cascade_that_sees_something_decides(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    crop = np.ascontiguousarray(astronaut[:240, 101:341])
    whole = haar_faces(crop)
    monkeypatch.setattr(haar, "_CASCADES", haar._CASCADES[2:])
    others = haar_faces(crop)
    assert others and others != whole
    monkeypatch.setattr(haar, "_ROUNDS", (0.95,))
    assert haar_faces(crop) == []


def test_no_face_no_result() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), (0, 0), 3)
    assert haar_faces(noise) == []
    assert haar_faces(np.zeros((5, 5, 3), np.uint8)) == []
    assert haar_faces(np.full((1, 300, 3), 200, np.uint8)) == []


def test_align_haar_frames_the_faces(astronaut: np.ndarray) -> None:
    crop = np.ascontiguousarray(astronaut[:240, 101:341])
    assert "haar" in ALIGN
    frames = FaceFramer().frames(crop, "haar")
    assert frames == [Frame(landmark_box(face), face.roll) for face in haar_faces(crop)] and frames
    upright = frames[0].crop(crop.shape[:2], 160).image(crop)
    (again, *_) = haar_faces(upright)
    assert abs(again.roll) < 5 and np.abs(centre(again) - (79.5, 72)).max() < 12
    # Boxes of one's own need no search.
    (given,) = FaceFramer().frames(np.zeros_like(crop), "haar", [(60, 60, 160, 160)])
    assert given == Frame(landmark_box(Face((60, 60, 160, 160))))


def test_threads_agree(astronaut: np.ndarray) -> None:
    crop = np.ascontiguousarray(astronaut[:240, 101:341])
    expected = haar_faces(crop)
    results: list[list[Face]] = []
    threads = [threading.Thread(target=lambda: results.append(haar_faces(crop))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 3


def test_missing_cascades_say_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    monkeypatch.setattr(haar, "_local", threading.local())
    with pytest.raises(RuntimeError, match="opencv-python-headless>=4.10,<5"):
        haar_faces(np.zeros((100, 100, 3), np.uint8))


def test_wrong_images_are_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(ValueError, match="float32"):
        haar_faces(astronaut.astype(np.float32))
    with pytest.raises(ValueError, match=r"uint8 \(512, 512\)"):
        haar_faces(astronaut[..., 0])
    with pytest.raises(ValueError, match="load_image"):
        haar_faces("face.jpg")  # type: ignore[arg-type]


def test_faces_of_300w_are_found_and_framed(data: Path) -> None:
    folder = data / "300w"
    with (folder / "index.csv").open() as file:
        rows = list(csv.reader(file))[8::30]  # others than those whose medians the file quotes
    found, false, errors, rolls = 0, 0, [], []
    for row in rows:
        points = np.array([float(v) for v in row[2:]]).reshape(68, 2)
        faces = haar_faces(cv2.cvtColor(cv2.imread(str(folder / "images" / row[0])), cv2.COLOR_BGR2RGB))
        false += sum(not _hits(face, points) for face in faces)
        if not faces or not _hits(faces[0], points):
            continue
        found += 1
        roll = roll_of_points(points, LANDMARKS_68)
        wanted = box_of_points(points, roll=roll)
        errors.append(np.abs(np.array(landmark_box(faces[0])) - wanted).max() / (wanted[2] - wanted[0]))
        if faces[0].roll:
            rolls.append(abs(faces[0].roll - roll))
    assert found >= 0.95 * len(rows) and false <= 3, (found, false, len(rows))
    assert np.median(errors) < 0.09 and np.median(rolls) < 1.5 and len(rolls) > 0.6 * len(rows)


@pytest.mark.slow
def test_group_photos_are_searched(data: Path) -> None:
    folder = data / "dlib_faces"
    found = total = 0
    for name in ("training", "testing"):
        for element in ElementTree.parse(folder / f"{name}_with_face_landmarks.xml").getroot().iter("image"):
            faces = haar_faces(cv2.cvtColor(cv2.imread(str(folder / element.attrib["file"])), cv2.COLOR_BGR2RGB))
            for box in element.iter("box"):
                points = np.array([[float(p.attrib["x"]), float(p.attrib["y"])] for p in box.iter("part")])
                found += any(_hits(face, points) for face in faces)
                total += 1
    assert total == 43 and found >= 31, found


def _hits(face: Face, points: np.ndarray) -> bool:
    low, high = points.min(0), points.max(0)
    side = (high - low).max()
    off = np.abs(centre(face) - (low + high) / 2).max()
    return bool(off < 0.45 * side and 0.6 < (face.box[2] - face.box[0]) / side < 1.9)
