"""Make the files of `facekit.data.samples` from the Face Research Lab London Set.

    FACEKIT_DATA=... python -m benchmarks.samples.make --parser parsing.facekit

The set (DeBruine and Jones 2017, CC BY 4.0, https://doi.org/10.6084/m9.figshare.5047666) is read from the folder
``london`` of ``FACEKIT_DATA``. Images are cut and made smaller, points are converted. The parser proposes the parts.
Then two corrections follow: points outline eyes, brows, lips, jaw and ears exactly (`outlines`), and
``corrections.json`` holds polygons that were drawn by hand over enlarged images. ``README.md`` in the folder is written
by hand.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import facekit
from facekit.data.face_sources import data_folder
from facekit.labels import CELEBAMASK_19

from .outlines import exact_parts, filled

# Women and men of four groups take turns, so that the first and the last eight are balanced as well.
PEOPLE = (
    "025",
    "044",
    "034",
    "005",
    "006",
    "008",
    "013",
    "092",
    "129",
    "061",
    "087",
    "119",
    "038",
    "037",
    "136",
    "172",
)
CUT = (64, 48, 448, 432)  # what is shown of each image of 512 px: x0, y0, x1, y1
SIDE = 256
QUALITY = 95
FOLDER = Path(facekit.__file__).parent / "data" / "samples"
CORRECTIONS = Path(__file__).with_name("corrections.json")

Image8 = NDArray[np.uint8]


def people() -> list[dict[str, str]]:
    """Read the rows of the chosen people's neutral images, in the order of `PEOPLE`."""
    with (data_folder("london") / "index.csv").open() as file:
        rows = {row["face"]: row for row in csv.DictReader(file) if row["expression"] == "neutral"}
    return [rows[name] for name in PEOPLE]


def cut(row: dict[str, str]) -> tuple[Image.Image, NDArray[np.float64]]:
    """Return the part of an image that is shown, `SIDE` pixels wide, and its points (189,2)."""
    with Image.open(data_folder("london") / "images" / row["file"]) as image:
        shown = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS, CUT)
    points = np.array([[float(row[f"{axis}{i}"]) for axis in "xy"] for i in range(189)])
    # Pixel centres are integers, so a pixel's edge is half a pixel before it.
    scale = SIDE / (CUT[2] - CUT[0])
    return shown, (points + 0.5 - np.array(CUT[:2])) * scale - 0.5


def corrected(mask: Image8, strokes: list[dict[str, object]]) -> Image8:
    """Paint polygons into a mask.

    Args:
        mask: Ids of ``celebamask19`` (SIDE,SIDE).
        strokes: Each has "class"; "polygon", corners [x, y] in pixels; and "over", the classes that it may replace. An
            empty "over" replaces all.

    Returns:
        The ids, same shape.
    """
    out = mask.copy()
    for stroke in strokes:
        region = filled(np.array(stroke["polygon"], np.float64), SIDE)
        over = [CELEBAMASK_19.index(name) for name in stroke["over"]]  # type: ignore[attr-defined]
        region &= np.isin(out, over) if over else True
        out[region] = CELEBAMASK_19.index(str(stroke["class"]))
    return out


def main() -> None:
    """Write images, masks and ``index.csv``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parser", required=True, help="model of CelebAMask-HQ's 19 classes that proposes the parts")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    model, table = facekit.load(args.parser), json.loads(CORRECTIONS.read_text())
    args.out.mkdir(parents=True, exist_ok=True)
    rows: list[list[object]] = []
    for row in people():
        name = row["face"]
        image, points = cut(row)
        image.save(args.out / f"{name}.jpg", quality=QUALITY, optimize=True)
        proposal = model.predict(np.asarray(image), align="none")  # the whole image is the crop
        mask = corrected(exact_parts(proposal.mask, points), table.get(name, []))
        Image.fromarray(mask).save(args.out / f"{name}.png", optimize=True)
        numbers = [f"{value:.2f}" for value in points.ravel()]
        rows.append([name, row["age"], row["gender"], row["ethnicity"], int(name in table), *numbers])
    head = ["name", "age", "sex", "ethnicity", "corrected_by_hand", *(f"{a}{i}" for i in range(189) for a in "xy")]
    with (args.out / "index.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


if __name__ == "__main__":
    main()
