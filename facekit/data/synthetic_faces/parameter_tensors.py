"""TODO."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .identity_parameters import EXPRESSIONS, Params
from .shape_modes import MODES


def stack(people: Sequence[Params], device: torch.device) -> dict[str, Tensor]:
    """Numbers and arrays of each name stacked to float32 (N, ...); shape weights and expressions become "modes" (N,
    modes)."""
    weights = np.zeros((len(people), len(MODES)), dtype=np.float32)
    where = {name: k for k, name in enumerate(MODES)}
    for i, p in enumerate(people):
        for name, value in (*p["modes"].items(), *p["expression"].items()):
            weights[i, where[name]] = value
    out = {"modes": weights}
    for name, value in people[0].items():
        if isinstance(value, (bool, int, float, np.ndarray)):
            out[name] = np.asarray([p[name] for p in people], dtype=np.float32)
    for name in EXPRESSIONS:
        out[f"expression_{name}"] = weights[:, where[name]]
    return {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in out.items()}
