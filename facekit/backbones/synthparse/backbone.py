"""Face parsing trained on generated, real or mixed faces, with a label adapter ("In the Wild Face Parsing in
Synthetic-Data Trained Models")."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from ...core.global_state import seeded_random
from ...core.weight_files import check_names, read_weights, without_prefix
from ...tasks import Task
from .config import SynthparseAdaptation
from .config import adaptation as named_recipe
from .imagenet_weights import imagenet_state
from .network import ParserNetwork, ParserSize

__all__ = [
    "TASKS", "build", "discriminator", "embedded_state", "from_dict", "frozen_keys", "load", "named_recipe", "to_dict"
]  # fmt: skip

TASKS = ("landmarks", "segmentation", "stylization", "shadow_removal")
# Maps of a network whose head is nobody's yet.
_NO_CLASSES = 1


def load(weights: str | os.PathLike[str] = "auto", seed: int = 0, size: ParserSize | None = None) -> ParserNetwork:
    """A segmentation model in eval mode, whose encoder (`features`) and decoder are trained, but not its head.

    weights: "embedded" (the ready parser's), "imagenet" (of the encoder; fetched if they are not on this machine),
    "auto" (the ready parser's where they fit `size`, else ImageNet's if they are here already, else random, which is
    said), "none" (random), or a file of an encoder's or a whole network's tensors. size: None is the ready
    parser's. Raises FileNotFoundError, and ValueError for weights that do not fit `size`.
    """
    size = size or embedded_parser().size
    with seeded_random(seed):
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
    network.load_state_dict(network.state_dict() | _read(weights, network))
    return network


def embedded_parser() -> ParserNetwork:
    """The network of `facekit.predict("segmentation", ...)`."""
    from ...api.ready_models import ready_model  # which imports this package

    network: ParserNetwork = ready_model("segmentation").network
    return network


def _read(path: str | os.PathLike[str], network: ParserNetwork) -> dict[str, Tensor]:
    """Return a file's tensors by the network's names, without a head."""
    what = f"{network.size.decoder!r} on {network.size.encoder!r}, or of that encoder"
    found = read_weights(path, f"tensors of {what}", "pass 'auto', 'embedded', 'imagenet' or 'none'").tensors
    expected = network.state_dict()
    inside = {name: name.removeprefix("model.") for name in expected}
    first = next(name for name in inside.values() if name.startswith("encoder."))
    state = without_prefix(found, [first])
    if not any(name.startswith("decoder.") for name in state):
        expected = {k: v for k, v in expected.items() if k.startswith("model.encoder.")}
    if first not in state:
        state = {f"encoder.{k}": v for k, v in without_prefix(found, [first.removeprefix("encoder.")]).items()}
    classes = ("segmentation_head.", "encoder.classifier.", "encoder.fc.")
    state = {f"model.{k}": v for k, v in state.items() if not k.startswith(classes)}
    expected = {k: v for k, v in expected.items() if not k.startswith("model.segmentation_head.")}
    check_names(path, state, expected, what)
    return state


def build(weights: str | os.PathLike[str], seed: int, task: Task, recipe: SynthparseAdaptation) -> ParserNetwork:
    """The network that adaptation trains; without `recipe.tower_lr` its encoder is frozen."""
    size = ParserSize(
        recipe.decoder, recipe.encoder, recipe.input_size or ParserSize.input_size, recipe.decoder_channels
    )
    start = load(weights, seed, size)
    with seeded_random(seed):
        network = ParserNetwork(size, task.channels, task.stride, task.paints, frozen=recipe.tower_lr is None)
    network.encoder.load_state_dict(start.encoder.state_dict())
    network.model.decoder.load_state_dict(start.model.decoder.state_dict())
    return network


def discriminator(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> nn.Module | None:
    """None: images come from a plain regression head here. The paper has no such task."""
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
