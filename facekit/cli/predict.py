"""Commands that run a model on images."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import AddCommand, model_of


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command("predict", _predict, "run a model on pictures")
    p.add_argument("model", help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...")
    p.add_argument("images", help="a picture or a folder")
    p.add_argument("--out", help="folder for one drawing and one JSON file a picture")


def _predict(a: argparse.Namespace) -> Any:
    from ..api import predict
    from ..images import read_pictures
    from ..results import Faces

    model = model_of(a.model)
    pictures = read_pictures(a.images, on_error="skip")
    out = Path(a.out) if a.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, array in zip(pictures.names, pictures.arrays, strict=True):
        result = predict(model, array)
        found[name] = result.to_dict()
        if out is not None:
            stem = Path(name).name.replace(" ", "_")
            result.save(out / f"{stem}.json")
            result.save(out / f"{stem}.png")
        if not a.json:
            print(f"{name}: {len(result)} faces" if isinstance(result, Faces) else f"{name}: 1 face")
    return (
        {"results": found, "skipped": pictures.skipped}
        if a.json
        else {"pictures": len(found), "skipped": pictures.skipped}
    )
