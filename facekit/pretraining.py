"""Pre-training of backbones on unlabelled faces: `facekit.pretrain(...)` and `facekit pretrain ...`."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from . import recipes
from .backbones.fsma.autoencoder import PRESETS
from .backbones.fsma.pretraining import Pretraining
from .data.pool import Face, FacePool, build_pool, whole_picture_boxes
from .data.readers import celebahq128, generated
from .images import iter_pictures
from .training import Progress, pick_device, train

log = logging.getLogger("facekit")

RECIPES = {"256": recipes.PRETRAIN_256, "128": recipes.PRETRAIN_128, "mini": recipes.PRETRAIN_MINI}


def cache_folder() -> Path:
    """FACEKIT_HOME, else the user's cache folder."""
    home = os.environ.get("FACEKIT_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "facekit"


def pretrain(
    backbone: str,
    images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    preset: str = "mini",
    out: str | os.PathLike[str],
    steps: int | None = None,
    until: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    pool: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> dict[str, float]:
    """Train a backbone on unlabelled faces and write its weights; returns the last losses.

    backbone: "fsma". images: one or more of: a folder of face crops, "celebahq128" (tar shards under FACEKIT_DATA),
    "generated:COUNT". preset: "mini" (half width, 128 px), "128" or "256" (the paper's sizes and schedule). out: a
    .safetensors file (half precision). checkpoint: default beside `out`; a killed run resumes from it exactly. until:
    stop after so many of the steps and resume later with the same call. pool: folder for the decoded crops, default
    FACEKIT_HOME/pools.
    Raises ValueError for an unknown name, FileNotFoundError for data that is not there.
    """
    if backbone != "fsma":
        raise ValueError(f"backbone={backbone!r}: this version pre-trains 'fsma'")
    if preset not in RECIPES:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, RECIPES))}")
    target = Path(out)
    if target.suffix != ".safetensors":
        raise ValueError(f"out={str(out)!r}: expected a file name that ends in .safetensors")
    recipe = dataclasses.replace(RECIPES[preset], **recipe_overrides)
    size = PRESETS[preset]
    total = steps if steps is not None else recipe.steps
    listed = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    faces = open_pool(listed, size.input_size, pool or cache_folder() / "pools", progress is True)
    log.info("%d faces: %s", len(faces), faces.sources)
    program = Pretraining(faces, size, recipe, total, pick_device(device), seed)
    file = Path(checkpoint) if checkpoint is not None else target.with_suffix(".checkpoint.pt")
    losses = train(
        program, min(total, until or total), checkpoint=file, progress=progress, name=f"pretraining {backbone}"
    )
    state = {k: v.detach().cpu().contiguous() for k, v in program.net.state_dict().items()}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    about = {
        "backbone": backbone,
        "preset": preset,
        "steps": str(total),
        "seed": str(seed),
        "faces": json.dumps(faces.sources),
    }
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(save(halves, about))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return losses


def open_pool(
    sources: Sequence[str | os.PathLike[str]], input_size: int, folder: str | os.PathLike[str], progress: bool
) -> FacePool:
    """Crops of the named sources (see `pretrain`), decoded once into one memory-mapped file under `folder`."""
    readers: dict[str, Iterable[Face]] = {}
    for source in [os.fspath(s) for s in sources]:
        if source == "celebahq128":
            readers[source] = celebahq128()
        elif source.startswith("generated"):
            _, _, count = source.partition(":")
            if not count.isdigit() or int(count) == 0:
                raise ValueError(f"{source!r}: expected generated:COUNT, e.g. generated:5000")
            readers[source] = generated(int(count), input_size)
        else:
            path = Path(source)
            if not path.is_dir():
                raise FileNotFoundError(f"{source!r}: no such folder; expected one, 'celebahq128' or 'generated:COUNT'")
            stamp = f"{path.resolve()} {len(list(path.iterdir()))} files, {path.stat().st_mtime_ns}"
            readers[stamp] = whole_picture_boxes(iter_pictures(path, on_error="skip"))
    return build_pool(readers, input_size, folder, progress)
