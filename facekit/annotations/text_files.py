"""Read text, JSON and XML of strangers: what is broken says so, what is hostile does not grow.

XML is read without entities: a document with a DOCTYPE is refused, so that a small file cannot become a large one, nor
name other files. Deep nesting is refused in both formats.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

_LARGEST_XML = 500_000_000  # bytes
_DEEPEST_XML = 50
_AGAIN = "it may be cut off, so copy or export it again"


def read_text(file: Path) -> str:
    """Return a file's text. Raises ValueError for anything but UTF-8."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"bytes that are no text came ({error.reason}), expected UTF-8: save it as UTF-8") from error


def parse_json(content: str) -> Any:
    """Return what JSON text holds. Raises ValueError for broken, empty or endlessly nested text."""
    try:
        return json.loads(content)
    except RecursionError as error:
        fix = "copy or export the file again"
        raise ValueError(f"JSON nested too deep came, expected lists and objects of few levels: {fix}") from error
    except ValueError as error:
        came = "an empty file" if not content.strip() else f"broken JSON ({error})"
        raise ValueError(f"{came} came, expected a whole file: {_AGAIN}") from error


def parse_xml(file: Path) -> ElementTree.Element:
    """Return the root of an XML file. Raises ValueError for a broken file, a DOCTYPE, deep nesting, a huge file."""
    size = file.stat().st_size
    if size > _LARGEST_XML:
        most = f"at most {_LARGEST_XML // 10**6} MB"
        raise ValueError(f"XML of {size / 1e6:.0f} MB came, expected {most}: split it, or export one task at a time")
    tree, depth = ElementTree.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST_XML:
            raise ValueError(
                f"XML of more than {_DEEPEST_XML} levels came, expected annotations: export the file again"
            )
        tree.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(tag)

    def refuse(name: str, *_: Any) -> None:
        fix = "delete that line, or export the file again"
        raise ValueError(f"XML with a DOCTYPE ({name[:40]}) came, expected plain XML without entities: {fix}")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(file.read_bytes(), True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"broken XML ({error}) came, expected a whole file: {_AGAIN}") from error
    return tree.close()
