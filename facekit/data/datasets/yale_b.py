"""Extended Yale B: 38 people under 64 directions of light, to score the removal of shadows.

Georghiades et al., "From Few to Many: Illumination Cone Models for Face Recognition under Variable Lighting and Pose",
PAMI 2001; Lee et al., "Acquiring Linear Subspaces for Face Recognition under Variable Lighting", PAMI 2005. Home page:
http://vision.ucsd.edu/~leekc/ExtYaleDatabase/ExtYaleB.html. Licence: research only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ...images.reader import load_image
from ..face_sources import data_folder
from .files import missing_files
from .label_tables import read_csv_rows
from .lazy_faces import LazyFaces
from .records import ImagePair

_TITLE = "Extended Yale B"
_LAYOUT = (
    "yaleBNN/yaleBNN_P00A+000E+00.pgm, with azimuth A and elevation E of the light; or index.csv of "
    "file,subject,azimuth_deg,elevation_deg and images/NAME.jpg"
)
_HOME = "http://vision.ucsd.edu/~leekc/ExtYaleDatabase/ExtYaleB.html"
_NAME = re.compile(r"(yaleB\d\d)_P(\d\d)A([+-]\d{3})E([+-]\d\d)\.pgm")

# Person, azimuth and elevation of the light, degrees.
Light = tuple[str, int, int]


def yale_b_faces(folder: str | os.PathLike[str] | None = None) -> LazyFaces[ImagePair]:
    """Open Extended Yale B: frontal faces under every light, with the same person under frontal light as target.

    The frontally lit images themselves, images without a lamp (Ambient), damaged images (.pgm.bad) and other poses
    than P00 are left out. There is no official split.

    Args:
        folder: The folder CroppedYale or ExtendedYaleB, which holds a folder per person. None is the sample in
            FACEKIT_DATA.

    Returns:
        The pairs, sorted by person and light, with the groups "person", "azimuth" and "elevation", such as "yaleB01",
        "-35" and "20" degrees. A pair raises ImageError on access if an image is damaged.

    Raises:
        FileNotFoundError: If files are missing, for example a person's frontally lit image. The text lists the
            expected files.
        ValueError: If the name of an image is another one, or the table is damaged. The text names it.
    """
    root = Path(folder).expanduser() if folder is not None else data_folder("yaleb")
    path_of = _sample_files(root) if (root / "index.csv").exists() else _released_files(root)
    pairs: list[tuple[Light, Path, Path]] = []
    for light, path in sorted(path_of.items()):
        if light[1:] == (0, 0):
            continue
        target = path_of.get((light[0], 0, 0))
        if target is None:
            frontal = path.parent / f"{light[0]}_P00A+000E+00{path.suffix}"
            raise missing_files(str(frontal), f"{_TITLE} with the frontally lit image of each person", _LAYOUT, _HOME)
        pairs.append((light, path, target))
    if not pairs:
        raise missing_files(str(root / "yaleB*" / "*.pgm"), _TITLE, _LAYOUT, _HOME)
    return LazyFaces(_TITLE, pairs, _read)


def _read(item: tuple[Light, Path, Path]) -> ImagePair:
    """Read an image and its target."""
    (person, azimuth, elevation), path, target = item
    groups = {"person": person, "azimuth": str(azimuth), "elevation": str(elevation)}
    return ImagePair(path.name, load_image(path), load_image(target), groups=groups)


def _released_files(root: Path) -> dict[Light, Path]:
    """Find the images of pose P00 in the layout of the release."""
    found: dict[Light, Path] = {}
    for path in root.glob("yaleB*/*.pgm"):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            person, pose, azimuth, elevation = match.groups()
            if pose == "00":
                found[person, int(azimuth), int(elevation)] = path
        elif not path.stem.endswith("_Ambient"):
            raise ValueError(
                f"{path.parent.name}/{path.name}: expected a name such as yaleB01_P00A+000E+00.pgm, got another one; "
                "move it out of the folder"
            )
    return found


def _sample_files(root: Path) -> dict[Light, Path]:
    """Find the images in the layout of FACEKIT_DATA."""
    found: dict[Light, Path] = {}
    for row in read_csv_rows(root / "index.csv", ("file", "subject", "azimuth_deg", "elevation_deg")):
        try:
            light = row["subject"], int(row["azimuth_deg"]), int(row["elevation_deg"])
        except ValueError as error:
            raise ValueError(
                f"index.csv: expected whole degrees for {row['file']}, got {row['azimuth_deg']}, "
                f"{row['elevation_deg']}; copy it again"
            ) from error
        found[light] = root / "images" / row["file"]
    return found
