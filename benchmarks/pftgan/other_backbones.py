"""One labelled face: PFTGAN beside facekit's other backbones, each with its quick recipe.

    python -m benchmarks.pftgan.other_backbones LABELS [--draws 5] [--unseen 60] [--folder CELLS]

The labelled faces are drawn from the training faces of celebamask (``FACEKIT_DATA``), and validation faces are scored.
``LABELS`` are

- "parts": its 19 classes;
- "regions": four regions of the skin that no ready model knows: forehead, left cheek, right cheek, chin. The lower edge
  of the brows, the centre of the nose and the upper edge of the lips, all read from the mask, are their borders.

synthparse starts from the ready parser, which was trained on labelled faces, the training faces of celebamask among
them; fsma from layers that were trained on rendered faces with 27 parts. So "parts" favours them, as it does for users
with such parts; none of them has seen "regions". `facekit.compare` computes the scores, the paired differences and
their intervals. Seed 0.
"""

from __future__ import annotations

import argparse

import numpy as np

import facekit
from facekit.labels import CELEBAMASK_19

from .celebamask_faces import add_unseen, labelled_and_unseen

BACKBONES = ("pftgan", "synthparse", "fsma", "farl")
REGIONS = ("other", "forehead", "left_cheek", "right_cheek", "chin")


def regions(mask: np.ndarray) -> np.ndarray | None:
    """Return the four regions of the skin, or None where a part that bounds them is not in the mask.

    Args:
        mask: Class ids of CelebAMask-HQ's 19 classes, (H, W).

    Returns:
        Class ids of `REGIONS`, (H, W).
    """

    def pixels(*names: str) -> np.ndarray:
        return np.argwhere(np.isin(mask, [CELEBAMASK_19.index(name) for name in names]))

    brows, nose, lips = pixels("left_brow", "right_brow"), pixels("nose"), pixels("upper_lip")
    if not (len(brows) and len(nose) and len(lips)):
        return None
    rows, columns = np.indices(mask.shape)
    cheek = np.where(columns < nose[:, 1].mean(), REGIONS.index("right_cheek"), REGIONS.index("left_cheek"))
    found = np.where(rows > lips[:, 0].min(), REGIONS.index("chin"), cheek)
    found = np.where(rows <= brows[:, 0].max(), REGIONS.index("forehead"), found)
    return np.where(mask == CELEBAMASK_19.index("skin"), found, 0).astype(np.uint8)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", choices=["parts", "regions"])
    parser.add_argument("--draws", type=int, default=5)
    add_unseen(parser)
    parser.add_argument("--folder", help="folder for finished trainings, so that the same command goes on")
    a = parser.parse_args()
    train, unseen = labelled_and_unseen(parser, a)
    images, masks = [], []
    for several, most in ((train, 100), (unseen, a.unseen)):
        faces = (several[i] for i in range(most))
        pairs = [(one.image, one.mask if a.labels == "parts" else regions(one.mask)) for one in faces]
        images.append([image for image, mask in pairs if mask is not None])
        masks.append([mask for _, mask in pairs if mask is not None])
    print(
        facekit.compare(
            images[0],
            masks[0],
            "segmentation",
            BACKBONES,
            shots=1,
            draws=a.draws,
            names=CELEBAMASK_19 if a.labels == "parts" else REGIONS,
            test_images=images[1],
            test_labels=masks[1],
            folder=a.folder,
            progress=False,
        )
    )


if __name__ == "__main__":
    main()
