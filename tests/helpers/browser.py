"""Debian's Chromium, driven by PyPI's playwright. A test module that imports this is skipped without playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from .page_server import running_page

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
NEEDS_CHROMIUM = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
_ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync "
    "--enable-unsafe-swiftshader"
).split()
# What a screen reader says of the focused element.
_NAME = """() => {
  const one = document.activeElement;
  return (one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || "").trim();
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[gr.Blocks]:
    with running_page() as (page, _):
        yield page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield browser
        browser.close()


class Keyboard:
    """A visitor who uses the keyboard only."""

    def __init__(self, chromium: Any, server: gr.Blocks, width: int) -> None:
        self.page = chromium.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(90_000)
        self.page.goto(f"http://127.0.0.1:{server.server_port}")
        self.page.get_by_role("tab", name="Try", exact=True).wait_for()

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focus(self, name: str, key: str = "Tab") -> None:
        """Press Tab until a control has the focus whose name starts with this text."""
        passed = []
        for _ in range(200):
            self.press(key)
            if (here := self.page.evaluate(_NAME)).startswith(name):
                return
            passed.append(here)
        raise AssertionError(f"{name} was not reached; the controls are {passed}")

    def use(self, name: str, key: str = "Enter") -> None:
        self.focus(name)
        self.press(key)

    def open(self, tab: str) -> None:
        """Open a tab. Tabs that do not fit are in a menu."""
        button = self.page.get_by_role("tab", name=tab, exact=True)
        if not (button.count() and button.is_visible()):
            self.use("More tabs")
        self.use(tab)

    def type_into(self, name: str, text: str) -> None:
        self.focus(name)
        self.press("Control+a")
        self.page.keyboard.type(text)
        self.press("Tab")

    def upload(self, name: str, *files: Path) -> None:
        with self.page.expect_file_chooser() as chooser:
            self.use(name)
        chooser.value.set_files([str(file) for file in files])

    def download(self, name: str, folder: Path) -> Path:
        """Use a button as soon as it can be used, and return the file."""
        self.page.get_by_role("button", name=name).locator("visible=true").and_(
            self.page.locator(":enabled")
        ).wait_for()
        with self.page.expect_download() as begun:
            self.use(name)
        file = folder / begun.value.suggested_filename
        begun.value.save_as(file)
        return file


class Mouse:
    """A visitor who clicks, or who taps on a narrow screen."""

    def __init__(self, chromium: Any, server: gr.Blocks, width: int) -> None:
        self.narrow = width < 500
        self.page = chromium.new_page(
            viewport={"width": width, "height": 900}, has_touch=self.narrow, is_mobile=self.narrow
        )
        self.page.set_default_timeout(90_000)
        self.page.goto(f"http://127.0.0.1:{server.server_port}")
        self.page.get_by_role("tab", name="Try", exact=True).wait_for()

    def hit(self, control: Any) -> None:
        control = control.locator("visible=true").first
        if self.narrow:
            control.tap()
        else:
            control.click()

    def press(self, name: str) -> None:
        self.hit(self.page.get_by_role("button", name=name, exact=True))

    def choose(self, label: str) -> None:
        """Press a radio button or a box to tick."""
        self.hit(self.page.get_by_label(label, exact=True))

    def open(self, tab: str) -> None:
        """Open a tab. Tabs that do not fit are in a menu."""
        button = self.page.get_by_role("tab", name=tab, exact=True)
        if button.count() and button.is_visible():
            self.hit(button)
        else:
            self.hit(self.page.get_by_role("button", name="More tabs"))
            self.hit(self.page.locator(".overflow-dropdown button", has_text=tab))
        self.page.get_by_role("tab", name=tab, exact=True, selected=True).wait_for()

    def type_into(self, name: str, text: str) -> None:
        field = self.page.get_by_label(name).locator("visible=true").first
        self.hit(field)
        field.press("Control+a")
        self.page.keyboard.type(text)
        field.press("Tab")

    def upload(self, field: str, *files: Path) -> None:
        """Choose files for a field, by its label."""
        block = self.page.locator(".block").filter(has=self.page.get_by_text(field, exact=True))
        with self.page.expect_file_chooser() as chooser:
            self.hit(block.locator("button[aria-label*=upload i]"))
        chooser.value.set_files([str(file) for file in files])

    def download(self, name: str, folder: Path) -> Path:
        """Press a button as soon as it can be used, and return the file."""
        button = self.page.get_by_role("button", name=name).locator("visible=true").and_(self.page.locator(":enabled"))
        button.wait_for()
        with self.page.expect_download() as begun:
            self.hit(button)
        file = folder / begun.value.suggested_filename
        begun.value.save_as(file)
        return file

    def box(self, selector: str) -> dict[str, float]:
        """Return the place on the screen of the first visible element: x, y, width, height."""
        return self.page.locator(selector).locator("visible=true").first.bounding_box()
