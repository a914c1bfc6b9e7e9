"""Every uploaded file reaches `load_image` unchanged (cases 03, 21, M8)."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from gradio.data_classes import ImageData
from gradio.state_holder import SessionState
from gradio.utils import get_upload_folder
from helpers.hostile_files import BAD, COLOURS, RNG, animated, encoded, turned
from PIL import Image

import facekit
from facekit.images.reader import load_image
from facekit.page import app
from facekit.page.image_tab import adapt_handler
from facekit.page.parsing_tab import PLAIN
from facekit.page.uploads import ImageFile, check_upload
from facekit.results.faces import Faces


def heic() -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (the extra heic)")
    pillow_heif.from_pillow(Image.fromarray(COLOURS)).save(buffer := io.BytesIO())
    return buffer.getvalue()


def avif() -> bytes:
    try:
        return encoded(Image.fromarray(COLOURS), "AVIF")
    except (KeyError, OSError):
        pytest.skip("this Pillow was built without AVIF")


DEEP = RNG.integers(0, 65536, (24, 32)).astype(np.uint16)
GOOD: dict[str, Callable[[], bytes]] = {
    "deep.png": lambda: encoded(Image.fromarray(DEEP), "PNG"),
    "float.tif": lambda: encoded(Image.fromarray(RNG.random((24, 32)).astype(np.float32)), "TIFF"),
    "float255.tiff": lambda: encoded(Image.fromarray(RNG.uniform(0, 255, (24, 32)).astype(np.float32)), "TIFF"),
    "int32.tif": lambda: encoded(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "clear.png": lambda: encoded(Image.fromarray(np.dstack([COLOURS, np.zeros((24, 32), np.uint8)])), "PNG"),
    "half_clear.webp": lambda: encoded(Image.fromarray(np.dstack([COLOURS, DEEP.astype(np.uint8)])), "WEBP"),
    "palette.png": lambda: encoded(Image.fromarray(COLOURS).convert("P"), "PNG", transparency=3),
    "grey_alpha.png": lambda: encoded(Image.fromarray(COLOURS).convert("LA"), "PNG"),
    "bits.png": lambda: encoded(Image.fromarray(COLOURS).convert("1"), "PNG"),
    "photo.HEIC": heic,
    "photo.avif": avif,
    "cmyk.jpg": lambda: encoded(Image.fromarray(COLOURS).convert("CMYK"), "JPEG"),
    "turned.jpg": lambda: turned("JPEG"),
    "turned.png": lambda: turned("PNG"),
    "turned.tif": lambda: turned("TIFF"),
    "moves.gif": lambda: animated("GIF"),
    "moves.webp": lambda: animated("WEBP"),
    "moves.png": lambda: animated("PNG"),
    "really_png.jpg": lambda: encoded(Image.fromarray(COLOURS), "PNG"),
    "no_suffix": lambda: encoded(Image.fromarray(COLOURS), "PNG"),
    "old.bmp": lambda: encoded(Image.fromarray(COLOURS), "BMP"),
    "new.jp2": lambda: encoded(Image.fromarray(COLOURS), "JPEG2000"),
    "plain.ppm": lambda: encoded(Image.fromarray(COLOURS), "PPM"),
    "one_pixel.png": lambda: encoded(Image.new("RGB", (1, 1), "red"), "PNG"),
}


@pytest.fixture(scope="module")
def page() -> gr.Blocks:
    return app.build()


def upload(name: str, data: bytes) -> dict[str, Any]:
    """A file where the browser's uploads lie, as the browser names it."""
    folder = Path(get_upload_folder()) / "facekit-test-uploads"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return {"path": str(folder / name), "orig_name": name, "meta": {"_type": "gradio.FileData"}}


def call(page: gr.Blocks, name: str, inputs: list[Any]) -> list[Any]:
    """A function of the page, from what the browser sends to what it gets."""
    function = next(fn for fn in page.fns.values() if fn.api_name == name)
    return asyncio.run(page.process_api(function, inputs, state=SessionState(page)))["data"]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The images that reach the models."""
    images: list[np.ndarray] = []

    def predict(model: Any, image: np.ndarray, **settings: Any) -> Faces:
        images.append(image)
        return Faces([], image=image)

    monkeypatch.setattr(facekit, "predict", predict)
    return images


@pytest.mark.parametrize("name", GOOD)
def test_an_upload_is_the_image_that_load_image_gives(name: str, page: gr.Blocks, seen: list[np.ndarray]) -> None:
    file = upload(name, GOOD[name]())
    call(page, "landmarks", [file])
    call(page, "parts", [file, "Photo", 0.5, PLAIN, None])
    assert len(seen) == 2
    for image in seen:
        np.testing.assert_array_equal(image, load_image(file["path"]))


def test_files_of_the_labelling_tabs_are_read_by_load_image(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(
        "facekit.page.label_import.read_photo", lambda path: given.append(str(path)) or load_image(path)
    )
    files = [upload(name, GOOD[name]()) for name in ("deep.png", "float.tif", "no_suffix", "new.jp2")]
    call(page, "choose", [None, files, "Points", "nose", "skin"])
    call(page, "one_shot_choose", [None, files, "skin"])
    assert given == [file["path"] for file in files] * 2


def test_no_field_decodes_images_before_facekit(page: gr.Blocks) -> None:
    fields = {block for fn in page.fns.values() for block in fn.inputs}
    kinds = {type(block) for block in fields}
    assert {ImageFile, gr.File, gr.UploadButton} <= kinds
    assert not kinds & {gr.Image, gr.ImageEditor, gr.Gallery, gr.ImageSlider, gr.AnnotatedImage, gr.Sketchpad}
    for field in fields:
        if isinstance(field, (gr.File, gr.UploadButton)):
            assert field.type == "filepath" and not field.file_types, "the browser refuses other suffixes silently"
        if isinstance(field, ImageFile):
            assert field.get_block_name() == "image"
    assert not list(Path(app.__file__).parent.glob("*.pyi")), "gradio writes stubs beside new components"


def test_large_images_are_refused_before_they_are_decoded(page: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    file = upload("large.png", encoded(Image.new("1", (5001, 5000)), "PNG"))
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **settings: told.append(message))
    monkeypatch.setattr("facekit.page.limits.load_image", lambda path: pytest.fail("decoded"))
    sentence = "large.png: expected at most 25 megapixels, got 5001 x 5000 = 25.0; make the image smaller"
    assert check_upload(file["path"]) is None and told == [sentence]
    for function, inputs in {
        "landmarks": [file],
        "parts": [file, "Photo", 0.5, PLAIN, None],
        "match": [file, "a\nb"],
    }.items():
        with pytest.raises(gr.Error) as error:
            call(page, function, inputs)
        assert error.value.message == sentence
    call(page, "choose", [None, [file], "Points", "nose", "skin"])
    assert told[1:] == [sentence]
    with pytest.raises(gr.Error, match="large.png: expected at most 25 megapixels"):
        adapt_handler("stylization")([file["path"]], [file["path"]], None, "Photo", 1)


def test_a_data_url_is_a_file_too(page: gr.Blocks, seen: list[np.ndarray]) -> None:
    data = GOOD["deep.png"]()
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    path = ImageFile().preprocess(ImageData(url=url, orig_name="deep.png"))
    assert path is not None and Path(path).read_bytes() == data
    assert ImageFile().preprocess(None) is None and ImageFile().preprocess(ImageData()) is None


@pytest.mark.parametrize("name", ["deep.png", "float.tif", "photo.HEIC", "new.jp2", "turned.tif", "cmyk.jpg"])
def test_the_preview_has_the_same_pixels(name: str) -> None:
    path = upload(name, GOOD[name]())["path"]
    shown = check_upload(path)
    if name in ("deep.png", "cmyk.jpg"):
        assert shown == gr.skip(), "browsers show these"
        return
    assert Image.open(shown).format == "PNG"
    np.testing.assert_array_equal(load_image(shown), load_image(path))


def test_a_bad_upload_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **settings: told.append(message))
    assert check_upload(upload("page.jpg", BAD["page.jpg"])["path"]) is None and check_upload(None) == gr.skip()
    assert len(told) == 1 and "page.jpg" in told[0] and "a web page" in told[0]
