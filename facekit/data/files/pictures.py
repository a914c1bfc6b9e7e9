"""Finds the picture that a label file belongs to."""

from __future__ import annotations

import os
import re
from pathlib import Path, PureWindowsPath

from facekit.images import SUFFIXES, open_image

from .records import Size

# a_mask.png labels a.jpg, as annotation tools and facekit's own folders of masks name them.
_ENDING = re.compile(r"[_.\- ](?:masks?|labels?|seg|segmentation|parsing)$", re.IGNORECASE)


class PictureFinder:
    """Looks for pictures in `images`, or else beside the labels, in `images` within or beside their folder, above it.

    Raises ValueError where `images` is no folder.
    """

    def __init__(self, labels: Path, images: str | os.PathLike[str] | None = None) -> None:
        near = labels.resolve()
        self.folders = [labels, labels / "images", near.parent / "images", near.parent]
        if images is not None:
            self.folders = [Path(images).expanduser()]
            if not self.folders[0].is_dir():
                raise ValueError(f"images={str(images)!r} came, expected the folder of the pictures: check the path")
        self._stems: dict[Path, dict[str, list[Path]]] = {}

    def by_path(self, written: str) -> Path:
        """The picture that a file calls so, relative to a folder; another folder's is found by its bare name.

        Raises ValueError where there is none.
        """
        relative = PureWindowsPath(written).as_posix()
        name = PureWindowsPath(written).name
        for place in (relative, name):
            for folder in self.folders:
                if place and (folder / place).is_file():
                    return folder / place
        raise ValueError(f"its picture {written!r} is missing, {self._advice()}")

    def by_stem(self, stem: str, label: Path) -> Path | None:
        """The picture of the same name but for the suffix (not `label` itself), None where there is none.

        Raises ValueError where several could be meant.
        """
        for folder in self.folders:
            same = [path for path in self._listing(folder).get(stem, ()) if not _same_file(path, label)]
            # A PNG beside a JPEG of the same name is rather a mask.
            found = [path for path in same if path.suffix.lower() != ".png"] or same
            if len(found) > 1:
                listing = " and ".join(path.name for path in found)
                raise ValueError(f"pictures {listing} came, expected one named {stem}: move the other away")
            if found:
                return found[0]
        return None

    def of_points(self, label: Path) -> Path:
        """The picture of a .pts file. Raises ValueError where there is none or several."""
        found = self.by_stem(label.stem, label)
        if found is None:
            raise ValueError(f"its picture {label.stem}.* is missing, {self._advice()}")
        return found

    def of_mask(self, label: Path) -> Path | None:
        """The picture of a.png or a_mask.png, None where there is none. Raises ValueError where there are several."""
        found = self.by_stem(label.stem, label)
        return found or self.by_stem(_ENDING.sub("", label.stem), label)

    def missing(self, label: Path) -> str:
        """What to say about a mask without a picture."""
        return f"its picture {_ENDING.sub('', label.stem)}.* is missing, {self._advice()}"

    def _advice(self) -> str:
        shown = ", ".join(str(folder) for folder in self.folders)
        return f"expected in {shown}: put it there, or pass images= with its folder"

    def _listing(self, folder: Path) -> dict[str, list[Path]]:
        if folder not in self._stems:
            stems: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    stems.setdefault(path.stem, []).append(path)
            self._stems[folder] = stems
        return self._stems[folder]


def size_of(picture: Path) -> Size:
    """(H, W) of the upright picture. Reads all of it, so that a damaged one is found now: ImageError (a ValueError)."""
    image = open_image(picture)
    return image.height, image.width


def named_as_mask(path: Path) -> bool:
    """Whether the name alone says that a file is a mask."""
    return _ENDING.search(path.stem) is not None


def _same_file(a: Path, b: Path) -> bool:
    return a.name == b.name and a.resolve() == b.resolve()
