"""Score the face finders: WIDER FACE, UTKFace by groups of people, FASSEG, dlib's photos, time.

    FACEKIT_DATA=... python -m benchmarks.ready_models.face_finder
    FACEKIT_DATA=... python -m benchmarks.ready_models.face_finder --points    # points and rolls on 300-W's lfpw_test

Columns: "embedded" is the network inside the package, "yunet" is OpenCV's (only if its file is in the cache), "haar"
are the cascades of synthparse's paper. None of the scored images trained the embedded network.

A found face is a labelled one if the centre of its box lies in the labelled box, and the two boxes' sides (square roots
of the areas) differ by at most a factor of 2. Labelled boxes are: WIDER's own; for dlib's photos the box of the 68
points; for FASSEG the box of skin, eyes, nose and mouth in the mask; for UTKFace the middle three fifths of the image.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facekit import detection
from facekit.alignment import five_points, roll_of_points
from facekit.data.face_sources import TEST_300W, data_folder, landmarks_300w
from facekit.detection import Face, find_faces, haar_faces
from facekit.images.reader import load_image
from facekit.labels import LANDMARKS_68

from .photos import labelled
from .utkface_groups import SCORED, scored_groups

Box = tuple[float, float, float, float]
Search = Callable[[np.ndarray], list[Face]]

# WIDER's faces whose longer side is shorter are neither right nor wrong, nor are false ones that small.
LEAST_SIDE = 20.0
PRECISION = 0.95
# A found box for each score is compared at this precision; scores are used as they come.
_FACE_CLASSES = (1, 3, 4, 5)
_UTK_INNER = (0.2, 0.8)
_MEGAPIXELS = (3000, 4000)
PROCESSES = 4


def same_face(found: Face, box: Box) -> bool:
    """Return whether a found face is the labelled one; see the module's docstring."""
    x0, y0, x1, y1 = found.box
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    ratio = math.sqrt((x1 - x0) * (y1 - y0) / ((box[2] - box[0]) * (box[3] - box[1])))
    return box[0] <= x <= box[2] and box[1] <= y <= box[3] and 0.5 <= ratio <= 2


def matched(faces: list[Face], boxes: list[Box]) -> list[int | None]:
    """Assign each found face, best first, to the nearest labelled box that is free; None is a false one."""
    free = list(range(len(boxes)))
    result: list[int | None] = []
    for face in sorted(faces, key=lambda f: -f.score):
        own = [i for i in free if same_face(face, boxes[i])]
        if not own:
            result.append(None)
            continue
        centre = np.add(face.box[:2], face.box[2:]) / 2
        nearest = min(own, key=lambda i: float(np.hypot(*(np.add(boxes[i][:2], boxes[i][2:]) / 2 - centre))))
        free.remove(nearest)
        result.append(nearest)
    return result


def wider(search: Search) -> dict[str, float]:
    """Score WIDER's photos.

    Returns:
        "labelled" faces, "found" and "false" at the detector's own threshold, and the "recall" in percent at
        `PRECISION`, by the score as the threshold.
    """
    folder = data_folder("wider")
    hits: list[tuple[float, bool]] = []
    total = 0
    for name, boxes in json.loads((folder / "boxes.json").read_text()).items():
        boxes = [tuple(box) for box in boxes]
        large = [max(x1 - x0, y1 - y0) >= LEAST_SIDE for x0, y0, x1, y1 in boxes]
        total += sum(large)
        faces = sorted(search(load_image(folder / "images" / name)), key=lambda f: -f.score)
        for face, k in zip(faces, matched(faces, boxes), strict=True):
            if (max(face.box[2] - face.box[0], face.box[3] - face.box[1]) >= LEAST_SIDE) if k is None else large[k]:
                hits.append((face.score, k is not None))
    return {
        "labelled": total,
        "found": sum(hit for _, hit in hits),
        "false": sum(not hit for _, hit in hits),
        "recall": 100 * recall_at_precision(hits, total, PRECISION),
    }


def recall_at_precision(hits: list[tuple[float, bool]], total: int, precision: float) -> float:
    """Return the largest recall of all thresholds at which the precision is reached.

    Args:
        hits: Score of each found face, and whether it is a labelled one.
        total: Number of labelled faces.
        precision: In (0, 1].
    """
    right, best = 0, 0.0
    ordered = sorted(hits, reverse=True)
    for k, (score, hit) in enumerate(ordered, 1):
        right += hit
        last = k == len(ordered) or ordered[k][0] < score  # a threshold takes all faces of one score
        if last and right / k >= precision:
            best = right / total
    return best


def groups(search: Search) -> dict[str, int]:
    """Return how many of `SCORED` faces of each group of UTKFace are found."""
    counts = {}
    for name, paths in scored_groups().items():
        images = [load_image(path) for path in paths]
        counts[name] = sum(any(same_face(f, _middle(image)) for f in search(image)) for image in images)
    return counts


def _middle(image: np.ndarray) -> Box:
    """Return the middle of an image, where UTKFace's crops show the face."""
    h, w = image.shape[:2]
    low, high = _UTK_INNER
    return (low * w, low * h, high * w, high * h)


def fasseg(search: Search) -> dict[str, int]:
    """Return how many of FASSEG's faces are found, and how many others."""
    folder = data_folder("fasseg")
    found = false = total = 0
    with (folder / "index.csv").open() as file:
        for row in csv.DictReader(file):
            mask = cv2.imread(str(folder / "masks" / row["mask"]), cv2.IMREAD_GRAYSCALE)
            y, x = np.nonzero(np.isin(mask, _FACE_CLASSES))
            faces = search(load_image(folder / "images" / row["image"]))
            own = matched(faces, [(x.min(), y.min(), x.max(), y.max())])
            total += 1
            found += any(k is not None for k in own)
            false += sum(k is None for k in own)
    return {"labelled": total, "found": found, "false": false}


def dlib_photos(search: Search) -> dict[str, int]:
    """Return how many faces of dlib's photos are found, and how many others."""
    folder = data_folder("dlib_faces")
    found = false = total = 0
    for name, faces in labelled(folder).items():
        boxes = [(*p.min(0), *p.max(0)) for p in faces]
        own = matched(search(load_image(folder / name)), boxes)
        total += len(boxes)
        found += sum(k is not None for k in own)
        false += sum(k is None for k in own)
    return {"labelled": total, "found": found, "false": false}


def times(search: Search, name: str) -> dict[str, float]:
    """Return milliseconds per image: a photo of WIDER, 12 megapixels, and the slow-down of `PROCESSES` at once."""
    photo = load_image(next(iter(sorted((data_folder("wider") / "images").glob("*")))))
    group = load_image(data_folder("dlib_faces") / "2008_002506.jpg")
    large = cv2.resize(group, _MEGAPIXELS[::-1], interpolation=cv2.INTER_CUBIC)
    alone = _together(name, 1)
    return {
        "wider_ms": _milliseconds(search, photo),
        "12mp_ms": _milliseconds(search, large),
        "slowdown": _together(name, PROCESSES) / alone,
    }


def _milliseconds(search: Search, image: np.ndarray, repeats: int = 9) -> float:
    """Return the median time of a search after two that do not count."""
    taken = []
    for _ in range(repeats + 2):
        begin = time.perf_counter()
        search(image)
        taken.append(time.perf_counter() - begin)
    return 1000 * statistics.median(taken[2:])


def _together(name: str, count: int) -> float:
    """Return the milliseconds per image of processes that search at once; the median of theirs."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    workers = [context.Process(target=_work, args=(name, barrier, results)) for _ in range(count)]
    for worker in workers:
        worker.start()
    taken = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return statistics.median(taken)


def _work(name: str, barrier: Any, results: Any) -> None:
    """Search one photo again and again, and report the median milliseconds."""
    search = searches()[name]
    photo = load_image(next(iter(sorted((data_folder("wider") / "images").glob("*")))))
    search(photo)
    barrier.wait()
    results.put(_milliseconds(search, photo, 20))


def searches() -> dict[str, Search]:
    """Return the face finders that can run on this machine."""
    found: dict[str, Search] = {"embedded": lambda image: find_faces(image, detector="embedded")}
    if detection.yunet_file() is not None:
        found["yunet"] = lambda image: find_faces(image, detector="yunet")
    found["haar"] = haar_faces
    return found


def scores(search: Search, name: str, timed: bool) -> dict[str, Any]:
    """Return all figures of one face finder."""
    result = {
        "wider": wider(search),
        "utkface": groups(search),
        "fasseg": fasseg(search),
        "dlib": dlib_photos(search),
    }
    return result | {"time": times(search, name)} if timed else result


def table(results: dict[str, dict[str, Any]]) -> str:
    """Return the figures as a Markdown table with one column per face finder."""
    names = list(results)
    first = results[names[0]]
    rows: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
        (
            f"wider: recall at precision {PRECISION}, faces >= {LEAST_SIDE:g} px",
            lambda r: f"{r['wider']['recall']:.1f} %",
        ),
        (
            f"wider: found of {first['wider']['labelled']} + false",
            lambda r: f"{r['wider']['found']} + {r['wider']['false']}",
        ),
    ]
    rows += [(f"utkface: {g}, of {SCORED}", lambda r, g=g: str(r["utkface"][g])) for g in first["utkface"]]
    rows += [
        (f"{s}: found of {first[s]['labelled']} + false", lambda r, s=s: f"{r[s]['found']} + {r[s]['false']}")
        for s in ("fasseg", "dlib")
    ]
    if "time" in first:
        rows += [
            ("ms for a photo of 416 px", lambda r: f"{r['time']['wider_ms']:.0f}"),
            ("ms for a photo of 12 megapixels", lambda r: f"{r['time']['12mp_ms']:.0f}"),
            (f"times slower in {PROCESSES} processes at once", lambda r: f"{r['time']['slowdown']:.1f}"),
        ]
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {title} | {' | '.join(cell(results[name]) for name in names)} |" for title, cell in rows]
    return "\n".join(lines)


def point_errors(search: Search) -> dict[str, float]:
    """Return the medians of the errors: roll in degrees, points in percent of the distance of the eyes."""
    rolls, errors = [], []
    for path, subset, points in zip(*landmarks_300w(), strict=True):
        faces = search(load_image(path)) if subset == TEST_300W else []
        five = five_points(points, LANDMARKS_68)
        if faces and faces[0].points is not None and five is not None:
            rolls.append(abs(faces[0].roll - roll_of_points(points, LANDMARKS_68)))
            distances = np.linalg.norm(np.array(faces[0].points) - five, axis=1)
            errors.append(100 * distances.mean() / np.linalg.norm(five[1] - five[0]))
    return {"faces": len(rolls), "roll": statistics.median(rolls), "points": statistics.median(errors)}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--untimed", action="store_true", help="leave out the times")
    parser.add_argument("--points", action="store_true", help="only the embedded finder's points and rolls")
    parser.add_argument("--json", type=Path, help="file for the figures")
    a = parser.parse_args()
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs wider/, utkface/, fasseg/ and dlib_faces/ there")
    if a.points:
        print(point_errors(searches()["embedded"]))
        return
    results = {name: scores(search, name, not a.untimed) for name, search in searches().items()}
    print(table(results))
    if a.json:
        a.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
