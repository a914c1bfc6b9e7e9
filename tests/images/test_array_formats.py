"""Images in memory of every PIL mode, numpy and torch type become the same RGB uint8 array."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from facekit.images.reader import load_image

PILLOW_MODES = [
    "1",
    "L",
    "LA",
    "La",
    "P",
    "PA",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "F",
    "I;16",
    "I;16L",
    "I;16B",
]


def colours(height: int = 4, width: int = 6) -> np.ndarray:
    """An asymmetric RGB image with no two equal pixels."""
    ramp = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return np.stack([ramp * 3, 255 - ramp * 5, 40 + ramp * 7], axis=-1)


def in_mode(mode: str) -> Image.Image:
    """A grey of 128 (mode 1: white) in any PIL mode."""
    grey = Image.new("L", (5, 3), 128)
    if mode in ("I;16", "I;16L", "I;16B"):
        return Image.new(mode, (5, 3), 128 * 257)
    if mode == "1":
        return Image.new("1", (5, 3), 1)
    if mode in ("La", "RGBa"):
        return grey.convert({"La": "LA", "RGBa": "RGBA"}[mode]).convert(mode)
    if mode == "PA":
        return grey.convert("P").convert("PA")
    if mode in ("LAB", "HSV", "CMYK", "YCbCr", "RGBA", "RGBX"):
        return grey.convert("RGB").convert(mode)
    return grey.convert(mode)


@pytest.mark.parametrize("mode", PILLOW_MODES)
def test_every_pil_mode_becomes_rgb(mode: str) -> None:
    image = in_mode(mode)
    assert image.mode == mode
    array = load_image(image)
    assert array.shape == (3, 5, 3) and array.dtype == np.uint8
    # LAB and HSV lose up to two levels on their own way there and back.
    np.testing.assert_allclose(array.astype(int), 255 if mode == "1" else 128, atol=2)


def test_rgb_stays_as_it_is_in_a_new_array() -> None:
    image = colours()
    array = load_image(image)
    np.testing.assert_array_equal(array, image)
    assert not np.shares_memory(array, image) and array.flags.c_contiguous and array.flags.writeable
    assert load_image(Image.fromarray(image)).flags.writeable


def test_numpy_torch_and_pil_agree() -> None:
    image = colours()
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    for same in (
        image[:, ::-1][:, ::-1],
        image.astype(np.uint16) * 257,
        (image.astype(np.uint16) * 257).astype(">u2"),
        image.astype(np.float32) / 255,
        image.astype(np.float64) / 255,
        (image / 255).astype(np.float16),
        np.dstack([image, np.full((4, 6), 255, np.uint8)]),
        Image.fromarray(image),
        tensor,
        tensor.to(torch.uint16) * 257,
        tensor.float() / 255,
        (tensor.double() / 255).requires_grad_(),
        torch.cat([tensor, torch.full((1, 4, 6), 255, dtype=torch.uint8)]),
    ):
        np.testing.assert_array_equal(load_image(same), image)
    coarse = load_image((tensor.float() / 255).bfloat16())
    np.testing.assert_allclose(coarse.astype(int), image.astype(int), atol=1)


def test_grey_arrays_have_three_equal_channels() -> None:
    grey = colours()[..., 1]
    expected = np.dstack([grey] * 3)
    for same in (grey, grey[..., None], torch.from_numpy(grey.copy())[None], torch.from_numpy(grey.copy())):
        np.testing.assert_array_equal(load_image(same), expected)


def test_uint16_is_rounded_and_never_overflows() -> None:
    deep = np.array([[0, 128, 129, 257, 65535, 65407, 65406]], np.uint16)
    assert load_image(deep)[0, :, 0].tolist() == [0, 0, 1, 1, 255, 255, 254]


def test_float_is_rounded_and_noise_at_the_ends_is_clipped() -> None:
    values = np.array([[0.0, 0.5, 0.499, 1.0, 1.0005, -0.0005]], np.float32)
    assert load_image(values)[0, :, 0].tolist() == [0, 128, 127, 255, 255, 0]


def test_pil_float_in_either_range_gives_the_same() -> None:
    grey = np.array([[0, 51, 255]], np.float32)
    for image in (Image.fromarray(grey), Image.fromarray(grey / 255)):
        assert load_image(image)[0, :, 0].tolist() == [0, 51, 255]


@pytest.mark.parametrize("kind", ["RGBA", "LA", "torch", "float", "palette", "tRNS"])
def test_alpha_is_laid_on_white(kind: str) -> None:
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[..., 3] = [255, 0, 102]  # black: opaque, invisible, 40 %
    expected = [0, 255, 153]
    image: object = Image.fromarray(rgba)
    if kind == "LA":
        image = Image.fromarray(rgba).convert("LA")
    elif kind == "torch":
        image = torch.from_numpy(rgba).permute(2, 0, 1)
    elif kind == "float":
        image = rgba.astype(np.float32) / 255
    elif kind == "palette":
        paletted = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
        paletted.putpalette([0] * 768)
        paletted.info["transparency"] = bytes([255, 0, 102])
        image = paletted
    elif kind == "tRNS":
        single = Image.fromarray(np.array([[[0, 0, 0], [9, 9, 9], [0, 0, 0]]], np.uint8))
        single.info["transparency"] = (9, 9, 9)
        image, expected = single, [0, 255, 0]
    assert load_image(image)[0, :, 0].tolist() == expected
