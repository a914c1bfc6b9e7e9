"""Scenes hold one to three unaligned faces, where their points say."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekit.__main__ import main
from facekit.data.image_text import Pair, PairBatches, PairPool, View, five_points
from facekit.data.image_text.scenes import Scenes
from facekit.labels import CELEBA_40

FACES = 12
DOTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A FACEKIT_DATA whose celebahq128 has grey images with a coloured dot on both eyes and on the nose."""
    points = np.random.default_rng(0).uniform(50, 80, (68, 2))
    points[36:42], points[42:48], points[30] = (50, 60), (78, 60), (64, 75)
    points[48], points[54] = (54, 90), (74, 90)
    y, x = np.mgrid[0:128, 0:128]
    image = np.full((128, 128, 3), 128, np.uint8)
    for (px, py), colour in zip(five_points(points[None])[0], DOTS, strict=False):
        image[np.hypot(x - px, y - py) < 7] = colour
    root = tmp_path / "data" / "celebahq128"
    root.mkdir(parents=True)
    names = [f"{i:05d}" for i in range(FACES)]
    with tarfile.open(root / "faces-000.tar", "w") as tar:
        for name in names:
            content = io.BytesIO()
            Image.fromarray(image).save(content, "JPEG", quality=95)
            member = tarfile.TarInfo(f"{name}.jpg")
            member.size = len(content.getvalue())
            tar.addfile(member, io.BytesIO(content.getvalue()))
    with (root / "attributes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["image", *CELEBA_40.names], *([name, *[1, 0] * 20] for name in names)])
    with (root / "landmarks68_pseudo.csv").open("w", newline="") as file:
        # The lowest tenth of the scores is left out.
        rows = [[name, i, *points.ravel()] for i, name in enumerate(names)]
        csv.writer(file).writerows([["image", "score", *range(136)], *rows])
    monkeypatch.setenv("FACEKIT_DATA", str(root.parent))
    return root


def pairs(scenes: Scenes) -> list[Pair]:
    found = list(scenes.read(0, len(scenes)))
    assert all(isinstance(pair, Pair) for pair in found)
    return [pair for pair in found if isinstance(pair, Pair)]


def test_dots_are_where_the_points_are(faces: Path) -> None:
    for pair in pairs(Scenes(20, 256, seed=3)):
        assert pair.points is not None
        for face in pair.points:
            for (x, y), colour in zip(face, DOTS, strict=False):
                pixel = pair.image[round(float(y)), round(float(x))].astype(int)
                assert np.abs(pixel - colour).max() < 60, pair.name


def test_faces_vary_in_number_size_angle_and_place(faces: Path) -> None:
    scenes = pairs(Scenes(80, 256, seed=0))
    every = np.concatenate([pair.points for pair in scenes if pair.points is not None])
    across = every[:, 1] - every[:, 0]
    # The eyes are 28 px apart in a square of 128 px, which takes up 25 to 60 % of the scene.
    sizes = np.linalg.norm(across, axis=1) / 28 * 128 / 256
    assert 0.25 <= sizes.min() < 0.28 and 0.57 < sizes.max() <= 0.60
    angles = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    assert angles.min() < -25 and angles.max() > 25 and np.abs(angles).max() <= 30.01
    assert {len(pair.points) for pair in scenes if pair.points is not None} == {1, 2, 3}
    assert every.min() > 0 and every.max() < 255
    assert any(";" in pair.text for pair in scenes) and any(";" not in pair.text for pair in scenes)


def test_a_range_gives_the_same_scenes(faces: Path) -> None:
    scenes = Scenes(9, 64, seed=1)
    whole, part = list(scenes.read(0, 9)), list(scenes.read(4, 6))
    for a, b in zip(whole[4:6], part, strict=True):
        assert isinstance(a, Pair) and isinstance(b, Pair)
        assert np.array_equal(a.image, b.image) and a.text == b.text
    assert scenes.name != Scenes(9, 64, seed=2).name
    with pytest.raises(ValueError, match="at least 32 px"):
        Scenes(9, 16)
    (faces / "faces-000.tar").unlink()
    with pytest.raises(FileNotFoundError, match="got 0"):
        Scenes(9)


def test_shards_of_scenes_are_aligned_or_cropped(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "shards"
    assert main(["shard", "scenes:6", "--size", "160", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 6
    pool = PairPool(out)
    assert all(pair.image.shape == (160, 160, 3) for pair in pool)
    aligned = PairBatches(pool, 0, 6, view=View(64, mirror=0)).batch(0)["image"]
    cropped = PairBatches(pool, 0, 6, view=View(64, align=False, mirror=0)).batch(0)["image"]
    # In an aligned view the left eye is red.
    assert (aligned[:, 0, 27:30, 23:26].float().mean((1, 2)) > 180).all()
    assert not (cropped[:, 0, 27:30, 23:26].float().mean((1, 2)) > 180).all()


def test_a_count_is_needed(tmp_path: Path) -> None:
    assert main(["shard", "scenes", "--out", str(tmp_path / "out")]) != 0
