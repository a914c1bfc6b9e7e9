"""Pools of unlabelled faces by name."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from ..core.cache_folder import cache_folder
from ..images.reader import iter_images
from ..training.pretraining_run import Request
from .face_pool import Face, FacePool, build_pool, whole_image_boxes
from .face_sources import celebahq128, generated, named_source

log = logging.getLogger("facekit")


def pool_of(asked: Request, input_size: int, portraits: bool = False) -> FacePool:
    """The crops that were asked for; of several processes the first one makes the file."""
    with asked.processes.first_before_others():
        folder = asked.pool or cache_folder() / "pools"
        faces = open_pool(asked.images, input_size, folder, asked.show, portraits, asked.device)
    log.info("%d faces: %s", len(faces), faces.sources)
    return faces


def open_pool(
    sources: Sequence[str | os.PathLike[str]],
    input_size: int,
    folder: str | os.PathLike[str],
    progress: bool,
    portraits: bool = False,
    device: str | torch.device | None = None,
) -> FacePool:
    """Crops of the named sources (see `pretrain`), decoded once into one memory-mapped file under `folder`.

    portraits: not faces alone, but as much around them as FFHQ's and CelebA-HQ's images show. Images of a folder
    are taken whole in either case. device: renders generated faces; None is the CPU.
    """
    readers: dict[str, Iterable[Face]] = {}
    for source in [os.fspath(s) for s in sources]:
        named = named_source(source)
        if named is not None:
            name, count = named
            if name == "celebahq128":
                found: Iterable[Face] = itertools.islice(celebahq128(), count)
            else:
                found = generated(count or 0, input_size, portraits=portraits, device=device)
            if portraits and name == "celebahq128":
                found = whole_image_boxes((key, image) for key, image, _ in found)
            readers[f"{source}, as FFHQ" if portraits else source] = found
        else:
            path = Path(source)
            if not path.is_dir():
                raise FileNotFoundError(
                    f"{source!r}: no such folder; expected one, 'celebahq128', 'celebahq128:COUNT' or 'generated:COUNT'"
                )
            stamp = f"{path.resolve()} {len(list(path.iterdir()))} files, {path.stat().st_mtime_ns}"
            readers[stamp] = whole_image_boxes(iter_images(path, on_error="skip"))
    return build_pool(readers, input_size, folder, progress)
