"""Make the two images of the README with facekit itself.

    FACEKIT_DATA=... python docs/images/make.py

``faces.jpg`` shows two people of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0,
https://doi.org/10.6084/m9.figshare.5047666) with the results of the ready models and of a sketch model.
The sketch model learns from ten photos of other people of that set. Their sketches are made by `pencil`, an image filter.
``example.jpg`` is the image that the README's example saves.

Run time: about 3 minutes on two CPU cores. Each file is overwritten.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import facekit
from facekit.data.face_sources import data_folder
from facekit.data.synthetic_faces.generator import GeneratedFaces

FOLDER = Path(__file__).parent
SHOWN = ("129_smiling.jpg", "029_smiling.jpg")
LEARNED = ("001", "005", "010", "037", "042", "068", "087", "099", "112", "136")
TILE = 300
GAP = 6
TITLES = ("photo", "68 landmarks", "parts", "attributes", "sketch")
FACE = slice(40, 472)  # rows and columns of the photos that are shown: head and hair


def pencil(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn a photo into a pencil drawing: grey levels divided by their blurred surroundings."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype(np.float32)
    surroundings = cv2.GaussianBlur(grey, (0, 0), photo.shape[1] / 24)
    drawing = np.clip(250 * (grey + 8) / (surroundings + 8), 0, 255)
    return np.repeat(drawing[..., None], 3, 2).astype(np.uint8)


def square(image: NDArray[np.uint8]) -> Image.Image:
    """Resize a square image to one tile."""
    return Image.fromarray(image).resize((TILE, TILE), Image.Resampling.LANCZOS)


def bars(result: facekit.results.Attributes, rows: int = 9) -> Image.Image:
    """Draw the most probable attributes as bars in one tile."""
    tile = Image.new("RGB", (TILE, TILE), (24, 27, 33))
    pen = ImageDraw.Draw(tile)
    font = ImageFont.load_default(17)
    for i, (name, probability) in enumerate(result.top(rows)):
        y = 16 + 31 * i
        pen.text((14, y), name.replace("_", " ").lower(), fill=(238, 240, 244), font=font)
        pen.rounded_rectangle((172, y + 5, 286, y + 17), 6, fill=(52, 57, 66))
        pen.rounded_rectangle((172, y + 5, 172 + 114 * max(probability, 0.1), y + 17), 6, fill=(0, 200, 255))
    return tile


def faces_image() -> Image.Image:
    """Lay out photo, landmarks, parts, attributes and sketch of the shown people, one row per person."""
    folder = data_folder("london") / "images"
    learned = [facekit.load_image(folder / f"{name}_neutral.jpg")[FACE, FACE] for name in LEARNED]
    sketches = [pencil(photo) for photo in learned]
    artist = facekit.adapt(learned, sketches, task="stylization", steps=600, progress=False)

    width = len(TITLES) * (TILE + GAP) - GAP
    page = Image.new("RGB", (width, 34 + len(SHOWN) * (TILE + GAP) - GAP), "white")
    pen = ImageDraw.Draw(page)
    for column, title in enumerate(TITLES):
        centre = column * (TILE + GAP) + TILE // 2
        pen.text((centre, 16), title, fill=(40, 40, 40), font=ImageFont.load_default(20), anchor="mm")
    for row, name in enumerate(SHOWN):
        photo = np.ascontiguousarray(facekit.load_image(folder / name)[FACE, FACE])
        points, parts, attributes = facekit.predict(["landmarks", "segmentation", "attributes"], photo)
        drawn = facekit.predict(artist, photo)
        tiles = (square(photo), square(points.draw()), square(parts.draw()), bars(attributes[0]), square(drawn.output))
        for column, tile in enumerate(tiles):
            page.paste(tile, (column * (TILE + GAP), 34 + row * (TILE + GAP)))
    return page


def example_image() -> Image.Image:
    """Run the README's example."""
    faces = GeneratedFaces(seed=1, size=256).batch(range(12), want=("image", "landmarks68"))
    images, points = faces["image"], faces["landmarks68"]
    model = facekit.adapt(images[:10], points[:10], task="landmarks", names="68", progress=False)
    return facekit.predict(model, images[11]).show()


def main() -> None:
    faces_image().save(FOLDER / "faces.jpg", quality=85, optimize=True)
    example_image().save(FOLDER / "example.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main()
