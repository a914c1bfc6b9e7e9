"""Whether `torch.compile` works on this machine."""

from __future__ import annotations

import torch
from torch import Tensor


def check_compiler(device: torch.device) -> None:
    """Compile a small function, so that a missing compiler is named before work begins.

    Args:
        device: Where the compiled function runs.

    Raises:
        ValueError: If `torch.compile` fails.
    """

    def doubled(x: Tensor) -> Tensor:
        return x.sin() * 2

    try:
        torch.compile(doubled)(torch.zeros(2, device=device))
    except Exception as error:  # torch has many types of errors for this
        reason = str(error).strip().splitlines() or [type(error).__name__]
        wanted = "Triton" if device.type == "cuda" else "a C++ compiler"
        raise ValueError(
            f"compile=True: expected {wanted} that torch.compile can use on {device.type}, got {reason[0]}; install "
            "it, or pass compile=False"
        ) from error
