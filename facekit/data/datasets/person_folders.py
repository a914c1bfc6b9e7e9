"""VGGFace2 and AffectNet as folders of images without labels: FSMA's data for pre-training (supplement, section 2.1).

Cao et al., "VGGFace2: A Dataset for Recognising Faces across Pose and Age", FG 2018, https://arxiv.org/abs/1710.08092.
Mollahosseini et al., "AffectNet: A Database for Facial Expression, Valence, and Arousal Computing in the Wild", 2017,
https://arxiv.org/abs/1708.03985. Licence of both: non-commercial research only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...images.reader import SUFFIXES, load_image
from .files import check_split, dataset_folder, missing_files
from .lazy_faces import LazyFaces
from .records import FaceImage

_VGGFACE2_LAYOUT = "train/n000002/0001_01.jpg, ... and test/n000001/0001_01.jpg, ..."
_VGGFACE2_HOME = "https://github.com/ox-vgg/vgg_face2"
_AFFECTNET_LAYOUT = "Manually_Annotated_Images/NUMBER/NAME.jpg"
_AFFECTNET_HOME = "http://mohammadmahoor.com/affectnet/"


def vggface2_faces(folder: str | os.PathLike[str], split: str = "train") -> LazyFaces[FaceImage]:
    """Open VGGFace2. Its splits have 8,631 and 500 people and together 3.31 million images.

    Args:
        folder: The folder that holds train and test.
        split: "train" or "test".

    Returns:
        The faces in the order of their paths, with the group "identity", the person's folder, such as "n000002". Only
        paths are in memory. A face raises ImageError on access if its image is damaged.

    Raises:
        FileNotFoundError: If the folder or its images are missing. The text lists the expected files.
        ValueError: If the split is unknown.
    """
    split = check_split(split, ("train", "test"), "VGGFace2")
    root = dataset_folder(folder, (split,), "VGGFace2", _VGGFACE2_LAYOUT, _VGGFACE2_HOME) / split
    missing = missing_files(str(root / "n*" / "*.jpg"), "VGGFace2", _VGGFACE2_LAYOUT, _VGGFACE2_HOME)
    return _foldered_faces(root, f"VGGFace2, {split}", "identity", missing)


def affectnet_faces(folder: str | os.PathLike[str]) -> LazyFaces[FaceImage]:
    """Open the manually annotated images of AffectNet without their labels.

    The official split is for the labels of expressions, so pre-training takes all images.

    Args:
        folder: The folder that holds Manually_Annotated_Images.

    Returns:
        The faces in the order of their paths, with the group "folder", the number of the image's folder. These
        folders are not people. Only paths are in memory. A face raises ImageError on access if its image is damaged.

    Raises:
        FileNotFoundError: If the folder or its images are missing. The text lists the expected files.
    """
    inside = "Manually_Annotated_Images"
    root = dataset_folder(folder, (inside,), "AffectNet", _AFFECTNET_LAYOUT, _AFFECTNET_HOME) / inside
    missing = missing_files(str(root / "*" / "*.jpg"), "AffectNet", _AFFECTNET_LAYOUT, _AFFECTNET_HOME)
    return _foldered_faces(root, "AffectNet", "folder", missing)


def _foldered_faces(root: Path, title: str, group: str, missing: FileNotFoundError) -> LazyFaces[FaceImage]:
    """Open the images in the subfolders of a folder.

    Args:
        root: The folder.
        title: Name of the data set and the split.
        group: Name of the group whose value is the subfolder's name.
        missing: The error if there are no images.
    """
    names = [name for name in image_tree(root) if "/" in name]
    if not names:
        raise missing

    def read(name: str) -> FaceImage:
        return FaceImage(name, load_image(root / name), groups={group: name.split("/")[0]})

    return LazyFaces(title, names, read)


def image_tree(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Find the image files in a folder and in all folders below it.

    Links to folders are followed, but each folder is searched once, so that loops of links end. Hidden files and
    folders are left out.

    Args:
        folder: The folder.

    Yields:
        Path of each image relative to the folder, with "/", sorted within each folder. Files of a folder come before
        those of its subfolders.

    Raises:
        OSError: If a folder cannot be read.
    """
    # Folders that are still to be searched, the next one last.
    waiting = [(Path(folder), "")]
    seen: set[tuple[int, int]] = set()
    while waiting:
        path, start = waiting.pop()
        status = path.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(path) as entries:
            found = sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
        for entry in found:
            if Path(entry.name).suffix.lower() in SUFFIXES and entry.is_file():
                yield f"{start}{entry.name}"
        waiting += [(path / e.name, f"{start}{e.name}/") for e in reversed(found) if e.is_dir()]
