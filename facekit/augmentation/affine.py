"""Geometric augmentation of images, masks and points: random similarity transforms and mirroring, in one resampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..geometry.tanh_warp import tanh_alpha, tanh_inverse


@dataclass(frozen=True)
class Affine:
    """Ranges of a random similarity transform, drawn uniformly.

    Attributes:
        rotate: Largest rotation in degrees, in both directions.
        scale: Smallest and largest zoom factor; 1 keeps the size.
        shift: Largest shift in both directions, as a fraction of the side.
        mirror: Probability of a horizontal flip.
    """

    rotate: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    mirror: float = 0.0


@dataclass(frozen=True)
class TanhMoves:
    """Transforms of tanh-warped images. They apply before the warp, as FaRL augments its alignment.

    The functions of this module take it in place of matrices.

    Attributes:
        matrices: (n,2,3) of `random_matrices`, in coordinates where the plain crop spans [-1, 1].
        alpha: Warping factor in (0, 1]; see `facekit.geometry.tanh_warp.tanh_alpha`.
    """

    matrices: Tensor
    alpha: float


Moves = Tensor | TanhMoves


def random_matrices(n: int, spec: Affine, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw random transforms about the image's centre, in coordinates where the image spans [-1, 1].

    Args:
        n: Number of transforms.
        spec: Ranges of the draws.
        generator: A CPU generator.

    Returns:
        Matrices (n,2,3) from augmented to original coordinates, as `F.affine_grid` takes them; and which of them
        mirror, (n,) bool.
    """
    u = torch.rand(n, 5, generator=generator)
    angle = torch.deg2rad((2 * u[:, 0] - 1) * spec.rotate)
    low, high = spec.scale
    inverse_scale = 1.0 / (low + (high - low) * u[:, 1])
    mirrored = u[:, 4] < spec.mirror
    sign = torch.where(mirrored, -1.0, 1.0)
    cos, sin = torch.cos(angle) * inverse_scale, torch.sin(angle) * inverse_scale
    # x_original = R(-angle)/scale * (x_augmented - shift), the mirror applied to augmented coordinates first.
    shift = (2 * u[:, 2:4] - 1) * spec.shift * 2
    linear = torch.stack([torch.stack([cos * sign, sin], 1), torch.stack([-sin * sign, cos], 1)], 1)
    offset = -(linear @ shift[:, :, None])
    return torch.cat([linear, offset], 2), mirrored


def _grid(moves: Moves, size: int, like: Tensor) -> Tensor:
    """Return the original's coordinates of each augmented pixel, (n,size,size,2) for `F.grid_sample`.

    Args:
        moves: n transforms.
        size: Side of the augmented images, pixels.
        like: A tensor of the device and float type of the result.
    """
    if not isinstance(moves, TanhMoves):
        return F.affine_grid(moves.to(like), [len(moves), 1, size, size], align_corners=False)
    matrices = moves.matrices.to(like)
    warped = F.affine_grid(torch.eye(2, 3).to(like)[None], [1, 1, size, size], align_corners=False)
    plain = tanh_inverse(warped, moves.alpha)
    moved = torch.einsum("nij,hwj->nhwi", matrices[:, :, :2], plain[0]) + matrices[:, None, None, :, 2]
    # One resampling suffices: the warped image holds all of the surroundings that a transform can bring in.
    return tanh_alpha(moved, moves.alpha)


def warp(images: Tensor, moves: Moves, size: int) -> Tensor:
    """Transform images.

    Args:
        images: (N,C,H,W) float.
        moves: N transforms of `random_matrices`, or `TanhMoves`.
        size: Side of the result, pixels.

    Returns:
        (N,C,size,size). Outside the image it is reflected.
    """
    grid = _grid(moves, size, images)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def warp_masks(masks: Tensor, moves: Moves, size: int, fill: int = 255) -> Tensor:
    """Transform masks, by the nearest pixel.

    Args:
        masks: (N,H,W) integers.
        moves: N transforms of `random_matrices`, or `TanhMoves`.
        size: Side of the result, pixels.
        fill: The id outside the image; 255 is "ignore".

    Returns:
        (N,size,size) of the same type.
    """
    # grid_sample pads with zero. The ids are shifted by `fill`, so that zero stands for it.
    shifted = (masks.float() - fill)[:, None]
    grid = _grid(moves, size, shifted)
    out = F.grid_sample(shifted, grid, mode="nearest", padding_mode="zeros", align_corners=False)[:, 0]
    return out.add_(fill).round_().to(masks.dtype)


def warp_points(points: Tensor, moves: Moves, side_in: int, side_out: int) -> Tensor:
    """Transform points.

    Args:
        points: (N,K,2) in pixels of the original; 0 is the centre of the first pixel.
        moves: N transforms of `random_matrices`, or `TanhMoves`.
        side_in: Side of the original, pixels.
        side_out: Side of the augmented images, pixels.

    Returns:
        (N,K,2) in pixels of the augmented images.
    """
    matrices, alpha = (moves.matrices, moves.alpha) if isinstance(moves, TanhMoves) else (moves, None)
    normal = (points + 0.5) * (2.0 / side_in) - 1.0
    if alpha is not None:
        normal = tanh_inverse(normal, alpha)
    matrices = matrices.to(normal)
    linear, offset = matrices[:, :, :2], matrices[:, :, 2]
    # `solve` would synchronise with the GPU to check for singular matrices; those of `random_matrices` never are.
    moved = torch.linalg.solve_ex(linear, (normal - offset[:, None]).transpose(1, 2)).result.transpose(1, 2)
    if alpha is not None:
        moved = tanh_alpha(moved, alpha)
    return (moved + 1.0) * (side_out / 2.0) - 0.5


def jitter(images: Tensor, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """Change exposure, contrast and colour balance of each image at random.

    Args:
        images: Images (N,3,H,W), RGB in [0, 1], on any device.
        strength: Largest change, as a fraction. 0.2 is up to 20 %.
        generators: One CPU generator per image. An image's change does not depend on the rest of the batch.

    Returns:
        Changed images (N,3,H,W) in [0, 1], on the same device.

    Raises:
        ValueError: If there are more or fewer generators than images.
    """
    if len(generators) != len(images):
        raise ValueError(
            f"expected one generator per image, got {len(generators)} for {len(images)} images; pass one each"
        )
    draws = [torch.rand(5, generator=generator) for generator in generators]
    u = 2 * torch.stack(draws).to(images) - 1
    gain = (1 + strength * u[:, 0])[:, None, None, None]
    contrast = (1 + strength * u[:, 1])[:, None, None, None]
    balance = (1 + strength / 2 * u[:, 2:5])[:, :, None, None]
    mean = images.mean((1, 2, 3), keepdim=True)
    # In place: each further copy of a batch costs more time on a CPU than the arithmetic.
    return (images - mean).mul_(contrast).add_(mean).mul_(gain).mul_(balance).clamp_(0, 1)
