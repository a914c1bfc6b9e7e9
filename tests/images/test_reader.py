"""Images from any source become the same RGB, folders keep their order, and files are written whole."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import types
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from facekit.images.reader import (
    ImageError,
    iter_images,
    list_images,
    load_image,
    open_image,
    read_images,
    save_image,
    to_tensor,
)


def colours(height: int = 4, width: int = 6) -> np.ndarray:
    """An asymmetric RGB image with no two equal pixels."""
    ramp = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    return np.stack([ramp * 3, 255 - ramp * 5, 40 + ramp * 7], axis=-1)


def test_sixteen_bit_png_file(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257 * 9, 65535]], np.uint16)).save(tmp_path / "deep.png")
    assert load_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 9, 255]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.full((16, 32, 3), 255, np.uint8)
    upright[:8, :8] = 0  # black corner at the top left, a red strip at the bottom: no symmetry is left
    upright[12:, :, 1:] = 0
    # How the camera stored it: the EXIF table says at which visual side the 0th row and the 0th column lie.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright[:, ::-1].transpose(1, 0, 2),  # row 0 at the visual right, column 0 at the top
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: upright[::-1].transpose(1, 0, 2),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"turned{suffix}"
    options = {".webp": {"lossless": True}, ".jpg": {"quality": 100, "subsampling": 0}}.get(suffix, {})
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    tolerance = 3 if suffix == ".jpg" else 0
    np.testing.assert_allclose(load_image(path).astype(int), upright.astype(int), atol=tolerance)
    with Image.open(path) as opened:
        np.testing.assert_allclose(load_image(opened).astype(int), upright.astype(int), atol=tolerance)
    # What open_image gives is upright for good: it is not turned a second time.
    np.testing.assert_allclose(load_image(open_image(path)).astype(int), upright.astype(int), atol=tolerance)


def test_unknown_orientation_counts_as_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    Image.fromarray(colours()).save(tmp_path / "odd.png", exif=exif)
    np.testing.assert_array_equal(load_image(tmp_path / "odd.png"), colours())


def test_open_image_keeps_palette_ids(tmp_path: Path) -> None:
    ids = Image.fromarray(np.array([[0, 3, 7]], np.uint8)).convert("P")
    ids.putpalette(list(range(200, 224)))
    ids.save(tmp_path / "ids.png")
    image = open_image(tmp_path / "ids.png")
    assert image.mode == "P" and image.format == "PNG" and np.asarray(image).tolist() == [[0, 3, 7]]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp", ".gif", ".ppm", ".jp2"])
def test_formats_and_paths_of_every_kind(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "Gesichter – 顔 😀"  # noqa: RUF001
    folder.mkdir()
    path = folder / f"Zoë's image{suffix}"
    image = Image.fromarray(colours())
    image.save(path, **({"lossless": True} if suffix == ".webp" else {}))
    for same in (path, str(path), os.fsencode(path).decode()):
        np.testing.assert_array_equal(load_image(same), colours())
    assert read_images(path).names == [path.name]


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    save_image(colours(), "~/face.png")
    assert (tmp_path / "face.png").is_file()
    np.testing.assert_array_equal(load_image("~/face.png"), colours())


def numbered_folder(folder: Path, names: tuple[str, ...] = ("10.png", "2.PNG", "1.jpg")) -> Path:
    for name in names:
        Image.new("RGB", (4, 3), (int("".join(filter(str.isdigit, name)) or 0), 0, 0)).save(folder / name)
    return folder


def test_folder_in_natural_order_without_other_files(tmp_path: Path) -> None:
    numbered_folder(tmp_path, ("10.png", "2.PNG", "1.bmp", "face12b.png", "face3a.png", "Face3B.png"))
    (tmp_path / "labels.json").write_text("{}")
    (tmp_path / "._1.png").write_bytes(b"resource fork of a Mac")
    (tmp_path / "sub.png").mkdir()
    (tmp_path / "sub").mkdir()
    numbered_folder(tmp_path / "sub")
    images = read_images(str(tmp_path))
    assert images.names == ["1.bmp", "2.PNG", "10.png", "face3a.png", "Face3B.png", "face12b.png"]
    assert [int(array[0, 0, 0]) for array in images.arrays[:3]] == [1, 2, 10]
    assert not images.single and images.kept == list(range(6)) and images.skipped == {}
    assert [file.name for file in list_images(tmp_path)] == images.names
    assert images.sizes == [(3, 4)] * 6


def test_skip_names_the_corrupt_file_and_goes_on(tmp_path: Path) -> None:
    numbered_folder(tmp_path)
    (tmp_path / "3.png").write_bytes((tmp_path / "2.PNG").read_bytes()[:40])
    with pytest.warns(UserWarning, match=r"1 of 4 images skipped: 3\.png: "):
        images = read_images(tmp_path, on_error="skip")
    assert images.names == ["1.jpg", "2.PNG", "10.png"] and images.kept == [0, 1, 3]
    assert list(images.skipped) == ["3.png"] and "truncated or damaged" in images.skipped["3.png"]
    with pytest.raises(ImageError, match=r"^3\.png: "):
        read_images(tmp_path)
    with pytest.warns(UserWarning, match="skipped"):
        assert [name for name, _ in iter_images(tmp_path, on_error="skip")] == images.names


def test_skip_keeps_files_of_one_name_apart(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="2 of 3 images skipped"):
        images = read_images([tmp_path / "a" / "x.png", colours(), tmp_path / "b" / "x.png"], on_error="skip")
    assert list(images.skipped) == ["x.png", "image 2 (x.png)"] and images.kept == [1]


def test_one_image_is_single_and_many_are_not() -> None:
    one = colours()
    for single in (one, Image.fromarray(one), torch.from_numpy(one).permute(2, 0, 1)):
        images = read_images(single)
        assert images.single and images.names == ["image 0"] and images.kept == [0]
    tensors = torch.from_numpy(np.stack([one, one])).permute(0, 3, 1, 2)
    column = np.empty(2, dtype=object)
    column[:] = [Image.fromarray(one), one]
    iterator = (one for _ in range(2))
    for many in ([one, one], (one, Image.fromarray(one)), np.stack([one, one]), tensors, iterator, column):
        images = read_images(many)
        assert not images.single and images.names == ["image 0", "image 1"]
        for array in images.arrays:
            np.testing.assert_array_equal(array, one)
    assert not read_images([one]).single and not read_images(one[None]).single


def test_numpy_array_of_paths(tmp_path: Path) -> None:
    numbered_folder(tmp_path)
    paths = np.array([str(tmp_path / "2.PNG"), str(tmp_path / "10.png")])
    assert read_images(paths).names == ["2.PNG", "10.png"]


def test_iteration_is_lazy_and_flat_in_memory() -> None:
    asked = []

    def endless():
        while True:
            asked.append(len(asked))
            yield np.zeros((256, 256, 3), np.uint8)

    images = iter_images(endless())
    assert isinstance(images, types.GeneratorType) and asked == []
    name, array = next(images)
    assert name == "image 0" and array.shape == (256, 256, 3) and asked == [0]
    tracemalloc.start()
    for _ in range(50):
        next(images)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 256 * 256 * 3, f"{peak} bytes for 50 images of {256 * 256 * 3}"


def huge_png(width: int, height: int) -> bytes:
    """A PNG whose header promises width x height and whose data are missing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height", "said"), [(10001, 10000, "100.0"), (60000, 60000, "3600.0")])
def test_bomb_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int, said: str
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(width, height))

    def decode(*_: object) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(ImageError, match=rf"^bomb\.png: expected at most 100 megapixels, got .*{said} megapixels\)"):
        load_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_hundred_megapixels_pass_the_size_check(tmp_path: Path) -> None:
    path = tmp_path / "limit.png"
    path.write_bytes(huge_png(10000, 10000))
    with pytest.raises(ImageError, match="truncated or damaged"):
        load_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_truncation_is_an_image_error(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), np.uint8)).save(buffer, kind)
        whole = buffer.getvalue()
        for part in (1, 9, 20, 60, len(whole) // 2):
            path.write_bytes(whole[:part])
            with pytest.raises(ImageError, match="^cut: .*expected"):
                load_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    path = tmp_path / "bad"
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "QOI"):
        buffer = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(colours()).save(buffer, kind, **({"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}))
        whole = np.frombuffer(buffer.getvalue(), np.uint8)
        for _ in range(40):
            damaged = whole.copy()
            damaged[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
            path.write_bytes(damaged.tobytes())
            try:
                array = load_image(path)
            except ImageError as error:
                assert str(error).startswith("bad: ")  # noqa: PT017
            else:
                assert array.dtype == np.uint8 and array.shape[2] == 3


def test_postscript_never_starts_ghostscript(tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    with pytest.raises(ImageError, match="not a readable image file"):
        load_image(path)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"<!DOCTYPE html><html>", "download the image itself"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"just text", "save it as PNG"),
    ],
)
def test_what_is_no_image_gets_the_right_advice(tmp_path: Path, content: bytes, advice: str) -> None:
    (tmp_path / "face.jpg").write_bytes(content)
    with pytest.raises(ImageError, match="face.jpg: not a readable image file") as caught:
        load_image(tmp_path / "face.jpg")
    assert advice in str(caught.value)


def test_to_tensor_and_back() -> None:
    image = colours()
    tensor = to_tensor(image)
    assert tensor.shape == (3, 4, 6) and tensor.dtype == torch.float32
    assert tensor[1, 2, 3].item() == pytest.approx(image[2, 3, 1] / 255)
    np.testing.assert_array_equal(load_image(tensor), image)
    batch = to_tensor([image, image[::-1]])
    assert batch.shape == (2, 3, 4, 6)
    torch.testing.assert_close(batch, to_tensor(np.stack([image, image[::-1]])))
    torch.testing.assert_close(batch[1], tensor.flip(1))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG"])
def test_save_image(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    image = np.full((8, 8, 3), (200, 30, 90), np.uint8)
    save_image(image, path)
    np.testing.assert_allclose(load_image(path).astype(int), image, atol=0 if suffix == ".png" else 4)
    save_image(255 - image, path)
    np.testing.assert_allclose(load_image(path).astype(int), 255 - image.astype(int), atol=4)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with open(tmp_path / "ordinary", "wb"):
        pass
    assert path.stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    save_image(colours(), path)
    before = path.read_bytes()

    def half(self: Image.Image, file: Path, **_: object) -> None:
        file.write_bytes(b"\x89PNG half a pic")
        raise OSError("no space left on device")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="no space left"):
        save_image(255 - colours(), path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["out.png"]


def test_failed_rename_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "out.png"
    save_image(colours(), path)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError("the file is open elsewhere")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="out.png: the file is open elsewhere"):
        save_image(255 - colours(), path)
    assert path.read_bytes() == before and [file.name for file in tmp_path.iterdir()] == ["out.png"]
