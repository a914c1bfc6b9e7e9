"""Sixteen real faces that may be shown and shipped, with exact points and parts.

They are people of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0,
https://doi.org/10.6084/m9.figshare.5047666), cropped to 256 px. ``samples/README.md`` has the attribution and says how
the parts were made.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..labels import CELEBAMASK_19, LANDMARKS_189, LandmarkSet, SegmentationSet

FOLDER = Path(__file__).parent / "samples"


@dataclass(frozen=True, eq=False)
class SampleFaces:
    """Real faces with their labels. Arrays are read-only, one row or item per person.

    Women and men of four groups take turns. So the first eight and the last eight are balanced, too.

    Attributes:
        images: N images (256,256,3) uint8 RGB.
        landmarks: (N,189,2) float32 in pixels, in the order of ``landmark_labels``.
        masks: (N,256,256) uint8 class ids of ``mask_labels``.
        names: The person's number in the London set, such as "025".
        ages: Years.
        sexes: "female" or "male".
        ethnicities: "black", "east_asian", "west_asian" or "white", as the people described themselves.
        corrected: Whether the mask was also corrected by hand. In all masks, eyes, brows, lips, jaws and ears follow
            the points.
        landmark_labels: The set "london189".
        mask_labels: The set "celebamask19".
    """

    images: tuple[NDArray[np.uint8], ...]
    landmarks: NDArray[np.float32]
    masks: NDArray[np.uint8]
    names: tuple[str, ...]
    ages: tuple[int, ...]
    sexes: tuple[str, ...]
    ethnicities: tuple[str, ...]
    corrected: tuple[bool, ...]
    landmark_labels: LandmarkSet = LANDMARKS_189
    mask_labels: SegmentationSet = CELEBAMASK_19

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice) -> SampleFaces:
        """Return some of the people.

        Args:
            chosen: A slice, such as ``faces[:8]``.

        Raises:
            TypeError: If it is no slice. One image is ``faces.images[3]``.
        """
        if not isinstance(chosen, slice):
            raise TypeError(f"expected a slice of people, got {chosen!r}; write faces[:8], or faces.images[3] for one")
        return SampleFaces(
            self.images[chosen],
            self.landmarks[chosen],
            self.masks[chosen],
            self.names[chosen],
            self.ages[chosen],
            self.sexes[chosen],
            self.ethnicities[chosen],
            self.corrected[chosen],
        )

    def __repr__(self) -> str:
        return f"SampleFaces({len(self)} people: {', '.join(self.names)})"


@lru_cache(maxsize=1)
def samples() -> SampleFaces:
    """Load 16 real faces with 189 points and masks of parts. They are part of the package; nothing is downloaded.

    The people belong to the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0). If you show their
    images, give the attribution of ``facekit/data/samples/README.md``.

    Returns:
        The faces, 8 women and 8 men, 4 of each of four ethnic groups.

    Example:
        >>> faces = facekit.data.samples()
        >>> model = facekit.adapt(faces.images[:8], faces.landmarks[:8], task="landmarks", names="london189")
    """
    with (FOLDER / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    points = np.array([[float(row[f"{axis}{i}"]) for i in range(189) for axis in "xy"] for row in rows], np.float32)
    images = []
    for row in rows:
        with Image.open(FOLDER / f"{row['name']}.jpg") as image:
            images.append(_frozen(np.array(image.convert("RGB"))))
    masks = []
    for row in rows:
        with Image.open(FOLDER / f"{row['name']}.png") as mask:
            masks.append(np.array(mask))
    return SampleFaces(
        tuple(images),
        _frozen(points.reshape(len(rows), 189, 2)),
        _frozen(np.stack(masks)),
        tuple(row["name"] for row in rows),
        tuple(int(row["age"]) for row in rows),
        tuple(row["sex"] for row in rows),
        tuple(row["ethnicity"] for row in rows),
        tuple(row["corrected_by_hand"] == "1" for row in rows),
    )


def _frozen(array: NDArray) -> NDArray:
    """Make an array read-only."""
    array.flags.writeable = False
    return array
