"""Few-shot fitting of an adapted network: augmented views, their cached frozen features, the trained layers."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..augmentation.affine import Affine, TanhMoves, jitter, random_matrices, warp
from ..augmentation.in_the_wild import WildAugmentation
from ..core.device import autocast
from ..core.global_state import seeded_random
from ..core.random_streams import generator_for
from ..tasks import ImageToImageTask, SegmentationTask, Task
from .adversarial import Adversary
from .batch_norm import copies_needed
from .config import Adaptation
from .feature_cache import FeatureCache


class Adapted(Protocol):
    """What a backbone offers: a network whose frozen part can be computed once; or nothing is frozen, and
    `from_features([images])` is all of it."""

    frozen: bool

    @property
    def input_size(self) -> int: ...

    def frozen_features(self, x: Tensor) -> list[Tensor]: ...

    def from_features(self, features: list[Tensor]) -> Tensor: ...

    def new_parameters(self) -> list[nn.Parameter]: ...

    def tuned_parameters(self) -> list[nn.Parameter]:
        """The backbone's own, where a recipe lets them train at a rate of their own (`tower_lr`)."""
        ...


def new_optimiser(groups: list[dict[str, Any]], recipe: Adaptation) -> torch.optim.Optimizer:
    """The recipe's. Raises ValueError for an unknown one."""
    if recipe.optimiser == "adamw":
        return torch.optim.AdamW(
            groups, recipe.lr, recipe.betas, weight_decay=recipe.weight_decay, amsgrad=recipe.amsgrad
        )
    if recipe.optimiser == "nadam":
        return torch.optim.NAdam(groups, recipe.lr, recipe.betas, weight_decay=recipe.weight_decay)
    raise ValueError(f"optimiser={recipe.optimiser!r}: expected 'adamw' or 'nadam'")


class Fitting:
    """One adaptation step; a `facekit.training.loop.Program`.

    network: an `Adapted` network. crops: (N,3,s,s) uint8, s px a side. labels: the task's crop labels (N,...). discriminator:
    for tasks that paint, from images (N,3,S,S) in [0, 1] to logits (N,) of being real. alpha: of the tanh-warp that
    crops and labels went through, or None.
    """

    def __init__(
        self,
        network: Any,
        task: Task,
        crops: Tensor,
        labels: Tensor,
        recipe: Adaptation,
        device: torch.device,
        seed: int = 0,
        discriminator: nn.Module | None = None,
        alpha: float | None = None,
    ):
        self.network, self.task, self.recipe = network.to(device), task, recipe
        self.crops, self.labels, self.alpha = crops, labels, alpha
        self.input_size, self.device, self.seed = network.input_size, device, seed
        mirror = 0.5 if task.mirrors and recipe.mirror else 0.0
        self.affine = Affine(recipe.rotate, recipe.scale, recipe.shift, mirror)
        self.views = max(recipe.views, math.ceil(recipe.least_views / len(crops))) * len(crops)
        # Rates as factors of the recipe's, which follows a schedule.
        groups = [{"params": network.new_parameters(), "factor": 1.0}]
        if recipe.tuned_lr is not None:
            groups.append({"params": network.tuned_parameters(), "factor": recipe.tuned_lr / recipe.lr})
        self.optimiser = new_optimiser(groups, recipe)
        self.adversary: Adversary | None = None
        if discriminator is not None:
            self.adversary = Adversary(discriminator.to(device), recipe.adversarial_weight, recipe.lr, recipe.betas)
        if recipe.wild and (not isinstance(task, SegmentationTask) or alpha is not None):
            raise ValueError(
                f"wild=True came for {task.name}{'' if alpha is None else ', tanh-warped'}: it moves plain images "
                "with their masks, so it is for segmentation without align='tanh'"
            )
        self.wild = WildAugmentation() if recipe.wild else None
        self._views: tuple[Tensor, tuple[Tensor, Tensor]] | None = None
        self.cache: FeatureCache | None = None
        self.autocast = autocast(device, recipe.bfloat16)
        self.copies = 1
        if min(recipe.batch_size, self.views) == 1:
            self.copies = copies_needed(network, torch.zeros(1, 3, self.input_size, self.input_size, device=device))
        matrices = [random_matrices(len(crops), self.affine, generator_for(seed, r, 5)) for r in range(self.rounds)]
        self.matrices, self.mirrored = (torch.cat(parts) for parts in zip(*matrices, strict=True))
        # The first view of each face is the face as it is.
        self.matrices[: len(crops)] = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
        self.mirrored[: len(crops)] = False

    @property
    def steps(self) -> int:
        """Of the whole adaptation."""
        return self.recipe.steps

    @property
    def rounds(self) -> int:
        return self.views // len(self.crops)

    def moves(self, views: Tensor) -> Any:
        """`augment.Moves` of numbered views, which tasks only hand on."""
        return self.matrices[views] if self.alpha is None else TanhMoves(self.matrices[views], self.alpha)

    def _wild_views(self, views: Tensor) -> tuple[Tensor, Tensor]:
        """Images and masks of numbered views by `facekit.augmentation.in_the_wild`; the last ones are kept, for both are asked for."""
        assert self.wild is not None
        if self._views is None or not torch.equal(self._views[0], views):
            faces = views % len(self.crops)
            seeds = [generator_for(self.seed, int(v), 12).initial_seed() for v in views]
            self._views = views, self.wild.batch(self.crops[faces], self.labels[faces], seeds, self.input_size)
        return self._views[1]

    def images(self, views: Tensor) -> Tensor:
        """The augmented images of numbered views: (n,3,S,S) in [0, 1]."""
        if self.wild is not None:
            return self._wild_views(views)[0].to(self.device)
        crops = self.crops[views % len(self.crops)].to(self.device).float().div_(255)
        x = warp(crops, self.moves(views), self.input_size)
        if self.recipe.jitter:
            x = jitter(x, self.recipe.jitter, [generator_for(self.seed, int(v), 6) for v in views])
        return x

    def moved_labels(self, views: Tensor) -> Tensor:
        """The labels of numbered views, moved with their images."""
        if self.wild is not None:
            return self._wild_views(views)[1].to(self.device)
        labels, mirrored = self.labels[views % len(self.crops)].to(self.device), self.mirrored[views].to(self.device)
        return self.task.augmented(labels, self.moves(views), mirrored, self.crops.shape[-1], self.input_size)

    def inputs(self, views: Tensor) -> Tensor:
        """What the network is shown of numbered views: (n,3,S,S) in [0, 1]."""
        sources = [generator_for(self.seed, int(v), 8) for v in views]
        return self.task.inputs(self.images(views), self.moved_labels(views), sources)

    def targets(self, views: Tensor) -> Tensor:
        return self.task.targets(self.moved_labels(views), lambda: self.images(views))

    def fill_cache(self) -> None:
        """Compute the frozen features of all views, once."""
        self.cache = FeatureCache(self.views, self.recipe.cache_bytes)
        for views in torch.arange(self.views).split(50):
            self.cache.write(int(views[0]), self.frozen(views))

    def frozen(self, views: Tensor) -> list[Tensor]:
        """The frozen features of numbered views."""
        x = self.inputs(views)
        with self.autocast:
            return self.network.frozen_features(x)

    def features(self, views: Tensor) -> list[Tensor]:
        if not self.network.frozen:
            return [self.inputs(views)]
        if not self.recipe.cache:
            return [f.half().float() for f in self.frozen(views)]
        if self.cache is None:
            self.fill_cache()
        assert self.cache is not None
        return self.cache.read(views, self.device)

    def learning_rate(self, index: int) -> float:
        r = self.recipe
        rate = r.lr * min(1.0, (index + 1) / (r.warmup + 1))
        return rate * 0.5 * (1 + math.cos(math.pi * index / r.steps)) if r.cosine else rate

    def step(self, index: int) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate(index) * group["factor"]
        self.network.train()
        views = torch.randperm(self.views, generator=generator_for(self.seed, index, 7))[: self.recipe.batch_size]
        views = views.repeat(self.copies)
        features = self.features(views)
        # Dropout draws from torch's own generator.
        draws = seeded_random(generator_for(self.seed, index, 10).initial_seed())
        with draws, self.autocast:
            maps = self.network.from_features(features)
        maps, targets = maps.float(), self.targets(views)
        loss = self.task.loss(maps, targets)
        losses = {"loss": loss.item()}
        if self.adversary is not None:
            assert isinstance(self.task, ImageToImageTask)
            real, painted = self.task.judged(maps, targets)
            losses |= self.adversary.learn(index, self.learning_rate(index), real, painted.detach())
            adv = self.adversary.loss(painted)
            losses["adv"] = adv.item()
            loss = loss + self.adversary.weight * adv
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return losses

    def state_dict(self) -> dict[str, Any]:
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        parts = {"network": self.network, "optimiser": self.optimiser}
        return parts if self.adversary is None else parts | {"adversary": self.adversary}
