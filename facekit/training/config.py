"""The configuration of an adaptation: the fields that every backbone has.

Each backbone has a class of its own with further fields: `fsma.FSMAAdaptation`, `farl.FaRLAdaptation`,
`synthparse.SynthparseAdaptation`, `pftgan.PFTGANAdaptation`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from .config_fields import Checked

# Fields that one task alone reads.
TASK_FIELDS: dict[str, str] = {"heatmaps": "landmarks", "activation": "segmentation"}


@dataclass(frozen=True)
class Adaptation(Checked):
    """Supervised few-shot adaptation: the fields that all backbones have.

    Raises:
        TypeError: For a value of another type than the field's.
        ValueError: For a number that is not finite or not in the field's range.
    """

    steps: int
    batch_size: int = 20
    lr: float = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    optimiser: str = "adamw"  # or "nadam"
    amsgrad: bool = False  # AdamW's
    weight_decay: float = 0.0
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
    mirror: bool = True
    heatmaps: str = "softmax"  # landmarks: "l2" is the paper's squared error, see `tasks.landmarks`
    activation: str = "softmax"  # segmentation: "sigmoid" asks about every class by itself, see `tasks.segmentation`
    wild: bool = (
        False  # segmentation: views as section 3.1.2 of synthparse makes them, see `facekit.augmentation.in_the_wild`
    )
    keep_best: bool = False  # the weights of the epoch that does best on adapt()'s `validation` are kept
    cache: bool = True  # False: compute the frozen features anew at every step (the same numbers, slower)
    cache_bytes: int = 1_000_000_000  # above this the features, and the faces' crops, go to a file on disk
    # Where the trained layers start. "none": fsma's transfer layers as identities, the rest random. "embedded": fsma's
    # layers that were fitted on labelled generated faces (no real label), synthparse's head from the ready parser's, if
    # they fit the network. Or a .facekit file of the user's.
    start: str = "none"
    bfloat16: bool = False  # where the machine computes in it

    # Backbones whose trained layers can start from a known model set this.
    WARM_STARTS: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amsgrad and self.optimiser != "adamw":
            raise ValueError(f"amsgrad=True with optimiser={self.optimiser!r}: expected 'adamw', which alone has it")
        if self.start != "none" and not self.WARM_STARTS and type(self) is not Adaptation:
            raise ValueError(
                f"start={self.start!r}: warm starts are for fsma and synthparse, expected start='none'; leave it out"
            )

    @property
    def tuned_lr(self) -> float | None:
        """Learning rate of the network's `tuned_parameters`; None where these do not train."""
        return None

    @property
    def adversarial_weight(self) -> float:
        """Weight of L_adv beside the task's loss, where a discriminator is trained too."""
        return 1.0

    def unread(self, task: str) -> dict[str, str]:
        """Return the fields that have no effect for a task, each with the reason."""
        return {name: f"for {owner}" for name, owner in TASK_FIELDS.items() if owner != task}

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
