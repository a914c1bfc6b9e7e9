"""Base class of point labels and part labels: images, the current one, undo, events of the canvas, saved labels."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..annotations import write_labels
from ..api.prediction import predict
from ..core.output_paths import check_output
from ..images.reader import image_source, load_image, read_images, save_image
from ..images.types import Images
from ..model import Model
from ..results import Drawable, Faces

UNDO_STEPS = 50
# Longer side of the image in the browser. Coordinates are those of the original image.
SHOWN_SIDE = 1280


class FaceLabels:
    """The labels of several images. One of the images, ``index``, is the current one.

    Attributes:
        images: RGB (H, W, 3) uint8 each.
        index: Index of the current image.
        on_change: Function that is called with the index of each image whose label changed.
        on_view: Function that is called when anything that the canvas shows has changed.
    """

    task: Literal["landmarks", "segmentation"]

    def __init__(
        self,
        images: Images,
        label_set: Any,
        labels: Any,
        model: Model | str | os.PathLike[str] | None,
        on_view: Callable[[], None] = lambda: None,
    ):
        """Store images and labels. The first image is the current one.

        Args:
            images: As in `facekit.adapt`.
            label_set: The label set.
            labels: One label per image, or None.
            model: A model that proposes labels, as in `facekit.predict`, or None.
            on_view: See the attributes.
        """
        items = list(image_source(images).items)
        self.images = list(read_images(items).arrays)
        self._files = [Path(item) if isinstance(item, (str, os.PathLike)) else None for item in items]
        self._label_set, self.model = label_set, model
        if labels is not None and len(labels) != len(self.images):
            raise ValueError(f"expected {len(self.images)} labels, got {len(labels)}; pass one per image")
        self._labels = [self._empty(i) if labels is None else self._checked(labels[i], i) for i in range(len(items))]
        self._labelled = [labels is not None and self._is_label(label) for label in self._labels]
        self._history: deque[tuple[int, NDArray[Any], bool]] = deque(maxlen=UNDO_STEPS)
        self.on_change: Callable[[int], None] = lambda _: None
        self.on_view = on_view
        self.index = 0
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
        self.on_view()

    def undo(self) -> None:
        """Take back the last change, of any image, and show that image."""
        if self._history:
            index, label, done = self._history.pop()
            self._labels[index], self._labelled[index] = label, done
            self._changed(index)

    def clear(self) -> None:
        """Remove the label of the current image."""
        self._store(self._empty(self.index), labelled=False)

    def propose(self) -> None:
        """Replace the label of the current image by the model's prediction.

        Raises:
            ValueError: If there is no model, the model has another task, or it finds no face.
        """
        if self.model is None:
            raise ValueError("expected a model that proposes labels, got none; pass model= to the editor")
        found = predict(self.model, self.images[self.index])
        faces = list(found) if isinstance(found, Faces) else [found]
        if not faces:
            raise ValueError(f"image {self.index}: expected a face, and the model found none; label it by hand")
        self._store(self._converted(faces[0]))

    def drawn(self, index: int) -> NDArray[np.uint8]:
        """Return an image with its label drawn on it, RGB (H, W, 3) uint8."""
        raise NotImplementedError

    def receive(self, event: Mapping[str, Any]) -> str:
        """Handle an event of the canvas. It belongs to the image that the person saw.

        Args:
            event: "type", the name of a method; "values", its arguments; "index", the index of the image that was
                shown. Events of other types change nothing.

        Returns:
            The message of an error, to show instead of the instruction; empty without an error.
        """
        actions: dict[str, Callable[..., None]]
        actions = {**self._actions(), "undo": self.undo, "clear": self.clear, "propose": self.propose, "go": self.go}
        actions["step"] = lambda by: self.go(self.index + by)  # every press counts, also before the browser is updated
        action = actions.get(str(event.get("type")))
        if action is None:
            return ""
        if event["type"] not in ("go", "step", "undo") and event.get("index") != self.index:
            self.go(int(event["index"]))
        try:
            action(*event.get("values", ()))
        except ValueError as error:
            return str(error)
        return ""

    def state(self) -> dict[str, Any]:
        """Return what the canvas shows, as plain data: names, colours, the label, the instruction."""
        height, width = self.images[self.index].shape[:2]
        return {
            "task": self.task,
            "index": self.index,
            "count": len(self.images),
            "width": width,
            "height": height,
            "undo": bool(self._history),
            "model": self.model is not None,
            **self._shown(),
        }

    def shown_image(self) -> NDArray[np.uint8]:
        """Return the current image in the size of the browser, RGB (H, W, 3) uint8."""
        image = Image.fromarray(self.images[self.index])
        return np.asarray(image.resize(self._shown_size(), Image.Resampling.LANCZOS))

    def overlay(self) -> NDArray[np.uint8] | None:
        """Return the paint of the current image in the size of the browser, RGBA (H, W, 4) uint8. None: no paint."""
        return None

    def _store(self, label: NDArray[Any], labelled: bool | None = None) -> None:
        """Replace the label of the current image. Undo gives back the earlier one."""
        self._history.append((self.index, self._labels[self.index], self._labelled[self.index]))
        self._labels[self.index] = label
        self._labelled[self.index] = self._is_label(label) if labelled is None else labelled
        self._changed(self.index)

    def _changed(self, index: int) -> None:
        """Show a changed label."""
        if index == self.index:
            self.on_view()
        else:
            self.go(index)
        self.on_change(index)

    def _shown_size(self) -> tuple[int, int]:
        """Return width and height of the image in the browser."""
        height, width = self.images[self.index].shape[:2]
        factor = min(1.0, SHOWN_SIDE / max(height, width))
        return max(1, round(width * factor)), max(1, round(height * factor))

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

    def _shown(self) -> dict[str, Any]:
        """Return the label of the current image, and the instruction, as plain data."""
        raise NotImplementedError

    def _actions(self) -> dict[str, Callable[..., None]]:
        """Return the method of each event of the canvas."""
        raise NotImplementedError
