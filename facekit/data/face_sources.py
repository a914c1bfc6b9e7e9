"""Readers of faces: of the data sets in FACEKIT_DATA, of folders with boxes, and generated faces."""

from __future__ import annotations

import csv
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..alignment import ffhq_frame
from ..detection.face import check_boxes, landmark_box
from ..images.reader import load_image
from ..labels import LANDMARKS_68
from .face_pool import MARGIN, Face, pool_side, whole_image_boxes
from .synthetic_faces.generator import GeneratedFaces

# The subset of 300-W on which models are scored.
TEST_300W = "lfpw_test"
_CORNERS = ("x0", "y0", "x1", "y1")
# Box (x0,y0,x1,y1) of a face in CelebA-HQ, relative to the image's side. It is the mean square of 1.6 times the 68
# points' box in 9,964 images of 128 px, shifted as in the 300-W crops.
CELEBAHQ_BOX = (0.053, 0.153, 0.950, 1.050)
# Side of a CelebA-HQ image relative to that square, and how far the image's middle lies above the square's, relative to
# the square's side.
PORTRAIT_MARGIN = 1 / (CELEBAHQ_BOX[2] - CELEBAHQ_BOX[0])
PORTRAIT_LIFT = ((CELEBAHQ_BOX[1] + CELEBAHQ_BOX[3]) / 2 - 0.5) * PORTRAIT_MARGIN


def data_folder(name: str) -> Path:
    """Return a folder of FACEKIT_DATA.

    Args:
        name: Name of the folder.

    Returns:
        Its path.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or lacks the folder. The text says what to set.
    """
    root = os.environ.get("FACEKIT_DATA")
    if not root:
        raise FileNotFoundError(f"{name} is not part of facekit; set FACEKIT_DATA to the folder that holds {name}/")
    path = Path(root) / name
    if not path.is_dir():
        raise FileNotFoundError(f"{path} does not exist; set FACEKIT_DATA to the folder that holds {name}/")
    return path


def tar_faces(folder: str | os.PathLike[str]) -> Iterator[Face]:
    """Read aligned faces without labels from the tar shards of JPEG files in a folder.

    The images are framed as in CelebA-HQ.

    Args:
        folder: Folder of the shards, such as celebahq128 or lfw128 in FACEKIT_DATA.

    Yields:
        Name, image (S,S,3) uint8 RGB and box of each face. The box is the same for all.
    """
    for shard in sorted(Path(folder).glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is None:
                    continue
                image = np.asarray(Image.open(io.BytesIO(file.read())).convert("RGB"))
                side = image.shape[0]
                x0, y0, x1, y1 = (v * side - 0.5 for v in CELEBAHQ_BOX)
                yield member.name, image, (x0, y0, x1, y1)


def celebahq128(folder: str | os.PathLike[str] | None = None) -> Iterator[Face]:
    """Read the aligned CelebA-HQ faces. They have no labels.

    Args:
        folder: Folder of the shards. None is celebahq128 in FACEKIT_DATA.

    Yields:
        Name, image (128,128,3) uint8 RGB and box of each face. The box is the same for all.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or lacks the folder.
    """
    yield from tar_faces(data_folder("celebahq128") if folder is None else folder)


def train_300w() -> Iterator[Face]:
    """Read the training crops of 300-W without their landmarks; the subset that scores models is left out.

    Yields:
        Name, image (256,256,3) uint8 RGB and box of each face: the whole image.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or lacks the folder.
    """
    paths, subsets, _ = landmarks_300w()
    train = (path for path, subset in zip(paths, subsets, strict=True) if subset != TEST_300W)
    yield from whole_image_boxes((path.name, load_image(path)) for path in train)


def boxed_faces(folder: str | os.PathLike[str], boxes: str | os.PathLike[str]) -> Iterator[Face]:
    """Read the images of a folder and the boxes of the faces in them.

    Args:
        folder: The folder.
        boxes: CSV file with a header line and the columns image, x0, y0, x1, y1: one line per face, in pixels of the
            image, as face detectors and ``faces=`` have them. The crop is the square of `landmark_box`.

    Yields:
        Name, image (H,W,3) uint8 RGB and box of each face.

    Raises:
        ValueError: If the file lacks a column, or a value is no number.
        ImageError: If an image is missing or damaged.
    """
    with Path(boxes).open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"image", *_CORNERS} <= rows[0].keys():
        raise ValueError(f"{boxes}: expected columns image,x0,y0,x1,y1 and a line per face; write them in this order")
    last, image = "", np.zeros((0, 0, 3), np.uint8)
    for number, row in enumerate(rows, start=2):
        if row["image"] != last:
            last, image = row["image"], load_image(Path(folder) / row["image"])
        try:
            x0, y0, x1, y1 = (float(row[key]) for key in _CORNERS)
            face = check_boxes((x0, y0, x1, y1), image.shape[:2])[0]
        except (TypeError, ValueError) as error:
            raise ValueError(f"{boxes}, line {number}: {error}") from error
        yield f"{row['image']} {number}", image, landmark_box(face)


def generated(
    count: int, input_size: int, seed: int = 0, portraits: bool = False, device: str | torch.device | None = None
) -> Iterator[Face]:
    """Generate "wild" faces for pre-training, with the pool's margin, so that augmentation finds real pixels.

    Args:
        count: Number of faces.
        input_size: Side of the network's input, px.
        seed: Seed of the faces. The random numbers do not depend on the device.
        portraits: Show as much around the face as the images of FFHQ and CelebA-HQ. Tilted heads are not turned
            upright, because pools cut upright squares.
        device: Device that renders. None is the CPU.

    Yields:
        Name, image (side,side,3) uint8 RGB and box of each face.
    """
    side, margin = pool_side(input_size), PORTRAIT_MARGIN if portraits else 1.0
    faces = GeneratedFaces(seed=seed, size=side, domain="wild", device=device, framing=1.6 * MARGIN * margin)
    inner, middle = input_size / margin / 2, (side - 1) / 2
    box = (middle - inner, middle - inner, middle + inner, middle + inner)
    for start in range(0, count, 64):
        indices = range(start, min(start + 64, count))
        batch = faces.batch(indices, want=("image", "landmarks68"))
        images = batch["image"].permute(0, 2, 3, 1).cpu().numpy()
        for i, image, points in zip(indices, images, batch["landmarks68"].cpu().numpy(), strict=True):
            frame = ffhq_frame(points, LANDMARKS_68) if portraits else None
            yield f"generated {i}", image, box if frame is None or frame.box is None else frame.box


def landmarks_300w(folder: str | os.PathLike[str] | None = None) -> tuple[list[Path], list[str], np.ndarray]:
    """Read the crops of 300-W with their landmarks.

    Args:
        folder: The folder. None is 300w in FACEKIT_DATA.

    Returns:
        Paths of the N images, the subset of each, and points (N,68,2) float32 in pixels.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or files are missing.
    """
    root = Path(folder) if folder is not None else data_folder("300w")
    with (root / "index.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    points = np.array([[float(v) for v in row[2:]] for row in rows], np.float32).reshape(len(rows), -1, 2)
    return [root / "images" / row[0] for row in rows], [row[1] for row in rows], points


def pseudo_landmarks() -> dict[str, np.ndarray]:
    """Read the 68 points of CelebA-HQ that another program predicted. Use them to train, never to score.

    Returns:
        Points (68,2) float32 in pixels by image name. The tenth of images with the lowest detection scores is left
        out.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or files are missing.
    """
    with (data_folder("celebahq128") / "landmarks68_pseudo.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    # The detector's score is its confidence in a face. The lowest tenth contains the wrong points.
    least = np.quantile([float(row[1]) for row in rows], 0.1)
    reliable = [row for row in rows if float(row[1]) > least]
    return {row[0]: np.array(row[2:], np.float32).reshape(68, 2) for row in reliable}


def celebahq_attributes() -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Read the 40 attributes of CelebA-HQ.

    Returns:
        Names of the attributes, and by image name (40,) float32 of 0 and 1.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or files are missing.
    """
    with (data_folder("celebahq128") / "attributes.csv").open() as f:
        head, *rows = csv.reader(f)
    return tuple(head[1:]), {row[0]: np.array(row[1:], np.float32) for row in rows}


# UTKFace stores class numbers; these are their names in order.
UTKFACE_GENDERS = ("male", "female")
UTKFACE_RACES = ("white", "black", "asian", "indian", "other")


def utkface(folder: str | os.PathLike[str] | None = None) -> tuple[list[Path], np.ndarray, np.ndarray, np.ndarray]:
    """Read UTKFace.

    Args:
        folder: The folder. None is utkface in FACEKIT_DATA.

    Returns:
        Paths of the N images, age (N,) in years, gender (N,) and race (N,) as names.

    Raises:
        FileNotFoundError: If FACEKIT_DATA is not set or files are missing.
    """
    root = Path(folder) if folder is not None else data_folder("utkface")
    with (root / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    age, gender, race = (np.array([int(row[key]) for row in rows]) for key in ("age", "gender", "race"))
    paths = [root / "images" / row["file"] for row in rows]
    return paths, age, np.array(UTKFACE_GENDERS)[gender], np.array(UTKFACE_RACES)[race]
