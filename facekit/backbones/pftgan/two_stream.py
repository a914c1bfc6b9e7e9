"""The two-stream decoder: a segmentation stream and an image stream, both copies of a generator (section 3.1)."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .stylegan2 import Synthesis

# The paper's example shares the blocks from 4 to 32 px of a generator of 1024 px: four of nine.
SHARED_OF_BLOCKS = 4 / 9


def shared_by_default(sides: tuple[int, ...]) -> int:
    """Return the largest side in pixels whose layers are shared, for the paper's part of all blocks."""
    return sides[max(1, round(len(sides) * SHARED_OF_BLOCKS)) - 1]


class TwoStream(nn.Module):
    """Two copies of a synthesis network that share convolutions up to a side.

    Each stream has its own toRGB layers at every side: on maps of shared blocks, one generates label images, the other
    images.
    """

    def __init__(self, synthesis: Synthesis, shared: int | None = None, image: bool = True):
        """Copy the synthesis network.

        Args:
            synthesis: The network that both streams start from.
            shared: Largest side in pixels whose convolutions are shared. None is the paper's part, 0 shares nothing
                (Table 5), and more than the largest side shares all.
            image: Whether there is an image stream. False is the single stream of Table 4.

        Raises:
            ValueError: If no block has this side.
        """
        super().__init__()
        sides = synthesis.size.sides
        self.shared = shared_by_default(sides) if shared is None else min(shared, sides[-1])
        if self.shared not in (0, *sides):
            raise ValueError(f"shared={shared}: expected 0 or the side of a block, {', '.join(map(str, sides))}")
        self.segmentation = copy.deepcopy(synthesis)
        self.image: Synthesis | None = None
        if image:
            self.image = copy.deepcopy(synthesis)
            for side in sides:
                if side <= self.shared:
                    self._share(self.image, side)

    def _share(self, stream: Synthesis, side: int) -> None:
        """Use the segmentation stream's convolutions of one block in another stream."""
        own_block, other_block = self.segmentation.block(side), stream.block(side)
        if side == 4:
            other_block.const = own_block.const
        else:
            other_block.conv0 = own_block.conv0
        other_block.conv1 = own_block.conv1

    @staticmethod
    def to_rgb(stream: Synthesis) -> list[nn.Parameter]:
        """Return theta_toRGB of a stream, with the styles of these layers."""
        return [p for side in stream.size.sides for p in stream.block(side).torgb.parameters()]


def spread_palette(classes: int) -> NDArray[np.uint8]:
    """Choose colours that are far apart.

    Colours are chosen from a regular grid of the colour cube, each the farthest from all before. The grid with the
    largest smallest distance is used.

    Args:
        classes: Number of colours.

    Returns:
        Uint8 of shape (classes, 3). The first colour is black.
    """
    found = [_spread(classes, steps) for steps in range(2, 10) if steps**3 >= classes]
    return max(found, key=lambda pair: pair[0])[1]


def _spread(classes: int, steps: int) -> tuple[float, NDArray[np.uint8]]:
    """Return the smallest distance of two colours, and the colours, for a grid of ``steps`` levels."""
    levels = np.linspace(0, 255, steps)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3)
    chosen, least = [grid[0]], np.inf
    nearest = np.linalg.norm(grid - chosen[0], axis=1)
    for _ in range(classes - 1):
        place = int(nearest.argmax())
        least = min(least, float(nearest[place]))
        chosen.append(grid[place])
        nearest = np.minimum(nearest, np.linalg.norm(grid - grid[place], axis=1))
    return least, np.rint(np.stack(chosen)).astype(np.uint8)


def label_image(masks: Tensor, palette: Tensor) -> tuple[Tensor, Tensor]:
    """Colour masks: M of section 3.2.

    Args:
        masks: Class ids (N, H, W), 255 = unlabelled.
        palette: Colours (C, 3) in [-1, 1].

    Returns:
        Images (N, 3, H, W) in [-1, 1], and (N, 1, H, W) with 1 where there is a label.
    """
    ids = masks.long()
    known = (ids < len(palette))[:, None].to(palette)
    return palette[ids.clamp(max=len(palette) - 1)].permute(0, 3, 1, 2) * known, known


def interpolated(images: Tensor, maps: Tensor, share: float) -> Tensor:
    """Compute X_M = lambda X + (1 - lambda) M (equation 5).

    Args:
        images: Images X, any shape.
        maps: Maps M, same shape.
        share: lambda, in [0, 1]. The paper's is 0.1.

    Returns:
        X_M, same shape.
    """
    return share * images + (1 - share) * maps


def resized_masks(masks: Tensor, side: int) -> Tensor:
    """Resize class ids by the nearest pixel.

    Args:
        masks: Class ids (N, H, W) of square masks.
        side: Side of the result in pixels.

    Returns:
        Shape (N, side, side), same dtype.
    """
    if masks.shape[-1] == side:
        return masks
    places = ((torch.arange(side, device=masks.device) + 0.5) * masks.shape[-1] / side).long()
    return masks[:, places][:, :, places]
