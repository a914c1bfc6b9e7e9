"""FSMA's hyper-parameters: the unsupervised stage, our quick recipes, every row of Table 7."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from typing_extensions import override

from ...training.config import Adaptation
from ...training.config_fields import Checked, check_range, one_of


@dataclass(frozen=True)
class FSMAPretraining(Checked):
    """Unsupervised stage, FSMA section 3.1 and supplement section 3."""

    batch_size: int = 100  # of all processes together: two take 50 each
    lr: float = 2e-5
    betas: tuple[float, float] = (0.0, 0.999)
    # Weights of the four losses (lambda 1 to 4); rec counts in grey levels (0..255), as the public 3FabRec code.
    rec: float = 1.0
    adv: float = 1.0
    enc: float = 1.0
    ssim: float = 60.0
    # Augmentation: "random mirror, translation, rescaling and rotation"; the ranges are ours, the paper gives none.
    rotate: float = 30.0
    scale: tuple[float, float] = (0.85, 1.15)
    shift: float = 0.06
    decay: float = 0.0  # part of the run over which the learning rate falls to a tenth
    bfloat16: bool = False  # where the machine computes in it
    steps: int = 1_050_000  # 50 epochs of 2.1 million images in batches of 100


PRETRAIN_128 = FSMAPretraining()
PRETRAIN_256 = FSMAPretraining(batch_size=50, steps=2_100_000)
# Ours: a schedule for hours on two cores, where the paper's takes weeks on GPUs.
PRETRAIN_MINI = FSMAPretraining(batch_size=32, lr=1e-3, betas=(0.9, 0.999), decay=0.4, bfloat16=True, steps=8_000)


@dataclass(frozen=True)
class FSMAAdaptation(Adaptation):
    """Supervised stage, FSMA section 3.2 and supplement section 4."""

    instance_norm: bool = False  # in the skip layers, instead of batch norm
    skip: str | None = None  # a digit of 0 or 1 for each skip layer, coarsest first; None: all of them
    # "unet": the same network, but nothing is frozen and all of it starts from random weights (Table 5).
    baseline: str | None = None
    adv: float = 1.0  # weight of L_adv beside L_rec in grey levels, for tasks whose answer is an image

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

    @override
    def unread(self, task: str) -> dict[str, str]:
        adv = {} if task in ("stylization", "shadow_removal") else {"adv": "for stylization and shadow_removal"}
        return super().unread(task) | adv


# "The number of synthesized training data is 5,000 despite the exact amount of clean images" (supplement section 2.2).
SHADOW_PAIRS = 5000


# Ours: under a minute on two cores, from layers that know generated faces already. Few faces are soon learned by heart:
# on 300-W's training part, 10 faces were best after 60 to 100 steps, 157 after 300.
def quick_landmarks(faces: int) -> FSMAAdaptation:
    """faces: how many are labelled."""
    return FSMAAdaptation(
        steps=min(400, 60 + 2 * faces), lr=1.5e-3, warmup=10, cosine=True, start="embedded", bfloat16=True
    )


def quick_segmentation(faces: int) -> FSMAAdaptation:
    """faces: how many are labelled; it makes no difference, for parts are learned by heart later than points."""
    return FSMAAdaptation(
        steps=400, batch_size=12, lr=2e-3, warmup=10, cosine=True, least_views=300, rotate=15.0, jitter=0.35,
        start="embedded", bfloat16=True,
    )  # fmt: skip


def quick_stylization(faces: int) -> FSMAAdaptation:
    """faces: how many pairs; it makes no difference, for every pair shows the style."""
    return FSMAAdaptation(
        steps=400, batch_size=8, lr=2e-3, betas=(0.5, 0.999), warmup=10, cosine=True, least_views=300, rotate=10.0,
        adv=3.0, bfloat16=True,
    )  # fmt: skip


def quick_shadow_removal(faces: int) -> FSMAAdaptation:
    """faces: how many clean images; it makes no difference, for every view gets a shadow of its own."""
    return FSMAAdaptation(
        steps=600, batch_size=8, lr=2e-3, betas=(0.5, 0.999), warmup=10, cosine=True, least_views=SHADOW_PAIRS,
        rotate=15.0, bfloat16=True, cache=False,
    )  # fmt: skip


@dataclass(frozen=True)
class PaperRow:
    """One row of FSMA's Table 7 (supplement section 4)."""

    task: str
    customised: bool  # the user's own label format, not the field's
    faces: int  # labelled images the authors had
    epochs: int
    settings: FSMAAdaptation  # its steps are those of `faces` images

    def __call__(self, faces: int) -> FSMAAdaptation:
        """The row's settings for another number of labelled images: as many epochs."""
        images = SHADOW_PAIRS if self.task == "shadow_removal" else faces
        steps = self.epochs * -(-images // self.settings.batch_size)
        # The paper augments anew at every step, and frozen features are then of no more use.
        fresh: dict[str, Any] = {"views": self.epochs, "least_views": images, "cache": False}
        return replace(self.settings, steps=steps, **(fresh if self.settings.mirror else {}))


# Ranges of the "random affine" are ours, the paper gives none; it names no change of colours.
_AUGMENTED: dict[str, Any] = {"rotate": 30.0, "jitter": 0.0}
_PLAIN: dict[str, Any] = {
    "rotate": 0.0, "scale": (1.0, 1.0), "shift": 0.0, "jitter": 0.0, "mirror": False, "views": 1, "least_views": 1,
}  # fmt: skip
# Ours; Table 7 names no warm-up. Adam's first step moves every weight by the learning rate, .01. A transfer layer is an
# identity with 9 C weights a channel (C is the map's width), so the maps behind three of them grow twenty-fold. The
# squared error, which counts 300 times, then jumps from 4 to about 1,000 and pushes the decoder's last maps below 0,
# where its ReLUs pass no gradient: 95 % of the units are 0, against 67 % before, and the heatmaps stay 0
# (tests/test_paper_recipes.py; measured with the embedded weights). Cross-entropy recovers from its jump by itself.
_WARMUP = 60
_GAN: dict[str, Any] = {"lr": 1e-4, "betas": (0.5, 0.999)}


def _row(task: str, customised: bool, faces: int, epochs: int, batch_size: int, **settings: Any) -> PaperRow:
    row = PaperRow(task, customised, faces, epochs, FSMAAdaptation(steps=1, batch_size=batch_size, **settings))
    return replace(row, settings=row(faces))


# FSMA Table 7. 300-W's training part has 3,148 images, Helen's 2,000; the output size of 128 is half the input's.
TABLE_7: dict[str, PaperRow] = {
    **{
        f"300w-{name}%": _row("landmarks", False, faces, epochs, 20, heatmaps="l2", warmup=_WARMUP, **_AUGMENTED)
        for name, faces, epochs in (("100", 3148, 100), ("20", 630, 500), ("10", 315, 900), ("5", 157, 900))
    },
    **{
        f"customised-landmarks-{faces}": _row(
            "landmarks", True, faces, 1000, faces, heatmaps="l2", warmup=_WARMUP, amsgrad=True, instance_norm=True,
            **_PLAIN,
        )
        for faces in (20, 10, 5, 1)
    },
    **{
        f"helen-{name}%": _row("segmentation", False, faces, epochs, batch, **_AUGMENTED)
        for name, faces, epochs, batch in (
            ("100", 2000, 100, 50), ("25", 500, 500, 50), ("2.5", 50, 2000, 50), ("0.5", 10, 5000, 10)
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
}  # fmt: skip


def paper_row(task: str, customised: bool, faces: int) -> PaperRow:
    """The row of Table 7 for this task and kind of labels whose number of images is closest, as a factor."""
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
    """The settings of a recipe by name: "quick", "paper" (the closest row of Table 7) or a row of Table 7.

    Raises ValueError that lists the names.
    """
    if recipe == "quick":
        return QUICK[task](faces)
    if recipe == "paper":
        return paper_row(task, customised, faces)(faces)
    fitting = [name for name, row in TABLE_7.items() if row.task == task]
    if recipe not in fitting:
        known = ", ".join(map(repr, ["quick", "paper", *fitting]))
        raise ValueError(f"recipe={recipe!r}: expected one of {known} for {task!r}, or an Adaptation")
    return TABLE_7[recipe](faces)
