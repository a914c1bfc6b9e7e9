"""`facekit.compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..annotations.label_items import Labels
from ..images.types import Images
from ..results.comparison import Comparison
from .learning_curve import learning_curve


def compare(
    images: Images,
    labels: Labels | None,
    task: str = "landmarks",
    backbones: Sequence[str] | None = None,
    shots: int = 10,
    draws: int = 3,
    **options: Any,
) -> Comparison:
    """Find out which backbone suits your own faces.

    This is `facekit.learning_curve` with one number of faces.

    Args:
        images: As in `facekit.adapt`. Each image once.
        labels: As in `facekit.adapt`.
        task: As in `facekit.adapt`.
        backbones: Names of the backbones. None compares all that can do the task.
        shots: Number of labelled faces to adapt on. Others are needed to score: at least 5.
        draws: Number of draws. 2 or more give intervals; 3 to 10 are usual.
        **options: All other arguments of `facekit.learning_curve`.

    Returns:
        Scores, paired differences with 95 % intervals over draws, and advice.

    Raises:
        ValueError: As `facekit.learning_curve` does.
        TypeError: If ``shots`` is no whole number, or a backbone has no such field.

    Example:
        >>> print(facekit.compare("faces/", masks, "segmentation", ["fsma", "synthparse"], shots=10).advice)
    """
    return learning_curve(images, labels, task, backbones, [shots], draws, **options)
