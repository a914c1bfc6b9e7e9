"""Train the embedded models again: `python -m facekit.weights.retrain MODEL --out FILE`.

start-landmarks, start-segmentation: where the quick recipes start; generated faces only. landmarks, segmentation: the
ready models on fsma, attributes: the one on farl; they need FACEKIT_DATA. The backbones below them are trained by
`facekit pretrain` (their cards name the commands); `start-*` come before the ready models on fsma, which start from
them.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from ..api import adapt, evaluate
from ..data.generated import GeneratedFaces
from ..data.readers import (
    CELEBAHQ_BOX,
    celebahq128,
    celebahq_attributes,
    data_folder,
    landmarks_300w,
    pseudo_landmarks,
)
from ..geometry import box_of_points, crop_matrix, transform_points, warp_image, warp_mask
from ..images import load_image
from ..labels import (
    CELEBA_40,
    CELEBAMASK_19,
    FACEKIT_27,
    FACESYNTHETICS_19,
    LANDMARKS_44,
    LANDMARKS_98,
    landmark_set,
    segmentation_map,
)
from ..model import Model

SIDE = 256
SEEN = 8000  # CelebA-HQ pictures that farl's embedded tower learned from, too
SCORED = 800  # the last ones
GENERATED_SIDE = 160  # the network sees 128 px
# What all four share: half precision, fresh frozen features for every one of many views, quick to converge.
LONG: dict[str, Any] = {
    "bfloat16": True, "cache": False, "views": 100, "rotate": 30.0, "scale": (0.8, 1.2), "shift": 0.08, "jitter": 0.35,
    "lr": 3e-3,
}  # fmt: skip


def generated_faces(count: int, seed: int, want: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Batches of labelled wild faces; their people are in no other use of `GeneratedFaces` here."""
    faces = GeneratedFaces(seed=seed, size=GENERATED_SIDE, domain="wild", yaw=(-60, 60))
    for start in range(0, count, 100):
        yield faces.batch(range(start, min(start + 100, count)), want=want)


def start_landmarks(seed: int = 0, steps: int = 3000, faces: int = 4000) -> Model:
    """All 142 points that generated faces carry: WFLW's 98, which hold 300-W's 68, and FSMA's 44."""
    names = [*LANDMARKS_98.points, *LANDMARKS_44.points]
    pictures, points = [], []
    for batch in generated_faces(faces, seed + 11, ("image", "landmarks98", "landmarks44")):
        pictures += list(batch["image"].permute(0, 2, 3, 1).numpy())
        points.append(np.concatenate([batch["landmarks98"].numpy(), batch["landmarks44"].numpy()], 1))
    return adapt(
        pictures, np.concatenate(points), "landmarks", names=landmark_set(names), start="none", seed=seed, steps=steps,
        **LONG,
    )  # fmt: skip


def start_segmentation(seed: int = 0, steps: int = 2000, faces: int = 4000) -> Model:
    """The finest set: 27 classes."""
    pictures, masks = [], []
    for batch in generated_faces(faces, seed + 12, ("image", "mask")):
        pictures += list(batch["image"].permute(0, 2, 3, 1).numpy())
        masks += list(batch["mask"].numpy())
    return adapt(
        pictures, masks, "segmentation", names=FACEKIT_27, start="none", seed=seed, steps=steps, batch_size=16, **LONG
    )


def landmarks(seed: int = 0, steps: int = 5000, celeba: int = 6000) -> Model:
    """68 points: 300-W without `lfpw_test`, and CelebA-HQ faces with pseudo-landmarks. Scored on `lfpw_test`."""
    paths, subsets, points = landmarks_300w()
    train = [i for i, s in enumerate(subsets) if s != "lfpw_test"] * 2  # manual points weigh more than found ones
    test = [i for i, s in enumerate(subsets) if s == "lfpw_test"]
    pictures = [load_image(paths[i]) for i in train]
    labels = [points[i] for i in train]
    pseudo = pseudo_landmarks()
    for name, picture, _ in celebahq128():
        known = pseudo.get(name.removesuffix(".jpg"))
        if known is None:
            continue
        matrix = crop_matrix(box_of_points(known), SIDE)
        pictures.append(warp_image(picture, matrix, SIDE))
        labels.append(transform_points(known, matrix).astype(np.float32))
        if len(labels) == len(train) + celeba:
            break
    model = adapt(pictures, np.stack(labels), "landmarks", names="68", seed=seed, steps=steps, **LONG)
    model.align = "landmarks"
    model.about["lfpw_test"] = evaluate(model, [load_image(paths[i]) for i in test], points[test])
    return model


def segmentation(seed: int = 0, steps: int = 2500, generated: int = 3000) -> Model:
    """CelebAMask-HQ's 19 classes: generated and Microsoft's rendered faces with whole masks; real faces with hair
    masks (CelebA-HQ) or with the parts that landmarks outline (300-W), the rest of them unlabelled. Scored on the 4
    real faces of `celebamask19`."""
    table = segmentation_map(FACEKIT_27, CELEBAMASK_19)
    pictures, masks = [], []
    for batch in generated_faces(generated, seed + 13, ("image", "mask")):
        pictures += list(batch["image"].permute(0, 2, 3, 1).numpy())
        masks += list(table[batch["mask"].numpy()])
    for source in (_rendered_by_microsoft, _hair, _outlined):
        for picture, mask in source():
            pictures.append(picture)
            masks.append(mask)
    model = adapt(
        pictures, masks, "segmentation", names=CELEBAMASK_19, seed=seed, steps=steps, batch_size=16, **LONG
    )
    model.align = "landmarks"
    folder = data_folder("celebamask19")
    truth = [str(folder / f"{i}.png") for i in range(4)]
    photos = [cv2.resize(load_image(folder / f"{i}.jpg"), (512, 512), interpolation=cv2.INTER_AREA) for i in range(4)]
    model.about["celebamask19"] = evaluate(model, photos, truth)
    return model


def _rendered_by_microsoft() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """FaceSynthetics, cropped by its points; every face ten times, for there are 60."""
    folder = data_folder("facesynthetics")
    table = segmentation_map(FACESYNTHETICS_19, CELEBAMASK_19)
    with (folder / "landmarks70.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    for row in rows * 10:
        points = np.array(row[1:], np.float32).reshape(-1, 2)[:68]
        matrix = crop_matrix(box_of_points(points), SIDE)
        mask = cv2.imread(str(folder / "masks" / row[0].replace(".jpg", ".png")), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        yield warp_image(load_image(folder / "images" / row[0]), matrix, SIDE), table[warp_mask(mask, matrix, SIDE)]


def _hair() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Real faces whose hair is labelled. What is not hair is background beside and above the head, where nothing else
    can be; elsewhere it stays unlabelled."""
    folder = data_folder("hair")
    hair = CELEBAMASK_19.classes.index("hair")
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    beside = (((x - 0.5) / 0.42) ** 2 + ((y - 0.55) / 0.6) ** 2 > 1) & (y < 0.5)
    with (folder / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    for row in rows * 2:
        picture = load_image(folder / "images" / row["image"])
        mask = cv2.imread(str(folder / "masks" / row["mask"]), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        side = picture.shape[0]
        x0, y0, x1, y1 = (v * side - 0.5 for v in CELEBAHQ_BOX)
        matrix = crop_matrix((x0, y0, x1, y1), SIDE)
        # 255 also where the crop reaches beyond the picture.
        found = warp_mask((mask > 0).astype(np.uint8), matrix, SIDE)
        labelled = np.where(found == 1, hair, np.where((found == 0) & beside, 0, 255)).astype(np.uint8)
        yield warp_image(picture, matrix, SIDE), labelled


# Closed outlines of 300-W's points. Lips: their outer and inner lines; brows have only an upper line there.
_OUTLINES: dict[str, list[int]] = {
    "left_eye": [*range(36, 42)],
    "right_eye": [*range(42, 48)],
    "upper_lip": [*range(48, 55), 64, 63, 62, 61, 60],
    "lower_lip": [48, *range(59, 53, -1), 64, 65, 66, 67, 60],
    "inner_mouth": [*range(60, 68)],
}


def _outlined() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """300-W's training faces: eyes, lips and inner mouth as their points outline them, a ring of skin around eyes and
    lips. Everything else stays unlabelled, and so does a band along the outlines that no annotator would be sure of."""
    paths, subsets, points = landmarks_300w()
    skin, *inside = (CELEBAMASK_19.classes.index(name) for name in ("skin", *_OUTLINES))
    narrow, wide = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in (5, 15))
    for path, subset, face in zip(paths, subsets, points, strict=True):
        if subset == "lfpw_test":
            continue
        picture = load_image(path)
        parts = np.zeros(picture.shape[:2], np.uint8)
        for part, order in zip(inside, _OUTLINES.values(), strict=True):
            cv2.fillPoly(parts, [np.round(face[order]).astype(np.int32)], part)
        there = (parts > 0).astype(np.uint8)
        mask = np.where(cv2.dilate(there, wide) > 0, skin, 255)
        mask[cv2.dilate(there, narrow) > 0] = 255
        yield picture, np.where(parts > 0, parts, mask).astype(np.uint8)


def attributes(seed: int = 0, steps: int = 1500) -> Model:
    """CelebA's 40: the first 8,000 CelebA-HQ pictures, which lie as on FaRL's mean face. Scored on the last 800."""
    names, table = celebahq_attributes()
    faces = [(name.removesuffix(".jpg"), picture) for name, picture, _ in celebahq128()]
    pictures, labels = [p for _, p in faces], np.stack([table[name] for name, _ in faces])
    assert names == CELEBA_40.names
    model = adapt(
        pictures[:SEEN], labels[:SEEN], "attributes", "farl", names=CELEBA_40, seed=seed, steps=steps, views=2,
        weight_decay=0.01,
    )  # fmt: skip
    model.align = "mean"
    scores = evaluate(model, pictures[-SCORED:], labels[-SCORED:], align="none")
    model.about["celebahq_last_800"] = {k: v for k, v in scores.items() if not k.startswith("accuracy_")}
    return model


MODELS: dict[str, Callable[..., Model]] = {
    "start-landmarks": start_landmarks,
    "start-segmentation": start_segmentation,
    "landmarks": landmarks,
    "segmentation": segmentation,
    "attributes": attributes,
}


def main() -> None:
    parser = argparse.ArgumentParser("facekit.weights.retrain", description=__doc__)
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument(
        "--out", required=True, help="the .facekit file to write; the embedded backbone is left out of it"
    )
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    overrides = {} if a.steps is None else {"steps": a.steps}
    model = MODELS[a.model](seed=a.seed, **overrides)
    # Half precision, as the file will hold it: what is scored by others is what is stored.
    model.network.half().float()
    model.save(a.out, whole=False)
    print(model.about)


if __name__ == "__main__":
    main()
