"""Base class of the two editors: the canvas in the browser that shows labels and sends events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from PIL import Image

from ..labelling import FaceLabels
from ..labelling.data_url import data_url
from ..plots import image_grid
from .static_image import StaticImage, figure_image


class FaceEditor(StaticImage, anywidget.AnyWidget):
    """The canvas of labels. A subclass derives from a class of labels first, then from this class.

    The labels call ``on_view`` when anything has changed. The editor then sends it to the browser.
    """

    _esm = Path(__file__).with_name("editor.js")
    _image = traitlets.Unicode().tag(sync=True)
    _overlay = traitlets.Unicode().tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)

    def __init__(self, create: Callable[..., None], *data: Any) -> None:
        """Create widget and labels.

        Args:
            create: The constructor of the labels, ``FaceLabels.__init__`` of a subclass.
            *data: Its arguments.
        """
        super().__init__()
        self._sent: int | None = None
        create(self, *data, self._send_view)
        self.on_msg(self._receive)

    def show(self) -> Image.Image:
        """Return all images with their labels as one image."""
        labels: Any = self
        drawn = [labels.drawn(i) for i in range(len(labels.images))]
        titles = [f"{i}" if i in labels.labelled else f"{i}: no label" for i in range(len(labels.images))]
        return figure_image(image_grid(drawn, titles, columns=4, width=2.8))

    def _send_view(self) -> None:
        """Send what the canvas shows to the browser. The image is sent if it is another one."""
        labels: Any = self
        if self._sent != labels.index:
            self._image, self._sent = data_url(labels.shown_image()), labels.index
        overlay = labels.overlay()
        if overlay is not None:
            self._overlay = data_url(overlay)
        self._state = labels.state()

    def _receive(self, _: Any, event: Mapping[str, Any], buffers: Any) -> None:
        """Handle an event of the canvas."""
        labels: FaceLabels = self  # type: ignore[assignment]
        message = labels.receive(event)
        if message:
            self._state = {**self._state, "text": message}
