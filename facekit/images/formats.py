"""Images in memory: PIL of any mode, numpy or torch of any accepted type -> RGB (H,W,3) uint8.

Numbers become 8 bit so: uint8 as it is; uint16 is divided by 257 and rounded; float must lie in [0,1], is multiplied by
255 and rounded (1e-3 beyond the ends counts as rounding noise and is clipped). Bool arrays are refused, because such an
array is nearly always a mask in the image's place; other integers are refused, because their white is unknown.
PIL: mode "1" is 0 and 255; "I" is 8 bit up to 255 and 16 bit beyond; "F" is [0,1], or 0..255 if it passes 1.
Four channels are colour and alpha, and are laid on white.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from PIL import Image

MAX_PIXELS = 100_000_000
_ROUNDING = 1e-3
_CHANNELS = (1, 3, 4)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(ValueError):
    """An image that cannot be used: says which one, what came, what was expected and what to do."""


def check_size(width: int, height: int, where: str) -> None:
    """Raises ImageError for an image without pixels or with more than MAX_PIXELS."""
    if width < 1 or height < 1:
        raise ImageError(
            f"{where}: zero-sized image of {width} x {height} pixels came, expected at least 1 x 1: check the crop"
        )
    if width * height > MAX_PIXELS:
        raise ImageError(too_large(where, width * height, f"{width} x {height} pixels"))


def too_large(where: str, pixels: int, came: str) -> str:
    """The message about an image above MAX_PIXELS."""
    limit = MAX_PIXELS // 10**6
    return f"{where}: {came} ({pixels / 1e6:.1f} megapixels) came, expected at most {limit} megapixels: shrink it first"


def one_line(error: BaseException) -> str:
    """The error's text on one line, for use inside a message."""
    return " ".join(str(error).split())


def decoded(image: Image.Image, where: str) -> Image.Image:
    """The PIL image with its pixels read and turned upright as its EXIF data says, for images and masks alike.

    Raises ImageError for a zero size, for more than MAX_PIXELS (before the pixels are read) and for damaged data.
    """
    check_size(*image.size, where)
    try:
        # Read first: Pillow turns a TIFF while reading and only then drops its orientation.
        image.load()
        return _upright(image)
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise any type on a damaged file
        raise ImageError(
            f"{where}: the image cannot be decoded, it is truncated or damaged ({one_line(error)}), expected a whole "
            "image: copy or download it again"
        ) from error


def from_pil(image: Image.Image, where: str) -> np.ndarray:
    """PIL image of any mode -> RGB (H,W,3) uint8. Errors as `decoded`, and for numbers outside their range."""
    image = decoded(image, where)
    mode = image.mode
    if mode.startswith("I;16"):
        return _to_rgb(np.asarray(image).astype(np.uint16)[..., None], where)
    if mode in ("I", "F"):
        return _to_rgb(_wide_pixels(np.asarray(image), where)[..., None], where)
    if mode in ("La", "RGBa"):
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[mode])
    clear = image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA") and image.has_transparency_data
    try:
        return _to_rgb(np.asarray(image.convert("RGBA" if clear else "RGB")), where)
    except (ValueError, OSError) as error:
        raise ImageError(f'{where}: PIL mode "{mode}" came ({one_line(error)}), expected "RGB": convert it') from error


def from_numpy(array: np.ndarray, where: str) -> np.ndarray:
    """(H,W) or (H,W,1|3|4), uint8, uint16 or float in [0,1] -> RGB (H,W,3) uint8, else ImageError."""
    shape = array.shape
    if array.ndim == 2:
        array = array[..., None]
    fix = _layout_fix(array.ndim, array.shape[-1:], array.shape[:1], "put the channels last: array.transpose(1, 2, 0)")
    if fix:
        expected = "expected (H,W,3), (H,W,4), (H,W,1) or (H,W)"
        raise ImageError(f"{where}: numpy array of rank {len(shape)}, shape {shape} came, {expected}: {fix}")
    return _to_rgb(array, where)


def from_torch(tensor: torch.Tensor, where: str) -> np.ndarray:
    """(H,W) or (1|3|4,H,W), uint8, uint16 or float in [0,1], on any device -> RGB (H,W,3) uint8, else ImageError."""
    shape = tuple(tensor.shape)
    if tensor.ndim == 2:
        tensor = tensor[None]
    fix = _layout_fix(tensor.ndim, shape[:-2] or (1,), shape[-1:], "put the channels first: tensor.permute(2, 0, 1)")
    if fix:
        expected = "expected (3,H,W), (4,H,W), (1,H,W) or (H,W)"
        raise ImageError(f"{where}: torch tensor of rank {len(shape)}, shape {shape} came, {expected}: {fix}")
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()  # numpy has no bfloat16
    return _to_rgb(np.moveaxis(tensor.numpy(), 0, -1), where)


def _layout_fix(rank: int, channels: tuple[int, ...], other_end: tuple[int, ...], swap: str) -> str:
    """What to do about a wrong shape, "" for a right one."""
    if rank == 4:
        return "this is a batch, so pass it alone, or one of its images"
    if rank != 3:
        return "reshape it"
    if channels[0] in _CHANNELS:
        return ""
    return swap if other_end[0] in _CHANNELS else "keep 1, 3 or 4 channels"


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(0x0112)
    except Exception as error:  # as in `decoded`: the EXIF reader, too, raises any type
        warnings.warn(f"EXIF data cannot be read ({one_line(error)}): the image is taken as upright", stacklevel=2)
        return image
    # Not ImageOps.exif_transpose: it writes the EXIF data back, which fails on files that are merely sloppy.
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn is None:
        return image
    turned = image.transpose(turn)
    # Without its EXIF data, or whoever sees it next would turn it again.
    turned.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return turned


def _wide_pixels(wide: np.ndarray, where: str) -> np.ndarray:
    """PIL's 32-bit pixels -> a type whose range is known."""
    low, high = wide.min(), wide.max()
    if wide.dtype.kind == "f":
        return wide / np.float32(255) if 1 + _ROUNDING < high <= 255 else wide
    if low < 0 or high > 65535:
        raise ImageError(
            f'{where}: PIL mode "I" with values {low} to {high} came, expected 0 to 65535: scale it, convert it to "L"'
        )
    return wide.astype(np.uint16 if high > 255 else np.uint8)


def _to_rgb(array: np.ndarray, where: str) -> np.ndarray:
    """(H,W,1|3|4) of any accepted type -> RGB (H,W,3) uint8, a new array."""
    check_size(array.shape[1], array.shape[0], where)
    array = _to_uint8(array, where)
    if array.shape[2] == 1:
        return np.repeat(array, 3, axis=2)
    if array.shape[2] == 4:
        colour, alpha = array[..., :3].astype(np.uint16), array[..., 3:].astype(np.uint16)
        return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.array(array, order="C", copy=True)


def _warn_of_dark(highest: int, where: str) -> None:
    """Warn of 16-bit numbers that look like 8 or 12 bits: they become a nearly black image."""
    if 1 < highest < 4096:
        bits, factor = (8, 257) if highest < 256 else (12, 16)
        warnings.warn(
            f"{where}: 16-bit numbers of at most {highest} came, expected up to 65535; the image is nearly black. If "
            f"they are {bits}-bit numbers, multiply them by {factor}",
            stacklevel=2,
        )


def _to_uint8(array: np.ndarray, where: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    kind = array.dtype.kind
    if kind == "u" and array.dtype.itemsize == 2:
        _warn_of_dark(int(array[..., :3].max()), where)
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    expected = "expected uint8, uint16 or float in [0,1]"
    if kind == "b":
        fix = "if it is a black and white image, pass mask * numpy.uint8(255)"
        raise ImageError(f"{where}: a bool array (a mask?) came, {expected}: {fix}")
    if kind != "f":
        fix = "if the values are 0 to 255, convert it to uint8"
        raise ImageError(f"{where}: numbers of type {array.dtype} came, {expected}: {fix}")
    if not np.isfinite(array).all():
        bad = np.argwhere(~np.isfinite(array))
        place = f"the first at row {bad[0, 0]}, column {bad[0, 1]}"
        raise ImageError(f"{where}: {len(bad)} values are NaN or inf ({place}), {expected}: replace them")
    low, high = float(array.min()), float(array.max())
    if low < -_ROUNDING or high > 1 + _ROUNDING:
        if low >= 0 and high <= 255:
            fix = "divide it by 255, or convert it to uint8"
        elif low >= -1 - _ROUNDING and high <= 1 + _ROUNDING:
            fix = "if it is [-1,1], pass (x + 1) / 2"
        else:
            fix = "scale it to [0,1]"
        raise ImageError(f"{where}: floats from {low:g} to {high:g} came, {expected}: {fix}")
    wide = array.astype(np.promote_types(array.dtype, np.float32), copy=False)
    return np.clip(np.rint(wide * 255), 0, 255).astype(np.uint8)
