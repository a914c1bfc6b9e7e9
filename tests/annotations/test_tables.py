"""Tables of attributes are read in every common form, and errors name the broken line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import NAN, photo, photos

from facekit.annotations import read_attributes, read_table
from facekit.labels import CELEBA_40, attribute_set

# Reading people's files must not let warnings stray.
pytestmark = pytest.mark.filterwarnings("error")

TABLE = "file,hat,beard\na.png,0,1\nb2.jpg,1,\nb10.png,nan,0\n"
VALUES = np.array([[0, 1], [1, NAN], [NAN, 0]], np.float32)


def write(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    photos(folder)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "\ufeff" + TABLE,
        TABLE.replace("\n", "\r\n").replace(",", ";"),
        TABLE.replace(",", "\t"),
        "file,hat,beard\na.png,0.0,1.0\nb2.jpg,1.0,\nb10.png,NaN,0.0\n",
        '"file","hat","beard"\n"a.png", False ,True\nb2.jpg,true, \nb10.png,,false\n',
        "\n" + TABLE.replace("\n", "\n,,\n\n"),
        "file,hat,beard\na.png,-1,1\nb2.jpg,1,\nb10.png,,-1\n",
        "file,hat,beard\na,0,1\nb2,1,\nb10,,0\n",
        "file,hat,beard\nphotos/a.png,0,1\nC:\\me\\b2.jpg,1,\n./b10.png,,0\n",
    ],
    ids=["plain", "BOM", "Excel", "tabs", "floats", "words", "empty rows", "-1", "stems", "folders"],
)
def test_every_way_to_write_a_table(tmp_path: Path, text: str) -> None:
    found = read_attributes(write(tmp_path / "photos", text))
    np.testing.assert_array_equal(found.labels, VALUES)
    assert found.names == attribute_set(["hat", "beard"]) and found.skipped == {}
    assert [path.name for path in found.images] == ["a.png", "b2.jpg", "b10.png"]


def test_celebas_own_list(tmp_path: Path) -> None:
    names = " ".join(CELEBA_40.names)
    rows = [
        f"{name}  " + " ".join("1" if i % step == 0 else "-1" for i in range(40))
        for step, name in enumerate(("a.png", "b2.jpg", "b10.png"), 2)
    ]
    path = write(tmp_path, "3\n" + names + " \n" + "\n".join(rows) + "\n", "list_attr_celeba.txt")
    found = read_attributes(path)
    assert found.names is CELEBA_40
    expected = [[float(i % step == 0) for i in range(40)] for step in (2, 3, 4)]
    assert found.labels.tolist() == expected
    some = read_attributes(path, ["Young", "Bald"])
    assert some.names.names == ("Young", "Bald") and some.labels.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "file,age,Young,race,Male\na.png,30,1,white,0\nb2.jpg,61,0,black,1\n")
    chosen = read_attributes(path, ["Male", "Young"])
    assert chosen.labels.tolist() == [[0, 1], [1, 0]]
    assert read_attributes(path, "Male").labels.tolist() == [[0], [1]]
    whole = read_attributes(path, "celeba40")
    assert whole.names is CELEBA_40 and whole.labels[:, [20, 39]].tolist() == [[0, 1], [1, 0]]
    assert np.isnan(np.delete(whole.labels, [20, 39], 1)).all()
    wrong: list[tuple[Any, str]] = [
        (["Male", "Bald"], "expected a column that it has .*, got column 'Bald'"),
        (attribute_set(["hat", "beard"]), "expected columns of attribute set 'own2', got no attribute"),
        (None, r"row 2 \(a.png\), column 'age': expected 0, 1 or an empty cell, got '30'"),
    ]
    for names, said in wrong:
        with pytest.raises(ValueError, match=f"^labels.csv: {said}"):
            read_attributes(path, names)


def test_order_of_celebas_columns_is_free(tmp_path: Path) -> None:
    turned = CELEBA_40.names[::-1]
    path = write(tmp_path, f"id,{','.join(turned)}\na.png,1{',0' * 39}\n")
    found = read_attributes(path)
    assert found.names is CELEBA_40 and found.labels[0].tolist() == [0.0] * 39 + [1.0]


def test_rows_without_a_image_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, TABLE + "gone.jpg,1,1\nc,0,0\n")
    with pytest.warns(UserWarning, match=r"^labels.csv: 2 of 5 rows without an image are left out: gone.jpg, c$"):
        found = read_attributes(path)
    assert list(found.skipped) == ["gone.jpg", "c"] and "is missing" in found.skipped["c"]
    np.testing.assert_array_equal(found.labels, VALUES)
    other = tmp_path / "elsewhere"
    photo(other / "a.png")
    with pytest.warns(UserWarning, match="4 of 5 rows"):
        assert read_attributes(path, images=other).images == [other / "a.png"]
    (tmp_path / "elsewhere" / "a.png").unlink()
    with pytest.raises(ValueError, match="^labels.csv: expected images of its rows, got none of 5: its image 'a.png'"):
        read_attributes(path, images=other)


def test_a_column_by_images(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "file,race\nfolder/a.png,white\nb2,\nb10, east asian \n"))
    names = ["b10.png", "a.png", "b2.jpg", "unknown.png"]
    assert table.column_of("race", names) == ["east asian", "white", None, None]
    with pytest.raises(ValueError, match=r"expected a column that it has \(race\), got column 'age'"):
        table.column_of("age", names)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected .*, got an empty file"),
        (" \n \n", "expected .*, got an empty file"),
        (b"file,hat\na.png,\xff\xfe\n", "expected .*, got bytes that are no text"),
        ("file\na.png\n", "row 1: expected the images' names and more columns, got one column"),
        ("a.png,0,1\nb2.jpg,1,1\n", "row 1: expected a header .*, got '0' as name of a column"),
        ("file,hat,,beard\na.png,0,1,1\n", "row 1, column 3: expected a name, got none"),
        ("file,hat,hat\na.png,0,1\n", "row 1: expected each column once, got 'hat' twice"),
        ("file,hat\n", "expected a row per image below the header, got none"),
        ("file,hat,beard\na.png,0,1\nb2.jpg,0\n", r"row 3 \(b2.jpg\): expected 3 cells as in the header, got 2"),
        ("file,hat,beard\n\na.png,0,1,1\n", r"row 3 \(a.png\): expected 3 cells .*, got 4"),
        ("file,hat\n,0\n", "row 2, column 1: expected an image's file name, got nothing"),
        ("file,hat\na.png,0\nb2.jpg,0\na.png,1\n", r"row 4 \(a.png\): expected each image once, got it in row 2, too"),
        (
            "file,hat\na.png,0\nb2.jpg,yes\n",
            r"row 3 \(b2.jpg\), column 'hat': expected 0, 1 or an empty cell, got 'yes'",
        ),
        ("file,hat\na.png,0.5\n", r"row 2 \(a.png\), column 'hat': expected .*, got '0.5'"),
        ("file,hat\na.png,inf\n", r"row 2 \(a.png\), column 'hat': expected .*, got 'inf'"),
        ("file,hat\na.png,0\nb2.jpg,-1\n", r"row 3 \(b2.jpg\), column 'hat': expected .*, got -1 besides cells with 0"),
        ('file,hat\n"a.png,0\nb2.jpg,1\n', r"row \d: expected .*, got broken CSV \(unexpected end of data\)"),
        ("3\n", "row 1: expected .*, got one column"),
        ("3\nhat beard\na.png 1 -1\n", "expected 3 rows of images, got 1; copy"),
        ("1\nhat beard\na.png 1\n", r"row 3 \(a.png\): expected 3 cells .*, got 2"),
    ],
)
def test_broken_tables_say_where(tmp_path: Path, text: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"^labels.csv: {said}"):
        read_attributes(write(tmp_path, text))


def test_no_table_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="none.csv: expected a table, got No such file"):
        read_attributes(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="expected a table, got Is a directory"):
        read_table(tmp_path)
