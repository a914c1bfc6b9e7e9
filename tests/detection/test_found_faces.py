"""Rows of found faces: working sizes, borders, suppression, roll."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facekit.detection import found_faces
from facekit.detection.found_faces import (
    COLUMNS,
    bordered,
    face_of_row,
    in_original_pixels,
    resized,
    roll_of_points,
    search_twice,
    without_repetitions,
)

FIVE = np.array([[-10.0, -8], [10, -8], [0, 2], [-7, 13], [7, 13]])


def row(x: float, y: float, side: float = 40.0, score: float = 0.9, roll: float = 0.0) -> np.ndarray:
    """A face of ``side`` x 1.25 ``side`` pixels around (x, y)."""
    c, s = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    points = FIVE * side / 40 @ np.array([[c, s], [-s, c]]) + (x, y)
    return np.concatenate([[score, x, y, side, 1.25 * side], points.ravel()])


@pytest.mark.parametrize("roll", [0.0, 30.0, -75.0, 90.0, 179.0])
def test_roll_follows_the_points(roll: float) -> None:
    face = face_of_row(row(50, 60, roll=roll))
    assert face.roll == pytest.approx(roll, abs=1e-6)
    assert face.box == (30, 35, 70, 85) and face.score == 0.9
    assert face.points is not None and np.allclose(face.points, row(50, 60, roll=roll)[5:].reshape(5, 2))


def test_roll_of_a_profile_follows_eyes_and_mouth() -> None:
    # In the image both eyes are nearly at one place; the mouth lies below them.
    points = np.array([[0.0, 0], [0.5, 2.0], [-9, 8], [-2, 20], [-1, 20]])
    assert abs(roll_of_points(points)) < 16


def test_repetitions_go_and_neighbours_stay() -> None:
    faces = np.stack([row(50, 50, score=0.7), row(53, 52, score=0.95), row(95, 50, score=0.8), row(52, 50, 14, 0.6)])
    kept = without_repetitions(faces)
    assert kept[:, 0].tolist() == [0.95, 0.8] and kept[0, 1] == 53
    assert len(without_repetitions(np.zeros((0, COLUMNS)))) == 0


def test_rows_come_back_to_the_original_pixels() -> None:
    image = np.zeros((300, 700, 3), np.uint8)
    small, scale = resized(image, 0.31)
    assert small.shape == (93, 217, 3)
    # The centre of the top-left pixel's corner stays: (-0.5, -0.5) to (-0.5, -0.5), plus the border.
    corner = row(-0.5 + 16, -0.5 + 16)[None]
    back = in_original_pixels(corner, scale, 16)[0]
    assert back[1] == pytest.approx(-0.5) and back[2] == pytest.approx(-0.5)
    assert math.sqrt(back[3] * back[4]) == pytest.approx(40 * math.sqrt(1.25) / math.sqrt(scale[0] * scale[1]))
    assert np.allclose(back[[5, 6]], (corner[0, [5, 6]] - 16 + 0.5) / scale - 0.5)


def test_borders_make_multiples_of_32() -> None:
    image = np.full((33, 64, 3), 7, np.uint8)
    assert bordered(image, 0).shape == (64, 64, 3)
    wide = bordered(image, 32)
    assert wide.shape == (128, 128, 3) and (wide[32:65, 32:96] == 7).all() and wide[0, 0, 0] != 7
    whole = np.zeros((32, 32, 3), np.uint8)
    assert bordered(whole, 0) is whole


def test_an_image_is_searched_at_two_sizes() -> None:
    seen: list[tuple[int, ...]] = []

    def detect(images: list[np.ndarray]) -> list[np.ndarray]:
        seen.extend(image.shape for image in images)
        # The same face, around (100, 80) of the original, in the pixels of each search.
        return [
            row(100.5 * scale - 0.5 + border, 80.5 * scale - 0.5 + border, 300 * scale, 0.8)[None]
            for scale, border in ((0.64, 0), (0.16, found_faces.COARSE_BORDER))
        ]

    (face,) = search_twice(np.zeros((750, 1000, 3), np.uint8), None, detect)
    assert seen == [(480, 640, 3), (192, 224, 3)]
    assert face.box == pytest.approx((100 - 150, 80 - 187.5, 250, 267.5), abs=0.1)


def test_min_size_raises_the_working_size_up_to_a_limit() -> None:
    seen: list[tuple[int, ...]] = []

    def detect(images: list[np.ndarray]) -> list[np.ndarray]:
        seen.extend(image.shape for image in images)
        return [row(60, 60, 30)[None], np.zeros((0, COLUMNS))]

    image = np.zeros((1000, 2000, 3), np.uint8)
    assert len(search_twice(image, 40, detect)) == 1 and seen[0] == (512, 1024, 3)
    search_twice(image, 1, detect)
    assert seen[2] == (800, 1600, 3)
    assert search_twice(image, 200, detect) == [] and seen[4] == (320, 640, 3)
