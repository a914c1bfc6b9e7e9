"""Strokes, polygons and filled regions cover the right pixels."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.labelling.painting import fill, polygon, stroke


def test_stroke_is_a_round_brush() -> None:
    empty = np.zeros((60, 80), np.uint8)
    dot = stroke(empty, [(40, 30)], 21, 2)
    assert not empty.any(), "the mask itself stays"
    assert dot.sum() / 2 == pytest.approx(np.pi * 10.5**2, rel=0.03)
    line = stroke(empty, [(20, 30), (60, 30)], 11, 1)
    assert line[30, 15:66].all() and line.any(1).nonzero()[0].tolist() == list(range(25, 36))
    assert line.sum() == pytest.approx(40 * 11 + np.pi * 5.5**2, rel=0.03)
    assert stroke(empty, [(3, 4)], 1, 1).nonzero() == ([4], [3])
    assert stroke(empty, [(-50, -50), (-30, -40)], 9, 1).sum() == 0, "outside"
    assert stroke(empty, [(-50, 30), (200, 30)], 3, 1)[29:32].all()


def test_polygon_and_fill() -> None:
    empty = np.zeros((60, 80), np.uint8)
    square = polygon(empty, [(10, 10), (50, 10), (50, 40), (10, 40)], 1)
    assert square[10:41, 10:51].all() and square.sum() == 31 * 41
    ring = square.copy()
    ring[20:30, 20:30] = 0
    filled = fill(ring, 25, 25, 2)
    assert (filled[20:30, 20:30] == 2).all() and (filled == 1).sum() == 31 * 41 - 100
    assert (fill(ring, 0, 0, 2)[0] == 2).all() and (fill(ring, 0, 0, 2)[25, 25] == 0), "only the connected region"
    assert fill(ring, 25, 25, 2) is not ring and ring[25, 25] == 0
