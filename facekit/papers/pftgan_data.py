"""Labelled images for PFTGAN's tables: real, rendered, and the generator's own."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..api.prediction import predict
from ..backbones.pftgan.backbone import PFTGAN
from ..core.random_streams import generator_for
from ..data.datasets import car20_parts, ffhq34_parts, labelled_parts
from ..data.synthetic_faces.generator import GeneratedFaces
from ..images import load_image
from ..labels import CELEBAMASK_19, FACEKIT_27, FASSEG_6
from ..model import find_backbone, find_frames
from ..results import Segmentation
from .face_data import Split, celebamask, split_fasseg
from .needs import CAR_20, CELEBAMASK_CROPS, FACE_34_GENERATED, FFHQ_34, GENERATED_PARTS

_SIDE, _UNSEEN, _LABELLED = 192, 64, 40
# Generated images to draw the labelled ones from, others to score, and the side to which they are enlarged, in pixels.
OWN_LABELLED, _OWN_UNSEEN, _OWN_SIDE = 20, 60, 256


@functools.cache
def _rendered() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return generated faces whose people are in no training: first those to label, then those to score."""
    faces = GeneratedFaces(seed=620, size=_SIDE, framing=2.2, yaw=(-25, 25), pitch=(-12, 12), roll=(-10, 10))
    found = faces.batch(range(_LABELLED + _UNSEEN), want=("image", "mask"))
    return list(found["image"].permute(0, 2, 3, 1).numpy()), list(found["mask"].numpy())


def split_generated(n: int, seed: int, root: Path | None = None) -> Split:
    """Draw `n` generated faces; score the 64 others."""
    images, masks = _rendered()
    drawn = random.Random(seed).sample(range(_LABELLED), _LABELLED)
    # An image in which no face is found is not labelled, as a user would do.
    few = list(itertools.islice((i for i in drawn if find_frames(images[i], "ffhq", None)), n))
    return Split([images[i] for i in few], [masks[i] for i in few], images[_LABELLED:], masks[_LABELLED:])


def _parts(
    read: Callable[[Path, str], tuple[list[Path], list[np.ndarray]]],
) -> Callable[[int, int, Path | None], Split]:
    """Return a function that draws from the training images of a published data set; its test images are scored."""

    def split(n: int, seed: int, root: Path | None) -> Split:
        assert root is not None
        (images, masks), (unseen, truth) = read(root, "train"), read(root, "test")
        few = random.Random(seed).sample(range(len(images)), n)
        return Split([images[i] for i in few], [masks[i] for i in few], [load_image(p) for p in unseen], truth)

    return split


@functools.cache
def own_samples() -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """Generate images with the embedded generator, and label them with the ready parser.

    Returns:
        80 images RGB (256, 256, 3) uint8, their masks (256, 256) uint8, and their latent codes (80, L, w_dim).
    """
    backbone = find_backbone("pftgan")
    assert isinstance(backbone, PFTGAN)
    generator, _ = backbone.load_pair()
    z = torch.randn(OWN_LABELLED + _OWN_UNSEEN, generator.size.z_dim, generator=generator_for(21, 0, 18))
    with torch.no_grad():
        codes = torch.cat([generator.codes(some, 0.7) for some in z.split(16)])
        shown = torch.cat([generator.synthesis(some) for some in codes.split(16)]).clamp(-1, 1)
    large = torch.nn.functional.interpolate(shown, _OWN_SIDE, mode="bicubic").clamp(-1, 1)
    images = list(((large + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    masks = []
    for image in images:
        parts = predict("segmentation", image, align="none")
        assert isinstance(parts, Segmentation)
        masks.append(parts.mask)
    return images, masks, codes.numpy()


def split_own(n: int, seed: int, root: Path | None = None) -> Split:
    """Draw `n` of the first 20 generated images; score the 60 others."""
    images, masks, _ = own_samples()
    few = random.Random(seed).sample(range(OWN_LABELLED), n)
    return Split([images[i] for i in few], [masks[i] for i in few], images[OWN_LABELLED:], masks[OWN_LABELLED:])


def split_celebamask(n: int, seed: int, root: Path | None) -> Split:
    """Draw `n` of the training faces of CelebAMask-HQ at hand; score the 70 that no pre-training saw."""
    assert root is not None
    train, unseen = (celebamask(root / CELEBAMASK_CROPS.name, s, CELEBAMASK_19) for s in ("train", "unseen"))
    few = [train[i] for i in random.Random(seed).sample(range(len(train)), n)]
    return Split(
        [face.image for face in few],
        [face.mask for face in few],
        [face.image for face in unseen],
        [face.mask for face in unseen],
    )


# Name of a data set -> its splits, label set and crops.
SETS: dict[str, tuple[Callable[[int, int, Path | None], Split], Any, str]] = {
    "generated": (split_generated, FACEKIT_27, "ffhq"),
    "fasseg": (lambda n, seed, root: split_fasseg(n, seed), FASSEG_6, "ffhq"),
    "celebamask-unseen": (split_celebamask, CELEBAMASK_19, "none"),
    "own": (split_own, CELEBAMASK_19, "none"),
    "ffhq34": (_parts(lambda root, part: ffhq34_parts(root / FFHQ_34.name, part)), "ffhq34", "none"),
    "face34": (
        _parts(lambda root, part: labelled_parts(root / FACE_34_GENERATED.name / GENERATED_PARTS[part], "ffhq34")),
        "ffhq34",
        "none",
    ),
    "car20": (_parts(lambda root, part: car20_parts(root / CAR_20.name, part)), "car20", "none"),
}
