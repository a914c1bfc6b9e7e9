"""The face finder finds faces of any size and roll, and checks given bounding boxes."""

from __future__ import annotations

import csv
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.ready_models import face_finder
from facekit.alignment import roll_of_points
from facekit.detection.face import Face, check_boxes, landmark_box
from facekit.detection.face_finder import find_faces
from facekit.geometry.affine import box_of_points, crop_matrix, invert, transform_points
from facekit.geometry.affine_crop import AffineCrop
from facekit.images import ImageError, save_image
from facekit.labels import LANDMARKS_68


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return np.asarray(pytest.importorskip("skimage.data").astronaut())


@pytest.fixture(autouse=True)
def no_yunet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache, so that the embedded network searches."""
    monkeypatch.setenv("FACEKIT_HOME", str(tmp_path))


def embedded(image: np.ndarray) -> list[Face]:
    return find_faces(image, detector="embedded")


def centre(face: Face) -> np.ndarray:
    return (np.array(face.box[:2]) + np.array(face.box[2:])) / 2


def test_one_face_is_found_where_it_is(astronaut: np.ndarray) -> None:
    faces = find_faces(astronaut)
    assert len(faces) == 1
    face = faces[0]
    assert np.abs(centre(face) - (221, 120)).max() < 15
    assert 70 < face.box[2] - face.box[0] < 130 and face.score > 0.9 and abs(face.roll) < 15


def test_every_kind_of_image_gives_the_same_faces(astronaut: np.ndarray, tmp_path: Path) -> None:
    save_image(astronaut, tmp_path / "astronaut.png")
    expected = find_faces(astronaut)
    assert len(expected) == 1
    tensor = torch.from_numpy(astronaut).permute(2, 0, 1)
    for image in (tmp_path / "astronaut.png", str(tmp_path / "astronaut.png"), Image.fromarray(astronaut), tensor):
        assert find_faces(image) == expected


def test_the_mirrored_image_gives_the_mirrored_face(astronaut: np.ndarray) -> None:
    (face,), (other,) = find_faces(astronaut), find_faces(np.ascontiguousarray(astronaut[:, ::-1]))
    assert abs(511 - centre(other)[0] - centre(face)[0]) < 8
    assert abs(centre(other)[1] - centre(face)[1]) < 8


@pytest.mark.slow
def test_a_face_is_found_at_other_sizes_in_the_pixels_that_came_in(astronaut: np.ndarray) -> None:
    (face,) = find_faces(astronaut)
    for factor in (0.4, 3.0):
        big = cv2.resize(astronaut, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        (found,) = find_faces(big)
        assert np.abs(centre(found) - ((centre(face) + 0.5) * factor - 0.5)).max() < 10 * factor
        assert (found.box[2] - found.box[0]) / factor == pytest.approx(face.box[2] - face.box[0], rel=0.15)


@pytest.mark.parametrize("roll", [32.0, -32.0])
def test_a_rolled_face_comes_with_its_roll(astronaut: np.ndarray, roll: float) -> None:
    # Turning the image clockwise by `roll` turns the face clockwise.
    (face,) = find_faces(astronaut)
    crop = AffineCrop(crop_matrix((100, 0, 340, 240), 360, roll=-roll), 360)
    turned = crop.image(astronaut)
    (found,) = find_faces(turned)
    assert abs(found.roll - (roll + face.roll)) < 12
    assert np.abs(centre(found) - crop.points(centre(face))).max() < 20
    upright = AffineCrop(crop_matrix(landmark_box(found), 128, found.roll), 128).image(turned)
    (again,) = find_faces(upright)
    assert abs(again.roll) < 15 and np.abs(centre(again) - 63.5).max() < 16


def test_no_face_no_result() -> None:
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.integers(0, 256, (300, 400, 3), dtype=np.uint8), (0, 0), 3)
    assert find_faces(noise) == []
    assert find_faces(np.zeros((5, 5, 3), np.uint8)) == []
    assert find_faces(np.full((1, 300, 3), 200, np.uint8)) == []


def test_min_size_keeps_small_faces_out(astronaut: np.ndarray) -> None:
    assert find_faces(astronaut, min_size=200) == []
    assert len(find_faces(astronaut, min_size=60)) == 1


def test_small_faces_come_with_min_size(astronaut: np.ndarray) -> None:
    canvas = np.full((600, 1600, 3), 90, np.uint8)
    small = cv2.resize(astronaut[40:240, 120:320], (40, 40), interpolation=cv2.INTER_AREA)
    canvas[200:240, 900:940] = small
    assert find_faces(canvas) == []
    (face,) = find_faces(canvas, min_size=20)
    assert np.abs(centre(face) - (920, 216)).max() < 5


@pytest.mark.parametrize("border", [0, 40])
def test_a_face_that_fills_the_image_is_found(astronaut: np.ndarray, border: int) -> None:
    # Chin and forehead are cut off without a border.
    face = np.ascontiguousarray(astronaut[75:165, 178:268])
    image = cv2.copyMakeBorder(face, *[border] * 4, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    (found,) = find_faces(image)
    assert np.abs(centre(found) - (44 + border, 43 + border)).max() < 14
    assert 70 < found.box[2] - found.box[0] < 120


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_sideways_faces_are_found(astronaut: np.ndarray, quarters: int) -> None:
    (upright,) = find_faces(astronaut)
    found, *_ = find_faces(np.ascontiguousarray(np.rot90(astronaut, quarters)))
    turned = (found.roll + 90 * quarters - upright.roll + 180) % 360 - 180
    assert abs(turned) < 15


def test_five_points_lie_on_the_face(astronaut: np.ndarray) -> None:
    (face,) = find_faces(astronaut)
    assert face.points is not None
    left, right, nose, left_mouth, right_mouth = np.array(face.points)
    for point, expected in ((left, (204, 107)), (right, (246, 107)), (nose, (227, 130)), (left_mouth, (207, 147))):
        assert np.abs(point - expected).max() < 9
    assert right_mouth[0] > left_mouth[0] + 20


def test_an_unknown_detector_is_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(ValueError, match="detector='dlib': expected one of 'auto', 'yunet', 'embedded'"):
        find_faces(astronaut, detector="dlib")


def test_the_callers_settings_stay(astronaut: np.ndarray) -> None:
    threads, random = torch.get_num_threads(), torch.get_rng_state()
    with torch.autocast("cpu", torch.bfloat16):
        found = find_faces(astronaut)
    assert found == find_faces(astronaut)
    assert torch.get_num_threads() == threads and torch.equal(torch.get_rng_state(), random)
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_wrong_images_are_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"expected .*\[0, ?1\]"):
        find_faces(astronaut.astype(np.float32))
    with pytest.raises(ImageError, match=r"missing\.jpg: no such file"):
        find_faces("missing.jpg")
    with pytest.raises(ImageError, match="got list"):
        find_faces([astronaut])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="min_size=-3"):
        find_faces(astronaut, min_size=-3)


@pytest.mark.slow
def test_threads_agree(astronaut: np.ndarray) -> None:
    expected = find_faces(astronaut)
    results: list[list[Face]] = []
    threads = [threading.Thread(target=lambda: results.append(find_faces(astronaut))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 3


def test_check_boxes_takes_what_users_have() -> None:
    face = Face((10, 20, 50, 60), roll=5)
    assert check_boxes([face], (100, 100)) == [face]
    assert check_boxes(face, (100, 100)) == [face]
    assert check_boxes((10, 20, 50, 60), (100, 100)) == [Face((10, 20, 50, 60))]
    assert check_boxes([(10, 20, 50, 60), face], (100, 100)) == [Face((10, 20, 50, 60)), face]
    assert check_boxes(np.array([[10, 20, 50, 60], [1, 2, 3, 4]]), (100, 100))[1] == Face((1, 2, 3, 4))
    assert check_boxes([], (100, 100)) == []
    assert check_boxes([face] * 4, (100, 100)) == [face] * 4
    # Reaching out of the image is no mistake: faces are cut by its rim.
    assert len(check_boxes((-30, -30, 40, 40), (100, 100))) == 1


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ([(50, 20, 10, 60)], "not \\(x, y, width, height\\)"),
        ([(10, 20, 50)], "face 0: expected four numbers .* got shape"),
        ([(1, 2, 3, 4), "abc"], "face 1: expected four numbers .* got 'abc'"),
        ([(10, 20, np.nan, 60)], "face 0"),
        ([(200, 20, 240, 60)], "outside the image of 100 x 80"),
        (7, "pass a list"),
        ("face", "pass a list"),
        (None, "pass a list"),
    ],
)
def test_check_boxes_explains(faces: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_boxes(faces, (80, 100))


def test_a_face_needs_an_area() -> None:
    with pytest.raises(ValueError, match="x0 < x1"):
        Face((5, 5, 5, 10))


def test_landmark_box_turns_with_the_face() -> None:
    upright = Face((10, 10, 50, 50))
    turn = invert(crop_matrix((0, 0, 60, 60), 60, roll=70))
    cx, cy = transform_points([30, 30], turn)
    rolled = Face((cx - 20, cy - 20, cx + 20, cy + 20), roll=70)
    corners = np.array([[-0.5, -0.5], [99.5, -0.5], [99.5, 99.5]])
    a = transform_points(corners, invert(crop_matrix(landmark_box(upright), 100)))
    b = transform_points(corners, invert(crop_matrix(landmark_box(rolled), 100, roll=70)))
    assert np.allclose(transform_points(a, turn), b, atol=1e-6)


@pytest.mark.slow
def test_all_faces_of_group_photos_are_found(data: Path) -> None:
    scores = face_finder.dlib_photos(embedded)
    assert scores["labelled"] == 43 and scores["found"] == 43 and scores["false"] <= 6, scores


@pytest.mark.slow
def test_all_groups_of_people_are_found(data: Path) -> None:
    found = face_finder.groups(embedded)
    assert min(found.values()) >= 39, found


@pytest.mark.slow
def test_all_poses_are_found(data: Path) -> None:
    scores = face_finder.fasseg(embedded)
    assert scores["labelled"] == 202 and scores["found"] >= 186 and scores["false"] <= 12, scores


@pytest.mark.slow
def test_photos_of_crowds_are_searched_well(data: Path) -> None:
    assert face_finder.wider(embedded)["recall"] >= 50


@pytest.mark.slow
def test_300w_faces_are_found_and_framed(data: Path) -> None:
    folder = data / "300w"
    with (folder / "index.csv").open() as file:
        rows = list(csv.reader(file))[1::150]
    found, errors, rolls = 0, [], []
    for row in rows:
        points = np.array([float(v) for v in row[2:]]).reshape(68, 2)
        image = cv2.cvtColor(cv2.imread(str(folder / "images" / row[0])), cv2.COLOR_BGR2RGB)
        face = next((f for f in find_faces(image) if _hits(f, points)), None)
        if face is None:
            continue
        found += 1
        wanted, got = box_of_points(points), np.array(landmark_box(face))
        errors.append(np.abs(got - wanted).max() / (wanted[2] - wanted[0]))
        rolls.append(abs(face.roll - roll_of_points(points, LANDMARKS_68)))
    assert found >= 0.9 * len(rows), found
    assert np.median(errors) < 0.1 and np.median(rolls) < 3


def _hits(face: Face, points: np.ndarray) -> bool:
    low, high = points.min(0), points.max(0)
    side = (high - low).max()
    off = np.abs(centre(face) - (low + high) / 2).max()
    return bool(off < 0.45 * side and 0.6 < (face.box[2] - face.box[0]) / side < 1.9)


@pytest.mark.parametrize("min_size", ["x", 0, -3, float("nan"), [40]])
def test_min_size_is_a_positive_number(min_size: Any) -> None:
    with pytest.raises(ValueError, match=r"min_size=.*: expected the height of the smallest face in pixels"):
        find_faces(np.zeros((64, 64, 3), np.uint8), min_size=min_size)
