"""Train the embedded ready models again: `python -m facekit.weights.retrain landmarks|segmentation --out FILE`.

Needs FACEKIT_DATA. The auto-encoder below them is trained by `facekit pretrain fsma` (its card names the command).
"""

from __future__ import annotations

import argparse
import csv
from typing import Any

import cv2
import numpy as np

from ..api import adapt, evaluate
from ..data.generated import GeneratedFaces
from ..data.readers import celebahq128, data_folder, landmarks_300w
from ..geometry import box_of_points, crop_matrix, transform_points, warp_image
from ..images import load_image
from ..labels import CELEBAMASK_19, FACEKIT_27, segmentation_map
from ..model import Model

SIDE = 256


def landmarks(celeba: int = 2000, steps: int = 1000, seed: int = 0) -> Model:
    """68 points: 300-W without `lfpw_test`, and CelebA-HQ faces with pseudo-landmarks. Scored on `lfpw_test`."""
    paths, subsets, points = landmarks_300w()
    train = [i for i, s in enumerate(subsets) if s != "lfpw_test"]
    test = [i for i, s in enumerate(subsets) if s == "lfpw_test"]
    pictures = [load_image(paths[i]) for i in train]
    labels = [points[i] for i in train]
    pseudo = _pseudo_landmarks()
    for name, picture, _ in celebahq128():
        known = pseudo.get(name.removesuffix(".jpg"))
        if known is None:
            continue
        matrix = crop_matrix(box_of_points(known), SIDE)
        pictures.append(warp_image(picture, matrix, SIDE))
        labels.append(transform_points(known, matrix).astype(np.float32))
        if len(labels) == len(train) + celeba:
            break
    settings: dict[str, Any] = {"steps": steps, "views": 2, "rotate": 30.0, "scale": (0.8, 1.2), "shift": 0.08}
    model = adapt(pictures, np.stack(labels), "landmarks", names="68", seed=seed, **settings)
    model.align = "landmarks"
    model.about["lfpw_test"] = evaluate(model, [load_image(paths[i]) for i in test], points[test])
    return model


def segmentation(generated: int = 400, steps: int = 300, seed: int = 0) -> Model:
    """CelebAMask-HQ's 19 classes, from generated faces of both domains. Scored on the 4 real ones of `celebamask19`."""
    table = segmentation_map(FACEKIT_27, CELEBAMASK_19)
    pictures, masks = [], []
    for domain in ("studio", "wild"):
        faces = GeneratedFaces(seed=seed + 7, size=SIDE, domain=domain, yaw=(-50, 50))
        for start in range(0, generated // 2, 50):
            batch = faces.batch(range(start, start + 50), want=("image", "mask"))
            pictures += list(batch["image"].permute(0, 2, 3, 1).cpu().numpy())
            masks += list(table[batch["mask"].cpu().numpy()])
    pictures, masks = _add_hair(pictures, masks)
    model = adapt(pictures, masks, "segmentation", names=CELEBAMASK_19, seed=seed, steps=steps, views=1)
    model.align = "landmarks"
    folder = data_folder("celebamask19")
    model.about["celebamask19"] = evaluate(model, folder_pictures(folder), folder_masks(folder), align="none")
    return model


def folder_pictures(folder: Any) -> list[np.ndarray]:
    """The 4 CelebAMask-HQ pictures, brought to their masks' 512 px."""
    return [cv2.resize(load_image(folder / f"{i}.jpg"), (512, 512), interpolation=cv2.INTER_AREA) for i in range(4)]


def folder_masks(folder: Any) -> list[str]:
    """Their masks."""
    return [str(folder / f"{i}.png") for i in range(4)]


def _add_hair(pictures: list[np.ndarray], masks: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Real faces with hair masks: everything that is not hair is left unlabelled."""
    folder = data_folder("hair")
    hair = CELEBAMASK_19.classes.index("hair")
    with (folder / "index.csv").open() as f:
        rows = list(csv.DictReader(f))
    for row in rows[:150]:
        mask = cv2.imread(str(folder / "masks" / row["mask"]), cv2.IMREAD_GRAYSCALE)
        assert mask is not None
        pictures.append(cv2.resize(load_image(folder / "images" / row["image"]), (SIDE, SIDE)))
        labelled = np.where(mask > 0, hair, 255).astype(np.uint8)
        masks.append(cv2.resize(labelled, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST))
    return pictures, masks


def _pseudo_landmarks() -> dict[str, np.ndarray]:
    with (data_folder("celebahq128") / "landmarks68_pseudo.csv").open() as f:
        rows = list(csv.reader(f))[1:]
    # The detector's score says how sure it was of a face; its lowest tenth holds the wrong points.
    least = np.quantile([float(row[1]) for row in rows], 0.1)
    return {row[0]: np.array(row[2:], np.float32).reshape(68, 2) for row in rows if float(row[1]) > least}


def main() -> None:
    parser = argparse.ArgumentParser("facekit.weights.retrain", description=__doc__)
    parser.add_argument("model", choices=["landmarks", "segmentation"])
    parser.add_argument(
        "--out", required=True, help="the .facekit file to write; the embedded backbone is left out of it"
    )
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    overrides = {} if a.steps is None else {"steps": a.steps}
    model = (landmarks if a.model == "landmarks" else segmentation)(seed=a.seed, **overrides)
    # Half precision, as the file will hold it: what is scored by others is what is stored.
    model.network.half().float()
    model.save(a.out, whole=False)
    print(model.about)


if __name__ == "__main__":
    main()
