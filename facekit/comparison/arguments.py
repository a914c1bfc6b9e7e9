"""Check the arguments of a comparison, before the first training begins."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..backbones.base import Backbone
from ..backbones.registry import backbone_class, backbone_names
from ..core.arguments import check_count, check_name, check_path, short_repr, suggestion
from ..model import find_backbone
from ..tasks import Task


def check_test(task: str, labels: Any, groups: Any, test_images: Any, test_labels: Any) -> None:
    """Check that the arguments about labels and test images fit together.

    Args:
        task: Name of the task.
        labels: As in `facekit.learning_curve`, like all others.
        groups: See there.
        test_images: See there.
        test_labels: See there.

    Raises:
        ValueError: If one of them is missing, or must not be given.
    """
    if (test_images is None) != (test_labels is None):
        given, other = ("test_images", "test_labels") if test_labels is None else ("test_labels", "test_images")
        raise ValueError(f"{given}: expected {other}, too, got none; pass both or neither")
    if test_images is not None and groups is not None:
        raise ValueError("groups: expected none with test_images, which fix the scored part; leave groups out")
    if labels is None and test_images is None:
        raise ValueError(f"labels: expected labels for {task!r} to score with, got none; pass labels")


def chosen_backbones(task: type[Task], backbones: Sequence[str] | None) -> list[Backbone]:
    """Return the backbones of a comparison.

    Args:
        task: Class of the task.
        backbones: Their names. None: all that can do the task.

    Raises:
        ValueError: If a name is unknown or occurs twice, a backbone cannot do the task, or there is none.
    """
    if backbones is None:
        backbones = [name for name in backbone_names() if task.family in backbone_class(name).tasks]
    if isinstance(backbones, str) or not isinstance(backbones, Sequence) or not backbones:
        raise ValueError(f"backbones={short_repr(backbones)}: expected a list of names; pass a list such as ['fsma']")
    systems = []
    for name in backbones:
        check_name(name, "backbone")
        systems.append(find_backbone(name))
        systems[-1].check_task(task)
        if backbones.count(name) > 1:
            raise ValueError(f"backbones: expected each backbone once, got {name!r} twice; leave one out")
    return systems


def checked_count(value: Any, argument: str) -> int:
    """Return a count of at least 1.

    Args:
        value: The value of the argument.
        argument: Its name, for the message.

    Raises:
        TypeError: If it is no whole number.
        ValueError: If it is below 1.
    """
    count = check_count(value, argument)
    if count is None:
        raise TypeError(f"{argument}=None: expected a whole number; pass one")
    return count


def checked_shots(shots: Any) -> list[int]:
    """Return numbers of faces in increasing order, each once.

    Args:
        shots: The value of the argument ``shots``.

    Raises:
        TypeError: If it is no list of whole numbers.
        ValueError: If it is empty, or a number is below 1.
    """
    if isinstance(shots, str) or not isinstance(shots, Iterable):
        raise TypeError(f"shots={short_repr(shots)}: expected a list of numbers of faces; pass one such as [1, 5, 10]")
    counts = sorted({checked_count(value, "shots") for value in shots})
    if not counts:
        raise ValueError("shots: expected at least one number of faces, got none; pass one such as [10]")
    return counts


def weights_by_backbone(weights: Any, systems: Sequence[Backbone]) -> dict[str, Any]:
    """Return the weights of each backbone.

    Args:
        weights: A name or file for all backbones, or one per backbone's name. A missing one is "auto".
        systems: The backbones.

    Raises:
        ValueError: If there is no such backbone.
        TypeError: If an entry is neither a name nor a path.
        FileNotFoundError: If a file is missing.
    """
    names = [system.name for system in systems]
    if not isinstance(weights, Mapping):
        weights = dict.fromkeys(names, weights)
    for name, value in weights.items():
        if name not in names:
            raise ValueError(
                f"weights: expected names of the compared backbones, got {name!r}; "
                f"{suggestion(name, names, 'choose one of ' + ', '.join(names))}"
            )
        check_path(value, "weights")
        if Path(value).suffix and not os.path.exists(value):
            raise FileNotFoundError(
                f"weights of {name}: expected a file, got {value}, which is missing; check the path"
            )
    return {name: weights.get(name, "auto") for name in names}
