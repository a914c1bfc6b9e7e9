"""Read released files of inversion encoders: e4e, pSp and ReStyle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...core.weight_files import (
    as_plain_data,
    check_names,
    check_weights,
    first_names,
    likely_network,
    named_tensors,
    read_contents,
    without_prefix,
)
from .inversion_encoder import KINDS, ReferenceEncoder, code_rows


def load_encoder(path: str | os.PathLike[str], kind: str | None = None) -> ReferenceEncoder:
    """Read a released e4e, pSp or ReStyle file: ``{"state_dict": .., "latent_avg": .., "opts": ..}``.

    Sizes follow from the shapes of the tensors below ``encoder.``.

    Args:
        path: The file.
        kind: One of `KINDS`. None takes it from the file's opts.

    Returns:
        The encoder in evaluation mode, float32, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else, does not name its kind, or tensors are missing, left over or of other
            shapes.
    """
    source = Path(path)
    contents, opts = _read(source)
    tensors = named_tensors(contents)
    check_weights(source, tensors)
    anchored = without_prefix(tensors, ["encoder.input_layer.0.weight"])
    state = {
        k.removeprefix("encoder."): v.float() if v.is_floating_point() else v
        for k, v in anchored.items()
        if k.startswith("encoder.")
    }
    stem, code = state.get("input_layer.0.weight"), state.get("styles.0.linear.weight")
    if stem is None or code is None or stem.ndim != 4 or code.ndim != 2:
        raise ValueError(
            f"{source}: holds no IR-SE50 inversion encoder; expected 'encoder.input_layer.0.weight' and "
            f"'encoder.styles.0.linear.weight' in its state_dict, found {first_names(tensors or map(str, contents))}"
            f"{likely_network(tensors)}"
        )
    channels_in, width, w_dim = stem.shape[1], stem.shape[0], code.shape[0]
    if channels_in not in (3, 6):
        raise ValueError(f"{source}: an encoder of {channels_in} channels; expected 3 (RGB) or 6 (ReStyle's two RGB)")
    kind = _kind(source, kind or opts.get("encoder_type"), "latlayer1.weight" in state)
    layers = len({k.split(".")[1] for k in state if k.startswith("styles.")})
    with torch.device("meta"):  # the file's tensors are assigned, which saves time and memory
        encoder = ReferenceEncoder(kind, layers, channels_in, width, w_dim)
    state["latent_avg"] = _latent_avg(source, contents, opts, encoder)
    check_names(source, state, encoder.state_dict(), f"{kind} with {layers} codes")
    encoder.load_state_dict(state, assign=True)
    return encoder.eval()


def _read(source: Path) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the contents of a file and its opts."""
    expected = "a released e4e, pSp or ReStyle .pt file"
    contents = read_contents(source, expected)
    if not isinstance(contents, Mapping):
        raise ValueError(
            f"{source}: holds an object of type {type(contents).__name__}, expected a dict with 'state_dict'"
        )
    opts = as_plain_data(contents.get("opts"))  # options of the training, often an argparse.Namespace
    return contents, opts if isinstance(opts, Mapping) else {}


def _kind(source: Path, named: str | None, pyramid: bool) -> str:
    """Return the kind of a file, which must fit its tensors."""
    fitting = [k for k in KINDS if KINDS[k][0] == pyramid]
    if named not in fitting:
        reason = "its opts name no encoder_type" if named is None else f"encoder_type is {named!r}"
        raise ValueError(
            f"{source}: {reason}, but its tensors are those of {' or '.join(fitting)}: pass kind= as one of these"
        )
    return named


def _latent_avg(
    source: Path, contents: Mapping[str, Any], opts: Mapping[str, Any], encoder: ReferenceEncoder
) -> Tensor:
    """Return the mean code of a file for each layer."""
    shape = encoder.layers, encoder.w_dim
    # ReStyle starts with the mean code independently of this option.
    if encoder.channels_in == 3 and opts.get("start_from_latent_avg") is False:
        return torch.zeros(shape)
    value = contents.get("latent_avg")
    if not isinstance(value, Tensor):
        raise ValueError(f"{source}: has no 'latent_avg', a tensor {shape} that this encoder's codes are added to")
    try:
        return code_rows(value.float(), *shape)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error
