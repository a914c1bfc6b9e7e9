"""The pixel classifiers of an adaptation: what its recipe says of them."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from .classifier_training import IGNORED, Maps, PixelFitting, PixelRecipe, draw_pixels, estimate_memory
from .config import PFTGANAdaptation
from .pixel_classifier import Ensemble

log = logging.getLogger("facekit")
# Pixels that a classifier sees before it may stop early. Four epochs of DatasetGAN's images are more; four of one
# image of 64 px are a tenth of it, and too few for Adam (benchmarks/pftgan/tables.py).
_UNHURRIED = 160_000


def head_steps(recipe: PFTGANAdaptation) -> int:
    """Steps of `pixel_fitting`'s program."""
    return recipe.members * recipe.classifier_epochs


def check_parts(masks: Tensor) -> None:
    """Raises ValueError for masks (N,H,W) of ids, 255 = ignored, that hold fewer than two classes."""
    held = masks.unique().tolist()
    classes = [i for i in held if i != IGNORED]
    if len(classes) < 2:
        raise ValueError(
            f"masks: only class {', '.join(map(str, classes)) or 'none'} came, expected at least two: there is nothing "
            "to tell apart; label the rest as background (0), not as ignored (255)"
        )


def pixel_fitting(
    heads: Ensemble, maps: Maps, masks: Tensor, recipe: PFTGANAdaptation, device: torch.device, seed: int
) -> PixelFitting:
    """The training of `heads` on pixels drawn from `maps` as the recipe says; how much memory it takes is said first.

    maps: see `pixels.Maps`. masks: (N,H,W) ids, 255 = ignored. Raises ValueError as `draw_pixels` and `PixelFitting`.
    """
    check_parts(masks)
    settings = PixelRecipe(
        recipe.classifier_optimiser, recipe.classifier_lr, epochs=recipe.classifier_epochs, members=recipe.members,
        unhurried=_UNHURRIED,
    )  # fmt: skip
    side = (masks.shape[1], masks.shape[2])
    own = maps(0) if callable(maps) else [x[:1] for x in maps]
    needed = estimate_memory(
        heads.channels, [(x.shape[2], x.shape[3]) for x in own], heads.classes, side, images=len(masks),
        members=recipe.members, pixels=recipe.pixels, device=device.type,
    )  # fmt: skip
    log.info("pixel classifiers: %s; no more than %.1f MB of pixels are kept", needed, recipe.memory_limit / 1e6)
    pixels = draw_pixels(maps, masks, recipe.pixels, recipe.memory_limit, seed)
    return PixelFitting(heads, pixels, settings, device, seed)
