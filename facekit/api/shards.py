"""Shards of images with texts for FaRL's pre-training: the search for faces runs the ready landmark model."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.device import pick_device
from ..data.image_text.face_search import LONGEST, SCORE
from ..data.image_text.named_sources import open_sources
from ..data.image_text.shard_writer import Settings, write_sources
from ..detection.face import Face
from ..model import find_frames, resolve_model
from ..results import Landmarks
from ..training.distributed import launched_processes, local_device


def make_shards(
    sources: Sequence[str],
    out: str | os.PathLike[str],
    *,
    texts: str | os.PathLike[str] | None = None,
    download: bool = False,
    size: int = 256,
    seed: int = 0,
    workers: int = 1,
    progress: bool = True,
    per_shard: int = 1000,
    score: float = SCORE,
    longest: int = LONGEST,
    faceless: bool = False,
    device: str | torch.device | None = None,
) -> dict[str, Any] | None:
    """Write images with texts and faces as tar shards.

    A second call with the same arguments makes only the shards that are missing. Started by torchrun or accelerate, or
    several times by hand, the processes share the shards, also on several machines that see the folder.

    Args:
        sources: Folders of images, folders or files of .tar shards, .parquet or .csv listings, "generated:COUNT",
            "celebahq128", or its first images by "celebahq128:COUNT", or "scenes:COUNT": one to three of CelebA-HQ's
            first 8,000 faces in each image, unaligned.
        out: Folder of the shards.
        texts: A .csv of file name and caption for the one folder of images. None: a .txt file next to each image.
        download: Whether to download the images of a listing that are on the web.
        size: Side of generated faces and scenes, px.
        seed: Seed of the wording of captions, of generated faces and of scenes.
        workers: Number of processes that this call starts.
        progress: Whether the first of several launched processes shows a progress bar.
        per_shard: Number of source images per shard.
        score: Least score of a face, 0 to 1. Images without such a face are left out.
        longest: Most px of an image's longest side. Larger images are resized.
        faceless: Whether images without a face are written, too, as in LAION-RANDOM (FaRL, Table 3). Pre-train on them
            with align=False.
        device: Device that renders generated faces. None is the best one of this machine. Each of several launched
            processes takes a GPU of its own.

    Returns:
        "out", the numbers "pairs", "shards", "without_face", "without_text" and "failed", and "failures": the path of
        the table of failed images, or None. In all launched processes but the first, None.

    Raises:
        ValueError: If a source is of an unknown kind, a setting is out of range, or the folder holds shards that were
            made with other settings.
        FileNotFoundError: If a source does not exist.
        OutputError: If `out` cannot be written.

    Example:
        >>> make_shards(["generated:96"], "shards", size=96)["pairs"]
        96
    """
    settings = Settings(per_shard, score, longest, faceless)
    if workers < 1:
        raise ValueError(f"workers={workers}: expected at least 1; pass 1 or more")
    rank, processes = launched_processes()
    own_device = local_device(device)
    opened = open_sources(sources, texts, download, size, seed, pick_device(own_device))
    finder = functools.partial(find_points, device=own_device if processes > 1 else None)
    return write_sources(opened, out, finder, settings, workers, progress and rank == 0, rank, processes)


def find_points(
    image: NDArray[np.uint8], faces: Sequence[Face], device: str | torch.device | None = None
) -> NDArray[np.float32]:
    """Find the 68 points of faces with the ready landmark model.

    Args:
        image: (H,W,3) uint8 RGB.
        faces: n faces of the image.
        device: Where to run the model. None leaves it where it is.

    Returns:
        (n,68,2) float32 x,y in the image's pixels.
    """
    frames = find_frames(image, "landmarks", faces)
    results = resolve_model("landmarks", device).predict_frames(image, frames)
    points = [result.points for result in results if isinstance(result, Landmarks)]
    return np.array(points, np.float32).reshape(len(results), 68, 2)
