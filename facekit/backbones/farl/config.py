"""Settings of FaRL: pre-training (section 3.4, appendix) and heads (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from ...augmentation.degradations import Degradation
from ...training.config import Adaptation, check_recipe
from ...training.config_fields import Checked


@dataclass(frozen=True)
class FaRLPretraining(Checked):
    """Pre-training on image-text pairs (section 3.4; appendix, "Pre-training").

    Attributes:
        batch_size: Pairs per step of all processes together.
        steps: Number of steps. The default is 16 epochs of 20 million pairs.
        warmup: Steps of linear warm-up. The default is one epoch.
        first_lr: Learning rate at the start of the warm-up.
        lr: Largest learning rate.
        last_lr: Learning rate at the end of the cosine.
        weight_decay: Weight decay of matrices. Gains, biases, positions and tokens have none, as in CLIP.
        betas: Adam's decay rates. The paper gives none, these are CLIP's.
        clip: Largest norm of the gradient.
        itc: Weight of L_ITC. The paper gives no weights.
        mim: Weight of L_MIM.
        mim_layers: Blocks of E_MIM. MIM_6 of Table 3 has 6.
        tokenizer: Visual tokenizer: "embedded", or a file such as DALL-E's ``encoder.pkl``, which the paper uses.
        input_size: Side of the images in pixels. None is the tower's. Small images at first save much time.
        align: Whether one face per image is aligned to the mean face. Otherwise CLIP's random crop is used.
        noise: Standard deviation of the five aligned points in pixels of 224.
        mirror: Probability of mirrored images. The paper names no mirroring, nor does CLIP.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.
        checkpointing: Whether blocks are recomputed in the backward pass, which saves memory.
        compile: Whether ``torch.compile`` makes one kernel of several operations of a block. The first step then takes
            a minute, and each further one less time. It needs a C++ compiler on CPUs, and Triton on GPUs.
    """

    batch_size: int = 5120
    steps: int = 62_500
    warmup: int = 3906
    first_lr: float = 1e-6
    lr: float = 1e-3
    last_lr: float = 9e-4
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    itc: float = 1.0
    mim: float = 1.0
    mim_layers: int = 1
    tokenizer: str = "embedded"
    input_size: int | None = None
    align: bool = True
    noise: float = 0.0
    mirror: float = 0.0
    bfloat16: bool = True
    checkpointing: bool = True
    compile: bool = False


PRETRAIN_BASE = FaRLPretraining()
# Ours: an hour on two cores at two thirds of the tower's input size, then some hundred steps at its own (see the card
# of the embedded weights). The cosine ends near zero. Points are moved because images repeat many times.
PRETRAIN_MINI = FaRLPretraining(
    batch_size=64, steps=4500, warmup=300, last_lr=1e-5, input_size=64, noise=2.24, mirror=0.5, checkpointing=False
)


@dataclass(frozen=True)
class TokenizerTraining(Checked):
    """Training of the embedded visual tokenizer. It is ours; the paper uses DALL-E's.

    Attributes:
        batch_size: Images per step.
        steps: Number of steps.
        lr: Learning rate.
        vocabulary: Number of codes.
        commitment: Weight of the commitment loss, beta of VQ-VAE.
        decay: Decay of the running means of the codes.
        free: Part of the run in which the decoder gets the encoder's vectors instead of the nearest codes.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.
    """

    batch_size: int = 32
    steps: int = 900
    lr: float = 1e-3
    vocabulary: int = 1024
    commitment: float = 0.25
    decay: float = 0.97
    free: float = 0.3
    bfloat16: bool = True


TOKENIZER = TokenizerTraining()


@dataclass(frozen=True)
class FaRLAdaptation(Adaptation):
    """Heads on the image tower (section 4.1).

    Attributes:
        layers: Blocks that the head reads, counted from 1. None is 4, 6, 8, 12 of 12, and alike for other depths.
        head_channels: Channels inside UperNet, and on towers of at least 384 channels inside the pyramid. None is 64 on
            narrower towers, else the tower's width, as in the paper.
        input_size: Side of the input in pixels. None is that of the tower's pre-training.
        tower: Name of a vision transformer of timm that replaces the tower.
        tower_lr: Learning rate of the tower (FaRL_ft). None freezes it.
        regions: Attributes: the head reads means over regions x regions parts of each level, side by side (ours). None
            is the paper's head. Many labelled faces are needed: the ready model has 3 regions and 8,000 faces.
        occluded: Probability that a view is occluded, 0 to 1 (see `facekit.augmentation.degradations`).
        noisy: Probability of Gaussian noise.
        grey: Probability of a grey view.
        blurred: Probability of a Gaussian blur.
        noise: Standard deviation of noise on the five points that align faces, in pixels of 224.
    """

    layers: tuple[int, ...] | None = None
    head_channels: int | None = None
    input_size: int | None = None
    tower: str | None = None
    tower_lr: float | None = None
    regions: int | None = None
    occluded: float = 0.0
    noisy: float = 0.0
    grey: float = 0.0
    blurred: float = 0.0
    noise: float = 0.0

    @property
    @override
    def tuned_lr(self) -> float | None:
        return self.tower_lr

    @property
    @override
    def degradation(self) -> Degradation:
        return Degradation(self.occluded, self.noisy, self.grey, self.blurred)

    @property
    @override
    def point_noise(self) -> float:
        return self.noise


# Heads of section 4.1 and the appendix. Steps and batch sizes of parsing and alignment are ours, the paper gives none.
# It names no mirroring for these two, and "random Gaussian blur, noise and occlusion" for alignment without
# probabilities; the released code adds noise to half of the images.
_PAPER_DENSE = FaRLAdaptation(
    steps=2000,
    batch_size=16,
    weight_decay=1e-5,
    scale=(0.9, 1.1),
    shift=0.01,
    jitter=0.0,
    mirror=False,
    cache=False,
    views=200,
)
_DEGRADED: dict[str, Any] = {"occluded": 0.5, "noisy": 0.5, "blurred": 0.5}
PAPER: dict[str, FaRLAdaptation] = {
    "segmentation": replace(_PAPER_DENSE, lr=1e-3, rotate=18.0),
    "landmarks": replace(_PAPER_DENSE, lr=1e-2, rotate=10.0, heatmaps="farl-128", **_DEGRADED),
    "attributes": FaRLAdaptation(
        steps=100,
        batch_size=100,
        lr=0.3,
        cosine=True,
        rotate=0.0,
        scale=(1.0, 1.0),
        shift=0.0,
        jitter=0.0,
        views=2,
    ),
}
# FaRL_ft: the tower is trained, too (with 1e-4 in the released code), so no features can be cached.
TUNED: dict[str, Any] = {"tower_lr": 1e-4, "cache": False}
# FaRL_ft for attributes: besides mirroring, "random crop and Gaussian noise", "random grayscale with a probability of
# 0.1" and "Gaussian noise with a variance of 5" on the points of the alignment (appendix). The range of the crop and
# the probability of the noise are ours.
TUNED_ATTRIBUTES: dict[str, Any] = {
    "views": 100,
    "scale": (1.0, 1.15),
    "shift": 0.05,
    "noisy": 0.5,
    "grey": 0.1,
    "noise": 5**0.5,
}


QUICK_HEAD = 64
"""Channels of quick heads on any tower. With the 768 of ViT-B/16, a step takes minutes on a CPU."""


def quick_dense(faces: int) -> FaRLAdaptation:
    """Return our settings for tasks with maps.

    Args:
        faces: Number of labelled faces.
    """
    return FaRLAdaptation(
        steps=min(600, 300 + 3 * faces),
        batch_size=16,
        lr=3e-3,
        weight_decay=1e-4,
        warmup=10,
        cosine=True,
        bfloat16=True,
        head_channels=QUICK_HEAD,
    )


def quick_attributes(faces: int) -> FaRLAdaptation:
    """Return our settings for attributes.

    Few faces determine forty attributes badly, so weight decay keeps predictions close to the attributes' frequencies.

    Args:
        faces: Number of labelled faces.
    """
    return FaRLAdaptation(
        steps=300,
        batch_size=100,
        lr=1e-2,
        weight_decay=min(2.0, max(0.2, 200 / faces)),
        warmup=10,
        cosine=True,
        views=4,
        least_views=200,
        rotate=8.0,
        scale=(0.95, 1.05),
        shift=0.02,
        bfloat16=True,
    )


QUICK: dict[str, Callable[[int], FaRLAdaptation]] = {
    "landmarks": quick_dense,
    "segmentation": quick_dense,
    "stylization": quick_dense,
    "shadow_removal": quick_dense,
    "attributes": quick_attributes,
}
NAMES = ("quick", "paper", "paper-ft", "paper-ft-448")


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> FaRLAdaptation:
    """Return the settings of a recipe.

    Args:
        recipe: "quick" (ours), "paper" (frozen tower), "paper-ft" (the tower is trained, too) or "paper-ft-448" (at
            448 px).
        task: Name of the task.
        customised: Whether labels follow the user's own format. It has no effect here.
        faces: Number of labelled faces.

    Raises:
        ValueError: If there is no such recipe for the task.
    """
    check_recipe(recipe, NAMES, task, PAPER)
    if recipe == "quick":
        return QUICK[task](faces)
    settings = PAPER[task]
    if task == "attributes":
        settings = replace(settings, steps=100 * -(-faces // settings.batch_size))  # 100 epochs
    if recipe == "paper":
        return settings
    tuned = TUNED | TUNED_ATTRIBUTES if task == "attributes" else TUNED
    return replace(settings, **tuned, input_size=448 if recipe == "paper-ft-448" else None)
