"""Components that pass uploaded files to facekit unchanged.

Gradio's own image components decode a file before the handler receives it. They turn 16-bit images white and float
images black, show the hidden pixels of transparent images, and have less helpful messages about unreadable files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.component_meta import ComponentMeta
from gradio.data_classes import ImageData
from gradio.processing_utils import save_base64_to_cache

from ..images.reader import ImageError, load_image, open_image, save_image
from .components import EXAMPLE_LABEL, PHOTO, example_photos, show_errors
from .limits import check_pixels
from .sessions import new_file

# Formats that every current browser can show. Files of other formats are converted to PNG.
SHOWN = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF")


class _WithoutStub(ComponentMeta):
    """Metaclass without a side effect of gradio's own: writing a .pyi file beside the source of each component."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        """Create the class."""
        return type.__new__(cls, name, bases, attributes)


class ImageFile(gr.Image, metaclass=_WithoutStub):
    """An image field whose handlers receive the path of the uploaded file, byte for byte as it was."""

    is_template = True  # the browser shows it as gr.Image

    @show_errors
    def preprocess(self, payload: ImageData | None) -> str | None:
        """Return the path of the uploaded file. The file is not opened.

        Args:
            payload: Data from the browser: an uploaded file, or its bytes as a data URL.

        Returns:
            The path, or None if nothing was uploaded.
        """
        if payload is not None and payload.path is None and (payload.url or "").startswith("data:"):
            return save_base64_to_cache(str(payload.url), self.GRADIO_CACHE, payload.orig_name or "image")
        return None if payload is None else payload.path


def image_field(label: str, height: int) -> ImageFile:
    """Create a field for one image. It checks an upload at once and shows images of all formats.

    Args:
        label: Title of the field.
        height: Height in CSS pixels.

    Returns:
        The field. Handlers receive the path of the file, or None.
    """
    sources: Any = ["upload", "webcam", "clipboard"]
    field = ImageFile(type="filepath", format="png", label=label, sources=sources, height=height)
    field.upload(check_upload, field, field, show_progress="hidden", api_visibility="private")
    return field


def example_field(photo: ImageFile, kind: gr.Radio, name: str) -> None:
    """Lay out the example photos below an image field.

    Args:
        photo: The field. A press on an example fills it.
        kind: Whether the image is a photo or a face crop. It becomes PHOTO.
        name: Name of the function for programs.
    """
    examples = gr.Examples([[path] for path in example_photos()], [photo], label=EXAMPLE_LABEL, api_name=name)
    examples.load_input_event.then(None, None, kind, js=f"() => {PHOTO!r}", api_visibility="private")


def check_upload(path: str | None) -> Any:
    """Check an uploaded image, and convert it if browsers cannot show its format.

    Args:
        path: The uploaded file.

    Returns:
        The update of the field: no change, a PNG file of the same pixels, or an empty field after a warning.
    """
    if path is None:
        return gr.skip()
    try:
        check_pixels(path)
        if open_image(path).format in SHOWN:
            return gr.skip()
        save_image(load_image(path), converted := new_file(f"{Path(path).stem}.png"))
    except (ImageError, OSError) as error:
        gr.Warning(str(error), title="That did not work")
        return None
    return str(converted)
