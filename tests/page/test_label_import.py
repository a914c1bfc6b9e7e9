"""Label files that are uploaded beside their images become labels; hostile ones are left out with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from facekit.annotations import write_labels
from facekit.page.label_editor import add_uploads, choose
from facekit.page.label_import import MOST_FILES, read_uploads
from facekit.page.label_sheet import PARTS, POINTS, Sheet

NAMES = ["left_eye", "right_eye", "nose"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **settings: messages.append(message))
    return messages


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """A large image and a small one."""
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file, size in zip(files, [(1280, 960), (80, 60)], strict=True):
        Image.new("RGB", size, "grey").save(file)
    return files


def points_of(photos: list[Path]) -> np.ndarray:
    return np.array([[[100, 200], [300, 200], [200, 400]], [[10, 20], [30, 20], [20, 40]]], np.float32)


@pytest.mark.parametrize("format", ["labelme", "coco"])
def test_points_are_read_at_their_pixels(photos: list[Path], tmp_path: Path, told: list[str], format: Any) -> None:
    points = points_of(photos)
    target = tmp_path / "all.json" if format == "coco" else tmp_path
    labels = write_labels(target, photos, points, "landmarks", NAMES, format)
    sheet, kind, names = read_uploads([str(file) for file in (*labels, *photos)], PARTS)
    assert (kind, names, sheet.names) == (POINTS, NAMES, ["a.jpg", "b.jpg"]) and not told
    np.testing.assert_allclose(sheet.labels.points[0], (points[0] + 0.5) / 2 - 0.5, atol=1e-3)
    np.testing.assert_allclose(sheet.labels.points[1], points[1], atol=1e-3)


def test_masks_beside_their_images(photos: list[Path], tmp_path: Path, told: list[str]) -> None:
    mask = np.zeros((960, 1280), np.uint8)
    mask[200:400, 100:300] = 2
    Image.fromarray(mask).save(tmp_path / "a_mask.png")
    sheet, kind, names = read_uploads([str(file) for file in (*photos, tmp_path / "a_mask.png")], POINTS)
    assert kind == PARTS and len(names or []) == 2 and sheet.names == ["a.jpg", "b.jpg"] and sheet.labelled == [0]
    np.testing.assert_array_equal(sheet.labels.masks[0], mask[::2, ::2])
    assert not told


def test_labels_may_come_later(photos: list[Path], tmp_path: Path) -> None:
    first, *_ = choose(Sheet(), [str(file) for file in photos], POINTS, ", ".join(NAMES), "skin")
    first.labels.go(1)
    first.labels.place(5, 6)
    labels = write_labels(tmp_path, photos[:1], points_of(photos)[:1], "landmarks", NAMES)
    second, board, counts, field, kind, point_text, _ = choose(first, [str(labels[0])], POINTS, "chin", "skin")
    assert second.names == ["a.jpg", "b.jpg"] and second.labelled == [0, 1] and point_text == ", ".join(NAMES)
    assert second.labels.points[1, 0].tolist() == [5, 6] and kind == POINTS and field is None
    assert board["labelled"] == [0, 1] and "2 of 2 images are labelled" in counts


def labelme(path: str) -> str:
    shape = {"label": "nose", "points": [[3.5, 4.5]], "shape_type": "point", "group_id": None, "flags": {}}
    return json.dumps({"shapes": [shape], "imagePath": path, "imageData": None, "imageHeight": 60, "imageWidth": 80})


def test_other_images_of_the_computer_are_not_read(photos: list[Path], tmp_path: Path, told: list[str]) -> None:
    (secret := tmp_path / "others").mkdir()
    Image.new("RGB", (80, 60), "red").save(secret / "secret.png")
    for number, path in enumerate([str(secret / "secret.png"), "../others/secret.png"]):
        (file := tmp_path / f"{number}.json").write_text(labelme(path))
        told.clear()
        sheet, *_ = read_uploads([str(file), str(photos[1])], POINTS)
        assert sheet.names == ["b.jpg"] and not sheet.labelled, path
        assert len(told) == 1 and "\n" not in told[0], told


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"shapes": 3}', b'{"images": [], "annotations": []}', b"\xff\xfe\0", b'{"a": ' * 5000],
)
def test_label_files_that_are_none(content: bytes, photos: list[Path], tmp_path: Path, told: list[str]) -> None:
    (file := tmp_path / "labels.json").write_bytes(content)
    sheet, kind, names = read_uploads([str(file), str(photos[1])], POINTS)
    assert (sheet.names, kind, names, sheet.labelled) == (["b.jpg"], POINTS, None, [])
    assert len(told) == 1 and "\n" not in told[0] and str(tmp_path) not in told[0], told


def test_an_image_that_is_none_is_named(photos: list[Path], tmp_path: Path, told: list[str]) -> None:
    (broken := tmp_path / "broken.jpg").write_text("<html>")
    sheet, _, names = add_uploads(Sheet(), [str(broken), str(photos[1])], POINTS)
    assert sheet.names == ["b.jpg"] and names is None and told[0].startswith("broken.jpg: not a readable image file")
    with pytest.raises(ValueError, match=f"expected at most {MOST_FILES} files, got"):
        read_uploads([str(photos[1])] * (MOST_FILES + 1), POINTS)
    with pytest.raises(ValueError, match="expected at most 100 images, got 101"):
        read_uploads([str(photos[1])] * 101, POINTS)
