"""Train and score on published data sets with their official splits, as the papers do."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..api.prediction import predict
from ..detection.face import Face
from ..images import read_images
from ..model import Model
from ..model.evaluation import predict_labelled
from ..results import Landmarks
from .experiment import Cell, Scores
from .plain_adaptation import adapt_plain

_AT_ONCE = 32  # images in memory


class LazyImages(Sequence[np.ndarray]):
    """The images of faces, each read on access."""

    def __init__(self, faces: Sequence[Any]):
        self.faces = faces

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: Any) -> Any:
        return LazyImages(self.faces[index]) if isinstance(index, slice) else self.faces[index].image


@dataclass(frozen=True)
class LabelledFaces:
    """Images of a split with their labels.

    Attributes:
        images: The images, (H, W, 3) uint8; they may be read on access.
        labels: One label per image, as `facekit.adapt` takes them.
        faces: The face of each image, by which it is cropped. None leaves that to ``align``.
        boxes: (N, 4), the data set's boxes by which errors are divided, or None.
    """

    images: Sequence[Any]
    labels: Sequence[Any]
    faces: Sequence[Face] | None = None
    boxes: np.ndarray | None = None

    def some(self, indices: Sequence[int]) -> LabelledFaces:
        """Return the faces with some indices."""
        return LabelledFaces(
            _Chosen(self.images, indices),
            [self.labels[i] for i in indices],
            None if self.faces is None else [self.faces[i] for i in indices],
            None if self.boxes is None else self.boxes[list(indices)],
        )


class _Chosen(Sequence[Any]):
    """Some items of a sequence, each taken on access."""

    def __init__(self, items: Sequence[Any], indices: Sequence[int]):
        self.items, self.indices = items, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Any:
        return _Chosen(self.items, self.indices[index]) if isinstance(index, slice) else self.items[self.indices[index]]


@dataclass(frozen=True)
class Published:
    """A published data set.

    Attributes:
        task: Name of the task.
        names: Label set.
        align: How faces are cropped.
        train: Function of the folder of the data sets and the side of crops, px, that returns the training faces.
        tests: Name of each test set -> such a function.
        metrics: Name of a score in the table -> the test set and the metric of `facekit.evaluate`.
    """

    task: str
    names: Any
    align: str
    train: Callable[[Path, int], LabelledFaces]
    tests: dict[str, Callable[[Path, int], LabelledFaces]]
    metrics: dict[str, tuple[str, str]]


def measure(data: Published, backbone: str, cell: Cell) -> Scores:
    """Adapt on training faces of a data set, and score on its test sets.

    Args:
        data: The data set.
        backbone: Name of the backbone.
        cell: The cell. Among its settings, ``faces`` is the number of labelled faces (None: all), ``part`` instead
            their share, ``side`` the side of crops in pixels, and ``weights`` a file below the folder of the data
            sets, "embedded" or "none". The others are fields of the recipe, and ``recipe`` itself.
    """
    settings = dict(cell.settings)
    count, share, side = settings.pop("faces", None), settings.pop("part", 1.0), settings.pop("side", 224)
    weights = settings.pop("weights", "auto")
    if "/" in weights:
        weights = cell.file(weights)
    root = cell.file(".")
    train = data.train(root, side)
    count = count or round(share * len(train.images))
    if count > len(train.images):
        raise ValueError(f"{cell.experiment}: expected {count} training faces, got {len(train.images)}")
    if count < len(train.images):
        train = train.some(random.Random(cell.draw).sample(range(len(train.images)), count))
    model = adapt_plain(
        train.images,
        np.stack(train.labels) if data.task in ("landmarks", "attributes") else list(train.labels),
        data.task,
        settings.pop("backbone", backbone),
        cell.draw,
        names=data.names,
        align=data.align,
        faces=train.faces,
        weights=weights,
        **settings,
    )
    scores = {name: score(model, test(root, side)) for name, test in data.tests.items()}
    return {shown: scores[test][metric] for shown, (test, metric) in data.metrics.items()}


def score(model: Model, faces: LabelledFaces) -> dict[str, float]:
    """Score a model on faces, of which few are in memory at once. See `facekit.evaluate` for the metrics."""
    results: list[Any] = []
    truth: list[Any] = []
    for start in range(0, len(faces.images), _AT_ONCE):
        here = range(start, min(start + _AT_ONCE, len(faces.images)))
        batch = read_images([faces.images[i] for i in here])
        labels = [faces.labels[i] for i in here]
        if faces.faces is None:
            found, known = predict_labelled(model, batch, labels, None, 1)
        else:
            given = [[faces.faces[i]] for i in here]
            found = [one[0] for one in predict(model, batch.arrays, faces=given)]
            known = model.task.check(labels, batch.sizes, batch.names)
        # Results of landmarks need no image any more, and photos are large.
        results += [replace(one, image=one.image[:1, :1]) if isinstance(one, Landmarks) else one for one in found]
        truth += known
    if faces.boxes is None:
        return model.task.score(results, truth)
    return model.task.score(results, truth, faces.boxes)  # type: ignore[call-arg]
