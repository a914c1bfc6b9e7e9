"""Mark most values of a parametrized test as slow, so that the default run tries a few of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def slow_unless(fast: Callable[[Any], bool], values: Iterable[Any]) -> list[Any]:
    """Mark each value slow for which ``fast`` is false. A tuple holds the values of several arguments."""
    return [
        value
        if fast(value)
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]
