"""Every hyper-parameter of every paper table, and of our own presets, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class FSMAPretraining:
    """Unsupervised stage, FSMA section 3.1 and supplement section 3."""

    batch_size: int = 100
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
    steps: int = 1_050_000  # 50 epochs of 2.1 million pictures in batches of 100


PRETRAIN_128 = FSMAPretraining()
PRETRAIN_256 = FSMAPretraining(batch_size=50, steps=2_100_000)
# Ours: a schedule for hours on two cores, where the paper's takes weeks on GPUs.
PRETRAIN_MINI = FSMAPretraining(batch_size=32, lr=1e-3, betas=(0.9, 0.999), decay=0.4, bfloat16=True, steps=8_000)


@dataclass(frozen=True)
class Adaptation:
    """Supervised few-shot adaptation (FSMA section 3.2, supplement Table 7)."""

    steps: int
    batch_size: int = 20
    lr: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 0  # steps of linear warm-up
    cosine: bool = False  # the learning rate falls to 0 along a half cosine
    # Augmented views a face: their frozen features are computed once. Short sets get more, so that all have
    # `least_views`.
    views: int = 10
    least_views: int = 500
    rotate: float = 20.0
    scale: tuple[float, float] = (0.85, 1.15)
    shift: float = 0.06
    jitter: float = 0.2
    instance_norm: bool = False
    skip: str | None = None  # None: all skip layers
    cache: bool = True  # False: compute the frozen features anew at every step (the same numbers, slower)
    cache_bytes: int = 1_000_000_000  # above this the features go to a file on disk
    # Where the trained layers start. "none": transfer layers as identities, the rest random. "embedded": layers that
    # were fitted on labelled generated faces (no real label), if they fit the weights and skip code. Or a .facekit
    # file of the user's.
    start: str = "none"
    bfloat16: bool = False  # where the machine computes in it


# Ours: under a minute on two cores, from layers that know generated faces already. Few faces are soon learned by heart:
# on 300-W's training part, 10 faces were best after 60 to 100 steps, 157 after 300.
def quick_landmarks(faces: int) -> Adaptation:
    """faces: how many are labelled."""
    return Adaptation(
        steps=min(400, 60 + 2 * faces), lr=1.5e-3, warmup=10, cosine=True, start="embedded", bfloat16=True
    )


def quick_segmentation(faces: int) -> Adaptation:
    """faces: how many are labelled; it makes no difference, for parts are learned by heart later than points."""
    return Adaptation(
        steps=400, batch_size=12, lr=2e-3, warmup=10, cosine=True, least_views=300, rotate=15.0, jitter=0.35,
        start="embedded", bfloat16=True,
    )  # fmt: skip


# Name -> task -> settings for a number of labelled faces.
ADAPTATIONS: dict[str, dict[str, Callable[[int], Adaptation]]] = {
    "quick": {"landmarks": quick_landmarks, "segmentation": quick_segmentation}
}
