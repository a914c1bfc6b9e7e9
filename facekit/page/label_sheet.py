"""The images that a visitor labels, with points and parts; examples of them; the labels as a zip file."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..annotations.records import Task
from ..data.sample_faces import samples
from ..data.synthetic_faces.generator import GeneratedFaces
from ..labelling import PartLabels, PointLabels
from ..labels import (
    FACEKIT_27,
    IGNORE_ID,
    LANDMARKS_5,
    LANDMARKS_68,
    SegmentationSet,
    convert_landmarks,
    segmentation_map,
    segmentation_set,
)
from .components import check_length
from .photo_files import thumbnail
from .sessions import new_file

POINTS, PARTS = "Points", "Parts"
TASKS: dict[str, Task] = {POINTS: "landmarks", PARTS: "segmentation"}
POINT_NAMES = ", ".join(LANDMARKS_5.points)
PART_NAMES = "skin, brows, eyes, nose, mouth, hair"
BACKGROUND = "background"
MOST_PARTS = 60
MOST_POINTS = 200  # the largest published set has 194
EXAMPLE_FACES = 8
SIDE = 640  # px; images are scaled down so that no side is longer
THUMBNAIL = 120  # px
_versions = itertools.count(1)


@dataclass
class Sheet:
    """The images of one visitor and their labels.

    Attributes:
        images: RGB (H, W, 3) uint8 each, no side longer than SIDE px.
        names: File name of each image.
        files: The uploaded files, images and labels.
        labels: Labels of the kind that is shown. None without images.
        kept: The labels of each kind.
        version: Number of ``labels``, which no other labels have. So late messages for earlier labels are known.
        received: Number of the last message of the canvas.
        text: A message to show instead of the instruction.
        aside: Indices of the images that are not trained on, but used for scores.
        trained: Indices of the images that the visitor's model was trained on.
    """

    images: list[np.ndarray] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    labels: PointLabels | PartLabels | None = None
    kept: dict[str, PointLabels | PartLabels] = field(default_factory=dict)
    version: int = 0
    received: int = 0
    text: str = ""
    aside: set[int] = field(default_factory=set)
    trained: set[int] = field(default_factory=set)
    _image_files: dict[int, str] = field(default_factory=dict)
    _thumbnail_files: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> list[int]:
        """Indices of the images that have a label of the kind that is shown."""
        return [] if self.labels is None else self.labels.labelled

    def add(self, image: np.ndarray, name: str = "") -> float:
        """Add an image. A large image is scaled down.

        Args:
            image: RGB (H, W, 3) uint8.
            name: Name of its file.

        Returns:
            The factor of the scaling, at most 1.
        """
        height, width = image.shape[:2]
        factor = min(1.0, SIDE / max(height, width))
        size = (max(1, round(width * factor)), max(1, round(height * factor)))
        self.images.append(np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)))
        self.names.append(name or f"image {len(self.images)}")
        return factor

    def use(self, kind: str, names: Sequence[str]) -> None:
        """Show the labels of one kind. If their names have changed, labels of the same names are kept.

        Args:
            kind: POINTS or PARTS.
            names: Names of the points, or of the parts without the background.
        """
        if not self.images:
            return
        wanted = list(names) if kind == POINTS else [BACKGROUND, *names]
        before = self.kept.get(kind)
        if before is not None and before is self.labels and _names_of(before) == wanted:
            return
        labels: Any = before
        if before is None or _names_of(before) != wanted:
            labels = _renamed(self.images, before, wanted, kind)
        labels.go(0 if self.labels is None else self.labels.index)
        self.set_labels(kind, labels)

    def carry_over(self, earlier: Sheet) -> None:
        """Take the labels of earlier images where this sheet has none. Images are found by their names.

        Args:
            earlier: Images before others were added.
        """
        if not self.images:
            return
        place = {name: i for i, name in enumerate(self.names)}
        for kind, before in earlier.kept.items():
            mine = self.kept.get(kind)
            wanted = _names_of(before if mine is None else mine)
            before = _renamed(earlier.images, before, wanted, kind)
            rows = {place[name]: i for i, name in enumerate(earlier.names) if name in place and i in before.labelled}
            labels = _renamed(self.images, None, wanted, kind) if mine is None else mine
            free = [i for i in rows if i not in labels.labelled]
            if isinstance(labels, PointLabels) and isinstance(before, PointLabels):
                points = labels.points
                points[free] = before.points[[rows[i] for i in free]]
                self.kept[kind] = PointLabels(self.images, labels.names, points)
            elif isinstance(labels, PartLabels) and isinstance(before, PartLabels):
                masks, old = labels.masks, before.masks
                for i in free:
                    masks[i] = old[rows[i]]
                self.kept[kind] = PartLabels(self.images, labels.names, masks)
        self.aside = {place[name] for i, name in enumerate(earlier.names) if i in earlier.aside and name in place}
        self.trained = {place[name] for i, name in enumerate(earlier.names) if i in earlier.trained and name in place}

    def set_labels(self, kind: str, labels: PointLabels | PartLabels) -> None:
        """Show new labels.

        Args:
            kind: POINTS or PARTS.
            labels: Labels of ``images``.
        """
        self.labels = self.kept[kind] = labels
        self.version = next(_versions)
        self.text = ""
        self.aside &= set(labels.labelled)

    def image_file(self, index: int) -> str:
        """Return the file of an image for the browser. It is written once, in the visitor's folder."""
        if index not in self._image_files:
            target = new_file(f"image_{index}.jpg")
            Image.fromarray(self.images[index]).save(target, quality=92)
            self._image_files[index] = str(target)
        return self._image_files[index]

    def thumbnail_files(self) -> list[str]:
        """Return the files of small copies of all images. They are written once, in the visitor's folder."""
        if len(self._thumbnail_files) != len(self.images):
            folder = new_file("thumbnails")
            folder.mkdir()
            files = [folder / f"{i}.jpg" for i in range(len(self.images))]
            for image, file in zip(self.images, files, strict=True):
                Image.fromarray(thumbnail(image, THUMBNAIL)).save(file)
            self._thumbnail_files = [str(file) for file in files]
        return self._thumbnail_files


def _names_of(labels: PointLabels | PartLabels) -> list[str]:
    return list(labels.names.points if isinstance(labels, PointLabels) else labels.names.classes)


def _renamed(images: list[np.ndarray], before: Any, wanted: list[str], kind: str) -> PointLabels | PartLabels:
    """Create labels of new names. Labels of earlier names are kept; a new name in the place of an old one renames it.

    Args:
        images: The images.
        before: The earlier labels of this kind, or None.
        wanted: The new names.
        kind: POINTS or PARTS.
    """
    old = [] if before is None else _names_of(before)
    source = [
        old.index(name) if name in old else i if i < len(old) and old[i] not in wanted else None
        for i, name in enumerate(wanted)
    ]
    if kind == POINTS:
        points = np.full((len(images), len(wanted), 2), np.nan, np.float32)
        for i, j in enumerate(source):
            if j is not None:
                points[:, i] = before.points[:, j]
        return PointLabels(images, wanted, points)
    table = np.zeros(256, np.uint8)
    table[IGNORE_ID] = IGNORE_ID
    for i, j in enumerate(source):
        if j is not None:
            table[j] = i
    return PartLabels(images, wanted, None if before is None else [table[mask] for mask in before.masks])


def names_in(text: str, most: int = MOST_POINTS) -> list[str]:
    """Split a text into names.

    Args:
        text: Names with commas between.
        most: Largest number of names.

    Returns:
        The names. Spaces are underscores, as in the names of the published sets.

    Raises:
        ValueError: If there is no name, a name occurs twice, or there are too many.
    """
    names = ["_".join(name.split()) for name in check_length(text).split(",") if name.strip()]
    if not names:
        raise ValueError("expected names, got none; write them with commas between: left eye, right eye, nose")
    if len(names) > most:
        raise ValueError(f"expected at most {most} names, got {len(names)}; leave some out")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"expected different names, got {twice} twice; rename one of them")
    return names


def parts_in(text: str) -> SegmentationSet:
    """Create the label set of the parts that a visitor paints.

    Args:
        text: Names of the parts with commas between.

    Returns:
        The label set; its first class is the background.

    Raises:
        ValueError: As `names_in`, for MOST_PARTS names.
    """
    return segmentation_set([BACKGROUND, *part_names_in(text)])


def part_names_in(text: str) -> list[str]:
    """Split a text into the names of parts without the background. Raises ValueError as `names_in`."""
    return [name for name in names_in(text, MOST_PARTS) if name.lower() != BACKGROUND]


def example_faces() -> tuple[Sheet, np.ndarray]:
    """Take sample people that are labelled with five points and six parts, and one more to test a model on.

    Returns:
        The labelled images, and the image without labels, RGB (256, 256, 3) uint8.
    """
    faces = samples()
    points = convert_landmarks(faces.landmarks, faces.landmark_labels, LANDMARKS_5)
    masks = [_part_table(faces.mask_labels)[mask] for mask in faces.masks[:EXAMPLE_FACES]]
    return _labelled_sheet(faces.images[:EXAMPLE_FACES], points[:EXAMPLE_FACES], masks), faces.images[EXAMPLE_FACES]


def generated_faces(count: int, size: int, framing: float) -> tuple[Sheet, np.ndarray]:
    """Generate faces, of which the first is labelled with five points and six parts, and one more to test a model on.

    Args:
        count: Number of faces.
        size: Side of the generated images, px.
        framing: Size of the image relative to the face, as in `GeneratedFaces`.

    Returns:
        The images with labels, and the image to test a model on, RGB (size, size, 3) uint8.
    """
    faces = GeneratedFaces(seed=17, size=size, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10), framing=framing)
    batch = faces.batch(range(count + 1))
    images = list(batch["image"].permute(0, 2, 3, 1).contiguous().numpy())
    points = convert_landmarks(batch["landmarks68"].numpy(), LANDMARKS_68, LANDMARKS_5)[:count].copy()
    masks = [_part_table(FACEKIT_27)[mask] for mask in batch["mask"].numpy()[:count]]
    points[1:] = np.nan
    return _labelled_sheet(images[:-1], points, [masks[0], *(0 * mask for mask in masks[1:])]), images[-1]


def _labelled_sheet(images: Sequence[np.ndarray], points: np.ndarray, masks: Sequence[np.ndarray]) -> Sheet:
    """Create a sheet of small images with points and masks of the names POINT_NAMES and PART_NAMES."""
    sheet = Sheet()
    for image in images:
        sheet.add(image)
    sheet.set_labels(PARTS, PartLabels(sheet.images, parts_in(PART_NAMES), masks))
    sheet.set_labels(POINTS, PointLabels(sheet.images, names_in(POINT_NAMES), points))
    return sheet


def _part_table(labels: SegmentationSet) -> np.ndarray:
    """Return the table from ids of a set to those of PART_NAMES; other parts are background."""
    table = segmentation_map(labels, parts_in(PART_NAMES))
    table[table == IGNORE_ID] = 0
    return table


def write_sheet(sheet: Sheet) -> Path:
    """Write the labelled images and a LabelMe file for each of them to a new zip file, and return its path.

    Raises:
        ValueError: If no image is labelled.
    """
    if sheet.labels is None or not sheet.labelled:
        raise ValueError("expected a labelled image, got none; label at least one, or load the example in step 1")
    sheet.labels.save(folder := new_file("labels"))
    return Path(shutil.make_archive(str(folder), "zip", folder))
