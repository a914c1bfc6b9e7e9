"""Score ready models on the validation sets at hand, and store the figures in their weight cards.

    FACEKIT_DATA=... python -m benchmarks.ready_models.scores NAME ... [--sets SET ...] [--dry-run]

NAME is a ready model, such as landmarks. Each set is one of its task's:

* landmarks: lfpw_test (300-W, 224 faces), dlib (photos of several people), london (76 neutral faces).
* segmentation: celebamask, celebamask-search, celebamask19, hair, lfw-parts, fasseg, as in
  `benchmarks.ready_models.parsing`; for segmentation-fasseg also fasseg-people and fasseg-frontal.
* attributes: celebahq (the last 800 images), utkface (``Male`` by groups of people), london
  (``Male`` and ``Smiling`` by stated ethnicity).
* stylization: sketches for sketch, fs2k for sketch-fs2k (every eighth pair).
* shadow_removal: celebamask (synthetic shadows), yaleb (real ones; 122 grey images of 20 people).

Without ``--sets`` all sets of the task are scored. No model was trained on these images. A new row of the card replaces
the one of the same data and metric; it has command, machine and date. If the weights were replaced since the last
scores, the old rows stay and are marked. Afterwards all cards are written. ``--dry-run`` prints the rows and writes
nothing.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import functools
import os
import platform
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import facekit
from facekit.api.evaluation import evaluate, evaluate_by
from facekit.data.face_sources import data_folder, utkface
from facekit.images.reader import load_image, read_images
from facekit.labels import CELEBA_40
from facekit.metrics.groups import group_members, scores_by_group
from facekit.model import ready_model
from facekit.model.evaluation import predict_labelled
from facekit.papers.face_data import split_yaleb
from facekit.zoo import embedded_file

from . import card_records, cards, failures, image_models, parsing, photos
from .image_models import shadowed_faces, sketch_pairs
from .retrain import SCORED, attribute_faces, lfpw_faces

# Upper bounds of UTKFace's age groups in years, and their names.
AGES = ((5, "under 5"), (18, "5 to 17"), (40, "18 to 39"), (70, "40 to 69"), (200, "70 and older"))
PARSED = {
    "celebamask": "CelebAMask-HQ, 100 validation faces, whole images",
    "celebamask-search": "CelebAMask-HQ, 100 validation faces, faces searched",
    "celebamask19": "`celebamask19`, 4 faces of CelebAMask-HQ",
    "hair": "hair masks of 100 CelebA-HQ faces",
    "lfw-parts": "LFW, parts of 600 photos",
    "fasseg": "FASSEG, all 202 images",
    "fasseg-people": "FASSEG, people 5 to 7 (78 images); those without a found face left out",
    "fasseg-frontal": "FASSEG, 20 frontal images; those without a found face left out",
}
LONDON = "Face Research Lab London Set"
ADAPTED_ONLY = parsing.LEFT_OUT
# A sketch model is scored on its own style.
STYLES = {"sketch": "sketches", "sketch-fs2k": "fs2k"}


@dataclasses.dataclass(frozen=True)
class Score:
    """One figure.

    Attributes:
        data: The data set in words.
        metric: The metric with its unit.
        value: A number, a text, or numbers by name.
        digits: Number of decimals in the card.
        of: What was scored, if it is not the whole model.
    """

    data: str
    metric: str
    value: Any
    digits: int = 1
    of: str = ""


def lfpw_test(model: facekit.Model) -> Iterator[Score]:
    """Score 68 points on 300-W's `lfpw_test`."""
    where = "crops by the labels' box" if model.align == "landmarks" else "aligned by the labels' eyes, nose and mouth"
    found = evaluate(model, *lfpw_faces())
    data = f"300-W `lfpw_test`, 224 faces, {where}"
    yield Score(data, "NME (inter-ocular), %", found["nme_inter_ocular"], 2)
    yield Score(data, "FR@10, %", found["fr10_inter_ocular"])
    yield Score(data, "AUC@10, %", found["auc10_inter_ocular"])
    yield Score(data, "AUC@7, %", found["auc7_inter_ocular"])


def dlib(model: facekit.Model) -> Iterator[Score]:
    """Score 68 points on dlib's photos, in which faces are searched."""
    found = photos.measure(model)
    data = "Photos of several people (dlib), most labels from dlib's predictor"
    labelled = len(found.errors) + found.missed
    yield Score(data, "labelled faces found", f"{len(found.errors)} of {labelled}")
    yield Score(data, "false faces", str(found.extra))
    if found.errors:
        errors = {"mean": statistics.mean(found.errors), "median": statistics.median(found.errors)}
        yield Score(data, "NME (inter-ocular) of the found faces, %", errors, 2)


def london_points(model: facekit.Model) -> Iterator[Score]:
    """Score the points that 300-W and the London Set share, by the people's ethnicity as they stated it."""
    errors: dict[str, list[float]] = {}
    for row in failures.london().values():
        if not row["x0"]:
            continue
        found = facekit.predict(model, data_folder("london") / "images" / row["file"])
        points = [failures.shared_error(face.points, row) for face in found]
        errors.setdefault(row["ethnicity"] or "not stated", []).append(min(points, default=float("nan")))
    every = [value for group in errors.values() for value in group]
    data = f"{LONDON}, {len(every)} neutral photos, {len(failures.SHARED)} points"
    groups = {"all": float(np.nanmean(every)), **_sorted({k: float(np.nanmean(v)) for k, v in errors.items()})}
    yield Score(data, "photos with a found face", f"{np.isfinite(every).sum()} of {len(every)}")
    yield Score(data, "NME (outer eye corners), %", groups, 2)


def london_attributes(model: facekit.Model) -> Iterator[Score]:
    """Score the attributes ``Male`` and ``Smiling`` on the London Set, by ethnicity."""
    rows = list(failures.london().values())
    labels = np.full((len(rows), len(CELEBA_40.names)), np.nan, np.float32)
    labels[:, CELEBA_40.names.index("Male")] = [row["gender"] == "male" for row in rows]
    labels[:, CELEBA_40.names.index("Smiling")] = [row["expression"] == "smiling" for row in rows]
    images = [load_image(data_folder("london") / "images" / row["file"]) for row in rows]
    found = evaluate_by(model, images, labels, [row["ethnicity"] or "not stated" for row in rows])
    for name in ("Male", "Smiling"):
        value = {group: scores[f"accuracy_{name}"] for group, scores in found.items()}
        yield Score(f"{LONDON}, {len(rows)} photos, by stated ethnicity", f"accuracy of `{name}`, %", value)


def _sorted(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items(), key=lambda item: item[1]))


def parts(name: str) -> Callable[[facekit.Model], Iterator[Score]]:
    """Return the function that scores a parser.

    Args:
        name: One of `parsing.SETS`.
    """

    def scored(model: facekit.Model) -> Iterator[Score]:
        found = parsing.measure(model, name)
        data = PARSED[name]
        if name != parsing.WHOLE:
            yield Score(data, "images with a found face", f"{found.images - found.lost} of {found.images}")
        for state in found.tables:
            of = "without its label adapter" if state == "unadapted" and "adapted" in found.tables else ""
            for metric, value in found.scores(state).items():
                yield Score(data, f"{metric}, %", value, of=of)
            yield Score(data, "F1, %", found.by_class(state), of=of)
        if found.brows[0]:
            kept = dict(zip(("in the masks", "in the output"), 100 * found.brows[1:] / found.brows[0], strict=True))
            yield Score(data, "hair and brows among the parser's brow pixels, %", kept, 0)

    return scored


def celebahq(model: facekit.Model) -> Iterator[Score]:
    """Score attributes on the last 800 CelebA-HQ images, which lie as on the mean face."""
    images, labels = attribute_faces()
    found = evaluate(model, images[-SCORED:], labels[-SCORED:], align="none")
    data = f"CelebA-HQ, the last {SCORED} of 10,000 faces"
    yield Score(data, "mean accuracy, %", found["accuracy"])
    often = labels[-SCORED:].mean(0)
    yield Score(data, "mean accuracy, %", float(100 * np.maximum(often, 1 - often).mean()), of="the commoner answer")
    yield Score(data, "mean balanced accuracy, %", found["balanced_accuracy"])
    yield Score(data, "calibration error, %", found["calibration"])
    single = {key.removeprefix("accuracy_"): value for key, value in found.items() if key.startswith("accuracy_")}
    yield Score(data, "accuracy, %", _sorted(single))


def utkface_groups(model: facekit.Model) -> Iterator[Score]:
    """Score the attribute ``Male`` on UTKFace by groups of people. UTKFace labels no other of CelebA's attributes."""
    paths, age, gender, race = utkface()
    labels = np.full((len(paths), len(CELEBA_40.names)), np.nan, np.float32)
    labels[:, CELEBA_40.names.index("Male")] = gender == "male"
    ages = [next(name for bound, name in AGES if years < bound) for years in age]
    results, truth = predict_labelled(model, read_images(list(paths)), labels, None, stacklevel=2)
    both = [f"{sex} {name}" for sex, name in zip(gender, race, strict=True)]
    for kind, groups in (("sex", gender), ("race", race), ("age", ages), ("sex and race", both)):
        found = scores_by_group(model.task.score, results, truth, group_members(groups, len(paths)))
        data = f"UTKFace, {len(paths)} faces, by {kind}"
        value = {group: scores["accuracy_Male"] for group, scores in found.items()}
        yield Score(data, "accuracy of `Male`, %", value)


def image_pairs(data: str, pairs: Callable[[], image_models.Pairs]) -> Callable[[facekit.Model], Iterator[Score]]:
    """Return the function that scores a model that makes images.

    Args:
        data: The data set in words.
        pairs: Function that returns the images and their targets.
    """

    def scored(model: facekit.Model) -> Iterator[Score]:
        images, targets = pairs()
        found = evaluate(model, images, targets)
        for metric, digits in (("ssim", 3), ("psnr", 1), ("lpips", 3)):
            unit = f"{metric.upper()}, dB" if metric == "psnr" else metric.upper()
            where = f"{data}, {len(images)} images"
            yield Score(where, unit, found[metric], digits)
            yield Score(where, unit, found[f"{metric}_before"], digits, of="the photo itself")

    return scored


def yale_pairs() -> image_models.Pairs:
    """Return every eighth lit image of Extended Yale B, and the same people under frontal light."""
    split = split_yaleb(0, 0)
    return split.unseen, split.truth


SETS: dict[str, dict[str, Callable[[facekit.Model], Iterator[Score]]]] = {
    "landmarks": {"lfpw_test": lfpw_test, "dlib": dlib, "london": london_points},
    "segmentation": {name: parts(name) for name in parsing.SETS},
    "attributes": {"celebahq": celebahq, "utkface": utkface_groups, "london": london_attributes},
    "stylization": {
        name: image_pairs(f"`{name}`, every eighth pair", functools.partial(sketch_pairs, name, scored=True))
        for name in ("sketches", "fs2k")
    },
    "shadow_removal": {
        "celebamask": image_pairs("CelebAMask-HQ, validation faces with synthetic shadows", shadowed_faces),
        "yaleb": image_pairs("Extended Yale B, every eighth lit image; target: frontal light", yale_pairs),
    },
}


def machine() -> str:
    """Return this machine in words: processor, cores, GPU and versions."""
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        lines = (line for line in info.read_text().splitlines() if line.startswith("model name"))
        processor = next((line.split(":", 1)[1].strip() for line in lines), processor)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    version = torch.__version__.split("+")[0]
    return f"{os.cpu_count()} CPU cores ({processor}){gpu}, PyTorch {version}, Python {platform.python_version()}"


def rows(name: str, chosen: list[str] | None) -> list[dict[str, Any]]:
    """Score a ready model.

    Args:
        name: The model's name.
        chosen: Names of data sets. None scores all of the model's task.

    Returns:
        Rows for the card.

    Raises:
        ValueError: If the model's task has no such set.
    """
    model = ready_model(name)
    sets = SETS.get(model.task.name, {})
    if model.adapter is None:
        sets = {key: score for key, score in sets.items() if key not in ADAPTED_ONLY}
    if name in STYLES:
        sets = {STYLES[name]: sets[STYLES[name]]}
    unknown = [key for key in chosen or [] if key not in sets]
    if unknown or not sets:
        raise ValueError(f"{name}: expected sets among {', '.join(sets) or 'none'}, got {', '.join(unknown) or 'none'}")
    found: list[dict[str, Any]] = []
    for key in chosen or sets:
        shared = {
            "command": f"python -m benchmarks.ready_models.scores {name} --sets {key}",
            "machine": machine(),
            "date": datetime.date.today().isoformat(),
        }
        for score in sets[key](model):
            row = {k: v for k, v in dataclasses.asdict(score).items() if v != ""}
            row["value"] = _rounded(row["value"], score.digits + 3)  # Not the shown digits: rounding twice is wrong.
            found.append({**row, **shared})
            value = card_records.value_text(score.value, score.digits)
            print("; ".join(filter(None, (score.data, score.metric, score.of))), value, sep=": ", flush=True)
    return found


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one, digits) for key, one in value.items()}
    return value if isinstance(value, str) else round(float(value), digits)


def main() -> None:
    """Score models and write their cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="NAME", help="ready models")
    parser.add_argument("--sets", nargs="+", metavar="SET", help="data sets of the models' task; all by default")
    parser.add_argument("--dry-run", action="store_true", help="print the rows, write nothing")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark reads real faces from that folder")
    warnings.simplefilter("ignore")
    for name in a.models:
        found = rows(name, a.sets)
        if a.dry_run:
            continue
        card = embedded_file(name).stem
        record = card_records.load(card)
        if card_records.renew(record):
            print(f"{name}: the weights were replaced. The old rows are marked; adapt the record's texts by hand.")
        card_records.add_scores(record, found)
        card_records.save(card, record)
    if not a.dry_run:
        for path, text in cards.files().items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
