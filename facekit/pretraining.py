"""Pre-training of backbones on unlabelled faces: `facekit.pretrain(...)` and `facekit pretrain ...`.

In one process or, started by torchrun or accelerate launch, in several (see `facekit.processes`).
"""

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
from .atomic import whole_file
from .backbones import fsma
from .backbones.fsma.autoencoder import PRESETS
from .backbones.fsma.growing import PICTURES, grow
from .backbones.fsma.pretraining import Pretraining, plain_views
from .data.pool import Face, FacePool, build_pool, whole_picture_boxes
from .data.readers import celebahq128, generated
from .images import iter_pictures
from .processes import join, local_device
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
    save_every: float = 120.0,
    weights: str | os.PathLike[str] | None = None,
    pool: str | os.PathLike[str] | None = None,
    device: str | torch.device | None = None,
    seed: int = 0,
    progress: Progress = True,
    **recipe_overrides: Any,
) -> dict[str, float]:
    """Train a backbone on unlabelled faces and write its weights; returns the last losses.

    backbone: "fsma". images: one or more of: a folder of face crops, "celebahq128" (tar shards under FACEKIT_DATA),
    "generated:COUNT". preset: "mini" (half width, 128 px), "128" or "256" (the paper's sizes and schedule). out: a
    .safetensors file (half precision). checkpoint: default beside `out`, written every `save_every` seconds; a killed
    run resumes from it exactly. until: stop after so many of the steps and resume later with the same call.
    weights: None (from noise), or an auto-encoder to go on from: "embedded", a .safetensors, a 3FabRec snapshot. Its
    width is taken over; one of 128 px grows into preset "256", as the paper's does. pool: folder for the decoded crops,
    default FACEKIT_HOME/pools.
    Several processes share each batch, `batch_size` is that of all together; device: None or "cuda" gives each process
    a device of its own. Checkpoint, `out` and pool must be on a disk that all see; the first process writes them.
    Raises ValueError for an unknown name, for weights that do not grow into the preset and for a batch that does not
    divide by the processes; FileNotFoundError for data that is not there.
    """
    if backbone != "fsma":
        raise ValueError(f"backbone={backbone!r}: this version pre-trains 'fsma'")
    if preset not in RECIPES:
        raise ValueError(f"preset={preset!r}: expected one of {', '.join(map(repr, RECIPES))}")
    target = Path(out)
    if target.suffix != ".safetensors":
        raise ValueError(f"out={str(out)!r}: expected a file name that ends in .safetensors")
    recipe = dataclasses.replace(RECIPES[preset], **recipe_overrides)
    size, known = PRESETS[preset], None
    if weights is not None:
        known = fsma.load(weights)
        size = dataclasses.replace(size, width=known.size.width, z_dim=known.size.z_dim)
        if known.size.input_size > size.input_size:
            raise ValueError(f"weights of {known.size.input_size} px do not shrink: pass preset='256'")
    total = steps if steps is not None else recipe.steps
    listed = [images] if isinstance(images, (str, os.PathLike)) else list(images)
    chosen = pick_device(local_device(device))
    with join(chosen) as processes:
        processes.part(recipe.batch_size)
        with processes.first_before_others():
            folder = pool or cache_folder() / "pools"
            faces = open_pool(listed, size.input_size, folder, progress is True and processes.first)
        log.info("%d faces: %s", len(faces), faces.sources)
        if known is not None and known.size != size:
            known = grow(known, size, plain_views(faces, PICTURES, size.input_size))
        program = Pretraining(faces, size, recipe, total, chosen, seed, known, processes)
        if weights is not None:
            program.critic.load_state_dict(fsma.critic(weights, seed)[1].state_dict())
        losses = train(
            program,
            min(total, until or total),
            checkpoint=Path(checkpoint) if checkpoint is not None else target.with_suffix(".checkpoint.pt"),
            save_every=save_every,
            progress=progress,
            name=f"pretraining {backbone}",
            processes=processes,
        )
        about = {
            "backbone": backbone,
            "preset": preset,
            "steps": str(total),
            "seed": str(seed),
            "faces": json.dumps(faces.sources),
        }
        if weights is not None:
            about["started_from"] = Path(weights).name
        with processes.first_before_others():
            if processes.first:
                _write(program, target, about)
    return losses


def _write(program: Pretraining, target: Path, about: dict[str, str]) -> None:
    # 3FabRec's names: Q and P of the auto-encoder, D of the discriminator, with which adversarial tasks go on.
    state = {**program.net.state_dict(), **{f"D.{k}": v for k, v in program.critic.state_dict().items()}}
    state = {k: v.detach().cpu().contiguous() for k, v in state.items()}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    with whole_file(target) as temporary:
        temporary.write_bytes(save(halves, about))


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
