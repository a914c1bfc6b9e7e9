"""Labelled images that a visitor uploads as one zip file, as this page and `facekit.annotations.write_labels` write."""

from __future__ import annotations

import json
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ..annotations import LabelFiles, read_labels, write_labels
from ..annotations.records import Task
from ..core.json_text import parse_json
from ..data.sample_faces import FOLDER, samples
from ..images.reader import SUFFIXES
from ..labels import LANDMARKS_5, SegmentationSet, convert_landmarks, segmentation_map
from .components import MOST_IMAGES, without_folders
from .label_import import LABEL_SUFFIXES, LIST_SUFFIXES
from .limits import check_pixels
from .sessions import new_file

MOST_FILES = 3 * MOST_IMAGES
MOST_BYTES = 200_000_000  # of all unpacked files


def given_file(path: str | None) -> str:
    """Return the path of an uploaded zip file.

    Args:
        path: The zip file, or None if nothing was uploaded.

    Raises:
        ValueError: If nothing was uploaded.
    """
    if path is None:
        raise ValueError("expected a zip file of labels, got none; upload one, or load the example")
    return path


def unusable_text(error: Exception) -> str:
    """Return what is wrong with an uploaded zip file as Markdown. It is shown as long as the file is there."""
    return f"**These labels cannot be used.** {without_folders(str(error))}."


@contextmanager
def unpacked_labels(path: str, task: Task) -> Iterator[LabelFiles]:
    """Unpack a zip file into the session's folder and read its labels. The folder is deleted at the end.

    Args:
        path: The zip file. Its folders do not matter. Files that are neither images nor labels are left out.
        task: "landmarks" or "segmentation".

    Yields:
        The images, at most MOST_IMAGES, with their labels.

    Raises:
        ValueError: If it is no zip file, is too large, or has no labels for the task. The message does not contain the
            name of the session's folder.
    """
    folder = new_file("labels")
    folder.mkdir()
    try:
        try:
            _unpack(path, folder)
            found = read_labels(folder, task)
        except ValueError as error:
            text = str(error).replace(f", {folder.parent}", "").replace(f"{folder}/", "")
            raise ValueError(text.replace(str(folder), Path(path).name)) from error
        if len(found) > MOST_IMAGES:
            raise ValueError(f"expected at most {MOST_IMAGES} labelled images, got {len(found)}; leave some out")
        yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(path: str, folder: Path) -> None:
    """Write the images and label files of a zip file to a folder."""
    name = Path(path).name
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if _is_wanted(PurePosixPath(m.filename))]
            if len(members) > MOST_FILES:
                raise ValueError(f"{name}: expected at most {MOST_FILES} files, got {len(members)}; leave some out")
            left = MOST_BYTES
            for member in members:
                file = folder / PurePosixPath(member.filename).name
                if file.exists():
                    raise ValueError(f"{name}: expected each file name once, got {file.name} twice; rename one of them")
                with archive.open(member) as stream:
                    content = stream.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise ValueError(f"{name}: expected at most {MOST_BYTES / 1e6:.0f} MB of files; leave some out")
                file.write_bytes(_without_images(content, file.name) if file.suffix.lower() == ".json" else content)
                if file.suffix.lower() in SUFFIXES:
                    check_pixels(str(file))
    # zipfile raises NotImplementedError for a compression or version that it does not have.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"{name}: expected a zip file of images and labels, got another or damaged file; download one in the tab "
            "Adapt, or pack a folder of facekit.annotations.write_labels"
        ) from error


def _is_wanted(member: PurePosixPath) -> bool:
    """Return whether a file of a zip is an image or a label file, and not one that macOS adds."""
    hidden = member.name.startswith(".") or "__MACOSX" in member.parts
    return not hidden and member.suffix.lower() in (*SUFFIXES, *LABEL_SUFFIXES, *LIST_SUFFIXES)


def _without_images(content: bytes, name: str) -> bytes:
    """Remove the image that LabelMe stores in a label file, because its size is not limited."""
    if b'"imageData"' not in content:
        return content
    parsed = parse_json(content, name)
    return json.dumps({**parsed, "imageData": None}).encode() if isinstance(parsed, dict) else content


def example_zip(task: Task, parts: SegmentationSet | None = None) -> Path:
    """Write the sample people with five points or with parts to a zip file of the session.

    Args:
        task: "landmarks" or "segmentation".
        parts: Another set of parts, to which the labels are converted.

    Returns:
        The zip file.
    """
    faces, folder = samples(), new_file("sample-people")
    folder.mkdir()
    files = [Path(shutil.copy(FOLDER / f"{name}.jpg", folder)) for name in faces.names]
    if task == "landmarks":
        points = convert_landmarks(faces.landmarks, faces.landmark_labels, LANDMARKS_5)
        write_labels(folder, files, points, task, LANDMARKS_5)
    else:
        masks = faces.masks if parts is None else segmentation_map(faces.mask_labels, parts)[faces.masks]
        write_labels(folder, files, list(masks), task, parts or faces.mask_labels)
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    shutil.rmtree(folder)
    return archive
