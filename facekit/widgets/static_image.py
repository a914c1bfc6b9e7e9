"""The image that a notebook shows instead of a widget where no kernel runs."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_Base: Any = object


class StaticImage(_Base):
    """Base class of widgets: adds an image to what a notebook stores. Write it before ipywidgets' class."""

    def show(self) -> Image.Image:
        """Return what the widget holds as an image."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        bundle = super()._repr_mimebundle_(**options)
        # ipywidgets returns the data, anywidget the data and their metadata.
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, "image/png": base64.b64encode(png_bytes(self.show())).decode()}, metadata


def png_bytes(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def figure_image(figure: Figure) -> Image.Image:
    """Draw a figure as an image."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return Image.open(file).convert("RGB")
