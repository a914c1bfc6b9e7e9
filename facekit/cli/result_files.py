"""The files that `facekit predict --out FOLDER` writes.

The name of a result is the whole name of its image and one suffix: `a.jpg` gives `a.jpg.json` and `a.jpg.png`. So the
images `a.jpg` and `a.png` do not share a file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

from ..core.atomic_file import whole_file
from ..core.file_digest import file_digest
from ..core.output_paths import check_output
from ..core.version import __version__
from ..model import READY, Model
from ..results.drawable import Drawable
from ..zoo.embedded import embedded_file
from .label_formats import check_formats, labelme_file, mask_file, write_coco, write_csv

log = logging.getLogger("facekit")

# Subfolder and suffix of an image's file per format. "coco" and "csv" are one file, computed from the JSON files.
_PLACES = {"json": ("", ".json"), "drawing": ("", ".png"), "mask": ("masks", ".png"), "labelme": ("labelme", ".json")}
_OF_ALL: dict[str, tuple[str, Callable[..., None]]] = {
    "coco": ("coco.json", write_coco),
    "csv": ("faces.csv", write_csv),
}
# Records how the results of a folder were made. No result can have this name, because every result has a suffix.
_MADE_WITH = ".facekit-predict"


class ResultFiles:
    """A folder of results with one file per image and format.

    Results of an earlier run are kept if the model, the options and the folder of images are the same. They must also
    be newer than their image. All others are computed again.

    Args:
        out: The folder. It is created if it is missing.
        formats: Some of "json", "drawing", "mask", "labelme", "coco", "csv".
        model: The model that computes the results.
        name: The model's file, or the name of a ready model.
        images: The folder of the images.
        align: How faces are cropped.

    Attributes:
        folder: The folder as a path.

    Raises:
        ValueError: If the model's task has no such format.
        OutputError: If the folder cannot be written.
    """

    def __init__(self, out: str, formats: Collection[str], model: Model, name: str, images: Path, align: str):
        check_formats(formats, model)
        self._of_all = [kind for kind in _OF_ALL if kind in formats]
        self._formats = [kind for kind in _PLACES if kind in formats or (kind == "json" and self._of_all)]
        self._labels: Any = model.task.labels
        self.folder = check_output(out, folder=True)
        digest = file_digest(embedded_file(name) if name in READY else Path(name))
        made_with = {"facekit": __version__, "model": digest, "align": align, "images": str(images.resolve())}
        self._valid_since = self._record(json.dumps(made_with, indent=1))

    def _record(self, made_with: str) -> int:
        """Write down how the results are made, if that has changed.

        Args:
            made_with: The model, the options and the folder of images, as JSON text.

        Returns:
            The time of the last change, in nanoseconds. Older results were made in another way.
        """
        record = self.folder / _MADE_WITH
        before = record.read_text(encoding="utf-8", errors="replace") if record.is_file() else None
        if before != made_with:
            if before is not None:
                log.info("%s: results of another model, options or images are computed again", self.folder)
            with whole_file(record) as temporary:
                temporary.write_text(made_with, encoding="utf-8")
        return record.stat().st_mtime_ns

    def path(self, image: Path, kind: str) -> Path:
        """Return the file of an image in a format.

        Args:
            image: The image file.
            kind: "json", "drawing", "mask" or "labelme".
        """
        folder, suffix = _PLACES[kind]
        return self.folder / folder / f"{image.name}{suffix}"

    def finished(self, image: Path) -> bool:
        """Return whether an earlier run has written every file of the image."""
        try:
            newest = max(self._valid_since, image.stat().st_mtime_ns)
            return all(self.path(image, kind).stat().st_mtime_ns >= newest for kind in self._formats)
        except OSError:
            return False

    def write(self, image: Path, result: Drawable) -> None:
        """Write a result in every format. No file is left half written.

        Args:
            image: The image file.
            result: The result on this image.
        """
        for kind in self._formats:
            target = self.path(image, kind)
            if kind in ("json", "drawing"):
                result.save(target)
            elif kind == "mask":
                _write(target, mask_file(result, self._labels))
            else:
                _write(target, labelme_file(result, image, target.parent, self._labels))

    def stored(self, image: Path) -> str:
        """Return the JSON text of a finished image."""
        return self.path(image, "json").read_text(encoding="utf-8")

    def close(self, images: Iterable[Path]) -> None:
        """Write the files that cover all images, coco.json and faces.csv, if those formats were chosen.

        Args:
            images: The image files that have a result.
        """
        listed = list(images)
        for kind in self._of_all:
            name, write = _OF_ALL[kind]
            write(self.folder / name, ((image, json.loads(self.stored(image))) for image in listed), self._labels)


def _write(target: Path, content: bytes) -> None:
    """Write a file in one step, so that a stopped run leaves no half of it."""
    with whole_file(target) as temporary:
        temporary.write_bytes(content)
