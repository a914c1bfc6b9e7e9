"""From labelled crops to an adapted network: codes, fine-tuning of the streams, pixel classifiers."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from ...core.random_streams import generator_for
from ...tasks import ImageToImageTask, SegmentationTask, Task
from ...training.finetune import Fitting
from .classifier_setup import check_parts, head_steps, pixel_fitting
from .classifier_training import PixelFitting
from .config import PFTGANAdaptation
from .inversion_training import Refining, images_of
from .network import PFTGANNetwork
from .perceptual_distance import perceptual
from .progressive_stages import Labelled, Progressive, Support
from .stylegan2 import Generator
from .two_stream import TwoStream, label_image, resized_masks, spread_palette

# Images of the generator's own that the image stream keeps to where no support images came.
OWN_SUPPORT = 64
AT_ONCE = 32


class PFTGANFitting:
    """Better codes, Algorithm 1, the heads; a `facekit.training.loop.Program` of `steps` steps.

    For parts the segmentation stream learns the masks as colours, and pixel classifiers learn from its maps (sections
    3.2 and 3.3). Of points and images the paper says nothing: points are heatmaps that one such classifier learns on
    whole maps of the generator as it is; images are what the segmentation stream itself learns to paint.

    crops: (N,3,s,s) uint8; labels: the task's; support: (M,3,S,S) uint8, unlabelled, or None for images that the
    generator makes.
    """

    def __init__(
        self,
        network: PFTGANNetwork,
        generator: Generator,
        task: Task,
        crops: Tensor,
        labels: Tensor,
        support: Tensor | None,
        recipe: PFTGANAdaptation,
        device: torch.device,
        seed: int = 0,
    ):
        self.network, self.task, self.recipe, self.device, self.seed = network, task, recipe, device, seed
        self.views = Fitting(network, task, crops, labels, recipe, device, seed)
        self.numbers = torch.arange(self.views.views)
        self.distance = perceptual(recipe.perceptual).to(device)
        images = torch.cat([self.views.images(part) for part in self.numbers.split(AT_ONCE)])
        self.codes = self._encoded(images)
        self.refining = Refining(network.stream, self.codes, images, self.distance)
        tuned = (
            recipe if isinstance(task, SegmentationTask | ImageToImageTask) else dataclasses.replace(recipe, stages="")
        )
        streams = TwoStream(generator.synthesis, recipe.shared, recipe.image_stream)
        seen = self._support(generator, support)
        self.tuning = Progressive(streams, self._labelled(images), seen, self.distance, tuned, device, seed)
        self.heads: PixelFitting | Fitting | None = None

    @property
    def steps(self) -> int:
        return self.recipe.refine + self.tuning.steps + self._head_steps

    @property
    def _head_steps(self) -> int:
        if self.network.heads is None:
            return 0
        if isinstance(self.task, SegmentationTask):
            return head_steps(self.recipe)
        return self.recipe.steps

    @torch.no_grad()
    def _encoded(self, images: Tensor) -> Tensor:
        return torch.cat([self.network.frozen_features(part)[0] for part in images.split(AT_ONCE)])

    def _labelled(self, images: Tensor) -> Labelled:
        moved = torch.cat([self.views.moved_labels(part) for part in self.numbers.split(AT_ONCE)])
        shown = 2 * images - 1
        if isinstance(self.task, ImageToImageTask):
            return Labelled(self.codes, shown, 2 * moved - 1, torch.ones_like(moved[:, :1]))
        if not isinstance(self.task, SegmentationTask):
            return Labelled(self.codes, shown, shown, torch.ones_like(shown[:, :1]))
        self.masks = resized_masks(moved, self.network.input_size)
        check_parts(self.masks)
        palette = torch.from_numpy(spread_palette(self.task.channels)).float().to(self.device) / 127.5 - 1
        targets, known = label_image(self.masks, palette)
        return Labelled(self.codes, shown, targets, known)

    @torch.no_grad()
    def _support(self, generator: Generator, support: Tensor | None) -> Support:
        if support is None:
            z = torch.randn(OWN_SUPPORT, generator.size.z_dim, generator=generator_for(self.seed, 0, 18))
            codes = generator.to(self.device).codes(z.to(self.device), truncation=0.7)
            return Support(codes, 2 * images_of(generator.synthesis, codes).clamp(0, 1) - 1)
        images = support.to(self.device).float() / 255
        return Support(self._encoded(images), 2 * images - 1)

    def _begin_heads(self) -> None:
        """The tuned stream is the network's from here on."""
        self.network.stream.load_state_dict(self.tuning.streams.segmentation.state_dict())
        if not isinstance(self.task, SegmentationTask):
            self.heads = self.views
            return
        assert self.network.heads is not None

        def maps(n: int) -> list[Tensor]:
            return self.network.maps(self.codes[n : n + 1])

        self.heads = pixel_fitting(self.network.heads, maps, self.masks, self.recipe, self.device, self.seed)

    def step(self, index: int) -> dict[str, float]:
        tuned = index - self.recipe.refine
        if tuned < 0:
            losses = self.refining.step(index)
        elif tuned < self.tuning.steps:
            losses = self.tuning.step(tuned)
            losses = {"loss": sum(losses.values()), **losses}
        else:
            if self.heads is None:
                self._begin_heads()
            assert self.heads is not None
            losses = self.heads.step(tuned - self.tuning.steps)
        if index + 1 == self.steps and self.network.heads is None:
            self._begin_heads()
        return losses

    def state_dict(self) -> dict[str, Any]:
        heads = None if self.heads is None else self.heads.state_dict()
        return {"refining": self.refining.state_dict(), "tuning": self.tuning.state_dict(), "heads": heads}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.refining.load_state_dict(state["refining"])
        self.tuning.load_state_dict(state["tuning"])
        if state["heads"] is not None:
            self._begin_heads()
            assert self.heads is not None
            self.heads.load_state_dict(state["heads"])
