"""The table of backbones: one folder a paper."""

from __future__ import annotations

from typing import Any

from . import fsma

BACKBONES: dict[str, Any] = {"fsma": fsma}


def backbone_module(name: str) -> Any:
    """The backbone of that name. Raises ValueError that lists the ones this version has."""
    if name not in BACKBONES:
        raise ValueError(f"backbone={name!r}: this version has {', '.join(map(repr, BACKBONES))}")
    return BACKBONES[name]
