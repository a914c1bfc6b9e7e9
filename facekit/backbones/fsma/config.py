"""Settings of FSMA: the unsupervised stage, the quick recipes, and every row of Table 7."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from typing_extensions import override

from ...training.config import Adaptation, check_recipe
from ...training.config_fields import Checked, check_range, one_of


@dataclass(frozen=True)
class FSMAPretraining(Checked):
    """Unsupervised stage (section 3.1, supplement section 3).

    Attributes:
        batch_size: Images per step of all processes together.
        lr: Learning rate.
        betas: Adam's decay rates.
        rec: Weight of L_rec in grey levels (0 to 255), as in the public code of 3FabRec.
        adv: Weight of L_adv.
        enc: Weight of L_enc.
        ssim: Weight of L_ssim.
        rotate: Largest rotation in degrees. The paper names "random mirror, translation, rescaling and rotation"
            without ranges; the ranges are ours.
        scale: Smallest and largest zoom.
        shift: Largest shift as a part of the side.
        jitter: Largest change of exposure, contrast and colours, of input and target alike. Ours: on few faces, the
            network overfits without it.
        erase: Largest side of a grey rectangle in the input, as a part of the side. The target is the whole image.
            Ours, for the same reason.
        decay: Part of the run over which the learning rate falls to a tenth.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.
        steps: Number of steps. The default is 50 epochs of 2.1 million images.
    """

    batch_size: int = 100
    lr: float = 2e-5
    betas: tuple[float, float] = (0.0, 0.999)
    rec: float = 1.0
    adv: float = 1.0
    enc: float = 1.0
    ssim: float = 60.0
    rotate: float = 30.0
    scale: tuple[float, float] = (0.85, 1.15)
    shift: float = 0.06
    jitter: float = 0.0
    erase: float = 0.0
    decay: float = 0.0
    bfloat16: bool = False
    steps: int = 1_050_000


PRETRAIN_128 = FSMAPretraining()
PRETRAIN_256 = FSMAPretraining(batch_size=50, steps=2_100_000)
# Ours: hours on two cores. The paper's schedule takes weeks on GPUs.
PRETRAIN_MINI = FSMAPretraining(batch_size=32, lr=1e-3, betas=(0.9, 0.999), decay=0.4, bfloat16=True, steps=8_000)


@dataclass(frozen=True)
class FSMAAdaptation(Adaptation):
    """Supervised stage (section 3.2, supplement section 4).

    Attributes:
        instance_norm: Whether skip layers use instance instead of batch normalisation.
        skip: One digit, 0 or 1, per skip layer, coarsest first. None is all of them.
        baseline: "unet" trains the same network from random weights, with nothing frozen (Table 5).
        adv: Weight of L_adv beside L_rec in grey levels, for image-to-image tasks.
    """

    instance_norm: bool = False
    skip: str | None = None
    baseline: str | None = None
    adv: float = 1.0

    WARM_STARTS: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("baseline", self.baseline, one_of(None, "unet"))
        if self.skip is not None and (len(self.skip) not in (4, 5) or set(self.skip) - {"0", "1"}):
            raise ValueError(
                f"skip={self.skip!r}: expected 4 digits of 0 and 1 for landmarks, 5 for other tasks; e.g. '1111'"
            )

    @property
    @override
    def adversarial_weight(self) -> float:
        return self.adv


# "The number of synthesized training data is 5,000 despite the exact amount of clean images" (supplement section 2.2).
SHADOW_PAIRS = 5000


def quick_landmarks(faces: int) -> FSMAAdaptation:
    """Return our settings for landmarks: under a minute on two cores, from layers trained on generated faces.

    Few faces overfit soon: on the training part of 300-W, 10 faces were best after 60 to 100 steps, 157 after 300.

    Args:
        faces: Number of labelled faces.
    """
    return FSMAAdaptation(
        steps=min(400, 60 + 2 * faces), lr=1.5e-3, warmup=10, cosine=True, start="embedded", bfloat16=True
    )


# Of our settings for maps and for images.
_QUICK_MAPS: dict[str, Any] = {"lr": 2e-3, "warmup": 10, "cosine": True, "bfloat16": True}
_QUICK_IMAGES: dict[str, Any] = {"batch_size": 8, "betas": (0.5, 0.999), **_QUICK_MAPS}


def quick_segmentation(faces: int) -> FSMAAdaptation:
    """Return our settings for segmentation. The number of faces has no effect, as parts overfit later than points."""
    return FSMAAdaptation(
        steps=400, batch_size=12, least_views=300, rotate=15.0, jitter=0.35, start="embedded", **_QUICK_MAPS
    )


def quick_stylization(faces: int) -> FSMAAdaptation:
    """Return our settings for stylization. The number of pairs has no effect, as every pair shows the style."""
    return FSMAAdaptation(steps=400, least_views=300, rotate=10.0, adv=3.0, **_QUICK_IMAGES)


def quick_shadow_removal(faces: int) -> FSMAAdaptation:
    """Return our settings for shadow removal. The number of images has no effect, as every view has its own shadow."""
    return FSMAAdaptation(steps=600, views=1, least_views=SHADOW_PAIRS, rotate=15.0, cache=False, **_QUICK_IMAGES)


@dataclass(frozen=True)
class PaperRow:
    """One row of Table 7 (supplement section 4).

    Attributes:
        task: Name of the task.
        customised: Whether labels follow the user's own format instead of a published one.
        faces: Number of labelled images in the paper.
        epochs: Number of epochs.
        settings: Settings for ``faces`` images.
    """

    task: str
    customised: bool
    faces: int
    epochs: int
    settings: FSMAAdaptation

    def __call__(self, faces: int) -> FSMAAdaptation:
        """Return the row's settings for another number of labelled images, with as many epochs."""
        images = SHADOW_PAIRS if self.task == "shadow_removal" else faces
        steps = self.epochs * -(-images // self.settings.batch_size)
        # The paper augments anew at every step, so frozen features cannot be reused. Shadows are cast once: each
        # view is one pair, and every epoch has the same pairs.
        rounds = 1 if self.task == "shadow_removal" else self.epochs
        fresh: dict[str, Any] = {"views": rounds, "least_views": images, "cache": False}
        return replace(self.settings, steps=steps, **(fresh if self.settings.mirror else {}))


# The paper gives no ranges for its "random affine", these are ours. It names no change of colours.
_AUGMENTED: dict[str, Any] = {"rotate": 30.0, "jitter": 0.0}
_PLAIN: dict[str, Any] = {
    "rotate": 0.0,
    "scale": (1.0, 1.0),
    "shift": 0.0,
    "jitter": 0.0,
    "mirror": False,
    "views": 1,
    "least_views": 1,
}
# Ours: Table 7 has no warm-up. Adam's first step moves every weight by the learning rate, 0.01. A transfer layer is an
# identity with 9 C weights per channel (C channels), so the maps behind three of them grow twenty-fold. The squared
# error, which has weight 300, jumps from 4 to about 1,000 and pushes the decoder's last maps below 0, where its ReLUs
# have no gradient: 95 % of the units are 0 instead of 67 %, and the heatmaps stay 0 (test_paper_recipes.py, with the
# embedded weights). With cross-entropy the training recovers from this jump.
_WARMUP = 60
_GAN: dict[str, Any] = {"lr": 1e-4, "betas": (0.5, 0.999)}


def _row(task: str, customised: bool, faces: int, epochs: int, batch_size: int, **settings: Any) -> PaperRow:
    """Return a row whose steps are those of its epochs."""
    row = PaperRow(task, customised, faces, epochs, FSMAAdaptation(steps=1, batch_size=batch_size, **settings))
    return replace(row, settings=row(faces))


# The training part of 300-W has 3,148 images, that of Helen 2,000. The output size of 128 is half the input's.
TABLE_7: dict[str, PaperRow] = {
    **{
        f"300w-{name}%": _row("landmarks", False, faces, epochs, 20, heatmaps="l2", warmup=_WARMUP, **_AUGMENTED)
        for name, faces, epochs in (("100", 3148, 100), ("20", 630, 500), ("10", 315, 900), ("5", 157, 900))
    },
    **{
        f"customised-landmarks-{faces}": _row(
            "landmarks",
            True,
            faces,
            1000,
            faces,
            heatmaps="l2",
            warmup=_WARMUP,
            amsgrad=True,
            instance_norm=True,
            **_PLAIN,
        )
        for faces in (20, 10, 5, 1)
    },
    **{
        f"helen-{name}%": _row("segmentation", False, faces, epochs, batch, **_AUGMENTED)
        for name, faces, epochs, batch in (
            ("100", 2000, 100, 50),
            ("25", 500, 500, 50),
            ("2.5", 50, 2000, 50),
            ("0.5", 10, 5000, 10),
        )
    },
    **{
        f"customised-segmentation-{faces}": _row("segmentation", True, faces, epochs, 5, **_AUGMENTED)
        for faces, epochs in ((100, 500), (50, 1000), (25, 1600), (10, 2000))
    },
    **{
        f"stylization-{faces}": _row("stylization", True, faces, epochs, 5, **_GAN, **_AUGMENTED)
        for faces, epochs in ((50, 400), (25, 400), (15, 500), (10, 600))
    },
    **{
        f"shadow-removal-{faces}": _row("shadow_removal", True, faces, 300, 25, **_GAN, **_AUGMENTED)
        for faces in (2500, 500, 100, 50)
    },
}
"""Rows of Table 7 by the name of their recipe (supplement section 4)."""


def paper_row(task: str, customised: bool, faces: int) -> PaperRow:
    """Return the row of Table 7 with the closest number of images (as a factor).

    Args:
        task: Name of the task.
        customised: Whether the labels follow the user's own format. It has no effect if the task has no such row.
        faces: Number of labelled images.
    """
    rows = [r for r in TABLE_7.values() if r.task == task]
    rows = [r for r in rows if r.customised == customised] or rows
    return min(rows, key=lambda r: abs(math.log(r.faces / faces)))


QUICK: dict[str, Callable[[int], FSMAAdaptation]] = {
    "landmarks": quick_landmarks,
    "segmentation": quick_segmentation,
    "stylization": quick_stylization,
    "shadow_removal": quick_shadow_removal,
}


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> FSMAAdaptation:
    """Return the settings of a recipe.

    Args:
        recipe: "quick", "paper" (the closest row of Table 7), or the name of a row of Table 7.
        task: Name of the task.
        customised: Whether labels follow the user's own format.
        faces: Number of labelled faces.

    Raises:
        ValueError: If there is no such recipe. The message lists them.
    """
    check_recipe(recipe, ["quick", "paper", *(name for name, row in TABLE_7.items() if row.task == task)], task, QUICK)
    if recipe == "quick":
        return QUICK[task](faces)
    row = paper_row(task, customised, faces) if recipe == "paper" else TABLE_7[recipe]
    return row(faces)
