"""The command that measures how much the classifiers of a model disagree: uncertainty."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand

# Disagreement in nats that gets the strongest colour. If one half of the classifiers contradicts the other half, the
# disagreement is ln 2 = 0.69.
_STRONGEST = 0.35


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command(
        "uncertainty",
        _uncertainty,
        "show where the classifiers of a pftgan model disagree; label the image with the largest mean next",
        "facekit uncertainty mine.facekit photos --out maps",
    )
    p.add_argument("model", help="a .facekit file of pftgan, for segmentation, with several classifiers (members)")
    p.add_argument("images", help="an image or a folder")
    p.add_argument("--out", help="folder for a drawing (a.jpg.png) and the numbers in nats (a.jpg.npy) per image")
    p.add_argument("--align", choices=ALIGN, help="how faces are cropped; the default is the model's own way")
    p.add_argument("--device", help="where to run: cpu, cuda, cuda:1, mps")


def _uncertainty(args: argparse.Namespace) -> Any:
    """Run `facekit uncertainty`."""
    import numpy as np

    from ..api.text_matching import Explanation
    from ..api.uncertainty import uncertainty
    from ..core.atomic_file import whole_file
    from ..core.output_paths import check_output
    from ..images.reader import list_images, load_image
    from ..model import resolve_model

    out = None if args.out is None else check_output(args.out, folder=True)
    model = resolve_model(args.model, args.device)
    results: dict[str, Any] = {}
    for path in list_images(args.images) if Path(args.images).is_dir() else [Path(args.images)]:
        image = load_image(path)
        nats = np.asarray(uncertainty(model, image, align=args.align))
        # Pixels outside of all face crops are NaN.
        has_face = not np.isnan(nats).all()
        numbers = {"mean": float(np.nanmean(nats)), "max": float(np.nanmax(nats))} if has_face else None
        results[path.name] = numbers
        if not args.json:
            text = f"mean {numbers['mean']:.3f} nats, at most {numbers['max']:.3f}" if numbers else "no face"
            print(f"{path.name}: {text}", flush=True)
        if out is not None:
            heat = np.nan_to_num(nats / _STRONGEST).clip(0, 1).astype(np.float32)
            Explanation(heat, "uncertainty", image).save(out / f"{path.name}.png")
            with whole_file(out / f"{path.name}.npy") as temporary, temporary.open("wb") as file:
                np.save(file, nats)
    return {"results": results} if args.json else None
