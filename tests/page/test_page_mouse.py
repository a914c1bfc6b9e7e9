"""The tabs Compare, Style, In the wild and One face by mouse and touch: mistakes first, then to the downloaded file.

`pytest -m browser` runs it.
"""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from helpers.browser import NEEDS_CHROMIUM, Mouse, chromium, server

import facekit
from facekit.data.sample_faces import FOLDER
from facekit.images.reader import load_image
from facekit.page.compare_tab import load_example

__all__ = ["chromium", "server"]
pytestmark = NEEDS_CHROMIUM


@pytest.fixture(params=[1280, 400])
def mouse(request: pytest.FixtureRequest, chromium: object, server: gr.Blocks) -> Iterator[Mouse]:
    visitor = Mouse(chromium, server, request.param)
    yield visitor
    visitor.page.close()


@pytest.fixture
def people(tmp_path: Path) -> list[Path]:
    """Four photos of real people, with names too long for a narrow column."""
    photos = sorted(FOLDER.glob("*.jpg"))[:4]
    return [Path(shutil.copy(photo, tmp_path / f"photo_{photo.name}")) for photo in photos]


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    (file := tmp_path / "text.png").write_text("no image")
    return file


class SlowTraining:
    """Stands for `facekit.adapt`. It reports steps until the visitor presses Stop or the test ends."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def __call__(self, *data: Any, progress: Any, **settings: Any) -> None:
        for step in range(100_000):
            progress(step, 100_000, {"loss": 1.0, "segmentation": 0.5, "image": 0.5, "label accuracy": 0.7})
            if self.ended.wait(0.05):
                raise ValueError("the test has ended")


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowTraining]:
    training = SlowTraining()
    monkeypatch.setattr(facekit, "adapt", training)
    yield training
    training.ended.set()


def is_above(upper: dict[str, float], lower: dict[str, float]) -> bool:
    return upper["y"] + upper["height"] <= lower["y"] + 1


def test_compare(mouse: Mouse, text_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facekit, "learning_curve", functools.partial(facekit.learning_curve, steps=2))
    page = mouse.page
    page.set_default_timeout(240_000)
    mouse.open("Compare")
    button, field = mouse.box(".upload-container"), mouse.box(".block:has(.upload-container)")
    assert button["y"] + button["height"] <= field["y"] + field["height"], "the text of the field is cut off"
    mouse.upload("Zip file of images and labels", text_file)
    page.get_by_text("These labels cannot be used. text.png: expected a zip file").wait_for()
    mouse.press("Clear")
    # Labels of parts, while points are chosen.
    mouse.upload("Zip file of images and labels", Path(load_example("Parts")))
    page.get_by_text("16 labelled images, 18 parts").wait_for()
    assert page.get_by_label("Parts", exact=True).locator("visible=true").is_checked()
    mouse.press("Clear")
    mouse.upload("Zip file of images and labels", Path(load_example("Points")))
    page.get_by_text("16 labelled images, 5 points").wait_for()
    mouse.choose("synthparse")
    mouse.type_into("Faces", "1, 2")
    mouse.type_into("number input for Draws", "1")
    page.get_by_text("2 trainings, about").wait_for()
    mouse.press("Compare")
    mouse.press("Compare")
    scores = mouse.download("Download all scores (CSV)", tmp_path).read_text().splitlines()
    assert len(scores) == 3, "two presses are one comparison"
    assert is_above(mouse.box(".plot [data-testid=block-label]"), mouse.box(".plot img")), "the title is covered"
    block = mouse.box(".block.scores")
    for table in page.locator(".scores table:visible").all():
        area = table.bounding_box()
        assert area["x"] + area["width"] <= block["x"] + block["width"] + 1, "the table is too wide"
        assert table.evaluate("table => table.scrollWidth <= table.clientWidth + 1"), "a column is cut off"


def test_style(mouse: Mouse, people: list[Path], tmp_path: Path) -> None:
    page = mouse.page
    mouse.open("Style and shadows")
    mouse.upload("Images", *people[:2])
    page.get_by_text("2 images and 0 in the new style").wait_for()
    assert mouse.box(".file-preview .stem")["width"] > 40, "the names of the files are not shown"
    mouse.press("Adapt")
    page.get_by_text("for each of 2 images, got 0; add or remove images").wait_for()
    mouse.upload("The same in the new style", *people[2:])
    page.get_by_text("2 pairs").wait_for()
    mouse.type_into("number input for Training steps", "50")
    mouse.press("Adapt")
    assert facekit.load(mouse.download("Download the model", tmp_path)).task.name == "stylization"
    mouse.upload("A new image", people[0])
    mouse.press("Make the new image")
    image = load_image(mouse.download("Download the image", tmp_path))
    assert image.shape == load_image(people[0]).shape


def test_in_the_wild(mouse: Mouse, people: list[Path], text_file: Path, tmp_path: Path) -> None:
    page = mouse.page
    mouse.open("In the wild")
    mouse.press("Find the parts")
    page.get_by_text("expected an image, got none; upload one first").wait_for()
    assert not page.locator("[data-testid=status-tracker] > .error:visible").count()
    mouse.upload("Your image", text_file)
    page.get_by_text("text.png: not a readable image file").wait_for()
    mouse.upload("Your image", people[0])
    mouse.press("Find the parts")
    page.get_by_text("1 face found").wait_for()
    names = mouse.box(
        ".block:has(.slider-wrap) [data-testid=block-label], [data-testid=block-label]:has-text('Without')"
    )
    tools = mouse.box(".block:has-text('Without | with adapter') .icon-button-wrapper")
    assert names["x"] + names["width"] <= tools["x"] + 1, "the buttons cover the names of both sides"
    mouse.choose("Without adapter")
    page.get_by_text("left brow").wait_for()
    assert load_image(mouse.download("Download the mask", tmp_path)).shape[:2] == load_image(people[0]).shape[:2]


def test_one_face_and_its_progress(mouse: Mouse, people: list[Path], slow: SlowTraining) -> None:
    page = mouse.page
    mouse.open("One face, many parts")
    mouse.upload("Images, one face each", *people[:2])
    page.get_by_text("0 of 2 images are labelled").wait_for()
    mouse.press("Start over")
    page.get_by_text("0 of 2 images are labelled").wait_for(state="detached")
    mouse.upload("Images, one face each", *people[:1])
    mouse.press("Model's proposal")
    page.get_by_text("1 of 1 image is labelled").wait_for()
    for _ in range(2):
        mouse.press("Adapt")
        page.get_by_text("of 100000 steps").wait_for()
        assert is_above(mouse.box(".progress .progress-text"), mouse.box(".progress .progress-level"))
        # Gradio fades the old text out.
        page.get_by_text("Nothing is trained yet.").locator("visible=true").first.wait_for(state="detached")
        mouse.press("Stop")
        page.get_by_text("Stopped. There is no new result.").wait_for()


def test_a_mistake_is_told_while_another_visitor_trains(
    chromium: Any, server: gr.Blocks, people: list[Path], slow: SlowTraining
) -> None:
    first, second = Mouse(chromium, server, 1280), Mouse(chromium, server, 1280)
    first.open("One face, many parts")
    first.upload("Images, one face each", people[0])
    first.press("Model's proposal")
    first.page.get_by_text("1 of 1 image is labelled").wait_for()
    first.press("Adapt")
    first.page.get_by_text("of 100000 steps").wait_for()
    for tab, button, sentence in (
        ("Adapt", "Adapt", "expected a labelled image, got none"),
        ("Compare", "Compare", "expected a zip file of labels, got none"),
        ("Style and shadows", "Adapt", "expected images, got none"),
        ("One face, many parts", "Adapt", "expected a painted image, got none"),
    ):
        second.open(tab)
        second.press(button)
        second.page.get_by_text(sentence).wait_for(timeout=20_000)
    assert people[0].name not in second.page.content(), "another visitor's file is shown"
    for visitor in (first, second):
        visitor.page.close()
