"""Face pools of sources that are given by name: folders, data sets in FACEKIT_DATA and generated faces."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ..images.reader import iter_images
from .datasets.person_folders import image_tree
from .face_pool import Face, FacePool, build_pool, whole_image_boxes
from .face_sources import boxed_faces, data_folder, generated, tar_faces, train_300w
from .source_names import FACE_SOURCES, list_sources, named_source

BOXES = "boxes.csv"
"""File of face boxes in a folder of images, see `face_sources.boxed_faces`."""


def open_pool(
    sources: Sequence[str | os.PathLike[str]],
    input_size: int,
    folder: str | os.PathLike[str],
    progress: bool,
    portraits: bool = False,
    device: str | torch.device | None = None,
) -> FacePool:
    """Crop the faces of named sources into one memory-mapped file, or open the file of an earlier call.

    Args:
        sources: Folders of face crops, which are searched with all folders below them, folders of images with
            ``boxes.csv``, "celebahq128", "lfw128", "300w" (its training part), each with or without ":COUNT", or
            "generated:COUNT".
        input_size: Side of the network's input, px.
        folder: Folder of the pool's file.
        progress: Whether to show a progress bar.
        portraits: Crop as much around the face as the images of FFHQ and CelebA-HQ contain. Crops of a folder and of
            300-W are used whole in either case.
        device: Device that renders generated faces. None is the CPU.

    Returns:
        The pool of all sources, in their order.

    Raises:
        FileNotFoundError: If a source is neither one of the names nor a folder.
        ValueError: If COUNT is not a positive integer, or no face is left.
    """
    readers: dict[str, Iterable[Face]] = {}
    for source in [os.fspath(s) for s in sources]:
        named = named_source(source, FACE_SOURCES)
        if named is None:
            readers.update([_folder_faces(source)])
            continue
        name, count = named
        faces: Iterable[Face]
        if name == "generated":
            faces = generated(count or 0, input_size, portraits=portraits, device=device)
        elif name == "300w":
            faces = itertools.islice(train_300w(), count)
        else:
            faces = itertools.islice(tar_faces(data_folder(name)), count)
            if portraits:
                faces = whole_image_boxes((key, image) for key, image, _ in faces)
        readers[f"{source}, as FFHQ" if portraits else source] = faces
    return build_pool(readers, input_size, folder, progress)


def _folder_faces(source: str) -> tuple[str, Iterable[Face]]:
    """Return the faces of a folder, and a text that changes with its content: it names the pool's file."""
    path = Path(source)
    if not path.is_dir():
        raise FileNotFoundError(
            f"{source!r}: expected a folder or one of {list_sources(FACE_SOURCES)}, got no such folder; check the path"
        )
    boxes = path / BOXES
    if boxes.is_file():
        stamp = f"{path.resolve()} {len(list(path.iterdir()))} files, {path.stat().st_mtime_ns}"
        return f"{stamp}, boxes {boxes.stat().st_mtime_ns}", boxed_faces(path, boxes)
    names = list(image_tree(path))
    if not names:
        raise FileNotFoundError(
            f"{source!r}: expected images in the folder or below it, got none; pass the folder that holds them"
        )
    newest = max(folder.stat().st_mtime_ns for folder in {(path / name).parent for name in names})
    stamp = f"{path.resolve()} {len(names)} images, {newest}"
    return stamp, whole_image_boxes(iter_images([path / name for name in names], on_error="skip"))
