"""Photos that visitors can try: eight sample faces, and a group that is put together of four of them.

The people belong to the Face Research Lab London Set (CC BY 4.0), see `facekit.data.samples`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..data.sample_faces import FOLDER, samples
from .sessions import new_file

COUNT = 8
GROUP = (8, 9, 10, 11)  # indices of the sample faces in the group
ATTRIBUTION = (
    "Sample faces: DeBruine and Jones, [Face Research Lab London Set](https://doi.org/10.6084/m9.figshare.5047666), "
    "2017, [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/), cropped and made smaller. The group is put "
    "together of four of them."
)


def group_photo() -> np.ndarray:
    """Put four sample faces side by side, RGB (256, 1024, 3) uint8."""
    images = samples().images
    return np.concatenate([images[i] for i in GROUP], axis=1)


def sample_photos() -> list[str]:
    """Return the files of the sample photos, the group last. The group's file is deleted with the page."""
    people = [str(FOLDER / f"{name}.jpg") for name in samples().names[:COUNT]]
    Image.fromarray(group_photo()).save(group := new_file("group.png"))
    return [*people, str(group)]
