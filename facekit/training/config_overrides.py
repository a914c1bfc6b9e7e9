"""A configuration with some fields of the user's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..core.arguments import suggestion
from ..core.deprecation import warn_of_rename
from .config_fields import field_types

T = TypeVar("T")

# Fields that were renamed: old name -> new name. The old ones work for one release.
RENAMED = {
    "ema_pictures": "ema_images",
    "ada_pictures": "ada_images",
    "keep_critic": "keep_discriminator",
    "again": "reconstruction",
    "judged_again": "discriminate_reconstructions",
}


def overridden(
    recipe: T, overrides: dict[str, Any], caller: str, others: Callable[[], Mapping[str, type]] | None = None
) -> T:
    """Return `recipe` with other values for some fields.

    Args:
        recipe: A configuration, a frozen dataclass.
        overrides: Values by the name of the field.
        caller: Name of the function or backbone with these fields, for errors.
        others: Returns the configuration classes of all backbones by name, for the message about an unknown field.

    Returns:
        A new configuration of the same class.

    Raises:
        TypeError: For a field that the configuration does not have, and for a value of another type.
        ValueError: For a value that is not in the field's range.
    """
    known = field_types(type(recipe))
    for old, new in RENAMED.items():
        if old in overrides and new in known:
            warn_of_rename(f"field {old!r} was renamed, expected {new!r}; use that name")
            overrides = {new if name == old else name: value for name, value in overrides.items()}
    unknown = sorted(set(overrides) - set(known))
    if unknown:
        raise TypeError(_unknown(unknown[0], list(known), caller, others() if others else {}))
    changed: T = dataclasses.replace(recipe, **overrides)  # type: ignore[type-var]
    return changed


def _unknown(name: str, known: list[str], caller: str, others: Mapping[str, type]) -> str:
    """Return the message about an unknown field: the nearest name, or the backbone that has it."""
    problem = f"{caller} has no field {name!r}"
    owners = [repr(other) for other, kind in others.items() if name in field_types(kind)]
    if owners:
        owner = owners[0] if len(owners) == 1 else f"{', '.join(owners[:-1])} and {owners[-1]}"
        return f"{problem}: expected one of its own fields; {name!r} is a field of {owner}; leave it out"
    advice = suggestion(name, known, "")
    if advice:
        return f"{problem}: expected one of its fields; {advice}"
    return f"{problem}: expected one of {', '.join(sorted(known))}; correct the name"
