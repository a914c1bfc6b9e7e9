"""The faces of a comparison: which ones are adapted on, and which ones score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..annotations.label_items import Labels
from ..core.array_digest import array_digest
from ..images.stream import StreamedImages, stream_images
from ..images.types import Images
from ..tasks import Task
from ..tasks.base import DefaultSettings
from .face_splits import FaceSplit, draw_orders, draw_splits, person_names


@dataclass(frozen=True)
class LabelledFaces:
    """Images with their clean labels.

    Attributes:
        images: RGB uint8 arrays (H, W, 3).
        labels: One clean label per image, or None for a task that needs none.
        prints: Hash of each image and of its label.
    """

    images: Sequence[np.ndarray]
    labels: Sequence[np.ndarray] | None
    prints: list[tuple[str, str]]

    @classmethod
    def of(cls, images: Sequence[np.ndarray], labels: Sequence[np.ndarray] | None) -> LabelledFaces:
        """Return labelled faces with their hashes.

        Args:
            images: As in the class.
            labels: As in the class.
        """
        second = [""] * len(images) if labels is None else [array_digest(label) for label in labels]
        return cls(images, labels, list(zip((array_digest(image) for image in images), second, strict=True)))

    def part(self, indices: Sequence[int]) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
        """Return some of the images and their labels."""
        labels = self.labels
        return [self.images[i] for i in indices], None if labels is None else [labels[i] for i in indices]


@dataclass(frozen=True)
class ComparisonFaces:
    """All faces of a comparison, and how each draw uses them.

    Attributes:
        task: The task, with default settings.
        label_set: What the labels mean, as ``Task.parse`` returned it.
        adapt: The faces to adapt on.
        scored: The faces that score. Without test images, the same object.
        splits: One per draw.
    """

    task: Task
    label_set: Any
    adapt: LabelledFaces
    scored: LabelledFaces
    splits: list[FaceSplit]


def split_faces(
    task: type[Task],
    images: Images,
    labels: Labels | None,
    names: Any,
    groups: Iterable[Any] | None,
    shots: int,
    draws: int,
    seed: int,
) -> ComparisonFaces:
    """Split labelled images into a part to adapt on and a part that scores, once per draw.

    Args:
        task: Class of the task.
        images: As in `facekit.adapt`.
        labels: As in `facekit.adapt`.
        names: As in `facekit.adapt`.
        groups: The person in each image, or None.
        shots: Largest number of faces to adapt on.
        draws: Number of draws.
        seed: Seed of the draws.

    Raises:
        ValueError: If an image or label is wrong, an image occurs twice, or there are too few of them.
    """
    batch = stream_images(images)
    persons = person_names(groups, len(batch.names))
    splits = draw_splits(len(batch.names), shots, draws, seed, persons)
    parsed = task.parse(labels, names, batch)
    faces = LabelledFaces.of(batch.arrays, parsed.clean)
    _check_repeated(faces, batch.names, persons)
    return ComparisonFaces(task.create(parsed.label_set, DefaultSettings()), parsed.label_set, faces, faces, splits)


def faces_with_test(
    task: type[Task],
    images: Images,
    labels: Labels | None,
    names: Any,
    test_images: Images,
    test_labels: Labels,
    shots: int,
    draws: int,
    seed: int,
) -> ComparisonFaces:
    """Draw images to adapt on; the test images score.

    Args:
        task: Class of the task.
        images: As in `facekit.adapt`.
        labels: As in `facekit.adapt`.
        names: As in `facekit.adapt`.
        test_images: Images that score.
        test_labels: Their labels.
        shots: Largest number of faces to adapt on.
        draws: Number of draws.
        seed: Seed of the draws.

    Raises:
        ValueError: If an image or label is wrong, a test image is among the others, or there are too few images.
    """
    batch, test_batch = stream_images(images), stream_images(test_images)
    splits = draw_orders(len(batch.names), len(test_batch.names), shots, draws, seed)
    parsed = task.parse(labels, names, batch)
    created = task.create(parsed.label_set, DefaultSettings())
    truth = created.check(test_labels, test_batch.sizes, test_batch.names)
    faces = LabelledFaces.of(batch.arrays, None if labels is None else parsed.clean)
    scored = LabelledFaces.of(test_batch.arrays, truth)
    _check_separate(faces, batch, scored, test_batch)
    return ComparisonFaces(created, parsed.label_set, faces, scored, splits)


def _check_separate(
    faces: LabelledFaces, batch: StreamedImages, scored: LabelledFaces, test_batch: StreamedImages
) -> None:
    """Raise ValueError if a test image is also among the images to adapt on."""
    trained = {image: name for (image, _), name in zip(faces.prints, batch.names, strict=True)}
    for (image, _), name in zip(scored.prints, test_batch.names, strict=True):
        if image in trained:
            raise ValueError(
                f"test_images: expected other images than in images=, got {name}, which equals {trained[image]}; leave "
                "it out of one of them"
            )


def _check_repeated(faces: LabelledFaces, names: Sequence[str], persons: Sequence[str] | None) -> None:
    """Raise ValueError if an image occurs twice, unless both belong to one person, who is on one side only."""
    first: dict[str, int] = {}
    for i, (image, _) in enumerate(faces.prints):
        j = first.setdefault(image, i)
        if j != i and (persons is None or persons[i] != persons[j]):
            raise ValueError(
                f"images: expected each image once, got {names[j]} and {names[i]} with equal pixels, so one could be "
                "trained on and the other scored; leave one of them out"
            )
