"""CUFS and FS2K: photos of faces and sketches of them, drawn by artists, for stylization.

Wang and Tang, "Face Photo-Sketch Synthesis and Recognition", PAMI 2009. Home page of CUFS:
http://mmlab.ie.cuhk.edu.hk/archive/facesketch.html. Fan et al., "Facial-Sketch Synthesis: A New Challenge", 2022,
https://arxiv.org/abs/2112.15439. Home page of FS2K: https://github.com/DengPingFan/FS2K. Licence of both: research
only.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ...core.json_text import parse_json
from ...images.reader import list_images, load_image
from ..face_sources import data_folder
from .files import check_split, dataset_folder, missing_files
from .label_tables import read_csv_rows
from .lazy_faces import LazyFaces
from .records import ImagePair

_CUFS_LAYOUT = (
    "CUHK_training_cropped_photos and CUHK_training_cropped_sketches for train, CUHK_testing_cropped_photos and "
    "CUHK_testing_cropped_sketches for test, with photos such as f-005-01.jpg and sketches such as F2-005-01-sz1.jpg; "
    "or all of them in photos and sketches; or index.csv of photo,sketch,subset beside photos and sketches"
)
_CUFS_HOME = "http://mmlab.ie.cuhk.edu.hk/archive/facesketch.html"
# Names of the splits in the folders and in the table of FACEKIT_DATA.
_CUFS_FOLDERS = {"train": "CUHK_training_cropped", "test": "CUHK_testing_cropped"}
_CUFS_SUBSETS = {"train": "cuhk_train", "test": "cuhk_test", "ar": "ar"}
# The sketches of the training set begin with F2 or M2, those of the test set with f, f1, m or m1.
_TRAINING_SKETCH = re.compile(r"[fm]2-", re.IGNORECASE)

_FS2K_LAYOUT = (
    "anno_train.json, anno_test.json, photo/photo1 to photo3/image0001.jpg and sketch/sketch1 to sketch3/"
    "sketch0001.jpg or .png; or index.csv of photo,sketch beside photos and sketches"
)
_FS2K_HOME = "https://github.com/DengPingFan/FS2K"
# The words for the numbers of the annotations, by its README.
_FS2K_GROUPS: dict[str, tuple[str, ...]] = {
    "style": ("0", "1", "2"),
    "gender": ("male", "female"),
    "hair": ("with", "without"),
    "hair_color": ("brown", "black", "red", "no hair", "golden"),
    "earring": ("with", "without"),
    "smile": ("with", "without"),
    "frontal_face": ("within 30 degrees", "above 30 degrees"),
}

Files = tuple[Path, Path]


def cufs_faces(folder: str | os.PathLike[str] | None = None, split: str = "train") -> LazyFaces[ImagePair]:
    """Open CUFS: photos, with their sketches as targets. The CUHK students are 88 pairs for training and 100 for tests.

    Args:
        folder: The folder that holds the unpacked archives of the CUHK students. None is the sample in FACEKIT_DATA.
        split: "train" or "test". "ar" is the part of the AR data set, 123 pairs, for which there is no official split.
            Only the sample has "ar", and it lacks "test".

    Returns:
        The pairs. A pair raises ImageError on access if an image is damaged.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown, or a photo or sketch has no partner. The text names it.
    """
    split = check_split(split, tuple(_CUFS_SUBSETS), "CUFS")
    root = Path(folder).expanduser() if folder is not None else data_folder("sketches")
    if (root / "index.csv").exists():
        rows = read_csv_rows(root / "index.csv", ("photo", "sketch", "subset"))
        wanted = _CUFS_SUBSETS[split]
        files = _table_files(root, [row for row in rows if row["subset"] == wanted])
        if not files:
            missing = f"{root / 'index.csv'} with rows of subset {wanted}"
            raise missing_files(missing, f"CUFS, {split}", _CUFS_LAYOUT, _CUFS_HOME)
    elif split == "ar":
        raise missing_files(str(root / "index.csv"), "CUFS, ar", _CUFS_LAYOUT, _CUFS_HOME)
    elif (root / f"{_CUFS_FOLDERS[split]}_photos").exists():
        inside = tuple(f"{_CUFS_FOLDERS[split]}_{kind}" for kind in ("photos", "sketches"))
        dataset_folder(root, inside, f"CUFS, {split}", _CUFS_LAYOUT, _CUFS_HOME)
        # The archives hold folders named photos and sketches.
        photos, sketches = (root / name / kind for name, kind in zip(inside, ("photos", "sketches"), strict=True))
        photos, sketches = (path if path.is_dir() else path.parent for path in (photos, sketches))
        files = _partners(list_images(photos), list_images(sketches))
    else:
        dataset_folder(root, ("photos", "sketches"), f"CUFS, {split}", _CUFS_LAYOUT, _CUFS_HOME)
        pairs = _partners(list_images(root / "photos"), list_images(root / "sketches"))
        files = [pair for pair in pairs if bool(_TRAINING_SKETCH.match(pair[1].name)) == (split == "train")]
    return LazyFaces(f"CUFS, {split}", files, _read_pair)


def fs2k_faces(folder: str | os.PathLike[str] | None = None, split: str = "train") -> LazyFaces[ImagePair]:
    """Open FS2K: photos, with their sketches as targets. Its splits have 1,058 and 1,046 pairs.

    Args:
        folder: The folder FS2K. None is the sample in FACEKIT_DATA, 250 pairs of one style.
        split: "train" or "test". The sample has only "train".

    Returns:
        The pairs, with the groups "style" ("0", "1", "2"), "gender", "hair", "hair_color", "earring", "smile" and
        "frontal_face". The pairs of the sample have no groups. A pair raises an error on access if an image is missing.

    Raises:
        FileNotFoundError: If files are missing. The text lists the expected files.
        ValueError: If the split is unknown or the annotations are damaged. The text names the file.
    """
    split = check_split(split, ("train", "test"), "FS2K")
    root = Path(folder).expanduser() if folder is not None else data_folder("fs2k")
    if split == "train" and (root / "index.csv").exists():
        files = _table_files(root, read_csv_rows(root / "index.csv", ("photo", "sketch")))
        return LazyFaces(f"FS2K, {split}", files, _read_pair)
    annotations = root / f"anno_{split}.json"
    dataset_folder(root, (annotations.name, "photo", "sketch"), f"FS2K, {split}", _FS2K_LAYOUT, _FS2K_HOME)
    entries = parse_json(annotations.read_text(encoding="utf-8"), annotations.name)
    if not isinstance(entries, list) or not entries:
        raise ValueError(
            f"{annotations.name}: expected a list of images, got {type(entries).__name__}; download it again"
        )
    items = [_fs2k_item(entry, f"{annotations.name}, image {i}") for i, entry in enumerate(entries)]

    def read(item: tuple[str, dict[str, str]]) -> ImagePair:
        name, groups = item
        photo = _with_suffix(root / "photo" / name)
        sketch = _with_suffix(root / "sketch" / name.replace("photo", "sketch").replace("image", "sketch"))
        return ImagePair(name, load_image(photo), load_image(sketch), groups=groups)

    return LazyFaces(f"FS2K, {split}", items, read)


def _read_pair(files: Files) -> ImagePair:
    """Read a photo and its sketch."""
    return ImagePair(files[0].name, load_image(files[0]), load_image(files[1]))


def _table_files(root: Path, rows: list[dict[str, str]]) -> list[Files]:
    """Return photo and sketch of each row of index.csv."""
    return [(root / "photos" / row["photo"], root / "sketches" / row["sketch"]) for row in rows]


def _partners(photos: list[Path], sketches: list[Path]) -> list[Files]:
    """Pair photos with sketches: f-005-01.jpg with F2-005-01-sz1.jpg or f-005-01-sz1.jpg."""
    photo_of = {path.stem.lower(): path for path in photos}
    sketch_of: dict[str, Path] = {}
    for path in sketches:
        stem = path.stem.lower().removesuffix("-sz1")
        sketch_of[stem if stem in photo_of else _TRAINING_SKETCH.sub(lambda m: f"{m[0][0]}-", stem)] = path
    alone = sorted(photo_of.keys() ^ sketch_of.keys())
    if alone:
        path = photo_of.get(alone[0]) or sketch_of[alone[0]]
        raise ValueError(
            f"{path.parent.name}/{path.name}: expected a photo and a sketch of each person, got no partner for it"
            f"{f' and {len(alone) - 1} more' if alone[1:] else ''}; unpack both archives again"
        )
    return [(path, sketch_of[stem]) for stem, path in photo_of.items()]


def _fs2k_item(entry: Any, where: str) -> tuple[str, dict[str, str]]:
    """Return name and groups of an entry of FS2K's annotations."""
    name = entry.get("image_name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not re.fullmatch(r"photo\d/image\d+", name):
        raise ValueError(f"{where}: expected an image_name such as photo1/image0110, got {name!r}; download it again")
    groups = {}
    for group, words in _FS2K_GROUPS.items():
        value = entry.get(group)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(words):
            raise ValueError(
                f"{where} ({name}): expected {group} from 0 to {len(words) - 1}, got {value!r}; download it again"
            )
        groups[group] = words[value]
    return name, groups


def _with_suffix(path: Path) -> Path:
    """Add the suffix .jpg or .png that a file of FS2K has."""
    for suffix in (".jpg", ".png"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            return file
    raise missing_files(f"{path}.jpg or {path.name}.png", "FS2K", _FS2K_LAYOUT, _FS2K_HOME)
