"""Tables of landmarks are read, and `facekit predict --format csv` writes what is read."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.annotations import read_labels
from facekit.annotations.label_sources import labels_from_path
from facekit.cli.main import main
from facekit.labels import LANDMARKS_68


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (40, 30)).save(tmp_path / name)
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    file = folder / "points.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_named_points(folder: Path) -> None:
    """Points in any order of columns, beside other columns; empty cells; an image with two faces and one with none."""
    file = write(
        folder,
        "image;age;nose_y;nose_x;eye.x;eye.y",
        "a.png;30;2;1;3.5;4.5",
        "b;40;;;5;6",
        "b;41;7;8;9;10",
        "c.png;50;;;;",
    )
    found = read_labels(file, "landmarks", ["eye", "nose"])
    assert [path.name for path in found.images if isinstance(path, Path)] == ["a.png", "b.png", "b.png"]
    nan = np.nan
    np.testing.assert_array_equal(found.labels, [[[3.5, 4.5], [1, 2]], [[5, 6], [nan, nan]], [[9, 10], [8, 7]]])
    assert found.visible is not None and found.visible.tolist() == [[2, 2], [2, 0], [2, 2]] and not found.skipped
    assert read_labels(folder, "landmarks").names.points == ("nose", "eye"), "a folder with a table; names in its order"
    shifted = read_labels(file, "landmarks", ["eye", "nose"], origin=1.0)
    assert shifted.labels[0].tolist() == [[2.5, 3.5], [0, 1]]


def test_numbered_points(folder: Path) -> None:
    """x0,y0,... have the order of the set: London's own table."""
    header = ",".join(f"x{i},y{i}" for i in range(68))
    file = write(folder, f"file,face,{header}", "a.png,7," + ",".join(str(i % 30) for i in range(136)))
    found = read_labels(file, "landmarks")
    assert found.names == LANDMARKS_68 and found.labels[0, 1].tolist() == [2, 3]
    images, labels, names = labels_from_path(folder, file, "landmarks")
    assert [Path(image).name for image in images] == ["a.png"] and len(labels) == 1 and names == LANDMARKS_68


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["image,x0,y0,x1,y1", "a.png,1,2,3,4"],
            "expected columns NAME_x and NAME_y, or x0,y0,x1,y1,..., of points, got",
        ),
        (["image,smiling", "a.png,1"], "of points, got smiling; rename the columns"),
        (
            ["image,eye_x,eye_y", "a.png,1,"],
            r"row 2 \(a.png\): expected two numbers, or two empty cells, in .* got '1' and ''",
        ),
        (["image,eye_x,eye_y", "a.png,left,2"], "got 'left' and '2'; correct them"),
        (["image,eye_x,eye_y", "z.png,1,2"], "its image 'z.png' is missing"),
        (["image,eye_x,eye_y", "a.png,1,2,3"], "expected 3 cells as in the header, got 4"),
        (["image,eye_x,eye_y", "a.png,,"], "none with labels for landmarks"),
        (["image,eye_x,eye_y", "a.png,400,2"], "points.csv, a.png: .*expected x in .*, got point 0 at x=400"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, lines: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_labels(write(folder, *lines), "landmarks")


def test_a_table_without_points_is_ignored_in_a_folder(folder: Path) -> None:
    (folder / "people.csv").write_text("image,person\na.png,1\n")
    write(folder, "image,eye_x,eye_y", "a.png,1,2")
    found = read_labels(folder, "landmarks")
    assert len(found) == 1 and not found.skipped


@pytest.mark.parametrize("name", ["landmarks", "attributes"])
def test_predict_writes_a_table(name: str, tmp_path: Path) -> None:
    people = facekit.data.samples().images
    (tmp_path / "photos").mkdir()
    Image.fromarray(people[0]).save(tmp_path / "photos" / "one.png")
    Image.fromarray(np.hstack(people[1:3])).save(tmp_path / "photos" / "two, faces.png")
    photos, out = str(tmp_path / "photos"), tmp_path / "out"
    assert main(["predict", name, photos, "--out", str(out), "--format", "csv"]) == 0
    with (out / "faces.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["image"], row["face"]) for row in rows] == [
        ("../photos/one.png", "1"),
        ("../photos/two, faces.png", "1"),
        ("../photos/two, faces.png", "2"),
    ]
    (face,) = facekit.predict(name, people[0])
    assert [float(rows[0][c]) for c in ("x0", "y0", "x1", "y1")] == pytest.approx(face.box, abs=0.01)
    if name == "attributes":
        assert float(rows[0]["Smiling"]) == pytest.approx(face.probabilities[face.labels.index("Smiling")], abs=1e-3)
        return
    found = read_labels(out / "faces.csv", "landmarks")
    assert found.names == LANDMARKS_68 and len(found) == 3
    np.testing.assert_allclose(found.labels[0], face.points, atol=0.01)


def test_parts_have_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(facekit.data.samples().images[0]).save(tmp_path / "a.png")
    assert main(["predict", "segmentation", str(tmp_path), "--out", str(tmp_path / "o"), "--format", "csv"]) == 2
    assert "--format csv: got a model for segmentation, expected" in capsys.readouterr().err
