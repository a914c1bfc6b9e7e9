"""axe-core finds nothing serious in any tab: contrast, names, headings.

Needs Debian's chromium and PyPI's axe-playwright-python, which holds axe-core. `pytest -m browser` runs it.
"""

from __future__ import annotations

import pytest
from helpers.browser import CHROMIUM, NEEDS_CHROMIUM, playwright
from helpers.page_server import running_page

from facekit.page.app import TABS

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
pytestmark = NEEDS_CHROMIUM


@pytest.mark.parametrize("width", [1280, 400])
def test_no_serious_findings(width: int) -> None:
    found = {}
    with running_page() as (page, _), playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.set_default_timeout(120_000)
        tab.goto(f"http://127.0.0.1:{page.server_port}")
        tab.get_by_role("tab", name=next(iter(TABS)), exact=True).wait_for()
        for name in TABS:
            button = tab.get_by_role("tab", name=name, exact=True)
            if button.count() and button.is_visible():
                button.click()
            else:  # tabs that do not fit are in a menu
                # Inner tabs have such a menu, too.
                tab.locator(".overflow-menu > button").first.click()
                tab.locator(".overflow-dropdown button", has_text=name).first.click()
            tab.wait_for_timeout(1500)
            serious = [v for v in axe.Axe().run(tab).response["violations"] if v["impact"] in ("serious", "critical")]
            if serious:
                found[name] = [(v["id"], [node["html"][:150] for node in v["nodes"]]) for v in serious]
        browser.close()
    assert not found
