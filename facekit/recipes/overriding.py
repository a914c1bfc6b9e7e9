"""A recipe with some fields of the user's own."""

from __future__ import annotations

import dataclasses
import numbers
import os
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def overridden(recipe: T, overrides: dict[str, Any], caller: str) -> T:
    """`recipe`, a dataclass, with other values for some fields. caller: what to call the function that they came to.

    Raises TypeError for a field that the recipe does not have, with those that it has, and for a value of another type:
    "false" would be as good as true.
    """
    hints = get_type_hints(type(recipe))
    unknown = sorted(set(overrides) - set(hints))
    if unknown:
        raise TypeError(f"{caller} has no {', '.join(unknown)}; a recipe's fields are {', '.join(sorted(hints))}")
    overrides = {k: os.fspath(v) if isinstance(v, os.PathLike) else v for k, v in overrides.items()}
    for name, value in overrides.items():
        if not _fits(value, hints[name]):
            said = getattr(hints[name], "__name__", None) if isinstance(hints[name], type) else None
            raise TypeError(f"{name}={value!r} came: expected {said or hints[name]}")
    changed: T = dataclasses.replace(recipe, **overrides)  # type: ignore[type-var]
    return changed


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, (tuple, list))
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real)
    return isinstance(value, numbers.Integral if hint is int else hint)
