"""Helen with its own 194 points. Its page names no licence.

Le et al., "Interactive Facial Feature Localization", ECCV 2012, http://www.ifp.illinois.edu/~vuongle2/helen/.

Points are taken as they are: (0,0) is the centre of the top-left pixel. The page does not say so, but the public code
that reads them applies no shift. Masks of the same photos are in `helen`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ...images.reader import load_image
from ...labels import LANDMARKS_194
from .files import check_split, dataset_folder, missing_files, read_points
from .lazy_faces import LazyFaces
from .records import PointedFace

_LISTS = {"train": "trainnames.txt", "test": "testnames.txt"}
_LAYOUT = (
    "annotation/1.txt to 2330.txt, trainnames.txt, testnames.txt, and NAME.jpg in folders such as helen_1 to helen_5, "
    "train_1 to train_4 and test, or images"
)
_HOME = "http://www.ifp.illinois.edu/~vuongle2/helen/"
_TITLE = "Helen, 194 points"


def helen194_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[PointedFace]:
    """Open Helen with 194 points per face.

    Args:
        folder: The folder that contains annotation, the lists of names, and folders of images.
        split: "train" (2,000 faces) or "test" (330).

    Returns:
        The faces. A face raises ValueError on access if its files are damaged.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown.
    """
    listing = _LISTS[check_split(split, tuple(_LISTS), _TITLE)]
    root = dataset_folder(folder, ("annotation", listing), _TITLE, _LAYOUT, _HOME)
    names = [name for name in map(str.strip, (root / listing).read_text().splitlines()) if name]
    images = {path.stem: path for path in sorted(root.glob("*/*.jpg"))}
    # The first line of an annotation is the name of its image.
    points = {_first_line(path): path for path in sorted((root / "annotation").glob("*.txt"))}
    missing = [f"{name}.jpg" for name in names if name not in images]
    missing += [f"the file in annotation whose first line is {name}" for name in names if name not in points]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise missing_files(f"{root}: {missing[0]}{more}", _TITLE, _LAYOUT, _HOME)

    def read(name: str) -> PointedFace:
        found = read_points(points[name], len(LANDMARKS_194)).astype(np.float32)
        return PointedFace(name, load_image(images[name]), found, LANDMARKS_194)

    return LazyFaces(f"{_TITLE}, {split}", names, read)


def _first_line(path: Path) -> str:
    """Read the first line of a file."""
    with path.open(errors="replace") as f:
        return f.readline().strip()
