"""PFTGAN: StyleGAN2 priors for few-shot part segmentation (Han et al., MM 2022)."""

from __future__ import annotations

import copy
import os
from typing import Any

import torch
from torch import Tensor, nn

from ...core.global_state import seeded_random
from ...tasks import Task
from .adaptation import PFTGANFitting
from .baselines import ComparedFitting, ComparedNetwork, frozen_features
from .config import PFTGANAdaptation
from .config import adaptation as named_recipe
from .generator_files import load_generator, load_inversion, load_pair
from .model import PFTGAN
from .network import PFTGANNetwork

__all__ = [
    "TASKS", "build", "discriminator", "embedded_state", "from_dict", "frozen_keys", "load", "load_generator",
    "load_inversion", "named_recipe", "program", "to_dict",
]  # fmt: skip

TASKS = ("segmentation", "landmarks", "stylization")


def load(
    weights: str | os.PathLike[str] = "auto", inversion: str | os.PathLike[str] | None = None, seed: int = 0
) -> PFTGAN:
    """The generator with its encoder, in eval mode. weights, inversion, errors: see `loading.load_pair`."""
    return PFTGAN(*load_pair(weights, inversion, seed)).eval()


def build(
    weights: str | os.PathLike[str], seed: int, task: Task, recipe: PFTGANAdaptation
) -> PFTGANNetwork | ComparedNetwork:
    """The network that `program` trains; its segmentation stream is the generator as it is."""
    if recipe.features != "generator":
        with seeded_random(seed):
            features = frozen_features(recipe.features, weights, recipe.tower, recipe.layers, recipe.input_size)
            return ComparedNetwork(features, task.channels, recipe.members, task.stride)
    generator, encoder = load_pair(weights, recipe.inversion, seed)
    with seeded_random(seed):
        return PFTGANNetwork(
            encoder, copy.deepcopy(generator.synthesis), task.channels, task.stride, task.paints, recipe.members,
            recipe.reads_colours,
        )  # fmt: skip


def program(
    weights: str | os.PathLike[str],
    network: PFTGANNetwork | ComparedNetwork,
    task: Task,
    crops: Tensor,
    labels: Tensor,
    support: Tensor | None,
    recipe: PFTGANAdaptation,
    device: torch.device,
    seed: int,
    alpha: float | None,
) -> PFTGANFitting | ComparedFitting:
    """The staged fitting of `build`'s network. Raises ValueError for tanh-warped faces, and for support
    images where nothing learns from them."""
    if alpha is not None:
        raise ValueError("align='tanh': generators know no tanh-warped faces; pass 'mean', 'landmarks' or 'none'")
    if support is not None and not (recipe.image_stream and recipe.stages and recipe.features == "generator"):
        raise ValueError("support_images came, but this recipe has no image stream that learns from them")
    if isinstance(network, ComparedNetwork):
        return ComparedFitting(network, task, crops, labels, recipe, device, seed)
    generator, _ = load_pair(weights, recipe.inversion, seed)
    return PFTGANFitting(network, generator, task, crops, labels, support, recipe, device, seed)


def discriminator(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> nn.Module | None:
    """None: the streams learn by a perceptual distance alone."""
    return None


def to_dict(network: PFTGANNetwork | ComparedNetwork) -> dict[str, Any]:
    """The plain data that `from_dict` builds the same network from (weights apart)."""
    return network.to_dict()


def from_dict(settings: dict[str, Any]) -> PFTGANNetwork | ComparedNetwork:
    """Undo `to_dict`; the weights are random."""
    kind = ComparedNetwork if "features" in settings else PFTGANNetwork
    return kind.from_dict(settings)


def frozen_keys(network: PFTGANNetwork | ComparedNetwork) -> set[str]:
    """Names in the state dict that come from the backbone's own weights: the encoder's. The generator's are tuned."""
    return {name for name in network.state_dict() if name.startswith("encoder.")}


def embedded_state() -> dict[str, Tensor]:
    """What `frozen_keys` names, of the embedded encoder."""
    _, encoder = load_pair("embedded")
    return {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
