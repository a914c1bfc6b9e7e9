"""Result of attribute prediction: the probability of each attribute of one face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import AttributeSet
from . import drawing
from .drawable import Box, Drawable, about_frame, box_numbers, frame_dict, json_number, rgb_array, same_size, store


@dataclass(frozen=True, eq=False, repr=False)
class Attributes(Drawable):
    """Attributes of one face, such as "smiling".

    Attributes:
        probabilities: (A,) float32 in [0, 1]; NaN is unknown.
        labels: The set that names the attributes.
        image: (H,W,3) uint8 RGB.
        box: The face's box (x0, y0, x1, y1); None if the whole image was used.

    Raises:
        ValueError: If there is not one probability per attribute.
    """

    probabilities: NDArray[np.float32]
    labels: AttributeSet
    image: NDArray[np.uint8]
    box: Box | None = None

    def __post_init__(self) -> None:
        probabilities = np.asarray(self.probabilities, np.float32)
        if probabilities.shape != (len(self.labels),):
            raise ValueError(
                f"set {self.labels.name!r}: expected one probability per attribute ({len(self.labels)},), "
                f"got shape {probabilities.shape}"
            )
        store(self, probabilities=probabilities, image=rgb_array(self.image), box=box_numbers(self.box))

    def __repr__(self) -> str:
        return f"Attributes({', '.join(f'{name} {100 * p:.0f} %' for name, p in self.top(3))}, {about_frame(self)})"

    def top(self, n: int | None = None) -> list[tuple[str, float]]:
        """Return the most likely attributes.

        Args:
            n: Their number; None is all.

        Returns:
            (name, probability) of each, most likely first.
        """
        order = np.argsort(-self.probabilities, kind="stable")[:n]
        return [(self.labels.names[i], float(self.probabilities[i])) for i in order]

    def present(self, threshold: float = 0.5) -> list[str]:
        """Return the attributes whose probability is at least ``threshold``.

        Args:
            threshold: In [0, 1].

        Returns:
            Their names, most likely first.
        """
        return [name for name, p in self.top() if p >= threshold]

    def draw(self, panel: bool = True) -> NDArray[np.uint8]:
        """Draw the face's box and the probabilities.

        Args:
            panel: Whether to show all probabilities as bars, in a strip at the right. False writes the three most
                likely attributes of at least 0.5 into the image.

        Returns:
            (H,W,3) uint8 RGB, wider with a strip.
        """
        if not panel:
            return self.draw_on(self.image)
        image = self.image if self.box is None else drawing.draw_box(self.image, self.box)
        return drawing.add_bars(image, [(drawing.readable(name), p) for name, p in self.top()])

    def draw_on(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw the box and the three most likely attributes on a copy of an image of the same size, (H,W,3) uint8."""
        (h, w), box = self.image.shape[:2], self.box
        lines = [f"{drawing.readable(name)} {100 * p:.0f} %" for name, p in self.top(3) if p >= 0.5]
        return drawing.draw_box(same_size(canvas, self.image), box or (-0.5, -0.5, w - 0.5, h - 0.5), lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the probabilities by name, ready for JSON."""
        values = dict(zip(self.labels.names, map(json_number, self.probabilities), strict=True))
        return {"kind": "attributes", "labels": self.labels.name, "probabilities": values, **frame_dict(self)}
