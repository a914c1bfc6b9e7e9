"""Records that the readers of single formats fill: landmarks of a face, the mask of an image, a batch of both.

The readers of this package raise errors that do not name the file. `LabelBatch.skip_errors` adds the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..labels import IGNORE_ID, LandmarkSet, SegmentationSet
from ..labels.palettes import Colour
from .image_finder import ImageFinder
from .values import Size, duplicates

Task = Literal["landmarks", "segmentation"]
# What a file declares: a whole label set, or the names of classes or points in order.
Declaration = LandmarkSet | SegmentationSet | tuple[str, ...]
# Name, group, x and y of shape (2,), visibility (1 hidden, 2 visible) of one labelled point.
NamedPoint = tuple[str, str | None, NDArray[np.float64], int]


@dataclass(frozen=True, eq=False)
class FacePoints:
    """The landmarks of one face as its label file stores them.

    Attributes:
        source: Name of the label file for messages.
        image: File of the image.
        size: (H, W) of the upright image.
        points: Array of shape (K, 2), float64, x and y in pixels. (0, 0) is the centre of the top-left pixel. NaN: not
            labelled.
        visible: Array of shape (K,), uint8, as in COCO: 0 not labelled, 1 labelled but hidden, 2 visible.
        names: Names of the K points. None where the format has none: the order is then that of the label set.
        pixels: Image of shape (H, W, 3), uint8 RGB, where only the label file holds it. ``image`` is then just a name.
    """

    source: str
    image: Path
    size: Size
    points: NDArray[np.float64]
    visible: NDArray[np.uint8]
    names: tuple[str, ...] | None = None
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class ImageMask:
    """The segmentation mask of one image as its label file stores it.

    Attributes:
        source: Name of the label file for messages.
        image: File of the image.
        mask: Array of shape (H, W), uint8; 255 is ignored. With ``names``, 0 is an unlabelled pixel and i is class
            ``names[i - 1]``. Without, the numbers are class ids of the label set.
        names: Names of the classes of this mask, or None.
        pixels: As in `FacePoints`.
    """

    source: str
    image: Path
    mask: NDArray[np.uint8]
    names: tuple[str, ...] | None = None
    pixels: NDArray[np.uint8] | None = None


@dataclass(eq=False)
class LabelBatch:
    """All labels of the files that are read in one call.

    Attributes:
        faces: Landmarks, one record per face.
        masks: Segmentation masks, one record per image.
        declared: Label sets, or ordered names, that files declare. Each occurs once.
        skipped: Name of a label file -> why it was left out.
        colours: Class name -> RGB in the order of ids, where a file in the folder of masks declares them.
    """

    faces: list[FacePoints] = field(default_factory=list)
    masks: list[ImageMask] = field(default_factory=list)
    declared: list[Declaration] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    colours: dict[str, Colour] | None = None

    @contextmanager
    def skip_errors(self, source: str) -> Iterator[None]:
        """Add a file to ``skipped`` if the body raises, so that one bad file does not end a batch.

        Args:
            source: Name of the label file.

        Yields:
            Nothing. ``ValueError``, ``OSError`` and ``RecursionError`` of the body are caught.
        """
        try:
            yield
        except RecursionError:
            self.skipped[source] = "expected an annotation file, got data nested too deeply; copy the file again"
        except OSError as error:
            fix = "check the file and its permissions"
            self.skipped[source] = f"expected a readable file, got {error.strerror or error}; {fix}"
        except ValueError as error:
            self.skipped[source] = str(error)

    def declare(self, declaration: Declaration | None) -> None:
        """Add a declared label set, or declared names, unless it is None or already there."""
        if declaration is not None and declaration not in self.declared:
            self.declared.append(declaration)


@dataclass(frozen=True, eq=False)
class ReadContext:
    """What the reader of one format needs besides the content of the file.

    Attributes:
        file: The label file.
        task: "landmarks" or "segmentation".
        finder: Finder of the images.
        origin: x and y of the centre of the top-left pixel in the file.
        batch: Batch that the reader adds labels to. Single images that cannot be used go to its ``skipped``.
    """

    file: Path
    task: Task
    finder: ImageFinder
    origin: float
    batch: LabelBatch

    @property
    def source(self) -> str:
        """Return the name of the file for messages."""
        return self.file.name


def mask_of_areas(
    areas: Iterable[tuple[str, NDArray[np.bool_]]],
    source: str,
    image: Path,
    size: Size,
    pixels: NDArray[np.uint8] | None = None,
) -> ImageMask:
    """Combine named areas into one mask. A later area covers earlier ones.

    Args:
        areas: Class name and bool array of shape (H, W) of each area.
        source: Name of the label file for messages.
        image: File of the image.
        size: (H, W) of the image.
        pixels: As in `FacePoints`.

    Returns:
        The mask with its class names.

    Raises:
        ValueError: If there are more than 254 class names.
    """
    ids: dict[str, int] = {}
    mask = np.zeros(size, np.uint8)
    for name, inside in areas:
        if ids.setdefault(name, len(ids) + 1) >= IGNORE_ID:
            raise ValueError(f"expected at most {IGNORE_ID - 1} class names, got more; merge some of them")
        mask[inside] = ids[name]
    return ImageMask(source, image, mask, tuple(ids), pixels)


def faces_of_points(
    points: Sequence[NamedPoint],
    source: str,
    image: Path,
    size: Size,
    grouped: bool = False,
    pixels: NDArray[np.uint8] | None = None,
) -> list[FacePoints]:
    """Gather named points into faces.

    Args:
        points: Name, group, position and visibility of each point.
        source: Name of the label file for messages.
        image: File of the image.
        size: (H, W) of the image.
        grouped: Whether every group is a face. If False, groups are faces only where a name occurs twice in the image,
            because people also group the parts of one face.
        pixels: As in `FacePoints`.

    Returns:
        The faces in the order of their first points. Without points, one face without points.

    Raises:
        ValueError: If a name occurs twice in one face.
    """
    groups: dict[str | None, list[int]] = {}
    several = grouped or bool(duplicates([name for name, _, _, _ in points]))
    for row, (_, group, _, _) in enumerate(points):
        groups.setdefault(group if several else None, []).append(row)
    faces: list[FacePoints] = []
    for rows in groups.values() if points else [[]]:
        names = tuple(points[row][0] for row in rows)
        if repeated := duplicates(names):
            fix = "delete one of them, or give each face of the image its own group_id"
            times = names.count(repeated[0])
            raise ValueError(f"expected point {repeated[0]!r} once per face, got it {times} times; {fix}")
        positions = np.array([points[row][2] for row in rows], np.float64).reshape(-1, 2)
        visible = np.array([points[row][3] for row in rows], np.uint8)
        faces.append(FacePoints(source, image, size, positions, visible, names, pixels))
    return faces
