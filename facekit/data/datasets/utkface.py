"""UTKFace: about 23,700 faces with age, gender and race, to score a model by groups of people.

Zhang et al., "Age Progression/Regression by Conditional Adversarial Autoencoder", CVPR 2017,
https://arxiv.org/abs/1702.08423. Home page: https://susanqq.github.io/UTKFace/. Licence: non-commercial research only.
"""

from __future__ import annotations

import os
import re
import warnings
from bisect import bisect_right
from pathlib import Path

from ...core.listing import first_of
from ...images.reader import load_image
from ..face_sources import UTKFACE_GENDERS, UTKFACE_RACES, data_folder, utkface
from .files import missing_files
from .lazy_faces import LazyFaces
from .records import FaceImage

_LAYOUT = (
    "AGE_GENDER_RACE_DATE.jpg.chip.jpg or AGE_GENDER_RACE_DATE.jpg in one folder; or index.csv of "
    "file,age,gender,race and images/NAME.jpg"
)
_HOME = "https://susanqq.github.io/UTKFace/"
_NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_\d+ ?\.jpg(\.chip\.jpg)?")
# First year of each group, and the groups' names: those of FairFace.
_YEARS = (3, 10, 20, 30, 40, 50, 60, 70)
_AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")


def utkface_faces(folder: str | os.PathLike[str] | None = None) -> LazyFaces[FaceImage]:
    """Open UTKFace. It has no official split.

    Images whose names lack a label are left out with one warning. The released folder has a few of them.

    Args:
        folder: The folder UTKFace. None is the sample in FACEKIT_DATA.

    Returns:
        The faces in the order of their names, with the groups "age" ("0-2" to "more than 70", as in FairFace),
        "gender" ("male", "female") and "race" ("white", "black", "asian", "indian", "other"). A face raises ImageError
        on access if its image is damaged.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If all images have other names.
    """
    root = Path(folder).expanduser() if folder is not None else data_folder("utkface")
    rows = _sample_rows(root) if (root / "index.csv").exists() else _named_rows(root)

    def read(row: tuple[Path, int, str, str]) -> FaceImage:
        path, years, gender, race = row
        groups = {"age": _AGES[bisect_right(_YEARS, years)], "gender": gender, "race": race}
        return FaceImage(path.name, load_image(path), groups=groups)

    return LazyFaces("UTKFace", rows, read)


def _sample_rows(root: Path) -> list[tuple[Path, int, str, str]]:
    """List path, age, gender and race of the faces in the layout of FACEKIT_DATA."""
    paths, ages, genders, races = utkface(root)
    return list(zip(paths, ages.tolist(), genders.tolist(), races.tolist(), strict=True))


def _named_rows(root: Path) -> list[tuple[Path, int, str, str]]:
    """List path, age, gender and race of the faces whose names hold them."""
    rows: list[tuple[Path, int, str, str]] = []
    malformed: list[str] = []
    for path in sorted(root.glob("*.jpg")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            malformed.append(path.name)
            continue
        age, gender, race = (int(digits) for digits in match.groups()[:3])
        rows.append((path, age, UTKFACE_GENDERS[gender], UTKFACE_RACES[race]))
    listing = first_of(malformed, 5)
    if malformed and not rows:
        raise ValueError(
            f"{root}: expected names AGE_GENDER_RACE_DATE.jpg, got {len(malformed)} images with other names, {listing}"
            "; pass the folder UTKFace"
        )
    if not rows:
        raise missing_files(str(root / "*.jpg.chip.jpg"), "UTKFace", _LAYOUT, _HOME)
    if malformed:
        warnings.warn(
            f"UTKFace: {len(malformed)} of {len(malformed) + len(rows)} images are left out, expected names "
            f"AGE_GENDER_RACE_DATE.jpg, got {listing}",
            stacklevel=3,
        )
    return rows
