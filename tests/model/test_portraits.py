"""Stylised faces are blended into photos along the outlines of the people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.model import Model, find_backbone, find_frames
from facekit.model.portraits import blend_portraits, person_masks
from facekit.results import Faces, ImageResult
from facekit.tasks import StylizationTask


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, list[tuple[float, float, float, float]]]:
    """Two people side by side, and their boxes."""
    batch = GeneratedFaces(seed=3, size=256).batch([11, 12], want=("image", "landmarks68"))
    photo = np.concatenate(list(batch["image"].permute(0, 2, 3, 1).numpy()), axis=1)
    points = batch["landmarks68"].numpy() + np.array([[[0, 0]], [[256, 0]]])
    lows, highs = points.min(1), points.max(1)
    return photo, [(*low, *high) for low, high in zip(lows, highs, strict=True)]


def test_only_the_person_changes(pair: tuple[np.ndarray, list[tuple[float, float, float, float]]]) -> None:
    photo, boxes = pair
    frame = find_frames(photo, "mean", boxes)[0]
    assert frame.box is not None
    whole = ImageResult(np.full_like(photo, 255), photo, frame.box)
    (result,) = blend_portraits([whole], [frame])
    blended = result.output
    (mask,) = person_masks(photo, [frame])
    x, y = (int(v) for v in np.mean(np.reshape(boxes[0], (2, 2)), 0))
    assert (blended[y, x] == 255).all()
    # Five standard deviations of the soft edge away from the person, nothing changes.
    reach = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    far = reach > 5 * 0.015 * (frame.box[2] - frame.box[0])
    assert far.mean() > 0.3 and (blended[far] == photo[far]).all()
    # The other person stays.
    assert (blended[:, 384:] == photo[:, 384:]).all()


def test_predictions_of_found_faces_are_blended(
    pair: tuple[np.ndarray, list[tuple[float, float, float, float]]],
) -> None:
    photo, boxes = pair
    fsma, task = find_backbone("fsma"), StylizationTask()
    network = fsma.build("embedded", 0, task, fsma.recipe("quick", "stylization", True, 1))
    model = Model("fsma", network, task, align="mean")
    found = facekit.predict(model, photo, faces=boxes)
    assert isinstance(found, Faces) and len(found) == 2
    for background in (np.s_[:40, :30], np.s_[:100, 490:]):
        np.testing.assert_array_equal(found.draw()[background], photo[background])
    assert (found.draw() != photo).any(axis=2).mean() > 0.2
    # A crop is used as a whole.
    result = facekit.predict(model, photo[:, :256], align="none")
    assert (result.output != photo[:, :256]).any(axis=2).mean() > 0.9


def test_without_a_person_the_photo_stays() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    (frame,) = find_frames(noise, "box", [(50, 50, 150, 150)])
    result = ImageResult(255 - noise, noise, frame.box)
    assert person_masks(noise, [frame])[0].mean() < 0.1
    (blended,) = blend_portraits([result], [frame])
    np.testing.assert_array_equal(blended.output, noise)
