"""Read published StyleGAN2 weights by the names of NVIDIA's stylegan2-ada-pytorch.

Three kinds of files are read as data, nothing in them is executed: NVIDIA's .pkl (`generator_pickle`), the .pt of
rosinality's PyTorch port (`pytorch_port`), and our .safetensors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.json_text import parse_json
from ...core.weight_files import check_weights, read_contents, read_weights
from ...core.weight_files.kinds import is_safetensors, other_kind
from ...core.weight_files.pickles import Object, quoted
from ...core.weight_files.torch_files import LEGACY_START
from .filters import binomial_filter
from .generator_pickle import REMEDY, arguments, read_pickle, tensors
from .pytorch_port import renamed_discriminator, renamed_generator

# Prefixes in our .safetensors: of the discriminator, and of an encoder that was trained with the generator.
_DISCRIMINATOR = "discriminator."
ENCODER = "encoder."
# Prefix of the distribution that samples are drawn from, in our .safetensors.
DISTRIBUTION = "distribution."
# Endings of names that files may lack.
_OPTIONAL = ("mapping.w_avg", ".noise_const", ".resample_filter")
_EXPECTED = "NVIDIA's .pkl, the PyTorch port's .pt or our .safetensors"


@dataclass(frozen=True, eq=False)
class Released:
    """A StyleGAN2 generator that was read from a file.

    Attributes:
        state: Float32 tensors on the CPU by NVIDIA's names (``mapping.fc0.weight``, ``synthesis.b4.conv1.weight``,
            ...). They share no memory. Some files of the port lack ``mapping.w_avg``, which truncation needs, and
            ``noise_const``.
        resolution: Side of the images, px.
        z_dim: Length of the input codes z.
        w_dim: Length of the style codes w.
        mapping_layers: Number of layers of the mapping network.
        img_channels: Channels of the images.
        channels: Channels of each block by its side, px.
        channel_base: A block of side s has ``min(channel_base // s, channel_max)`` channels. None if there is no such
            rule.
        channel_max: Largest number of channels, or None.
        w_avg_known: Whether the file has ``mapping.w_avg``.
        noise_known: Whether the file has every ``noise_const``.
        discriminator: Tensors of the discriminator (``b64.conv0.weight``, ...), or None.
        c_dim: Length of the class labels. It is 0: other generators are refused.
        init_kwargs: Arguments of NVIDIA's constructor. mapping_kwargs and synthesis_kwargs have settings that are not
            visible in shapes, such as conv_clamp. Empty for files of the port.
    """

    state: dict[str, Tensor]
    resolution: int
    z_dim: int
    w_dim: int
    mapping_layers: int
    img_channels: int
    channels: dict[int, int]
    channel_base: int | None
    channel_max: int | None
    w_avg_known: bool
    noise_known: bool
    discriminator: dict[str, Tensor] | None = None
    c_dim: int = 0
    init_kwargs: dict[str, Any] = field(default_factory=dict)


def read_released(path: str | os.PathLike[str]) -> Released:
    """Read the generator of a file, the one with moving averages of the weights.

    Args:
        path: NVIDIA's .pkl, the port's .pt, or our .safetensors. The kind is found by the content.

    Returns:
        The tensors and sizes of the generator.

    Raises:
        ValueError: If the file has no such generator, or a conditional one, or is damaged.
    """
    source = Path(path)
    other = other_kind(source)
    # A damaged or hand-written .pkl can look like text.
    if other is not None and (source.suffix not in (".pkl", ".pickle") or "that begins with" not in other[0]):
        raise ValueError(f"{path}: expected {_EXPECTED}, got {other[0]}; {other[1]}")
    with source.open("rb") as file:
        head = file.read(32)
    if is_safetensors(head, source.stat().st_size):
        return _read_safetensors(source)
    if head.startswith((b"PK", LEGACY_START)):
        return read_port(source)
    return read_nvidia(source)


def read_nvidia(path: str | os.PathLike[str]) -> Released:
    """Read the generator "G_ema" of a .pkl of stylegan2-ada-pytorch.

    Args:
        path: The file.

    Returns:
        The tensors and sizes of the generator.

    Raises:
        ValueError: If the file is damaged, tries to run code, or has no such generator, or a conditional one.
    """
    contents = read_pickle(path)
    if not isinstance(contents, dict) or not isinstance(contents.get("G_ema"), Object):
        raise ValueError(
            f"{path}: expected a dict with a network 'G_ema' as stylegan2-ada-pytorch writes, got "
            f"{_summary(contents)}; pass a network-snapshot .pkl of its training"
        )
    record, other = contents["G_ema"], contents.get("D")
    try:
        called = arguments(record)
        discriminator = tensors(other) if isinstance(other, Object) else None
        state = tensors(record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return _released(path, state, discriminator, called)


def read_port(path: str | os.PathLike[str]) -> Released:
    """Read the generator "g_ema" of a checkpoint of the PyTorch port: {g_ema, latent_avg[, g, d]}.

    Weights are copied without kernel flips. NVIDIA's resampling filters are the port's kernels, normalised.

    Args:
        path: The file.

    Returns:
        The tensors and sizes of the generator.

    Raises:
        ValueError: If the file has no such generator.
    """
    contents = read_contents(path, "the PyTorch port's .pt")
    if not isinstance(contents, dict) or not isinstance(contents.get("g_ema"), dict):
        raise ValueError(
            f"{path}: expected a dict with 'g_ema' (and latent_avg) as the StyleGAN2 port writes, got "
            f"{_summary(contents)}; pass a checkpoint of rosinality's stylegan2-pytorch"
        )
    average, other = contents.get("latent_avg"), contents.get("d")
    try:
        state = renamed_generator(contents["g_ema"])
        discriminator = renamed_discriminator(other) if isinstance(other, dict) else None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(average, Tensor):
        state["mapping.w_avg"] = average.to(torch.float32, copy=True).flatten()
    return _released(path, state, discriminator, {})


def _read_safetensors(path: Path) -> Released:
    """Read the generator of our .safetensors."""
    file = read_weights(path, _EXPECTED)
    called = parse_json(file.about.get("init_kwargs", "{}"), f"{path}, init_kwargs")
    other = {k.removeprefix(_DISCRIMINATOR): v for k, v in file.tensors.items() if k.startswith(_DISCRIMINATOR)}
    own = {k: v for k, v in file.tensors.items() if not k.startswith((_DISCRIMINATOR, ENCODER))}
    return _released(path, own, other or None, called if isinstance(called, dict) else {})


def _summary(contents: Any) -> str:
    """Summarise the contents of a file for a message."""
    if not isinstance(contents, dict):
        return f"{quoted(type(contents).__name__)} instead of a dict"
    return f"a file of {', '.join(quoted(key) for key in list(contents)[:8]) or 'nothing'}"


def _released(
    path: str | os.PathLike[str],
    state: dict[str, Tensor],
    discriminator: dict[str, Tensor] | None,
    called: dict[str, Any],
) -> Released:
    """Check the tensors of a generator against the shapes that follow from its sizes.

    Args:
        path: Name of the file in messages.
        state: Tensors of the generator by name.
        discriminator: Tensors of its discriminator, or None.
        called: Arguments of NVIDIA's constructor.

    Returns:
        The generator, with the resampling filters that the file lacks.

    Raises:
        ValueError: If the tensors are not those of an unconditional StyleGAN2.
    """
    check_weights(path, state)
    if called.get("c_dim") or any(name.startswith("mapping.embed.") for name in state):
        raise ValueError(
            f"{path}: expected a generator without class labels, got a conditional one (c_dim "
            f"{called.get('c_dim', '> 0')}); pass one that was trained with c_dim 0"
        )
    if any(re.match(r"synthesis\.(input\.|L\d+_)", name) for name in state):
        raise ValueError(f"{path}: expected a StyleGAN2 generator, got StyleGAN3; pass a file such as ffhq.pkl")
    found = [re.fullmatch(r"synthesis\.b(\d{1,5})\.conv1\.weight", name) for name in state]
    resolution = max((int(match[1]) for match in found if match), default=0)
    layers = next(i for i in range(len(state) + 1) if f"mapping.fc{i}.weight" not in state)
    if resolution < 4 or resolution & (resolution - 1) or not layers:
        raise ValueError(
            f"{path}: expected the tensors of a StyleGAN2 generator (mapping.fc0.weight, synthesis.b4.conv1.weight, "
            f"...), got {_some(state)}; pass such a file, StyleGAN1 cannot be used"
        )
    shapes, filters = _layout(state, resolution, layers)
    missing = [name for name in shapes if name not in state and not name.endswith(_OPTIONAL)]
    strange = [name for name in state if name not in shapes and name not in filters]
    if missing or strange:
        raise ValueError(
            f"{path}: expected NVIDIA's generator with architecture='skip' and noise, got one that lacks "
            f"{_some(missing)} and also has {_some(strange)}; pass another file"
        )
    if wrong := [name for name, shape in shapes.items() if name in state and tuple(state[name].shape) != shape]:
        got, expected = tuple(state[wrong[0]].shape), shapes[wrong[0]]
        raise ValueError(f"{path}: {wrong[0]}: expected shape {expected}, got {got}; {REMEDY}")
    if discriminator is not None and f"b{resolution}.fromrgb.weight" not in discriminator:
        raise ValueError(
            f"{path}: expected a discriminator with b{resolution}.fromrgb.weight, because the generator makes "
            f"{resolution} px, got one of {_some(discriminator)}; {REMEDY}"
        )
    channels = {4 << i: shapes[f"synthesis.b{4 << i}.conv1.weight"][0] for i in range(resolution.bit_length() - 2)}
    base, most = _rule(channels, called.get("synthesis_kwargs"))
    _fill(state, filters)
    if discriminator is not None:
        convolutions = {name.removesuffix(".weight") for name, tensor in discriminator.items() if tensor.ndim == 4}
        filtered = sorted(convolutions | {f"b{side}" for side in channels if side > 4})
        _fill(discriminator, [f"{part}.resample_filter" for part in filtered])
    return Released(
        state=state,
        resolution=resolution,
        z_dim=shapes["mapping.fc0.weight"][1],
        w_dim=shapes["mapping.w_avg"][0],
        mapping_layers=layers,
        img_channels=shapes["synthesis.b4.torgb.weight"][0],
        channels=channels,
        channel_base=base,
        channel_max=most,
        w_avg_known="mapping.w_avg" in state,
        noise_known=all(name in state for name in shapes if name.endswith(".noise_const")),
        discriminator=discriminator,
        init_kwargs=called,
    )


def _layout(
    state: Mapping[str, Tensor], resolution: int, layers: int
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """Return the shape of each tensor of a generator of these sizes, and the names of its resampling filters."""

    def size(name: str, axis: int) -> int:
        return state[name].shape[axis] if name in state and state[name].ndim > axis else 0

    widths = [size("mapping.fc0.weight", 1), *(size(f"mapping.fc{i}.weight", 0) for i in range(layers))]
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (widths[-1],)}
    if any(name.startswith(DISTRIBUTION) for name in state):
        codes = (2 * (resolution.bit_length() - 2), widths[-1])
        shapes |= {f"{DISTRIBUTION}mean": codes, f"{DISTRIBUTION}basis": (widths[0], *codes)}
    for i, (before, now) in enumerate(pairwise(widths)):
        shapes |= {f"mapping.fc{i}.weight": (now, before), f"mapping.fc{i}.bias": (now,)}
    filters: list[str] = []
    before = now = size("synthesis.b4.conv1.weight", 0)
    shapes["synthesis.b4.const"] = (now, 4, 4)
    for side in (4 << i for i in range(resolution.bit_length() - 2)):
        block = f"synthesis.b{side}"
        before, now = now, size(f"{block}.conv1.weight", 0)
        parts = {"conv0": (before, now, 3), "conv1": (now, now, 3), "torgb": (now, size(f"{block}.torgb.weight", 0), 1)}
        if side == 4:
            del parts["conv0"]
        filters.append(f"{block}.resample_filter")
        for part, (a, b, k) in parts.items():
            name = f"{block}.{part}"
            shapes |= {f"{name}.weight": (b, a, k, k), f"{name}.bias": (b,)}
            shapes |= {f"{name}.affine.weight": (a, widths[-1]), f"{name}.affine.bias": (a,)}
            if part != "torgb":
                shapes |= {f"{name}.noise_strength": (), f"{name}.noise_const": (side, side)}
                filters.append(f"{name}.resample_filter")
    return shapes, tuple(filters)


def _fill(state: dict[str, Tensor], filters: Sequence[str]) -> None:
    """Add the resampling filters that a file lacks. All are equal; a file may hold only one, or none."""
    kernel = next((state[name] for name in filters if name in state), binomial_filter())
    state.update({name: kernel.clone() for name in filters if name not in state})


def _rule(channels: Mapping[int, int], noted: Any) -> tuple[int | None, int | None]:
    """Find channel_base and channel_max.

    Args:
        channels: Channels of each block by its side.
        noted: NVIDIA's synthesis_kwargs, if the file has them.

    Returns:
        The noted values if they fit the channels, else the smallest that do. None, None: there is no such rule.
    """
    most = max(channels.values())
    reduced = [side * n for side, n in channels.items() if n < most]
    candidates = [(max(reduced, default=most * max(channels)), most)]
    if isinstance(noted, dict):
        # 32768 and 512 are NVIDIA's defaults.
        candidates.insert(0, (noted.get("channel_base", 32768), noted.get("channel_max", 512)))
    for base, most in candidates:
        if (
            isinstance(base, int)
            and isinstance(most, int)
            and all(min(base // side, most) == n for side, n in channels.items())
        ):
            return base, most
    return None, None


def _some(names: Iterable[str]) -> str:
    """List the first three names for a message."""
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return (", ".join(quoted(name) for name in listed[:3]) or "nothing") + more
