"""Face parsing trained on generated, real or mixed faces, with a label adapter ("In the Wild Face Parsing in
Synthetic-Data Trained Models")."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ...global_state import own_random
from ...recipes.synthparse import SynthparseAdaptation
from ...recipes.synthparse import adaptation as named_recipe
from ...tasks import Task
from .imagenet import imagenet_state
from .network import ParserNetwork, ParserSize

__all__ = [
    "TASKS", "build", "critic", "embedded_state", "from_dict", "frozen_keys", "load", "named_recipe", "to_dict"
]  # fmt: skip

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal")
# Maps of a network whose head is nobody's yet.
_NO_CLASSES = 1


def load(weights: str | os.PathLike[str] = "auto", seed: int = 0, size: ParserSize | None = None) -> ParserNetwork:
    """A segmentation model in eval mode, whose encoder (`features`) and decoder are trained, but not its head.

    weights: "embedded" (the ready parser's), "imagenet" (of the encoder; fetched if they are not on this machine),
    "auto" (the ready parser's where they fit `size`, else ImageNet's if they are here already, else random, which is
    said), "none" (random), or a .safetensors file of an encoder's or a whole network's tensors. size: None is the ready
    parser's. Raises FileNotFoundError, and ValueError for weights that do not fit `size`.
    """
    size = size or embedded_parser().size
    with own_random(seed):
        network = ParserNetwork(size, _NO_CLASSES).eval()
    if weights == "none":
        return network
    if weights in ("auto", "embedded"):
        known = embedded_parser()
        if network.size.fits(known.size):
            network.encoder.load_state_dict(known.encoder.state_dict())
            network.model.decoder.load_state_dict(known.model.decoder.state_dict())
            return network
        if weights == "embedded":
            raise ValueError(f"weights='embedded' are of {known.size}, but {network.size} came: take recipe='quick'")
    if weights in ("auto", "imagenet"):
        state = imagenet_state(network.size.encoder, download=weights == "imagenet")
        if state is not None:
            network.encoder.load_state_dict(state)
        return network
    network.load_state_dict(network.state_dict() | _read(Path(weights), network))
    return network


def embedded_parser() -> ParserNetwork:
    """The network of `facekit.predict("segmentation", ...)`."""
    from ...ready import ready_model  # which imports this package

    network: ParserNetwork = ready_model("segmentation").network
    return network


def _read(path: Path, network: ParserNetwork) -> dict[str, Tensor]:
    """A file's tensors by the network's names, without a head."""
    if not path.is_file():
        raise FileNotFoundError(
            f"weights={str(path)!r}: no such file; or pass 'auto', 'embedded', 'imagenet' or 'none'"
        )
    try:
        state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole .safetensors file ({error})") from error
    if not any(k.startswith("model.") for k in state):
        state = {f"model.encoder.{k}": v for k, v in state.items() if not k.startswith("classifier.")}
    state = {k: v for k, v in state.items() if not k.startswith("model.segmentation_head.")}
    known = {k: v.shape for k, v in network.state_dict().items()}
    wrong = next((k for k, v in state.items() if known.get(k) != v.shape), None)
    missing = next((k for k in known if k.startswith("model.encoder.") and k not in state), None)
    if wrong or missing:
        raise ValueError(
            f"{path}: {wrong or missing} {'does not fit' if wrong else 'is missing'}: expected the tensors of "
            f"{network.size.decoder!r} on {network.size.encoder!r}, or of that encoder"
        )
    return state


def build(weights: str | os.PathLike[str], seed: int, task: Task, recipe: SynthparseAdaptation) -> ParserNetwork:
    """The network that adaptation trains; without `recipe.tower_lr` its encoder is frozen."""
    size = ParserSize(
        recipe.decoder, recipe.encoder, recipe.input_size or ParserSize.input_size, recipe.decoder_channels
    )
    start = load(weights, seed, size)
    with own_random(seed):
        network = ParserNetwork(size, task.channels, task.stride, task.paints, frozen=recipe.tower_lr is None)
    network.encoder.load_state_dict(start.encoder.state_dict())
    network.model.decoder.load_state_dict(start.model.decoder.state_dict())
    return network


def critic(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> nn.Module | None:
    """None: pictures come from a plain regression head here. The paper has no such task."""
    return None


def to_dict(network: ParserNetwork) -> dict[str, Any]:
    """The plain data that `from_dict` builds the same network from (weights apart)."""
    return {
        **asdict(network.size), "channels": network.channels, "stride": network.stride, "paints": network.paints,
        "frozen": network.frozen,
    }  # fmt: skip


def from_dict(settings: dict[str, Any]) -> ParserNetwork:
    """Undo `to_dict`; the weights are random."""
    rest = dict(settings)
    own = {k: rest.pop(k) for k in ("decoder", "encoder", "input_size", "decoder_channels")}
    return ParserNetwork(ParserSize(**own), **rest)


def frozen_keys(network: ParserNetwork) -> set[str]:
    """Names in the state dict that come from the backbone's own weights: all where these are the ready parser's (under
    a label adapter), else none, for these networks train as a whole."""
    own, known = network.state_dict(), embedded_state()
    same = own.keys() == known.keys() and all(torch.equal(v.cpu(), known[k].cpu()) for k, v in own.items())
    return set(own) if same else set()


def embedded_state() -> dict[str, Tensor]:
    """What `frozen_keys` names: the ready parser's weights."""
    return embedded_parser().state_dict()
