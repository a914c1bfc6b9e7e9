"""FaRL as a backbone: its tasks, weights and networks."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from torch import Tensor
from typing_extensions import override

from ...core.global_state import seeded_random
from ...tasks import Task
from ...training.config import Adaptation
from ...training.pretraining_run import Request, Run
from ..base import Backbone, Weights
from ..image_tower import ImageTower, TowerSize, spread_layers
from .config import QUICK_HEAD, FaRLAdaptation, named_recipe
from .image_text_model import ImageTextModel, new_pair, read_pair
from .network import FaRLNetwork
from .released_models import ReleasedModel, read_released
from .timm_tower import StandInTower, stand_in

# Names of the published files in `facekit.zoo`.
_OFFICIAL = {"official": "farl-ep16", "official-ep64": "farl-ep64"}
# UperNet gets this many channels on towers narrower than the first number. With the tower's own width, as in the paper,
# a head would cost several times the tower.
_NARROW, _NARROW_HEAD = 384, QUICK_HEAD


class FaRL(Backbone[FaRLAdaptation, FaRLNetwork]):
    """Heads on the image tower of a model of images and texts."""

    name: ClassVar[str] = "farl"
    tasks: ClassVar[tuple[str, ...]] = ("landmarks", "segmentation", "attributes", "stylization", "shadow_removal")
    config: ClassVar[type[Adaptation]] = FaRLAdaptation
    pretrainings: ClassVar[tuple[str, ...]] = ("farl", "tokenizer")

    @override
    def recipe(self, name: str, task: str, customised: bool, faces: int) -> FaRLAdaptation:
        return named_recipe(name, task, customised, faces)

    def load(self, weights: Weights = "auto", seed: int = 0) -> ImageTextModel:
        """Load the image tower and the text tower in evaluation mode.

        Args:
            weights: "embedded": small, in this package. "official": the paper's ViT-B/16 after 16 epochs, downloaded
                at first use. "official-ep64": after 64 epochs. "auto": an official file if one is in the cache, else
                "embedded". "none": random, of the embedded size. A file: our .safetensors, or a file in CLIP's naming
                (``{"state_dict": ...}``) such as FaRL's.
            seed: Seed of random weights.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file holds something else.
            ConnectionError: If an official file cannot be downloaded.
        """
        if weights == "none":
            return new_pair("mini", seed)
        if weights in _OFFICIAL:
            return read_pair(self.files.official(_OFFICIAL[str(weights)]))
        if weights == "auto":
            cached = [self.files.cached(name) for name in _OFFICIAL.values()]
            return read_pair(next((path for path in cached if path is not None), None) or self.files.embedded("farl"))
        return read_pair(self.files.embedded("farl") if weights == "embedded" else weights)

    def released(self, path: str | os.PathLike[str]) -> ReleasedModel:
        """Read a model of facer, with its tower, head and label set; see `released_models`.

        Args:
            path: One of facer's TorchScript archives. Nothing in it is executed.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it holds something else. The message names the tensors that do not fit.
        """
        return read_released(path)

    def build(self, weights: Weights, seed: int, task: Task, config: FaRLAdaptation) -> FaRLNetwork:
        """Build a head for the task on the image tower, or on the timm model ``config.tower``."""
        tower: ImageTower | StandInTower
        with seeded_random(seed):
            if config.tower is not None:
                tower = stand_in(config.tower, weights, config.input_size, seed)
            else:
                tower = self.load(weights, seed).image
                tower = tower.resized(config.input_size or tower.size.input_size)
            narrow = tower.width < _NARROW
            head = config.head_channels or (_NARROW_HEAD if narrow else tower.width)
            # On wide towers most of the time would go into the pyramid, which is as wide as the tower in the paper.
            pyramid = None if narrow or head >= tower.width else head
            layers = config.layers or spread_layers(tower.depth)
            frozen = config.tower_lr is None
            return FaRLNetwork(
                tower,
                task.channels,
                task.stride,
                task.dense,
                layers,
                head,
                task.paints,
                frozen,
                pyramid,
                task.map_side,
                config.regions,
            )

    @override
    def network_from_dict(self, settings: dict[str, Any]) -> FaRLNetwork:
        rest = dict(settings)
        about = rest.pop("tower")
        # Only name and size are read: a file must not name other files, or have weights downloaded.
        if "name" in about:
            return FaRLNetwork(StandInTower(about["name"], about["input_size"]), **rest)
        return FaRLNetwork(ImageTower(TowerSize(**about)), **rest)

    @override
    def embedded_state(self) -> dict[str, Tensor]:
        return {f"tower.{k}": v for k, v in self.load("embedded").image.state_dict().items()}

    @override
    def pretraining(self, kind: str, request: Request) -> Run:
        from . import pretraining_setup, tokenizer_setup

        if kind == "tokenizer":
            return tokenizer_setup.prepare(request)
        return pretraining_setup.prepare(request, self.files)
