"""Score the ready models on dlib's example photos of several people: faces found and NME (inter-ocular, percent).

    FACEKIT_DATA=... python -m benchmarks.ready_models.photos --out FOLDER

Most labels of these photos come from dlib's own predictor, not from a person. The NME therefore measures agreement with
that predictor. ``--out`` writes the drawn photos.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
import warnings
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import facekit
from facekit.data.face_sources import data_folder
from facekit.images.reader import save_image
from facekit.labels import LANDMARKS_68
from facekit.metrics.scores import nme


def labelled(folder: Path) -> dict[str, list[np.ndarray]]:
    """Return the 68 points of each labelled face, by the name of the photo."""
    photos: dict[str, list[np.ndarray]] = {}
    for name in ("training_with_face_landmarks.xml", "testing_with_face_landmarks.xml"):
        for image in ElementTree.parse(folder / name).getroot().iter("image"):
            faces = photos.setdefault(image.attrib["file"], [])
            for box in image.iter("box"):
                parts = sorted(box.iter("part"), key=lambda p: int(p.attrib["name"]))
                if len(parts) == len(LANDMARKS_68):
                    faces.append(np.array([[float(p.attrib["x"]), float(p.attrib["y"])] for p in parts]))
    return photos


@dataclass
class Measured:
    """What a landmark model found in dlib's photos.

    Attributes:
        errors: NME of each labelled face that was found, percent of the distance between the outer eye corners.
        missed: Number of labelled faces that were not found.
        extra: Number of found faces above the labelled ones, per photo.
        seconds: Time per photo, with the search for faces.
    """

    errors: list[float] = field(default_factory=list)
    missed: int = 0
    extra: int = 0
    seconds: list[float] = field(default_factory=list)


def measure(model: facekit.Model | str, out: Path | None = None) -> Measured:
    """Score a landmark model on dlib's photos.

    Args:
        model: A model of 300-W's 68 points, or the name of a ready one.
        out: Folder for the drawn images, with those of the ready parser. None writes none.
    """
    folder = data_folder("dlib_faces")
    measured = Measured()
    for name, truth in labelled(folder).items():
        photo = facekit.load_image(folder / name)
        begin = time.monotonic()
        found = facekit.predict(model, photo)
        measured.seconds.append(time.monotonic() - begin)
        points = [face.points for face in found]
        for face in truth:
            # The same face: centres closer than half its width.
            near = [p for p in points if np.linalg.norm(p.mean(0) - face.mean(0)) < 0.5 * np.ptp(face[:, 0])]
            if near:
                measured.errors.append(100 * min(nme(p, face, LANDMARKS_68, "inter_ocular") for p in near))
            else:
                measured.missed += 1
        measured.extra += max(0, len(points) - len(truth))
        if out:
            out.mkdir(parents=True, exist_ok=True)
            parts = facekit.predict("segmentation", photo)
            save_image(found.draw(), out / name)
            save_image(parts.draw(), out / f"parts_{name}")
    return measured


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the drawn images")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs dlib_faces/ in that folder")
    warnings.simplefilter("ignore")
    m = measure("landmarks", a.out)
    print(f"{len(m.errors)} labelled faces found, {m.missed} missed, {m.extra} more than are labelled in their photo")
    print(
        f"NME {statistics.mean(m.errors):.2f} % (median {statistics.median(m.errors):.2f}), "
        f"{statistics.mean(m.seconds):.2f} s a photo with the search for faces"
    )


if __name__ == "__main__":
    main()
