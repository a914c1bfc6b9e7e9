"""The readers of data sets read the real files in FACEKIT_DATA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from facekit.data.datasets import (
    LazyFaces,
    ParsedFace,
    celebamask_faces,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    hair_faces,
    outlined_faces,
)
from facekit.labels import CELEBAMASK_19, FASSEG_6, SYNTHPARSE_11, segmentation_map

Reader = Callable[[], LazyFaces[Any]]


@pytest.mark.data
def test_real_fasseg_in_its_own_labels() -> None:
    for own, coarse in zip(fasseg_faces(labels=FASSEG_6)[:3], fasseg_faces()[:3], strict=True):
        assert set(np.unique(own.mask).tolist()) == set(range(6)), "nothing is ignored"
        known = coarse.mask != 255
        assert np.array_equal(own.mask[known] == 4, coarse.mask[known] == SYNTHPARSE_11.index("nose"))


@pytest.mark.data
@pytest.mark.parametrize("reader", [facesynthetics_faces, celebamask_faces, hair_faces, outlined_faces])
def test_finer_labels(reader: Callable[..., LazyFaces[Any]]) -> None:
    """What SYNTHPARSE_11 joins or ignores stays apart in a finer set, and the rest is the same."""
    for fine, coarse in zip(reader(labels=CELEBAMASK_19)[:3], reader()[:3], strict=True):
        assert fine.labels is CELEBAMASK_19 and np.array_equal(fine.image, coarse.image)
        again = segmentation_map(CELEBAMASK_19, SYNTHPARSE_11)[fine.mask]
        assert np.array_equal(again, coarse.mask) or reader is facesynthetics_faces
    if reader is facesynthetics_faces:
        found = set(np.unique(np.concatenate([f.mask.ravel() for f in reader(labels=CELEBAMASK_19)])).tolist())
        assert {CELEBAMASK_19.index(name) for name in ("left_ear", "neck", "glasses", "hat", "cloth")} <= found
        with pytest.raises(ValueError, match="expected ids 0 to 10 of synthparse11"):
            ParsedFace(fine.name, fine.image, fine.mask, fine.box)


@pytest.mark.data
@pytest.mark.parametrize("reader", [facesynthetics_faces, celebamask_faces])
def test_sides_of_real_masks_are_the_viewers(reader: Reader) -> None:
    _, masks = crops(reader()[:20], 96)
    seen = 0
    for mask in masks:
        for left, right in (("left_eye", "right_eye"), ("left_brow", "right_brow")):
            columns = [np.nonzero(mask == SYNTHPARSE_11.index(side))[1] for side in (left, right)]
            if min(map(len, columns)) > 5:
                assert columns[0].mean() < columns[1].mean()
                seen += 1
        rows = [np.nonzero(mask == SYNTHPARSE_11.index(n))[0] for n in ("upper_lip", "lower_lip")]
        if min(map(len, rows)) > 5:
            assert rows[0].mean() < rows[1].mean()
    assert seen >= min(20, len(masks))


@pytest.mark.data
@pytest.mark.parametrize(
    ("reader", "count", "ids"),
    [
        (facesynthetics_faces, 60, {*range(11), 255}),
        (celebamask_faces, 4, {*range(11), 255} - {8}),
        (fasseg_faces, 202, {0, 1, 6, 255}),
        (hair_faces, 500, {0, 10, 255}),
        (outlined_faces, 2012, {1, 4, 5, 7, 8, 9, 255}),
    ],
)
def test_real_sets_are_whole_and_framed_alike(reader: Reader, count: int, ids: set[int]) -> None:
    faces = reader()
    assert len(faces) == count
    some = faces[:: max(1, count // 20)]
    _, masks = crops(some, 64)
    assert len(masks) == len(some) and set(np.unique(masks).tolist()) == ids
    nose = [np.argwhere(mask == 6).mean(0) / 64 for mask in masks if (mask == 6).sum() > 20]
    if 6 in ids:  # the nose lies in the middle of every framing
        assert len(nose) >= 0.8 * len(masks)
        assert np.allclose(np.median(nose, 0), (0.475, 0.5), atol=0.05)
