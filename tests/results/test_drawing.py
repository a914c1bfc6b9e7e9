"""Drawings: tints keep the luma, dots follow the face, own points stand out, hidden points are rings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import facekit
from facekit.labels import CELEBAMASK_19, LANDMARKS_68, LANDMARKS_189, convert_landmarks, landmark_set
from facekit.results import Landmarks, Segmentation
from facekit.results.drawing import draw_landmarks, draw_mask, tinted

LUMA = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("name", CELEBAMASK_19.classes[1:])
def test_a_tint_keeps_the_luma(name: str) -> None:
    colour = CELEBAMASK_19.palette[CELEBAMASK_19.index(name)]
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    image[0, :3] = 0, 255, 128
    out = tinted(image, colour)
    assert out.min() > -0.01 and out.max() < 255.01
    assert np.allclose(out @ LUMA, image @ LUMA, atol=0.05)


def test_dark_and_pale_skin_keep_their_brightness() -> None:
    """Of a palette's pale skin colour, only the hue is used."""
    mask = np.full((40, 60), CELEBAMASK_19.index("skin"), np.uint8)
    for skin in ((58, 38, 30), (120, 80, 60), (240, 205, 190)):
        image = np.full((40, 60, 3), skin, np.uint8)
        drawn = draw_mask(image, mask, CELEBAMASK_19)[10:30, 10:50]
        assert np.abs(drawn @ LUMA - np.array(skin) @ LUMA).max() <= 1
        assert np.abs(drawn.astype(int) - skin).max() <= 8


def test_a_drawn_part_has_an_exact_colour_inside_and_its_own_at_the_border() -> None:
    image = np.full((64, 64, 3), (100, 100, 100), np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:44, 20:44] = CELEBAMASK_19.index("nose")
    drawn = draw_mask(image, mask, CELEBAMASK_19)
    # The nose is (255, 225, 25) of luma 211.2; at luma 100 it is (120.7, 106.5, 11.8), of which 70 % are mixed in.
    assert drawn[32, 32].tolist() == [115, 105, 38]
    assert (drawn[:17] == 100).all() and (drawn[:, 47:] == 100).all(), "other pixels do not change"
    assert drawn[32, 18:22].max() > 180, "the outline has the palette's colour"


@pytest.mark.parametrize("i", range(16))
def test_no_sample_person_is_painted_brighter_or_darker(i: int) -> None:
    faces = facekit.data.samples()
    drawn = Segmentation(faces.masks[i], faces.mask_labels, faces.images[i]).draw()
    for part in ("skin", "neck", "hair"):
        # Without the outlines.
        inside = cv2.erode((faces.masks[i] == faces.mask_labels.index(part)).astype(np.uint8), np.ones((5, 5))) > 0
        if not inside.any():
            continue
        before, after = faces.images[i][inside] @ LUMA, drawn[inside] @ LUMA
        assert abs(np.median(after) - np.median(before)) < 3


def blank(size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), 128, np.uint8)


def white(drawn: np.ndarray) -> int:
    return int((drawn > 200).all(2).sum())


def square_face(side: float, at: float = 0.0) -> np.ndarray:
    """Return 68 points of which only four corners of a square are known."""
    points = np.full((68, 2), np.nan, np.float32)
    points[[0, 16, 30, 8]] = np.array([[0, 0], [side, 0], [0, side], [side, side]]) + at
    return points


def test_dots_follow_the_size_of_the_face_not_of_the_image() -> None:
    points = square_face(175, 20)
    small, large = (
        white(draw_landmarks(blank(size), points, LANDMARKS_68, None, 175)) for size in ((240, 240), (1000, 1500))
    )
    # Four dots with a radius of 1.2 px.
    assert 12 <= small <= 28 and abs(small - large) <= 6
    twice = white(draw_landmarks(blank((1000, 1500)), square_face(700, 20), LANDMARKS_68, None, 700))
    assert 4 * np.pi * 4.8**2 * 0.75 <= twice <= 4 * np.pi * 4.8**2 * 1.1


def test_a_tiny_face_gets_dots_of_one_pixel() -> None:
    for size in ((60, 60), (3000, 4000)):
        drawn = draw_landmarks(blank(size), square_face(24, 10), LANDMARKS_68)
        changed = (np.abs(drawn.astype(int) - 128) > 20).any(2)
        assert 4 <= changed.sum() <= 4 * 5
        assert changed[10, 10] and changed[34, 34] and not changed[20:25, 20:25].any()


def test_a_small_face_can_still_be_seen() -> None:
    faces = facekit.data.samples()
    small = np.ascontiguousarray(faces.images[8][::6, ::6])
    points = convert_landmarks(faces.landmarks[8] / 6, "london189", "68")
    drawn = Landmarks(points, np.ones(68), LANDMARKS_68, small).draw()
    face = faces.masks[8][::6, ::6][: len(small)] == faces.mask_labels.index("skin")
    assert (np.abs(drawn.astype(int) - small)[face] < 30).all(1).mean() > 0.7


def test_points_of_ones_own_are_large_with_a_dark_rim() -> None:
    image = np.full((256, 256, 3), 250, np.uint8)
    points = np.array([[60, 60], [190, 60], [60, 190], [190, 190], [128, 128]], np.float32)
    drawn = Landmarks(points, np.ones(5), landmark_set(None, 5), image, (10, 10, 250, 250)).draw()
    # A face of 150 px: dots with a radius of 3.12 px in a rim of 1.56 px.
    for x, y in points.astype(int):
        assert drawn[y, x].tolist() == [255, 214, 0] == drawn[y, x + 2].tolist()
        assert drawn[y, x + 4].max() < 60 and (drawn[y, x + 6] == 250).all()
    known = Landmarks(points, np.ones(5), landmark_set("5"), image).draw()
    assert tuple(known[60, 60]) == (255, 214, 0)  # five points have no lines either
    many = Landmarks(facekit.data.samples().landmarks[0], np.ones(189), LANDMARKS_189, image).draw()
    assert not (many == (255, 214, 0)).all(2).any()


def test_hidden_points_are_rings_without_lines() -> None:
    points = np.full((68, 2), np.nan, np.float32)
    points[:4] = [[40, 40], [120, 40], [200, 40], [200, 215]]
    visible = np.ones(68, bool)
    shown = draw_landmarks(blank((256, 256)), points, LANDMARKS_68, visible)
    visible[1] = False
    hidden = draw_landmarks(blank((256, 256)), points, LANDMARKS_68, visible)
    assert tuple(shown[40, 120]) == (255, 255, 255)
    assert np.abs(shown[40, 80].astype(int) - 128).max() > 50 and (hidden[40, 80] == 128).all()
    assert (hidden[40, 120] == 128).all(), "hollow"
    assert (hidden[37:44, 117:124] != 128).any(), "a ring"
    assert tuple(hidden[40, 40]) == (255, 255, 255), "other points stay"
    assert np.array_equal(hidden[100:, 190:], shown[100:, 190:]), "other lines stay"


def test_points_outside_of_the_image_do_not_fail() -> None:
    points = np.full((68, 2), -500, np.float32)
    assert (draw_landmarks(blank((64, 64)), points, LANDMARKS_68) == 128).all()
    points[5] = 1e6, 30
    assert (draw_landmarks(blank((64, 64)), points, LANDMARKS_68)[:20] == 128).any()
    points[:] = np.nan
    assert (draw_landmarks(blank((64, 64)), points, LANDMARKS_68) == 128).all()
