"""align="ffhq" frames faces as FFHQ's and CelebA-HQ's images do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import facekit
from facekit.alignment import Frame, ffhq_frame
from facekit.data.face_sources import celebahq128, generated, pseudo_landmarks
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.geometry.affine import crop_matrix, transform_points
from facekit.labels import LANDMARKS_68, landmark_set
from facekit.model import find_frames as frames_in

ROOM = 64


def quad(points: np.ndarray) -> np.ndarray:
    """FFHQ's own rule (its recreate_aligned_images): upper left, lower left, lower right, upper right (4,2)."""
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    mouth = (points[48] + points[54]) / 2
    eyes = (left + right) / 2
    x = (right - left) - np.flipud(mouth - eyes) * [-1, 1]
    x /= np.hypot(*x)
    x *= max(np.hypot(*(right - left)) * 2.0, np.hypot(*(mouth - eyes)) * 1.8)
    y = np.flipud(x) * [-1, 1]
    centre = eyes + (mouth - eyes) * 0.1
    return np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])


@pytest.mark.parametrize("angle", [0.0, 25.0, -70.0])
@pytest.mark.parametrize("stretch", [1.0, 1.6])
def test_frame_is_ffhqs_quad(angle: float, stretch: float) -> None:
    batch = GeneratedFaces(seed=2, size=128, yaw=(-20, 20)).batch(range(3), want=("landmarks68",))
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    for points in batch["landmarks68"].double().numpy():
        turned = (points * [1, stretch]) @ np.array([[c, s], [-s, c]])
        frame = ffhq_frame(turned, LANDMARKS_68)
        assert frame is not None and frame.box is not None
        corners = transform_points(quad(turned), crop_matrix(frame.box, ROOM, frame.roll))
        wanted = [(-0.5, -0.5), (-0.5, ROOM - 0.5), (ROOM - 0.5, ROOM - 0.5), (ROOM - 0.5, -0.5)]
        np.testing.assert_allclose(corners, wanted, atol=1e-6)


def test_points_that_do_not_tell() -> None:
    points = np.random.default_rng(0).uniform(0, 90, (68, 2))
    points[30] = np.nan
    assert ffhq_frame(points, LANDMARKS_68) is not None, "the nose is not asked"
    points[54] = np.nan
    assert ffhq_frame(points, LANDMARKS_68) is None
    assert ffhq_frame(points[:4], landmark_set(None, 4)) is None


def test_celebahqs_images_are_framed_so(data: Path) -> None:
    frames = [ffhq_frame(points, LANDMARKS_68) for points in list(pseudo_landmarks().values())[:500]]
    boxes = np.array([frame.box for frame in frames if frame is not None])
    np.testing.assert_allclose(boxes.mean(0), (-0.5, -0.5, 127.5, 127.5), atol=2.0)
    name, image, _ = next(celebahq128())
    assert name and image.shape == (128, 128, 3)
    (found,) = frames_in(np.pad(image, ((40, 40), (60, 60), (0, 0)), "edge"), "ffhq", None)
    np.testing.assert_allclose(found.box, (59.5, 39.5, 187.5, 167.5), atol=8)


def test_generated_portraits_lie_as_theirs() -> None:
    """CelebA-HQ's eyes are at 0.479 of the side."""
    for _, image, box in generated(3, 64, portraits=True):
        frame = Frame(box)
        eyes = facekit.predict("landmarks", image, align="none").points[36:48].mean(0)
        height = frame.crop(image.shape[:2], 100).points(eyes)[1] / 100
        assert 0.42 < height < 0.54


def test_models_are_trained_and_asked_in_this_frame() -> None:
    made = GeneratedFaces(seed=3, size=160, framing=2.4, yaw=(-10, 10)).batch(range(2), want=("image", "landmarks68"))
    model = facekit.adapt(
        made["image"],
        made["landmarks68"],
        "landmarks",
        names="68",
        align="ffhq",
        weights="none",
        steps=2,
        least_views=4,
        batch_size=2,
        progress=False,
        device="cpu",
    )
    assert model.align == "ffhq"
    (result,) = facekit.predict(model, made["image"][0])
    assert isinstance(result.points, np.ndarray) and torch.isfinite(torch.from_numpy(result.points)).all()
    assert np.isfinite(facekit.evaluate(model, made["image"], made["landmarks68"])["nme_inter_ocular"])
