"""DatasetGAN's pixel classifier and ensembles of it, for maps of any network (PFTGAN section 3.3).

DatasetGAN: https://arxiv.org/abs/2104.06490
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from .fused_classifier import Side, band_rows, bands, height_width, hidden_sizes


class PixelClassifier(nn.Module):
    """A perceptron from the stacked features of a pixel to logits.

    Hidden layers have 128 and 32 channels for fewer than 32 classes, else 256 and 128. Parameters have DatasetGAN's
    names and are initialised from N(0, 0.02).
    """

    def __init__(self, channels: Sequence[int], classes: int, generator: torch.Generator | None = None):
        """Build the classifier.

        Args:
            channels: Channels of the maps, in their order in the stack.
            classes: Number of classes, 2 to 255.
            generator: Source of random numbers. None is torch's global one.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__()
        self.channels, self.classes = tuple(channels), classes
        if not self.channels or min(self.channels) < 1 or not 2 <= classes <= 255:
            raise ValueError(
                f"channels={list(channels)}, classes={classes}: expected at least one map with at least 1 channel and "
                "2 to 255 classes (label 255 is ignored)"
            )
        first, second = hidden_sizes(classes)
        self.layers = nn.Sequential(
            nn.Linear(sum(self.channels), first),
            nn.ReLU(),
            nn.BatchNorm1d(first),
            nn.Linear(first, second),
            nn.ReLU(),
            nn.BatchNorm1d(second),
            nn.Linear(second, classes),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
                nn.init.zeros_(layer.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute logits (P, classes) of stacked pixels (P, sum(channels))."""
        if pixels.ndim != 2 or pixels.shape[1] != sum(self.channels):
            raise ValueError(f"pixels of {tuple(pixels.shape)}: expected (P,{sum(self.channels)}); maps go to .logits")
        return self.layers(pixels)

    @torch.no_grad()
    def logits(self, maps: Sequence[Tensor], side: Side, memory_limit: int | None = None) -> Tensor:
        """Compute logits of all pixels without building the stack of features.

        The result is that of ``forward`` on maps that are bilinearly resampled (align_corners=False) and concatenated.

        Args:
            maps: Maps [(N, C_i, H_i, W_i)].
            side: Side of the result in pixels, or (height, width).
            memory_limit: Bytes besides the maps, with the result. Rows are processed in bands that fit.

        Returns:
            Float32 of shape (N, classes, S, S), channels last in memory.

        Raises:
            ValueError: If maps do not fit the network, the limit is too low for one row, or in training mode.
        """
        h, w = height_width(side)
        rows = _checked_rows(self, maps, (h, w), memory_limit)
        out = maps[0].new_empty((len(maps[0]), h, w, self.classes), dtype=torch.float32)
        with torch.autocast(out.device.type, enabled=False):
            for n, image in enumerate(out):
                for low, high, logits in bands(self.layers, [x[n] for x in maps], (h, w), rows):
                    image[low:high].view_as(logits).copy_(logits)
        return out.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Votes:
    """Predictions of an ensemble. For stacked pixels, shapes are (P,), (P, C) and (P,).

    Attributes:
        labels: Uint8 (N, H, W), the class with most votes; of tied classes the first.
        probabilities: Mean probabilities (N, C, H, W).
        divergence: Jensen-Shannon divergence (N, H, W) of the probabilities in nats. 0 where all agree.
    """

    labels: Tensor
    probabilities: Tensor
    divergence: Tensor

    @property
    def uncertainty(self) -> Tensor:
        """Mean divergence (N,) of the most divergent tenth of the pixels, a scalar for stacked pixels.

        DatasetGAN removes the images with the largest values.
        """
        flat = self.divergence.flatten(-2) if self.divergence.ndim == 3 else self.divergence
        return flat.topk(max(1, flat.shape[-1] // 10), -1).values.mean(-1)


class Ensemble(nn.Module):
    """Several pixel classifiers that vote, ten in DatasetGAN.

    They predict one after the other, so memory does not grow with their number.
    """

    def __init__(
        self, channels: Sequence[int], classes: int, members: int = 10, generator: torch.Generator | None = None
    ):
        """Build the classifiers.

        Args:
            channels: As for `PixelClassifier`.
            classes: As for `PixelClassifier`.
            members: Number of classifiers, 1 to 255.
            generator: As for `PixelClassifier`.

        Raises:
            ValueError: If a number is out of range.
        """
        super().__init__()
        if not 1 <= members <= 255:
            raise ValueError(f"members={members}: expected 1 to 255")
        self.members = nn.ModuleList(PixelClassifier(channels, classes, generator) for _ in range(members))
        self.channels, self.classes = tuple(channels), classes

    def each(self) -> list[PixelClassifier]:
        """Return the members with their type."""
        return [cast(PixelClassifier, member) for member in self.members]

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Votes:
        """Return the votes on stacked pixels (P, sum(channels)), in evaluation mode."""
        _check_mode(self)
        tally = _Tally(pixels.new_empty((len(pixels), self.classes), dtype=torch.float32))
        for member in self.each():
            tally.add(slice(None), member(pixels).float())
        return tally.result(len(self.members), len(pixels))

    @torch.no_grad()
    def mean_probabilities(self, maps: Sequence[Tensor], side: Side) -> Tensor:
        """Return the mean probabilities (N, C, H, W) of all members on maps: those of ``vote``, in less time.

        Args:
            maps: As for ``vote``.
            side: As for ``vote``.

        Raises:
            ValueError: As ``vote``.
        """
        h, w = height_width(side)
        rows = _checked_rows(self.each()[0], maps, (h, w), None, votes=True)
        images = maps[0].new_zeros((len(maps[0]), h * w, self.classes), dtype=torch.float32)
        with torch.autocast(images.device.type, enabled=False):
            for n, probabilities in enumerate(images):
                for member in self.each():
                    for low, high, logits in bands(member.layers, [x[n] for x in maps], (h, w), rows):
                        probabilities[low * w : high * w] += logits.softmax(-1)
        return images.div_(len(self.members)).view(-1, h, w, self.classes).permute(0, 3, 1, 2)

    @torch.no_grad()
    def vote(self, maps: Sequence[Tensor], side: Side, memory_limit: int | None = None) -> Votes:
        """Return the votes of all members on maps.

        Args:
            maps: Maps [(N, C_i, H_i, W_i)].
            side: Side of the result in pixels, or (height, width).
            memory_limit: Bytes besides the maps, with the result. Rows are processed in bands that fit.

        Returns:
            Labels, mean probabilities and divergence of every pixel.

        Raises:
            ValueError: If maps do not fit the networks, the limit is too low for one row, or in training mode.
        """
        h, w = height_width(side)
        rows = _checked_rows(self.each()[0], maps, (h, w), memory_limit, votes=True)
        images = maps[0].new_empty((len(maps[0]), h * w, self.classes), dtype=torch.float32)
        labels = maps[0].new_empty((len(maps[0]), h, w), dtype=torch.uint8)
        divergence = maps[0].new_empty((len(maps[0]), h, w), dtype=torch.float32)
        with torch.autocast(images.device.type, enabled=False):
            for n, probabilities in enumerate(images):
                tally = _Tally(probabilities)
                for member in self.each():
                    for low, high, logits in bands(member.layers, [x[n] for x in maps], (h, w), rows):
                        tally.add(slice(low * w, high * w), logits)
                votes = tally.result(len(self.members), rows * w)
                labels[n], divergence[n] = votes.labels.view(h, w), votes.divergence.view(h, w)
        return Votes(labels, images.view(-1, h, w, self.classes).permute(0, 3, 1, 2), divergence)


class _Tally:
    """Sums of votes, probabilities and entropies over members, for each pixel."""

    def __init__(self, probabilities: Tensor):
        """Use memory of shape (P, classes) for the mean probabilities."""
        self.probabilities = probabilities.zero_()
        self.votes = torch.zeros_like(probabilities, dtype=torch.uint8)
        self.entropy = probabilities.new_zeros(len(probabilities))

    def add(self, place: slice, logits: Tensor) -> None:
        """Add the logits of one member for some pixels."""
        chosen = logits.argmax(-1, keepdim=True)
        self.votes[place].scatter_add_(-1, chosen, torch.ones_like(chosen, dtype=torch.uint8))
        p = logits.softmax(-1)
        self.probabilities[place] += p
        self.entropy[place] += torch.special.entr(p).sum(-1)

    def result(self, members: int, chunk: int) -> Votes:
        """Return the votes, computed in chunks of pixels."""
        labels = torch.empty_like(self.entropy, dtype=torch.uint8)
        # The entropy of the mean minus the mean entropy.
        divergence = self.entropy.div_(-members)
        self.probabilities.div_(members)
        for low in range(0, len(labels), chunk):
            part = slice(low, low + chunk)
            labels[part] = self.votes[part].argmax(-1)
            divergence[part] += torch.special.entr(self.probabilities[part]).sum(-1)
        return Votes(labels, self.probabilities, divergence)


def _checked_rows(
    network: PixelClassifier,
    maps: Sequence[Tensor],
    size: tuple[int, int],
    memory_limit: int | None,
    votes: bool = False,
) -> int:
    """Check maps and mode, and return the rows of a band."""
    check_maps(maps, network.channels)
    _check_mode(network)
    shapes = [(x.shape[1], x.shape[2], x.shape[3]) for x in maps]
    return band_rows(shapes, network.classes, size, memory_limit, len(maps[0]), votes, maps[0].device.type)


def _check_mode(network: nn.Module) -> None:
    """Raise ValueError in training mode."""
    if network.training:
        raise ValueError(
            "expected evaluation mode, got training mode, in which BatchNorm uses the statistics of one batch; call "
            ".eval()"
        )


def check_maps(maps: Sequence[Tensor], channels: Sequence[int] | None = None) -> None:
    """Check feature maps.

    Args:
        maps: Maps [(N, C_i, H_i, W_i)].
        channels: Expected channels, or None for any.

    Raises:
        ValueError: If shapes are wrong.
    """
    shapes = [tuple(x.shape) for x in maps]
    expected = "maps" if channels is None else f"maps of {', '.join(map(str, channels))} channels"
    if not shapes or {len(shape) for shape in shapes} != {4} or len({shape[0] for shape in shapes}) != 1:
        raise ValueError(f"maps of shapes {shapes}: expected {expected}, each (N,C,H,W), of the same N images")
    if channels is not None and [shape[1] for shape in shapes] != list(channels):
        raise ValueError(f"maps of shapes {shapes}: expected {expected}, in this order, as the classifier was made for")
