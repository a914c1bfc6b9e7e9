"""Labelled faces to adapt on and faces to score on, from the real data sets under ``FACEKIT_DATA``."""

from __future__ import annotations

import csv
import functools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..api.evaluation import evaluate
from ..api.prediction import predict
from ..data.datasets import LazyFaces, ParsedFace
from ..data.datasets.boxes import square_around, tight_box_of_mask
from ..data.datasets.files import map_classes, read_ids
from ..data.face_sources import TEST_300W, celebahq128, data_folder, landmarks_300w, pseudo_landmarks
from ..geometry.affine import box_of_points, crop_matrix
from ..geometry.affine_crop import AffineCrop
from ..images import load_image
from ..labels import CELEBAMASK_19, FASSEG_6, LANDMARKS_68, SYNTHPARSE_11, SegmentationSet
from ..metrics import landmark_normaliser, point_groups

SIDE = 128

# Validation faces of `celebamask` whose photo is in celebahq128, too, as benchmarks.ready_models.shared_photos finds.
# The embedded auto-encoder, generator and tower were pre-trained on celebahq128, without labels.
ALSO_IN_CELEBAHQ128 = frozenset(
    f"{number:04}.jpg"
    for number in (
        *(800, 801, 802, 803, 804, 811, 813, 815, 823, 824, 827, 831, 836, 837, 841),
        *(845, 850, 851, 852, 855, 858, 859, 863, 868, 870, 873, 879, 889, 893, 897),
    )
)


@dataclass(frozen=True)
class Split:
    """Labelled images to adapt on, and others to score on."""

    images: list[Any]
    labels: Any
    unseen: list[np.ndarray]
    truth: Any


@dataclass(frozen=True)
class Data:
    """One data set.

    Attributes:
        task: Name of the task.
        names: Label set.
        split: Function of the number of labelled faces and the seed that returns a `Split`.
        score: Function of a model and a split that returns the table's columns.
        unit: Unit of the scores.
    """

    task: str
    names: Any
    split: Callable[[int, int], Split]
    score: Callable[[Any, Split], dict[str, float]]
    unit: str = "%"


def split_300w(n: int, seed: int) -> Split:
    """Draw `n` faces of the other subsets of 300-W; score all 224 of `lfpw_test`."""
    paths, subsets, points = _faces_300w(data_folder("300w"))
    train = [i for i, s in enumerate(subsets) if s != TEST_300W]
    test = [i for i, s in enumerate(subsets) if s == TEST_300W]
    few = random.Random(seed).sample(train, n)
    unseen = _unseen_300w(data_folder("300w"))
    return Split([load_image(paths[i]) for i in few], points[few], unseen, points[test])


@functools.cache
def _faces_300w(folder: Path) -> tuple[list[Path], list[str], np.ndarray]:
    return landmarks_300w(folder)


@functools.cache
def _unseen_300w(folder: Path) -> list[np.ndarray]:
    paths, subsets, _ = _faces_300w(folder)
    return [load_image(p) for p, s in zip(paths, subsets, strict=True) if s == TEST_300W]


def score_landmarks(model: Any, split: Split) -> dict[str, float]:
    """Return the NME (inter-ocular) of the inner points, of the outline and of all, as Tables 1 and 3."""
    found = [r.points for r in predict(model, split.unseen)]
    parts = {**point_groups(LANDMARKS_68), "all": list(range(68))}
    columns = {}
    for name, keep in parts.items():
        errors = []
        for points, truth in zip(found, split.truth, strict=True):
            distances = np.linalg.norm((points - truth)[keep], axis=-1)
            errors.append(float(distances.mean()) / landmark_normaliser(truth, LANDMARKS_68, "inter_ocular"))
        columns[name] = 100 * statistics.mean(errors)
    return columns


def split_fasseg(n: int, seed: int) -> Split:
    """Draw `n` of the 20 frontal faces of FASSEG; score the others."""
    images, masks = _faces_fasseg(data_folder("fasseg"))
    few = random.Random(seed).sample(range(len(images)), n)
    rest = [i for i in range(len(images)) if i not in few]
    return Split([images[i] for i in few], [masks[i] for i in few], [images[i] for i in rest], [masks[i] for i in rest])


@functools.cache
def _faces_fasseg(folder: Path) -> tuple[list[np.ndarray], list[str]]:
    with (folder / "index.csv").open() as f:
        rows = [row for row in csv.DictReader(f) if row["subset"].startswith("frontal")]
    return [load_image(folder / "images" / r["image"]) for r in rows], [str(folder / "masks" / r["mask"]) for r in rows]


def score_parts(model: Any, split: Split) -> dict[str, float]:
    """Return F1 per part and the mean, as Tables 2 and 5. FASSEG joins hair and brows."""
    scores = evaluate(model, split.unseen, split.truth)
    columns = {part: scores[f"f1_{part}"] for part in FASSEG_6.classes[1:]}
    return columns | {"overall": statistics.mean(columns.values())}


def split_sketches(n: int, seed: int) -> Split:
    """Draw `n` photo-sketch pairs; score 60 others, each of another person.

    Images are the middle square at the network's size.
    """
    photos, sketches = _pairs(data_folder("sketches"))
    order = random.Random(seed).sample(range(len(photos)), len(photos))
    few, rest = order[:n], order[n : n + 60]
    return Split(
        [photos[i] for i in few], [sketches[i] for i in few], [photos[i] for i in rest], [sketches[i] for i in rest]
    )


@functools.cache
def _pairs(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    with (folder / "index.csv").open() as f:
        rows = list(csv.DictReader(f))

    def square(path: Path) -> np.ndarray:
        image = load_image(path)
        h, w = image.shape[:2]
        top = (h - w) * 3 // 5  # below the middle: above the hair there is only background
        return cv2.resize(image[top : top + w], (SIDE, SIDE), interpolation=cv2.INTER_AREA)

    return [square(folder / "photos" / row["photo"]) for row in rows], [
        square(folder / "sketches" / row["sketch"]) for row in rows
    ]


def split_yaleb(n: int, seed: int) -> Split:
    """Draw `n` clean CelebA-HQ faces; score every 8th lit image of Extended Yale B's 20 people.

    The ground truth is the frontally lit image. Yale B's images are grey and reach from brows to chin, so the clean
    faces are made grey and cropped in the same way.
    """
    folder = data_folder("yaleb")
    with (folder / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    lit = {(r["subject"], int(r["azimuth_deg"]), int(r["elevation_deg"])): folder / "images" / r["file"] for r in rows}
    shadowed = [key for key in sorted(lit) if key[1:] != (0, 0)][::8]
    points, clean = pseudo_landmarks(), []
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128() if name[:-4] in points]
    for name, image in random.Random(seed).sample(faces, n):
        crop = AffineCrop(crop_matrix(box_of_points(points[name], scale=1.1, lift=0.02), SIDE), SIDE)
        grey = cv2.cvtColor(crop.image(image), cv2.COLOR_RGB2GRAY)
        clean.append(np.repeat(grey[..., None], 3, 2))
    return Split(
        clean,
        None,
        [load_image(lit[key]) for key in shadowed],
        [load_image(lit[key[0], 0, 0]) for key in shadowed],
    )


def score_images(model: Any, split: Split) -> dict[str, float]:
    """Return SSIM, PSNR (dB) and LPIPS to the true images, and those of the unchanged images."""
    return evaluate(model, split.unseen, split.truth)


def celebamask(folder: Path, split: str, labels: SegmentationSet = SYNTHPARSE_11) -> LazyFaces[ParsedFace]:
    """Open the crops of CelebAMask-HQ at hand.

    Args:
        folder: The folder celebamask of FACEKIT_DATA.
        split: "train" (800 faces), "validation" (100) or "unseen": the 70 validation faces that are not in celebahq128,
            so that no embedded auto-encoder, generator or tower was pre-trained on them.
        labels: Label set of the masks.
    """
    part = "validation" if split == "unseen" else split
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == part]
    if split == "unseen":
        rows = [row for row in rows if row["image"] not in ALSO_IN_CELEBAHQ128]

    def read(row: dict[str, str]) -> ParsedFace:
        image = load_image(folder / "images" / row["image"])
        ids = read_ids(folder / "masks" / row["mask"], image.shape[:2])
        mask = map_classes(ids, CELEBAMASK_19, row["mask"], labels)
        tight = tight_box_of_mask(ids, CELEBAMASK_19, row["mask"])
        return ParsedFace(row["image"], image, mask, square_around(tight), labels, tight)

    return LazyFaces(f"CelebAMask-HQ, crops, {split}", rows, read)


LANDMARKS = Data("landmarks", "68", split_300w, score_landmarks)
PARTS = Data("segmentation", FASSEG_6, split_fasseg, score_parts)
SKETCHES = Data("stylization", None, split_sketches, score_images, "")
SHADOWS = Data("shadow_removal", None, split_yaleb, score_images, "")
