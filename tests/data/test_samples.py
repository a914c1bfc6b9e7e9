"""The sample faces: complete, balanced, read-only, with labels that fit, and made from the London set."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.data.sample_faces import FOLDER, SampleFaces
from facekit.labels import LANDMARKS_189


@pytest.fixture(scope="module")
def faces() -> SampleFaces:
    return facekit.data.samples()


def test_shapes_and_types(faces: SampleFaces) -> None:
    assert len(faces) == 16 == len(faces.images) == len(set(faces.names))
    assert all(image.shape == (256, 256, 3) and image.dtype == np.uint8 for image in faces.images)
    assert faces.landmarks.shape == (16, 189, 2) and faces.landmarks.dtype == np.float32
    assert faces.masks.shape == (16, 256, 256) and faces.masks.dtype == np.uint8
    assert faces.landmark_labels.name == "london189" and faces.mask_labels.name == "celebamask19"
    assert faces.landmarks.min() >= 0 and faces.landmarks.max() <= 255
    assert faces.masks.max() < len(faces.mask_labels)
    assert "16 people: 025, 044" in repr(faces)


def test_both_halves_are_balanced(faces: SampleFaces) -> None:
    for half in (faces[:8], faces[8:]):
        assert isinstance(half, SampleFaces) and len(half) == 8
        pairs = set(zip(half.sexes, half.ethnicities, strict=True))
        assert pairs == {(s, e) for s in ("female", "male") for e in ("black", "east_asian", "west_asian", "white")}
    assert min(faces.ages) >= 18 and max(faces.ages) >= 50
    assert sum(faces.corrected) >= 6


def test_nothing_can_be_changed_by_accident(faces: SampleFaces) -> None:
    assert facekit.data.samples() is faces
    for array in (faces.images[0], faces.landmarks, faces.masks, faces[2:4].landmarks):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        faces.names = ()  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"faces.images\[3\]"):
        faces[3]  # type: ignore[index]


@pytest.mark.parametrize("side", ["left", "right"])
def test_parts_lie_where_the_points_are(faces: SampleFaces, side: str) -> None:
    index, part = LANDMARKS_189.index, faces.mask_labels.index
    for points, mask in zip(faces.landmarks, faces.masks, strict=True):
        for name, middle in (
            ("eye", [f"{side}_eye_outer", f"{side}_eye_inner"]),
            ("brow", [f"{side}_brow_0", f"{side}_brow_lower_3"]),
        ):
            rows, columns = np.nonzero(mask == part(f"{side}_{name}"))
            expected = points[[index(point) for point in middle]].mean(0)
            assert abs(columns.mean() - expected[0]) < 4 and abs(rows.mean() - expected[1]) < 8
        x, y = np.rint(points[index(f"{side}_pupil")]).astype(int)
        assert mask[y, x] == part(f"{side}_eye")
    for name in ("skin", "nose", "upper_lip", "lower_lip", "hair", "neck", "cloth", f"{side}_brow"):
        assert ((faces.masks == part(name)).sum((1, 2)) > 20).all(), name


def test_it_is_small_has_its_attribution_and_nothing_else() -> None:
    files = sorted(path.name for path in FOLDER.iterdir())
    assert len(files) == 16 * 2 + 2 and {"README.md", "index.csv"} <= set(files)
    assert sum((FOLDER / name).stat().st_size for name in files) < 700_000
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for needed in ("DeBruine", "Jones", "10.6084/m9.figshare.5047666", "CC BY 4.0", "changed"):
        assert needed in text
    setup = (Path(__file__).parents[2] / "setup.cfg").read_text()
    assert "facekit.data = samples/*" in setup


def test_importing_facekit_does_not_load_them() -> None:
    code = "import facekit, sys; print('PIL' in sys.modules, callable(facekit.data.samples))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "True"]


def test_they_are_made_from_the_london_set(data: Path, faces: SampleFaces) -> None:
    with (data / "london" / "index.csv").open() as file:
        rows = {row["face"]: row for row in csv.DictReader(file) if row["expression"] == "neutral"}
    for i, name in enumerate(faces.names):
        row = rows[name]
        assert (row["age"], row["gender"], row["ethnicity"]) == (
            str(faces.ages[i]),
            faces.sexes[i],
            faces.ethnicities[i],
        )
        points = np.array([[float(row[f"x{k}"]), float(row[f"y{k}"])] for k in range(189)])
        # The square from 64, 48 to 448, 432 becomes 256 px; pixel centres are integers.
        assert np.allclose((points + 0.5 - (64, 48)) / 1.5 - 0.5, faces.landmarks[i], atol=0.006)
        with Image.open(data / "london" / "images" / row["file"]) as image:
            shown = image.convert("RGB").resize((256, 256), Image.Resampling.LANCZOS, (64, 48, 448, 432))
        assert np.abs(np.asarray(shown, float) - faces.images[i]).mean() < 1.5
