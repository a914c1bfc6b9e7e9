"""The table of backbones: one folder a paper."""

from __future__ import annotations

import importlib
import sys
from typing import Any

BACKBONES = {name: f"facekit.backbones.{name}.backbone" for name in ("fsma", "farl", "synthparse", "pftgan")}


def backbone_module(name: str) -> Any:
    """The backbone of that name, imported at its first use: timm and open_clip, which some stand on, take seconds.
    Raises ValueError that lists the ones this version has."""
    if name not in BACKBONES:
        raise ValueError(f"backbone={name!r}: expected one of {', '.join(map(repr, BACKBONES))}")
    if BACKBONES[name] in sys.modules:
        return sys.modules[BACKBONES[name]]
    from ..core.global_state import isolated_import  # imports torch, for which `facekit --help` does not wait

    with isolated_import():
        return importlib.import_module(BACKBONES[name])
