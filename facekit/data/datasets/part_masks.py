"""Few images with masks of parts, as DatasetGAN and DDPM-segmentation publish them: PFTGAN's data (section 4.1).

Papers: Zhang et al., "DatasetGAN", CVPR 2021, https://arxiv.org/abs/2104.06490; Baranchuk et al., "Label-Efficient
Semantic Segmentation with Diffusion Models", ICLR 2022, https://arxiv.org/abs/2112.03126.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...images.reader import list_images, open_image
from ...labels import SegmentationSet, segmentation_set
from .files import check_split, dataset_folder

_LAYOUT = "N.png or N.jpg beside N.npy, or image_N.jpg beside image_maskN.npy"
_HOME = "https://github.com/yandex-research/ddpm-segmentation or https://github.com/nv-tlabs/datasetGAN_release"
# Most items that a message lists.
_LISTED = 5


def labelled_parts(
    folder: str | os.PathLike[str], labels: SegmentationSet | str
) -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """Read images with masks of parts, in the form that `facekit.adapt` takes.

    A mask of another size than its image, but of the same aspect ratio, is resized to the image by nearest neighbour.
    The published code does the same.

    Args:
        folder: A folder of DDPM-segmentation, for example "ffhq_34/real/train", with N.png or N.jpg beside N.npy. Or a
            folder of DatasetGAN, for example "annotation/training_data/car_processed", with image_N.jpg beside
            image_maskN.npy, or beside mask_N.npy in its test sets.
        labels: Label set of the ids in the masks: "ffhq34", "car20", or a set of your own.

    Returns:
        Paths of the images in natural order, and a mask (H,W) uint8 of each; 255 is ignored.

    Raises:
        FileNotFoundError: If the folder, a mask or an image is missing.
        ImageError: If the folder has no images, or an image cannot be read. It is a ValueError.
        ValueError: If a mask is no whole .npy file of ids, has ids outside the set, has another aspect ratio than its
            image, or fits two images. The text names the mask.
    """
    label_set = segmentation_set(labels)
    root = dataset_folder(folder, (".",), "images with masks of parts", _LAYOUT, _HOME)
    pairs = _pairs(root)
    return [image for image, _ in pairs], [_read_mask(path, image, label_set) for image, path in pairs]


_FFHQ34 = {"train": "real/train", "test": "real/test", "ddpm": "ddpm"}
_CAR20 = {"train": "training_data/car_processed", "test": "testing_data/car_20_class"}


def ffhq34_parts(folder: str | os.PathLike[str], split: str = "train") -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """Read FFHQ-34 as DDPM-segmentation publishes it: 20 images to train on and 20 to test on.

    Args:
        folder: The folder ffhq_34 of the archive, which holds real and ddpm.
        split: "train" or "test" (photos of FFHQ), or "ddpm" (images that its diffusion model made).

    Returns:
        As `labelled_parts` does; ids of "ffhq34".

    Raises:
        FileNotFoundError: If the folder of the split, a mask or an image is missing.
        ValueError: If the split is unknown, or a file is wrong; see `labelled_parts`.
    """
    return _read_split(folder, split, _FFHQ34, "ffhq34", "FFHQ-34")


def car20_parts(folder: str | os.PathLike[str], split: str = "train") -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """Read LSUN CAR-20 as DatasetGAN publishes it: 16 images to train on and 10 to test on.

    Args:
        folder: The folder annotation of the archive, which holds training_data and testing_data.
        split: "train" (images that its generator made) or "test" (photos of LSUN).

    Returns:
        As `labelled_parts` does; ids of "car20".

    Raises:
        FileNotFoundError: If the folder of the split, a mask or an image is missing.
        ValueError: If the split is unknown, or a file is wrong; see `labelled_parts`.
    """
    return _read_split(folder, split, _CAR20, "car20", "LSUN CAR-20")


def _read_split(
    folder: str | os.PathLike[str], split: str, inside: dict[str, str], labels: str, title: str
) -> tuple[list[Path], list[NDArray[np.uint8]]]:
    """Read a split of a published set. `inside` holds the folder of each split."""
    part = inside[check_split(split, tuple(inside), title)]
    layout = ", ".join(f"{place}/ ({name})" for name, place in inside.items())
    return labelled_parts(dataset_folder(folder, (part,), title, layout, _HOME) / part, labels)


def _pairs(root: Path) -> list[tuple[Path, Path]]:
    """List every image with its mask. Raise an error if an image or a mask has no partner."""
    masks = {path.name for path in root.glob("*.npy")}
    owner: dict[str, Path] = {}
    pairs: list[tuple[Path, Path]] = []
    without_mask: list[str] = []
    for image in list_images(root):
        names = _mask_names(image.stem)
        name = next((name for name in names if name in masks), None)
        if name is None:
            without_mask.append(f"{image.name} ({' or '.join(names)})")
            continue
        if name in owner:
            raise ValueError(
                f"{name}: expected one image for this mask, got {owner[name].name} and {image.name}; move the other "
                "image out of the folder"
            )
        owner[name] = image
        pairs.append((image, root / name))
    if without_mask:
        fix = "copy the masks again, or move these images out of the folder"
        raise FileNotFoundError(f"{root}: expected {_LAYOUT}, got no mask for {_listing(without_mask)}; {fix}")
    # DatasetGAN's tools write the latent codes of its images, latent_stylegan1.npy, into the same folder.
    without_image = sorted(name for name in masks - set(owner) if "latent" not in name)
    if without_image:
        fix = "copy the images again, or move these masks out of the folder"
        raise FileNotFoundError(f"{root}: expected {_LAYOUT}, got no image for {_listing(without_image)}; {fix}")
    return pairs


def _mask_names(stem: str) -> list[str]:
    """Return the possible names of an image's mask, the most likely first."""
    number = re.search(r"\d+$", stem)
    numbered = [f"{start}{number.group()}.npy" for start in ("image_mask", "image_mask_", "mask_")] if number else []
    return [f"{stem}.npy", *numbered]


def _read_mask(path: Path, image: Path, labels: SegmentationSet) -> NDArray[np.uint8]:
    """Read a mask in the size of its image."""
    ids = _read_ids(path)
    outside = np.unique(ids[((ids < 0) | (ids >= len(labels))) & (ids != labels.ignore)])
    if len(outside):
        raise ValueError(
            f"{path.name}: expected ids 0 to {len(labels) - 1} of {labels.name!r}, or {labels.ignore} for ignored, got "
            f"ids {_listing([str(i) for i in outside])}; pass the set that the masks were drawn in as labels="
        )
    width, height = open_image(image).size
    h, w = ids.shape
    # Equal up to the rounding of one side.
    if abs(h * width - w * height) >= max(w, width):
        raise ValueError(
            f"{path.name}: expected the aspect ratio of {image.name}, height x width {height} x {width}, got {h} x {w}"
            "; check which image the mask was drawn on"
        )
    mask = ids.astype(np.uint8)
    if (h, w) == (height, width):
        return mask
    # INTER_NEAREST treats pixel corners as centres, which shifts the mask by up to half a pixel.
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _read_ids(path: Path) -> NDArray[np.int64]:
    """Read the integers (H,W) of a .npy file. Raise ValueError with the file's name for any other content."""
    expected = "expected a mask of class ids (H,W) as numpy.save writes it"
    try:
        # With mmap_mode, a header that claims more than the file holds is an error before any memory is allocated.
        ids = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's reader raises any type on a damaged header
        raise ValueError(
            f"{path.name}: {expected}, got a file that is not readable ({error}); copy or download it again"
        ) from error
    if not isinstance(ids, np.ndarray):
        raise ValueError(f"{path.name}: {expected}, got an .npz archive; save its mask alone")
    ids = np.array(ids)
    # DatasetGAN's code squeezes its masks, or takes one of their channels.
    if ids.ndim == 3 and ids.shape[0] == 1:
        ids = ids[0]
    elif ids.ndim == 3 and ids.shape[-1] > 0 and (ids == ids[..., :1]).all():
        ids = ids[..., 0]
    if ids.ndim != 2 or not ids.size or ids.dtype.kind not in "buif":
        raise ValueError(f"{path.name}: {expected}, got {ids.dtype} of shape {ids.shape}; save one id per pixel")
    if ids.dtype.kind == "f" and not ((ids == np.round(ids)) & (abs(ids) < 2**31)).all():
        raise ValueError(f"{path.name}: {expected}, got numbers between ids, NaN or inf; save one id per pixel")
    return ids.astype(np.int64)


def _listing(names: list[str]) -> str:
    """Join the first names for a message."""
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
