"""Components that hand a visitor's files to facekit as they came. gradio's own decode images before they pass them on.

gradio's decoding turns 16-bit images white and floats black, shows hidden pixels of transparent images, and has its
own bare messages about files that it cannot read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.component_meta import ComponentMeta
from gradio.components.image_editor import EditorData
from gradio.data_classes import ImageData
from gradio.processing_utils import save_base64_to_cache

from ..images.reader import ImageError, load_image, open_image, save_image
from .components import explained
from .sessions import new_file

MOST_LAYERS = 8
# Formats that every current browser shows; others are shown as PNG.
SHOWN = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "AVIF")


class _WithoutStub(ComponentMeta):
    """gradio's metaclass writes a .pyi file beside the source of every component class. This one does not."""

    def __new__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> Any:
        return type.__new__(cls, name, bases, attributes)


class ImageFile(gr.Image, metaclass=_WithoutStub):
    """An image field whose functions get the path of the file that was uploaded, byte for byte."""

    is_template = True  # the browser shows it as gr.Image

    @explained
    def preprocess(self, payload: ImageData | None) -> str | None:
        """Give the file's path without opening the file.

        Args:
            payload: What the browser sent: an uploaded file, or its bytes as a data URL.

        Returns:
            The file's path, or None where nothing was uploaded.
        """
        if payload is not None and payload.path is None and (payload.url or "").startswith("data:"):
            return save_base64_to_cache(str(payload.url), self.GRADIO_CACHE, payload.orig_name or "image")
        return None if payload is None else payload.path


class PaintEditor(gr.ImageEditor, metaclass=_WithoutStub):
    """An editor whose files are read by facekit, after their number was checked."""

    is_template = True  # the browser shows it as gr.ImageEditor
    accept_blobs = None  # keeps files in memory for live events, which this page does not have

    @explained
    def preprocess(self, payload: EditorData | None) -> dict[str, Any] | None:
        """Read the background and the painted layers.

        Args:
            payload: The editor's files, as the browser sent them.

        Returns:
            None without a background. Else "background", RGB (H, W, 3) uint8, and "layers", RGBA (H, W, 4) uint8 each.

        Raises:
            gr.Error: If there are more than MOST_LAYERS layers, or if a file is no image.
        """
        if payload is None or payload.background is None:
            return None
        if len(payload.layers) > MOST_LAYERS:
            raise ValueError(f"expected at most {MOST_LAYERS} painted layers, got {len(payload.layers)}; paint on one")
        layers = [np.array(open_image(layer.path).convert("RGBA")) for layer in payload.layers]
        return {"background": load_image(payload.background.path), "layers": layers}


def image_field(label: str, height: int) -> ImageFile:
    """Make the field for one image. It checks an upload at once and shows images of all formats.

    Args:
        label: The field's title.
        height: Its height in CSS pixels.

    Returns:
        The field. As an input it gives a file's path, or None.
    """
    sources: Any = ["upload", "webcam", "clipboard"]
    field = ImageFile(type="filepath", format="png", label=label, sources=sources, height=height)
    field.upload(checked, field, field, show_progress="hidden", api_visibility="private")
    return field


def checked(path: str | None) -> Any:
    """Check an uploaded image, and convert it where a browser cannot show its format.

    Args:
        path: The uploaded file.

    Returns:
        An update of the field: nothing, the same pixels as a PNG file, or an empty field after a warning.
    """
    if path is None:
        return gr.skip()
    try:
        if open_image(path).format in SHOWN:
            return gr.skip()
        save_image(load_image(path), shown := new_file(f"{Path(path).stem}.png"))
    except (ImageError, OSError) as error:
        gr.Warning(str(error), title="That did not work")
        return None
    return str(shown)
