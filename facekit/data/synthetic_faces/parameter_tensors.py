"""Stack the parameters of single faces into the tensors of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .identity_parameters import EXPRESSIONS, Params
from .shape_modes import MODES


def stack_parameters(parameters: Sequence[Params], device: torch.device) -> dict[str, Tensor]:
    """Stack numbers and arrays of each name to tensors.

    Args:
        parameters: Parameters of N faces, all with the same names.
        device: Device of the tensors.

    Returns:
        Name -> float32 tensor (N, ...). ``modes`` (N, len(MODES)) holds the weights of identity and expression.
        ``expression_NAME`` (N,) holds the weight of one expression. Strings are left out.
    """
    weights = np.zeros((len(parameters), len(MODES)), dtype=np.float32)
    position = {name: k for k, name in enumerate(MODES)}
    for i, p in enumerate(parameters):
        for name, value in (*p["modes"].items(), *p["expression"].items()):
            weights[i, position[name]] = value
    out = {"modes": weights}
    for name, value in parameters[0].items():
        if isinstance(value, (bool, int, float, np.ndarray)):
            out[name] = np.asarray([p[name] for p in parameters], dtype=np.float32)
    for name in EXPRESSIONS:
        out[f"expression_{name}"] = weights[:, position[name]]
    return {name: torch.from_numpy(np.ascontiguousarray(value)).to(device) for name, value in out.items()}
