"""Choose the device of a computation, and mixed precision on it."""

from __future__ import annotations

import functools
import logging
import os

import torch

from .arguments import short_repr

log = logging.getLogger("facekit")


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Choose a device. Its name is logged once.

    Args:
        device: A device of this machine. None takes the first available one of cuda, mps and cpu.

    Returns:
        The device.

    Raises:
        TypeError: If `device` is of another type.
        ValueError: If this machine has no such device.
    """
    if device is None:
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
        else:
            device = "cpu"
    chosen = _checked(device)
    _log_once(chosen)
    return chosen


def autocast(device: torch.device, enabled: bool, gradients: bool = True) -> torch.autocast:
    """Compute convolutions and matrix products in bfloat16 where the hardware supports it.

    On other machines bfloat16 is emulated, which is slower than float32. Nothing changes there, except that GPUs
    compute in float16 where no gradients are needed.

    Args:
        device: The device of the computation.
        enabled: Whether bfloat16 is wanted at all.
        gradients: Whether gradients are computed. Those in float16 would need a scaled loss.

    Returns:
        A context manager.
    """
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cuda" and not native and not gradients:
        return torch.autocast("cuda", torch.float16, enabled=enabled)
    if device.type == "cpu":
        # torch has no public function for this yet. A version without the private one counts as unsupported.
        processor_supports = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        # oneDNN's check follows ONEDNN_MAX_CPU_ISA, the processor's does not. With these two values oneDNN emulates.
        emulated = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in ("AVX512_CORE", "AVX512_CORE_VNNI")
        onednn_supports = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
        native = (
            bool(processor_supports())
            and torch.backends.mkldnn.is_available()
            and bool(onednn_supports())
            and not emulated
        )
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and native)


@functools.lru_cache(maxsize=8)
def _log_once(device: torch.device) -> None:
    log.info("facekit runs on %s", device)


def _checked(device: str | torch.device) -> torch.device:
    """Return a device that this machine has, else raise TypeError or ValueError."""
    if not isinstance(device, (str, torch.device)):
        raise TypeError(
            f"device={short_repr(device)}: expected a str, a torch.device or None, got {type(device).__name__}; "
            "pass 'cpu' or 'cuda'"
        )
    available = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    available += ["mps"] * torch.backends.mps.is_available()
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = torch.device("meta")  # never available
    name = "cuda:0" if chosen == torch.device("cuda") else chosen.type if chosen.type != "cuda" else str(chosen)
    if name not in available:
        raise ValueError(
            f"device={str(device)!r}: expected one of {', '.join(map(repr, available))}, which this machine has; "
            "pass one, or leave it out"
        )
    return chosen
