"""FSMA: few-shot model adaptation of a frozen adversarial auto-encoder (arXiv 2104.09457)."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from ...core.global_state import seeded_random
from ...core.weight_files import check_names, read_weights
from ...tasks import Task
from ...zoo.embedded import embedded_file
from .autoencoder import PRESETS, AutoEncoder, AutoEncoderSize, Centred, ImageDiscriminator
from .config import FSMAAdaptation
from .config import adaptation as named_recipe
from .network import FSMANetwork, check_skip

__all__ = [
    "TASKS", "build", "discriminator", "embedded_state", "from_dict", "frozen_keys", "load", "named_recipe", "to_dict"
]  # fmt: skip

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal")


def load(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> AutoEncoder:
    """An FSMA auto-encoder in eval mode.

    weights: "auto" or "embedded" (the half-width 128 px model in this package), "none" (random, half width), or a file:
    our .safetensors, or a 3FabRec snapshot (`saae.mdl`). Nobody published FSMA's own weights, so "official" raises
    ValueError.
    """
    if weights == "official":
        raise ValueError("FSMA's authors published no weights: use weights='embedded' or a 3FabRec snapshot file")
    if weights == "none":
        with seeded_random(seed):
            return AutoEncoder(PRESETS["mini"]).eval()
    held = _read(weights)
    state = {k: v for k, v in held.items() if k.startswith(("Q.", "P."))} or held
    code = state.get("Q.fc.weight")
    z_dim, features = code.shape if code is not None and code.ndim == 2 else (99, 512)
    size = AutoEncoderSize(256 if "Q.layer0.0.conv1.weight" in state else 128, max(1, features // 8), z_dim)
    with torch.device("meta"):
        expected = AutoEncoder(size).state_dict()
    check_names(weights, state, expected, f"fsma's auto-encoder of {size.input_size} px")
    net = AutoEncoder(size)
    net.load_state_dict(state)
    return net.eval()


def discriminator(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> nn.Sequential:
    """The first stage's image discriminator, from images (N,3,S,S) in [0, 1] to logits (N,); with weights="none", or
    where the file holds none (`D.` keys), it is new."""
    with seeded_random(seed):
        net = ImageDiscriminator()
    state = {} if weights == "none" else _read(weights)
    state = {k.removeprefix("D."): v for k, v in state.items() if k.startswith("D.")}
    if state:
        check_names(weights, state, net.state_dict(), "fsma's image discriminator")
        net.load_state_dict(state)
    return nn.Sequential(Centred(), net)


def _read(weights: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return a file's tensors by 3FabRec's names."""
    path = embedded_file("fsma") if weights in ("auto", "embedded") else weights
    expected = "3FabRec's auto-encoder (.safetensors, or a snapshot saae.mdl)"
    return read_weights(path, expected, "pass 'auto', 'embedded' or 'none'", ["Q.fc.weight", "Q.conv1.weight"]).tensors


def build(weights: str | os.PathLike[str], seed: int, task: Task, recipe: FSMAAdaptation) -> FSMANetwork:
    """The network that adaptation trains, on the auto-encoder that `load` gives: `recipe.skip` or all skip layers; with
    `recipe.baseline` nothing of it is frozen and the auto-encoder's weights are random."""
    skip = check_skip(recipe.skip, task.stride) if recipe.skip is not None else "1111" + "1" * (task.stride == 1)
    frozen = recipe.baseline is None
    with seeded_random(seed):
        autoencoder = load(weights, seed)
        if recipe.baseline:
            autoencoder = AutoEncoder(autoencoder.size)
        return FSMANetwork(autoencoder, task.channels, task.stride, skip, recipe.instance_norm, task.paints, frozen)


def to_dict(network: FSMANetwork) -> dict[str, Any]:
    """The plain data that `from_dict` builds the same network from (weights apart)."""
    s = network.autoencoder.size
    return {
        "input_size": s.input_size, "width": s.width, "z_dim": s.z_dim, "channels": network.channels,
        "stride": network.stride, "skip": network.skip_code, "instance_norm": network.instance_norm,
        "paints": network.paints, "frozen": network.frozen,
    }  # fmt: skip


def from_dict(settings: dict[str, Any]) -> FSMANetwork:
    """Undo `to_dict`; the weights are random."""
    size = AutoEncoderSize(settings["input_size"], settings["width"], settings["z_dim"])
    keys = ("channels", "stride", "skip", "instance_norm", "paints", "frozen")
    return FSMANetwork(AutoEncoder(size), **{k: settings[k] for k in keys if k in settings})


def frozen_keys(network: FSMANetwork) -> set[str]:
    """Names in the state dict that come from the backbone's own weights."""
    return {k for k in network.state_dict() if k.startswith("autoencoder.")} if network.frozen else set()


def embedded_state() -> dict[str, Tensor]:
    """What `frozen_keys` names, of a network on the embedded weights."""
    return {f"autoencoder.{k}": v for k, v in load("embedded").state_dict().items()}
