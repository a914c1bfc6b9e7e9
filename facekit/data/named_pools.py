"""Face pools of sources that are given by name: folders, CelebA-HQ and generated faces."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ..images.reader import iter_images
from .face_pool import Face, FacePool, build_pool, whole_image_boxes
from .face_sources import celebahq128, generated, named_source


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
        sources: Folders of images, "celebahq128", "celebahq128:COUNT" or "generated:COUNT".
        input_size: Side of the network's input, px.
        folder: Folder of the pool's file.
        progress: Whether to show a progress bar.
        portraits: Crop as much around the face as the images of FFHQ and CelebA-HQ contain. Images of a folder are
            used whole in either case.
        device: Device that renders generated faces. None is the CPU.

    Returns:
        The pool of all sources, in their order.

    Raises:
        FileNotFoundError: If a source is neither one of the names nor a folder.
        ValueError: If COUNT is not a positive integer, or no face is left.
    """
    readers: dict[str, Iterable[Face]] = {}
    for source in [os.fspath(s) for s in sources]:
        named = named_source(source)
        if named is None:
            path = Path(source)
            if not path.is_dir():
                raise FileNotFoundError(
                    f"{source!r}: expected a folder, 'celebahq128', 'celebahq128:COUNT' or 'generated:COUNT', got no "
                    "such folder; check the path"
                )
            # The file of the pool is named by this text, so that a changed folder gets a new one.
            stamp = f"{path.resolve()} {len(list(path.iterdir()))} files, {path.stat().st_mtime_ns}"
            readers[stamp] = whole_image_boxes(iter_images(path, on_error="skip"))
            continue
        name, count = named
        faces: Iterable[Face]
        if name == "celebahq128":
            faces = itertools.islice(celebahq128(), count)
        else:
            faces = generated(count or 0, input_size, portraits=portraits, device=device)
        if portraits and name == "celebahq128":
            faces = whole_image_boxes((key, image) for key, image, _ in faces)
        readers[f"{source}, as FFHQ" if portraits else source] = faces
    return build_pool(readers, input_size, folder, progress)
