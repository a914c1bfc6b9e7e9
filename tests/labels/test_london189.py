"""The 189 points of the Face Research Lab London Set: order, left-right pairs, conversion to the 68 points."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from helpers.viewer_sides import left_of_right

from facekit import labels as lb


def london_points(data: Path) -> np.ndarray:
    """Read the points of the London set's neutral images, (76, 189, 2)."""
    with (data / "london" / "index.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    return np.array([[float(v) for v in row[6:]] for row in rows if row[2] == "neutral"]).reshape(-1, 189, 2)


def test_the_mirrored_mean_of_the_london_set_is_the_mean(data: Path) -> None:
    s, points = lb.LANDMARKS_189, london_points(data)
    assert points.shape == (76, 189, 2)
    mean = points.mean(0)
    # The images are centred: their mirror axis is x = 256.
    off = np.linalg.norm(lb.flip_landmarks(mean, 513, s) - mean, axis=1)
    # Hair is the least symmetric; the inside of the face fits within 3 px.
    hair = np.array(["hair" in name or "neck" in name or "jawline" in name for name in s.points])
    assert off[hair].max() < 5 and off[~hair].max() < 3
    # Each point is closest to its own mirror image, not to that of another point. The points of closed lips, and the
    # tops of eye and iris, share one place.
    mirrored = lb.flip_landmarks(points, 513, s).mean(0)
    nearest = np.linalg.norm(mean[:, None] - mirrored[None], axis=-1).argmin(1)
    shared = ("inner_upper", "inner_lower", "iris_top", "eye_top")
    wrong = [s.points[i] for i in np.flatnonzero(nearest != np.arange(189))]
    assert not [name for name in wrong if not any(word in name for word in shared)]
    assert left_of_right(points, s).all()


def test_the_189_are_in_the_order_of_the_london_set() -> None:
    s = lb.LANDMARKS_189
    assert s is lb.landmark_set("london189") is lb.landmark_set("LANDMARKS_189") is lb.landmark_set(189)
    assert s.eye_corners == (18, 27) and s.eyes == ((0,), (1,))
    pairs = [(0, 1), (2, 10), (4, 16), (9, 11), (18, 27), (20, 25), (29, 32), (34, 43), (44, 49), (50, 56), (61, 66)]
    pairs += [(71, 82), (75, 78), (76, 77), (83, 86), (84, 85), (87, 93), (88, 92), (94, 98), (99, 103), (104, 108)]
    pairs += [(109, 112), (111, 114), (115, 120), (125, 133), (134, 144), (145, 157), (158, 161), (164, 167)]
    pairs += [(170, 172), (176, 178), (179, 182), (180, 181), (183, 184), (185, 187), (186, 188)]
    assert all(s.flip[a] == b and s.flip[b] == a for a, b in pairs)
    middle = [55, 90, 96, 101, 106, 129, 139, 151, 174, 175, 177]
    assert [i for i, other in enumerate(s.flip) if i == other] == middle
    # The points that 300-W defines in the same way; its 17 jaw points are others, but for the chin.
    copied = {8: 129, 17: 71, 21: 75, 22: 78, 33: 55, 36: 18, 37: 19, 38: 21, 40: 30, 45: 27, 48: 87, 51: 90, 62: 96}
    table = lb.landmark_map("london189", "68")
    assert {i: int(table[i]) for i in copied} == copied
    points = np.random.default_rng(0).uniform(0, 100, (189, 2))
    as68 = lb.convert_landmarks(points, "london189", "68")
    assert np.array_equal(np.flatnonzero(np.isnan(as68).any(1)), [*range(8), *range(9, 17)])
    assert np.allclose(as68[30], points[[54, 60]].mean(0)) and np.allclose(as68[32], points[[64, 55]].mean(0))
