"""The hyper-parameters of "In the Wild Face Parsing in Synthetic-Data Trained Models" (section 3.1.3), and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from typing_extensions import override

from ...training.config import Adaptation


@dataclass(frozen=True)
class SynthparseAdaptation(Adaptation):
    """Training of a segmentation model, section 3.1.3."""

    # The segmentation model and its encoder by segmentation_models_pytorch's names.
    decoder: str = "unet"
    encoder: str = "mobilenet_v2"
    decoder_channels: tuple[int, ...] | None = None  # of UNet's five stages, coarsest first (None: the library's own)
    input_size: int | None = None  # px; None: the paper's 128
    tower_lr: float | None = None  # the encoder trains at this rate; None: it is frozen

    WARM_STARTS: ClassVar[bool] = True

    @property
    @override
    def tuned_lr(self) -> float | None:
        return self.tower_lr


EPOCHS = 30
# Views are made anew at every step, so there is nothing to keep.
PAPER = SynthparseAdaptation(
    steps=1, batch_size=24, lr=1e-3, optimiser="nadam", activation="sigmoid", wild=True, keep_best=True, tower_lr=1e-3,
    cache=False, views=EPOCHS, least_views=1,
)  # fmt: skip
# Section 3.1.1's four models.
MODELS: dict[str, dict[str, str]] = {
    "deeplabv3plus": {"decoder": "deeplabv3plus", "encoder": "resnet101"},
    "fpn": {"decoder": "fpn", "encoder": "resnet101"},
    "unet": {"decoder": "unet", "encoder": "resnet101"},
    "mobilenet_v2": {"decoder": "unet", "encoder": "mobilenet_v2"},
}


# The ready parser's UNet is narrower than the library's: 7 MB instead of 13.
READY_CHANNELS = (96, 64, 48, 32, 16)


def quick(faces: int) -> SynthparseAdaptation:
    """From the ready parser. faces: how many are labelled."""
    return SynthparseAdaptation(
        decoder_channels=READY_CHANNELS, start="embedded",
        steps=min(400, 150 + 2 * faces), batch_size=12, lr=2e-3, tower_lr=3e-4, weight_decay=1e-4, warmup=10,
        cosine=True, jitter=0.35, bfloat16=True, cache=False, views=100,
    )  # fmt: skip


QUICK: dict[str, Callable[[int], SynthparseAdaptation]] = {
    "landmarks": quick,
    "segmentation": quick,
    "stylization": quick,
    "shadow_removal": quick,
}
NAMES = ("quick", "paper", *(f"paper-{name}" for name in MODELS))


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> SynthparseAdaptation:
    """The settings of a recipe by name: "quick" (ours), "paper" (30 epochs of the paper's best model), or one of its
    four models: "paper-unet", "paper-fpn", "paper-deeplabv3plus", "paper-mobilenet_v2". Raises ValueError that lists
    the names, or for a task that the paper does not have."""
    if recipe not in NAMES:
        raise ValueError(f"recipe={recipe!r}: expected one of {', '.join(map(repr, NAMES))} or an Adaptation")
    if recipe == "quick":
        return QUICK[task](faces)
    if task != "segmentation":
        raise ValueError(f"recipe={recipe!r}: the paper is about segmentation, not {task!r}: take recipe='quick'")
    chosen: dict[str, Any] = MODELS.get(recipe.removeprefix("paper-"), {})
    return replace(PAPER, steps=EPOCHS * max(1, -(-faces // PAPER.batch_size)), **chosen)
