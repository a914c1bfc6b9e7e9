"""StyleGAN2 weights as others publish them, in one naming: NVIDIA's stylegan2-ada-pytorch's.

Three files are read, none of which is ever executed: NVIDIA's .pkl (see unpickling.py), the .pt of rosinality's PyTorch
port (see port.py), and our .safetensors.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ...core.atomic_file import whole_file
from ...core.json_text import parse_json
from ...core.weight_files import check_weights, read_contents, read_weights
from ...core.weight_files.kinds import is_safetensors, other_kind
from ...core.weight_files.pickles import Object, quoted
from ...core.weight_files.torch_files import LEGACY_START
from .filters import binomial_filter
from .generator_pickle import REMEDY, arguments, read_pickle, tensors
from .pytorch_port import renamed_discriminator, renamed_generator

_DISCRIMINATOR = "discriminator."  # before its names in our .safetensors
ENCODER = "encoder."  # and before those of an encoder that learned beside the generator
_OPTIONAL = ("mapping.w_avg", ".noise_const", ".resample_filter")  # files may lack these
_EXPECTED = "NVIDIA's .pkl, the PyTorch port's .pt or our .safetensors"


@dataclass(frozen=True)
class KnownFile:
    """A published file. No author published a checksum with it; `seen` says where its sha256 comes from."""

    name: str
    url: str
    licence: str
    about: str
    seen: str


KNOWN_CHECKSUMS: dict[str, KnownFile] = {
    "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c": KnownFile(
        "ffhq.pkl",
        "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/ffhq.pkl",
        "NVIDIA Source Code License for StyleGAN2 with ADA: research and evaluation only",
        "StyleGAN2 at 1024 px on FFHQ, 381624121 bytes",
        "independent uploads of it to Hugging Face (DragGan/DragGan-Models, edemana/my-stylegan-model)",
    ),
}


@dataclass(frozen=True, eq=False)
class Released:
    """A StyleGAN2 generator read from a file.

    state: float32 tensors on the CPU by NVIDIA's names (`mapping.fc0.weight`, `synthesis.b4.conv1.weight`, ...), each
    with memory of its own. It lacks `mapping.w_avg` where not `w_avg_known`, and `noise_const` where not `noise_known`:
    some files of the port do not hold them, and truncation needs the former.
    resolution: pixels a side. mapping_layers: fully connected ones. channel_base, channel_max: a block of `res` pixels
    has min(channel_base // res, channel_max) channels, None for a generator that follows no such rule.
    channels: of each block by its pixels a side.
    discriminator: the same for the discriminator (`b64.conv0.weight`, ...), None where the file holds none.
    init_kwargs: what NVIDIA's constructor was called with (mapping_kwargs and synthesis_kwargs have what shapes do not
    tell, such as conv_clamp), empty for the port's files, which do not say.
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
    """The moving-average generator of a file, by its content: NVIDIA's .pkl, the port's .pt, or our .safetensors.

    Raises ValueError that says what came, what was expected and what to do.
    """
    source = Path(path)
    other = other_kind(source)
    # A damaged or hand-written .pkl may look like text.
    if other is not None and (source.suffix not in (".pkl", ".pickle") or "that begins with" not in other[0]):
        raise ValueError(f"{path}: {other[0]} came, expected {_EXPECTED}; {other[1]}")
    with source.open("rb") as file:
        head = file.read(32)
    if is_safetensors(head, source.stat().st_size):
        return _read_safetensors(source)
    if head.startswith((b"PK", LEGACY_START)):
        return read_port(source)
    return read_nvidia(source)


def read_nvidia(path: str | os.PathLike[str], which: str = "G_ema") -> Released:
    """A generator of a stylegan2-ada-pytorch .pkl: "G_ema", the moving average, or "G".

    Raises ValueError for a file that is damaged, wants to run code, holds no such generator or a conditional one.
    """
    if which not in ("G_ema", "G"):
        raise ValueError(f"which={which!r}: pass 'G_ema' or 'G'")
    held = read_pickle(path)
    if not isinstance(held, dict) or not isinstance(held.get(which), Object):
        raise ValueError(
            f"{path}: {_held(held)} came, expected a dict with a network {which!r} as stylegan2-ada-pytorch writes: "
            "pass a network-snapshot .pkl of its training"
        )
    record, other = held[which], held.get("D")
    try:
        called = arguments(record)
        discriminator = tensors(other) if isinstance(other, Object) else None
        state = tensors(record)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return _released(path, state, discriminator, called)


def read_port(path: str | os.PathLike[str], which: str = "g_ema") -> Released:
    """A generator of the PyTorch port's {g_ema, latent_avg[, g, d]}: "g_ema" or "g". Weights are copied as they are,
    without kernel flips; NVIDIA's resampling filters are the port's kernels, normalised.

    Raises ValueError for a file that holds no such generator.
    """
    held = read_contents(path, "the PyTorch port's .pt")
    if not isinstance(held, dict) or not isinstance(held.get(which), dict):
        raise ValueError(
            f"{path}: {_held(held)} came, expected {which!r} (and latent_avg) as the StyleGAN2 port writes: pass a "
            "checkpoint of rosinality's stylegan2-pytorch"
        )
    average, other = held.get("latent_avg"), held.get("d")
    try:
        state = renamed_generator(held[which])
        discriminator = renamed_discriminator(other) if isinstance(other, dict) else None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(average, Tensor):
        state["mapping.w_avg"] = average.to(torch.float32, copy=True).flatten()
    return _released(path, state, discriminator, {})


def write_released(released: Released, path: str | os.PathLike[str]) -> None:
    """One .safetensors, which read_released reads again. Atomic."""
    named = dict(released.state)
    named |= {_DISCRIMINATOR + name: tensor for name, tensor in (released.discriminator or {}).items()}
    with whole_file(path) as temporary:
        # Channels may be last in memory, which these files do not keep.
        packed = {name: tensor.contiguous() for name, tensor in named.items()}
        save_file(packed, temporary, metadata={"init_kwargs": json.dumps(released.init_kwargs)})


def check_known(path: str | os.PathLike[str]) -> KnownFile | None:
    """The published file whose sha256 this one has, None where it has no known one. NVIDIA publishes no checksums:
    the table holds what independent copies agree on."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return KNOWN_CHECKSUMS.get(digest.hexdigest())


def _read_safetensors(path: Path) -> Released:
    file = read_weights(path, _EXPECTED)
    called = parse_json(file.about.get("init_kwargs", "{}"), f"{path}, init_kwargs")
    other = {k.removeprefix(_DISCRIMINATOR): v for k, v in file.tensors.items() if k.startswith(_DISCRIMINATOR)}
    own = {k: v for k, v in file.tensors.items() if not k.startswith((_DISCRIMINATOR, ENCODER))}
    return _released(path, own, other or None, called if isinstance(called, dict) else {})


def _held(held: Any) -> str:
    if not isinstance(held, dict):
        return f"{quoted(type(held).__name__)} instead of a dict"
    return f"a file of {', '.join(quoted(key) for key in list(held)[:8]) or 'nothing'}"


def _released(
    path: str | os.PathLike[str],
    state: dict[str, Tensor],
    discriminator: dict[str, Tensor] | None,
    called: dict[str, Any],
) -> Released:
    """A generator's tensors, checked against the shapes that it must have by its own sizes."""
    check_weights(path, state)
    if called.get("c_dim") or any(name.startswith("mapping.embed.") for name in state):
        raise ValueError(
            f"{path}: a conditional generator (c_dim {called.get('c_dim', '> 0')}) came, expected one without labels: "
            "conditional models are not supported, pass one trained with c_dim 0"
        )
    if any(re.match(r"synthesis\.(input\.|L\d+_)", name) for name in state):
        raise ValueError(f"{path}: a StyleGAN3 generator came, expected a StyleGAN2 one: pass ffhq.pkl or its like")
    found = [re.fullmatch(r"synthesis\.b(\d{1,5})\.conv1\.weight", name) for name in state]
    resolution = max((int(match[1]) for match in found if match), default=0)
    layers = next(i for i in range(len(state) + 1) if f"mapping.fc{i}.weight" not in state)
    if resolution < 4 or resolution & (resolution - 1) or not layers:
        raise ValueError(
            f"{path}: tensors {_some(state)} came, expected a StyleGAN2 generator's (mapping.fc0.weight, "
            "synthesis.b4.conv1.weight, ...): StyleGAN1 and others cannot be used"
        )
    shapes, filters = _layout(state, resolution, layers)
    missing = [name for name in shapes if name not in state and not name.endswith(_OPTIONAL)]
    strange = [name for name in state if name not in shapes and name not in filters]
    if missing or strange:
        raise ValueError(
            f"{path}: a generator came that lacks {_some(missing)} and has {_some(strange)} beyond, expected NVIDIA's "
            "with architecture='skip' and noise: pass one of those"
        )
    if wrong := [name for name, shape in shapes.items() if name in state and tuple(state[name].shape) != shape]:
        came, expected = tuple(state[wrong[0]].shape), shapes[wrong[0]]
        raise ValueError(f"{path}: {wrong[0]} of shape {came} came, expected {expected}: {REMEDY}")
    if discriminator is not None and f"b{resolution}.fromrgb.weight" not in discriminator:
        raise ValueError(
            f"{path}: a discriminator of {_some(discriminator)} came beside a generator of {resolution} px, expected "
            f"one with b{resolution}.fromrgb.weight: {REMEDY}"
        )
    channels = {4 << i: shapes[f"synthesis.b{4 << i}.conv1.weight"][0] for i in range(resolution.bit_length() - 2)}
    base, most = _rule(channels, called.get("synthesis_kwargs"))
    _fill(state, filters)
    if discriminator is not None:
        layers_of_it = {name.removesuffix(".weight") for name, tensor in discriminator.items() if tensor.ndim == 4}
        filtered = sorted(layers_of_it | {f"b{side}" for side in channels if side > 4})
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
    """The shape of everything in a generator of these sizes, and the names of its resampling filters."""

    def size(name: str, axis: int) -> int:
        return state[name].shape[axis] if name in state and state[name].ndim > axis else 0

    widths = [size("mapping.fc0.weight", 1), *(size(f"mapping.fc{i}.weight", 0) for i in range(layers))]
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (widths[-1],)}
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
    """All resampling filters are one constant, which a file may hold once or not at all."""
    kernel = next((state[name] for name in filters if name in state), binomial_filter())
    state.update({name: kernel.clone() for name in filters if name not in state})


def _rule(channels: Mapping[int, int], said: Any) -> tuple[int | None, int | None]:
    """channel_base and channel_max: what the file says where it is so, else the smallest that make these channels."""
    most = max(channels.values())
    reduced = [side * n for side, n in channels.items() if n < most]
    candidates = [(max(reduced, default=most * max(channels)), most)]
    if isinstance(said, dict):  # NVIDIA's defaults where it does not say
        candidates.insert(0, (said.get("channel_base", 32768), said.get("channel_max", 512)))
    for base, most in candidates:
        if (
            isinstance(base, int)
            and isinstance(most, int)
            and all(min(base // side, most) == n for side, n in channels.items())
        ):
            return base, most
    return None, None


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - 3} more" if len(listed) > 3 else ""
    return (", ".join(quoted(name) for name in listed[:3]) or "nothing") + more
