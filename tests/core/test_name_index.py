"""Every reader of files and labels finds a name despite different letter case, blanks and Unicode forms."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.label_file_makers import coco, labelme, photo, save, shape
from PIL import Image

from facekit.annotations import read_attributes, read_labels, read_table, write_labels
from facekit.annotations.mask_checks import check_masks
from facekit.core.name_index import NameIndex, plain_name, warn_of_similar_names
from facekit.labels import LANDMARKS_5
from facekit.metrics.groups import group_members

pytestmark = pytest.mark.filterwarnings("error")

TIP = [shape("tip", [[2, 2]])]
KEYPOINTS = [{"id": 1, "name": "face", "keypoints": ["tip"]}]
SQUARE = [[0, 0], [5, 0], [5, 5], [0, 5]]
NFC = unicodedata.normalize("NFC", "Jürgen")
NFD = unicodedata.normalize("NFD", "Jürgen")


def test_the_index() -> None:
    index = NameIndex(["Hair", "hair", "nose ", NFD])
    assert index.find("hair") == ["hair"] and index.find("HAIR") == ["Hair", "hair"] and index.find(" hair") == ["hair"]
    assert index.find("nose") == ["nose "] and index.find(NFC) == [NFD] and index.find("x") == []
    assert plain_name("\ufeff a .jpg\u00a0") == "a.jpg" and plain_name("a b") == "a b"
    with pytest.warns(UserWarning, match="classes 'Hair' and 'hair ' differ only in blanks, .* and are kept apart"):
        warn_of_similar_names(["Hair", "skin", "hair "], "classes", "kept apart")
    with pytest.warns(UserWarning, match=r"'J\\xfcrgen' and 'Ju\\u0308rgen' differ only"):
        warn_of_similar_names([NFC, NFD], "classes", "kept apart")


# What is written in the label file, and how the image is called on the disk.
SAME = [
    (f"{NFC}.jpg", f"{NFD}.jpg"),
    (f"{NFD}.jpg", f"{NFC}.jpg"),
    ("img_1.jpg", "IMG_1.JPG"),
    ("IMG_1.JPG", "img_1.jpg"),
    ("a.jpg ", "a.jpg"),
    (" a.jpg", "a.jpg"),
    ("a.jpg", "a .jpg"),
    ("C:\\Users\\me\\a.jpg", "a.jpg"),
    ("..\\photos\\a.jpg", "a.jpg"),
    ("/home/me/a.jpg", "a.jpg"),
    ("file:///home/me/a.jpg", "a.jpg"),
    ("my%20face.jpg", "my face.jpg"),
    ("J%C3%BCrgen.jpg", f"{NFD}.jpg"),
    ("a_jpg.rf.0123456789abcdef.jpg", "a.jpg"),
    ("50%.jpg", "50%.jpg"),
]


@pytest.mark.parametrize(("written", "name"), SAME, ids=[str(i) for i in range(len(SAME))])
def test_images_of_json_files_and_tables(tmp_path: Path, written: str, name: str) -> None:
    """Cases 06 and 07, and their neighbours."""
    image = photo(tmp_path / name)
    save(tmp_path / "x.json", labelme(TIP, written))
    assert read_labels(tmp_path, "landmarks").images == [image]
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [2, 2, 2]}
    images = [{"id": 1, "file_name": written, "height": 20, "width": 30}]
    save(tmp_path / "x.json", coco([annotation], KEYPOINTS, images=images))
    assert read_labels(tmp_path, "landmarks").images == [image]
    (tmp_path / "t.csv").write_text(f'file,smile\n"{written}",1\n', encoding="utf-8")
    assert read_attributes(tmp_path / "t.csv").images == [image]


@pytest.mark.parametrize(
    ("label", "name"),
    [("a.jpg", "a.jpg"), (NFC, f"{NFD}.jpg"), ("img_1", "IMG_1.JPG"), ("a ", "a.jpg"), ("A.JPG", "a.jpg")],
)
def test_images_of_points_and_masks(tmp_path: Path, label: str, name: str) -> None:
    """`a.jpg.png` and `a.jpg.pts` belong to `a.jpg`."""
    image = photo(tmp_path / "photos" / name)
    ids = np.eye(20, 30, dtype=np.uint8)
    folder = tmp_path / "labels"
    folder.mkdir()
    save(folder / f"{label}.PTS", "version: 1\nn_points: 1\n{\n3 3\n}")
    assert read_labels(folder, "landmarks", images=image.parent).labels.tolist() == [[[2, 2]]]
    Image.fromarray(ids).save(folder / f"{label}.png")
    found = read_labels(folder, "segmentation", images=image.parent)
    assert found.images == [image] and np.array_equal(found.labels[0], ids)
    (folder / f"{label}.PTS").unlink()
    assert np.array_equal(check_masks(folder, [(20, 30)], 2, names=[name])[0], ids)


def test_folders_are_paired_by_names(tmp_path: Path) -> None:
    names = ["a.jpg", "a_b.jpg", f"{NFC}.jpg", "B.JPG", "z2.jpg", "z10.jpg"]
    files = ["a_gt.png", "a_b_gt.png", f"{NFD}.png", "b.jpg.png", "z2_mask.png", "z10_mask.png"]
    for i, file in enumerate(files):
        Image.fromarray(np.full((2, 3), i, np.uint8)).save(tmp_path / file)
    masks = check_masks(tmp_path, [(2, 3)] * 6, None, names=names)
    assert [int(mask[0, 0]) for mask in masks] == list(range(6))
    with pytest.raises(ValueError, match="c.jpg: expected a label named c.*, got "):
        check_masks(tmp_path, [(2, 3)] * 6, None, names=[*names[:5], "c.jpg"])


def test_masks_with_other_endings_where_the_images_are_named(tmp_path: Path) -> None:
    for name in ("a.jpg", "a_1.jpg", "a_12.jpg"):
        photo(tmp_path / "photos" / name)
    (tmp_path / "m").mkdir()
    for i, name in enumerate(("a_gt.png", "a_1_gt.png", "a_12-parts.png")):
        Image.fromarray(np.eye(20, 30, dtype=np.uint8) * (i + 1)).save(tmp_path / "m" / name)
    found = read_labels(tmp_path / "m", "segmentation", images=tmp_path / "photos")
    assert {path.name: int(mask.max()) for path, mask in zip(found.images, found.labels, strict=True)} == {
        "a.jpg": 1,
        "a_1.jpg": 2,
        "a_12.jpg": 3,
    }


def test_exact_names_win_and_ambiguous_ones_are_told(tmp_path: Path) -> None:
    photo(tmp_path / "A.png"), photo(tmp_path / "a.png")
    save(tmp_path / "x.json", labelme(TIP, "a.png"))
    assert read_labels(tmp_path, "landmarks").images == [tmp_path / "a.png"]
    (tmp_path / "a.png").rename(tmp_path / "a.PNG")
    save(tmp_path / "x.json", labelme(TIP, "A.Png"))
    with pytest.raises(ValueError, match="expected one file for 'A.Png', got 'A.png' and 'a.PNG'"):
        read_labels(tmp_path, "landmarks")


def parts(path: Path, *names: str) -> Any:
    squares = [[[x + 6 * i, y] for x, y in SQUARE] for i in range(len(names))]
    save(path, labelme([shape(n, s, "polygon") for n, s in zip(names, squares, strict=True)], f"{path.stem}.png"))


@pytest.mark.parametrize("name", ["Hair", "hair ", "\ufeffhair", "HAIR"])
def test_classes_and_points_of_a_given_set(tmp_path: Path, name: str) -> None:
    photo(tmp_path / "a.png")
    parts(tmp_path / "a.json", name)
    found = read_labels(tmp_path, "segmentation", ["background", "skin", "hair"])
    assert found.labels[0][2, 2] == 2
    save(tmp_path / "a.json", labelme([shape(name, [[2, 2]])]))
    assert not np.isnan(read_labels(tmp_path, "landmarks", ["skin", "hair"]).labels[0, 1]).any()
    parts(tmp_path / "a.json", "HAIr", "Background", "__Ignore__")
    message = "expected one class of set 'own3', got class 'HAIr', which fits 'hair' and 'Hair'"
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path, "segmentation", ["background", "hair", "Hair"])
    assert sorted(np.unique(read_labels(tmp_path, "segmentation", ["background", "hair"]).labels[0])) == [0, 1, 255]


def test_names_of_one_set_that_differ_only_so(tmp_path: Path) -> None:
    """Letter case: two classes, with a warning. What nobody sees: one class, with a warning."""
    photo(tmp_path / "a.png"), photo(tmp_path / "b.png")
    parts(tmp_path / "a.json", "Hair", "hair ")
    with pytest.warns(UserWarning, match="classes 'Hair' and 'hair ' differ only .* are kept apart"):
        found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", "Hair", "hair") and found.labels[0].max() == 2
    parts(tmp_path / "a.json", NFC, "hair ")
    parts(tmp_path / "b.json", NFD, "hair")
    with pytest.warns(UserWarning, match="'hair ' and 'hair'|'hair' and 'hair '") as told:
        found = read_labels(tmp_path, "segmentation")
    assert found.names.classes == ("background", "hair", NFC) and "read as one" in str(told[0].message)
    assert np.array_equal(found.labels[0], found.labels[1])


def test_sets_that_differ_only_so_come_back_as_they_were(tmp_path: Path) -> None:
    image = photo(tmp_path / "photos" / "a.png")
    mask = np.arange(600).reshape(20, 30) % 4
    names = ["background", "Hair", "hair ", "hair"]
    for format in ("labelme", "png", "coco"):
        path = tmp_path / format if format != "coco" else tmp_path / "all.json"
        write_labels(path, [image], [mask], "segmentation", names, format)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_labels(path, "segmentation", images=tmp_path / "photos")
        assert found.names.classes == tuple(names) and np.array_equal(found.labels[0], mask)


def test_known_sets_in_any_case(tmp_path: Path) -> None:
    photo(tmp_path / "a.png")
    names = [name.title() for name in LANDMARKS_5.points[:4]] + [f"{LANDMARKS_5.points[4]} "]
    save(tmp_path / "a.json", labelme([shape(name, [[2, i]]) for i, name in enumerate(names)]))
    found = read_labels(tmp_path, "landmarks")
    assert found.names == LANDMARKS_5 and found.labels[0, :, 1].tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("pattern", ["{}", "{:02d}"])
def test_68_numbers_are_the_68_points(tmp_path: Path, first: int, pattern: str) -> None:
    photo(tmp_path / "a.png")
    shapes = [shape(pattern.format(i + first), [[i / 3 + 0.5, 5]]) for i in reversed(range(68))]
    save(tmp_path / "a.json", labelme(shapes))
    found = read_labels(tmp_path, "landmarks")
    assert found.names.name == "68"
    np.testing.assert_allclose(found.labels[0, :, 0], np.arange(68) / 3, atol=1e-5)


def test_tables_columns_rows_and_groups(tmp_path: Path) -> None:
    photo(tmp_path / f"{NFD}.jpg"), photo(tmp_path / "B.JPG")
    table = f"file ,Smile , group\n{NFC}.jpg, 1 , {NFC} \nb,0,{NFD}\n"
    (tmp_path / "t.csv").write_text(table, encoding="utf-8")
    found = read_attributes(tmp_path / "t.csv", ["smile"])
    assert found.labels.tolist() == [[1], [0]] and [p.name for p in found.images] == [f"{NFD}.jpg", "B.JPG"]
    groups = read_table(tmp_path / "t.csv").column_of("GROUP", [f"{NFD}.jpg", "B.JPG"])
    assert groups == [NFC, NFC] and group_members(groups, 2) == {NFC: [0, 1]}
    assert group_members(["f ", "f", NFC, NFD], 4) == {"f": [0, 1], NFC: [2, 3]}
    with pytest.warns(UserWarning, match="groups 'f' and 'F' differ only .* kept apart"):
        assert len(group_members(["f", "F"], 2)) == 2
    (tmp_path / "t.csv").write_text("file,Smile,smile\nB.JPG,1,0\n")
    with pytest.warns(UserWarning, match="t.csv: columns 'Smile' and 'smile' differ only"):
        assert read_attributes(tmp_path / "t.csv").labels.tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="expected 'Smile' and 'smile', got column 'SMILE'"):
        read_table(tmp_path / "t.csv").place("SMILE")
