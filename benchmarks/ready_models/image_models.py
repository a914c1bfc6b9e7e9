"""Train the ready models that make images: two sketch styles and shadow removal.

All are synthparse's UNet with a discriminator of patches. Encoder and decoder start from the ready parser. Faces are
framed on the mean face, as wide as CelebA-HQ's images, so that the whole head is in the crop.
"""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import torch

from facekit.api.adaptation import adapt
from facekit.api.evaluation import evaluate
from facekit.augmentation.shadows import cast_shadows
from facekit.core.random_streams import generator_for
from facekit.data.face_sources import data_folder
from facekit.images.reader import load_image
from facekit.model import Model

from .parsed_faces import celebamask

# Every eighth pair of photo and sketch scores the models.
SCORED = 8
PAINTER: dict[str, Any] = {
    "backbone": "synthparse",
    "weights": "embedded",
    "start": "none",
    "align": "mean",
    "input_size": 224,
    "decoder_channels": (96, 64, 48, 32, 16),
    "batch_size": 8,
    "lr": 1e-3,
    "tower_lr": 5e-4,
    "betas": (0.5, 0.999),
    "warmup": 50,
    "cosine": True,
    "bfloat16": True,
    "cache": False,
    "views": 20,
    "scale": (0.85, 1.2),
    "rotate": 10.0,
    "shift": 0.04,
    "jitter": 0.35,
}
Pairs = tuple[list[np.ndarray], list[np.ndarray]]


def sketch_pairs(folder: str, scored: bool) -> Pairs:
    """Return photos and sketches of a folder of FACEKIT_DATA.

    Args:
        folder: "sketches" (CUFS) or "fs2k".
        scored: Whether to return the pairs that score the model instead of those that train it.
    """
    root = data_folder(folder)
    with (root / "index.csv").open() as file:
        rows = [row for i, row in enumerate(csv.DictReader(file)) if (i % SCORED == SCORED - 1) == scored]
    photos = [load_image(root / "photos" / row["photo"]) for row in rows]
    return photos, [load_image(root / "sketches" / row["sketch"]) for row in rows]


def sketch(folder: str, seed: int, steps: int) -> Model:
    """Train one style of sketches; score it on pairs that the training did not see.

    Args:
        folder: As for `sketch_pairs`.
        seed: Seed of the training.
        steps: Number of steps.
    """
    photos, sketches = sketch_pairs(folder, scored=False)
    model = adapt(photos, sketches, "stylization", seed=seed, steps=steps, adv=10.0, **PAINTER)
    model.about[folder] = evaluate(model, *sketch_pairs(folder, scored=True))
    return model


def shadow_removal(seed: int = 0, steps: int = 1200) -> Model:
    """Train shadow removal on the clean faces of `celebamask`; every view gets a shadow of its own.

    Half of the images there have soft shadows of their own. The images lie as on the mean face.
    """
    images, _ = celebamask("train")
    model = adapt(images, None, "shadow_removal", seed=seed, steps=steps, adv=2.0, **{**PAINTER, "align": "none"})
    model.align = "mean"
    return model


def with_shadow(image: np.ndarray, person: np.ndarray, seed: int, index: int) -> np.ndarray:
    """Cast a synthetic shadow on the person in an image, the same in each call.

    Args:
        image: RGB (H, W, 3) uint8.
        person: Whether a pixel shows the person (H, W), bool.
        seed: Seed of the shadows.
        index: Number of the image.
    """
    clean = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
    dark = cast_shadows(clean, generator_for(seed, index), torch.from_numpy(person)[None, None].float())
    return (255 * dark[0].permute(1, 2, 0)).round().clamp(0, 255).byte().numpy()


def shadowed_faces() -> Pairs:
    """Return the validation faces of `celebamask` with a synthetic shadow on the person, and without.

    The person is what the masks do not call background.
    """
    images, masks = celebamask("validation")
    pairs = zip(images, masks, strict=True)
    return [with_shadow(image, mask != 0, 0, i) for i, (image, mask) in enumerate(pairs)], images
