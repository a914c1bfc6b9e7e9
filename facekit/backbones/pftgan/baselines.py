"""What PFTGAN is compared with (section 4.1): the same pixel classifiers on other frozen features, nothing tuned."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...tasks import SegmentationTask, Task
from ...training.finetune import Fitting
from .. import backbone_module
from .classifier_setup import head_steps, pixel_fitting
from .classifier_training import PixelFitting
from .config import PFTGANAdaptation
from .diffusion_features import BLOCKS, DiffusionFeatures
from .frozen_features import FaRLFeatures, FrozenFeatures, ViTFeatures
from .network import spoken
from .pixel_classifier import Ensemble, Votes

log = logging.getLogger("facekit")

AT_ONCE = 32
KINDS: dict[str, type[FrozenFeatures]] = {c.kind: c for c in (ViTFeatures, FaRLFeatures, DiffusionFeatures)}


def features_from_dict(settings: dict[str, Any]) -> FrozenFeatures:
    """Undo any `FrozenFeatures.to_dict`; the weights are random."""
    return KINDS[settings["kind"]].from_dict(settings)


def frozen_features(
    kind: str,
    weights: str | os.PathLike[str],
    tower: str | None = None,
    blocks: Sequence[int] | None = None,
    input_size: int | None = None,
) -> FrozenFeatures:
    """Frozen features for a recipe: kind "vit", "farl" or "diffusion".

    weights: for "vit" a file, "pretrained" (timm fetches them) or "none" (random); for "farl" as of its backbone; for
    "diffusion" a diffusers folder. tower: a timm ViT by name. blocks, input_size: None is each kind's own. Raises
    ValueError for an unknown kind, and where weights have to be named.
    """
    if kind == "farl":
        image = backbone_module("farl").load(weights).image
        return FaRLFeatures(image if input_size is None else image.resized(input_size), blocks)
    if kind not in ("vit", "diffusion"):
        raise ValueError(f"features={kind!r}: expected 'generator', {', '.join(map(repr, KINDS))}")
    if weights in ("auto", "embedded") or (kind == "diffusion" and weights == "none"):
        what = "a file of its weights, 'pretrained' or 'none'" if kind == "vit" else "a diffusers UNet's folder"
        raise ValueError(f"weights={str(weights)!r}: none of {kind!r} are in this package; pass {what}")
    if kind == "diffusion":
        return DiffusionFeatures.from_folder(weights, BLOCKS if blocks is None else blocks)
    name = "vit_large_patch16_224.mae" if tower is None else tower
    return ViTFeatures(name, blocks, input_size, None if weights == "none" else weights)


class ComparedNetwork(nn.Module):
    """Maps (N,3,S,S) RGB in [0, 1], S = `input_size`, to logits (N,classes,S/stride,S/stride); an `Adapted` network.

    features: of any kind. Of several members the logits are the logarithm of their mean probabilities. Raises
    ValueError for numbers of classes and members as `Ensemble` does.
    """

    # As PFTGAN's, so that all are asked the same.
    averages: ClassVar[bool] = False
    frozen: ClassVar[bool] = True
    paints: ClassVar[bool] = False

    def __init__(self, features: FrozenFeatures, classes: int, members: int = 1, stride: int = 1):
        super().__init__()
        self.features, self.channels, self.stride = features, classes, stride
        self.heads = Ensemble(features.channels, classes, members)

    @property
    def input_size(self) -> int:
        return self.features.input_size

    def new_parameters(self) -> list[nn.Parameter]:
        return list(self.heads.parameters())

    def tuned_parameters(self) -> list[nn.Parameter]:
        return []

    def frozen_features(self, x: Tensor) -> list[Tensor]:
        """Maps [(N,C_i,H_i,W_i)] of images (N,3,S,S) in [0, 1]."""
        return self.features(x)

    def from_features(self, features: list[Tensor]) -> Tensor:
        """Raises ValueError in training mode: the classifiers learn from single pixels, see `ComparedFitting`."""
        return spoken(self.heads, features, self.input_size // self.stride)

    def votes(self, x: Tensor) -> Votes:
        """What the classifiers say of images (N,3,S,S) in [0, 1], at S px."""
        return self.heads.vote(self.frozen_features(x), self.input_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.from_features(self.frozen_features(x))

    def to_dict(self) -> dict[str, Any]:
        return {
            "features": self.features.to_dict(), "channels": self.channels, "members": len(self.heads.members),
            "stride": self.stride,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> ComparedNetwork:
        """Undo `to_dict`; the weights are random."""
        features = features_from_dict(settings["features"])
        return cls(features, settings["channels"], settings["members"], settings["stride"])


class ComparedFitting:
    """Pixel classifiers on the frozen maps of augmented views; a `facekit.training.loop.Program` of `steps` steps.

    Each view's maps are made once, when its pixels are drawn, and are gone then. crops: (N,3,s,s) uint8; labels:
    (N,s,s) ids, 255 = ignored. Raises ValueError for tasks but segmentation, and where recipe and network do not agree
    on the number of members.
    """

    def __init__(
        self,
        network: ComparedNetwork,
        task: Task,
        crops: Tensor,
        labels: Tensor,
        recipe: PFTGANAdaptation,
        device: torch.device,
        seed: int = 0,
    ):
        if not isinstance(task, SegmentationTask):
            raise ValueError(
                f"task {task.name!r} came: features without a generator are compared on 'segmentation' only; for "
                "others take a recipe of PFTGAN's own"
            )
        if len(network.heads.members) != recipe.members:
            raise ValueError(
                f"a network of {len(network.heads.members)} classifiers came for a recipe with members="
                f"{recipe.members}: build it with as many"
            )
        self.network, self.recipe, self.device, self.seed = network, recipe, device, seed
        self.views = Fitting(network, task, crops, labels, recipe, device, seed)
        self.heads: PixelFitting | None = None

    @property
    def steps(self) -> int:
        return head_steps(self.recipe)

    def _maps(self, n: int) -> list[Tensor]:
        return self.network.frozen_features(self.views.images(torch.tensor([n])))

    def _begin_heads(self) -> PixelFitting:
        numbers = torch.arange(self.views.views)
        log.info("the frozen network looks at %d views of %d faces", len(numbers), len(self.views.crops))
        masks = torch.cat([self.views.moved_labels(part) for part in numbers.split(AT_ONCE)])
        return pixel_fitting(self.network.heads, self._maps, masks, self.recipe, self.device, self.seed)

    def step(self, index: int) -> dict[str, float]:
        if self.heads is None:
            self.heads = self._begin_heads()
        return self.heads.step(index)

    def state_dict(self) -> dict[str, Any]:
        return {"heads": None if self.heads is None else self.heads.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["heads"] is not None:
            # The same seed draws the same pixels again.
            self.heads = self._begin_heads()
            self.heads.load_state_dict(state["heads"])
