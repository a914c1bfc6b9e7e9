"""The result of reading label files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels import AttributeSet, LandmarkSet, SegmentationSet


@dataclass(frozen=True, eq=False)
class LabelFiles:
    """Images, labels and label set that `read_labels` or `read_attributes` read.

    Attributes:
        images: The N images. An image with several labelled faces occurs once for each. An image that only its label
            file holds (LabelMe's imageData) is an array of shape (H, W, 3), uint8 RGB.
        labels: Landmarks of shape (N, K, 2), float32, in pixels, NaN = not labelled; or attributes of shape (N, A),
            float32, NaN = not labelled; or N masks of shape (H, W), uint8, 255 = ignored.
        names: The label set.
        skipped: Label file, or image of a table -> why it was left out.
        visible: Landmarks only: shape (N, K), uint8; 0 not labelled, 1 labelled but hidden, 2 visible.

    Example:
        >>> found = read_labels("folder of label files", "landmarks")
        >>> model = facekit.adapt(found.images, found.labels, "landmarks", names=found.names)
    """

    images: list[Path | NDArray[np.uint8]]
    labels: Any
    names: LandmarkSet | SegmentationSet | AttributeSet
    skipped: dict[str, str] = field(default_factory=dict)
    visible: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"LabelFiles({len(self)} labelled images, set {self.names.name!r}, {len(self.skipped)} files skipped)"
