"""Every tab, from the images to the downloaded file, by the keyboard alone, on a wide and on a narrow screen.

`pytest -m browser` runs it.
"""

from __future__ import annotations

import functools
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from helpers.browser import NEEDS_CHROMIUM, Keyboard, chromium, server

import facekit
from facekit.annotations import read_labels
from facekit.images.reader import load_image, save_image

__all__ = ["chromium", "server"]
pytestmark = NEEDS_CHROMIUM


@pytest.fixture(params=[1280, 400])
def keyboard(request: pytest.FixtureRequest, chromium: object, server: gr.Blocks) -> Iterator[Keyboard]:
    visitor = Keyboard(chromium, server, request.param)
    yield visitor
    visitor.page.close()


@pytest.fixture
def people(tmp_path: Path) -> list[Path]:
    """Two photos of real people."""
    files = [tmp_path / f"{name}.png" for name in ("anna", "ben")]
    for file, image in zip(files, facekit.data.samples().images, strict=False):
        save_image(image, file)
    return files


def test_try(keyboard: Keyboard, tmp_path: Path) -> None:
    keyboard.use("Thumbnail 1 of")
    keyboard.page.get_by_text("1 face found.").wait_for()
    keyboard.open("Files")
    found = zipfile.ZipFile(keyboard.download("Download all results", tmp_path))
    names = found.namelist()
    assert {Path(name).suffix for name in names} >= {".png", ".json", ".csv"}
    whole = json.loads(found.read(next(name for name in names if name.endswith(".json"))))
    assert "landmarks" in json.dumps(whole)


def test_adapt(keyboard: Keyboard, people: list[Path], tmp_path: Path) -> None:
    page = keyboard.page
    keyboard.open("Adapt")
    keyboard.upload("Click to upload", *people)
    keyboard.use("Model's proposal")
    page.get_by_text("1 of 2 images are labelled").wait_for()
    keyboard.focus("Next", "Shift+Tab")
    keyboard.press("Enter")
    page.get_by_text("Image 2 of 2").wait_for()
    keyboard.focus("Click points on the image")
    for _ in range(5):
        keyboard.press("ArrowRight", "Shift+ArrowUp", "Enter")
    page.get_by_text("2 of 2 images are labelled").wait_for()

    labels = zipfile.ZipFile(keyboard.download("Download the labels", tmp_path))
    labels.extractall(tmp_path / "labels")
    read = read_labels(tmp_path / "labels", "landmarks")
    assert len(read.images) == 2
    points = np.stack(read.labels)
    assert points.shape == (2, 5, 2) and (np.diff(points[1, :, 0]) > 0).all()

    keyboard.type_into("number input for Training steps", "50")
    keyboard.use("Adapt")
    file = keyboard.download("Download the model", tmp_path)
    model = facekit.load(file)
    assert model.about["faces"] == 2
    onnx = keyboard.download("Download as ONNX", tmp_path)
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    assert runtime.InferenceSession(onnx).get_inputs()[0].name == "image"

    # More training from the model of this session, then the file is opened again.
    keyboard.focus("Continue with my model")
    keyboard.press("Space")
    keyboard.use("Adapt")
    (tmp_path / "again").mkdir()

    def is_new() -> bool:
        page.wait_for_timeout(3000)
        return keyboard.download("Download the model", tmp_path / "again").read_bytes() != file.read_bytes()

    assert any(is_new() for _ in range(20))
    keyboard.upload("Open a .facekit file", file)
    page.get_by_text("Opened").wait_for()


def test_parts_are_painted(keyboard: Keyboard, people: list[Path], tmp_path: Path) -> None:
    keyboard.open("Adapt")
    keyboard.focus("Parts")
    keyboard.press("Space")
    keyboard.upload("Click to upload", people[0])
    keyboard.focus("Paint")
    for _ in range(6):
        keyboard.press("Shift+ArrowRight", "Enter")
    keyboard.page.get_by_text("1 of 1 image is labelled").wait_for()
    labels = zipfile.ZipFile(keyboard.download("Download the labels", tmp_path))
    assert any(name.endswith(".json") for name in labels.namelist())


def test_compare(keyboard: Keyboard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = functools.partial(facekit.learning_curve, steps=2)
    monkeypatch.setattr(facekit, "learning_curve", short)
    keyboard.open("Compare")
    keyboard.use("Load the example")
    keyboard.page.get_by_text("16 labelled images").wait_for()
    keyboard.focus("fsma")
    keyboard.press("Space")
    keyboard.type_into("Faces", "1, 2")
    keyboard.type_into("number input for Draws", "2")
    keyboard.use("Compare")
    scores = keyboard.download("Download all scores", tmp_path).read_text().splitlines()
    assert len(scores) > 4 and "synthparse" in "".join(scores)


def test_style_and_shadows(keyboard: Keyboard, tmp_path: Path) -> None:
    keyboard.open("Style and shadows")
    keyboard.use("Load the example")
    keyboard.page.get_by_text("check that each pair").wait_for()
    keyboard.type_into("number input for Training steps", "50")
    keyboard.use("Adapt")
    keyboard.download("Download the model", tmp_path)
    keyboard.use("Make the new image")
    assert load_image(keyboard.download("Download the image", tmp_path)).shape == (256, 256, 3)


def test_in_the_wild(keyboard: Keyboard, tmp_path: Path) -> None:
    keyboard.open("In the wild")
    keyboard.use("Example image 1")
    keyboard.use("Find the parts")
    assert load_image(keyboard.download("Download the mask", tmp_path)).ndim == 3


def test_one_face_many_parts(keyboard: Keyboard, tmp_path: Path) -> None:
    keyboard.open("One face, many parts")
    keyboard.use("Load the example")
    keyboard.page.get_by_text("1 of 7 images are labelled").wait_for()
    keyboard.type_into("number input for Training steps", "20")
    keyboard.use("Adapt")
    file = keyboard.download("Download the model", tmp_path)
    assert facekit.load(file).backbone == "pftgan"
    keyboard.use("Make faces")
    keyboard.page.get_by_text("Generated faces").wait_for()
