"""Let the pages link to files of the repository outside ``docs/``, as they do on a code host.

A link such as ``../benchmarks/RESULTS.md`` works in a checkout, but mkdocs only serves files inside ``docs/``. These
files are therefore added to the site under their path in the repository, and links to them are rewritten.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "benchmarks/*.md",
    "benchmarks/reproduced/*.md",
    "notebooks/*.ipynb",
    "facekit/data/samples/README.md",
    "facekit/metrics/*.md",
    "facekit/zoo/weights/*.md",
    "facekit/zoo/weights/*.jpg",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the files of `OUTSIDE` to the site."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            uri = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Rewrite relative links that leave ``docs/`` to the added files."""
    uri = page.file.src_uri
    source = uri if (ROOT / uri).is_file() and any(Path(uri).match(p) for p in OUTSIDE) else f"docs/{uri}"

    def rewritten(match: re.Match[str]) -> str:
        target = match[2]
        if ":" in target or target.startswith("/"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        inside = path.removeprefix("docs/") if path.startswith("docs/") else path
        if files.get_file_from_path(inside) is None:
            return match[0]  # mkdocs reports it
        return match[1] + os.path.relpath(inside, posixpath.dirname(uri) or ".").replace(os.sep, "/") + match[3]

    return LINK.sub(rewritten, markdown)
