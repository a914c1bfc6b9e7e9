"""All faces of one image run in one batch, with the results of faces that run one by one."""

from __future__ import annotations

import numpy as np
import pytest

import facekit
from facekit.model import find_frames
from facekit.model.face_frames import landmarks_68
from facekit.model.portraits import person_masks

# Points in pixels. Convolutions of another batch size may add up in another order, which changes the last digits of
# float32.
TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Three faces side by side, in an image that no search has to resize."""
    return np.concatenate(facekit.data.samples().images[:3], axis=1)


def test_points_of_a_batch_are_those_of_single_faces(photo: np.ndarray) -> None:
    frames = find_frames(photo, "box", None)
    assert len(frames) == 3
    together = landmarks_68(photo, frames)
    alone = [landmarks_68(photo, [frame])[0] for frame in frames]
    np.testing.assert_allclose(together, alone, atol=TOLERANCE, rtol=0)
    assert landmarks_68(photo, []) == []


def test_outlines_of_a_batch_are_those_of_single_people(photo: np.ndarray) -> None:
    frames = find_frames(photo, "box", None)
    together = np.stack(person_masks(photo, frames))
    alone = np.stack([person_masks(photo, [frame])[0] for frame in frames])
    # A pixel between two classes of equal score may change with the last digit.
    assert (together != alone).mean() < 1e-5
    assert 0.05 < together[0].mean() < 0.5


def test_the_search_neither_copies_nor_changes_an_array(photo: np.ndarray) -> None:
    before = photo.copy()
    expected = facekit.find_faces(photo)
    np.testing.assert_array_equal(photo, before)
    read_only = photo.copy()
    read_only.setflags(write=False)
    assert facekit.find_faces(read_only) == expected
    assert facekit.find_faces(np.asfortranarray(photo)) == expected
    assert facekit.images.reader.rgb_to_read(photo) is photo
    assert facekit.images.reader.rgb_to_read(read_only) is not read_only
