"""Make the images of the README with facekit itself.

    FACEKIT_DATA=... python docs/images/make.py [faces] [example] [gallery]

``faces.jpg`` shows two people of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0,
https://doi.org/10.6084/m9.figshare.5047666) with the results of the ready models. ``example.jpg`` is the image that
the README's example saves. The gallery has one small image per notebook; it takes the sketch from ``faces.jpg``.

Run time: about 2 minutes on two CPU cores. Each file is overwritten.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import facekit
from facekit.data.face_sources import data_folder
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, LAPA_11, segmentation_map
from facekit.results import Attributes, Segmentation

FOLDER = Path(__file__).parent
SHOWN = ("129_smiling.jpg", "029_smiling.jpg")
TILE = 300
GAP = 6
TITLES = ("photo", "68 landmarks", "parts", "attributes", "sketch")
ROWS, COLUMNS = slice(105, 475), slice(71, 441)  # the part of a photo that is shown: head and hair
LABELLED_BY_ONE = 8  # the sample person in whose image a model of one labelled face finds parts
# Attributes that can be seen; CelebA's others are mostly opinions of its annotators.
ATTRIBUTES = (
    "Smiling",
    "Mouth_Slightly_Open",
    "Black_Hair",
    "Brown_Hair",
    "Arched_Eyebrows",
    "Bushy_Eyebrows",
    "Wearing_Lipstick",
    "5_o_Clock_Shadow",
    "Eyeglasses",
)


def tile(image: NDArray[np.uint8]) -> Image.Image:
    """Resize a square image to one tile."""
    return Image.fromarray(image).resize((TILE, TILE), Image.Resampling.LANCZOS)


def bars(result: Attributes) -> Image.Image:
    """Draw the probabilities of `ATTRIBUTES` as bars in one tile."""
    panel = Image.new("RGB", (TILE, TILE), (24, 27, 33))
    pen = ImageDraw.Draw(panel)
    font = ImageFont.load_default(17)
    for i, name in enumerate(ATTRIBUTES):
        probability = float(result.probabilities[result.labels.names.index(name)])
        y = 15 + 31 * i
        colour = (0, 200, 255) if probability >= 0.5 else (134, 142, 156)
        pen.text((14, y), name.replace("_", " ").lower(), fill=(238, 240, 244), font=font)
        pen.rounded_rectangle((190, y + 5, 286, y + 17), 6, fill=(52, 57, 66))
        wide = max(2, 96 * probability)
        pen.rounded_rectangle((190, y + 5, 190 + wide, y + 17), min(6, wide / 2), fill=colour)
    return panel


def faces_image() -> Image.Image:
    """Lay out photo, landmarks, parts, attributes and sketch of the shown people, one row per person."""
    folder = data_folder("london") / "images"
    page = Image.new("RGB", (len(TITLES) * (TILE + GAP) - GAP, 34 + len(SHOWN) * (TILE + GAP) - GAP), "white")
    pen = ImageDraw.Draw(page)
    for column, title in enumerate(TITLES):
        centre = column * (TILE + GAP) + TILE // 2
        pen.text((centre, 16), title, fill=(40, 40, 40), font=ImageFont.load_default(20), anchor="mm")
    for row, name in enumerate(SHOWN):
        photo = facekit.load_image(folder / name)
        models = ["landmarks", "segmentation", "sketch", "attributes"]
        *drawn, attributes = facekit.predict(models, photo)
        points, parts, sketch = (tile(faces.draw()[ROWS, COLUMNS]) for faces in drawn)
        shown = [tile(photo[ROWS, COLUMNS]), points, parts, bars(attributes[0]), sketch]
        for column, image in enumerate(shown):
            page.paste(image, (column * (TILE + GAP), 34 + row * (TILE + GAP)))
    return page


def example_image() -> Image.Image:
    """Run the README's example."""
    faces = facekit.data.samples()
    model = facekit.adapt(faces.images[:8], faces.landmarks[:8], task="landmarks", names="london189", progress=False)
    return facekit.predict(model, faces.images[8]).show()


def halves(left: Image.Image, right: Image.Image) -> Image.Image:
    """Join the left half of one tile and the right half of another."""
    joined = left.copy()
    joined.paste(right.crop((TILE // 2, 0, TILE, TILE)), (TILE // 2, 0))
    return joined


def gallery_images() -> dict[str, Image.Image]:
    """Make one tile per notebook: its name and the image."""
    photo = facekit.load_image(data_folder("london") / "images" / SHOWN[0])
    points, parts = facekit.predict(["landmarks", "segmentation"], photo)
    both = points.draw_on(parts.draw())[ROWS, COLUMNS]
    heat = facekit.explain(photo, "a woman with black hair", align="mean").draw()[ROWS, COLUMNS]

    row = Image.open(FOLDER / "faces.jpg").crop((0, 34 + TILE + GAP, 5 * (TILE + GAP) - GAP, 34 + 2 * TILE + GAP))
    person, sketch = (row.crop((x, 0, x + TILE, TILE)) for x in (0, 4 * (TILE + GAP)))

    faces = GeneratedFaces(seed=5, size=256, framing=2.2, yaw=(-20, 20), pitch=(-10, 10), roll=(-8, 8))
    batch = faces.batch(range(6), want=("image", "mask"))
    images, masks = batch["image"].permute(0, 2, 3, 1).numpy(), batch["mask"].numpy()
    truth = Segmentation(masks[0], FACEKIT_27, images[0]).draw()
    people = facekit.data.samples()
    known = segmentation_map(people.mask_labels, LAPA_11)[people.masks[0]]
    one_shot = facekit.adapt(
        people.images[:1], [known], "segmentation", "pftgan", names=LAPA_11, align="ffhq", progress=False
    )
    other = people.images[LABELLED_BY_ONE]
    return {
        "00_quickstart": tile(both),
        "01_fsma": halves(person, sketch),
        "02_pftgan": halves(tile(other), tile(facekit.predict(one_shot, other).draw())),
        "03_synthparse": halves(tile(images[0]), tile(truth)),
        "04_farl": tile(heat),
    }


def main() -> None:
    """Write the images that the command names, or all."""
    chosen = sys.argv[1:] or ["faces", "example", "gallery"]
    if "faces" in chosen:
        faces_image().save(FOLDER / "faces.jpg", quality=85, optimize=True)
    if "example" in chosen:
        example_image().save(FOLDER / "example.jpg", quality=88, optimize=True)
    if "gallery" in chosen:
        for name, image in gallery_images().items():
            image.resize((200, 200), Image.Resampling.LANCZOS).save(FOLDER / f"{name}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
