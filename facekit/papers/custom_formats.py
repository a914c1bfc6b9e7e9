"""Customised label formats of FSMA's tables: IMM's points, the paper's points and parts, and cats."""

from __future__ import annotations

import csv
import dataclasses
import functools
import random
from pathlib import Path
from typing import Any

import numpy as np

from ..api.evaluation import evaluate
from ..data.face_sources import data_folder
from ..data.synthetic_cats import ANIMAL_POINTS, GeneratedAnimals
from ..data.synthetic_faces.generator import GeneratedFaces
from ..images import load_image
from ..labels import CUSTOM_FSMA, FACEKIT_27, LANDMARKS_112, landmark_set, segmentation_map
from .face_data import Data, Split

UNSEEN = 100  # generated faces that are scored; their indices begin where no draw reaches
FIRST_UNSEEN = 10_000
# IMM's 73 points have an order of their own: eyes are points 16 to 23 and 24 to 31, from the outer corner on.
IMM_73 = dataclasses.replace(
    landmark_set(None, 73), name="imm73", eye_corners=(16, 24), eyes=(tuple(range(16, 24)), tuple(range(24, 32)))
)


def split_imm(n: int, seed: int) -> Split:
    """Draw `n` images of three of the five men; score all 20 images of the two others."""
    folder = data_folder("imm73")
    rows, points = _imm(folder)
    men = sorted({row[0][:2] for row in rows})
    kept = random.Random(seed).sample(men, 2)
    train = [i for i, row in enumerate(rows) if row[0][:2] not in kept]
    test = [i for i, row in enumerate(rows) if row[0][:2] in kept]
    few = random.Random(seed + 100).sample(train, n)
    images = [load_image(folder / "images" / row[0]) for row in rows]
    return Split([images[i] for i in few], points[few], [images[i] for i in test], points[test])


@functools.cache
def _imm(folder: Path) -> tuple[list[list[str]], np.ndarray]:
    with (folder / "index.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    return rows, np.array([[float(v) for v in row[1:]] for row in rows], np.float32).reshape(len(rows), -1, 2)


def _generated(faces: Any, n: int, seed: int, want: tuple[str, ...], labels: Any) -> Split:
    """Draw `n` generated faces that belong to the seed; score `UNSEEN` others.

    Args:
        faces: The generator of faces.
        n: Number of labelled faces.
        seed: Seed of the draw.
        want: Names of what the labels need.
        labels: Function of a batch that returns its labels.
    """
    few, unseen = faces.batch(range(1000 * seed, 1000 * seed + n), want=("image", *want)), _unseen(faces, want)
    return Split(_images(few), labels(few), _images(unseen), labels(unseen))


@functools.cache
def _unseen(faces: Any, want: tuple[str, ...]) -> dict[str, Any]:
    return faces.batch(range(FIRST_UNSEEN, FIRST_UNSEEN + UNSEEN), want=("image", *want))


def split_112(n: int, seed: int) -> Split:
    """Draw generated faces with the paper's 68 + 44 points."""
    return _generated(_people(), n, seed, ("landmarks68", "landmarks44"), _all_points)


def split_parts(n: int, seed: int) -> Split:
    """Draw generated faces with the paper's 21 parts."""
    return _generated(_people(), n, seed, ("mask",), _own_parts)


def split_cats(n: int, seed: int) -> Split:
    """Draw generated cats with 24 points."""
    return _generated(_cats(), n, seed, ("landmarks",), _animal_points)


def _images(batch: dict[str, Any]) -> list[np.ndarray]:
    return list(batch["image"].permute(0, 2, 3, 1).contiguous().numpy())


@functools.cache
def _people() -> GeneratedFaces:
    return GeneratedFaces(seed=21, size=160, domain="wild", yaw=(-25.0, 25.0), pitch=(-15.0, 15.0))


@functools.cache
def _cats() -> GeneratedAnimals:
    return GeneratedAnimals(seed=22, size=160)


def _all_points(batch: dict[str, Any]) -> np.ndarray:
    """Return 300-W's 68 points and the paper's 44 (section 4.1)."""
    return np.concatenate([batch["landmarks68"].numpy(), batch["landmarks44"].numpy()], 1)


def _animal_points(batch: dict[str, Any]) -> np.ndarray:
    return batch["landmarks"].numpy()


def _own_parts(batch: dict[str, Any]) -> list[np.ndarray]:
    """Return the paper's customised parts (section 4.2)."""
    table = segmentation_map(FACEKIT_27, CUSTOM_FSMA)
    table[table == 255] = 0
    return list(table[batch["mask"].numpy()])


def score_nme(model: Any, split: Split) -> dict[str, float]:
    """Return the NME (inter-ocular)."""
    return {"NME": evaluate(model, split.unseen, split.truth)["nme_inter_ocular"]}


def score_f1(model: Any, split: Split) -> dict[str, float]:
    """Return mean F1 over the customised parts, and mIoU."""
    scores = evaluate(model, split.unseen, split.truth)
    return {"F1": scores["f1"], "mIoU": scores["miou"]}


IMM = Data("landmarks", IMM_73, split_imm, score_nme)
POINTS_112 = Data("landmarks", LANDMARKS_112, split_112, score_nme)
OWN_PARTS = Data("segmentation", CUSTOM_FSMA, split_parts, score_f1)
CATS = Data("landmarks", ANIMAL_POINTS, split_cats, score_nme)
