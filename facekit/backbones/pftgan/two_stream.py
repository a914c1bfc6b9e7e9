"""The two-stream decoder (PFTGAN section 3.1): a segmentation stream and an image stream, both a generator's."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .stylegan2 import Synthesis

# The paper's example shares 4 to 32 px of a generator of 1024: four of its nine blocks.
SHARED_OF_BLOCKS = 4 / 9


def shared_by_default(sides: tuple[int, ...]) -> int:
    """The largest side, px, whose layers both streams share: the paper's part of all blocks."""
    return sides[max(1, round(len(sides) * SHARED_OF_BLOCKS)) - 1]


class TwoStream(nn.Module):
    """Both streams begin as `synthesis`; of the blocks up to `shared` px they have one set of convolutions.

    Each stream has toRGB layers of its own at every side, for on the shared blocks' maps one paints labels, the other
    images. shared: px; 0: nothing is (Table 5). image: False leaves the image stream out (Table 4's single stream).
    Raises ValueError for a `shared` that is no block's side.
    """

    def __init__(self, synthesis: Synthesis, shared: int | None = None, image: bool = True):
        super().__init__()
        sides = synthesis.size.sides
        self.shared = shared_by_default(sides) if shared is None else shared
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
        mine, theirs = self.segmentation.block(side), stream.block(side)
        if side == 4:
            theirs.const = mine.const
        else:
            theirs.conv0 = mine.conv0
        theirs.conv1 = mine.conv1

    @staticmethod
    def to_rgb(stream: Synthesis) -> list[nn.Parameter]:
        """theta_toRGB of a stream, their styles included."""
        return [p for side in stream.size.sides for p in stream.block(side).torgb.parameters()]


def spread_palette(classes: int) -> NDArray[np.uint8]:
    """(classes,3) colours, class 0 black, whose closest two are as far apart as on any regular grid of the colour cube
    from which each next colour is taken where it is farthest from all before."""
    found = [_spread(classes, steps) for steps in range(2, 10) if steps**3 >= classes]
    return max(found, key=lambda pair: pair[0])[1]


def _spread(classes: int, steps: int) -> tuple[float, NDArray[np.uint8]]:
    """The least distance of two colours, and the colours."""
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
    """M, the masks as images. masks: (N,H,W) ids, 255 = not labelled. palette: (C,3) in [-1, 1]. Returns
    (N,3,H,W) in [-1, 1] and (N,1,H,W), 1 where labelled."""
    ids = masks.long()
    known = (ids < len(palette))[:, None].to(palette)
    return palette[ids.clamp(max=len(palette) - 1)].permute(0, 3, 1, 2) * known, known


def interpolated(images: Tensor, maps: Tensor, share: float) -> Tensor:
    """X_M = share X + (1 - share) M (equation 5; the paper's share, lambda, is 0.1)."""
    return share * images + (1 - share) * maps


def resized_masks(masks: Tensor, side: int) -> Tensor:
    """Ids at the generator's side, the nearest ones: (N,H,W) to (N,side,side)."""
    if masks.shape[-1] == side:
        return masks
    places = ((torch.arange(side, device=masks.device) + 0.5) * masks.shape[-1] / side).long()
    return masks[:, places][:, :, places]
