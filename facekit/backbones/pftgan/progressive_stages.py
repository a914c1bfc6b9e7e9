"""Progressive fine-tuning of the two streams (section 3.2, Algorithm 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.device import autocast
from ...core.random_streams import generator_for
from ...training.time_estimate import STEP, fastest_seconds
from .config import PFTGANAdaptation
from .label_fit import label_fit
from .stylegan2 import Synthesis
from .two_stream import TwoStream, interpolated

# Stage -> trained layers, and whether the targets are interpolated images.
STAGES = {
    "1": ("toRGB", True),  # toRGB layers, towards interpolated images
    "2": ("all", True),
    "3": ("toRGB", False),  # towards label images
    "v": ("all", False),  # "vanilla ft." of Table 6
}
FIT_EVERY = 20  # steps between two measurements of the fit


@dataclass(frozen=True)
class Labelled:
    """Views of the labelled images.

    Attributes:
        codes: Latent codes (V, L, w_dim).
        images: Images (V, 3, S, S) in [-1, 1].
        targets: Label images (V, 3, S, S) in [-1, 1].
        known: Shape (V, 1, S, S), 1 where the target is labelled, else 0.
        masks: Class ids (V, S, S), 255 = unlabelled. None if targets are no label images.
        palette: Colours of the classes, (C, 3) in [-1, 1]. None if targets are no label images.
    """

    codes: Tensor
    images: Tensor
    targets: Tensor
    known: Tensor
    masks: Tensor | None = None
    palette: Tensor | None = None


@dataclass(frozen=True)
class Support:
    """Unlabelled images.

    Attributes:
        codes: Latent codes (N, L, w_dim).
        images: Images (N, 3, S, S) in [-1, 1].
    """

    codes: Tensor
    images: Tensor


class StreamTuning:
    """One stage of Algorithm 1: a `facekit.training.loop.Program` of ``config.steps`` steps.

    A step tunes the segmentation stream on label images, and then the image stream on the labelled images and on
    support images (equation 4), by one perceptual distance. Every 20 steps it measures how well the segmentation stream
    has learned its labels.
    """

    def __init__(
        self,
        streams: TwoStream,
        labelled: Labelled,
        support: Support,
        distance: nn.Module,
        config: PFTGANAdaptation,
        stage: int,
        device: torch.device,
        seed: int = 0,
    ):
        """Choose the layers that are trained.

        Args:
            streams: Both streams. The stage changes them in place.
            labelled: Views of the labelled images.
            support: Unlabelled images.
            distance: A perceptual distance.
            config: Settings.
            stage: Which character of ``config.stages`` this is, counted from 0.
            device: Where to train.
            seed: Seed of the random batches.
        """
        self.streams, self.distance, self.config = streams.to(device), distance.to(device), config
        self.labelled, self.support, self.device, self.seed = labelled, support, device, seed
        self.first = stage * config.steps
        layers, self.mixed = STAGES[config.stages[stage]]
        self.trained: list[tuple[Synthesis, list[nn.Parameter]]] = []
        for stream in (streams.segmentation, streams.image):
            if stream is not None:
                weights = TwoStream.to_rgb(stream) if layers == "toRGB" else list(stream.parameters())
                self.trained.append((stream, weights))
        streams.requires_grad_(False)
        both = {id(p): p for _, weights in self.trained for p in weights}  # shared layers once
        for p in both.values():
            p.requires_grad_(True)
        self.optimiser = torch.optim.Adam(both.values(), config.lr, config.betas)
        self.autocast = autocast(device, config.bfloat16)
        self.fit: dict[str, float] = {}
        self.losses: dict[str, float] = {}

    def step(self, index: int) -> dict[str, float]:
        """Make step ``index`` of this stage and return the losses by name, with the fit of the labels.

        If ``config.fit`` has been reached, nothing is trained and the last losses are returned.
        """
        if self.losses and self.fit.get("label mIoU", 0.0) >= self.config.fit < 1:
            return self.losses
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.learning_rate(index)
        draws = generator_for(self.seed, self.first + index, 16)
        x = self.labelled
        chosen = torch.randperm(len(x.codes), generator=draws)[: self.config.batch_size]
        targets = interpolated(x.images[chosen], x.targets[chosen], self.config.interpolation)
        targets = (targets if self.mixed else x.targets[chosen]).to(self.device)
        generated = self.trained[0][0](x.codes[chosen].to(self.device))
        known = x.known[chosen].to(self.device)
        # Pixels without a label have no target: the output itself is taken, so their loss is zero.
        targets = known * targets + (1 - known) * generated.detach()
        losses = {"segmentation": self._descend(self._distance(generated, targets), self.trained[0][1])}
        if len(self.trained) > 1:
            stream, weights = self.trained[1]
            some = torch.randperm(len(self.support.codes), generator=draws)[: self.config.support_batch]
            loss = self._reconstruction(stream, x.codes[chosen], x.images[chosen])
            loss = loss + self._reconstruction(stream, self.support.codes[some], self.support.images[some])
            losses["image"] = self._descend(loss, weights)
        self._measure(index)
        self.losses = {"loss": sum(losses.values()), **losses, **self.fit}
        return self.losses

    def _distance(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the mean perceptual distance, and the squared error with its weight."""
        with self.autocast:
            distance: Tensor = self.distance(images, targets).float().mean()
        return distance + self.config.l2 * (images - targets).square().mean() if self.config.l2 else distance

    def _reconstruction(self, stream: Synthesis, codes: Tensor, images: Tensor) -> Tensor:
        """Return the distance of a stream's images to the images of the same codes."""
        return self._distance(stream(codes.to(self.device)), images.to(self.device))

    def _measure(self, index: int) -> None:
        """Measure the fit of the label images after the first step, every few steps, and after the last one."""
        x = self.labelled
        due = index == 0 or (index + 1) % FIT_EVERY == 0 or index + 1 == self.config.steps
        if x.masks is None or x.palette is None or not due:
            return
        self.fit = label_fit(self.trained[0][0], x.codes, x.masks, x.palette)

    def _descend(self, loss: Tensor, weights: list[nn.Parameter]) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward(inputs=weights)
        self.optimiser.step()
        return loss.item()

    def state_dict(self) -> dict[str, Any]:
        """Return the optimiser's state. The streams are shared by all stages and saved by `StagedProgram`."""
        return {"optimiser": self.optimiser.state_dict(), "fit": self.fit, "losses": self.losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        self.optimiser.load_state_dict(state["optimiser"])
        self.fit, self.losses = dict(state["fit"]), dict(state["losses"])


@torch.no_grad()
def estimate_stages(
    streams: TwoStream, labelled: Labelled, distance: nn.Module, config: PFTGANAdaptation, device: torch.device
) -> float:
    """Estimate the seconds of one stage from the forward pass of one image. Nothing is changed.

    Args:
        streams: Both streams.
        labelled: Views of the labelled images.
        distance: A perceptual distance.
        config: Settings.
        device: Where to train.
    """
    stream, code = streams.segmentation.to(device), labelled.codes[:1].to(device)
    target = labelled.targets[:1].to(device)

    def forward() -> None:
        image = stream(code)
        with autocast(device, config.bfloat16):
            distance(image, target)

    labels = min(config.batch_size, len(labelled.codes))
    images = labels if streams.image is None else 2 * labels + config.support_batch
    return STEP * fastest_seconds(forward, device) * images * config.steps
