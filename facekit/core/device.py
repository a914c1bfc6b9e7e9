"""Choose the device of a computation, and mixed precision on it."""

from __future__ import annotations

import functools
import logging
import os

import torch

from .arguments import shown

log = logging.getLogger("facekit")


@functools.lru_cache(maxsize=8)
def _announce(device: torch.device) -> None:
    log.info("facekit runs on %s", device)


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """`device`, or with None the first there is of cuda, mps, cpu. Said once in the log."""
    if device is None:
        if torch.cuda.is_available():
            device = "cuda"
        elif torch.backends.mps.is_available():
            device = "mps"
        else:
            device = "cpu"
    chosen = _there(device)
    _announce(chosen)
    return chosen


def _there(device: str | torch.device) -> torch.device:
    """Check a device. Raises TypeError for another type, ValueError for one that this machine does not have."""
    if not isinstance(device, (str, torch.device)):
        raise TypeError(f"device={shown(device)} came: expected a str, a torch.device or None; pass 'cpu' or 'cuda'")
    there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    there += ["mps"] * torch.backends.mps.is_available()
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = torch.device("meta")
    name = "cuda:0" if chosen == torch.device("cuda") else chosen.type if chosen.type != "cuda" else str(chosen)
    if name not in there:
        raise ValueError(
            f"device={str(device)!r}: expected one of {', '.join(map(repr, there))}, which this machine has; pass one, "
            "or None to choose"
        )
    return chosen


def autocast(device: torch.device, wanted: bool) -> torch.autocast:
    """Convolutions in bfloat16, if `wanted`, where the machine computes in it; on others emulation would be slower."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if device.type == "cpu":
        # There is no public question for this yet; a torch without the private one says no.
        asked = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
        # oneDNN's answer follows ONEDNN_MAX_CPU_ISA, the processor's does not; with these two oneDNN emulates.
        emulated = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in ("AVX512_CORE", "AVX512_CORE_VNNI")
        offered = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
        native = bool(asked()) and torch.backends.mkldnn.is_available() and bool(offered()) and not emulated
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and native)
