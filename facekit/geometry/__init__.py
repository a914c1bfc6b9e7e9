"""Crops, their inverses, and affine matrices, in pixel-centre coordinates."""

from .affine import (
    Matrix,
    Size,
    box_of_points,
    crop_matrix,
    fit_matrix,
    invert,
    similarity_from_points,
    transform_points,
)
from .affine_crop import AffineCrop
from .crop import Crop
from .tanh_crop import TanhCrop
from .tanh_warp import tanh_alpha, tanh_inverse

__all__ = [
    "AffineCrop",
    "Crop",
    "Matrix",
    "Size",
    "TanhCrop",
    "box_of_points",
    "crop_matrix",
    "fit_matrix",
    "invert",
    "similarity_from_points",
    "tanh_alpha",
    "tanh_inverse",
    "transform_points",
]
