"""Prepare the training of pixel classifiers from the settings of an adaptation."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from ...labels import IGNORE_ID
from .classifier_memory import estimate_memory
from .classifier_training import PixelFitting, PixelRecipe
from .config import PFTGANAdaptation
from .pixel_classifier import Ensemble
from .pixel_sampling import Maps, affordable_pixels, draw_pixels

log = logging.getLogger("facekit")
# Pixels before a classifier may stop early. Four epochs of DatasetGAN's images are more. Four epochs of one image of
# 64 px are a tenth of it, which is too few for Adam (`facekit reproduce pftgan/table4`).
_UNHURRIED = 160_000


def check_parts(masks: Tensor) -> None:
    """Check that masks hold at least two classes.

    Args:
        masks: Class ids (N, H, W), 255 = ignored.

    Raises:
        ValueError: If there are fewer.
    """
    ids = masks.unique().tolist()
    classes = [i for i in ids if i != IGNORE_ID]
    if len(classes) < 2:
        raise ValueError(
            f"masks: expected at least two classes, got {', '.join(map(str, classes)) or 'none'}; label the rest as "
            "background (0), not as ignored (255)"
        )


def check_memory(
    heads: Ensemble, maps: list[Tensor], masks: Tensor, recipe: PFTGANAdaptation, device: torch.device
) -> None:
    """Check the number of pixels before other training begins, and log how much memory the classifiers will need.

    Args:
        heads: The classifiers.
        maps: Feature maps (1, C, h, w) of one image.
        masks: Class ids (N, H, W), 255 = ignored.
        recipe: Settings.
        device: Where to train.

    Raises:
        ValueError: If ``pixels`` do not fit into ``memory_limit``.
    """
    labelled = int((masks != IGNORE_ID).sum())
    pixels = affordable_pixels(heads.channels, labelled, recipe.pixels, recipe.memory_limit)
    needed = estimate_memory(
        heads.channels,
        [(x.shape[2], x.shape[3]) for x in maps],
        heads.classes,
        (masks.shape[1], masks.shape[2]),
        images=len(masks),
        members=recipe.members,
        pixels=pixels,
        device=device.type,
    )
    log.info("pixel classifiers: %s; no more than %.1f MB of pixels are kept", needed, recipe.memory_limit / 1e6)


def pixel_fitting(
    heads: Ensemble, maps: Maps, masks: Tensor, recipe: PFTGANAdaptation, device: torch.device, seed: int
) -> PixelFitting:
    """Return the training of classifiers on pixels drawn from maps.

    Args:
        heads: The classifiers.
        maps: Feature maps, see `pixel_sampling.Maps`.
        masks: Class ids (N, H, W), 255 = ignored.
        recipe: Settings.
        device: Where to train.
        seed: Seed of all random numbers.

    Raises:
        ValueError: As `draw_pixels` and `PixelFitting`.
    """
    check_parts(masks)
    settings = PixelRecipe(
        recipe.classifier_optimiser,
        recipe.classifier_lr,
        epochs=recipe.classifier_epochs,
        members=recipe.members,
        unhurried=_UNHURRIED,
    )
    pixels = draw_pixels(maps, masks, recipe.pixels, recipe.memory_limit, seed)
    return PixelFitting(heads, pixels, settings, device, seed)
