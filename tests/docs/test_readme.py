"""README.md and docs/: the example runs, links lead somewhere, code is Python, named functions exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import facekit

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]


def code_blocks(path: Path) -> list[str]:
    """Return the Python blocks of a page."""
    return re.findall(r"^```python\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def named(path: Path) -> str:
    """Return a page's path in the repository, as the name of a test."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = code_blocks(README)
    exec(compile(example, "README.md", "exec"), {})
    assert facekit.load_image("example.jpg").shape == (256, 256, 3)


def test_images_are_small() -> None:
    assert sum(path.stat().st_size for path in ROOT.glob("docs/images/*.jpg")) <= 300_000


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target in re.findall(r"\]\(([^)\s#]+)", text) + re.findall(r'src="([^"]+)"', text):
        assert ":" in target or (path.parent / target).exists(), f"{named(path)} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_code_is_python_and_names_exist(path: Path) -> None:
    for block in code_blocks(path):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "facekit":
                assert node.attr in facekit.__all__, f"{named(path)} uses facekit.{node.attr}"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_nobody_is_sent_to_another_project(path: Path) -> None:
    """On the package index the name facekit belongs to another project."""
    assert not re.search(r"pip install (-U )?.?facekit\b", path.read_text(encoding="utf-8"))
