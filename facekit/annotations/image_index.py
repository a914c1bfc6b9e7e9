"""Finds the image that a label file belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from ..core.name_index import NameIndex, folded_name, joined_names, plain_name
from ..images.reader import SUFFIXES, open_image
from .records import Size

# a_mask.png labels a.jpg, as annotation tools and facekit's own folders of masks name them.
_ENDING = re.compile(r"[_.\- ](?:masks?|labels?|seg|segmentation|parsing)$", re.IGNORECASE)
# Roboflow calls a.jpg a_jpg.rf.0123abcd.jpg.
_ROBOFLOW = re.compile(r"(.+)_(\w{3,4})\.rf\.[0-9A-Za-z]+\.\w+")
# Where tools put the images beside the folder of the labels.
_BESIDE = ("images", "JPEGImages")
# Of two files with one stem, the one whose suffix comes first is the mask.
_MASKS = (".png", ".gif", ".bmp", ".tif", ".tiff")
_LISTED = 4


class ImageFinder:
    """Finds images by the names that label files give them. Names are compared as `facekit.core.name_index` says.

    It looks in `images`, or else beside the labels, in `images` within or beside their folder, and above it; then one
    or two levels deeper, first in the folder that the label file's name ends with ("instances_Train.json": Train).
    Raises ValueError where `images` is no folder.
    """

    def __init__(self, labels: Path, images: str | os.PathLike[str] | None = None) -> None:
        near = labels.resolve()
        beside = [folder for name in _BESIDE for folder in (near.parent / name, near.parent.parent / name / near.name)]
        self.folders = [labels, labels / "images", *beside, near.parent]
        # Searched deeper, too; of `_above`, where anything may lie, only the folder that a label file is named after.
        self._tops, self.apart = self.folders[1:-1], False
        self._above: Path | None = near.parent
        if images is not None:
            self.folders = [Path(images).expanduser()]
            if not self.folders[0].is_dir():
                raise ValueError(f"images={str(images)!r} came, expected the folder of the images: check the path")
            self._tops, self._above, self.apart = self.folders, None, self.folders[0].resolve() != near
        self._children: dict[Path, list[Path]] = {}
        self._entries: dict[Path, NameIndex] = {}
        self._stems: dict[Path, dict[str, list[Path]]] = {}

    def by_path(self, written: str, label: Path | None = None) -> Path:
        """The image that a label file calls so: a path relative to a folder, a bare name, a path of another machine.

        Raises ValueError where there is none, or several in different folders.
        """
        names = _spellings(written)
        for parts in names:
            for folder in self.folders:
                if (found := self._walk(folder, parts)) is not None:
                    return found
        for folders in self._deeper(label):
            hits: dict[Path, Path] = {}
            for parts in names:
                for folder in folders:
                    if (found := self._walk(folder, parts)) is not None:
                        hits.setdefault(found.resolve(), found)
                if hits:
                    break
            if len(hits) > 1:
                listing = " and ".join(str(path) for path in list(hits.values())[:_LISTED])
                raise ValueError(f"images {listing} came for {written!r}, expected one: pass images= with its folder")
            if hits:
                return next(iter(hits.values()))
        raise ValueError(f"its image {written!r} is missing, {self._advice()}")

    def by_stem(self, stem: str, label: Path, deeper: bool = True) -> Path | None:
        """The image of the same name but for the suffix (not `label` itself), None where there is none.

        A label called after the whole name, a.jpg.png, belongs to a.jpg. Raises ValueError where several could be
        meant.
        """
        groups: list[Sequence[Path]] = [[folder] for folder in self.folders]
        for folders in [*groups, *(self._deeper(label) if deeper else ())]:
            same = [path for folder in folders for path in self._of_stem(folder, stem) if not _same_file(path, label)]
            # A PNG beside a JPEG of the same name is rather a mask.
            found = [path for path in same if path.suffix.lower() != ".png"] or same
            if len(found) > 1:
                several = len({path.parent for path in found}) > 1
                listing = " and ".join(str(path) if several else path.name for path in found[:_LISTED])
                raise ValueError(f"images {listing} came, expected one named {stem}: move the other away")
            if found:
                return found[0]
        return None

    def of_points(self, label: Path) -> Path:
        """The image of a .pts file. Raises ValueError where there is none or several."""
        found = self.by_stem(label.stem, label)
        if found is None:
            raise ValueError(f"its image {label.stem}.* is missing, {self._advice()}")
        return found

    def of_mask(self, label: Path) -> Path | None:
        """The image of a.png or a_mask.png, None where there is none. Raises ValueError where there are several.

        Where the images' folder is given apart from the masks', a_other.png belongs to a.jpg, too.
        """
        short = _ENDING.sub("", label.stem)
        for stem in dict.fromkeys((label.stem, short)):
            found = self.by_stem(stem, label)
            if found is not None and not (stem == label.stem and _rather_mask(found, label)):
                return found
        if self.apart:
            ends = [match.start() for match in re.finditer(r"[^\w]|_", short)]
            stems = (short[:end] for end in reversed(ends) if end)
            return next((found for stem in stems if (found := self.by_stem(stem, label))), None)
        return None

    def missing(self, label: Path) -> str:
        """What to say about a mask without an image."""
        return f"its image {_ENDING.sub('', label.stem)}.* is missing, {self._advice()}"

    def expected(self, written: str, labels: Path) -> Path:
        """Where an image would lie that is missing: beside its label file."""
        return labels.parent / PureWindowsPath(written).name

    def _advice(self) -> str:
        shown = [str(folder) for folder in self.folders if folder.is_dir()]
        return f"expected in {', '.join(shown)}: put it there, or pass images= with its folder"

    def _walk(self, folder: Path, parts: tuple[str, ...]) -> Path | None:
        """The file at a relative path in a folder, None where there is none."""
        direct = folder.joinpath(*parts)
        if direct.is_file():
            return direct
        if PurePosixPath(parts[0]).is_absolute():
            return None
        here = folder
        for part in parts:
            if part == "..":
                here = here / part
                continue
            found = self._index(here).find(part)
            if len(found) > 1:
                fix = "rename one of them, or write its exact name"
                raise ValueError(f"{joined_names(found)} came for {part!r}, expected one: {fix}")
            if not found:
                return None
            here = here / found[0]
        return here if here.is_file() else None

    def _deeper(self, label: Path | None) -> list[list[Path]]:
        """Folders within the images' ones: those that the label file's name ends with, then the others."""
        inside = [child for top in dict.fromkeys(self._tops) for child in self._folders(top)]
        above = self._folders(self._above) if self._above is not None and label is not None else []
        meant = [f for f in [*inside, *above] if label is not None and _subset(label, f.name)]
        others = [folder for folder in inside if folder not in meant]
        groups = [[place for f in group for place in (f, *self._folders(f))] for group in (meant, others)]
        return [group for group in groups if group]

    def _folders(self, folder: Path) -> list[Path]:
        if folder not in self._children:
            try:
                found = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_dir()]
            except OSError:
                found = []
            self._children[folder] = sorted(found)
        return self._children[folder]

    def _index(self, folder: Path) -> NameIndex:
        if folder not in self._entries:
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            self._entries[folder] = NameIndex(names)
        return self._entries[folder]

    def _of_stem(self, folder: Path, stem: str) -> list[Path]:
        if folder not in self._stems:
            stems: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                plain = PurePosixPath(plain_name(path.name))
                if plain.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    for key in (plain.stem, plain.name):
                        stems.setdefault(folded_name(key), []).append(path)
            self._stems[folder] = stems
        found = self._stems[folder].get(folded_name(stem), [])
        # Exactly so where that is there, else in any case.
        return [path for path in found if stem in (path.stem, path.name)] or found


def size_of(photo: Path) -> Size:
    """(H, W) of the upright image. Reads all of it, so that a damaged one is found now: ImageError (a ValueError)."""
    image = open_image(photo)
    return image.height, image.width


def named_as_mask(path: Path) -> bool:
    """Whether the name alone says that a file is a mask."""
    return _ENDING.search(path.stem) is not None


def _spellings(written: str) -> list[tuple[str, ...]]:
    """What a written path may mean, as parts: as it stands, with Windows' separators, its bare name, Roboflow's."""
    spellings: dict[tuple[str, ...], None] = {}
    for text in dict.fromkeys((written, unquote(written))):
        windows = PureWindowsPath(text.removeprefix("file://"))
        original = _ROBOFLOW.fullmatch(windows.name)
        spellings[PurePosixPath(text).parts] = None
        spellings[PurePosixPath(windows.as_posix()).parts] = None
        spellings[(windows.name,)] = None
        if original is not None:
            spellings[(f"{original[1]}.{original[2]}",)] = None
    return [parts for parts in spellings if parts and parts[-1]]


def _subset(label: Path, folder: str) -> bool:
    """Whether a label file is named after a folder: "instances_Train" after "Train"."""
    stem, name = folded_name(label.stem), folded_name(folder)
    return stem == name or (stem.endswith(name) and not stem[: -len(name)][-1:].isalnum())


def _rather_mask(candidate: Path, label: Path) -> bool:
    """Whether of two files with one stem the other one is the mask."""
    ranks = [_MASKS.index(p.suffix.lower()) if p.suffix.lower() in _MASKS else len(_MASKS) for p in (candidate, label)]
    return ranks[0] < ranks[1]


def _same_file(a: Path, b: Path) -> bool:
    return a.name == b.name and a.resolve() == b.resolve()
