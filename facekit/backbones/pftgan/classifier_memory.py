"""Estimate the memory of pixel classifiers from shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .fused_classifier import Side, band_rows, evaluation_bytes, height_width, hidden_sizes
from .pixel_sampling import bank_bytes


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes besides the feature maps.

    Attributes:
        evaluation: Evaluation in bands.
        evaluation_stack: Evaluation on the upsampled stack of maps.
        training: Training on drawn pixels.
        training_stack: Training on the upsampled stack of maps.
        rows: Rows of a band of the evaluation.
    """

    evaluation: int
    evaluation_stack: int
    training: int
    training_stack: int
    rows: int

    def __str__(self) -> str:
        sizes = (
            f"{n / 1e6:,.1f} MB" for n in (self.evaluation, self.evaluation_stack, self.training, self.training_stack)
        )
        return "evaluation takes {} in bands of {rows} rows (the stack {}), training {} (the stack {})".format(
            *sizes, rows=self.rows
        )


def estimate_memory(
    channels: Sequence[int],
    sides: Sequence[Side],
    classes: int,
    side: Side,
    *,
    images: int = 1,
    members: int = 10,
    pixels: int | None = None,
    memory_limit: int | None = None,
    device: str = "cpu",
) -> MemoryEstimate:
    """Compute from shapes how much memory an ensemble needs.

    Args:
        channels: Channels of the maps in order.
        sides: Sides of the maps in pixels, or (height, width).
        classes: Number of classes.
        side: Side of the output and of the labels in pixels, or (height, width).
        images: Images that are evaluated in one call, and that are labelled.
        members: Number of classifiers. 1 is evaluated to logits, more to votes.
        pixels: Pixels drawn for the training. None is all.
        memory_limit: Bytes for the evaluation, which makes bands smaller.
        device: Kind of device, "cpu" or another, on which the size of bands depends.

    Raises:
        ValueError: As `PixelClassifier.logits`.
    """
    if len(channels) != len(sides):
        raise ValueError(f"{len(channels)} channels but {len(sides)} sides: expected one of each for every map")
    shapes = [(c, *height_width(s)) for c, s in zip(channels, sides, strict=True)]
    (h, w), dim, votes = height_width(side), sum(channels), members > 1
    rows = band_rows(shapes, classes, (h, w), memory_limit, images, votes, device)
    first, second = hidden_sizes(classes)
    weights = 4 * (dim * first + first * second + second * classes + 4 * (first + second))
    drawn = images * h * w if pixels is None else min(pixels, images * h * w)
    # Weights of all members and their stacked copies with a gradient, Adam's two averages and a temporary. Each member
    # has an order of the pixels.
    learning = members * (6 * weights + 3 * 4 * 64 * (dim + first + second + classes) + 8 * drawn)
    # The stack of one image at a time, the first layer's outputs and what its ReLU makes of them.
    stack = 4 * h * w * (dim + 2 * first) + images * h * w * (4 * classes + (5 if votes else 0))
    return MemoryEstimate(
        evaluation_bytes(shapes, classes, (h, w), rows, images, votes),
        stack,
        bank_bytes(channels, drawn) + learning,
        4 * images * h * w * dim + learning,
        rows,
    )
