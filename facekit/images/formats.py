"""Convert images in memory to RGB uint8 arrays of shape (H, W, 3).

Inputs are PIL images of any mode, numpy arrays and torch tensors. Numbers become 8 bit by these rules:

- uint8 stays as it is.
- uint16 is divided by 257 and rounded.
- float must lie in [0, 1]. It is multiplied by 255 and rounded. Values up to 1e-3 outside count as rounding noise and
  are clipped.
- bool is refused, because such an array is nearly always a mask in the place of an image.
- Other integers are refused, because their value of white is unknown.
- PIL mode "1" becomes 0 and 255. Mode "I" is 8 bit up to 255 and 16 bit above. Mode "F" is [0, 1], or 0 to 255 if its
  largest value exceeds 1.

A fourth channel is alpha: the colours are blended with white.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from PIL import Image

MAX_PIXELS = 100_000_000
_ROUNDING = 1e-3
_CHANNELS = (1, 3, 4)
_EXIF_ORIENTATION = 0x0112
# EXIF orientation -> how to make the image upright. Orientation 1 is upright.
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """Error about an image that cannot be used. It names the image, what was expected, and what to do."""


def check_size(width: int, height: int, name: str) -> None:
    """Check the number of pixels of an image.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        name: Name of the image in messages.

    Raises:
        ImageError: If the image has no pixels, or more than `MAX_PIXELS`.
    """
    if width < 1 or height < 1:
        raise ImageError(
            f"{name}: expected at least 1 x 1 pixels, got a zero-sized image of {width} x {height} pixels; "
            "check the crop"
        )
    if width * height > MAX_PIXELS:
        raise ImageError(size_message(name, width * height, f"{width} x {height} pixels"))


def size_message(name: str, pixels: int, got: str) -> str:
    """Return the message about an image above `MAX_PIXELS`.

    Args:
        name: Name of the image.
        pixels: Number of its pixels.
        got: Its size as text, such as "9000 x 9000 pixels".

    Returns:
        The message.
    """
    limit = MAX_PIXELS // 10**6
    return f"{name}: expected at most {limit} megapixels, got {got} ({pixels / 1e6:.1f} megapixels); shrink it first"


def one_line(error: BaseException) -> str:
    """Return the text of an error on one line, for use inside a message."""
    return " ".join(str(error).split())


def decode_upright(image: Image.Image, name: str) -> Image.Image:
    """Read the pixels of a PIL image and apply its EXIF orientation. The mode stays, so this is fit for masks, too.

    Args:
        image: PIL image of any mode. Its pixels may still be in the file.
        name: Name of the image in messages.

    Returns:
        The upright image. It has no EXIF data if it was turned.

    Raises:
        ImageError: If the image has no pixels, more than `MAX_PIXELS` (checked before decoding), or damaged data.
    """
    check_size(*image.size, name)
    try:
        # Load first: Pillow turns a TIFF while loading, and drops its orientation only then.
        image.load()
        return _upright(image)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise any type on a damaged file
        raise ImageError(
            f"{name}: expected a whole image, got truncated or damaged data that cannot be decoded "
            f"({one_line(error)}); copy or download it again"
        ) from error


def from_pil(image: Image.Image, name: str) -> np.ndarray:
    """Convert a PIL image to RGB.

    Args:
        image: PIL image of any mode.
        name: Name of the image in messages.

    Returns:
        RGB array of shape (H, W, 3), uint8.

    Raises:
        ImageError: As `decode_upright` does, and if numbers are outside their range.
    """
    image = decode_upright(image, name)
    mode = image.mode
    if mode.startswith("I;16"):
        return _to_rgb(np.asarray(image).astype(np.uint16)[..., None], name)
    if mode in ("I", "F"):
        return _to_rgb(_narrow(np.asarray(image), name)[..., None], name)
    if mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
    has_alpha = image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA") and image.has_transparency_data
    try:
        return _to_rgb(np.asarray(image.convert("RGBA" if has_alpha else "RGB")), name)
    except (ValueError, OSError) as error:
        raise ImageError(f'{name}: expected PIL mode "RGB", got "{mode}" ({one_line(error)}); convert it') from error


def from_numpy(array: np.ndarray, name: str) -> np.ndarray:
    """Convert a numpy array to RGB.

    Args:
        array: Shape (H, W) or (H, W, C) with 1, 3 or 4 channels; uint8, uint16, or float in [0, 1].
        name: Name of the image in messages.

    Returns:
        RGB array of shape (H, W, 3), uint8. It is a new array.

    Raises:
        ImageError: If the shape, type or range is another one.
    """
    shape = array.shape
    if array.ndim == 2:
        array = array[..., None]
    advice = _layout_advice(
        array.ndim, array.shape[-1:], array.shape[:1], "put the channels last: array.transpose(1, 2, 0)"
    )
    if advice:
        expected = "expected (H,W,3), (H,W,4), (H,W,1) or (H,W)"
        raise ImageError(f"{name}: {expected}, got a numpy array of rank {len(shape)}, shape {shape}; {advice}")
    return _to_rgb(array, name)


def from_torch(tensor: torch.Tensor, name: str) -> np.ndarray:
    """Convert a torch tensor to RGB.

    Args:
        tensor: Shape (H, W) or (C, H, W) with 1, 3 or 4 channels; uint8, uint16, or float in [0, 1]; on any device.
        name: Name of the image in messages.

    Returns:
        RGB array of shape (H, W, 3), uint8. It is a new array.

    Raises:
        ImageError: If the shape, type or range is another one.
    """
    shape = tuple(tensor.shape)
    if tensor.ndim == 2:
        tensor = tensor[None]
    advice = _layout_advice(
        tensor.ndim, shape[:-2] or (1,), shape[-1:], "put the channels first: tensor.permute(2, 0, 1)"
    )
    if advice:
        expected = "expected (3,H,W), (4,H,W), (1,H,W) or (H,W)"
        raise ImageError(f"{name}: {expected}, got a torch tensor of rank {len(shape)}, shape {shape}; {advice}")
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()  # numpy has no bfloat16
    return _to_rgb(np.moveaxis(tensor.numpy(), 0, -1), name)


def _layout_advice(rank: int, channels: tuple[int, ...], other_end: tuple[int, ...], swap: str) -> str:
    """Return what to do about a wrong shape, or "" for a right one."""
    if rank == 4:
        return "this is a batch, so pass it alone, or one of its images"
    if rank != 3:
        return "reshape it"
    if channels[0] in _CHANNELS:
        return ""
    return swap if other_end[0] in _CHANNELS else "keep 1, 3 or 4 channels"


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation of a loaded image."""
    try:
        orientation = image.getexif().get(_EXIF_ORIENTATION)
    except Exception as error:  # the EXIF reader raises any type on damaged data
        warnings.warn(f"EXIF data cannot be read ({one_line(error)}): the image is taken as upright", stacklevel=2)
        return image
    # ImageOps.exif_transpose is no alternative: it writes the EXIF data back, which fails if they are malformed.
    transposition = _TRANSPOSITIONS.get(orientation) if isinstance(orientation, int) else None
    if transposition is None:
        return image
    turned = image.transpose(transposition)
    # The EXIF data would make the next reader turn the image a second time.
    turned.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return turned


def _narrow(pixels: np.ndarray, name: str) -> np.ndarray:
    """Convert the 32-bit pixels of PIL modes "I" and "F" to a type whose range is known."""
    low, high = pixels.min(), pixels.max()
    if pixels.dtype.kind == "f":
        return pixels / np.float32(255) if 1 + _ROUNDING < high <= 255 else pixels
    if low < 0 or high > 65535:
        raise ImageError(
            f'{name}: expected 0 to 65535 in PIL mode "I", got values {low} to {high}; scale it, or convert it to "L"'
        )
    return pixels.astype(np.uint16 if high > 255 else np.uint8)


def _to_rgb(array: np.ndarray, name: str) -> np.ndarray:
    """Convert an array (H, W, C) of any accepted type to a new RGB array (H, W, 3), uint8."""
    check_size(array.shape[1], array.shape[0], name)
    array = _to_uint8(array, name)
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        colour, alpha = array[..., :3].astype(np.uint16), array[..., 3:].astype(np.uint16)
        return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.array(array, order="C", copy=True)


def _warn_if_dark(highest: int, name: str) -> None:
    """Warn of 16-bit numbers that look like 8-bit or 12-bit ones, because the image becomes nearly black."""
    if 1 < highest < 4096:
        bits, factor = (8, 257) if highest < 256 else (12, 16)
        warnings.warn(
            f"{name}: expected 16-bit numbers up to 65535, got at most {highest}; the image is nearly black. If they "
            f"are {bits}-bit numbers, multiply them by {factor}",
            stacklevel=2,
        )


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    """Convert numbers to uint8 by the rules of the module docstring."""
    if array.dtype == np.uint8:
        return array
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 2:
        _warn_if_dark(int(array[..., :3].max()), name)
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    expected = "expected uint8, uint16 or float in [0,1]"
    if kind == "b":
        advice = "if it is a black and white image, pass mask * numpy.uint8(255)"
        raise ImageError(f"{name}: {expected}, got a bool array (a mask?); {advice}")
    if kind != "f":
        advice = "if the values are 0 to 255, convert it to uint8"
        raise ImageError(f"{name}: {expected}, got numbers of type {array.dtype}; {advice}")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        first = f"the first at row {bad[0, 0]}, column {bad[0, 1]}"
        raise ImageError(f"{name}: {expected}, got {len(bad)} values that are NaN or inf ({first}); replace them")
    low, high = float(array.min()), float(array.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        if low >= 0 and high <= 255:
            advice = "divide it by 255, or convert it to uint8"
        elif low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
            advice = "if it is in [-1,1], pass (x + 1) / 2"
        else:
            advice = "scale it to [0,1]"
        raise ImageError(f"{name}: {expected}, got floats from {low:g} to {high:g}; {advice}")
    wide = array.astype(np.promote_types(array.dtype, np.float32), copy=False)
    return np.clip(np.rint(wide * 255), 0, 255).astype(np.uint8)
