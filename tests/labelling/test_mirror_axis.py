"""Missing points are mirrored about the axis of the face."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.labelling.mirror_axis import mirror_missing


@pytest.mark.parametrize("degrees", [0, 20, -35])
def test_mirror_of_a_tilted_face(degrees: float) -> None:
    straight = np.array([[-10, 0], [10, 0], [0, 8], [-6, 15], [6, 15]], np.float32)
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    whole = (straight @ turn.T + 40).astype(np.float32)
    flip = (1, 0, 2, 4, 3)
    for missing in (0, 1, 3, 4):
        points = whole.copy()
        points[missing] = np.nan
        np.testing.assert_allclose(mirror_missing(points, flip, 80), whole, atol=1e-4)


def test_mirror_with_little_to_go_by() -> None:
    """Without a complete pair the axis is vertical."""
    nan = [np.nan, np.nan]
    one = np.array([[20, 10], nan], np.float32)
    np.testing.assert_allclose(mirror_missing(one, (1, 0), 81)[1], [60, 10])
    nose = np.array([[20, 10], nan, [30, 20]], np.float32)
    np.testing.assert_allclose(mirror_missing(nose, (1, 0, 2), 81)[1], [40, 10])
