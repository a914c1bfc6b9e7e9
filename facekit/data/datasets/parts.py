"""Few images with masks of parts, as DatasetGAN and DDPM-segmentation publish them: PFTGAN's data (section 4.1)."""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...images.reader import list_images, open_image
from ...labels import SegmentationSet, segmentation_set
from .files import dataset_folder

_LAYOUT = "N.png or N.jpg beside N.npy, or image_N.jpg beside image_maskN.npy"
_HOME = "https://github.com/yandex-research/ddpm-segmentation or https://github.com/nv-tlabs/datasetGAN_release"
_LISTED = 5


def labelled_parts(
    folder: str | os.PathLike[str], labels: SegmentationSet | str
) -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """The images' paths in natural order and a mask (H,W) uint8 of each, 255 = ignored: what `facekit.adapt` takes.

    folder: DDPM-segmentation's "ffhq_34/real/train", say, with N.png or N.jpg beside N.npy; or DatasetGAN's
    "annotation/training_data/car_processed" and the like, with image_N.jpg beside image_maskN.npy (mask_N.npy where it
    tests). labels: the set whose ids the masks hold, "ffhq34" or "car20", or an own one. A mask of another size than
    its image but the same shape is resized to it by nearest neighbour: the published code does so too.
    Raises FileNotFoundError for a missing folder, mask or image; ImageError (a ValueError) for a folder without
    images or an image that cannot be read; ValueError that names a mask that is no whole .npy file of ids, has ids
    outside the set, another shape than its image, or could belong to two images.
    """
    chosen = segmentation_set(labels)
    root = dataset_folder(folder, (".",), "images with masks of parts", _LAYOUT, _HOME)
    pairs = _pairs(root)
    return [image for image, _ in pairs], [_mask(path, image, chosen) for image, path in pairs]


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    """Every image with its mask. Raises an error if a file of either kind is left over."""
    masks = {path.name for path in root.glob("*.npy")}
    owner: dict[str, Path] = {}
    pairs: list[tuple[Path, Path]] = []
    lonely: list[str] = []
    for image in list_images(root):
        names = _mask_names(image.stem)
        name = next((name for name in names if name in masks), None)
        if name is None:
            lonely.append(f"{image.name} ({' or '.join(names)})")
            continue
        if name in owner:
            came = f"{name}: {owner[name].name} and {image.name} came for this mask"
            raise ValueError(f"{came}, expected one image: take the other one out of the folder")
        owner[name] = image
        pairs.append((image, root / name))
    if lonely:
        fix = "copy the masks again, or take these images out of the folder"
        raise FileNotFoundError(f"{root}: no mask came for {_listing(lonely)}, expected {_LAYOUT}: {fix}")
    # DatasetGAN's tools write the latent codes of its images, latent_stylegan1.npy, into the same folder.
    left = sorted(name for name in masks - set(owner) if "latent" not in name)
    if left:
        fix = "copy the images again, or take these masks out of the folder"
        raise FileNotFoundError(f"{root}: no image came for {_listing(left)}, expected {_LAYOUT}: {fix}")
    return pairs


def _mask_names(stem: str) -> list[str]:
    """What the mask of an image may be called, the likeliest first."""
    number = re.search(r"\d+$", stem)
    numbered = [f"{start}{number.group()}.npy" for start in ("image_mask", "image_mask_", "mask_")] if number else []
    return [f"{stem}.npy", *numbered]


def _mask(path: Path, image: Path, labels: SegmentationSet) -> NDArray[np.uint8]:
    ids = _ids(path)
    outside = np.unique(ids[((ids < 0) | (ids >= len(labels))) & (ids != labels.ignore)])
    if len(outside):
        came = f"ids {_listing([str(i) for i in outside])} came"
        expected = f"expected 0 to {len(labels) - 1} of {labels.name!r}, or {labels.ignore} for ignored"
        raise ValueError(f"{path.name}: {came}, {expected}: pass the set that the masks were drawn in as labels=")
    width, height = open_image(image).size
    h, w = ids.shape
    # Equal up to the rounding of one side.
    if abs(h * width - w * height) >= max(w, width):
        came = f"height x width {h} x {w} came for {image.name} of {height} x {width}"
        raise ValueError(f"{path.name}: {came}, expected the same shape: check which image the mask was drawn on")
    mask = ids.astype(np.uint8)
    if (h, w) == (height, width):
        return mask
    # Exact: OpenCV's plain nearest neighbour takes corners for centres and so shifts the mask by up to half a pixel.
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _ids(path: Path) -> NDArray[np.int64]:
    """A .npy file's whole numbers, (H,W). Raises ValueError that names the file for anything else."""
    expected = "expected a mask of class ids (H,W) as numpy.save writes it"
    try:
        # Mapped, a header that promises more than the file holds is an error before any memory is taken.
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's reader raises any type on a damaged header
        fix = "copy or download it again"
        raise ValueError(f"{path.name}: not a readable .npy file ({error}), {expected}: {fix}") from error
    if not isinstance(ids, np.ndarray):
        raise ValueError(f"{path.name}: an .npz archive came, {expected}: save its mask alone")
    ids = np.array(ids)
    # DatasetGAN's code squeezes its masks, or takes one of their channels.
    if ids.ndim == 3 and ids.shape[0] == 1:
        ids = ids[0]
    elif ids.ndim == 3 and ids.shape[-1] > 0 and (ids == ids[..., :1]).all():
        ids = ids[..., 0]
    if ids.ndim != 2 or not ids.size or ids.dtype.kind not in "buif":
        raise ValueError(f"{path.name}: {ids.dtype} of shape {ids.shape} came, {expected}: save one id a pixel")
    if ids.dtype.kind == "f" and not ((ids == np.round(ids)) & (abs(ids) < 2**31)).all():
        raise ValueError(f"{path.name}: numbers between ids, NaN or inf came, {expected}: save one id a pixel")
    return ids.astype(np.int64)


def _listing(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
