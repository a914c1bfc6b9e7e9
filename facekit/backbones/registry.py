"""Registry of the backbones by name."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ..core.arguments import check_choice

if TYPE_CHECKING:
    from .base import Backbone

# Name -> "module:class". Modules are imported at first use, for timm and open_clip take seconds.
_CLASSES = {
    "fsma": "facekit.backbones.fsma.backbone:FSMA",
    "farl": "facekit.backbones.farl.backbone:FaRL",
    "synthparse": "facekit.backbones.synthparse.backbone:SynthParse",
    "pftgan": "facekit.backbones.pftgan.backbone:PFTGAN",
}
# Name in ``pretrain(...)`` -> backbone. The same as the ``pretrainings`` of the classes above.
_PRETRAININGS = {"fsma": "fsma", "farl": "farl", "tokenizer": "farl", "stylegan2": "pftgan", "inversion": "pftgan"}
_REGISTERED: dict[str, type[Backbone]] = {}


def register(backbone: type[Backbone]) -> type[Backbone]:
    """Add a backbone under its name. Usable as a class decorator.

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


def pretrainings() -> dict[str, str]:
    """Return the backbone of each pre-training, by the name of the pre-training."""
    registered = {kind: name for name, backbone in _REGISTERED.items() for kind in backbone.pretrainings}
    return _PRETRAININGS | registered


def backbone_class(name: str) -> type[Backbone]:
    """Return the class of a backbone.

    Raises:
        ValueError: If there is no backbone of that name. The message lists them.
    """
    check_choice(name, "backbone", backbone_names())
    if name in _REGISTERED:
        return _REGISTERED[name]
    module, _, attribute = _CLASSES[name].partition(":")
    from ..core.global_state import isolated_import  # imports torch, for which `facekit --help` does not wait

    with isolated_import():
        found: type[Backbone] = getattr(importlib.import_module(module), attribute)
    return found
