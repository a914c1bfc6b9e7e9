"""Random augmentation of images and their labels in training."""

from .affine import Affine, TanhMoves, jitter, random_matrices, warp, warp_masks, warp_points
from .in_the_wild import WildAugmentation
from .shadows import cast_shadows

__all__ = [
    "Affine",
    "TanhMoves",
    "WildAugmentation",
    "cast_shadows",
    "jitter",
    "random_matrices",
    "warp",
    "warp_masks",
    "warp_points",
]
