"""Show the loss of a training while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping

import ipywidgets
from PIL import Image

from ..plots import curves
from .static_image import StaticImage, figure_image, png_bytes

# Drawing takes about 0.1 s, and should not slow the training down.
SECONDS_BETWEEN = 1.5


class LossPlot(StaticImage, ipywidgets.VBox):
    """A bar and a curve that follow a training. Display it, then pass it as ``progress``.

    Attributes:
        losses: Name of each loss -> (step, value) of each step.

    Example:
        >>> plot = LossPlot()
        >>> display(plot)
        >>> model = facekit.adapt(images, points, progress=plot)
    """

    def __init__(self) -> None:
        self._bar = ipywidgets.IntProgress(min=0, max=1, description="training")
        self._text = ipywidgets.Label("waits for a training")
        self._picture = ipywidgets.Image(format="png")
        self._first = self._last = 0
        self._started, self._drawn = time.monotonic(), float("-inf")
        self.losses: dict[str, list[tuple[int, float]]] = {}
        super().__init__([ipywidgets.HBox([self._bar, self._text]), self._picture])

    def __repr__(self) -> str:
        return f"LossPlot({self._text.value})"

    def __call__(self, done: int, total: int, values: Mapping[str, float]) -> None:
        """Note one step. A new training begins again at the first step.

        Args:
            done: Steps done.
            total: All steps.
            values: The losses of the step by name.
        """
        if done <= self._last:
            self.losses = {}
        if not self.losses:
            self._first, self._started, self._drawn = done, time.monotonic(), float("-inf")
        self._last = done
        for name, value in values.items():
            self.losses.setdefault(name, []).append((done, float(value)))
        now = time.monotonic()
        if done < total and now - self._drawn < SECONDS_BETWEEN:
            return
        self._drawn = now
        left = (now - self._started) / max(1, done - self._first) * (total - done)
        loss = f" · loss {values['loss']:.3g}" if "loss" in values else ""
        self._bar.max, self._bar.value = total, done
        self._text.value = f"step {done} of {total}{loss}" + (f" · about {left:.0f} s left" if done < total else "")
        self._picture.value = png_bytes(self.show())

    def show(self) -> Image.Image:
        """Return the curves as an image."""
        if not self.losses:
            return figure_image(curves({"loss": ([0], [0])}))
        lines = {name: tuple(zip(*points, strict=True)) for name, points in self.losses.items()}
        return figure_image(curves(lines))  # type: ignore[arg-type]
