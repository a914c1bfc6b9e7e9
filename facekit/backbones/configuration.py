"""The configuration that an adaptation runs with: a recipe, the user's own fields, and what has no effect here."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..core.arguments import check_count, short_repr
from ..tasks import Task
from ..training.config import TASK_FIELDS, Adaptation
from ..training.config_overrides import overridden
from .farl.config import FaRLAdaptation
from .fsma.config import FSMAAdaptation
from .pftgan.config import PFTGANAdaptation
from .synthparse.config import SynthparseAdaptation

# The configuration of each backbone.
ADAPTATIONS: dict[str, type[Adaptation]] = {
    "fsma": FSMAAdaptation, "farl": FaRLAdaptation, "synthparse": SynthparseAdaptation, "pftgan": PFTGANAdaptation,
}  # fmt: skip


def configuration(
    backbone: str, module: Any, recipe: Any, task: Task, faces: int, epochs: Any, overrides: dict[str, Any]
) -> Adaptation:
    """Return the backbone's configuration for a task.

    Args:
        backbone: Name of the backbone.
        module: The backbone's, whose `named_recipe` makes recipes by name.
        recipe: Name of a recipe, or an `Adaptation`.
        task: What is learned.
        faces: Number of labelled faces.
        epochs: None, or how often to go through all faces: `steps` is then `epochs` times ceil(faces / batch_size).
        overrides: Values of fields of the user's own.

    Raises:
        TypeError: For a field that the backbone does not have, one without effect for the task, and for `steps`
            together with `epochs`.
        ValueError: For an unknown recipe, and for a value that is not in the field's range.
    """
    kind = ADAPTATIONS.get(backbone, Adaptation)  # the common fields, where a backbone has none of its own
    if isinstance(recipe, Adaptation):
        chosen = recipe.adopted(kind)
        given = [name for name in TASK_FIELDS if getattr(recipe, name) != kind.__dataclass_fields__[name].default]
    elif isinstance(recipe, str):
        chosen, given = module.named_recipe(recipe, task.name, task.customised, faces), []
    else:
        raise TypeError(f"recipe={short_repr(recipe)} came: expected a recipe's name or an Adaptation; pass 'quick'")
    settings = overridden(chosen, overrides, f"backbone {backbone!r}", ADAPTATIONS)
    unread = settings.unread(task.name)
    wrong = next((name for name in [*overrides, *given] if name in unread), None)
    if wrong is not None:
        raise TypeError(
            f"{wrong} has no effect for {task.name!r} on backbone {backbone!r}: expected it {unread[wrong]} only; "
            "leave it out"
        )
    epochs = check_count(epochs, "epochs")
    if epochs is None:
        return settings
    if "steps" in overrides:
        raise TypeError(f"epochs={epochs} came with steps={settings.steps}: expected one of them; leave the other out")
    return dataclasses.replace(settings, steps=epochs * -(-faces // settings.batch_size))
