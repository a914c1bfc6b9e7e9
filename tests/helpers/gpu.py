"""The device of the tests marked gpu, and how results of two devices are compared."""

from __future__ import annotations

import os

import pytest
import torch

DEVICE = os.environ.get("FACEKIT_TEST_DEVICE", "cuda")
needs_device = pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device is here")
CLOSE = 2e-2  # of the largest value


def close(found: torch.Tensor, wanted: torch.Tensor, part: float = CLOSE) -> None:
    """Compare on the CPU, relative to the largest value."""
    found, wanted = found.detach().cpu().double(), wanted.detach().cpu().double()
    assert found.shape == wanted.shape and bool(found.isfinite().all())
    assert float((found - wanted).abs().max()) <= part * max(1.0, float(wanted.abs().max()))
