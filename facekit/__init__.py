"""facekit: label a few faces, get your own face model, see it work."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .core.version import __version__ as __version__

# Name -> module: imported at first use, so that `import facekit` costs next to nothing.
_MODULES = {
    "adapt": "api.adaptation",
    "compare": "comparison.comparison",
    "learning_curve": "comparison.learning_curve",
    "predict": "api.prediction",
    **dict.fromkeys(("evaluate", "evaluate_by"), "api.evaluation"),
    "load_backbone": "api.backbone_loading",
    "adapt_labels": "api.label_adaptation",
    "pretrain": "api.pretraining",
    "distill": "api.distillation",
    **dict.fromkeys(("match", "explain"), "api.text_matching"),
    "suggest": "api.suggestion",
    "uncertainty": "api.uncertainty",
    **dict.fromkeys(("Model", "load"), "model"),
    "Adaptation": "training.config",
    "find_faces": "detection",
    **dict.fromkeys(("load_image", "ImageError"), "images"),
}

# Subpackages that are imported at first use, too: facekit.data.samples(), facekit.results.read().
_PACKAGES = ("data", "results")

if TYPE_CHECKING:
    from . import data, results
    from .api.adaptation import adapt
    from .api.backbone_loading import load_backbone
    from .api.distillation import distill
    from .api.evaluation import evaluate, evaluate_by
    from .api.label_adaptation import adapt_labels
    from .api.prediction import predict
    from .api.pretraining import pretrain
    from .api.suggestion import suggest
    from .api.text_matching import explain, match
    from .api.uncertainty import uncertainty
    from .comparison.comparison import compare
    from .comparison.learning_curve import learning_curve
    from .detection.face_finder import find_faces
    from .images.reader import ImageError, load_image
    from .model import Model, load
    from .training.config import Adaptation

__all__ = [
    "Adaptation",
    "ImageError",
    "Model",
    "adapt",
    "adapt_labels",
    "compare",
    "data",
    "distill",
    "evaluate",
    "evaluate_by",
    "explain",
    "find_faces",
    "learning_curve",
    "load",
    "load_backbone",
    "load_image",
    "match",
    "predict",
    "pretrain",
    "results",
    "suggest",
    "uncertainty",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULES:
        from .core.arguments import suggestion

        listing = f"its public names are {', '.join(__all__)}"
        raise AttributeError(f"facekit has no {name!r}: {suggestion(name, __all__, listing)}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
