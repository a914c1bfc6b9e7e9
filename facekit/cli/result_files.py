"""The files that `facekit predict --out FOLDER` writes, and which of them an earlier run has finished.

Names are those of the images, whole, with one suffix more: `a.jpg` gives `a.jpg.json` and `a.jpg.png`. So `a.jpg` and
`a.png` do not share a file.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.atomic_file import whole_file
from ..core.output_paths import check_output
from ..model import READY, Model
from ..results.drawable import Drawable
from ..zoo.embedded import embedded_file
from .label_formats import check_formats, labelme_file, mask_file, write_coco

log = logging.getLogger("facekit")

# The subfolder and the suffix of an image's file. COCO's single file is made of the JSON files.
_PLACES = {"json": ("", ".json"), "drawing": ("", ".png"), "mask": ("masks", ".png"), "labelme": ("labelme", ".json")}
# Says what the results of a folder were made with. No image's file can have this name.
_MADE_WITH = ".facekit-predict"


class ResultFiles:
    """A folder of results, one file per image and format.

    Results of an earlier run count if they were made with the same model, the same options and images of the same
    folder, and after the image was last changed. All others are made anew.

    Args:
        out: The folder. It is made where it is missing.
        formats: Some of "json", "drawing", "mask", "labelme", "coco".
        model: The model that makes the results.
        name: The model's file, or the name of a ready model.
        images: The folder of the images.
        align: How faces are framed.

    Raises:
        ValueError: If the model's task has no such format.
        OutputError: If the folder cannot be written.
    """

    def __init__(self, out: str, formats: Collection[str], model: Model, name: str, images: Path, align: str):
        check_formats(formats, model)
        self._formats = [kind for kind in _PLACES if kind in formats or (kind == "json" and "coco" in formats)]
        self._coco = "coco" in formats
        self._labels: Any = getattr(model.task, "labels", None)
        self.folder = check_output(out, folder=True)
        digest = _digest(embedded_file(name) if name in READY else Path(name))
        made_with = {"facekit": __version__, "model": digest, "align": align, "images": str(images.resolve())}
        self._since = self._begin(json.dumps(made_with, indent=1))

    def _begin(self, made_with: str) -> int:
        """The time, in nanoseconds, since when results are made like this; older ones were made otherwise."""
        note = self.folder / _MADE_WITH
        before = note.read_text(encoding="utf-8", errors="replace") if note.is_file() else None
        if before != made_with:
            if before is not None:
                log.info("%s: results of another model, options or images are made anew", self.folder)
            with whole_file(note) as temporary:
                temporary.write_text(made_with, encoding="utf-8")
        return note.stat().st_mtime_ns

    def path(self, image: Path, kind: str) -> Path:
        """Return the file of an image in the format `kind`."""
        folder, suffix = _PLACES[kind]
        return self.folder / folder / f"{image.name}{suffix}"

    def finished(self, image: Path) -> bool:
        """Return whether an earlier run has written every file of the image."""
        try:
            newest = max(self._since, image.stat().st_mtime_ns)
            return all(self.path(image, kind).stat().st_mtime_ns >= newest for kind in self._formats)
        except OSError:
            return False

    def write(self, image: Path, outcome: Drawable) -> None:
        """Write the image's outcome in every format. Each file appears whole or not at all."""
        for kind in self._formats:
            target = self.path(image, kind)
            if kind in ("json", "drawing"):
                outcome.save(target)
            elif kind == "mask":
                _write(target, mask_file(outcome, self._labels))
            else:
                _write(target, labelme_file(outcome, image, target.parent, self._labels))

    def stored(self, image: Path) -> str:
        """Return the JSON text of a finished image."""
        return self.path(image, "json").read_text(encoding="utf-8")

    def close(self, images: Iterable[Path]) -> None:
        """Write what is made of all images together: coco.json, if it is wanted. images: those with a result."""
        if self._coco:
            results = ((image, json.loads(self.stored(image))) for image in images)
            write_coco(self.folder / "coco.json", results, self._labels)


def _write(target: Path, content: bytes) -> None:
    with whole_file(target) as temporary:
        temporary.write_bytes(content)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
