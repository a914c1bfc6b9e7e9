"""Score the ready parsers on real faces: F1 per class, percent, before and after the label adapter.

    FACEKIT_DATA=... python -m benchmarks.ready_models.parsing [--sets NAME ...] [--model FILE] [--images FOLDER]

celebamask: the validation part of CelebAMask-HQ, 100 faces, 19 classes. The images lie as the parser's crops, so they
are parsed whole; celebamask-search finds the faces in them, as in ``facekit.predict``.
celebamask19: 4 faces, 19 classes.
lfw-parts: 600 photos of LFW with skin (including neck, ears, glasses and all facial parts) and hair of one person.
hair: the last hundred of CelebA-HQ's hair masks, which no training here used.
fasseg: all 202 images (six classes, people up to 90 degrees from the front), which no parser's training used. Faces are
detected as in ``facekit.predict``. Pixels outside the crop count as background. An image in which no face is found is
parsed whole, and counted.
fasseg-people, fasseg-frontal: the model "segmentation-fasseg", whose label adapter learned from four of FASSEG's
people, on the other three and on the frontal images. Images in which no face is found are left out, and counted.

``--model`` replaces the model in all of these by one file. ``--images`` draws all faces of dlib's photos, one file
each.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import facekit
from facekit.alignment import Frame
from facekit.annotations.mask_ids import read_ids
from facekit.data.datasets import ParsedFace, celebamask_faces, fasseg_faces
from facekit.data.face_sources import data_folder
from facekit.images.reader import save_image
from facekit.labels import CELEBAMASK_19, FASSEG_6, SegmentationSet, segmentation_set
from facekit.metrics.scores import confusion, f1_by_class, iou_by_class
from facekit.model import find_frames as frames_in
from facekit.model import ready_model
from facekit.results.types import Segmentation

from .parsed_faces import FASSEG_FRONTAL, FASSEG_SCORED, HAIR_SCORED, celebamask, fasseg_people

Pair = tuple[np.ndarray, np.ndarray]
HAIR = segmentation_set(["background", "hair"])
BROWS = [CELEBAMASK_19.index(name) for name in ("left_brow", "right_brow")]
LFW = segmentation_set(["background", "skin", "hair"])
HEAD = (
    *("skin", "nose", "glasses", "left_eye", "right_eye", "left_brow", "right_brow", "left_ear", "right_ear"),
    *("inner_mouth", "upper_lip", "lower_lip", "neck"),
)
SETS = (
    *("celebamask", "celebamask-search", "celebamask19", "hair", "lfw-parts"),
    *("fasseg", "fasseg-people", "fasseg-frontal"),
)
# Whose images are parsed whole; and those of "segmentation-fasseg", of which images without a found face are left out.
WHOLE, LEFT_OUT = "celebamask", ("fasseg-people", "fasseg-frontal")


def hair() -> Iterable[Pair]:
    """Yield images and masks of two classes: hair and everything else."""
    folder = data_folder("hair")
    rows = (folder / "index.csv").read_text().splitlines()[1:][HAIR_SCORED]
    for row in rows:
        image, mask = row.split(",")[:2]
        yield facekit.load_image(folder / "images" / image), read_ids(folder / "masks" / mask).ids


def pairs(faces: Iterable[ParsedFace]) -> Iterable[Pair]:
    """Return images and masks of labelled faces."""
    return ((face.image, face.mask) for face in faces)


def lfw_parts() -> Iterable[Pair]:
    """Yield images and masks of three classes: background, skin and hair."""
    folder = data_folder("lfw_parts")
    for path in sorted((folder / "images").iterdir()):
        yield facekit.load_image(path), read_ids(folder / "masks" / f"{path.stem}.png").ids


def in_classes(result: Segmentation, labels: SegmentationSet) -> np.ndarray:
    """Return the mask in the labels' ids; classes that they do not contain become background."""
    if labels == LFW:
        mask = np.zeros(result.mask.shape, np.uint8)
        mask[np.isin(result.mask, [CELEBAMASK_19.index(name) for name in HEAD])] = LFW.index("skin")
        mask[result.mask == CELEBAMASK_19.index("hair")] = LFW.index("hair")
        return mask
    mask = result.to(labels).mask
    return np.where(mask == labels.ignore, 0, mask)


def labelled_set(name: str) -> tuple[Iterable[Pair], SegmentationSet]:
    """Return the images and masks of a data set, and the label set of the masks.

    Args:
        name: One of `SETS`.
    """
    if name.startswith("celebamask") and name != "celebamask19":
        return zip(*celebamask("validation"), strict=True), CELEBAMASK_19
    if name == "celebamask19":
        return pairs(celebamask_faces(labels=CELEBAMASK_19)), CELEBAMASK_19
    if name == "hair":
        return hair(), HAIR
    if name == "lfw-parts":
        return lfw_parts(), LFW
    if name == "fasseg":
        return pairs(fasseg_faces(labels=FASSEG_6)), FASSEG_6
    return pairs(fasseg_people({"fasseg-people": FASSEG_SCORED, "fasseg-frontal": FASSEG_FRONTAL}[name])), FASSEG_6


@dataclass
class Measured:
    """What a parser found in one data set.

    Attributes:
        labels: Label set of the ground truth.
        tables: Confusion matrices of the parser ("unadapted") and, with a label adapter, of its output ("adapted").
        images: Number of images.
        lost: Number of images in which no face was found.
        brows: Pixels that the parser calls brow; those of them that are hair and brows in the masks of `FASSEG_6`; and
            those of them that the adapter calls so.
        seconds: Time of the predictions.
    """

    labels: SegmentationSet
    tables: dict[str, np.ndarray]
    images: int
    lost: int
    brows: np.ndarray
    seconds: float

    def scores(self, state: str) -> dict[str, float]:
        """Return mean F1 over facial parts and over all classes but background, mIoU and accuracy, percent.

        Args:
            state: A key of ``tables``.
        """
        table = self.tables[state]
        f1, present = 100 * f1_by_class(table), table.sum(1) > 0
        there = [i for i in range(1, len(self.labels)) if present[i]]
        parts = [i for i in self.labels.facial_parts if present[i]] or there
        return {
            "mean F1 over facial parts": float(np.nanmean(f1[parts])),
            "mean F1 over all classes but background": float(np.nanmean(f1[there])),
            "mIoU": float(100 * np.nanmean(iou_by_class(table)[present])),
            "pixels right": float(100 * np.diag(table).sum() / table.sum()),
        }

    def by_class(self, state: str) -> dict[str, float]:
        """Return the F1 of each class that the masks contain, percent.

        Args:
            state: A key of ``tables``.
        """
        table = self.tables[state]
        f1, present = 100 * f1_by_class(table), table.sum(1) > 0
        return {n: float(v) for n, v, there in zip(self.labels.classes, f1, present, strict=True) if there}


def measure(model: facekit.Model, name: str) -> Measured:
    """Score a model on a data set.

    Args:
        model: The parser.
        name: One of `SETS`.
    """
    faces, labels = labelled_set(name)
    states = ("unadapted", "adapted") if model.adapter is not None else ("unadapted",)
    tables = {state: np.zeros((len(labels),) * 2, np.int64) for state in states}
    brows = np.zeros(3, np.int64)
    images = lost = 0
    started = time.monotonic()
    for image, truth in faces:
        frames = [Frame()] if name == WHOLE else frames_in(image, model.align, None)
        images, lost = images + 1, lost + (not frames)
        if not frames and name in LEFT_OUT:
            continue
        # One face each: where more are found, the one nearest to the image's middle.
        frame = _middle_frame(frames, np.array(image.shape[1::-1]) / 2)
        result = model.predict_frames(image, [frame])[0]
        assert isinstance(result, Segmentation)
        for state in states:
            predicted = (result.unadapted or result) if state == "unadapted" else result
            tables[state] += confusion(in_classes(predicted, labels), truth, len(labels))
        if labels == FASSEG_6 and result.unadapted is not None:
            brow, hairy = np.isin(result.unadapted.mask, BROWS), FASSEG_6.index("hair_and_brows")
            brows += brow.sum(), (truth[brow] == hairy).sum(), (in_classes(result, labels)[brow] == hairy).sum()
    return Measured(labels, tables, images, lost, brows, time.monotonic() - started)


def report(measured: Measured, name: str) -> None:
    """Print the scores of a data set.

    Args:
        measured: From `measure`.
        name: One of `SETS`.
    """
    left_out = " (left out)" if name in LEFT_OUT else ""
    found = f"no face found in {measured.lost}{left_out}"
    print(f"{name}: {measured.images} images, {found}, {measured.seconds:.0f} s")
    for state in measured.tables:
        scores = ", ".join(f"{metric} {value:.1f}" for metric, value in measured.scores(state).items())
        classes = "  ".join(f"{label} {value:.1f}" for label, value in measured.by_class(state).items())
        print(f"  {state:9s} {scores}; {classes}", flush=True)
    if measured.brows[0]:
        drawn, kept = 100 * measured.brows[1:] / measured.brows[0]
        print(
            f"  of what the parser calls brow {drawn:.0f} % are hair and brows in the masks, {kept:.0f} % when adapted"
        )


def _middle_frame(frames: list[Frame], middle: np.ndarray) -> Frame:
    """Return the frame whose centre is nearest to a point; a single frame may be the whole image."""
    if len(frames) < 2:
        return frames[0] if frames else Frame()
    return min(frames, key=lambda f: float(np.hypot(*(np.reshape(f.box, (2, 2)).mean(0) - middle))))


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--model", type=Path, help="another parser than the embedded ones")
    parser.add_argument("--images", type=Path, help="folder for drawn photos")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit(
            "FACEKIT_DATA is not set: this benchmark needs celebamask/, celebamask19/, hair/, lfw_parts/, fasseg/ and "
            "dlib_faces/ there"
        )
    warnings.simplefilter("ignore")
    own = facekit.load(a.model) if a.model else None
    model = own or ready_model("segmentation")
    for name in SETS:
        if name in a.sets:
            chosen = own or (ready_model("segmentation-fasseg") if name in LEFT_OUT else model)
            report(measure(chosen, name), name)
    if a.images:
        a.images.mkdir(parents=True, exist_ok=True)
        for path in sorted(data_folder("dlib_faces").glob("*.jpg")):
            found = facekit.predict(model, facekit.load_image(path))
            save_image(found.draw(), a.images / f"{path.stem}.png")


if __name__ == "__main__":
    main()
