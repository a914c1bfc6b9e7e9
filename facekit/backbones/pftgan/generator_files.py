"""Load generators and inversion encoders from files, and pair those that fit each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.array_digest import tensor_digest
from ...core.global_state import preserved_random_state, seeded_random
from ...core.json_text import parse_json
from ...core.weight_files import WeightFile, check_names, read_weights
from ..base import WeightFiles
from .encoder_files import load_encoder
from .inversion_encoder import InversionEncoder, InversionSize, ReferenceEncoder
from .released_generators import DISTRIBUTION, ENCODER, Released, read_released
from .stylegan2 import Generator, GeneratorSize, Synthesis

_INVERSION = "an inversion encoder that `facekit pretrain inversion` wrote"
Encoder = InversionEncoder | ReferenceEncoder
Pair = tuple[Generator, Encoder]

# Sizes of the embedded generator and its encoder, which were grown from a generator of 64 px.
MINI = GeneratorSize(128, 128, 128, 2048, 128, 4)
MINI_ENCODER = InversionSize(64, MINI.codes, MINI.w_dim, splits=(2, 4))


@preserved_random_state()
def load_generator(weights: str | os.PathLike[str]) -> Generator:
    """Load a StyleGAN2 generator.

    Args:
        weights: Our .safetensors, NVIDIA's .pkl or the PyTorch port's .pt.

    Returns:
        The generator in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has no generator, or its numbers of channels follow no rule.
    """
    return generator_of(read_generator(weights), weights)


def generator_path(weights: str | os.PathLike[str], files: WeightFiles) -> str | os.PathLike[str]:
    """Return the file of a generator: ``weights`` itself, or the embedded file for "embedded"."""
    return files.embedded("pftgan") if weights == "embedded" else weights


def read_generator(weights: str | os.PathLike[str]) -> Released:
    """Read the tensors of a generator's file, and those of its discriminator if there is one.

    Args:
        weights: Our .safetensors, NVIDIA's .pkl or the PyTorch port's .pt.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has no generator.
    """
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(weights)!r}: no such file; expected a StyleGAN2 generator's")
    return read_released(path)


def generator_of(found: Released, path: str | os.PathLike[str]) -> Generator:
    """Build a generator from the contents of a file.

    Args:
        found: Contents of the file.
        path: Name of the file in messages.

    Returns:
        The generator in evaluation mode.

    Raises:
        ValueError: If the numbers of channels follow no rule.
    """
    if found.channel_base is None or found.channel_max is None:
        raise ValueError(
            f"{path}: expected min(channel_base / side, channel_max) channels per block, got {found.channels}; pass a "
            "generator of NVIDIA's sizes"
        )
    size = GeneratorSize(
        found.resolution, found.z_dim, found.w_dim, found.channel_base, found.channel_max, found.mapping_layers
    )
    generator = Generator(size, fitted=any(name.startswith(DISTRIBUTION) for name in found.state))
    # Files may lack the mean code and the noise.
    generator.load_state_dict({**generator.state_dict(), **found.state})
    return generator.eval()


def generator_digest(synthesis: Synthesis) -> str:
    """Return a text that identifies a generator by its synthesis network.

    The noise is left out, because it is random if a file has none.
    """
    return tensor_digest(dict(synthesis.named_parameters()))


@preserved_random_state()
def load_inversion(weights: str | os.PathLike[str]) -> Encoder:
    """Load an inversion encoder.

    Args:
        weights: A file that ``facekit pretrain inversion`` wrote, or a released e4e or pSp file.

    Returns:
        The encoder in evaluation mode.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has no encoder, or one of ReStyle, which refines codes in several passes.
    """
    path = Path(weights)
    if path.suffix != ".safetensors":
        released = load_encoder(path)
        if released.channels_in != 3:
            raise ValueError(f"{path}: expected an encoder of one pass, got ReStyle's; pass an e4e or pSp file")
        return released
    return _inversion_of(read_weights(path, _INVERSION), "size", "")


def own_inversion(weights: str | os.PathLike[str]) -> InversionEncoder | None:
    """Read the encoder that was trained together with a generator.

    Args:
        weights: File of the generator.

    Returns:
        The encoder in evaluation mode, or None if the file has none.
    """
    path = Path(weights)
    if path.suffix != ".safetensors":
        return None
    file = read_weights(path, "a StyleGAN2 generator's")
    return _inversion_of(file, "encoder", ENCODER) if "encoder" in file.about else None


def _inversion_of(file: WeightFile, size_name: str, prefix: str) -> InversionEncoder:
    """Build the encoder of the tensors with a prefix. The metadata has its size as ``size_name``."""
    about: Any = parse_json(file.about.get(size_name, "null"), f"{file.path}, {size_name}")
    try:
        with torch.device("meta"):
            expected = InversionEncoder(InversionSize(**about)).state_dict()
    except (TypeError, ValueError, ArithmeticError, IndexError, RuntimeError) as error:
        got = f"a file without one ({error})"
        raise ValueError(f"{file.path}: expected {_INVERSION}, got {got}; pass another file") from None
    state = {k.removeprefix(prefix): v for k, v in file.tensors.items() if k.startswith(prefix)}
    check_names(file.path, state, expected, "an inversion encoder")
    encoder = InversionEncoder(InversionSize(**about))
    encoder.load_state_dict(state)
    return encoder.eval()


def pair_tensors(
    generator: Generator, encoder: InversionEncoder, distribution: dict[str, Tensor] | None
) -> dict[str, Tensor]:
    """Return the tensors of a file that holds a generator and its encoder.

    Args:
        generator: The generator. Its own distribution of codes is left out.
        encoder: The encoder.
        distribution: Tensors of the encoder's `CodeDistribution`, or None.
    """
    own = {k: v for k, v in generator.state_dict().items() if not k.startswith(DISTRIBUTION)}
    fitted = {f"{DISTRIBUTION}{k}": v for k, v in (distribution or {}).items()}
    return own | {f"{ENCODER}{k}": v for k, v in encoder.state_dict().items()} | fitted


def random_pair(seed: int) -> Pair:
    """Return a generator and an encoder of the embedded sizes with random weights, in evaluation mode."""
    with seeded_random(seed):
        generator = Generator(MINI).eval()
        return generator, InversionEncoder(MINI_ENCODER, generator.mapping.w_avg).eval()


@preserved_random_state()
def read_pair(weights: str | os.PathLike[str], inversion: str | os.PathLike[str] | None) -> Pair:
    """Read a generator and the encoder that finds its codes, both in evaluation mode.

    Args:
        weights: File of the generator.
        inversion: File of its encoder. None if the generator's file holds the encoder, too.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If there is no encoder, or the two do not fit each other.
    """
    generator = load_generator(weights)
    encoder = own_inversion(weights) if inversion is None else load_inversion(inversion)
    if encoder is None:
        raise ValueError(
            f"weights={str(weights)!r}: expected inversion= beside it, got none; pass the e4e or pSp file of this "
            f"generator, or train one: facekit pretrain inversion --weights {weights} --faces FOLDER --out "
            "encoder.safetensors"
        )
    codes = encoder.size if isinstance(encoder, InversionEncoder) else encoder
    size = generator.size
    if (codes.layers, codes.w_dim) != (size.codes, size.w_dim):
        raise ValueError(
            f"the encoder {inversion or weights} gives {codes.layers} codes of {codes.w_dim} numbers, but the "
            f"generator {weights} of {size.resolution} px takes {size.codes} of {size.w_dim}: pass the encoder that "
            "was trained for it"
        )
    return generator, encoder
