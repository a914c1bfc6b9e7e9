"""Which validation faces of celebamask are in celebahq128, too; the embedded weights were pre-trained on the latter.

    FACEKIT_DATA=... python -m benchmarks.ready_models.shared_photos

Both are taken from CelebA-HQ. Two photos are the same if their thumbnails of 8 x 8 pixels differ by less than 4 grey
levels on average. For the same photo this is at most 1.1, for the nearest other photo at least 12.6.
"""

from __future__ import annotations

import cv2
import numpy as np

from facekit.data.face_sources import celebahq128, data_folder
from facekit.labels import CELEBAMASK_19
from facekit.papers.face_data import celebamask

SIDE, SAME = 8, 4.0


def _thumbnail(image: np.ndarray) -> np.ndarray:
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()


def shared_photos() -> list[str]:
    """Return the names of the validation faces whose photo is in celebahq128."""
    others = np.stack([_thumbnail(image) for _, image, _ in celebahq128()])
    faces = celebamask(data_folder("celebamask"), "validation", CELEBAMASK_19)
    nearest = {face.name: np.abs(others - _thumbnail(face.image)).mean(1).min() for face in faces}
    return [name for name, difference in nearest.items() if difference < SAME]


if __name__ == "__main__":
    print(*shared_photos(), sep="\n")
