"""The far side of a turned head is not visible, by exact yaws and visibilities of generated faces."""

from __future__ import annotations

import json

import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import LANDMARKS_44, LANDMARKS_68, LANDMARKS_189, convert_landmarks, flip_landmarks, landmark_set
from facekit.results import Landmarks
from facekit.results.visibility import head_yaw, visible_points

SIZE = 96


@pytest.fixture(scope="module")
def turned() -> dict[str, np.ndarray]:
    faces = GeneratedFaces(seed=9, size=SIZE, yaw=(-75.0, 75.0), pitch=(-10.0, 10.0), roll=(-10.0, 10.0))
    batch = faces.batch(range(40), want=("landmarks68", "visible68", "landmarks98", "pose"))
    return {name: values.numpy() for name, values in batch.items()}


def far_side(yaw: float) -> np.ndarray:
    return np.array([name.startswith("right_" if yaw > 0 else "left_") for name in LANDMARKS_68.points])


def test_the_yaw_is_close_to_the_exact_one(turned: dict[str, np.ndarray]) -> None:
    for points in ("landmarks68", "landmarks98"):
        labels = landmark_set(points.removeprefix("landmarks"))
        found = np.array([head_yaw(p, labels) for p in turned[points]])
        assert np.median(np.abs(found - turned["pose"][:, 0])) < 4
        turned_far = np.abs(turned["pose"][:, 0]) > 15
        assert (np.sign(found) == np.sign(turned["pose"][:, 0]))[turned_far].all()


def test_points_are_judged_as_the_renderer_does(turned: dict[str, np.ndarray]) -> None:
    outer = np.array(
        [name.split("_", 1)[-1] in ("eye_outer", "brow_0", "brow_1", "jaw_4") for name in LANDMARKS_68.points]
    )
    right = []
    for points, truth, pose in zip(turned["landmarks68"], turned["visible68"], turned["pose"], strict=True):
        found, far = visible_points(points, LANDMARKS_68), far_side(pose[0])
        if abs(pose[0]) < 30:
            assert found.all(), pose
        elif abs(pose[0]) > 55:
            assert not found[far & outer].any() and found[~far].all(), pose
        right += (found == truth)[far].tolist()
    assert np.mean(right) > 0.9


def test_mirrored_faces_are_judged_alike(turned: dict[str, np.ndarray]) -> None:
    for points in turned["landmarks68"]:
        mirrored = flip_landmarks(points, SIZE, LANDMARKS_68)
        assert head_yaw(mirrored, LANDMARKS_68) == pytest.approx(-head_yaw(points, LANDMARKS_68), abs=1e-4)
        flipped = visible_points(mirrored, LANDMARKS_68)
        assert np.array_equal(flipped, visible_points(points, LANDMARKS_68)[list(LANDMARKS_68.flip)])


def test_exact_angles() -> None:
    """Five points of a head of which the nose is 1 / 1.65 of the distance between the pupils before them."""
    labels = landmark_set("5")
    for angle in (-80, -30, 0, 45, 89):
        turn = np.radians(angle)
        left, right = np.array([[-0.5, 0.0], [0.5, 0.0]]) * np.cos(turn)
        nose = np.array([np.sin(turn) / 1.65, 0.6])
        corners = np.array([[-0.4, 1.0], [0.4, 1.0]]) * np.cos(turn)
        points = np.array([left, right, nose, *corners]) * 50 + 100
        assert head_yaw(points, labels) == pytest.approx(angle, abs=0.01)
        hidden = {-80: [0, 3], -30: [], 0: [], 45: [], 89: [1, 4]}[angle]
        assert np.flatnonzero(~visible_points(points, labels)).tolist() == hidden


def test_all_points_of_the_sample_people_are_visible() -> None:
    faces = facekit.data.samples()
    for points in faces.landmarks:
        assert abs(head_yaw(points, LANDMARKS_189)) < 12
        assert visible_points(points, LANDMARKS_189).all()
        as68 = convert_landmarks(points, "london189", "68")
        assert np.array_equal(visible_points(as68, LANDMARKS_68), np.isfinite(as68).all(1))


def test_what_cannot_be_judged_is_visible(turned: dict[str, np.ndarray]) -> None:
    points = np.random.default_rng(0).uniform(0, 90, (44, 2))
    assert head_yaw(points, LANDMARKS_44) is None and visible_points(points, LANDMARKS_44).all()
    assert visible_points(points[:7], landmark_set(None, 7)).all()
    assert head_yaw(np.zeros((68, 2)), LANDMARKS_68) is None


def test_results_have_it(turned: dict[str, np.ndarray]) -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    profile = int(np.abs(turned["pose"][:, 0]).argmax())
    scores = np.ones(68)
    scores[30] = 0.1
    result = Landmarks(turned["landmarks68"][profile], scores, LANDMARKS_68, image)
    assert result.visible.dtype == bool and not result.visible[30] and 30 < result.visible.sum() < 60
    data = json.loads(json.dumps(result.to_dict()))
    assert data["visible"] == result.visible.tolist()
