"""Compare tensors with numbers of reference implementations, which may be stored in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

COMMITTED = Path(__file__).parents[1] / "parity"


def pieces(mine: Tensor | np.ndarray, theirs: Any) -> tuple[Tensor, Tensor]:
    """Return the part of a tensor that is stored, and what is stored of the reference's.

    Args:
        mine: Our tensor, whole.
        theirs: The reference's tensor, or ``{"stride", "shape", "values"}`` with every ``stride``-th value of it.
    """
    mine = torch.as_tensor(mine)
    if not isinstance(theirs, dict):
        return mine, theirs
    assert list(mine.shape) == list(theirs["shape"])
    return mine.flatten()[:: theirs["stride"]], theirs["values"]


def same(mine: Tensor | np.ndarray, theirs: Any, rtol: float = 1e-4, atol: float = 1e-4, name: str = "") -> None:
    """Compare in float32."""
    ours, stored = pieces(mine, theirs)
    torch.testing.assert_close(
        ours.float(), stored.float(), rtol=rtol, atol=atol, msg=lambda text: f"{name}: {text}" if name else text
    )
