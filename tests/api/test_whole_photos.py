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
        assert "got others (image 0); the generator knows such crops only" in str(warning.message)
        assert "pass align='ffhq' here" in str(warning.message) and warning.filename == __file__


def test_nothing_is_said_where_faces_are_searched() -> None:
    assert not messages(3.5, align="ffhq")
