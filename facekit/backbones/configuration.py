"""Choose the configuration of an adaptation: a recipe, and the user's own values for single fields."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.arguments import check_count, short_repr
from ..tasks import Task
from ..training.config import TASK_FIELDS, Adaptation
from ..training.config_overrides import overridden
from .base import Backbone
from .registry import backbone_class, backbone_names


def choose_config(
    backbone: Backbone,
    recipe: str | Adaptation,
    task: type[Task],
    customised: bool,
    faces: int,
    epochs: int | None,
    overrides: dict[str, Any],
) -> Adaptation:
    """Return the configuration of an adaptation.

    Args:
        backbone: The backbone.
        recipe: Name of a recipe, or a configuration.
        task: Class of the task.
        customised: Whether the labels follow the user's own format.
        faces: Number of labelled faces.
        epochs: None, or how often to go through all faces: ``steps`` is then epochs times ceil(faces / batch_size).
        overrides: The user's values by the names of fields.

    Raises:
        TypeError: If the backbone has no such field, a field has no effect for the task with the other settings, or
            both ``steps`` and ``epochs`` are given.
        ValueError: If there is no such recipe, or a value is out of range.
    """
    if isinstance(recipe, Adaptation):
        base = recipe.adopted(backbone.config)
        defaults = backbone.config.__dataclass_fields__
        known = [name for name in TASK_FIELDS if name in recipe.__dataclass_fields__]
        changed = [name for name in known if getattr(recipe, name) != defaults[name].default]
    elif isinstance(recipe, str):
        base, changed = backbone.recipe(recipe, task.family, customised, faces), []
    else:
        raise TypeError(f"recipe={short_repr(recipe)}: expected a recipe's name or an Adaptation; pass 'quick'")
    settings = overridden(base, overrides, f"backbone {backbone.name!r}", _other_configs)
    # What another override switches off may be given: an ablation's runs share their settings.
    needs = base.unread(task.family)
    unread = {name: need for name, need in settings.unread(task.family).items() if name in needs}
    asked = [*overrides, *changed]
    if epochs is not None and "steps" in unread:
        asked, unread = ["epochs", *asked], {**unread, "epochs": unread["steps"]}
    unused = next((name for name in asked if name in unread), None)
    if unused is not None:
        raise TypeError(
            f"{unused} has no effect for {task.name!r} on backbone {backbone.name!r}: expected it {unread[unused]} "
            "only; leave it out"
        )
    epochs = check_count(epochs, "epochs")
    if epochs is None:
        return settings
    if "steps" in overrides:
        raise TypeError(
            f"epochs={epochs}: expected epochs or steps, got also steps={settings.steps}; leave one of them out"
        )
    return dataclasses.replace(settings, steps=epochs * -(-faces // settings.batch_size))


def _other_configs() -> dict[str, type[Adaptation]]:
    """Return the configuration class of every backbone. This imports all of them, which takes seconds."""
    return {name: backbone_class(name).config for name in backbone_names()}
