"""Rename the tensors of rosinality's stylegan2-pytorch to NVIDIA's names. Weights are copied without kernel flips."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...core.weight_files.pickles import quoted
from .filters import binomial_filter

_STYLED = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",  # of to_rgb
}


def renamed_generator(named: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename the tensors of a generator.

    Args:
        named: The checkpoint's ``g_ema`` or ``g``.

    Returns:
        Float32 copies by NVIDIA's names and in NVIDIA's shapes. Of the resampling filters, which are all equal, only
        that of b4 is there.

    Raises:
        ValueError: If the port has no such tensor.
    """
    state, kernel = _renamed(named, _generator_name)
    return state | {"synthesis.b4.resample_filter": kernel}


def renamed_discriminator(named: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename the tensors of a discriminator.

    Args:
        named: The checkpoint's ``d``.

    Returns:
        Float32 copies: b{res}.fromrgb, conv0, conv1 and skip, then b4.conv, fc and out, and the resampling filter of
        the first block.

    Raises:
        ValueError: If the port has no such tensor.
    """
    blocks = max((int(found[1]) for name in named if (found := re.match(r"convs\.(\d\d?)\.", str(name)))), default=0)
    parts = {"final_conv": "b4.conv", "convs.0": f"b{4 << blocks}.fromrgb"}
    for k in range(1, blocks + 1):
        block = f"b{8 << blocks - k}"
        parts |= {f"convs.{k}.conv1": f"{block}.conv0", f"convs.{k}.conv2": f"{block}.conv1"}
        parts[f"convs.{k}.skip"] = f"{block}.skip"
    linear = {"final_linear.0": "b4.fc", "final_linear.1": "b4.out"}

    def name_of(name: str) -> str | None:
        stem, _, last = name.rpartition(".")
        # A ConvLayer is a Sequential of an optional blur, a convolution (weight) and an activation (bias). Their
        # indices are 0 and 1, or 1 and 2. The last name is enough to tell them apart.
        part = linear.get(stem) or parts.get(re.sub(r"\.[012]$", "", stem))
        return f"{part}.{last}" if part and last in ("weight", "bias") else None

    state, kernel = _renamed(named, name_of)
    return state | {f"b{4 << blocks}.resample_filter": kernel}


def _renamed(named: Mapping[str, Any], name_of: Callable[[str], str | None]) -> tuple[dict[str, Tensor], Tensor]:
    """Rename tensors by a function of their names. Return them and the resampling filter."""
    state: dict[str, Tensor] = {}
    kernel = binomial_filter()
    for name, tensor in named.items():
        target = name_of(name) if isinstance(name, str) and isinstance(tensor, Tensor) else None
        if target is None and str(name).endswith(".kernel") and isinstance(tensor, Tensor):
            kernel = tensor.to(torch.float32) / tensor.sum()  # The port scales filters of upsampling.
        elif target is None or target in state:
            raise ValueError(
                f"expected the tensors of rosinality's stylegan2-pytorch, each once, got {quoted(name)}; pass one of "
                "its checkpoints"
            )
        else:
            state[target] = _shaped(target.rpartition(".")[2], tensor.to(torch.float32, copy=True)).contiguous()
    return state, kernel


def _shaped(last: str, tensor: Tensor) -> Tensor:
    """Return a tensor in NVIDIA's shape. last: the last part of its name."""
    if last == "bias":
        return tensor.flatten()
    if last == "noise_strength" and tensor.numel() == 1:
        return tensor.reshape(())
    # The port has an axis of length 1 for the batch, and another for the only channel of the noise.
    if last == "noise_const":
        return tensor.squeeze(0).squeeze(0)
    return tensor.squeeze(0) if last == "const" or tensor.ndim == 5 else tensor


def _generator_name(name: str) -> str | None:
    """Return NVIDIA's name of a tensor of the port's generator. None if there is no such tensor."""
    if found := re.fullmatch(r"style\.([1-9]\d?)\.(weight|bias)", name):  # style.0 has no weights.
        return f"mapping.fc{int(found[1]) - 1}.{found[2]}"
    if name == "input.input":
        return "synthesis.b4.const"
    if found := re.fullmatch(r"noises\.noise_(\d\d?)", name):
        return f"synthesis.{_convolution(int(found[1]) - 1)}.noise_const"
    found = re.fullmatch(r"(conv1|to_rgb1|convs\.\d\d?|to_rgbs\.\d\d?)\.(.+)", name)
    if found is None or found[2] not in _STYLED:
        return None
    part, _, index = found[1].partition(".")
    if part.startswith("conv"):
        layer = _convolution(int(index) if index else -1)
    else:
        layer = f"b{8 << int(index) if index else 4}.torgb"
    return f"synthesis.{layer}.{_STYLED[found[2]]}"


def _convolution(index: int) -> str:
    """Return NVIDIA's name of a convolution. The first (-1) is alone in its block; all other blocks have two."""
    return f"b{8 << index // 2}.conv{index % 2}" if index >= 0 else "b4.conv1"
