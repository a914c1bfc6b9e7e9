"""What the readers of single formats hand over, and the checks on numbers that come from strangers' files.

Errors raised in this folder's readers do not name the file: `Found.attempt` does, and keeps the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ..labels import LandmarkSet, SegmentationSet
from ..labels.palettes import Colour

Task = Literal["landmarks", "segmentation"]
Size = tuple[int, int]
Listed = LandmarkSet | SegmentationSet | tuple[str, ...]

# Far beyond any image; keeps arithmetic on strangers' numbers free of overflow.
_LARGEST = 1e9
_CLASSES = 255


@dataclass(frozen=True, eq=False)
class Face:
    """One face's landmarks as its file has them.

    source: what errors call it. size: (H, W) of the image. points: (K,2) float64, pixels, (0,0) the centre of the
    top-left pixel, NaN = not labelled. visible: (K,) uint8 as in COCO, 0 not labelled, 1 labelled but hidden, 2 seen.
    names: of the points; None where the format has none, so that the place in the file is the place in the set.
    pixels: RGB (H,W,3) uint8 where the label file holds the image itself and `image` is only its name.
    """

    source: str
    image: Path
    size: Size
    points: NDArray[np.float64]
    visible: NDArray[np.uint8]
    names: tuple[str, ...] | None = None
    pixels: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """One image's classes as its file has them.

    mask: (H,W) uint8. With names, 0 is a pixel that nothing covers and i one of class names[i - 1]; without, the ids
    are those of the label set. 255 is ignored. pixels: as in `Face`.
    """

    source: str
    image: Path
    mask: NDArray[np.uint8]
    names: tuple[str, ...] | None = None
    pixels: NDArray[np.uint8] | None = None


@dataclass(eq=False)
class Found:
    """All that the files of one batch brought. listed: label sets or ordered names that files declare. colours: name ->
    RGB of each class in the order of ids, where a file beside the masks declares them."""

    faces: list[Face] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    colours: dict[str, Colour] | None = None

    @contextmanager
    def attempt(self, source: str) -> Iterator[None]:
        """Keeps the reason where reading `source` fails, so that one bad file does not end a batch."""
        try:
            yield
        except RecursionError:
            self.skipped[source] = "data nested without end came, expected an annotation file: copy it again"
        except OSError as error:
            fix = "check the file and its permissions"
            self.skipped[source] = f"{error.strerror or error}, expected a readable file: {fix}"
        except ValueError as error:
            self.skipped[source] = str(error)

    def listing(self, listed: Listed | None) -> None:
        """Notes a declared set or order of names, once."""
        if listed is not None and listed not in self.listed:
            self.listed.append(listed)


def parts_of_areas(
    areas: Iterable[tuple[str, NDArray[np.bool_]]],
    source: str,
    image: Path,
    size: Size,
    pixels: NDArray[np.uint8] | None = None,
) -> Parts:
    """Lay named areas (H,W) over each other, later over earlier ones. Raises ValueError for 254 names or more."""
    names: dict[str, int] = {}
    mask = np.zeros(size, np.uint8)
    for name, inside in areas:
        if names.setdefault(name, len(names) + 1) >= _CLASSES:
            raise ValueError(f"more than {_CLASSES - 1} class names came, expected at most that many: merge some")
        mask[inside] = names[name]
    return Parts(source, image, mask, tuple(names), pixels)


def faces_of_points(
    points: Sequence[tuple[str, str | None, NDArray[np.float64], int]],
    source: str,
    image: Path,
    size: Size,
    ours: bool = False,
    pixels: NDArray[np.uint8] | None = None,
) -> list[Face]:
    """Gather named points into faces.

    Args:
        points: For each point its name, its group, x and y of shape (2,), and 1 where it is hidden, else 2.
        source: What errors call the file.
        image: The image's file.
        size: (H, W) of the image.
        ours: Every group is a face. Otherwise only where names come again, since people also group parts of one face.
        pixels: As in `Face`.

    Returns:
        The faces in the order of their first points.

    Raises:
        ValueError: If a name comes twice in one face.
    """
    groups: dict[str | None, list[int]] = {}
    apart = ours or bool(repeated([name for name, _, _, _ in points]))
    for row, (_, group, _, _) in enumerate(points):
        groups.setdefault(group if apart else None, []).append(row)
    faces: list[Face] = []
    for rows in groups.values() if points else [[]]:
        names = tuple(points[row][0] for row in rows)
        if twice := repeated(names):
            fix = "delete one of them, or give each face of the image its own group_id"
            raise ValueError(f"point {twice[0]!r} came {names.count(twice[0])} times, expected once a face: {fix}")
        places = np.array([points[row][2] for row in rows], np.float64).reshape(-1, 2)
        visible = np.array([points[row][3] for row in rows], np.uint8)
        faces.append(Face(source, image, size, places, visible, names, pixels))
    return faces


def number(value: Any, what: str) -> float:
    """A finite number, else ValueError. what: how the error calls it."""
    expected = f"expected a finite number as {what}: correct it, or leave what is not labelled out"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{shown(value)} came, {expected}")
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"{shown(value)} came, {expected}")
    return float(value)


def xml_number(value: str | None, what: str) -> float:
    """A finite number written as text, else ValueError."""
    try:
        found = float(value) if value is not None else None
    except ValueError:
        raise ValueError(f"{shown(value)} came, expected a finite number as {what}: correct it") from None
    return number(found, what)


def pairs(value: Any, what: str) -> NDArray[np.float64]:
    """[[x, y], ...] as (n,2) float64, else ValueError."""
    for pair in entries(value, what):
        if not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"{shown(pair)} came in {what}, expected [x, y]: give both numbers of each point")
    return np.array([[number(v, f"x or y of {what}") for v in pair] for pair in value], np.float64).reshape(-1, 2)


def entries(value: Any, what: str) -> list[Any]:
    """A list, else ValueError."""
    if not isinstance(value, list):
        raise ValueError(f"{shown(value)} came as {what}, expected a list: export the file again")
    return value


def entry(value: Any, what: str) -> dict[str, Any]:
    """A JSON object, else ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"{shown(value)} came as {what}, expected an object {{...}}: export the file again")
    return value


def text(value: Any, what: str) -> str:
    """A string that is not empty, else ValueError; whole numbers become their digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{shown(value)} came as {what}, expected text: fill it in")
    return value


def whole(value: Any, what: str) -> int:
    """A whole number, else ValueError."""
    found = number(value, what)
    if found != int(found):
        raise ValueError(f"{shown(value)} came, expected a whole number as {what}: correct it")
    return int(found)


def check_declared(height: Any, width: Any, size: Size) -> None:
    """ValueError where the file says another image size (None: it says nothing) than the upright image has."""
    said = tuple(None if v is None else whole(v, "height or width of the image") for v in (height, width))
    if any(v is not None and v != actual for v, actual in zip(said, size, strict=True)):
        fix = "label the image in its present size, or put the labelled one back"
        if said == size[::-1]:
            fix = "the tool took no notice of the image's EXIF orientation: save the image upright, label it again"
        came = " x ".join("?" if v is None else str(v) for v in said)
        raise ValueError(f"height x width {came} came, expected its image's {size[0]} x {size[1]}: {fix}")


def check_xml_size(image: ElementTree.Element, size: Size) -> None:
    """`check_declared` for an XML element with height and width, which may be missing."""
    height, width = (None if (v := image.get(key)) is None else xml_number(v, key) for key in ("height", "width"))
    check_declared(height, width, size)


def repeated(names: Sequence[str]) -> list[str]:
    """The names that come more than once, in order."""
    return [name for name, times in Counter(names).items() if times > 1]


def shown(value: Any) -> str:
    """A stranger's value in an error: short, numpy's numbers as Python's."""
    if value is None:
        return "nothing"
    if isinstance(value, np.generic):
        value = value.item()
    content = repr(value) if isinstance(value, (bool, int, float, str)) else type(value).__name__
    return content if len(content) <= 60 else content[:57] + "..."
