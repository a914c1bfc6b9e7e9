"""JSON text: numbers that JSON does not have become null."""

from __future__ import annotations

import json
import math

from facekit.core.json_text import without_nan


def test_nan_and_infinity_become_null() -> None:
    data = {"a": math.nan, "b": [1.5, (math.inf, "nan")], "c": {"d": -math.inf, "e": None}}
    expected = {"a": None, "b": [1.5, [None, "nan"]], "c": {"d": None, "e": None}}
    assert without_nan(data) == expected
    assert json.loads(json.dumps(without_nan(data), allow_nan=False)) == expected
