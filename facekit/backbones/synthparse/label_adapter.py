"""The label adapter: maps a parser's predictions to the label conventions of a data set (sections 2.2 and 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from ...augmentation.in_the_wild import LABEL_MAPS
from ...core.arguments import check_choice
from ...core.device import autocast
from ...core.global_state import seeded_random
from ...core.random_streams import generator_for, shuffled_batch
from ...labels import IGNORE_ID
from ...training.batch_norm import copies_needed
from ...training.part_states import PartStates
from .network import ParserSize, new_model

# Input of the adapter. "ids": the class ids in three equal channels, as in the paper's code; classes with close ids
# look alike. "onehot": one channel per class, plus a relabelling of single pixels that is set before the training. The
# network learns only where that is wrong, so small classes are not lost.
READS = ("onehot", "ids")
# Initial probabilities of the relabelling lie between this and one minus this.
_UNLIKELY = 0.01


class LabelAdapter(nn.Module):
    """A segmentation model from label maps (N, h, w) int64 to logits (N, C, h, w) of the target's classes."""

    def __init__(self, size: ParserSize, known: int, channels: int, reads: str = "onehot"):
        """Build the model with random weights.

        Args:
            size: Build of the segmentation model. The paper's is that of its parser.
            known: Number of the parser's classes.
            channels: Number of the target's classes.
            reads: "onehot" or "ids".

        Raises:
            ValueError: If ``reads`` is another one.
        """
        super().__init__()
        check_choice(reads, "reads", READS)
        self.size, self.known, self.channels, self.reads = size, known, channels, reads
        self.model = new_model(size, channels, inputs=3 if reads == "ids" else known)
        self.relabelling = None if reads == "ids" else nn.Conv2d(known, channels, 1, bias=False)

    @override
    def forward(self, ids: Tensor) -> Tensor:
        x = self._read(ids)
        return self.model(x) if self.relabelling is None else self.model(x) + self.relabelling(x)

    @torch.no_grad()
    def start_from(self, ids: Tensor, masks: Tensor) -> None:
        """Set the relabelling of single pixels from pairs of masks. Nothing happens with reads="ids".

        Args:
            ids: The parser's class ids, uint8 (N, s, s).
            masks: The target's class ids, uint8 (N, s, s), 255 = ignored.
        """
        if self.relabelling is None:
            return
        labelled = (masks != IGNORE_ID) & (ids < self.known)
        pairs = ids[labelled].long() * self.channels + masks[labelled].long()
        counts = torch.bincount(pairs, minlength=self.known * self.channels).view(self.known, self.channels).float()
        # One pixel is added to each pair, so that pairs without any are unlikely, not impossible.
        chances = (counts + 1) / (counts + 1).sum(1, keepdim=True)
        self.relabelling.weight.copy_(chances.clamp(_UNLIKELY, 1 - _UNLIKELY).logit().t()[..., None, None])
        for layer in self.model.segmentation_head.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.zeros_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _read(self, ids: Tensor) -> Tensor:
        """Return the model's input. Pixels outside the image have id 255."""
        if self.reads == "ids":
            inside = ids.where(ids < self.known, 0)
            # In the range of normalised images, for which the encoder's ImageNet weights were trained.
            return (inside.float() * (4.0 / max(1, self.known - 1)) - 2.0)[:, None].expand(-1, 3, -1, -1)
        return F.one_hot(ids.clamp(max=self.known), self.known + 1)[..., :-1].movedim(-1, 1).float()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for ``from_dict``, without weights."""
        return {
            "size": asdict(self.size),
            "known": self.known,
            "channels": self.channels,
            "reads": self.reads,
        }

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> LabelAdapter:
        """Build the adapter that ``to_dict`` described, with random weights."""
        rest = dict(settings)
        return cls(ParserSize(**rest.pop("size")), **rest)


class Relabelled(nn.Module):
    """A parser and its adapter as one network, from RGB (N, 3, S, S) in [0, 1] to the adapter's logits."""

    def __init__(self, parser: nn.Module, adapter: LabelAdapter):
        """Store both networks."""
        super().__init__()
        self.parser, self.adapter = parser, adapter

    @override
    def forward(self, x: Tensor) -> Tensor:
        return self.adapter(self.parser(x).argmax(1))


class LabelAdaptation(PartStates):
    """Training of an adapter on the parser's label maps: a `facekit.training.loop.Program`."""

    def __init__(
        self,
        network: LabelAdapter,
        ids: Tensor,
        masks: Tensor,
        loss: Callable[[Tensor, Tensor], Tensor],
        batch_size: int,
        lr: float,
        device: torch.device,
        seed: int = 0,
    ):
        """Prepare the training.

        Args:
            network: The adapter.
            ids: The parser's class ids, uint8 (N, s, s).
            masks: The target's class ids, uint8 (N, s, s), 255 = ignored.
            loss: Maps logits (N, C, h, w) and masks (N, h, w) to a scalar.
            batch_size: Faces per step.
            lr: Learning rate of NAdam.
            device: Where to train.
            seed: Seed of all random numbers.
        """
        self.network, self.ids, self.masks, self.loss = network.to(device), ids, masks, loss
        self.batch_size, self.device, self.seed = batch_size, device, seed
        self.optimiser = torch.optim.NAdam(network.parameters(), lr)
        self.autocast = autocast(device, True)
        self.copies = 1
        if batch_size == 1:
            side = network.size.input_size
            self.copies = copies_needed(network, torch.zeros(1, side, side, dtype=torch.int64, device=device))

    def views(self, index: int) -> tuple[Tensor, Tensor]:
        """Return label maps and masks of step ``index``, moved alike, uint8 (n, S, S) each."""
        chosen = shuffled_batch(self.seed, index, len(self.ids), self.batch_size)
        chosen = chosen.repeat(self.copies)
        # Every view has a seed of its own, so that no two of a run are alike.
        seeds = torch.randint(2**62, (len(chosen),), generator=generator_for(self.seed, index, 11)).tolist()
        return LABEL_MAPS.maps(self.ids[chosen], self.masks[chosen], seeds, self.network.size.input_size)

    def step(self, index: int) -> dict[str, float]:
        """Make optimisation step ``index`` and return the loss."""
        self.network.train()
        ids, masks = (part.to(self.device) for part in self.views(index))
        # Dropout draws from torch's global generator.
        draws = seeded_random(generator_for(self.seed, index, 10).initial_seed())
        with draws, self.autocast:
            maps = self.network(ids.long())
        loss = self.loss(maps, masks)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return {"loss": loss.item()}

    @override
    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "optimiser": self.optimiser}
