"""Columns of a results table: the faces that one model found in each image, as Arrow values.

A mask is stored as a PNG of the smallest rectangle that holds all pixels other than background. One PNG holds all
classes and the ignored pixels. Of a new image, the rectangle of the new pixels is stored as a PNG. Its fourth channel
is their coverage.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.extras import pyarrow
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from .drawable import Drawable
from .faces import Faces
from .types import Attributes, ImageResult, Landmarks, Segmentation

Labels = LandmarkSet | SegmentationSet | AttributeSet | None

_KINDS: dict[type, str] = {LandmarkSet: "landmarks", SegmentationSet: "segmentation", AttributeSet: "attributes"}
_SETS = {kind: label_set for label_set, kind in _KINDS.items()}


@dataclass(frozen=True)
class FaceColumn:
    """The column of one model. Each cell is a list of faces.

    Attributes:
        name: Name of the column.
        labels: The label set of the model. None for a model that makes images.
        searched: Whether faces were searched. Otherwise every image is one face crop.
    """

    name: str
    labels: Labels
    searched: bool

    @property
    def kind(self) -> str:
        """What a face holds: "landmarks", "segmentation", "attributes" or "image"."""
        return _KINDS.get(type(self.labels), "image")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `from_dict`."""
        labels = None if self.labels is None else dataclasses.asdict(self.labels)
        return {"kind": self.kind, "searched": self.searched, "labels": labels}

    @classmethod
    def from_dict(cls, name: str, about: dict[str, Any]) -> FaceColumn:
        """Return the column that `to_dict` described.

        Args:
            name: Name of the column.
            about: What `to_dict` returned, or the same from JSON.
        """
        labels = about["labels"]
        if labels is not None:
            labels = _SETS[about["kind"]](**{key: _tuples(value) for key, value in labels.items()})
        return cls(name, labels, about["searched"])

    def arrow_type(self) -> Any:
        """Return the Arrow type of the column: a list of structs."""
        pa = pyarrow()
        numbers = pa.list_(pa.float32())
        place = [("x", pa.int32()), ("y", pa.int32())]
        fields: dict[str, list[tuple[str, Any]]] = {
            "landmarks": [("points", numbers), ("scores", numbers)],
            "attributes": [("probabilities", numbers)],
            "segmentation": [("mask", pa.binary()), *place],
            "image": [("pixels", pa.binary()), *place],
        }
        return pa.list_(pa.struct([("box", numbers), *fields[self.kind]]))

    def cell(self, outcome: Drawable) -> list[dict[str, Any]]:
        """Convert the outcome of one image to a cell.

        Args:
            outcome: `Faces`, or the result of a face crop.

        Returns:
            One dictionary per face, with the fields of `arrow_type`.
        """
        faces: Sequence[Any] = outcome if isinstance(outcome, Faces) else [outcome]
        return [{**_face_values(face), "box": face.box} for face in faces]

    def outcome(self, cell: Sequence[dict[str, Any]], image: NDArray[np.uint8]) -> Drawable:
        """Convert a cell back to the outcome of its image.

        Args:
            cell: The faces.
            image: The image (H,W,3) uint8 RGB.

        Returns:
            `Faces`, or the result of a face crop.
        """
        faces = [self._face(values, image) for values in cell]
        return Faces(faces, image=image) if self.searched else faces[0]

    def _face(self, values: dict[str, Any], image: NDArray[np.uint8]) -> Drawable:
        box = None if values["box"] is None else tuple(values["box"])
        if isinstance(self.labels, LandmarkSet):
            points = np.array(values["points"], np.float32).reshape(-1, 2)
            return Landmarks(points, np.array(values["scores"], np.float32), self.labels, image, box)
        if isinstance(self.labels, AttributeSet):
            return Attributes(np.array(values["probabilities"], np.float32), self.labels, image, box)
        if isinstance(self.labels, SegmentationSet):
            mask = np.zeros(image.shape[:2], np.uint8)
            part = _from_png(values["mask"])
            x, y = values["x"], values["y"]
            mask[y : y + part.shape[0], x : x + part.shape[1]] = part
            return Segmentation(mask, self.labels, image, box)
        png = _from_png(values["pixels"])
        pixels = np.ascontiguousarray(png[:, :, 2::-1])  # OpenCV has BGR
        coverage = np.ascontiguousarray(png[:, :, 3]) if png.shape[2] == 4 else None
        return ImageResult(pixels, image, box, (values["x"], values["y"]), coverage)


def _face_values(face: Drawable) -> dict[str, Any]:
    """Return the fields of a face besides its box."""
    if isinstance(face, Landmarks):
        return {"points": face.points.reshape(-1), "scores": face.scores}
    if isinstance(face, Attributes):
        return {"probabilities": face.probabilities}
    if isinstance(face, Segmentation):
        x, y, width, height = cv2.boundingRect(face.mask)
        # A PNG needs at least one pixel.
        part = face.mask[y : y + max(height, 1), x : x + max(width, 1)]
        return {"mask": _to_png(part), "x": x, "y": y}
    if isinstance(face, ImageResult):
        x, y = face.corner
        channels = [face.pixels[:, :, ::-1], *([] if face.coverage is None else [face.coverage[..., None]])]
        return {"pixels": _to_png(np.ascontiguousarray(np.concatenate(channels, axis=2))), "x": x, "y": y}
    raise TypeError(f"expected a result of facekit, got {type(face).__name__}; a table cannot hold it")


def _to_png(array: NDArray[np.uint8]) -> bytes:
    return bytes(cv2.imencode(".png", array)[1])


def _from_png(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def _tuples(value: Any) -> Any:
    """Return a value of JSON with tuples for lists, as label sets have them."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value
