"""Crops, similarity transforms and their inverses, in pixel-centre coordinates."""

from .affine import (
    Crop,
    Matrix,
    Size,
    box_of_points,
    crop_matrix,
    fit_matrix,
    invert,
    paste_image,
    paste_logits,
    paste_mask,
    put_back,
    similarity_from_points,
    transform_points,
    warp_image,
    warp_mask,
)
from .tanh_warp import TanhCrop, TanhInverse, tanh_alpha, tanh_inverse

__all__ = [
    "Crop",
    "Matrix",
    "Size",
    "TanhCrop",
    "TanhInverse",
    "box_of_points",
    "crop_matrix",
    "fit_matrix",
    "invert",
    "paste_logits",
    "paste_mask",
    "paste_image",
    "put_back",
    "similarity_from_points",
    "tanh_alpha",
    "tanh_inverse",
    "transform_points",
    "warp_image",
    "warp_mask",
]
