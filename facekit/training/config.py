"""Settings of an adaptation: the fields that every backbone has.

Each backbone has a subclass with further fields in its own folder: `FSMAAdaptation`, `FaRLAdaptation`,
`SynthparseAdaptation`, `PFTGANAdaptation`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from ..augmentation.degradations import Degradation
from ..core.arguments import suggestion
from .config_fields import Checked

# Fields that have an effect for some tasks only.
TASK_FIELDS: dict[str, tuple[str, ...]] = {
    "heatmaps": ("landmarks",),
    "activation": ("segmentation",),
    "adv": ("stylization", "shadow_removal"),
}


@dataclass(frozen=True)
class Adaptation(Checked):
    """Settings of supervised few-shot adaptation.

    Attributes:
        steps: Number of optimisation steps.
        batch_size: Faces per step.
        lr: Learning rate.
        betas: Adam's decay rates.
        optimiser: "adamw" or "nadam".
        amsgrad: Whether AdamW uses AMSGrad.
        weight_decay: Weight decay.
        warmup: Steps over which the learning rate rises to ``lr``.
        cosine: Whether the learning rate falls to 0 along half a cosine.
        views: Augmented views per face. Their frozen features are computed once.
        least_views: Views of all faces together, at least. Small sets get more views per face.
        rotate: Largest rotation in degrees.
        scale: Smallest and largest zoom.
        shift: Largest shift as a part of the side.
        jitter: Strength of the change of colours, 0 to 1.
        mirror: Whether views may be mirrored, and predictions averaged with those of the mirrored image.
        heatmaps: Landmarks only: kind of heatmap, see `facekit.tasks.heatmaps`. "l2" is the squared error of FSMA.
        activation: Segmentation only: "softmax", or "sigmoid" to decide every class by itself.
        wild: Segmentation only: augment as in section 3.1.2 of synthparse.
        keep_best: Whether the weights of the epoch with the best score on ``validation`` are kept.
        cache: Whether frozen features are stored. False gives the same numbers and is slower.
        cache_bytes: Features and crops that need more bytes are stored in a temporary file.
        start: Where the trained layers start. "none": fsma's transfer layers as identities, others random. "embedded":
            layers that were trained on labelled generated faces, if they fit (fsma, synthparse). Or a .facekit file.
        bfloat16: Whether to compute in bfloat16 where the machine supports it.

    Raises:
        TypeError: If a value has another type than its field.
        ValueError: If a number is not finite or out of range.
    """

    steps: int
    batch_size: int = 20
    lr: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    optimiser: str = "adamw"
    amsgrad: bool = False
    weight_decay: float = 0.0
    warmup: int = 0
    cosine: bool = False
    views: int = 10
    least_views: int = 500
    rotate: float = 20.0
    scale: tuple[float, float] = (0.85, 1.15)
    shift: float = 0.06
    jitter: float = 0.2
    mirror: bool = True
    heatmaps: str = "softmax"
    activation: str = "softmax"
    wild: bool = False
    keep_best: bool = False
    cache: bool = True
    cache_bytes: int = 1_000_000_000
    start: str = "none"
    bfloat16: bool = False

    # Whether the backbone's trained layers can start from a known model.
    WARM_STARTS: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amsgrad and self.optimiser != "adamw":
            raise ValueError(f"amsgrad=True with optimiser={self.optimiser!r}: expected 'adamw', which alone has it")
        if self.start != "none" and not self.WARM_STARTS and type(self) is not Adaptation:
            raise ValueError(
                f"start={self.start!r}: warm starts are for fsma and synthparse, expected start='none'; leave it out"
            )

    def learning_rate(self, index: int) -> float:
        """Return the learning rate of step ``index``: linear warm-up, then constant or half a cosine."""
        rate = self.lr * min(1.0, (index + 1) / (self.warmup + 1))
        return rate * 0.5 * (1 + math.cos(math.pi * index / self.steps)) if self.cosine else rate

    @property
    def tuned_lr(self) -> float | None:
        """Learning rate of the network's pretrained parameters, None if they are frozen."""
        return None

    @property
    def degradation(self) -> Degradation:
        """Probabilities of the degradations of views. By default none."""
        return Degradation()

    @property
    def point_noise(self) -> float:
        """Standard deviation of noise on the five points that aligned the crops, px of 224. By default none."""
        return 0.0

    @property
    def adversarial_weight(self) -> float:
        """Weight of the adversarial loss, if a discriminator is trained."""
        return 1.0

    def unread(self, task: str) -> dict[str, str]:
        """Return the fields that have no effect for a task, each with the reason."""
        own = {field.name for field in dataclasses.fields(self)}
        return {
            name: f"for {' and '.join(tasks)}"
            for name, tasks in TASK_FIELDS.items()
            if name in own and task not in tasks
        }

    def adopted(self, kind: type[Adaptation]) -> Adaptation:
        """Return these settings as a backbone's own configuration.

        Args:
            kind: The backbone's class. A plain `Adaptation` leaves its further fields at their defaults.

        Raises:
            TypeError: For the configuration of another backbone.
        """
        if isinstance(self, kind):
            return self
        if type(self) is not Adaptation:
            raise TypeError(
                f"recipe is {type(self).__name__}: expected a {kind.__name__}, an Adaptation or a recipe's name; pass "
                "the configuration of the backbone that you chose"
            )
        return kind(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)})


def check_recipe(recipe: str, names: Collection[str], task: str, paper_tasks: Collection[str]) -> None:
    """Check the name of a recipe.

    Args:
        recipe: The name. "quick" exists for every task.
        names: Names of the backbone's recipes.
        task: Name of the task.
        paper_tasks: Tasks that the other recipes, the paper's, are for.

    Raises:
        ValueError: If there is no such recipe for the task. The message lists what there is.
    """
    if recipe not in names:
        known, advice = ", ".join(map(repr, names)), suggestion(recipe, names, "choose one")
        raise ValueError(f"recipe={recipe!r}: expected one of {known} for {task!r}, or an Adaptation; {advice}")
    if recipe != "quick" and task not in paper_tasks:
        raise ValueError(
            f"recipe={recipe!r}: expected a task of the paper ({', '.join(paper_tasks)}), got {task!r}; take "
            "recipe='quick'"
        )
