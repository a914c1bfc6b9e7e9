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


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for the drawn images")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs dlib_faces/ in that folder")
    warnings.simplefilter("ignore")
    folder = data_folder("dlib_faces")
    errors, missed, extra, seconds = [], 0, 0, []
    for name, truth in labelled(folder).items():
        photo = facekit.load_image(folder / name)
        begin = time.monotonic()
        found = facekit.predict("landmarks", photo)
        seconds.append(time.monotonic() - begin)
        points = [face.points for face in found]
        for face in truth:
            # The same face: centres closer than half its width.
            near = [p for p in points if np.linalg.norm(p.mean(0) - face.mean(0)) < 0.5 * np.ptp(face[:, 0])]
            if near:
                errors.append(100 * min(nme(p, face, LANDMARKS_68, "inter_ocular") for p in near))
            else:
                missed += 1
        extra += max(0, len(points) - len(truth))
        if a.out:
            a.out.mkdir(parents=True, exist_ok=True)
            parts = facekit.predict("segmentation", photo)
            save_image(found.draw(), a.out / name)
            save_image(parts.draw(), a.out / f"parts_{name}")
    print(f"{len(errors)} labelled faces found, {missed} missed, {extra} more than are labelled in their photo")
    print(
        f"NME {statistics.mean(errors):.2f} % (median {statistics.median(errors):.2f}), "
        f"{statistics.mean(seconds):.2f} s a photo with the search for faces"
    )


if __name__ == "__main__":
    main()
