"""Augmented views of labelled crops. Each view has a number and depends on the seed and that number only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..augmentation.affine import Affine, Moves, TanhMoves, jitter, random_matrices, warp
from ..augmentation.degradations import Degradation, degrade
from ..augmentation.in_the_wild import WildAugmentation
from ..augmentation.point_noise import compose, point_noise_matrices
from ..core.random_streams import generator_for
from ..tasks import SegmentationTask, Task
from .config import Adaptation


@dataclass(frozen=True)
class TrainingData:
    """Labelled face crops.

    Attributes:
        crops: RGB uint8, shape (N, 3, s, s).
        labels: The task's labels in pixels of the crops, shape (N, ...).
        alpha: Width of the tanh-warp that crops and labels went through. None for plain crops.
        support: Unlabelled RGB uint8 crops of shape (M, 3, S, S), or None.
    """

    crops: Tensor
    labels: Tensor
    alpha: float | None = None
    support: Tensor | None = None


class AugmentedViews:
    """Random views of each crop with its label.

    Views 0 to N - 1 are the crops as they are. The others are rotated, scaled, shifted, mirrored, changed in colour and
    degraded as the configuration says.

    Attributes:
        count: Number of views.
    """

    def __init__(
        self, task: Task, data: TrainingData, config: Adaptation, input_size: int, device: torch.device, seed: int = 0
    ):
        """Draw the geometry of all views.

        Args:
            task: The task, which moves the labels.
            data: Crops and labels.
            config: Ranges of the augmentation, and the number of views.
            input_size: Side of the views in pixels.
            device: Where views are made.
            seed: Seed of all random numbers.

        Raises:
            ValueError: If ``config.wild`` is set for a task or crops that it cannot augment.
        """
        if config.wild and (not isinstance(task, SegmentationTask) or data.alpha is not None):
            raise ValueError(
                "wild=True: expected segmentation without align='tanh', because it moves plain images with their "
                f"masks, got {task.name}{'' if data.alpha is None else ', tanh-warped'}; leave wild out"
            )
        self.task, self.data, self.config = task, data, config
        self.input_size, self.device, self.seed = input_size, device, seed
        faces = len(data.crops)
        rounds = max(config.views, math.ceil(config.least_views / faces))
        self.count = rounds * faces
        mirror = 0.5 if task.mirrors and config.mirror else 0.0
        affine = Affine(config.rotate, config.scale, config.shift, mirror)
        drawn = [random_matrices(faces, affine, generator_for(seed, r, 5)) for r in range(rounds)]
        self.matrices, self.mirrored = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        if config.point_noise:
            noise = generator_for(seed, 0, 13)
            # Mirroring comes last: the mean face is its own mirror image.
            self.matrices = compose(point_noise_matrices(self.count, config.point_noise, noise), self.matrices)
        self.matrices[:faces] = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        self.mirrored[:faces] = False
        self._wild = WildAugmentation() if config.wild else None
        self._last: tuple[Tensor, tuple[Tensor, Tensor]] | None = None

    def images(self, views: Tensor) -> Tensor:
        """Return augmented images.

        Args:
            views: Numbers of views, int64 of shape (n,).

        Returns:
            RGB in [0, 1], shape (n, 3, S, S).
        """
        if self._wild is not None:
            return self._wild_views(views)[0].to(self.device)
        crops = self.data.crops[views % len(self.data.crops)].to(self.device).float().div_(255)
        images = warp(crops, self._moves(views), self.input_size)
        if self.config.jitter:
            images = jitter(images, self.config.jitter, [generator_for(self.seed, int(v), 6) for v in views])
        if self.config.degradation != Degradation():
            worse = degrade(images, self.config.degradation, [generator_for(self.seed, int(v), 14) for v in views])
            plain = (views < len(self.data.crops)).to(self.device)
            images = torch.where(plain[:, None, None, None], images, worse)
        return images

    def labels(self, views: Tensor) -> Tensor:
        """Return the labels of numbered views (n,), moved as their images are."""
        if self._wild is not None:
            return self._wild_views(views)[1].to(self.device)
        labels = self.data.labels[views % len(self.data.crops)].to(self.device)
        mirrored = self.mirrored[views].to(self.device)
        return self.task.augmented(labels, self._moves(views), mirrored, self.data.crops.shape[-1], self.input_size)

    def inputs(self, views: Tensor) -> Tensor:
        """Return the network's inputs for numbered views (n,): RGB in [0, 1], shape (n, 3, S, S)."""
        sources = [generator_for(self.seed, int(v), 8) for v in views]
        return self.task.inputs(self.images(views), self.labels(views), sources)

    def targets(self, views: Tensor) -> Tensor:
        """Return what the task's loss compares the outputs of numbered views (n,) with."""
        return self.task.targets(self.labels(views), lambda: self.images(views))

    def _moves(self, views: Tensor) -> Moves:
        matrices = self.matrices[views]
        return matrices if self.data.alpha is None else TanhMoves(matrices, self.data.alpha)

    def _wild_views(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Return images and masks of section 3.1.2 of synthparse. The last views are kept: both are needed in turn."""
        assert self._wild is not None
        if self._last is None or not torch.equal(self._last[0], views):
            faces = views % len(self.data.crops)
            seeds = [generator_for(self.seed, int(v), 12).initial_seed() for v in views]
            views_made = self._wild.batch(self.data.crops[faces], self.data.labels[faces], seeds, self.input_size)
            self._last = views, views_made
        return self._last[1]
