"""Train and score the parsers and label adapters of synthparse's experiments.

Paper: "In the Wild Face Parsing in Synthetic-Data Trained Models". The paper's own F1 is a mean over images in which a
class below .1 counts as .1 before adaptation and is left out after it, see `facekit.metrics`.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..api.adaptation import adapt
from ..api.label_adaptation import adapt_labels
from ..api.prediction import predict
from ..core.version import __version__
from ..data.datasets import (
    GeneratedParsing,
    ParsedFace,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    helen_faces,
    ibugmask_faces,
    lapa_faces,
    mix,
)
from ..labels import FASSEG_6, SYNTHPARSE_11, SegmentationSet
from ..metrics.class_means import foreground_f1
from ..metrics.image_f1 import image_f1_by_class
from ..metrics.scores import confusion, f1_by_class
from ..model import Model, load
from .cells import plain
from .experiment import Cell, Scores, Settings
from .face_data import celebamask
from .intermediates import kept
from .needs import CELEBAMASK_CROPS, FACE_SYNTHETICS, FASSEG, HELEN, IBUGMASK, LAPA, Need, imagenet

Faces = Sequence[ParsedFace]
_LEARNED = ("1", "2", "3", "4")  # FASSEG's people that adapters learn from
_BATCH = 24
# What each source of training faces reads.
_READS: dict[str, tuple[Need, ...]] = {
    "studio": (),
    "celebamask": (CELEBAMASK_CROPS,),
    "synthetic": (FACE_SYNTHETICS,),
    "helen": (HELEN,),
    "lapa": (LAPA,),
    "ibugmask": (IBUGMASK,),
}


@functools.lru_cache(maxsize=2)
def _rendered(count: int, size: int) -> list[ParsedFace]:
    """Return generated faces with exact masks, which are rendered once for all cells of a process."""
    faces = GeneratedParsing(count, "studio", 51, size)
    return [face for start in range(0, count, 32) for face in faces.batch(range(start, min(start + 32, count)))]


def source(name: str, cell: Cell) -> tuple[Faces, Faces]:
    """Return the faces of a source to train on and to choose the best epoch by. They share no face.

    Args:
        name: A key of the setting ``mix``: "studio" (generated), "celebamask" (crops at hand), or a published data
            set: "synthetic" (Face Synthetics), "helen", "lapa" or "ibugmask".
        cell: The cell; its settings ``faces`` and ``validation`` are the largest numbers that are needed.
    """
    count, chosen = cell.settings["faces"], cell.settings["validation"]
    if name == "studio":
        faces: Faces = _rendered(count + chosen, cell.settings["size"])
        return faces[:count], faces[count:]
    if name == "celebamask":
        faces = celebamask(cell.file(CELEBAMASK_CROPS.name), "train")
        return faces[:-chosen], faces[-chosen:]
    if name == "synthetic":
        faces = facesynthetics_faces(cell.file(FACE_SYNTHETICS.name))
        return faces[:count], faces[count : count + chosen]
    if name == "ibugmask":  # it has no validation part
        faces = ibugmask_faces(cell.file(IBUGMASK.name), "train")
        order = random.Random(cell.draw).sample(range(len(faces)), len(faces))
        return [faces[i] for i in order[chosen:]], [faces[i] for i in order[:chosen]]
    read = {"helen": helen_faces, "lapa": lapa_faces}[name]
    return read(cell.file(name), "train"), read(cell.file(name), "val")


def target(cell: Cell) -> tuple[Faces, Faces, SegmentationSet]:
    """Return the target's faces that adapters learn from, those that are scored, and their label set.

    Args:
        cell: The cell; its setting ``target`` is "fasseg", "celebamask", "ibugmask", "helen" or "lapa".
    """
    name = cell.settings["target"]
    if name == "celebamask":
        folder = cell.file(CELEBAMASK_CROPS.name)
        learned = celebamask(folder, "train")[: cell.settings["faces"]]
        return learned, celebamask(folder, "validation"), SYNTHPARSE_11
    if name != "fasseg":
        readers: dict[str, Any] = {"helen": helen_faces, "lapa": lapa_faces, "ibugmask": ibugmask_faces}
        folder = cell.file(IBUGMASK.name if name == "ibugmask" else str(name))
        return readers[name](folder, "train"), readers[name](folder, "test"), SYNTHPARSE_11
    faces = fasseg_faces(cell.file(FASSEG.name), labels=FASSEG_6)
    # multi_train_p45_062.jpg shows person 6.
    few = [i for i, (file, _) in enumerate(faces.items) if file.startswith("multi") and file[-6] in _LEARNED]
    rest = sorted({*range(len(faces))} - {*few})
    return [faces[i] for i in few], [faces[i] for i in rest], FASSEG_6


_PARSER = ("model", "mix", "faces", "validation", "epochs", "size", "framing")


def made_by(cell: Cell) -> dict[str, Any]:
    """Return everything that decides a cell's parser: settings, draw, the data that it reads, and the version."""
    about = cell.settings
    encoder = "mobilenet_v2" if about["model"] == "mobilenet_v2" else "resnet101"
    names = [need.name for name in about["mix"] for need in _READS[name]]
    return {
        "settings": plain({name: about[name] for name in _PARSER}),
        "draw": cell.draw,
        "data": {name: cell.data[name] for name in names},
        "weights": imagenet(encoder).identity(cell.root),
        "facekit": __version__,
    }


def trained(cell: Cell) -> Model:
    """Return the parser of a cell by the paper's recipe. It is trained once, and a killed training goes on."""
    name = "-".join([cell.settings["model"], *cell.settings["mix"], f"draw{cell.draw}"])
    return load(kept(cell.kept, name, ".facekit", made_by(cell), functools.partial(_train, cell)))


def _train(cell: Cell, file: Path) -> None:
    about = cell.settings
    shares = about["mix"]
    sources = {name: source(name, cell) for name in shares}
    learned, chosen_by = (
        mix(shares, about[size], {name: pair[i] for name, pair in sources.items()}, cell.draw)
        for i, size in enumerate(("faces", "validation"))
    )
    images, masks = crops(learned, about["size"], framing=about["framing"])
    checkpoint = file.with_suffix(".checkpoint")
    model = adapt(
        images,
        masks,
        "segmentation",
        "synthparse",
        names=SYNTHPARSE_11,
        recipe=f"paper-{about['model']}",
        seed=cell.draw,
        input_size=about["size"],
        steps=_steps(about),
        validation=crops(chosen_by, about["size"], framing=about["framing"]),
        checkpoint=checkpoint,
        bfloat16=True,
        progress=False,
    )
    model.save(file)
    checkpoint.unlink(missing_ok=True)


def _steps(about: Settings) -> int:
    return int(about["epochs"] * -(-about["faces"] // _BATCH))


def adapted(cell: Cell, parser: Model) -> Model:
    """Train a label adapter on the target's training faces. All rows have the same number of steps."""
    learned, _, labels = target(cell)
    images, masks = crops(learned, cell.settings["size"], framing=cell.settings["framing"])
    return adapt_labels(
        parser,
        images,
        masks,
        names=labels,
        reads=cell.settings["reads"],
        encoder=cell.settings["adapter"],
        steps=cell.settings["adapter_steps"],
        seed=cell.draw,
        progress=False,
    )


def scored(cell: Cell, model: Model, low: str) -> tuple[Scores, Scores]:
    """Score a parser on the target's faces.

    Args:
        cell: The cell.
        model: The parser, with or without a label adapter.
        low: What the paper does with a score below .1 in an image, see `image_f1_by_class`.

    Returns:
        F1 of each class from one table over all images and their mean, "mean"; and the same by the paper, per image.
        0 to 1. A class without a score is 0 in the paper's mean, and not in ours.
    """
    _, unseen, labels = target(cell)
    images, masks = crops(unseen, cell.settings["size"], framing=cell.settings["framing"])
    n = len(labels)
    results = predict(model, images)
    tables = [confusion(one.to(labels).mask, mask, n) for one, mask in zip(results, masks, strict=True)]
    table = sum(tables, np.zeros((n, n), np.int64))
    sound, paper = f1_by_class(table)[1:], image_f1_by_class(tables, low)[1:]
    names = labels.classes[1:]
    return (
        {**dict(zip(names, map(float, sound), strict=True)), "mean": foreground_f1(table)},
        {**dict(zip(names, map(float, paper), strict=True)), "mean": float(np.nan_to_num(paper).mean())},
    )
