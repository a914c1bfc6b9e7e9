"""Compare models by a slider: numbers of labelled faces, or skip codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..api.prediction import predict
from ..images.reader import read_images
from ..images.types import Images
from ..model import Model
from ..plots import image_grid, image_rows
from .static_image import StaticImage, figure_image, png_bytes


class ModelSlider(StaticImage, ipywidgets.VBox):
    """Move a slider over models, and see their predictions on the same images.

    Each model predicts once, when the slider first reaches it.

    Args:
        models: Text or number of each place of the slider -> its model, for example numbers of labelled faces
            ``{1: a, 3: b}`` or skip codes of fsma ``{"0000": c, "1111": d}``.
        images: As in `facekit.predict`. A few.
        name: What the slider changes, such as "shots" or "skip code".

    Attributes:
        value: The place of the slider, a key of ``models``.

    Raises:
        ValueError: If there are no models.

    Example:
        >>> ModelSlider({n: facekit.adapt(images[:n], points[:n]) for n in (1, 3, 10)}, others, "shots")
    """

    def __init__(self, models: Mapping[Any, Model], images: Images, name: str = "shots"):
        if not models:
            raise ValueError("models: expected at least one model, got none; pass a dictionary of models")
        self._models, self._images = dict(models), list(read_images(images).arrays)
        self._drawn: dict[Any, list[NDArray[np.uint8]]] = {}
        options = [(str(key), key) for key in self._models]
        self._slider = ipywidgets.SelectionSlider(options=options, description=name, continuous_update=False)
        self._picture = ipywidgets.Image(format="png")
        self._slider.observe(lambda _: self._refresh(), "value")
        super().__init__([self._slider, self._picture])
        self._refresh()

    def __repr__(self) -> str:
        return f"ModelSlider({self._slider.description}: {', '.join(map(str, self._models))})"

    @property
    def value(self) -> Any:
        """The place of the slider, a key of ``models``."""
        return self._slider.value

    @value.setter
    def value(self, key: Any) -> None:
        if key not in self._models:
            raise ValueError(f"expected one of {', '.join(map(repr, self._models))}, got {key!r}; choose one of these")
        self._slider.value = key

    def show(self) -> Image.Image:
        """Return the predictions of all models as one image, a row per model."""
        rows = {f"{self._slider.description} {key}": self._drawings(key) for key in self._models}
        return figure_image(image_rows(rows, width=1.8))

    def _drawings(self, key: Any) -> list[NDArray[np.uint8]]:
        """Return the images with the predictions of one model."""
        if key not in self._drawn:
            self._drawn[key] = [result.draw() for result in predict(self._models[key], self._images)]
        return self._drawn[key]

    def _refresh(self) -> None:
        figure = image_grid(self._drawings(self.value), columns=4, width=2.2)
        self._picture.value = png_bytes(figure_image(figure))
