"""Train the embedded models again.

    python -m benchmarks.ready_models.retrain MODEL --out FILE.facekit

start-landmarks, start-segmentation: the warm starts of fsma's quick recipes; generated faces only.
landmarks, segmentation: the ready landmarks and the ready parser on synthparse, from ImageNet's weights. They take
10 and 13 minutes on one H100; two CPU cores need hours.
adapted-segmentation: the same with a label adapter. It lowers the scores (see its card), so it is not embedded.
segmentation-fasseg: the ready parser with a label adapter to FASSEG's classes.
sketch, sketch-fs2k, shadow-removal: the ready models that make images, see `image_models`.
farl-landmarks, farl-segmentation, attributes: the ready models on farl. ``segmentation`` is the teacher of the second.

The face finder has a module of its own: `benchmarks.ready_models.finder_training.training`.

All but the warm starts need ``FACEKIT_DATA``. Their backbones are trained by ``facekit pretrain``; the weight cards
hold the commands.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from facekit.api.adaptation import adapt
from facekit.api.evaluation import evaluate
from facekit.api.label_adaptation import adapt_labels
from facekit.backbones.synthparse.config import READY_CHANNELS
from facekit.data.face_sources import TEST_300W, celebahq128, celebahq_attributes, landmarks_300w, pseudo_landmarks
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.geometry.affine import box_of_points, crop_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.images.reader import load_image
from facekit.labels import CELEBA_40, CELEBAMASK_19, FACEKIT_27, FASSEG_6, LANDMARKS_44, LANDMARKS_98, landmark_set
from facekit.model import Model, ready_model

from . import image_models
from .parsed_faces import (
    FASSEG_ADAPTER,
    GENERATED_SIDE,
    SIDE,
    adapter_faces,
    celebamask,
    fasseg_people,
    parser_faces,
    parsing_scores,
    shown,
    taught_faces,
)

SEEN = 8000  # CelebA-HQ images that farl's embedded tower learned from, too
SCORED = 800  # the last ones
# The two ready models on synthparse: UNet on ImageNet's MobileNetV2, all layers trained.
UNET: dict[str, Any] = {
    "backbone": "synthparse",
    "weights": "imagenet",
    "start": "none",
    "input_size": 192,
    "decoder_channels": READY_CHANNELS,
    "batch_size": 32,
    "lr": 2e-3,
    "tower_lr": 1e-3,
    "weight_decay": 1e-4,
    "cosine": True,
    "bfloat16": True,
    "cache": False,
    "scale": (0.8, 1.2),
    "jitter": 0.35,
}
PARSER: dict[str, Any] = {**UNET, "warmup": 50, "views": 20, "rotate": 25.0, "shift": 0.05}
POINTS: dict[str, Any] = {**UNET, "warmup": 100, "views": 40, "rotate": 30.0, "shift": 0.08}
# Label maps need a smaller network than images: 1 MB.
ADAPTER: dict[str, Any] = {
    "encoder": "tu-mobilenetv3_small_050",
    "decoder_channels": (48, 32, 24, 16, 16),
    "weights": "none",
}
# Shared by all on fsma: half precision, frozen features of many views, fast convergence.
LONG: dict[str, Any] = {
    "bfloat16": True,
    "cache": False,
    "views": 100,
    "rotate": 30.0,
    "scale": (0.8, 1.2),
    "shift": 0.08,
    "jitter": 0.35,
    "lr": 3e-3,
}


def generated_faces(count: int, seed: int, want: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield batches of labelled wild faces, whose people are in no other use of `GeneratedFaces` here."""
    faces = GeneratedFaces(seed=seed, size=GENERATED_SIDE, domain="wild", yaw=(-60, 60))
    for start in range(0, count, 100):
        yield faces.batch(range(start, min(start + 100, count)), want=want)


def start_landmarks(seed: int = 0, steps: int = 3000, faces: int = 4000) -> Model:
    """Train the warm start of landmarks on all 142 points of generated faces.

    The points are WFLW's 98, which contain 300-W's 68, and FSMA's 44.
    """
    names = [*LANDMARKS_98.points, *LANDMARKS_44.points]
    images, points = [], []
    for batch in generated_faces(faces, seed + 11, ("image", "landmarks98", "landmarks44")):
        images += list(batch["image"].permute(0, 2, 3, 1).numpy())
        points.append(np.concatenate([batch["landmarks98"].numpy(), batch["landmarks44"].numpy()], 1))
    return adapt(
        images,
        np.concatenate(points),
        "landmarks",
        names=landmark_set(names),
        start="none",
        seed=seed,
        steps=steps,
        **LONG,
    )


def start_segmentation(seed: int = 0, steps: int = 2000, faces: int = 4000) -> Model:
    """Train the warm start of parts on the finest label set, 27 classes."""
    images, masks = [], []
    for batch in generated_faces(faces, seed + 12, ("image", "mask")):
        images += list(batch["image"].permute(0, 2, 3, 1).numpy())
        masks += list(batch["mask"].numpy())
    return adapt(
        images, masks, "segmentation", names=FACEKIT_27, start="none", seed=seed, steps=steps, batch_size=16, **LONG
    )


def pointed_faces(celeba: int, cropped: bool) -> tuple[list[np.ndarray], np.ndarray]:
    """Return images and 68 points (N, 68, 2).

    300-W without `lfpw_test` comes twice, because manual points are more exact than detected ones.

    Args:
        celeba: Number of CelebA-HQ faces with another program's points.
        cropped: Whether these are cropped like 300-W; otherwise they are whole.
    """
    paths, subsets, points = landmarks_300w()
    train = [i for i, s in enumerate(subsets) if s != TEST_300W] * 2
    images, labels = [load_image(paths[i]) for i in train], [points[i] for i in train]
    pseudo = pseudo_landmarks()
    known = ((image, pseudo[name[:-4]]) for name, image, _ in celebahq128() if name[:-4] in pseudo)
    for image, own in itertools.islice(known, celeba):
        crop = AffineCrop(crop_matrix(box_of_points(own), SIDE), SIDE)
        images.append(crop.image(image) if cropped else image)
        labels.append(crop.points(own).astype(np.float32) if cropped else own)
    return images, np.stack(labels)


def lfpw_faces() -> tuple[list[np.ndarray], np.ndarray]:
    """Return the images of `lfpw_test` and their 68 points (224, 68, 2)."""
    paths, subsets, points = landmarks_300w()
    test = [i for i, s in enumerate(subsets) if s == TEST_300W]
    return [load_image(paths[i]) for i in test], points[test]


def scored_landmarks(model: Model) -> Model:
    """Add the scores on `lfpw_test` to a model."""
    model.about[TEST_300W] = evaluate(model, *lfpw_faces())
    return model


def landmarks(seed: int = 0, steps: int = 5000, celeba: int = 8000) -> Model:
    """Train the ready landmarks: 68 points, scored on `lfpw_test`."""
    images, points = pointed_faces(celeba, cropped=True)
    model = adapt(images, points, "landmarks", names="68", seed=seed, steps=steps, **POINTS)
    model.align = "landmarks"
    return scored_landmarks(model)


def segmentation(seed: int = 0, steps: int = 5000, generated: int = 1500) -> Model:
    """Train the ready parser: CelebAMask-HQ's 19 classes, scored on the validation part of `celebamask`."""
    images, masks = parser_faces(seed, generated)
    model = adapt(images, masks, "segmentation", names=CELEBAMASK_19, seed=seed, steps=steps, **PARSER)
    model.align = "mean"
    model.about["celebamask_validation"] = evaluate(model, *celebamask("validation"), align="none")
    return model


def adapted_segmentation(seed: int = 0, steps: int = 300, generated: int = 300) -> Model:
    """Train a label adapter for the ready parser on faces that the parser's training did not use."""
    model = ready_model("segmentation").unadapted
    model.align = "none"  # crops as they are
    adapted = adapt_labels(model, *adapter_faces(seed, generated), steps=steps, seed=seed, **ADAPTER)
    adapted.align = "mean"
    adapted.about["celebamask19"] = parsing_scores(adapted)
    adapted.about["celebamask19_unadapted"] = parsing_scores(adapted.unadapted)
    return adapted


def segmentation_fasseg(seed: int = 0, steps: int = 300) -> Model:
    """Train a label adapter from the ready parser to FASSEG's six classes.

    It learns from four of FASSEG's people; the parser's training used none of them. `benchmarks.ready_models.parsing`
    scores it on the others.
    """
    model = ready_model("segmentation").unadapted
    images, masks = shown(fasseg_people(FASSEG_ADAPTER), model)
    model.align = "none"  # crops as they are
    adapted = adapt_labels(
        model, images, masks, names=FASSEG_6, steps=steps, batch_size=8, lr=1e-3, seed=seed, **ADAPTER
    )
    adapted.align = "mean"
    return adapted


# FaRL's heads use the tower's crops, on the mean face, so that the tower runs once for all three. Faces on the mean
# face need no large moves in augmentation.
FARL: dict[str, Any] = {
    **LONG,
    "backbone": "farl",
    "weights": "embedded",
    "batch_size": 16,
    "weight_decay": 1e-4,
    "warmup": 20,
    "cosine": True,
    "rotate": 12.0,
    "scale": (0.9, 1.1),
    "shift": 0.03,
    "jitter": 0.2,
}


def farl_landmarks(seed: int = 0, steps: int = 3000, celeba: int = 6000) -> Model:
    """Train landmarks on FaRL's tower, on the sources of `landmarks`, with 6,000 instead of 8,000 CelebA-HQ faces."""
    images, points = pointed_faces(celeba, cropped=False)
    return scored_landmarks(
        adapt(images, points, "landmarks", names="68", align="mean", seed=seed, steps=steps, **FARL)
    )


def farl_segmentation(seed: int = 0, steps: int = 2000, generated: int = 1500, taught: int = 3000) -> Model:
    """Train parts on FaRL's tower, on the sources of `segmentation`, which is the teacher on other real faces.

    The tower's frozen features separate generated from real faces. Without the teacher, brows are found in generated
    faces only.
    """
    images, masks = parser_faces(seed, generated)
    real, drawn = taught_faces(ready_model("segmentation"), taught)
    model = adapt(images + real, masks + drawn, "segmentation", names=CELEBAMASK_19, seed=seed, steps=steps, **FARL)
    model.align = "mean"
    model.about["celebamask19"] = parsing_scores(model)
    return model


def attribute_faces() -> tuple[list[np.ndarray], np.ndarray]:
    """Return all CelebA-HQ images at hand, which lie as on FaRL's mean face, and their 40 attributes (N, 40)."""
    names, table = celebahq_attributes()
    assert names == CELEBA_40.names
    faces = [(name.removesuffix(".jpg"), image) for name, image, _ in celebahq128()]
    return [image for _, image in faces], np.stack([table[name] for name, _ in faces])


def attributes(seed: int = 0, steps: int = 1000) -> Model:
    """Train CelebA's 40 attributes on the first 8,000 CelebA-HQ images; score them on the last 800."""
    images, labels = attribute_faces()
    model = adapt(
        images[:SEEN],
        labels[:SEEN],
        "attributes",
        "farl",
        names=CELEBA_40,
        seed=seed,
        steps=steps,
        batch_size=128,
        lr=2e-3,
        views=2,
        warmup=50,
        weight_decay=0.5,
        regions=3,
        weights="embedded",
    )
    model.align = "mean"
    scores = evaluate(model, images[-SCORED:], labels[-SCORED:], align="none")
    model.about["celebahq_last_800"] = {k: v for k, v in scores.items() if not k.startswith("accuracy_")}
    return model


MODELS: dict[str, Callable[..., Model]] = {
    "start-landmarks": start_landmarks,
    "start-segmentation": start_segmentation,
    "landmarks": landmarks,
    "segmentation": segmentation,
    "adapted-segmentation": adapted_segmentation,
    "segmentation-fasseg": segmentation_fasseg,
    "farl-landmarks": farl_landmarks,
    "farl-segmentation": farl_segmentation,
    "attributes": attributes,
    "sketch": lambda seed=0, steps=1200: image_models.sketch("sketches", seed, steps),
    "sketch-fs2k": lambda seed=0, steps=1300: image_models.sketch("fs2k", seed, steps),
    "shadow-removal": image_models.shadow_removal,
}


# The files that hold all weights: other files refer to the first, and no embedded weights are in the others.
WHOLE = ("segmentation", "landmarks", "sketch", "sketch-fs2k", "shadow-removal")


def main() -> None:
    """Train one model and write it."""
    parser = argparse.ArgumentParser(
        "retrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", choices=list(MODELS))
    parser.add_argument(
        "--out",
        required=True,
        help=f"the .facekit file to write; the embedded backbone is left out of it, except for {', '.join(WHOLE)}",
    )
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    overrides = {} if a.steps is None else {"steps": a.steps}
    model = MODELS[a.model](seed=a.seed, **overrides)
    # Half precision, as in the file, so that the stored weights are the ones that are scored.
    for network in (model.network, model.adapter):
        if network is not None:
            network.half().float()
    model.save(a.out, whole=a.model in WHOLE)
    print(model.about)


if __name__ == "__main__":
    main()
