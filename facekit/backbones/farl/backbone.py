"""FaRL: general facial representation learning in a visual-linguistic manner (CVPR 2022, arXiv 2112.03109)."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from ...core.global_state import seeded_random
from ...tasks import Task
from ...zoo.embedded import embedded_file
from ...zoo.official import cached_file, official_file
from .config import FaRLAdaptation
from .config import adaptation as named_recipe
from .image_text_model import FaRL, new_pair, read_pair
from .image_tower import ImageTower, TowerSize, spread_layers
from .network import FaRLNetwork
from .timm_tower import StandInTower, stand_in

__all__ = [
    "TASKS", "build", "discriminator", "embedded_state", "from_dict", "frozen_keys", "load", "named_recipe", "to_dict"
]  # fmt: skip

TASKS = ("landmarks", "segmentation", "attributes", "stylization", "shadow_removal")
OFFICIAL_NAMES = {"official": "farl-ep16", "official-ep64": "farl-ep64"}
# Inside UperNet, on towers narrower than the paper's: with their own width a head would cost several times the tower.
NARROW, NARROW_HEAD = 384, 64


def load(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> FaRL:
    """A pre-trained pair of towers in eval mode.

    weights: "auto" (an official file if one is in the cache already, else the embedded one), "embedded" (small, in this
    package), "official" (ViT-B/16 of the paper's 16 epochs, downloaded at first use), "official-ep64" (64 epochs),
    "none" (random, of the embedded one's size), or a file: our .safetensors or one in CLIP's naming
    (`{"state_dict": ...}`), as FaRL's are.
    """
    if weights == "none":
        return new_pair("mini", seed)
    if weights in OFFICIAL_NAMES:
        return read_pair(official_file(OFFICIAL_NAMES[str(weights)]))
    if weights == "auto":
        there = [cached_file(name) for name in OFFICIAL_NAMES.values()]
        return read_pair(next((path for path in there if path is not None), None) or embedded_file("farl"))
    return read_pair(embedded_file("farl") if weights == "embedded" else weights)


def build(weights: str | os.PathLike[str], seed: int, task: Task, recipe: FaRLAdaptation) -> FaRLNetwork:
    """The network that adaptation trains: a head for the task on the tower, or on `recipe.tower` of timm."""
    tower: ImageTower | StandInTower
    with seeded_random(seed):
        if recipe.tower is not None:
            tower = stand_in(recipe.tower, weights, recipe.input_size, seed)
        else:
            tower = load(weights, seed).image
            tower = tower.resized(recipe.input_size or tower.size.input_size)
        head = recipe.head_channels or (NARROW_HEAD if tower.width < NARROW else tower.width)
        layers = recipe.layers or spread_layers(tower.depth)
        frozen = recipe.tower_lr is None
        return FaRLNetwork(tower, task.channels, task.stride, task.dense, layers, head, task.paints, frozen)


def discriminator(weights: str | os.PathLike[str] = "auto", seed: int = 0) -> nn.Module | None:
    """None: images come from a plain regression head here. The paper has no such task."""
    return None


def to_dict(network: FaRLNetwork) -> dict[str, Any]:
    """The plain data that `from_dict` builds the same network from (weights apart)."""
    tower = network.tower
    kind = asdict(tower.size) if isinstance(tower, ImageTower) else {"name": tower.name, "input_size": tower.input_size}
    return {
        "tower": kind, "channels": network.channels, "stride": network.stride, "dense": network.dense,
        "layers": list(network.layers), "head_channels": network.head_channels, "paints": network.paints,
        "frozen": network.frozen,
    }  # fmt: skip


def from_dict(settings: dict[str, Any]) -> FaRLNetwork:
    """Undo `to_dict`; the weights are random."""
    rest = dict(settings)
    kind = rest.pop("tower")
    # Nothing but name and size: a file must not name other files, or have weights downloaded.
    tower = StandInTower(kind["name"], kind["input_size"]) if "name" in kind else ImageTower(TowerSize(**kind))
    return FaRLNetwork(tower, **rest)


def frozen_keys(network: FaRLNetwork) -> set[str]:
    """Names in the state dict that come from the backbone's own weights."""
    return {k for k in network.state_dict() if k.startswith("tower.")} if network.frozen else set()


def embedded_state() -> dict[str, Tensor]:
    """What `frozen_keys` names, of a network on the embedded weights."""
    return {f"tower.{k}": v for k, v in load("embedded").image.state_dict().items()}
