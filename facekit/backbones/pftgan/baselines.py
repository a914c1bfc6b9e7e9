"""Baselines of PFTGAN: the same pixel classifiers on other frozen features (section 4.1)."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import override

from ...tasks import SegmentationTask, Task
from ...training.adapted_network import AdaptedNetwork
from ...training.loop import Program
from ...training.sequence import Stage, StagedProgram
from ...training.views import AugmentedViews, TrainingData
from ..base import WeightFiles, Weights
from .classifier_setup import check_memory, pixel_fitting
from .config import PFTGANAdaptation
from .diffusion_features import BLOCKS, DiffusionFeatures
from .frozen_features import FaRLFeatures, FrozenFeatures, ViTFeatures
from .network import ensemble_logits
from .pixel_classifier import Ensemble, Votes

log = logging.getLogger("facekit")

AT_ONCE = 32
KINDS: dict[str, type[FrozenFeatures]] = {c.kind: c for c in (ViTFeatures, FaRLFeatures, DiffusionFeatures)}


def features_from_dict(settings: dict[str, Any]) -> FrozenFeatures:
    """Build the features that ``to_dict`` described, with random weights."""
    return KINDS[settings["kind"]].from_dict(settings)


def frozen_features(config: PFTGANAdaptation, weights: Weights, files: WeightFiles) -> FrozenFeatures:
    """Return the frozen features that a configuration names.

    Args:
        config: Its ``features`` is "vit", "farl" or "diffusion". ``tower`` names a timm ViT; ``layers`` and
            ``input_size`` are each kind's own if they are None.
        weights: For "vit" a file, "pretrained" (timm downloads them) or "none" (random); for "farl" as for its
            backbone; for "diffusion" a folder of diffusers.
        files: Access to FaRL's tower.

    Raises:
        ValueError: If the kind is unknown, or weights have to be named.
    """
    kind, blocks = config.features, config.layers
    if kind == "farl":
        tower = files.image_tower(weights)
        return FaRLFeatures(tower if config.input_size is None else tower.resized(config.input_size), blocks)
    if kind not in ("vit", "diffusion"):
        raise ValueError(f"features={kind!r}: expected 'generator', {', '.join(map(repr, KINDS))}")
    if weights in ("auto", "embedded") or (kind == "diffusion" and weights == "none"):
        what = "a file of its weights, 'pretrained' or 'none'" if kind == "vit" else "a diffusers UNet's folder"
        raise ValueError(f"weights={str(weights)!r}: none of {kind!r} are in this package; pass {what}")
    if kind == "diffusion":
        return DiffusionFeatures.from_folder(weights, BLOCKS if blocks is None else blocks)
    name = "vit_large_patch16_224.mae" if config.tower is None else config.tower
    return ViTFeatures(name, blocks, config.input_size, None if weights == "none" else weights)


class BaselineNetwork(AdaptedNetwork):
    """Frozen features and pixel classifiers."""

    # Not averaged, as PFTGAN's predictions.
    averages: ClassVar[bool] = False

    def __init__(self, features: FrozenFeatures, classes: int, members: int = 1, stride: int = 1):
        """Build the classifiers.

        Args:
            features: Features of any kind.
            classes: Number of classes.
            members: Number of pixel classifiers that vote.
            stride: Input pixels per output pixel.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__()
        self.features, self.channels, self.stride = features, classes, stride
        self.heads = Ensemble(features.channels, classes, members)

    @property
    @override
    def input_size(self) -> int:
        return self.features.input_size

    @override
    def new_parameters(self) -> list[nn.Parameter]:
        return list(self.heads.parameters())

    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Return the maps [(N, C_i, H_i, W_i)]."""
        return self.features(x)

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Compute logits. In training mode a ValueError is raised: classifiers are trained on single pixels."""
        return ensemble_logits(self.heads, features, self.input_size // self.stride)

    def votes(self, x: Tensor) -> Votes:
        """Return the votes of the classifiers for RGB images (N, 3, S, S) in [0, 1], at S px."""
        return self.heads.vote(self.frozen_features(x), self.input_size)

    @property
    @override
    def members(self) -> int:
        return len(self.heads.members)

    @override
    def divergence(self, x: Tensor) -> Tensor:
        return self.votes(x).divergence

    @override
    def to_dict(self) -> dict[str, Any]:
        return {
            "features": self.features.to_dict(),
            "channels": self.channels,
            "members": len(self.heads.members),
            "stride": self.stride,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> BaselineNetwork:
        """Build the network that ``to_dict`` described, with random weights."""
        features = features_from_dict(settings["features"])
        return cls(features, settings["channels"], settings["members"], settings["stride"])


def baseline_adaptation(
    network: BaselineNetwork,
    task: Task,
    data: TrainingData,
    config: PFTGANAdaptation,
    device: torch.device,
    seed: int = 0,
) -> StagedProgram:
    """Return the training of pixel classifiers on the frozen maps of augmented views.

    Each view's maps are computed once, when its pixels are drawn, and not kept.

    Args:
        network: The network.
        task: A segmentation task.
        data: Crops (N, 3, s, s) uint8 and class ids (N, s, s), 255 = ignored.
        config: Settings.
        device: Where to train.
        seed: Seed of all random numbers.

    Raises:
        ValueError: If the task is another one, or the network has another number of classifiers than the settings.
    """
    if not isinstance(task, SegmentationTask):
        raise ValueError(
            f"features without a generator: expected task 'segmentation', got {task.name!r}; for other tasks pass a "
            "recipe of PFTGAN's own"
        )
    if len(network.heads.members) != config.members:
        raise ValueError(
            f"expected a network of members={config.members} classifiers, got {len(network.heads.members)}; build it "
            "with as many"
        )
    views = AugmentedViews(task, data, config, network.input_size, device, seed)
    network = network.to(device)

    def maps(n: int) -> list[Tensor]:
        return network.frozen_features(views.images(torch.tensor([n])))

    def begin() -> Program:
        numbers = torch.arange(views.count)
        log.info("computing frozen features of %d views of %d faces", views.count, len(data.crops))
        masks = torch.cat([views.labels(part) for part in numbers.split(AT_ONCE)])
        check_memory(network.heads, maps(0), masks, config, device)
        return pixel_fitting(network.heads, maps, masks, config, device, seed)

    return StagedProgram([Stage(config.classifier_epochs, begin)])
