"""Faces in CelebAMask-HQ's 19 classes that the ready parsers are trained and scored on (``FACEKIT_DATA``).

Whole masks come from CelebAMask-HQ, from generated faces and from Microsoft's rendered faces. Other real faces have
partial labels; their other pixels are 255: CelebA-HQ with hair masks, and 300-W with the parts that landmarks outline.
Each real face has one use only: to train the parser, to train its label adapter, or to score them. The same holds for
the rendered people. The validation part of CelebAMask-HQ, celebamask19, LFW's part labels and FASSEG are used in no
parser's training; they score it. Some of FASSEG's people train the label adapter to its way of drawing; the others
score it.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from facekit.annotations.mask_ids import read_ids
from facekit.api.evaluation import evaluate
from facekit.data.datasets import (
    GeneratedParsing,
    ParsedFace,
    celebamask_faces,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    hair_faces,
    outlined_faces,
)
from facekit.data.face_sources import PORTRAIT_LIFT, PORTRAIT_MARGIN, celebahq128, data_folder
from facekit.images.reader import load_image, to_tensor
from facekit.labels import CELEBAMASK_19, FASSEG_6
from facekit.model import Model
from facekit.model import find_frames as frames_in

SIDE = 256
GENERATED_SIDE = 160
# Of 500 hair masks the parser learns from the first, the adapter from the next; the last hundred are scored.
HAIR_PARSER, HAIR_ADAPTER = slice(0, 300), slice(300, 400)
HAIR_SCORED = slice(400, 500)
SYNTHETIC_PARSER, SYNTHETIC_ADAPTER = slice(0, 45), slice(45, 60)
# Every fourth of 300-W's is the adapter's; `lfpw_test` is no one's.
FOURTHS_PARSER, FOURTHS_ADAPTER = (0, 1, 2), (3,)
# FASSEG's people in many poses (Pointing'04): whom its label adapter learns from and who are scored. So are the frontal
# images, which are of other data sets (MIT-CBCL, FEI).
FASSEG_ADAPTER, FASSEG_SCORED, FASSEG_FRONTAL = ("1", "2", "3", "4"), ("5", "6", "7"), ("frontal",)

Crops = tuple[list[np.ndarray], list[np.ndarray]]


def _generated(count: int, seed: int) -> GeneratedParsing:
    return GeneratedParsing(count, "wild", seed, GENERATED_SIDE, CELEBAMASK_19, yaw=(-60, 60))


def _outlined(fourths: Sequence[int]) -> list[Sequence[ParsedFace]]:
    faces = outlined_faces(labels=CELEBAMASK_19)
    return [faces[first::4] for first in fourths]


def _cropped(sources: Sequence[tuple[Sequence[ParsedFace], int]]) -> Crops:
    """Return crops on FaRL's mean face, which lies as in CelebA-HQ's images. Each source is repeated."""
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for faces, times in sources:
        seen, drawn = crops(faces, SIDE, PORTRAIT_MARGIN, PORTRAIT_LIFT)
        images += seen * times
        masks += drawn * times
    return images, masks


def celebamask(split: str) -> Crops:
    """Return the real faces of `celebamask`, 256 px, with masks of CelebAMask-HQ's 19 classes.

    Args:
        split: "train" (800 faces) or "validation" (100).
    """
    folder = data_folder("celebamask")
    with (folder / "index.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    images = [load_image(folder / "images" / row["image"]) for row in rows]
    return images, [read_ids(folder / "masks" / row["mask"]).ids for row in rows]


def parser_faces(seed: int, generated: int) -> Crops:
    """Return the faces that the ready parser is trained on: `celebamask` four times, and those of `mixed_faces` once.

    The images of `celebamask` lie as on the mean face already.

    Args:
        seed: Seed of the generated faces.
        generated: Number of generated faces, of people that nothing else here contains.
    """
    images, masks = celebamask("train")
    more_images, more_masks = mixed_faces(seed, generated)
    return images * 4 + more_images, masks * 4 + more_masks


def mixed_faces(seed: int, generated: int) -> Crops:
    """Return generated and rendered faces with whole masks, and real ones with partial labels.

    Args:
        seed: Seed of the generated faces.
        generated: Number of generated faces, of people that nothing else here contains.
    """
    synthetic = facesynthetics_faces(labels=CELEBAMASK_19)[SYNTHETIC_PARSER]
    hair = hair_faces(labels=CELEBAMASK_19)[HAIR_PARSER]
    real = [(part, 1) for part in _outlined(FOURTHS_PARSER)]
    return _cropped([(_generated(generated, seed + 13), 1), (synthetic, 12), (hair, 3), *real])


def adapter_faces(seed: int, generated: int) -> Crops:
    """Return the faces that a label adapter is trained on.

    They are other faces of the same kinds. Those with real labels are repeated most often.
    """
    synthetic = facesynthetics_faces(labels=CELEBAMASK_19)[SYNTHETIC_ADAPTER]
    hair = hair_faces(labels=CELEBAMASK_19)[HAIR_ADAPTER]
    real = [(part, 1) for part in _outlined(FOURTHS_ADAPTER)]
    return _cropped([(_generated(generated, seed + 14), 1), (synthetic, 12), (hair, 4), *real])


def fasseg_people(people: Sequence[str]) -> list[ParsedFace]:
    """Return the images of some of FASSEG's people ("1" to "7", "frontal") in its six classes."""
    faces = fasseg_faces(labels=FASSEG_6)
    return [faces[i] for i, (image, _) in enumerate(faces.items) if _person(image) in people]


def _person(image: str) -> str:
    # multi_train_p45_062.jpg shows person 6.
    return image[-6] if image.startswith("multi") else "frontal"


def shown(faces: Sequence[ParsedFace], model: Model) -> Crops:
    """Return the model's crops of all images in which a face is found, and the labels there."""
    images: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for face in faces:
        for frame in frames_in(face.image, model.align, None)[:1]:
            crop = frame.crop(face.image.shape[:2], model.input_size)
            images.append(crop.image(face.image))
            masks.append(crop.mask(face.mask))
    return images, masks


def taught_faces(teacher: Model, count: int) -> Crops:
    """Return CelebA-HQ images, which lie as on the mean face, with the masks that a teacher predicts."""
    images = [image for _, image, _ in itertools.islice(celebahq128(), count)]
    masks: list[np.ndarray] = []
    for start in range(0, count, 50):
        x = to_tensor(images[start : start + 50])
        maps = F.interpolate(x, teacher.input_size, mode="bilinear", antialias=True)
        maps = F.interpolate(teacher.unadapted.maps(maps), x.shape[-1], mode="bilinear")
        masks += list(maps.argmax(1).to(torch.uint8).cpu().numpy())
    return images, masks


def parsing_scores(model: Model) -> dict[str, float]:
    """Return the scores on the 4 real faces of `celebamask19`, which no training used."""
    faces = celebamask_faces(labels=CELEBAMASK_19)
    return evaluate(model, [face.image for face in faces], [face.mask for face in faces])
