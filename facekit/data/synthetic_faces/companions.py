"""Other people in the background of a "wild" image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .camera import blur
from .identity_parameters import Params, sample_identity
from .image_parameters import sample_image_parameters
from .parameter_tensors import stack_parameters
from .random_streams import COMPANION, random_stream
from .raycast import FAR
from .renderer import SharedMaps, render

_SAME_SCENE = ("sh", "key_dir", "key_rgb", "rim", "distance")  # light and distance that all people of an image share


def add_companions(
    background: Tensor,
    indices: Sequence[int],
    parameters: Sequence[Params],
    *,
    seed: int,
    domain: str,
    size: int,
    samples: int,
    framing: float,
    shared: SharedMaps,
) -> Tensor:
    """Paint companions over the background, at half the resolution and out of focus.

    Args:
        background: Linear light (N, 3, samples, samples) behind the main person.
        indices: Indices of the N images.
        parameters: Parameters of the N images; ``companions`` is the number of people to add.
        seed: Seed of the set.
        domain: Domain of the set.
        size: Side of the image in pixels.
        samples: Rays per axis of the main person.
        framing: Framing of the set.
        shared: Maps that all faces share.

    Returns:
        Linear light with the companions, same shape.
    """
    image_of = [n for n, p in enumerate(parameters) for _ in range(p["companions"])]
    if not image_of:
        return background
    companions: list[Params] = []
    counts: dict[int, int] = {}
    for n in image_of:
        counts[n] = counts.get(n, 0) + 1
        rng = random_stream(seed, COMPANION + 100 * counts[n], indices[n])
        companions.append(_sample_companion(rng, parameters[n], domain, size, counts[n]))
    device = background.device
    half = samples // 2
    half += half % 2
    rendered = render(stack_parameters(companions, device), shared, size, half, framing, with_unshadowed=False)
    covered = (rendered.depth < FAR).float()[:, None]
    sigma = torch.full((len(image_of),), half / 110, device=device)
    soft = blur(torch.cat((rendered.light * covered, covered), 1), sigma)
    soft = F.interpolate(soft, size=background.shape[-2:], mode="bilinear", align_corners=False)
    for k, n in enumerate(image_of):
        painted = (background[n] * (1 - soft[k, 3:]) + soft[k, :3])[None]
        background = background.index_copy(0, torch.tensor([n], device=device), painted)
    return background


def _sample_companion(rng: np.random.Generator, main: Params, domain: str, size: int, count: int) -> Params:
    """Draw the parameters of companion number ``count`` (from 1), beside the person with the parameters ``main``."""
    p = sample_identity(rng)
    p.update(sample_image_parameters(rng, p, domain, (-60.0, 60.0), (-15.0, 15.0), (-15.0, 15.0)))
    for name in _SAME_SCENE:
        p[name] = main[name]
    side = (1 if rng.random() < 0.5 else -1) * (1 if count == 1 else -1)
    scale = rng.uniform(0.55, 0.95)
    x = size * (0.5 + side * rng.uniform(0.48, 0.66))
    p["place"] = np.array([1.0, scale, x, size * rng.uniform(0.25, 0.6)])
    return p
