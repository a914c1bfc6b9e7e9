"""PFTGAN beside what users would take instead, on four data sets, with the same classifiers; not a table of the paper.

The paper trains the classifiers of all methods alike, with DatasetGAN's settings but SGD of learning rate 0.5 (section
4.1). Here all rows on frozen or tuned features have the same ten classifiers with Adam.
"""

from __future__ import annotations

import dataclasses
import random
import tempfile
from pathlib import Path

import numpy as np

from .experiment import Cell, Experiment, Scale, Scores, Settings
from .needs import CELEBAMASK_CROPS, FASSEG, Need
from .pftgan import columns_of
from .pftgan import measure as measure_adaptation
from .pftgan_data import OWN_LABELLED, own_samples

_SAME: Settings = {"classifier_optimiser": "adam", "classifier_lr": 1e-3}
DINOV2 = Need(
    "weights/vit_small_patch14_dinov2.safetensors",
    "timm's vit_small_patch14_dinov2.lvd142m as .safetensors",
)
ROWS: dict[str, Settings] = {
    "PFTGAN": {"recipe": "quick", **_SAME},
    "DatasetGAN": {"recipe": "datasetgan", **_SAME},
    "FaRL-mini": {"recipe": "farl", **_SAME},
    "DINOv2, ViT-S/14": {
        "recipe": "mae",
        "tower": "vit_small_patch14_dinov2.lvd142m",
        "input_size": 224,
        "weights": DINOV2.name,
        **_SAME,
    },
    "UNet": {"backbone": "synthparse", "weights": "none", "start": "none"},
}


def measure(cell: Cell) -> Scores:
    """Adapt one model and score it, see `pftgan.measure`. Images of the generator come with their codes.

    Args:
        cell: The cell.
    """
    tuned = cell.settings.get("recipe") in ("quick", "datasetgan")
    if cell.settings["set"] != "own" or not tuned:
        return measure_adaptation(cell)
    few = random.Random(cell.draw).sample(range(OWN_LABELLED), cell.settings["faces"])
    with tempfile.TemporaryDirectory() as folder:
        np.save(file := Path(folder, "codes.npy"), own_samples()[2][few])
        return measure_adaptation(dataclasses.replace(cell, settings={**cell.settings, "latent_codes": str(file)}))


_COLUMNS = {
    "CelebAMask-HQ, ": "celebamask-unseen",
    "FASSEG, ": "fasseg",
    "rendered, ": "generated",
    "own samples, ": "own",
}
FAIR = Experiment(
    "pftgan/fair",
    "The same classifiers on all features: mIoU, %",
    ROWS,
    "PFTGAN",
    {
        "mini": Scale(
            {
                name: settings
                for prefix, data in _COLUMNS.items()
                for name, settings in columns_of(data, 1, 5, prefix=prefix).items()
            },
            10,
            (CELEBAMASK_CROPS, FASSEG),
            "CelebAMask-HQ: 19 classes, the 70 validation faces that no pre-training saw; FASSEG: six classes, frontal "
            "faces; rendered faces: 27 parts, 64 others; the generator's own samples: 19 classes by the ready parser, "
            "60 others",
            {},
            400,
            optional={"DINOv2, ViT-S/14": DINOV2},
        )
    },
    measure,
    {"mIoU": 1, "mIoU, all classes": 1},
    missing="the paper has no such table",
    notes=(
        "Labelled samples of the generator come with their latent codes; codes of scored images are the encoder's.",
        "PFTGAN also sees the scored images as unlabelled support images, as in the paper; no other row does.",
        "PFTGAN's recipe was chosen on other faces of CelebAMask-HQ and other rendered ones; nothing was chosen for "
        "other rows. FaRL-mini was pre-trained on closer crops than these.",
        "Generator and tower were pre-trained on unlabelled CelebA-HQ photos and rendered faces. UNet: MobileNetV2 "
        "from random weights, trained on the labelled faces only, with learning rates made for trained encoders.",
    ),
)

EXPERIMENTS = (FAIR,)
