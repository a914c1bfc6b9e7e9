"""How FaRL's experiments are measured on the data at hand: heads on small towers, from few labelled faces."""

from __future__ import annotations

import functools
import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..api.evaluation import evaluate
from ..api.prediction import predict
from ..data.datasets import FaceImage, LazyFaces, fairface_faces, utkface_faces
from ..data.face_sources import celebahq128, celebahq_attributes, data_folder
from ..labels import CELEBA_40, CELEBAMASK_19, AttributeSet
from ..metrics import balanced_accuracy_by_attribute
from .attribute_baselines import predict_baseline
from .experiment import Cell, Scores
from .face_data import LANDMARKS, PARTS, celebamask
from .farl_towers import pretrained, random_towers
from .labelled_faces import LazyImages
from .needs import CELEBAMASK_CROPS, FAIRFACE, UTKFACE
from .plain_adaptation import adapt_plain

_SEEN = 8000  # images that pre-training may have seen
_TEST = 800  # the last ones; the 1,200 between are labelled from


@functools.cache
def _attribute_faces(folder: Path) -> tuple[list[np.ndarray], np.ndarray]:
    """Return CelebA-HQ's images that no pre-training used, and their attributes (N, 40)."""
    _, table = celebahq_attributes()
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128(folder)][_SEEN:]
    return [image for _, image in faces], np.stack([table[name] for name, _ in faces])


def tower(cell: Cell, settings: dict[str, Any]) -> Any:
    """Return the weights that a cell names, and remove them from its settings.

    Args:
        cell: The cell.
        settings: Its settings; "weights" is a file below the folder of the data sets, "embedded", "none", or
            "random-SIZE".
    """
    weights = settings.pop("weights")
    if weights.startswith("random-"):
        return random_towers(cell, weights.removeprefix("random-"))
    return cell.file(weights) if "/" in weights else weights


def attributes(weights: Any, faces: int, draw: int, **settings: Any) -> Scores:
    """Adapt attributes on some faces of CelebA-HQ, and score them on the last 800.

    Args:
        weights: The tower.
        faces: Number of labelled faces.
        draw: Number of the draw, and seed.
        **settings: Fields of the recipe. With ``baseline`` alone, a baseline is fitted instead.
    """
    images, truth = _attribute_faces(data_folder("celebahq128"))
    few = random.Random(draw).sample(range(len(images) - _TEST), faces)
    labelled, unseen = [images[i] for i in few], images[-_TEST:]
    if "baseline" in settings:
        predicted = predict_baseline(settings["baseline"], labelled, truth[few], unseen)
        balanced = balanced_accuracy_by_attribute(predicted.astype(np.float64), truth[-_TEST:])
        right = predicted == (truth[-_TEST:] > 0.5)
        return {"mAcc": 100 * float(right.mean()), "balanced accuracy": 100 * float(np.nanmean(balanced))}
    model = adapt_plain(
        labelled,
        truth[few],
        "attributes",
        "farl",
        names=CELEBA_40,
        weights=weights,
        draw=draw,
        **settings,
    )
    scores = evaluate(model, unseen, truth[-_TEST:])
    return {"mAcc": scores["accuracy"], "balanced accuracy": scores["balanced_accuracy"]}


def measure_attributes(cell: Cell) -> Scores:
    """Score one cell on attributes."""
    settings = dict(cell.settings)
    weights = None if "baseline" in settings else tower(cell, settings)
    return attributes(weights, settings.pop("faces"), cell.draw, **settings)


def measure_heads(cell: Cell) -> Scores:
    """Score the three heads of section 4.1 on a frozen tower, each from few labels.

    A cell with the setting ``pretraining`` pre-trains its tower; otherwise ``weights`` names it.
    """
    about = cell.settings
    weights = pretrained(cell) if "pretraining" in about else tower(cell, dict(about))
    shared: dict[str, Any] = {"steps": about["head_steps"], "bfloat16": False}
    found = attributes(weights, 800, cell.draw, align="none", views=2, **shared)
    dense = {**shared, "weights": weights, "draw": cell.draw}
    dense |= {"views": 4, "least_views": 200, "head_channels": 32}
    split = LANDMARKS.split(155, cell.draw)
    model = adapt_plain(split.images, split.labels, "landmarks", "farl", names="68", align="none", **dense)
    nme = LANDMARKS.score(model, split)["all"]
    split = PARTS.split(10, cell.draw)
    model = adapt_plain(split.images, split.labels, "segmentation", "farl", names=PARTS.names, **dense)
    parts = PARTS.score(model, split)
    # FaRL's mean is over all classes but the background.
    del parts["overall"]
    return {"mAcc": found["mAcc"], "F1": statistics.mean(parts.values()), "NME": nme}


def measure_points(cell: Cell) -> Scores:
    """Score points on the crops of 300-W."""
    settings = dict(cell.settings)
    weights, split = tower(cell, settings), LANDMARKS.split(settings.pop("faces"), cell.draw)
    model = adapt_plain(
        split.images,
        split.labels,
        "landmarks",
        "farl",
        names="68",
        weights=weights,
        draw=cell.draw,
        **settings,
    )
    return {"NME, common": LANDMARKS.score(model, split)["all"]}


def measure_parts(cell: Cell) -> Scores:
    """Score the 18 parts of CelebAMask-HQ on crops."""
    settings = dict(cell.settings)
    weights, folder = tower(cell, settings), cell.file(CELEBAMASK_CROPS.name)
    train, test = (celebamask(folder, split, CELEBAMASK_19) for split in ("train", "unseen"))
    few = [train[i] for i in random.Random(cell.draw).sample(range(len(train)), settings.pop("faces"))]
    model = adapt_plain(
        [face.image for face in few],
        [face.mask for face in few],
        "segmentation",
        "farl",
        names=CELEBAMASK_19,
        weights=weights,
        draw=cell.draw,
        **settings,
    )
    scores = evaluate(model, [face.image for face in test], [face.mask for face in test])
    return {**{name: scores[f"f1_{name}"] for name in CELEBAMASK_19.classes[1:]}, "mean": scores["f1_mean"]}


def _people(cell: Cell) -> tuple[LazyFaces[FaceImage], LazyFaces[FaceImage]]:
    """Return faces with groups to learn from and to score."""
    if FAIRFACE.name in cell.data:
        folder = cell.file(FAIRFACE.name)
        return fairface_faces(folder, "train"), fairface_faces(folder, "val")
    faces = utkface_faces(cell.file(UTKFACE.name))
    order = random.Random(0).sample(range(len(faces)), len(faces))
    parts = faces[:0], faces[:0]
    parts[0].items, parts[1].items = [[faces.items[i] for i in some] for some in (order[:-1000], order[-1000:])]
    return parts


def measure_groups(cell: Cell) -> Scores:
    """Score age and gender for white and other people (Table 11). Each class is an attribute; the likeliest counts."""
    settings = dict(cell.settings)
    weights, count = tower(cell, settings), settings.pop("faces", None)
    train, test = _people(cell)
    if count is not None:
        items = [train.items[i] for i in random.Random(cell.draw).sample(range(len(train)), count)]
        train = train[:0]
        train.items = items
    learned, asked = ([face.groups for face in faces] for faces in (train, test))
    white = np.array([groups["race"] == "white" for groups in asked])
    found: Scores = {}
    for kind in ("age", "gender"):
        classes = tuple(sorted({groups[kind] for groups in learned}))
        labels = np.array([[groups[kind] == name for name in classes] for groups in learned], np.float32)
        model = adapt_plain(
            LazyImages(train),
            labels,
            "attributes",
            "farl",
            names=AttributeSet(kind, classes),
            weights=weights,
            draw=cell.draw,
            **settings,
        )
        right = _right(model, test, classes, [groups[kind] for groups in asked])
        found |= {
            f"{kind}, white": 100 * float(right[white].mean()),
            f"{kind}, others": 100 * float(right[~white].mean()),
        }
        found |= {f"{kind}, all": 100 * float(right.mean())}
        found |= {f"{kind}, discrepancy": found[f"{kind}, others"] - found[f"{kind}, white"]}
    return found


def _right(model: Any, faces: Sequence[FaceImage], classes: tuple[str, ...], truth: list[str]) -> np.ndarray:
    """Return whether the likeliest class of each face is its own, (N,) bool."""
    likeliest: list[str] = []
    for start in range(0, len(faces), 64):
        results = predict(model, [faces[i].image for i in range(start, min(start + 64, len(faces)))], align="none")
        likeliest += [classes[int(one.probabilities.argmax())] for one in results]
    return np.array(likeliest) == np.array(truth)
