"""The page works in a real browser: labels keep their place, files of every kind upload, training stops.

Needs Debian's chromium and PyPI's playwright. `pytest -m browser` runs only these tests.
"""

from __future__ import annotations

import copy
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from helpers.browser import NEEDS_CHROMIUM, chromium, server
from PIL import Image

import facekit
from facekit.annotations import read_labels
from facekit.images.reader import load_image
from facekit.labelling import PointLabels
from facekit.page import own_model_tab
from facekit.page.label_sheet import POINT_NAMES, POINTS, Sheet, names_in

__all__ = ["chromium", "server"]
pytestmark = NEEDS_CHROMIUM
# Width and height. The page scales images down to 640 px of the longer side.
SIZES = {"a_landscape": (1280, 960), "b_portrait": (150, 320), "c_square": (640, 640)}


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Grey images, each of its own grey."""
    files = []
    for grey, (name, size) in zip((90, 120, 150), SIZES.items(), strict=True):
        Image.new("RGB", size, (grey, grey, grey)).save(file := tmp_path / f"{name}.png")
        files.append(file)
    return files


def labelled_size(index: int) -> tuple[int, int]:
    width, height = list(SIZES.values())[index]
    factor = min(1, 640 / max(width, height))
    return round(width * factor), round(height * factor)


class Tab:
    """A tab of the browser in which images are labelled."""

    def __init__(self, chromium: Any, server: gr.Blocks) -> None:
        self.page = chromium.new_page(viewport={"width": 1280, "height": 1300})
        self.asked = 0.0
        self.open: set[Any] = set()
        self.page.on("request", self._begin)
        self.page.on("requestfinished", lambda request: self.open.discard(request))
        self.page.on("requestfailed", lambda request: self.open.discard(request))
        self.page.goto(f"http://127.0.0.1:{server.server_port}")
        self.page.get_by_role("tab", name="Adapt").click()

    def choose(self, photos: list[Path], kind: str) -> None:
        self.page.locator("input[type=file][multiple]").first.set_input_files([str(photo) for photo in photos])
        self.page.get_by_text("Image 1 of").wait_for()
        if kind == "Parts":
            self.page.locator("input[type=radio][value=Parts]:visible").check()
            self.page.get_by_text("Image 1 · paint").wait_for()

    def _begin(self, request: Any) -> None:
        self.asked = time.monotonic()
        if "heartbeat" not in request.url:
            self.open.add(request)

    def settle(self) -> None:
        """Waits until the browser waits for nothing."""
        for _ in range(600):
            self.page.wait_for_timeout(50)
            if not self.open and time.monotonic() > self.asked + 0.4:
                return
        raise AssertionError(f"still waiting for {[request.url for request in self.open]}")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).locator("visible=true").first.click()

    def go(self, name: str, number: int) -> None:
        self.press(name)
        self.page.get_by_text(re.compile(f"Image {number}( of [0-9]+)? ·")).wait_for()

    def places(self, index: int, *points: tuple[int, int]) -> list[tuple[float, float]]:
        """The places on the screen of pixels of the labelled image."""
        self.settle()
        surface = self.page.locator("canvas:visible").first
        surface.scroll_into_view_if_needed()
        area, (wide, high) = surface.bounding_box(), labelled_size(index)
        assert abs(area["width"] / area["height"] - wide / high) < 0.02, f"image {index} is not on the screen"
        scale = area["width"] / wide, area["height"] / high
        return [(area["x"] + (x + 0.5) * scale[0], area["y"] + (y + 0.5) * scale[1]) for x, y in points]

    def stroke(self, index: int, start: tuple[int, int], end: tuple[int, int]) -> None:
        first, last = self.places(index, start, end)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        self.page.mouse.move(*last, steps=3)
        self.page.mouse.up()

    def download(self, folder: Path) -> Any:
        with self.page.expect_download() as coming:
            self.press("Download the labels (LabelMe)")
        coming.value.save_as(folder / "labels.zip")
        with zipfile.ZipFile(folder / "labels.zip") as archive:
            archive.extractall(folder / "labels")
        return folder / "labels"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (made := tmp_path / "work").mkdir()
    return made


@pytest.fixture
def tab(chromium: Any, server: gr.Blocks, folder: Path) -> Iterator[Tab]:
    opened = Tab(chromium, server)
    opened.folder = folder
    yield opened
    opened.page.close()


def capsule(index: int, start: tuple[int, int], end: tuple[int, int]) -> np.ndarray:
    """What a stroke covers: all pixels within half the brush of the line."""
    wide, high = labelled_size(index)
    y, x = np.mgrid[:high, :wide]
    a, b = np.array(start, float), np.array(end, float)
    along = np.clip(((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / max(1, ((b - a) ** 2).sum()), 0, 1)
    return np.hypot(x - a[0] - along * (b - a)[0], y - a[1] - along * (b - a)[1]) <= max(wide, high) / 40


STROKES = [((200, 150), (420, 150)), ((40, 200), (95, 230)), ((100, 500), (300, 520))]


@pytest.mark.slow
def test_strokes_stay_where_they_were_painted(tab: Tab, photos: list[Path], folder: Path) -> None:
    tab.choose(photos, "Parts")
    tab.stroke(0, *STROKES[0])
    tab.go("Next", 2)
    tab.stroke(1, *STROKES[1])
    tab.go("Previous", 1)
    tab.go("Previous", 3)
    tab.stroke(2, *STROKES[2])
    tab.go("Next", 1)
    tab.go("Next", 2)
    tab.go("Previous", 1)
    read = read_labels(tab.download(folder), "segmentation")
    assert len(read.labels) == len(STROKES)
    for index, (mask, stroke) in enumerate(zip(read.labels, STROKES, strict=True)):
        assert mask.shape == labelled_size(index)[::-1]
        painted, expected = np.asarray(mask) == 1, capsule(index, *stroke)
        assert set(np.unique(mask)) == {0, 1}
        overlap = (painted & expected).sum() / (painted | expected).sum()
        shift = np.argwhere(painted).mean(0) - np.argwhere(expected).mean(0)
        assert overlap > 0.85 and np.abs(shift).max() < 1.5, f"image {index}: overlap {overlap:.3f}, moved by {shift}"


def test_every_press_counts(tab: Tab, photos: list[Path]) -> None:
    """Also presses and clicks that are faster than the page answers."""
    tab.choose(photos, "Points")
    for name in ("Next", "Next", "Previous", "Next"):
        button = tab.page.get_by_role("button", name=name, exact=True).locator("visible=true").first
        button.evaluate("button => button.click()")
    tab.page.get_by_text("Image 3 of 3").wait_for()
    for place in tab.places(2, (100, 100), (300, 100), (200, 300), (120, 400), (280, 400)):
        tab.page.mouse.click(*place)
    tab.page.get_by_text("all points are set").wait_for()


def test_points_stay_where_they_were_clicked(tab: Tab, photos: list[Path], folder: Path) -> None:
    tab.page.get_by_label("Names of the points").fill("nose, chin")
    tab.choose(photos, "Points")
    clicks = [[(200, 150), (420, 300)], [(40, 200), (95, 230)], [(100, 500), (300, 520)]]
    for index, points in enumerate(clicks):
        for number, point in enumerate(points):
            tab.page.mouse.click(*tab.places(index, point)[0])
            tab.page.get_by_text(f"{number + 1} of 2 points").wait_for()
        tab.go("Next", (index + 1) % 3 + 1)
    first, last = tab.places(0, clicks[0][1], (500, 400))
    tab.page.mouse.move(*first)
    tab.page.mouse.down()
    tab.page.mouse.move(*last, steps=3)
    tab.page.mouse.up()
    clicks[0][1] = (500, 400)
    tab.page.get_by_label("Image 3, c_square.png: labelled").click()
    tab.page.get_by_text("Image 3 of 3").wait_for()
    read = read_labels(tab.download(folder), "landmarks")
    np.testing.assert_allclose(np.array(read.labels), np.array(clicks), atol=1.5)


def test_the_keyboard_alone(tab: Tab, photos: list[Path]) -> None:
    tab.choose(photos, "Points")
    tab.page.locator("canvas:visible").first.focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "Enter"):
        tab.page.keyboard.press(key)
    tab.page.get_by_text("1 of 5 points").wait_for()
    tab.page.keyboard.press("Control+z")
    tab.page.get_by_text("0 of 5 points").wait_for()


def test_uploads_of_every_kind(tab: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def find_faces(image: np.ndarray) -> list[Any]:
        seen.append(image)
        return []

    monkeypatch.setattr(facekit, "find_faces", find_faces)
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 65536, (60, 80)).astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(random.random((60, 80)).astype(np.float32)).save(tmp_path / "float.tif")
    names = ["deep.png", "float.tif"]
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.from_pillow(Image.new("RGB", (80, 60), "red")).save(tmp_path / "photo.heic")
        names.append("photo.heic")
    tab.page.get_by_role("tab", name="Try").click()
    for name in names:
        field = tab.page.locator("input[type=file]").first
        field.set_input_files(str(tmp_path / name))
        shown = tab.page.locator("[data-testid=image] img:visible, .image-frame img:visible").first
        shown.wait_for()
        for _ in range(100):
            if shown.evaluate("image => image.complete && image.naturalWidth") == 80:
                break
            time.sleep(0.1)
        assert shown.evaluate("image => image.naturalWidth") == 80, f"{name} is not shown"
        count = len(seen)
        tab.press("Analyse")
        for _ in range(100):
            if len(seen) > count:
                break
            time.sleep(0.1)
        np.testing.assert_array_equal(seen[-1], load_image(tmp_path / name))
        tab.page.reload()
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><html>Not found</html>")
    tab.page.locator("input[type=file]").first.set_input_files(str(tmp_path / "page.jpg"))
    tab.page.get_by_text("page.jpg: not a readable image file").wait_for()


@pytest.mark.slow
def test_stop_in_the_browser(tab: Tab, chromium: Any, server: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [0]

    def adapt(*data: Any, progress: Any, **settings: Any) -> None:
        for step in range(3000):
            time.sleep(0.01)
            steps[0] += 1
            progress(step + 1, 3000, {"loss": 1.0})

    sheet = Sheet()
    sheet.add(np.full((60, 80, 3), 90, np.uint8))
    points = [[[10, 20], [30, 20], [20, 40], [12, 50], [25, 50]]]
    sheet.set_labels(POINTS, PointLabels(sheet.images, names_in(POINT_NAMES), points))
    monkeypatch.setattr(own_model_tab, "example_faces", lambda: (copy.copy(sheet), sheet.images[0]))
    monkeypatch.setattr(facekit, "adapt", adapt)
    monkeypatch.setattr(facekit, "find_faces", lambda image: [])

    def still() -> bool:
        before = steps[0]
        time.sleep(0.5)
        return steps[0] == before

    def began() -> bool:
        before = steps[0]
        return any(steps[0] > before + 3 or time.sleep(0.1) for _ in range(200))

    def begin(tab: Tab) -> None:
        tab.press("Load the example: 8 people, labelled")
        tab.page.get_by_text("Image 1 of 1").wait_for()
        tab.press("Adapt")
        assert began()

    begin(tab)
    tab.press("Stop")
    tab.page.get_by_text("Stopped. There is no new result.").wait_for()
    assert any(still() for _ in range(20))
    tab.press("Adapt")
    assert began(), "a training can be started again"
    closed = Tab(chromium, server)
    closed.press("Load the example: 8 people, labelled")
    closed.page.get_by_text("Image 1 of 1").wait_for()
    closed.press("Adapt")
    time.sleep(0.5)
    tab.page.close()
    assert began(), "the next visitor's training runs"
    closed.page.close()
    assert any(still() for _ in range(20)), "a closed tab's training stops"
