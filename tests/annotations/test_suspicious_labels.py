"""Suspicious labels are learned, but a warning names them (kinds 1, 2 and 14)."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.annotations import read_labels, read_table
from facekit.annotations.checks import check_landmarks
from facekit.images.reader import ImageBatch, load_image
from facekit.labels import LANDMARKS_68, landmark_set
from facekit.metrics.scores import landmark_normaliser
from facekit.tasks import LandmarkTask, SegmentationTask

SIDE = 100
# Outer and inner corner of the left eye, inner and outer corner of the right one, nose, mouth corners.
FACE = np.array([[25, 40], [40, 41], [60, 41], [75, 40], [50, 60], [37, 75], [63, 75]], np.float32)
OTHER = ["nose", "mouth_left", "mouth_right"]


def images(count: int) -> ImageBatch:
    names = [f"{i}.png" for i in range(count)]
    return ImageBatch([np.zeros((SIDE, SIDE, 3), np.uint8)] * count, names, list(range(count)), False)


def faces(count: int) -> np.ndarray:
    return FACE + np.random.default_rng(0).normal(0, 0.5, (count, 7, 2)).astype(np.float32)


def test_corners_numbered_from_left_to_right_in_both_eyes() -> None:
    names = ["left_eye_1", "left_eye_2", "right_eye_1", "right_eye_2", *OTHER]
    assert landmark_set(names).flip[0] == 2
    with pytest.warns(UserWarning, match=r"names pair 'left_eye_1' with 'right_eye_1', but .* at 'right_eye_2'"):
        task, _ = LandmarkTask.from_labels(faces(5), names, images(5))
    assert task.mirrors and task.labels.flip == (3, 2, 1, 0, 4, 6, 5)


@pytest.mark.parametrize("count", [1, 5])
def test_names_that_agree_with_the_points_are_trusted(count: int) -> None:
    names = ["left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer", *OTHER]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task, _ = LandmarkTask.from_labels(faces(count), names, images(count))
    assert task.mirrors and task.labels.flip == (3, 2, 1, 0, 4, 6, 5)


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_points_that_stand_for_not_labelled(value: float) -> None:
    points = faces(2)
    points[1, :2] = value
    with pytest.warns(UserWarning, match=r"^landmarks 1 \(b.png\): expected NaN .*, got several points at"):
        check_landmarks(points, [(SIDE, SIDE)] * 2, ["a.png", "b.png"])


def test_a_face_without_a_size_has_no_error() -> None:
    assert np.isnan(landmark_normaliser(np.zeros((68, 2)), LANDMARKS_68, "inter_ocular"))


def test_greys_for_the_eye() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:30], mask[30:60] = 64, 128
    with pytest.warns(UserWarning, match=r"^expected ids 0, 1, 2, .*, got 0, 64, 128, which make 129 classes"):
        SegmentationTask.from_labels([mask], None, images(1))


def test_names_without_a_background() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:30] = 1
    with pytest.warns(UserWarning, match=r"id 0 means 'skin'.*put 'background' first"):
        SegmentationTask.from_labels([mask], ["skin", "hair"], images(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SegmentationTask.from_labels([mask], ["Background", "skin"], images(1))


def test_boxes_of_other_faces_are_refused() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2, SIDE, SIDE, 3), np.uint8)
    boxes = [(20, 20, 80, 80), (0, 0, 9, 9)]
    with pytest.raises(ValueError, match=r"^image 1: expected the box .*, got 0, 0, 9, 9 without any labelled point"):
        facekit.adapt(noise, faces(2), align="box", faces=boxes, weights="none", steps=1, progress=False)


@pytest.mark.parametrize(("highest", "message"), [(200, "multiply them by 257"), (4000, "multiply them by 16")])
def test_dark_16_bit_images(highest: int, message: str) -> None:
    with pytest.warns(UserWarning, match=f"got at most {highest}; .*{message}"):
        load_image(np.full((4, 4, 3), highest, np.uint16))


def test_ids_of_coco_are_the_same_as_text_and_as_numbers(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((10, 12, 3), np.uint8)).save(tmp_path / "a.png")
    square = [2, 2, 6, 2, 6, 6, 2, 6]
    document = {
        "images": [{"id": "7", "file_name": "a.png", "height": 0, "width": 0}],
        "categories": [{"id": "1", "name": "nose"}],
        "annotations": [{"id": 1, "image_id": 7.0, "category_id": 1, "segmentation": [square]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(document))
    found = read_labels(tmp_path / "labels.json", "segmentation")
    assert (found.labels[0] > 0).sum() == 16 and found.names.classes == ("background", "nose")


def test_a_table_with_excels_note(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sep=;\nimage;smiling\na.png;1\nb.png;0\n")
    table = read_table(tmp_path / "t.csv")
    assert table.columns == ("smiling",) and list(table.rows) == ["a.png", "b.png"]
