"""Base class of the two editors: images, the current one, undo, the canvas in the browser, saved labels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import anywidget
import numpy as np
import traitlets
from numpy.typing import NDArray
from PIL import Image

from ..annotations import write_labels
from ..api.prediction import predict
from ..core.output_paths import check_output
from ..images.reader import image_source, load_image, read_images, save_image
from ..images.types import Images
from ..model import Model
from ..plots import image_grid
from ..results import Drawable, Faces
from .static_image import StaticImage, data_url, figure_image

UNDO_STEPS = 50
# Longer side of the image in the browser. Coordinates are those of the original image.
SHOWN_SIDE = 1280


class FaceEditor(StaticImage, anywidget.AnyWidget):
    """An editor of the labels of several images. The canvas shows one of them, ``index``.

    Attributes:
        images: RGB (H, W, 3) uint8 each.
        index: Index of the image that the canvas shows.
        on_change: Function that is called with the index of each image whose label changed.
    """

    task: Literal["landmarks", "segmentation"]
    _esm = Path(__file__).with_name("editor.js")
    _image = traitlets.Unicode().tag(sync=True)
    _overlay = traitlets.Unicode().tag(sync=True)
    _state = traitlets.Dict().tag(sync=True)

    def __init__(self, images: Images, label_set: Any, labels: Any, model: Model | str | os.PathLike[str] | None):
        """Store images and labels, and show the first image.

        Args:
            images: As in `facekit.adapt`.
            label_set: The label set.
            labels: One label per image, or None.
            model: A model that proposes labels, as in `facekit.predict`, or None.
        """
        super().__init__()
        items = list(image_source(images).items)
        self.images = list(read_images(items).arrays)
        self._files = [Path(item) if isinstance(item, (str, os.PathLike)) else None for item in items]
        self._label_set, self._model = label_set, model
        if labels is not None and len(labels) != len(self.images):
            raise ValueError(f"expected {len(self.images)} labels, got {len(labels)}; pass one per image")
        self._labels = [self._empty(i) if labels is None else self._checked(labels[i], i) for i in range(len(items))]
        self._labelled = [labels is not None and self._is_label(label) for label in self._labels]
        self._history: deque[tuple[int, NDArray[Any], bool]] = deque(maxlen=UNDO_STEPS)
        self.on_change: Callable[[int], None] = lambda _: None
        self.index = 0
        self.on_msg(self._receive)
        self.go(0)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({sum(self._labelled)} of {len(self.images)} images labelled)"

    @property
    def labelled(self) -> list[int]:
        """Indices of the images that have a label."""
        return [i for i, done in enumerate(self._labelled) if done]

    def labels(self) -> tuple[list[NDArray[np.uint8]], Any]:
        """Return the labelled images and their labels, the first two arguments of `facekit.adapt`.

        Raises:
            ValueError: If no image has a label.
        """
        if not self.labelled:
            raise ValueError(f"expected at least one labelled image, got none of {len(self.images)}; label one first")
        return [self.images[i] for i in self.labelled], self._stacked([self._labels[i] for i in self.labelled])

    def save(self, path: str | os.PathLike[str], format: Literal["labelme", "coco"] = "labelme") -> list[Path]:
        """Write the labels as files that `facekit.annotations.read_labels` and annotation tools read.

        Label files name image files. So images that were arrays are written as PNG beside the labels.

        Args:
            path: A folder for "labelme", a file .json for "coco".
            format: "labelme" or "coco".

        Returns:
            The label files.

        Raises:
            ValueError: If no image has a label, or an image of the same name is in the folder.
        """
        images, labels = self.labels()
        target = check_output(path, (".json",)) if format == "coco" else check_output(path, folder=True)
        folder = target.parent if format == "coco" else target
        files = [self._files[i] or folder / f"image_{i:03}.png" for i in self.labelled]
        for i, file, image in zip(self.labelled, files, images, strict=True):
            if self._files[i] is not None:
                continue
            if file.exists() and not np.array_equal(load_image(file), image):
                raise ValueError(f"expected a folder without {file.name}, got one with another image; choose another")
            save_image(image, file)
        return write_labels(target, files, labels, self.task, self._label_set, format)

    def go(self, index: int) -> None:
        """Show another image.

        Args:
            index: Its index. Indices beyond the ends continue at the other end.
        """
        self.index = index % len(self.images)
        image = self.images[self.index]
        self._image = data_url(np.asarray(Image.fromarray(image).resize(self._shown_size(), Image.Resampling.LANCZOS)))
        self._refresh()

    def undo(self) -> None:
        """Take back the last change, of any image. The canvas shows that image."""
        if self._history:
            index, label, done = self._history.pop()
            self._labels[index], self._labelled[index] = label, done
            self._changed(index)

    def clear(self) -> None:
        """Remove the label of the image that is shown."""
        self._store(self._empty(self.index), labelled=False)

    def propose(self) -> None:
        """Replace the label of the image that is shown by the model's prediction.

        Raises:
            ValueError: If the editor has no model, the model has another task, or it finds no face.
        """
        if self._model is None:
            raise ValueError("expected a model that proposes labels, got none; pass model= to the editor")
        found = predict(self._model, self.images[self.index])
        faces = list(found) if isinstance(found, Faces) else [found]
        if not faces:
            raise ValueError(f"image {self.index}: expected a face, and the model found none; label it by hand")
        self._store(self._converted(faces[0]))

    def show(self) -> Image.Image:
        """Return all images with their labels as one image."""
        drawn = [self._drawn(i) for i in range(len(self.images))]
        titles = [f"{i}" if done else f"{i}: no label" for i, done in enumerate(self._labelled)]
        return figure_image(image_grid(drawn, titles, columns=4, width=2.8))

    def _store(self, label: NDArray[Any], labelled: bool | None = None) -> None:
        """Replace the label of the image that is shown. Undo gives back the earlier one."""
        self._history.append((self.index, self._labels[self.index], self._labelled[self.index]))
        self._labels[self.index] = label
        self._labelled[self.index] = self._is_label(label) if labelled is None else labelled
        self._changed(self.index)

    def _changed(self, index: int) -> None:
        """Show a changed label."""
        if index == self.index:
            self._refresh()
        else:
            self.go(index)
        self.on_change(index)

    def _refresh(self) -> None:
        """Send the label of the image that is shown to the browser."""
        height, width = self.images[self.index].shape[:2]
        self._state = {
            "task": self.task,
            "index": self.index,
            "count": len(self.images),
            "width": width,
            "height": height,
            "undo": bool(self._history),
            "model": self._model is not None,
            **self._shown(),
        }

    def _shown_size(self) -> tuple[int, int]:
        """Return width and height of the image in the browser."""
        height, width = self.images[self.index].shape[:2]
        factor = min(1.0, SHOWN_SIDE / max(height, width))
        return max(1, round(width * factor)), max(1, round(height * factor))

    def _receive(self, _: Any, event: Mapping[str, Any], buffers: Any) -> None:
        """Handle an event of the canvas. It belongs to the image that the person saw."""
        actions: dict[str, Callable[..., None]]
        actions = {**self._actions(), "undo": self.undo, "clear": self.clear, "propose": self.propose, "go": self.go}
        action = actions.get(str(event.get("type")))
        if action is None:
            return
        if event["type"] not in ("go", "undo") and event.get("index") != self.index:
            self.go(int(event["index"]))
        try:
            action(*event.get("values", ()))
        except ValueError as error:
            self._state = {**self._state, "text": str(error)}

    def _empty(self, index: int) -> NDArray[Any]:
        """Return the label of an image without labels."""
        raise NotImplementedError

    def _checked(self, label: Any, index: int) -> NDArray[Any]:
        """Return a given label as an array, or raise ValueError."""
        raise NotImplementedError

    def _is_label(self, label: NDArray[Any]) -> bool:
        """Return whether a label holds something."""
        raise NotImplementedError

    def _stacked(self, labels: list[NDArray[Any]]) -> Any:
        """Return labels in the form of `facekit.adapt`."""
        raise NotImplementedError

    def _converted(self, result: Drawable) -> NDArray[Any]:
        """Return a prediction as a label, or raise ValueError."""
        raise NotImplementedError

    def _drawn(self, index: int) -> NDArray[np.uint8]:
        """Return an image with its label drawn on it."""
        raise NotImplementedError

    def _shown(self) -> dict[str, Any]:
        """Return the label of the image that is shown, and the instruction, as plain data."""
        raise NotImplementedError

    def _actions(self) -> dict[str, Callable[..., None]]:
        """Return the method of each event of the canvas."""
        raise NotImplementedError
