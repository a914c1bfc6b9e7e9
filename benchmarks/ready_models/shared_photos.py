"""Which photos of celebamask are in other sets of CelebA-HQ's photos, too: celebahq128, hair, celebamask19.

    FACEKIT_DATA=... python -m benchmarks.ready_models.shared_photos

Embedded weights were pre-trained on celebahq128, and ready models were trained on parts of celebamask and hair. Two
photos are the same if their thumbnails of 8 x 8 pixels differ by less than 4 grey levels on average. For the same photo
this is at most 1.2, for the nearest other photo at least 12.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import cv2
import numpy as np

from facekit.data.datasets import celebamask_faces, hair_faces
from facekit.data.face_sources import celebahq128, data_folder
from facekit.papers.face_data import celebamask

SIDE, SAME = 8, 4.0


def _thumbnails(faces: Iterable[tuple[str, np.ndarray]]) -> tuple[list[str], np.ndarray]:
    """Return the names and the thumbnails, (N, 3 * 8 * 8), of images RGB."""
    small = {
        name: cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
        for name, image in faces
    }
    return list(small), np.stack(list(small.values()))


def shared_photos(other: str) -> dict[str, str]:
    """Return the photos of celebamask that another set has, too.

    Args:
        other: "celebahq128", "hair" or "celebamask19".

    Returns:
        File name in celebamask -> file name in the other set.
    """
    if other == "celebahq128":
        names, known = _thumbnails((name, image) for name, image, _ in celebahq128())
    else:
        faces = hair_faces() if other == "hair" else celebamask_faces()
        names, known = _thumbnails((face.name, face.image) for face in faces)
    folder, found = data_folder("celebamask"), {}
    for face in itertools.chain(celebamask(folder, "train"), celebamask(folder, "validation")):
        _, thumbnail = _thumbnails([(face.name, face.image)])
        differences = np.abs(known - thumbnail).mean(1)
        if differences.min() < SAME:
            found[face.name] = names[int(differences.argmin())]
    return found


def main() -> None:
    """Print the shared photos."""
    for other in ("celebahq128", "hair", "celebamask19"):
        found = shared_photos(other)
        print(f"{other}: {len(found)} of the 900 photos of celebamask (from 0800 on: validation)")
        print(*(f"  {name} is {same}" for name, same in found.items()), sep="\n")


if __name__ == "__main__":
    main()
