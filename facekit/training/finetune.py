"""Fine-tune the trained part of a network on few labelled faces."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from ..core.device import autocast
from ..core.global_state import seeded_random
from ..core.random_streams import generator_for
from ..tasks import Task
from .adapted_network import AdaptedNetwork
from .adversarial import Adversary
from .batch_norm import copies_needed
from .config import Adaptation
from .feature_cache import FeatureCache
from .part_states import PartStates
from .views import AugmentedViews, TrainingData

# Views whose frozen features are computed at once: at most this many, and at most so many pixels. Activations of a
# ViT-B take about 0.1 GB per million pixels.
_BATCH, _BATCH_PIXELS = 50, 50 * 224**2


class FineTuning(PartStates):
    """One optimisation step of an adaptation: a `facekit.training.loop.Program`.

    Frozen features are computed once per view and kept in a cache, so a step runs only the trained part.
    """

    def __init__(
        self,
        network: AdaptedNetwork,
        task: Task,
        data: TrainingData,
        config: Adaptation,
        device: torch.device,
        seed: int = 0,
        discriminator: nn.Module | None = None,
    ):
        """Prepare the training.

        Args:
            network: The network; it is moved to the device.
            task: The task.
            data: Crops and labels.
            config: Settings of the backbone.
            device: Where to train.
            seed: Seed of all random numbers.
            discriminator: For image-to-image tasks: maps RGB images (N, 3, S, S) in [0, 1] to logits (N,). Its
                adversarial loss is added to the task's.
        """
        self.network, self.task, self.config = network.to(device), task, config
        self.device, self.seed = device, seed
        self.views = AugmentedViews(task, data, config, network.input_size, device, seed)
        self.loss = task.loss_function(data.labels)
        self.optimiser = new_optimiser(network, config)
        self.adversary: Adversary | None = None
        if discriminator is not None:
            self.adversary = Adversary(discriminator.to(device), config.adversarial_weight, config.lr, config.betas)
        self.cache: FeatureCache | None = None
        self.autocast = autocast(device, config.bfloat16)
        self.frozen_autocast = autocast(device, config.bfloat16, gradients=False)
        self.copies = 1
        if min(config.batch_size, self.views.count) == 1:
            self.copies = copies_needed(network, torch.zeros(1, 3, *2 * [network.input_size], device=device))

    @property
    def steps(self) -> int:
        """Number of steps of the whole adaptation."""
        return self.config.steps

    @property
    def facts(self) -> dict[str, Any]:
        """Nothing: all that the model's file says follows from the configuration."""
        return {}

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the losses by name."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate(index) * group["factor"]
        self.network.train()
        views = torch.randperm(self.views.count, generator=generator_for(self.seed, index, 7))
        views = views[: self.config.batch_size].repeat(self.copies)
        features = self.features(views)
        # Dropout draws from torch's global generator.
        with seeded_random(generator_for(self.seed, index, 10).initial_seed()), self.autocast:
            maps = self.network.from_features(features)
        maps, targets = maps.float(), self.views.targets(views)
        loss = self.loss(maps, targets)
        losses = {"loss": loss.item()}
        if self.adversary is not None:
            real, painted = self.task.adversarial_images(maps, targets)
            losses |= self.adversary.learn(index, self.config.learning_rate(index), real, painted.detach())
            adversarial = self.adversary.loss(painted)
            losses["adv"] = adversarial.item()
            loss = loss + self.adversary.weight * adversarial
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return losses

    @property
    def frozen_batch(self) -> int:
        """Number of views whose frozen features are computed at once."""
        return max(1, min(_BATCH, _BATCH_PIXELS // self.network.input_size**2))

    def features(self, views: Tensor) -> list[Tensor]:
        """Return the inputs of the trained part for numbered views (n,)."""
        if not self.network.frozen:
            return [self.views.inputs(views)]
        if not self.config.cache:
            # Rounded as in the cache, so that both give the same numbers.
            parts = [self._frozen_features(some) for some in views.split(self.frozen_batch)]
            return [torch.cat(levels).half().float() for levels in zip(*parts, strict=True)]
        if self.cache is None:
            self.cache = FeatureCache(self.views.count, self.config.cache_bytes)
            for some in torch.arange(self.views.count).split(self.frozen_batch):
                self.cache.write(int(some[0]), self._frozen_features(some))
        return self.cache.read(views, self.device)

    def _frozen_features(self, views: Tensor) -> list[Tensor]:
        inputs = self.views.inputs(views)
        with self.frozen_autocast:
            return self.network.frozen_features(inputs)

    @override
    def _parts(self) -> dict[str, Any]:
        parts = {"network": self.network, "optimiser": self.optimiser}
        return parts if self.adversary is None else parts | {"adversary": self.adversary}


def new_optimiser(network: AdaptedNetwork, config: Adaptation) -> torch.optim.Optimizer:
    """Build the optimiser for the trained parameters of a network.

    Args:
        network: The network.
        config: Settings: optimiser, learning rates, betas and weight decay.

    Returns:
        The optimiser. Each parameter group has a ``factor``: its learning rate divided by that of the configuration.
    """
    groups: list[dict[str, Any]] = [{"params": network.new_parameters(), "factor": 1.0}]
    if config.tuned_lr is not None:
        groups.append({"params": network.tuned_parameters(), "factor": config.tuned_lr / config.lr})
    if config.optimiser == "nadam":
        return torch.optim.NAdam(groups, config.lr, config.betas, weight_decay=config.weight_decay)
    return torch.optim.AdamW(groups, config.lr, config.betas, weight_decay=config.weight_decay, amsgrad=config.amsgrad)
