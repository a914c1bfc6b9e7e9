"""Check the tensors that users pass to networks."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .arguments import short_repr


def check_image_tensor(x: Any) -> Tensor:
    """Check a batch of images.

    Args:
        x: RGB images in [0, 1], shape (N, 3, H, W), of a floating type.

    Returns:
        The same tensor.

    Raises:
        TypeError: If it is no floating tensor.
        ValueError: If it has another shape.
    """
    _check_floating(x, "x", "RGB images (N, 3, H, W) in [0, 1]", "facekit.images.reader.to_tensor(images) makes one")
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(
            f"x: expected RGB images (N, 3, H, W) in [0, 1], got shape {tuple(x.shape)}; for one image pass x[None]"
        )
    return x


def check_codes(codes: Any, name: str, length: int) -> Tensor:
    """Check a batch of latent codes.

    Args:
        codes: Latent codes of a floating type, shape (..., length).
        name: Name of the argument, for the message.
        length: Length of a code.

    Returns:
        The same tensor.

    Raises:
        TypeError: If it is no floating tensor.
        ValueError: If it has another shape.
    """
    _check_floating(codes, name, f"latent codes (N, {length})", f"torch.randn(4, {length}) makes four")
    if codes.ndim < 2 or codes.shape[-1] != length:
        raise ValueError(
            f"{name}: expected latent codes (N, {length}), got shape {tuple(codes.shape)}; pass codes of this backbone"
        )
    return codes


def _check_floating(value: Any, name: str, expected: str, remedy: str) -> None:
    """Raise TypeError for anything but a floating tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}={short_repr(value)}: expected a tensor of {expected}; {remedy}")
    if not value.is_floating_point():
        raise TypeError(f"{name}: expected a floating tensor of {expected}, got {value.dtype}; {remedy}")
