"""Accept or correct predictions, which then are labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import ipywidgets
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..plots import image_grid
from ..results import Drawable, Faces, Landmarks, Segmentation
from .part_editor import PartEditor
from .point_editor import PointEditor
from .static_image import StaticImage, figure_image

State = Literal["not reviewed", "accepted", "corrected", "rejected"]


class Review(StaticImage, ipywidgets.VBox):
    """Go through predictions: accept each one, reject it, or correct it in the editor.

    Args:
        results: What `facekit.predict` returned for images: landmarks of one set, or parts of one set. Of detected
            faces, each face is one item.

    Attributes:
        editor: A `PointEditor` or `PartEditor` with the predictions. A change in it corrects a prediction.
        states: State of each prediction.

    Raises:
        ValueError: If there are no predictions, or they have several label sets or another task.

    Example:
        >>> review = Review(facekit.predict(model, images))
        >>> review  # accept and correct in the notebook, then:
        >>> model = facekit.adapt(*review.labels(), task="landmarks", names=review.editor.names)
    """

    def __init__(self, results: Drawable | Sequence[Drawable | Faces]):
        items = [results] if isinstance(results, Drawable) else list(results)
        faces: list[Any] = [face for item in items for face in (item if isinstance(item, Faces) else [item])]
        images = [face.image for face in faces]
        kinds = {(type(face), getattr(face, "labels", None)) for face in faces}
        if len(kinds) != 1 or not isinstance(faces[0], (Landmarks, Segmentation)):
            got = ", ".join(sorted({type(face).__name__ for face in faces})) or "none"
            raise ValueError(f"expected landmarks, or parts, of one label set, got {got}; pass results of one model")
        self.editor: PointEditor | PartEditor
        if isinstance(faces[0], Landmarks):
            self.editor = PointEditor(images, faces[0].labels, np.stack([face.points for face in faces]))
        else:
            self.editor = PartEditor(images, faces[0].labels, [face.mask for face in faces])
        self.states: list[State] = ["not reviewed"] * len(faces)
        self.editor.on_change = self._correct
        self._text = ipywidgets.Label()
        buttons = []
        for text, style, action in (("Accept", "success", self.accept), ("Reject", "danger", self.reject)):
            button = ipywidgets.Button(description=text, button_style=style)
            button.on_click(lambda _, action=action: action())
            buttons.append(button)
        super().__init__([self.editor, ipywidgets.HBox([*buttons, self._text])])
        self._refresh()

    def __repr__(self) -> str:
        return f"Review({self._summary()})"

    def accept(self, index: int | None = None) -> None:
        """Take a prediction as a label, and show the next one that is not reviewed.

        Args:
            index: Its index. None is the one that is shown.
        """
        self._set("accepted", index)

    def reject(self, index: int | None = None) -> None:
        """Leave a prediction out, and show the next one that is not reviewed.

        Args:
            index: Its index. None is the one that is shown.
        """
        self._set("rejected", index)

    def labels(self) -> tuple[list[NDArray[np.uint8]], Any]:
        """Return the images and labels that were accepted or corrected, as the first two arguments of `facekit.adapt`.

        Raises:
            ValueError: If there are none.
        """
        chosen = [i for i, state in enumerate(self.states) if state in ("accepted", "corrected")]
        if not chosen:
            raise ValueError(f"expected accepted predictions, got none of {len(self.states)}; accept or correct some")
        editor = self.editor
        labels = editor.points[chosen] if isinstance(editor, PointEditor) else [editor.masks[i] for i in chosen]
        return [editor.images[i] for i in chosen], labels

    def show(self) -> Image.Image:
        """Return all predictions with their states as one image."""
        drawn = [self.editor.drawn(i) for i in range(len(self.states))]
        return figure_image(image_grid(drawn, self.states, columns=4, width=2.8))

    def _set(self, state: State, index: int | None) -> None:
        index = self.editor.index if index is None else index
        if not 0 <= index < len(self.states):
            raise ValueError(f"expected an index from 0 to {len(self.states) - 1}, got {index}; choose one of these")
        corrected = state == "accepted" and self.states[index] == "corrected"
        self.states[index] = "corrected" if corrected else state
        order = [(index + k) % len(self.states) for k in range(1, len(self.states))]
        following = next((i for i in order if self.states[i] == "not reviewed"), None)
        if following is not None:
            self.editor.go(following)
        self._refresh()

    def _correct(self, index: int) -> None:
        """Note a change in the editor."""
        self.states[index] = "corrected"
        self._refresh()

    def _summary(self) -> str:
        kinds = cast(tuple[State, ...], ("accepted", "corrected", "rejected", "not reviewed"))
        return ", ".join(f"{self.states.count(kind)} {kind}" for kind in kinds if kind in self.states)

    def _refresh(self) -> None:
        self._text.value = self._summary()
