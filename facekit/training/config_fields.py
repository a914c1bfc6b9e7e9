"""Types and ranges of configuration fields. They are checked when a configuration is created."""

from __future__ import annotations

import dataclasses
import math
import numbers
import os
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..core.arguments import short_repr

# The expected values in words, and the test. A name has the same range in every configuration.
Range = tuple[str, Callable[[Any], bool]]


def _at_least(least: float) -> Range:
    """Return the range of numbers from a smallest one."""
    return f"at least {least}", lambda value: value >= least


def _between(least: float, most: float) -> Range:
    """Return the range of numbers between two limits, which belong to it."""
    return f"a number from {least} to {most}", lambda value: least <= value <= most


_POSITIVE: Range = ("a number above 0", lambda value: value > 0)
_NOT_NEGATIVE: Range = ("a number of 0 or more", lambda value: value >= 0)
_PART: Range = _between(0, 1)
_NOT_EMPTY: Range = ("a name or a file", lambda value: value != "")


def one_of(*names: str | None) -> Range:
    """Return the range of a field that takes one of several names."""
    *some, last = map(repr, names)
    return f"{', '.join(some)} or {last}", lambda value: value in names


RANGES: dict[str, Range] = {
    **dict.fromkeys(
        (
            "steps",
            "batch_size",
            "views",
            "head_channels",
            "input_size",
            "support_batch",
            "classifier_epochs",
            "pixels",
            "memory_limit",
            "vocabulary",
            "mim_layers",
            "r1_every",
            "path_length_every",
            "path_length_shrink",
            "ema_images",
            "ada_images",
            "ada_every",
            "regions",
            "distance_side",
        ),
        _at_least(1),
    ),
    **dict.fromkeys(
        ("least_views", "warmup", "cache_bytes", "shared", "refine", "reconstructed", "generated", "fitted_codes"),
        _at_least(0),
    ),
    **dict.fromkeys(("lr", "tower_lr", "classifier_lr", "clip"), _POSITIVE),
    **dict.fromkeys(
        (
            "weight_decay",
            "adv",
            "first_lr",
            "last_lr",
            "itc",
            "mim",
            "noise",
            "commitment",
            "r1",
            "path_length",
            "ema_rampup",
            "reconstruction",
            "l2",
            "lpips",
            "deltas",
            "codes",
            "truncation",
            "prior",
            "prior_r1",
            "rec",
            "enc",
            "ssim",
        ),
        _NOT_NEGATIVE,
    ),
    **dict.fromkeys(
        (
            "shift",
            "jitter",
            "occluded",
            "noisy",
            "grey",
            "blurred",
            "erase",
            "decay",
            "free",
            "style_mixing",
            "ada_target",
            "interpolation",
            "fit",
        ),
        _PART,
    ),
    **dict.fromkeys(
        ("start", "tower", "decoder", "encoder", "tokenizer", "perceptual", "inversion", "latent_codes"), _NOT_EMPTY
    ),
    "resolution": _at_least(16),
    "members": _between(1, 255),
    "rotate": ("degrees from 0 to 180", lambda value: 0 <= value <= 180),
    "scale": ("(least, most) zoom with 0 < least <= most", lambda value: 0 < value[0] <= value[1]),
    "betas": ("two numbers from 0 to below 1", lambda value: all(0 <= beta < 1 for beta in value)),
    "layers": ("blocks counted from 1", lambda value: bool(value) and min(value) >= 1),
    "decoder_channels": ("numbers of channels of 1 or more", lambda value: bool(value) and min(value) >= 1),
    "optimiser": one_of("adamw", "nadam"),
    "classifier_optimiser": one_of("adam", "sgd"),
}


class Checked:
    """Base class of configurations: frozen dataclasses whose fields have the ranges of `RANGES`."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            TypeError: If a value has the wrong type.
            ValueError: If a number is out of range.
        """
        for name, hint in field_types(type(self)).items():
            value = _plain(getattr(self, name), hint, name)
            object.__setattr__(self, name, value)
            if value is not None:
                check_range(name, value, RANGES.get(name))


def field_types(kind: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass by name."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def check_range(name: str, value: Any, limits: Range | None) -> None:
    """Check that a value is finite and in its range.

    Args:
        name: Name of the field.
        value: A value, or a tuple of values.
        limits: The range, or None.

    Raises:
        ValueError: If it is not.
    """
    numbers_in = value if isinstance(value, tuple) else (value,)
    if any(isinstance(v, float) and not math.isfinite(v) for v in numbers_in):
        expected = limits[0] if limits else "a finite number"
        raise ValueError(f"{name}={short_repr(value)}: expected {expected}; pass a finite one")
    if limits is not None and not limits[1](value):
        raise ValueError(f"{name}={short_repr(value)}: expected {limits[0]}; pass such a value, or leave {name} out")


def _plain(value: Any, hint: Any, name: str) -> Any:
    """Convert numpy numbers, paths and lists to int, float, str and tuple, which JSON can hold.

    Args:
        value: The value.
        hint: The type of the field.
        name: The name of the field.

    Raises:
        TypeError: If the value has another type. Text such as "false" is not converted.
    """
    if isinstance(value, os.PathLike) and _fits("", hint):
        value = os.fspath(value)
    if not _fits(value, hint):
        type_name = getattr(hint, "__name__", None) if isinstance(hint, type) else None
        raise TypeError(f"{name}={short_repr(value)}: expected {type_name or hint}; pass a value of that type")
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if isinstance(value, (tuple, list)):
        inner = next(get_args(option)[0] for option in options if get_origin(option) is tuple)
        return tuple(_plain(v, inner, name) for v in value)
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return value
    return int(value) if isinstance(value, numbers.Integral) and int in options else float(value)


def _fits(value: Any, hint: Any) -> bool:
    """Return whether a value has the type of a field."""
    if get_origin(hint) in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        inner = get_args(hint)
        length_fits = inner[-1] is Ellipsis or (isinstance(value, (tuple, list)) and len(value) == len(inner))
        return isinstance(value, (tuple, list)) and length_fits and all(_fits(v, inner[0]) for v in value)
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, numbers.Real)
    return isinstance(value, numbers.Integral if hint is int else hint)
