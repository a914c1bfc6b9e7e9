"""Read text and XML files that may be broken or hostile.

XML is read without entities. A document with a DOCTYPE is refused, so that a small file cannot expand into a large one
or read other files. Deep nesting is refused as well. JSON is parsed by `facekit.core.json_text`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

_LARGEST_XML = 500_000_000  # bytes
_DEEPEST_XML = 50  # levels


def read_text(file: Path) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Args:
        file: The file.

    Returns:
        Its text.

    Raises:
        ValueError: If the bytes are not UTF-8.
        OSError: If the file cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"bytes that are no text ({error.reason})"
        raise ValueError(f"expected text in UTF-8, got {got}; save the file as UTF-8") from error


def parse_xml(file: Path) -> ElementTree.Element:
    """Read an XML file without entities.

    Args:
        file: The file, at most 500 MB.

    Returns:
        The root element.

    Raises:
        ValueError: If the file is broken, larger than 500 MB, nested deeper than 50 levels, or has a DOCTYPE.
        OSError: If the file cannot be read.
    """
    size = file.stat().st_size
    if size > _LARGEST_XML:
        limit = f"at most {_LARGEST_XML // 10**6} MB"
        raise ValueError(f"expected XML of {limit}, got {size / 1e6:.0f} MB; split it, or export one task at a time")
    tree, depth = ElementTree.TreeBuilder(), 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST_XML:
            raise ValueError(f"expected XML of at most {_DEEPEST_XML} levels, got more; export the file again")
        tree.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        tree.end(tag)

    def refuse(name: str, *_: Any) -> None:
        fix = "delete that line, or export the file again"
        raise ValueError(f"expected plain XML without entities, got XML with a DOCTYPE ({name[:40]}); {fix}")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = tree.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(file.read_bytes(), True)
    except (expat.ExpatError, LookupError) as error:
        fix = "it may be cut off, so copy or export it again"
        raise ValueError(f"expected a whole XML file, got broken XML ({error}); {fix}") from error
    return tree.close()
