"""FairFace: faces balanced over seven races, to score a model by groups of people with `facekit.evaluate_by`.

Kärkkäinen and Joo, "FairFace: Face Attribute Dataset for Balanced Race, Gender, and Age", WACV 2021,
https://arxiv.org/abs/1908.04913. Home page: https://github.com/joojs/fairface. Licence: CC BY 4.0.
"""

from __future__ import annotations

import os

from ...images.reader import load_image
from .files import check_split, dataset_folder
from .label_tables import read_csv_rows
from .lazy_faces import LazyFaces
from .records import FaceImage

_LAYOUT = "fairface_label_train.csv, fairface_label_val.csv, train/1.jpg, ... and val/1.jpg, ..."
_HOME = "https://github.com/joojs/fairface"
_GROUPS = ("age", "gender", "race")


def fairface_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[FaceImage]:
    """Open FairFace. Its splits have 86,744 and 10,954 faces.

    Args:
        folder: The folder with the images, train and val, and the two tables of labels.
        split: "train" or "val".

    Returns:
        The faces, with the groups "age" ("0-2" to "more than 70"), "gender" and "race". The values are the table's
        words in lower case, such as "east asian". A face raises ImageError on access if its image is missing.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown or the table is damaged. The text names the file and the line.
    """
    split = check_split(split, ("train", "val"), "FairFace")
    table = f"fairface_label_{split}.csv"
    root = dataset_folder(folder, (table, split), "FairFace", _LAYOUT, _HOME)

    def read(row: dict[str, str]) -> FaceImage:
        groups = {name: row[name].lower() for name in _GROUPS}
        return FaceImage(row["file"], load_image(root / row["file"]), groups=groups)

    return LazyFaces(f"FairFace, {split}", read_csv_rows(root / table, ("file", *_GROUPS)), read)
