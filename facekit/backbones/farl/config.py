"""FaRL's hyper-parameters: pre-training (section 3.4, appendix) and heads (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from ...training.config import Adaptation
from ...training.config_fields import Checked


@dataclass(frozen=True)
class FaRLPretraining(Checked):
    """Pre-training on image-text pairs, FaRL section 3.4 and the appendix's "Pre-training"."""

    batch_size: int = 5120  # of all processes together
    steps: int = 62_500  # 16 epochs of 20 million pairs
    warmup: int = 3906  # one epoch
    first_lr: float = 1e-6
    lr: float = 1e-3
    last_lr: float = 9e-4  # at the end of the cosine
    weight_decay: float = 0.05  # of matrices; gains, biases, positions and tokens have none, as CLIP's
    betas: tuple[float, float] = (0.9, 0.98)  # CLIP's; the paper gives none
    clip: float = 1.0  # the gradient's largest norm
    itc: float = 1.0  # weights of the two losses; the paper gives none
    mim: float = 1.0
    mim_layers: int = 1  # of E_MIM; Table 3's MIM_6 has 6
    tokenizer: str = "embedded"  # visual tokens: or a file, DALL-E's encoder.pkl as the paper has it
    input_size: int | None = None  # of the images, px; else the tower's own. Small ones first save much time
    align: bool = True  # one face of each image, on the mean face; else CLIP's random crop
    noise: float = 0.0  # deviation of the five points that are aligned, px in 224; Section 4.1's FaRL_ft has sqrt(5)
    bfloat16: bool = True  # where the machine computes in it
    checkpointing: bool = True  # blocks are computed again on the way back, which saves memory


PRETRAIN_BASE = FaRLPretraining()
# Ours: an hour on two cores, at two thirds of the tower's size; then some hundred steps at its own (the embedded card).
# The cosine ends near zero. Points are moved, for images come back many times.
PRETRAIN_MINI = FaRLPretraining(
    batch_size=64, steps=4500, warmup=300, last_lr=1e-5, input_size=64, noise=2.24, checkpointing=False
)


@dataclass(frozen=True)
class TokenizerTraining(Checked):
    """The embedded visual tokenizer; ours, where the paper takes DALL-E's."""

    batch_size: int = 32
    steps: int = 900
    lr: float = 1e-3
    vocabulary: int = 1024
    commitment: float = 0.25  # VQ-VAE's beta
    decay: float = 0.97  # of the codes' running means
    free: float = 0.3  # part of the run in which the decoder sees what the encoder says, not the nearest code
    bfloat16: bool = True


TOKENIZER = TokenizerTraining()


@dataclass(frozen=True)
class FaRLAdaptation(Adaptation):
    """Heads on FaRL's image tower, section 4.1."""

    # Blocks that the head reads, counted from 1 (None: 4, 6, 8, 12 of 12); channels inside UperNet (None: 64 on the
    # embedded tower, else the tower's width).
    layers: tuple[int, ...] | None = None
    head_channels: int | None = None
    input_size: int | None = None  # px; None: what the tower was trained on
    tower: str | None = None  # a timm ViT by name in the tower's place
    tower_lr: float | None = None  # the tower trains at this rate (FaRL_ft); None: it is frozen

    @property
    @override
    def tuned_lr(self) -> float | None:
        return self.tower_lr


# The heads by section 4.1 and the appendix. Steps and batch are ours, the paper gives none for parsing and alignment.
PAPER: dict[str, FaRLAdaptation] = {
    "segmentation": FaRLAdaptation(
        steps=2000, batch_size=16, lr=1e-3, weight_decay=1e-5, rotate=18.0, scale=(0.9, 1.1), shift=0.01, jitter=0.0,
        mirror=False, cache=False, views=200,
    ),
    "landmarks": FaRLAdaptation(
        steps=2000, batch_size=16, lr=1e-2, weight_decay=1e-5, rotate=10.0, scale=(0.9, 1.1), shift=0.01, jitter=0.0,
        mirror=False, cache=False, views=200, heatmaps="farl",
    ),
    "attributes": FaRLAdaptation(
        steps=100, batch_size=100, lr=0.3, cosine=True, rotate=0.0, scale=(1.0, 1.0), shift=0.0, jitter=0.0, views=2,
    ),
}  # fmt: skip
# FaRL_ft: the tower trains too (facts.md: at 1e-4), so nothing can be kept.
TUNED: dict[str, Any] = {"tower_lr": 1e-4, "cache": False}


def quick_dense(faces: int) -> FaRLAdaptation:
    """faces: how many are labelled."""
    return FaRLAdaptation(
        steps=min(600, 300 + 3 * faces), batch_size=16, lr=3e-3, weight_decay=1e-4, warmup=10, cosine=True,
        bfloat16=True,
    )  # fmt: skip


def quick_attributes(faces: int) -> FaRLAdaptation:
    """faces: how many are labelled."""
    return FaRLAdaptation(
        # Few faces say little about forty attributes: their answers are kept close to how common each is.
        steps=300, batch_size=100, lr=1e-2, weight_decay=min(2.0, max(0.2, 200 / faces)), warmup=10, cosine=True,
        views=4, least_views=200, rotate=8.0, scale=(0.95, 1.05), shift=0.02, bfloat16=True,
    )  # fmt: skip


QUICK: dict[str, Callable[[int], FaRLAdaptation]] = {
    "landmarks": quick_dense,
    "segmentation": quick_dense,
    "stylization": quick_dense,
    "shadow_removal": quick_dense,
    "attributes": quick_attributes,
}
NAMES = ("quick", "paper", "paper-ft", "paper-ft-448")


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> FaRLAdaptation:
    """The settings of a recipe by name: "quick" (ours), "paper" (frozen tower), "paper-ft" (the tower trains too) or
    "paper-ft-448" (at 448 px). Raises ValueError that lists the names, or for a task that the paper does not have."""
    if recipe not in NAMES:
        raise ValueError(f"recipe={recipe!r}: expected one of {', '.join(map(repr, NAMES))} or an Adaptation")
    if recipe == "quick":
        return QUICK[task](faces)
    if task not in PAPER:
        raise ValueError(f"recipe={recipe!r}: the paper has {', '.join(PAPER)}, not {task!r}: take recipe='quick'")
    settings = PAPER[task]
    if task == "attributes":
        settings = replace(settings, steps=100 * -(-faces // settings.batch_size))  # 100 epochs
    if recipe == "paper":
        return settings
    return replace(settings, **TUNED, input_size=448 if recipe == "paper-ft-448" else None)
