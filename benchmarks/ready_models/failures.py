"""Find failures of the ready models, and draw the images of failures in the weight cards.

    FACEKIT_DATA=... python -m benchmarks.ready_models.failures landmarks segmentation attributes --out FOLDER

The models run on all 152 photos of the Face Research Lab London Set (76 people, neutral and smiling) and on generated
faces that are turned by 50 to 75 degrees. No training used these people. The folder gets all drawn photos, and the
generated faces with the worst scores; the scores are printed. A person then chooses cases and describes them in the
records of the cards: ``failures`` with ``image``, ``cases``, ``text`` and ``alt``. A case is "london/029_smiling",
"generated/12", or "shadowed/3", a sample face with a synthetic shadow; "london/029_smiling@150,160,350,360" has the
face's box instead of a search. ``inputs`` shows each input before its result. `draw_all` makes the images.

No other real people are shown: only the London Set's licence (CC BY 4.0) allows it.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import facekit
from facekit.data.face_sources import data_folder
from facekit.data.sample_faces import samples
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images import read_images
from facekit.labels import CELEBAMASK_19, FACEKIT_27, LANDMARKS_68, segmentation_map
from facekit.metrics.scores import nme
from facekit.model import ready_model
from facekit.model.evaluation import results_for
from facekit.results import Attributes, Drawable, Landmarks, Segmentation

from . import card_records
from .image_models import with_shadow

# Generated people who are in no training: other files use the seeds 0, 11, 12, 13 and 14.
SEED, SIDE, CHECKED, LEAST_YAW = 77, 256, 120, 50
SHADOWS = 3  # Seed of the synthetic shadows.
ROWS, COLUMNS = slice(95, 485), slice(61, 451)  # Head and hair in the London Set's photos of 512 px.
TILE, GAP, LINE, ON_SHEET = 190, 4, 17, 40
MOST_BYTES = 60_000
# The London Set's points that 300-W has, too: its index -> 300-W's index. These are the corners of the eyes and of the
# mouth, the middle of the lips, and the chin.
SHARED = {18: 36, 22: 39, 23: 42, 27: 45, 87: 48, 93: 54, 90: 51, 106: 57, 129: 8}


def london() -> dict[str, dict[str, str]]:
    """Return the lines of the London Set's table by case."""
    with (data_folder("london") / "index.csv").open() as file:
        return {f"london/{Path(row['file']).stem}": row for row in csv.DictReader(file)}


def generated_faces() -> GeneratedFaces:
    """Return the generated faces, in all poses."""
    return GeneratedFaces(seed=SEED, size=SIDE, domain="wild", framing=2.2)


def results(names: Sequence[str], case: str) -> list[Drawable | None]:
    """Return the results of ready models for the person of a case; None where no face is found.

    Faces in photos are searched as in `facekit.predict`, once for all models. Generated faces are cropped by their
    labels.

    Args:
        names: The models, of landmarks, parts or attributes.
        case: A photo or a generated face.
    """
    kind, item = case.split("/")
    if kind == "shadowed":
        faces, i = samples(), int(item)
        photo = with_shadow(faces.images[i], faces.masks[i] != 0, SHADOWS, i)
        return [found[0] for found in facekit.predict(names, photo)]
    if kind == "london":
        item, _, box = item.partition("@")
        boxes = [tuple(map(float, box.split(",")))] if box else None
        file = data_folder("london") / "images" / f"{item}.jpg"
        return [max(found, key=_width) if len(found) else None for found in facekit.predict(names, file, faces=boxes)]
    batch = generated_faces().batch([int(item)], want=("image", "mask", "landmarks68"))
    images = read_images(list(batch["image"].permute(0, 2, 3, 1).numpy()))
    labels = {
        "landmarks": batch["landmarks68"].numpy(),
        "segmentation": segmentation_map(FACEKIT_27, CELEBAMASK_19)[batch["mask"].numpy()],
    }
    models = [ready_model(name) for name in names]
    return [results_for(model, images, list(labels[model.task.name]))[0] for model in models]


def _width(face: Drawable) -> float:
    return face.box[2] - face.box[0] if face.box else 0.0


def shared_error(points: np.ndarray, row: dict[str, str]) -> float:
    """Return the mean error of the points in `SHARED`, percent of the distance between the outer eye corners.

    Args:
        points: 68 points (68, 2).
        row: A line of the London Set's table that has points.
    """
    truth = np.array([[float(row[f"{axis}{i}"]) for axis in "xy"] for i in SHARED])
    between = np.linalg.norm(truth[0] - truth[3])
    return float(100 * np.linalg.norm(points[list(SHARED.values())] - truth, axis=1).mean() / between)


def error(found: Drawable | None, case: str, row: dict[str, str] | None) -> float:
    """Return an error of a result where the case has labels, otherwise NaN. Larger is worse.

    Args:
        found: From `results`.
        case: The case.
        row: Its line of the London Set's table, if it is a photo.

    Returns:
        Of landmarks the NME in percent, of generated faces' parts 100 minus the mean F1, of attributes the largest
        probability of a wrong answer to "Male" and "Smiling".
    """
    if isinstance(found, Attributes) and row is not None:
        truth = {"Male": row["gender"] == "male", "Smiling": row["expression"] == "smiling"}
        predicted = {name: float(found.probabilities[found.labels.names.index(name)]) for name in truth}
        return 100 * max(1 - predicted[name] if there else predicted[name] for name, there in truth.items())
    if isinstance(found, Landmarks) and row is not None:
        return shared_error(found.points, row) if row["x0"] else float("nan")
    if row is not None or found is None:
        return float("nan")
    batch = generated_faces().batch([int(case.split("/")[1])], want=("mask", "landmarks68"))
    if isinstance(found, Landmarks):
        return 100 * nme(found.points, batch["landmarks68"].numpy()[0], LANDMARKS_68, "diagonal")
    if isinstance(found, Segmentation):
        truth = segmentation_map(FACEKIT_27, CELEBAMASK_19)[batch["mask"].numpy()[0]]
        f1 = []
        for i in CELEBAMASK_19.facial_parts:
            there = truth == i
            if there.sum() > 20:
                f1.append(2 * (there & (found.mask == i)).sum() / (there.sum() + (found.mask == i).sum()))
        return 100 - 100 * float(np.mean(f1))
    return float("nan")


def turned(count: int = CHECKED) -> list[str]:
    """Return the cases of generated faces that are turned by at least `LEAST_YAW` degrees.

    Args:
        count: Number of faces to search.
    """
    pose = generated_faces().batch(range(count), want=("pose",))["pose"].numpy()
    return [f"generated/{i}" for i in np.flatnonzero(np.abs(pose[:, 0]) >= LEAST_YAW)]


def tile(found: Drawable | None, case: str, lines: Sequence[str] = ()) -> Image.Image:
    """Draw a case as one tile, with lines of text below it.

    Args:
        found: From `results`.
        case: The case.
        lines: Texts, such as attributes.
    """
    if found is None:
        drawn = np.full((SIDE, SIDE, 3), 128, np.uint8)
    else:
        drawn = found.image if isinstance(found, Attributes) else found.draw()
    if case.startswith("london") and found is not None:
        drawn = drawn[ROWS, COLUMNS]
    image = Image.new("RGB", (TILE, TILE + LINE * len(lines)), "white")
    image.paste(Image.fromarray(np.ascontiguousarray(drawn)).resize((TILE, TILE), Image.Resampling.LANCZOS), (0, 0))
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text(
            (TILE // 2, TILE + LINE * i + 9), line, fill=(40, 40, 40), font=ImageFont.load_default(13), anchor="mm"
        )
    return image


def strip(tiles: Sequence[Image.Image], columns: int) -> Image.Image:
    """Join tiles of the same size in rows."""
    width, height = tiles[0].size
    rows = -(-len(tiles) // columns)
    page = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for i, one in enumerate(tiles):
        page.paste(one, (i % columns * (width + GAP), i // columns * (height + GAP)))
    return page


def attribute_lines(found: Drawable | None, names: Sequence[str]) -> list[str]:
    """Return the texts below a tile: the probability of each attribute.

    Args:
        found: From `results`.
        names: Attributes.
    """
    if not isinstance(found, Attributes):
        return []
    return [f"{n.replace('_', ' ')} {100 * found.probabilities[found.labels.names.index(n)]:.0f} %" for n in names]


def draw_all() -> None:
    """Draw the image of each failure that has cases, with at most `MOST_BYTES`."""
    for name in card_records.names():
        record = card_records.load(name)
        for item in record["failures"]:
            if "cases" not in item:
                continue
            tiles = []
            for number, case in enumerate(item["cases"]):
                found = results([record["ready"]["name"]], case)[0]
                shown = item["attributes"][number] if "attributes" in item else []
                if "inputs" in item and found is not None:
                    tiles.append(Image.fromarray(found.image).resize((TILE, TILE), Image.Resampling.LANCZOS))
                tiles.append(tile(found, case, attribute_lines(found, shown)))
            page = strip(tiles, len(tiles))
            path = card_records.REPOSITORY / item["image"]
            path.parent.mkdir(parents=True, exist_ok=True)
            for quality in range(90, 30, -5):
                page.save(path, quality=quality, optimize=True)
                if path.stat().st_size <= MOST_BYTES:
                    break


def draw_sheets(name: str, found: dict[str, Drawable | None], folder: Path) -> None:
    """Draw all cases of a model on sheets, the largest error first, and print what a person needs to choose.

    Args:
        name: The model.
        found: Its result for each case.
        folder: Where to write the sheets.
    """
    table = london()
    errors = {case: error(one, case, table.get(case)) for case, one in found.items()}
    order = sorted(found, key=lambda case: -np.nan_to_num(errors[case], nan=-1.0))
    for kind in ("london", "generated"):
        titles = {case: f"{case.split('/')[1]} {errors[case]:.1f}" for case in order if case.startswith(kind)}
        tiles = [tile(found[case], case, [title]) for case, title in titles.items()]
        for start in range(0, len(tiles), ON_SHEET):
            strip(tiles[start : start + ON_SHEET], 8).save(folder / f"{name}_{kind}_{start:03d}.jpg", quality=88)
        print(name, kind, ", ".join(list(titles.values())[:20]), flush=True)
    print(name, "no face found in", ", ".join(case for case, one in found.items() if one is None) or "none")
    for case, one in found.items():
        if isinstance(one, Attributes):
            about = [table[case][column] for column in ("gender", "age", "ethnicity")]
            print(case, *about, ", ".join(one.present()))


def main() -> None:
    """Draw all cases and print their errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="ready models of landmarks, parts and attributes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the drawn images")
    a = parser.parse_args()
    warnings.simplefilter("ignore")
    a.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, Drawable | None]] = {name: {} for name in a.models}
    labelled = [name for name in a.models if ready_model(name).task.name != "attributes"]
    for cases, names in ((london(), a.models), (turned() if labelled else (), labelled)):
        for case in cases:
            for name, one in zip(names, results(names, case), strict=True):
                found[name][case] = one
    for name in a.models:
        draw_sheets(name, found[name], a.out)


if __name__ == "__main__":
    main()
