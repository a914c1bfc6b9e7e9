"""Build vision transformers of timm, with weights of timm, of a file, or random ones."""

from __future__ import annotations

import os
from typing import Any

from torch import Tensor

from ..core.global_state import isolated_import
from ..core.weight_files import check_names, first_names, read_weights


def new_vit(name: str, field: str, weights: str | os.PathLike[str] | None, **settings: int | None) -> Any:
    """Build a vision transformer without a classifier.

    Args:
        name: Name in timm.
        field: Name of the caller's argument, for messages.
        weights: None (random), "pretrained" (timm downloads them) or a file.
        **settings: ``img_size`` and ``patch_size`` in pixels. None is the model's own.

    Returns:
        The module of timm, with ``blocks`` and ``forward_intermediates``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If timm has no such model, if it is no vision transformer, or if the file or the settings do not
            fit it.
    """
    with isolated_import():
        import timm  # takes seconds

    # timm would download names such as "hf-hub:..." from the web.
    if not timm.is_model(name):
        raise ValueError(
            f"{field}={name!r}: timm has no such model, expected a vision transformer; timm.list_models('vit*') lists "
            "some"
        )
    chosen: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    state = None if weights is None or weights == "pretrained" else _vit_file(weights)
    # With num_classes=0, timm loads all tensors or none.
    overlay = None if state is None else {"state_dict": state, "custom_load": False, "num_classes": 0}
    try:
        vit: Any = timm.create_model(
            name, pretrained=weights is not None, pretrained_cfg_overlay=overlay, num_classes=0, **chosen
        )
    except TypeError as error:
        raise ValueError(f"{field}={name!r}: expected a vision transformer, but it takes no {error}") from error
    except RuntimeError as error:
        if weights is not None and state is not None:
            expected = timm.create_model(name, num_classes=0, **chosen).state_dict()
            check_names(weights, state, expected, f"timm's {name}")
        raise ValueError(
            f"{field}={name!r} cannot be built with {chosen} and weights={str(weights)!r}, expected sizes that fit it "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    if not hasattr(vit, "forward_intermediates") or not hasattr(vit, "blocks"):
        raise ValueError(f"{field}={name!r}: expected a vision transformer; timm.list_models('vit*') lists some")
    return vit


def _vit_file(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the tensors of a ViT, without MAE's decoder and classifiers."""
    anchors = ["patch_embed.proj.weight", "patch_embed.backbone.stem.conv.weight"]
    remedy = "have timm download them ('pretrained', for a tower 'official')"
    tensors = read_weights(path, "a vision transformer of timm or MAE", remedy, anchors).tensors
    # The mask token of DINOv2 is part of timm's model.
    dropped = ("head.", "head_dist.", *(("decoder_", "mask_token") if any("decoder_" in k for k in tensors) else ()))
    kept = {k: v for k, v in tensors.items() if not k.startswith(dropped)}
    # Without tensors, timm would download some.
    if not kept:
        raise ValueError(f"{path}: expected the tensors of a vision transformer, got {first_names(tensors)}")
    return kept
