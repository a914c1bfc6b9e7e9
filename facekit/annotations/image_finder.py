"""Find the image that a label file belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from ..core.name_index import NameIndex, folded_name, joined_names, plain_name
from ..images.reader import SUFFIXES, open_image
from .values import Size

# a_mask.png labels a.jpg, as annotation tools and facekit's own folders of masks name them.
_MASK_ENDING = re.compile(r"[_.\- ](?:masks?|labels?|seg|segmentation|parsing)$", re.IGNORECASE)
# Roboflow renames a.jpg to a_jpg.rf.0123abcd.jpg.
_ROBOFLOW = re.compile(r"(.+)_(\w{3,4})\.rf\.[0-9A-Za-z]+\.\w+")
# Where tools put the images next to the folder of the labels.
_IMAGE_FOLDERS = ("images", "JPEGImages")
# Of two files with one stem, the one whose suffix comes first here is the mask.
_MASK_SUFFIXES = (".png", ".gif", ".bmp", ".tif", ".tiff")
_MAX_LISTED = 4


class ImageFinder:
    """Find images by the names that label files give them. Names are compared as in `facekit.core.name_index`.

    The search starts in ``images``. Without it, it starts in the folder of the labels, in ``images`` within or next to
    that folder, and in the folder above. Then it goes one or two levels deeper. A folder that the label file's name
    ends with comes first there ("instances_Train.json": Train).

    Attributes:
        folders: The folders of the first search, in order.
        separate: Whether the user gave a folder of images that is not the folder of the labels.
    """

    def __init__(self, labels: Path, images: str | os.PathLike[str] | None = None) -> None:
        """Collect the folders to search.

        Args:
            labels: Folder of the label files.
            images: Folder of the images, or None.

        Raises:
            ValueError: If ``images`` is no folder.
        """
        near = labels.resolve()
        siblings = [
            folder for name in _IMAGE_FOLDERS for folder in (near.parent / name, near.parent.parent / name / near.name)
        ]
        self.folders = [labels, labels / "images", *siblings, near.parent]
        # Folders whose subfolders are searched, too. The folder above the labels may hold anything. Of its subfolders,
        # only the one that a label file is named after is searched.
        self._tops, self.separate = self.folders[1:-1], False
        self._above: Path | None = near.parent
        if images is not None:
            self.folders = [Path(images).expanduser()]
            if not self.folders[0].is_dir():
                raise ValueError(f"expected the folder of the images, got images={str(images)!r}; check the path")
            self._tops, self._above, self.separate = self.folders, None, self.folders[0].resolve() != near
        self._children: dict[Path, list[Path]] = {}
        self._entries: dict[Path, NameIndex] = {}
        self._stems: dict[Path, dict[str, list[Path]]] = {}

    def by_path(self, written: str, label: Path | None = None) -> Path:
        """Find an image by the path that a label file holds.

        Args:
            written: A path relative to a folder, a bare name, or a path of another machine.
            label: The label file. Its name can select a subfolder.

        Returns:
            The image's file.

        Raises:
            ValueError: If there is no such image, or several in different folders.
        """
        spellings = _spellings(written)
        for parts in spellings:
            for folder in self.folders:
                if (file := self._walk(folder, parts)) is not None:
                    return file
        for folders in self._deeper(label):
            hits: dict[Path, Path] = {}
            for parts in spellings:
                for folder in folders:
                    if (file := self._walk(folder, parts)) is not None:
                        hits.setdefault(file.resolve(), file)
                if hits:
                    break
            if len(hits) > 1:
                listing = " and ".join(str(path) for path in list(hits.values())[:_MAX_LISTED])
                raise ValueError(f"expected one image for {written!r}, got {listing}; pass images= with its folder")
            if hits:
                return next(iter(hits.values()))
        raise ValueError(f"its image {written!r} is missing, {self._advice()}")

    def of_row(self, written: str, table: Path) -> Path:
        """Find the image of a row of a table, which may leave out the suffix.

        Args:
            written: The image's name or path in the table.
            table: The table's file.

        Returns:
            The image's file.

        Raises:
            ValueError: As `by_path` and `by_stem`.
        """
        if PureWindowsPath(unquote(written)).suffix.lower() in SUFFIXES:
            return self.by_path(written, table)
        return self.by_stem(written, table) or self.by_path(written, table)

    def by_stem(self, stem: str, label: Path) -> Path | None:
        """Find an image by its name without the suffix.

        Args:
            stem: The name. The whole name a.jpg of a label a.jpg.png finds a.jpg, too.
            label: The label file itself, which is never the image.

        Returns:
            The image's file. None if there is none.

        Raises:
            ValueError: If several images fit.
        """
        groups: list[Sequence[Path]] = [[folder] for folder in self.folders]
        for folders in [*groups, *self._deeper(label)]:
            same = [path for folder in folders for path in self._of_stem(folder, stem) if not _same_file(path, label)]
            # A PNG and a JPEG of one name: the PNG is rather a mask.
            files = [path for path in same if path.suffix.lower() != ".png"] or same
            if len(files) > 1:
                several = len({path.parent for path in files}) > 1
                listing = " and ".join(str(path) if several else path.name for path in files[:_MAX_LISTED])
                raise ValueError(f"expected one image named {stem}, got {listing}; move the other away")
            if files:
                return files[0]
        return None

    def of_points(self, label: Path) -> Path:
        """Find the image of a .pts file.

        Args:
            label: The .pts file.

        Returns:
            The image's file.

        Raises:
            ValueError: If there is no image of this name, or several.
        """
        file = self.by_stem(label.stem, label)
        if file is None:
            raise ValueError(f"its image {label.stem}.* is missing, {self._advice()}")
        return file

    def of_mask(self, label: Path) -> Path | None:
        """Find the image of a mask file.

        Args:
            label: The mask: a.png or a_mask.png for a.jpg. If the images have a folder of their own, a_other.png
                belongs to a.jpg, too.

        Returns:
            The image's file. None if there is none.

        Raises:
            ValueError: If several images fit.
        """
        short = _MASK_ENDING.sub("", label.stem)
        for stem in dict.fromkeys((label.stem, short)):
            file = self.by_stem(stem, label)
            if file is not None and not (stem == label.stem and _rather_mask(file, label)):
                return file
        if self.separate:
            ends = [match.start() for match in re.finditer(r"[^\w]|_", short)]
            stems = (short[:end] for end in reversed(ends) if end)
            return next((file for stem in stems if (file := self.by_stem(stem, label))), None)
        return None

    def missing(self, label: Path) -> str:
        """Return the message for a mask without an image."""
        return f"its image {_MASK_ENDING.sub('', label.stem)}.* is missing, {self._advice()}"

    def default_path(self, written: str, labels: Path) -> Path:
        """Return the path of a missing image: next to its label file.

        Args:
            written: Path of the image as the label file gives it.
            labels: The label file.

        Returns:
            The image's file name in the folder of the label file.
        """
        return labels.parent / PureWindowsPath(written).name

    def _advice(self) -> str:
        existing = [str(folder) for folder in self.folders if folder.is_dir()]
        return f"expected in {', '.join(existing)}; put it there, or pass images= with its folder"

    def _walk(self, folder: Path, parts: tuple[str, ...]) -> Path | None:
        """Return the file at a relative path in a folder, None if there is none."""
        direct = folder.joinpath(*parts)
        if direct.is_file():
            return direct
        if PurePosixPath(parts[0]).is_absolute():
            return None
        place = folder
        for part in parts:
            if part == "..":
                place = place / part
                continue
            names = self._index(place).find(part)
            if len(names) > 1:
                fix = "rename one of them, or write its exact name"
                raise ValueError(f"expected one file for {part!r}, got {joined_names(names)}; {fix}")
            if not names:
                return None
            place = place / names[0]
        return place if place.is_file() else None

    def _deeper(self, label: Path | None) -> list[list[Path]]:
        """Return subfolders in two groups: those that the label file's name ends with, then the others."""
        inside = [child for top in dict.fromkeys(self._tops) for child in self._folders(top)]
        above = self._folders(self._above) if self._above is not None and label is not None else []
        named = [f for f in [*inside, *above] if label is not None and _names_folder(label, f.name)]
        others = [folder for folder in inside if folder not in named]
        groups = [[path for f in group for path in (f, *self._folders(f))] for group in (named, others)]
        return [group for group in groups if group]

    def _folders(self, folder: Path) -> list[Path]:
        """Return the subfolders of a folder, sorted; none if it cannot be read."""
        if folder not in self._children:
            try:
                inside = [entry for entry in folder.iterdir() if not entry.name.startswith(".") and entry.is_dir()]
            except OSError:
                inside = []
            self._children[folder] = sorted(inside)
        return self._children[folder]

    def _index(self, folder: Path) -> NameIndex:
        """Return the names in a folder; none if it cannot be read."""
        if folder not in self._entries:
            try:
                names = sorted(os.listdir(folder))
            except OSError:
                names = []
            self._entries[folder] = NameIndex(names)
        return self._entries[folder]

    def _of_stem(self, folder: Path, stem: str) -> list[Path]:
        """Return the image files of a stem: those of its exact spelling, else those in any letter case."""
        if folder not in self._stems:
            stems: dict[str, list[Path]] = {}
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                plain = PurePosixPath(plain_name(path.name))
                if plain.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                    for key in (plain.stem, plain.name):
                        stems.setdefault(folded_name(key), []).append(path)
            self._stems[folder] = stems
        files = self._stems[folder].get(folded_name(stem), [])
        return [path for path in files if stem in (path.stem, path.name)] or files


def image_size(file: Path) -> Size:
    """Return the size of the upright image. The whole file is read, so that damage is found here.

    Args:
        file: The image's file.

    Returns:
        (H, W) in pixels.

    Raises:
        ImageError: If the image is damaged or missing. It is a ``ValueError``.
    """
    image = open_image(file)
    return image.height, image.width


def named_as_mask(path: Path) -> bool:
    """Return whether a file's name ends like that of a mask, as in a_mask.png."""
    return _MASK_ENDING.search(path.stem) is not None


def _spellings(written: str) -> list[tuple[str, ...]]:
    """Return the paths that a written path can mean, as parts.

    In order: as it is, with the separators of Windows, its bare name, the name before Roboflow's renaming.
    """
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


def _names_folder(label: Path, folder: str) -> bool:
    """Return whether a label file is named after a folder: "instances_Train" after "Train"."""
    stem, name = folded_name(label.stem), folded_name(folder)
    return stem == name or (stem.endswith(name) and not stem[: -len(name)][-1:].isalnum())


def _rather_mask(candidate: Path, label: Path) -> bool:
    """Return whether of two files with one stem the candidate, not the label, is the mask."""
    suffixes = [path.suffix.lower() for path in (candidate, label)]
    ranks = [_MASK_SUFFIXES.index(s) if s in _MASK_SUFFIXES else len(_MASK_SUFFIXES) for s in suffixes]
    return ranks[0] < ranks[1]


def _same_file(a: Path, b: Path) -> bool:
    return a.name == b.name and a.resolve() == b.resolve()
