"""Synthetic foreign shadows on portraits without shadows: the training pairs of shadow removal.

FSMA section 4.4 and supplement section 2.2, after Zhang et al., "Portrait shadow manipulation" (ToG 2020,
https://arxiv.org/abs/2005.08925). A random mask comes from Perlin noise or from the silhouette of an object. Inside the
mask, the image is darkened by a random strength that varies over the face. The blur of the mask's edge varies, and it
is wider in red, as light scatters in skin. Only the portrait changes; the background stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class ShadowRange:
    """Ranges of uniform draws. Lengths are fractions of the image's side. The papers give no numbers: these are ours.

    Attributes:
        strength: Fraction of the light that is lost in the middle of the shadow.
        variation: Amplitude of the strength's variation over the image.
        blur: Standard deviation of the sharpest and of the softest edge.
        scattering: Further blur of red; green gets a third of it.
        tint: Largest difference of the shadow's colours, as the sky or a wall lights it.
        cover: Fraction of the image in shadow.
        silhouettes: Fraction of the masks that are silhouettes instead of noise.
    """

    strength: tuple[float, float] = (0.3, 0.99)
    variation: float = 0.25
    blur: tuple[float, float] = (0.004, 0.05)
    scattering: tuple[float, float] = (0.0, 0.012)
    tint: float = 0.08
    cover: tuple[float, float] = (0.2, 0.6)
    silhouettes: float = 0.5


def cast_shadows(
    images: Tensor, generator: torch.Generator, portrait: Tensor | None = None, spec: ShadowRange | None = None
) -> Tensor:
    """Add random foreign shadows to images.

    Args:
        images: (N,3,H,W) RGB in [0, 1], without shadows.
        generator: A CPU generator, the only source of randomness.
        portrait: (N,1,H,W) in [0, 1], 1 on the person; None allows shadows everywhere.
        spec: Ranges of the draws; None is `ShadowRange()`.

    Returns:
        Images of the same shape and range.

    Raises:
        ValueError: If a shape differs.
    """
    spec = spec or ShadowRange()
    n, channels, h, w = images.shape
    if channels != 3 or (portrait is not None and portrait.shape != (n, 1, h, w)):
        got = f"{tuple(images.shape)}" + ("" if portrait is None else f" with portrait {tuple(portrait.shape)}")
        raise ValueError(f"expected images (N,3,H,W) and a portrait (N,1,H,W) of the same size, got {got}")
    side = max(h, w)
    noise = perlin(n, side, 4, generator, octaves=4)
    masks = torch.where(
        (torch.rand(n, generator=generator) < spec.silhouettes)[:, None, None, None],
        silhouettes(n, side, generator),
        _covering(noise, _uniform(n, spec.cover, generator)),
    )
    edges = _uneven_blur(masks, perlin(n, side, 2, generator), spec, generator)
    strength = _uniform(n, spec.strength, generator) + spec.variation * perlin(n, side, 3, generator)
    tint = spec.tint * (2 * torch.rand(n, 3, 1, 1, generator=generator) - 1)
    top, left = (side - h) // 2, (side - w) // 2
    light = (1 - (edges * strength).clamp(0, 0.995)) * (1 + edges * tint)
    light = light[:, :, top : top + h, left : left + w].clamp(max=1).to(images)
    if portrait is not None:
        light = 1 - (1 - light) * portrait.to(images)
    # Light is lost in linear intensity; images are stored with a gamma of about 2.2.
    return images * light ** (1 / 2.2)


def perlin(n: int, side: int, cells: int, generator: torch.Generator, octaves: int = 1) -> Tensor:
    """Draw gradient noise (Perlin 1985), zero on average.

    Args:
        n: Number of images.
        side: Side of the images, pixels.
        cells: Grid cells per side in the first octave.
        generator: A CPU generator.
        octaves: Number of octaves. Each further one doubles the cells and halves the amplitude.

    Returns:
        (n,1,side,side), most values within +-0.5.
    """
    total = torch.zeros(n, 1, side, side)
    for octave in range(octaves):
        count = cells * 2**octave
        angle = 2 * torch.pi * torch.rand(n, count + 1, count + 1, generator=generator)
        gradients = torch.stack([angle.cos(), angle.sin()], 1)
        position = (torch.arange(side) + 0.5) / side * count
        cell = position.floor().long().clamp(max=count - 1)
        inside = position - cell
        fade = inside**3 * (inside * (6 * inside - 15) + 10)
        corners = {}
        for dy in (0, 1):
            for dx in (0, 1):
                g = gradients[:, :, cell + dy][:, :, :, cell + dx]
                corners[dy, dx] = g[:, 0] * (inside - dx) + g[:, 1] * (inside - dy)[:, None]
        upper, lower = (torch.lerp(corners[dy, 0], corners[dy, 1], fade) for dy in (0, 1))
        total += torch.lerp(upper, lower, fade[:, None])[:, None] / 2**octave
    return total


def silhouettes(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Draw hard masks of objects that cast shadows: leaves, branches, blinds, the brim of a hat, fingers.

    Each mask is a union of random ellipses, a row of bars, or the area beyond a curve.

    Args:
        n: Number of masks.
        side: Side of the masks, pixels.
        generator: A CPU generator.

    Returns:
        (n,1,side,side), 0 or 1.
    """
    axis = (torch.arange(side) + 0.5) / side - 0.5
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    masks = torch.zeros(n, 1, side, side)
    for i in range(n):
        u = torch.rand(8, generator=generator).tolist()
        turn = torch.tensor(2 * torch.pi * u[0])
        along, across = x * turn.cos() + y * turn.sin(), y * turn.cos() - x * turn.sin()
        if u[1] < 0.25:  # blinds, a fence, fingers: bars in a row
            pitch = 0.12 + 0.25 * u[2]
            mask = ((across + u[3] * pitch) % pitch) < (0.3 + 0.35 * u[4]) * pitch
        elif u[1] < 0.5:  # the brim of a hat, a wall: everything beyond a curved edge
            mask = across + (u[2] - 0.5) * 1.6 * along**2 > (u[3] - 0.5) * 0.5
        else:  # leaves and twigs
            mask = torch.zeros_like(x, dtype=torch.bool)
            places = torch.rand(6 + int(14 * u[2]), 5, generator=generator)
            for px, py, length, width, lean in places.tolist():
                c, s = torch.tensor(torch.pi * lean).cos(), torch.tensor(torch.pi * lean).sin()
                dx, dy = x - (px - 0.5), y - (py - 0.5)
                radius_long, radius_short = 0.06 + 0.16 * length, 0.02 + 0.07 * width
                mask |= ((dx * c + dy * s) / radius_long) ** 2 + ((dy * c - dx * s) / radius_short) ** 2 < 1
        masks[i, 0] = mask.float()
    return masks


def _uniform(n: int, span: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Draw n uniform values of a range, (n,1,1,1)."""
    return span[0] + (span[1] - span[0]) * torch.rand(n, 1, 1, 1, generator=generator)


def _covering(noise: Tensor, part: Tensor) -> Tensor:
    """Return 1 where the noise is among the largest values, which make up a fraction ``part`` (N,1,1,1)."""
    ordered = noise.flatten(1).sort(1).values
    place = ((1 - part.flatten()) * (ordered.shape[1] - 1)).long()
    return (noise > ordered.gather(1, place[:, None])[:, :, None, None]).float()


def _uneven_blur(masks: Tensor, where: Tensor, spec: ShadowRange, generator: torch.Generator) -> Tensor:
    """Blur masks by an amount that varies with a noise ``where`` (N,1,S,S), more in red.

    Returns:
        (N,3,S,S), with edges between the sharpest and the softest of ``spec.blur``.
    """
    n, _, side, _ = masks.shape
    sharpest, softest = spec.blur
    steps = [sharpest * (softest / sharpest) ** (k / 3) for k in range(4)]
    scatter = _uniform(n, spec.scattering, generator)
    place = ((where + 0.5).clamp(0, 1) * 3).expand(-1, 3, -1, -1)
    out = torch.zeros(n, 3, side, side)
    for k, sigma in enumerate(steps):
        weight = (1 - (place - k).abs()).clamp(min=0)
        sharp = _gaussian(masks, sigma * side)
        soft = _gaussian(masks, (sigma + spec.scattering[1]) * side)
        # Interpolation of the two blurs approximates every amount of scattering.
        share = scatter / spec.scattering[1] if spec.scattering[1] else torch.zeros_like(scatter)
        red, green = torch.lerp(sharp, soft, share), torch.lerp(sharp, soft, share / 3)
        out += weight * torch.cat([red, green, sharp], 1)
    return out


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    """Blur (N,1,S,S) by a Gaussian of ``sigma`` pixels; the edges are replicated."""
    reach = max(1, round(3 * sigma))
    taps = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * max(sigma, 0.1) ** 2))
    taps = taps / taps.sum()
    padded = F.pad(x, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))
