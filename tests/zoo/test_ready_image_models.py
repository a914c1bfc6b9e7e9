"""The ready models that make images: sketches, and faces without shadows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import facekit
from benchmarks.ready_models.image_models import with_shadow
from facekit.labels import CELEBAMASK_19
from facekit.results import ImageResult


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """A sample face (256,256,3)."""
    return np.asarray(facekit.data.samples().images[0])


@pytest.fixture(scope="module")
def skin(photo: np.ndarray) -> np.ndarray:
    """The pixels of its skin (256,256), bool."""
    (parts,) = facekit.predict("segmentation", photo)
    mask = parts.mask == CELEBAMASK_19.classes.index("skin")
    return cv2.erode(mask.astype(np.uint8), np.ones((9, 9))) > 0


def test_a_sketch_is_bright_and_grey_where_the_photo_shows_skin(photo: np.ndarray, skin: np.ndarray) -> None:
    (sketch,) = facekit.predict("sketch", photo)
    assert isinstance(sketch, ImageResult) and sketch.output.shape == photo.shape
    pixels = sketch.output[skin].astype(float)
    assert pixels.mean() > photo[skin].mean() + 50
    assert np.ptp(pixels, axis=1).mean() < 12  # nearly the same red, green and blue
    assert np.ptp(photo[skin].astype(float), axis=1).mean() > 40


def test_a_sketch_leaves_the_background_of_the_photo(photo: np.ndarray) -> None:
    (sketch,) = facekit.predict("sketch", photo)
    assert np.array_equal(sketch.output[:20], photo[:20]) and np.array_equal(sketch.output[:, :12], photo[:, :12])


@pytest.mark.slow
def test_the_two_styles_differ(photo: np.ndarray, skin: np.ndarray) -> None:
    outputs = [facekit.predict(name, photo)[0].output[skin].astype(float) for name in ("sketch", "sketch-fs2k")]
    assert np.abs(outputs[0] - outputs[1]).mean() > 5


@pytest.mark.slow
def test_shadows_become_lighter() -> None:
    faces = facekit.data.samples()
    errors = []
    for i in (0, 3, 6):
        dark = with_shadow(faces.images[i], faces.masks[i] != 0, seed=3, index=i)
        (result,) = facekit.predict("shadow-removal", dark)
        shadow = np.abs(dark.astype(float) - faces.images[i]).mean(axis=2) > 20
        assert shadow.sum() > 1000
        clean, photo = faces.images[i][shadow].astype(float), dark[shadow].astype(float)
        errors.append((np.abs(result.output[shadow] - clean).mean(), np.abs(photo - clean).mean()))
    after, before = np.mean(errors, axis=0)
    assert after < 0.6 * before
