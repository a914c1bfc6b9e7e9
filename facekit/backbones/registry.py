"""Registry of the backbones by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Backbone

# Name -> "module:class". Modules are imported at first use, for timm and open_clip take seconds.
_CLASSES = {
    "fsma": "facekit.backbones.fsma.backbone:FSMA",
    "farl": "facekit.backbones.farl.backbone:FaRL",
    "synthparse": "facekit.backbones.synthparse.backbone:SynthParse",
    "pftgan": "facekit.backbones.pftgan.backbone:PFTGAN",
}
_REGISTERED: dict[str, type[Backbone]] = {}


def register(backbone: type[Backbone]) -> type[Backbone]:
    """Make a backbone known by its name. Usable as a class decorator.

    Raises:
        ValueError: If another backbone has the name already.
    """
    if backbone.name in _CLASSES or _REGISTERED.get(backbone.name, backbone) is not backbone:
        raise ValueError(f"backbone {backbone.name!r} is registered already; choose another name")
    _REGISTERED[backbone.name] = backbone
    return backbone


def backbone_names() -> list[str]:
    """Return the names of all backbones."""
    return [*_CLASSES, *_REGISTERED]


def backbone_class(name: str) -> type[Backbone]:
    """Return the class of a backbone.

    Raises:
        ValueError: If there is no backbone of that name. The message lists them.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    if name not in _CLASSES:
        raise ValueError(f"backbone={name!r}: expected one of {', '.join(map(repr, backbone_names()))}")
    module, _, attribute = _CLASSES[name].partition(":")
    from ..core.global_state import isolated_import  # imports torch, for which `facekit --help` does not wait

    with isolated_import():
        found: type[Backbone] = getattr(importlib.import_module(module), attribute)
    return found
