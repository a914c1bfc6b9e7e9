"""A backbone whose weights know face crops only warns of whole photos and of crops that are too tight."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces

NAMES = ["background", "skin", "others"]
SHORT: dict[str, Any] = {
    "steps": 1,
    "stages": "1",
    "members": 1,
    "classifier_epochs": 1,
    "pixels": 300,
    "progress": False,
}


def faces(framing: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    found = GeneratedFaces(seed=3, size=128, framing=framing).batch(range(1), want=("image", "mask"))
    masks = found["mask"].numpy()
    return list(found["image"].permute(0, 2, 3, 1).numpy()), list(np.where(masks > 1, 2, masks).astype(np.uint8))


def messages(framing: float, **settings: Any) -> list[warnings.WarningMessage]:
    images, masks = faces(framing)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        facekit.adapt(images, masks, "segmentation", "pftgan", names=NAMES, **SHORT, **settings)
    return [w for w in seen if "face crops" in str(w.message)]


@pytest.mark.parametrize(("framing", "count"), [(3.5, 1), (2.0, 0), (1.1, 1)])
def test_images_that_are_framed_otherwise_are_named(framing: float, count: int) -> None:
    found = messages(framing)
    assert len(found) == count
    for warning in found:
        assert "got faces of another size in the image (image 0); pass align='ffhq'" in str(warning.message)
        assert warning.filename == __file__


def test_a_face_that_fills_the_shorter_side_only_is_named() -> None:
    images, masks = faces(2.0)
    wide = [np.pad(one, ((0, 0), (128, 128)) + ((0, 0),) * (one.ndim - 2)) for one in (images[0], masks[0])]
    with pytest.warns(UserWarning, match="faces of another size"):
        facekit.adapt([wide[0]], [wide[1]], "segmentation", "pftgan", names=NAMES, **SHORT)


def test_nothing_is_said_where_faces_are_searched_or_no_generator_reads_them() -> None:
    assert not messages(3.5, align="ffhq")
    settings = {name: value for name, value in SHORT.items() if name not in ("steps", "stages")}
    images, masks = faces(3.5)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        facekit.adapt(images, masks, "segmentation", "pftgan", names=NAMES, recipe="farl", **settings)
    assert not [w for w in seen if "face crops" in str(w.message)]
