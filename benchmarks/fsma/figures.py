"""Lay out the predictions of several models on the same images side by side (Figures 8 to 13)."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from facekit.geometry.affine import fit_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.images.reader import load_image, save_image

matplotlib.use("Agg")
from matplotlib import pyplot as plt

SHOWN = 5  # images in a strip
TILE = 160  # px


def save_strip(path: Path, images: list[np.ndarray]) -> None:
    """Save some of the images below each other, always the same ones of a list."""
    some = np.linspace(0, len(images) - 1, SHOWN).astype(int)
    tiles = [AffineCrop(fit_matrix(images[i].shape[:2], TILE), TILE).image(images[i]) for i in some]
    save_image(np.concatenate(tiles), path)


def lay_out(strips: list[tuple[str, Path]], title: str, out: Path) -> None:
    """Draw strips beside each other with their names above; missing strips are left out."""
    there = [(name, load_image(path)) for name, path in strips if path.exists()]
    if not there:
        return
    size = (1.3 * len(there), 1.3 * SHOWN + 0.6)
    figure, axes = plt.subplots(1, len(there), figsize=size, squeeze=False, layout="constrained")
    for axis, (name, strip) in zip(axes[0], there, strict=True):
        axis.imshow(strip)
        axis.set_title(name, fontsize=9)
        axis.axis("off")
    figure.suptitle(title, fontsize=10)
    figure.savefig(out, dpi=150)
    plt.close(figure)
