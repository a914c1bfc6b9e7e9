"""`facekit.load_backbone`."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, Literal, overload

from ..core.arguments import check_name, check_path, suggestion
from ..core.global_state import default_settings, preserved_random_state
from ..model import find_backbone

if TYPE_CHECKING:
    from ..backbones.farl.image_text_model import ImageTextModel
    from ..backbones.fsma.autoencoder import AutoEncoder
    from ..backbones.pftgan.model import GeneratorWithEncoder
    from ..backbones.synthparse.network import ParserNetwork


@overload
def load_backbone(name: Literal["fsma"], weights: str | os.PathLike[str] = "auto", **options: Any) -> AutoEncoder: ...
@overload
def load_backbone(
    name: Literal["farl"], weights: str | os.PathLike[str] = "auto", **options: Any
) -> ImageTextModel: ...
@overload
def load_backbone(
    name: Literal["pftgan"], weights: str | os.PathLike[str] = "auto", **options: Any
) -> GeneratorWithEncoder: ...
@overload
def load_backbone(
    name: Literal["synthparse"], weights: str | os.PathLike[str] = "auto", **options: Any
) -> ParserNetwork: ...
@overload
def load_backbone(name: str, weights: str | os.PathLike[str] = "auto", **options: Any) -> Any: ...
@default_settings()
def load_backbone(name: str, weights: str | os.PathLike[str] = "auto", **options: Any) -> Any:
    """Load a pretrained backbone by itself, in evaluation mode.

    Args:
        name: "fsma", "pftgan", "synthparse" or "farl".
        weights: "auto", "embedded", "official", "none" (random), or a file. Each backbone's ``load`` says which it has.
        **options: Arguments of the backbone's own ``load``, such as pftgan's ``inversion``.

    Returns:
        A torch module with ``features(x)``, and with those of ``encode(x)``, ``decode(z)``, ``reconstruct(x)``,
        ``generate(z)``, ``synthesize(w)`` and ``encode_text(texts)`` that the backbone has. ``x`` is RGB in [0, 1] of
        shape (N, 3, S, S).

    Raises:
        ValueError: If there is no such backbone, or the weights do not fit.
        TypeError: If the backbone has no such option.

    Example:
        >>> maps = facekit.load_backbone("farl").features(x)
    """
    check_name(name, "name")
    check_path(weights, "weights")
    load = find_backbone(name).load
    known = inspect.signature(load).parameters
    unknown = next((option for option in options if option not in known), None)
    if unknown is not None:
        raise TypeError(
            f"backbone {name!r} has no option {unknown!r}: expected one of {', '.join(known)}; "
            + suggestion(unknown, known, "correct or leave it out")
        )
    with preserved_random_state():
        return load(weights, **options)
