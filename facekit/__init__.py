"""facekit: label a few faces, get your own face model, see it work."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Name -> module: imported at first use, so that `import facekit` costs next to nothing.
_WHERE = {
    **dict.fromkeys(("adapt", "predict", "evaluate", "evaluate_by", "load_backbone"), "api"),
    **dict.fromkeys(("load_image", "ImageError"), "images"),
    "adapt_labels": "relabelling",
    "pretrain": "pretraining",
    **dict.fromkeys(("Model", "load"), "model"),
    "Adaptation": "recipes",
    "find_faces": "detection",
    **dict.fromkeys(("match", "explain"), "language"),
    "uncertainty": "backbones.pftgan.uncertainty",
}

if TYPE_CHECKING:
    from .api import adapt, evaluate, evaluate_by, load_backbone, predict
    from .backbones.pftgan.uncertainty import uncertainty
    from .detection import find_faces
    from .images import ImageError, load_image
    from .language import explain, match
    from .model import Model, load
    from .pretraining import pretrain
    from .recipes import Adaptation
    from .relabelling import adapt_labels

__all__ = [
    "Adaptation", "ImageError", "Model", "adapt", "adapt_labels", "evaluate", "evaluate_by", "explain", "find_faces",
    "load", "load_backbone", "load_image", "match", "predict", "pretrain", "uncertainty",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"facekit has no {name!r}; its public names are {', '.join(__all__)}")
    value = getattr(importlib.import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
