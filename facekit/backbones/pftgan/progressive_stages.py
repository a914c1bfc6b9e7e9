"""The progressive fine-tuning of the two streams (PFTGAN section 3.2, Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.random_streams import generator_for
from .config import PFTGANAdaptation
from .stylegan2 import Synthesis
from .two_stream import TwoStream, interpolated

STAGES = {
    "1": ("toRGB", True),  # toRGB layers, towards interpolated images
    "2": ("all", True),
    "3": ("toRGB", False),  # towards label images
    "v": ("all", False),  # "vanilla ft." of Table 6
}


@dataclass(frozen=True)
class Labelled:
    """Views of the labelled images: codes (V,L,w_dim), images and targets (V,3,S,S) in [-1, 1], and known
    (V,1,S,S): 1 where the target is labelled, 0 where it says nothing."""

    codes: Tensor
    images: Tensor
    targets: Tensor
    known: Tensor


@dataclass(frozen=True)
class Support:
    """Unlabelled images (N,3,S,S) in [-1, 1] and their codes (N,L,w_dim)."""

    codes: Tensor
    images: Tensor


class Progressive:
    """`recipe.stages` one after the other, `recipe.steps` each; a `facekit.training.loop.Program`.

    A step tunes the segmentation stream on labelled images and then the image stream on support images (equation
    4), by one perceptual distance. Of each stage the optimiser is new, for other weights train in it. distance: from
    `perceptual`. Raises ValueError for unknown stages.
    """

    def __init__(
        self,
        streams: TwoStream,
        labelled: Labelled,
        support: Support,
        distance: nn.Module,
        recipe: PFTGANAdaptation,
        device: torch.device,
        seed: int = 0,
    ):
        unknown = sorted(set(recipe.stages) - set(STAGES))
        if unknown:
            raise ValueError(
                f"stages={recipe.stages!r}: expected some of {', '.join(map(repr, STAGES))} in a row, such as '123', "
                "or '' for the generator as it is"
            )
        self.streams, self.distance, self.recipe = streams.to(device), distance.to(device), recipe
        self.labelled, self.support, self.device, self.seed = labelled, support, device, seed
        self.stage = -1
        if recipe.stages:
            self._begin(0)

    @property
    def steps(self) -> int:
        return len(self.recipe.stages) * self.recipe.steps

    def _begin(self, stage: int) -> None:
        self.stage = stage
        which, self.mixed = STAGES[self.recipe.stages[stage]]
        self.trained: list[tuple[Synthesis, list[nn.Parameter]]] = []
        for stream in (self.streams.segmentation, self.streams.image):
            if stream is not None:
                weights = TwoStream.to_rgb(stream) if which == "toRGB" else list(stream.parameters())
                self.trained.append((stream, weights))
        self.streams.requires_grad_(False)
        both = {id(p): p for _, weights in self.trained for p in weights}  # shared layers once
        for p in both.values():
            p.requires_grad_(True)
        self.optimiser = torch.optim.Adam(both.values(), self.recipe.lr, self.recipe.betas)

    def step(self, index: int) -> dict[str, float]:
        stage = index // self.recipe.steps
        if stage != self.stage:
            self._begin(stage)
        draws = generator_for(self.seed, index, 16)
        x = self.labelled
        chosen = torch.randperm(len(x.codes), generator=draws)[: self.recipe.batch_size]
        targets = interpolated(x.images[chosen], x.targets[chosen], self.recipe.interpolation)
        targets = (targets if self.mixed else x.targets[chosen]).to(self.device)
        made = self.trained[0][0](x.codes[chosen].to(self.device))
        known = x.known[chosen].to(self.device)
        # Where there is no label, what was made is right.
        targets = known * targets + (1 - known) * made.detach()
        losses = {"segmentation": self._descend(self.distance(made, targets).mean(), self.trained[0][1])}
        if len(self.trained) > 1:
            stream, weights = self.trained[1]
            some = torch.randperm(len(self.support.codes), generator=draws)[: self.recipe.support_batch]
            painted = stream(self.support.codes[some].to(self.device))
            loss = self.distance(painted, self.support.images[some].to(self.device)).mean()
            losses["image"] = self._descend(loss, weights)
        return losses

    def _descend(self, loss: Tensor, weights: list[nn.Parameter]) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=weights)
        self.optimiser.step()
        return loss.item()

    def state_dict(self) -> dict[str, Any]:
        optimiser = self.optimiser.state_dict() if self.stage >= 0 else {}
        return {"streams": self.streams.state_dict(), "stage": self.stage, "optimiser": optimiser}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.streams.load_state_dict(state["streams"])
        if state["stage"] >= 0:
            self._begin(state["stage"])
            self.optimiser.load_state_dict(state["optimiser"])
