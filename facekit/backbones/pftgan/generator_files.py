"""Generators and inversion encoders from files, and the pairs of them that fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ...core.global_state import preserved_random_state, seeded_random
from ...core.json_text import parse_json
from ...core.weight_files import WeightFile, check_names, read_weights
from .encoder_files import load_encoder
from .inversion_encoder import InversionEncoder, InversionSize, ReferenceEncoder
from .released_generators import ENCODER, Released, read_released
from .stylegan2 import Generator, GeneratorSize

_INVERSION = "an inversion encoder that `facekit pretrain inversion` wrote"
Encoder = InversionEncoder | ReferenceEncoder
Pair = tuple[Generator, Encoder]

# Of random weights: the embedded generator's measures.
MINI = GeneratorSize(64, 128, 128, 2048, 128, 4)


@preserved_random_state()
def load_generator(weights: str | os.PathLike[str]) -> Generator:
    """A StyleGAN2 generator in eval mode: our .safetensors, NVIDIA's .pkl or the PyTorch port's .pt.

    Raises FileNotFoundError, and ValueError for files that hold none, or one whose channels follow no rule.
    """
    return generator_of(read_generator(weights), weights)


def read_generator(weights: str | os.PathLike[str]) -> Released:
    """The tensors of a generator's file, with its discriminator's where it holds one. Raises as `load_generator`."""
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"weights={str(weights)!r}: no such file; expected a StyleGAN2 generator's")
    return read_released(path)


def generator_of(found: Released, path: str | os.PathLike[str]) -> Generator:
    """What `load_generator` makes of a file that was read already; path: what errors call it."""
    if found.channel_base is None or found.channel_max is None:
        raise ValueError(f"{path}: a generator with {found.channels} channels came, expected min(base / side, most)")
    size = GeneratorSize(
        found.resolution, found.z_dim, found.w_dim, found.channel_base, found.channel_max, found.mapping_layers
    )
    generator = Generator(size)
    # Files may lack the mean code and the noise.
    generator.load_state_dict({**generator.state_dict(), **found.state})
    return generator.eval()


@preserved_random_state()
def load_inversion(weights: str | os.PathLike[str]) -> Encoder:
    """An inversion encoder in eval mode: what `facekit pretrain inversion` wrote, or a released e4e or pSp file.

    Raises FileNotFoundError, and ValueError for files that hold none, or one of ReStyle's, which looks several times.
    """
    path = Path(weights)
    if path.suffix != ".safetensors":
        released = load_encoder(path)
        if released.channels_in != 3:
            raise ValueError(f"{path}: ReStyle's encoders find codes in several looks: pass an e4e or pSp file")
        return released
    return _inversion_of(read_weights(path, _INVERSION), "size", "")


def own_inversion(weights: str | os.PathLike[str]) -> InversionEncoder | None:
    """The encoder that learned beside a generator and lies in its file, or None."""
    path = Path(weights)
    if path.suffix != ".safetensors":
        return None
    file = read_weights(path, "a StyleGAN2 generator's")
    return _inversion_of(file, "encoder", ENCODER) if "encoder" in file.about else None


def _inversion_of(file: WeightFile, size_name: str, prefix: str) -> InversionEncoder:
    """The tensors whose names begin with `prefix`, of the size that the metadata hold as `size_name`."""
    about: Any = parse_json(file.about.get(size_name, "null"), f"{file.path}, {size_name}")
    try:
        with torch.device("meta"):
            expected = InversionEncoder(InversionSize(**about)).state_dict()
    except (TypeError, ValueError, ArithmeticError, IndexError, RuntimeError) as error:
        raise ValueError(f"{file.path}: no inversion encoder came ({error}), expected {_INVERSION}") from None
    state = {k.removeprefix(prefix): v for k, v in file.tensors.items() if k.startswith(prefix)}
    check_names(file.path, state, expected, "an inversion encoder")
    encoder = InversionEncoder(InversionSize(**about))
    encoder.load_state_dict(state)
    return encoder.eval()


def random_pair(seed: int) -> Pair:
    """Return a generator and an encoder of the embedded sizes with random weights, in evaluation mode."""
    size = InversionSize(MINI.resolution, MINI.codes, MINI.w_dim)
    with seeded_random(seed):
        generator = Generator(MINI).eval()
        return generator, InversionEncoder(size, generator.mapping.w_avg).eval()


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
            f"weights={str(weights)!r} came without inversion=: pass the e4e or pSp file of this generator, or train "
            f"one: facekit pretrain inversion --weights {weights} --faces FOLDER --out encoder.safetensors"
        )
    made = encoder.size if isinstance(encoder, InversionEncoder) else encoder
    taken = generator.size
    if (made.layers, made.w_dim) != (taken.codes, taken.w_dim):
        raise ValueError(
            f"the encoder {inversion or weights} gives {made.layers} codes of {made.w_dim} numbers, but the generator "
            f"{weights} of {taken.resolution} px takes {taken.codes} of {taken.w_dim}: pass the encoder that was "
            "trained for it"
        )
    return generator, encoder
