"""Settings of synthparse: those of section 3.1.3, and the quick recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from typing_extensions import override

from ...training.config import Adaptation, check_recipe


@dataclass(frozen=True)
class SynthparseAdaptation(Adaptation):
    """Training of a segmentation model (section 3.1.3).

    Attributes:
        decoder: Segmentation model: "unet", "deeplabv3plus", "fpn" or "fcn".
        encoder: Name of the encoder in segmentation_models_pytorch.
        decoder_channels: Channels of UNet's five stages, coarsest first. None is the library's default.
        input_size: Side of the input in pixels. None is the paper's 128.
        tower_lr: Learning rate of the encoder. None freezes it.
        adv: Weight of the adversarial loss beside L_rec in grey levels, for image-to-image tasks. 0 is none.
    """

    decoder: str = "unet"
    encoder: str = "mobilenet_v2"
    decoder_channels: tuple[int, ...] | None = None
    input_size: int | None = None
    tower_lr: float | None = None
    adv: float = 0.0

    WARM_STARTS: ClassVar[bool] = True

    @property
    @override
    def tuned_lr(self) -> float | None:
        return self.tower_lr

    @property
    @override
    def adversarial_weight(self) -> float:
        return self.adv


EPOCHS = 30
# Section 3.1.3. Views are augmented anew at every step, so nothing can be cached.
PAPER = SynthparseAdaptation(
    steps=1,
    batch_size=24,
    lr=1e-3,
    optimiser="nadam",
    activation="sigmoid",
    wild=True,
    keep_best=True,
    tower_lr=1e-3,
    cache=False,
    views=EPOCHS,
    least_views=1,
)
# The four models of section 3.1.1.
MODELS: dict[str, dict[str, str]] = {
    "deeplabv3plus": {"decoder": "deeplabv3plus", "encoder": "resnet101"},
    "fpn": {"decoder": "fpn", "encoder": "resnet101"},
    "unet": {"decoder": "unet", "encoder": "resnet101"},
    "mobilenet_v2": {"decoder": "unet", "encoder": "mobilenet_v2"},
}


# The ready parser's UNet is narrower than the library's: 7 MB instead of 13.
READY_CHANNELS = (96, 64, 48, 32, 16)


def quick(faces: int) -> SynthparseAdaptation:
    """Return our settings, which start from the ready parser.

    Args:
        faces: Number of labelled faces.
    """
    return SynthparseAdaptation(
        decoder_channels=READY_CHANNELS,
        start="embedded",
        steps=min(400, 150 + 2 * faces),
        batch_size=12,
        lr=2e-3,
        tower_lr=3e-4,
        weight_decay=1e-4,
        warmup=10,
        cosine=True,
        jitter=0.35,
        bfloat16=True,
        cache=False,
        views=100,
    )


QUICK: dict[str, Callable[[int], SynthparseAdaptation]] = {
    "landmarks": quick,
    "segmentation": quick,
    "stylization": quick,
    "shadow_removal": quick,
}
NAMES = ("quick", "paper", *(f"paper-{name}" for name in MODELS))


def named_recipe(recipe: str, task: str, customised: bool, faces: int) -> SynthparseAdaptation:
    """Return the settings of a recipe.

    Args:
        recipe: "quick" (ours), "paper" (30 epochs of the paper's best model), or one of its four models: "paper-unet",
            "paper-fpn", "paper-deeplabv3plus", "paper-mobilenet_v2".
        task: Name of the task.
        customised: Whether labels follow the user's own format. It has no effect here.
        faces: Number of labelled faces.

    Raises:
        ValueError: If there is no such recipe for the task.
    """
    check_recipe(recipe, NAMES, task, ("segmentation",))
    if recipe == "quick":
        return QUICK[task](faces)
    chosen: dict[str, Any] = MODELS.get(recipe.removeprefix("paper-"), {})
    return replace(PAPER, steps=EPOCHS * max(1, -(-faces // PAPER.batch_size)), **chosen)
