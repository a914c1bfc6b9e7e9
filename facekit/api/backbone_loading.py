"""Load a backbone by its name."""

from __future__ import annotations

import inspect
import logging
import os
from typing import Any

from ..backbones import backbone_module
from ..core.arguments import check_name, check_path
from ..core.global_state import default_settings, preserved_random_state

log = logging.getLogger("facekit")


@default_settings()
def load_backbone(name: str, weights: str | os.PathLike[str] = "auto", **options: Any) -> Any:
    """A backbone by itself: `features(x)`, and where it has them `encode(x)`, `decode(z)`, `reconstruct(x)`,
    `generate(z)` and `synthesize(w)`; x (N,3,S,S) RGB in [0, 1]. options: of the backbone's own `load`, such as
    pftgan's `inversion`."""
    check_name(name, "name")
    check_path(weights, "weights")
    module = backbone_module(name)
    known = inspect.signature(module.load).parameters
    unknown = next((option for option in options if option not in known), None)
    if unknown is not None:
        raise TypeError(
            f"backbone {name!r} has no option {unknown!r}: expected one of {', '.join(known)}; correct or leave it out"
        )
    with preserved_random_state():
        return module.load(weights, **options)
