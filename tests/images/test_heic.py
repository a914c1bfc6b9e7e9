"""HEIC images open with pillow-heif, and without it the error says how to install it (case 21)."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from facekit.data.image_text.pair import decode_image
from facekit.images import files as images
from facekit.images import heic
from facekit.images.reader import ImageError, list_images, load_image

HEAD = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


@pytest.fixture(scope="module")
def pillow_heif() -> ModuleType:
    return pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (the extra heic)")


def corners() -> np.ndarray:
    """A white image of 64 x 96 px whose upper left quarter is red and whose lower right quarter is green."""
    image = np.full((64, 96, 3), 255, np.uint8)
    image[:32, :48], image[32:, 48:] = (255, 0, 0), (0, 200, 0)
    return image


def written(pillow_heif: ModuleType, path: Path, image: Image.Image, **settings: object) -> bytes:
    pillow_heif.from_pillow(image).save(path, quality=95, **settings)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "a.heif", "a.hif", "renamed.jpg"])
def test_heic_opens_by_itself(pillow_heif: ModuleType, tmp_path: Path, name: str) -> None:
    data = written(pillow_heif, tmp_path / name, Image.fromarray(corners()))
    readers, suffixes = dict(Image.OPEN), dict(Image.EXTENSION)
    read = load_image(tmp_path / name)
    assert readers == Image.OPEN and suffixes == Image.EXTENSION, "Pillow's registry is the caller's"
    np.testing.assert_allclose(read[8:24, 8:40].mean((0, 1)), (255, 0, 0), atol=4)
    np.testing.assert_allclose(read[40:56, 56:88].mean((0, 1)), (0, 200, 0), atol=4)
    assert read.shape == (64, 96, 3) and list_images(tmp_path) == [tmp_path / name]
    np.testing.assert_array_equal(decode_image(data, "a member"), read)


def test_heic_is_upright_once(pillow_heif: ModuleType, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: row 0 of the stored image is the right side
    written(pillow_heif, tmp_path / "turned.heic", Image.fromarray(corners()), exif=exif.tobytes())
    read = load_image(tmp_path / "turned.heic")
    assert read.shape == (96, 64, 3)
    np.testing.assert_allclose(read[8:40, 40:56].mean((0, 1)), (255, 0, 0), atol=4)
    np.testing.assert_allclose(read[56:88, 8:24].mean((0, 1)), (0, 200, 0), atol=4)


def test_transparent_heic_lies_on_white(pillow_heif: ModuleType, tmp_path: Path) -> None:
    clear = Image.fromarray(np.dstack([corners(), np.zeros((64, 96), np.uint8)]))
    written(pillow_heif, tmp_path / "clear.heic", clear)
    assert load_image(tmp_path / "clear.heic").min() >= 253


def test_damaged_heic_is_one_line(pillow_heif: ModuleType, tmp_path: Path) -> None:
    data = np.frombuffer(written(pillow_heif, tmp_path / "a.heic", Image.fromarray(corners())), np.uint8)
    random, bad = np.random.default_rng(0), tmp_path / "bad.heic"
    cut = [data[:part].tobytes() for part in (20, 40, 64, 100, len(data) // 2, len(data) - 20)]
    for content in cut:
        bad.write_bytes(content)
        with pytest.raises(ImageError, match="^bad.heic: .*expected") as caught:
            load_image(bad)
        assert "\n" not in str(caught.value)
    for _ in range(60):
        damaged = data.copy()
        damaged[random.integers(0, len(data), 4)] = random.integers(0, 256, 4)
        bad.write_bytes(damaged.tobytes())
        try:
            assert load_image(bad).shape[2] == 3
        except ImageError as error:
            assert str(error).startswith("bad.heic: ") and "\n" not in str(error)  # noqa: PT017


def test_the_limit_of_pixels_holds(pillow_heif: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(pillow_heif, tmp_path / "a.heic", Image.fromarray(corners()))
    monkeypatch.setattr("facekit.images.formats.MAX_PIXELS", 5000)
    with pytest.raises(ImageError, match="a.heic: expected at most .*, got 96 x 64 pixels"):
        load_image(tmp_path / "a.heic")


def test_without_the_reader_the_advice_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "has_reader", lambda: False)
    (tmp_path / "face.jpg").write_bytes(HEAD)
    with pytest.raises(ImageError, match=r"face.jpg: .* install the extra heic: pip install -e '\.\[heic\]'") as caught:
        load_image(tmp_path / "face.jpg")
    assert "pip install facekit" not in str(caught.value) and "register" not in str(caught.value)


def test_the_terminal_reads_heic(pillow_heif: ModuleType, tmp_path: Path) -> None:
    written(pillow_heif, tmp_path / "a.heic", Image.fromarray(corners()))
    code = f"from facekit.images import load_image; print(load_image({str(tmp_path / 'a.heic')!r}).shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(64, 96, 3)"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (HEAD, True),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", True),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", True),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", False),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", False),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", False),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", False),
        (b"", False),
    ],
)
def test_which_files_are_heic(head: bytes, expected: bool) -> None:
    assert heic.is_heic(head) == expected


def test_avif_is_read_by_pillow(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    try:
        Image.fromarray(corners()).save(buffer, "AVIF", quality=95)
    except (KeyError, OSError):
        pytest.skip("this Pillow was built without AVIF")
    (tmp_path / "a.avif").write_bytes(buffer.getvalue())
    assert not heic.is_heic(buffer.getvalue()) and load_image(tmp_path / "a.avif").shape == (64, 96, 3)
