"""Commands that compare faces with texts: match, explain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand

# Number of images that are decoded together. Memory does not grow with the size of a folder.
_BATCH = 16


def add_commands(add_command: AddCommand) -> None:
    """Add the commands of this module to the parser."""
    p = add_command(
        "match",
        _match,
        "print the probability of each of several texts for a face",
        'facekit match photos "a smiling woman" "a man with a beard" --align box',
    )
    p.add_argument("images", help="an image or a folder, one face per image")
    p.add_argument("texts", nargs="+", metavar="TEXT", help="two texts or more; their probabilities have the sum 1")
    _add_options(p)

    p = add_command(
        "explain",
        _explain,
        "draw which pixels of a face match a text",
        'facekit explain face.jpg "a smiling woman" --out smile.png',
    )
    p.add_argument("image", help="an image with one face")
    p.add_argument("text", help="a sentence about the face")
    p.add_argument("--out", required=True, help="the .png, .jpg or .json file to write")
    _add_options(p)


def _add_options(p: argparse.ArgumentParser) -> None:
    """Add the options that both commands have."""
    p.add_argument("--weights", default="auto", help="of farl: auto, embedded, official or a file with a text encoder")
    p.add_argument("--align", default="none", choices=ALIGN, help="how faces are cropped; none: images are face crops")
    p.add_argument("--device", help="where to run: cpu, cuda, cuda:1, mps")


def _match(args: argparse.Namespace) -> Any:
    """Run `facekit match`."""
    from ..api.text_matching import match
    from ..images.reader import list_images

    if len(args.texts) < 2:
        raise ValueError(f"{args.texts[0]!r}: got one text, expected two or more to choose between; add another text")
    images = list_images(args.images) if Path(args.images).is_dir() else [Path(args.images)]
    options = {"weights": args.weights, "align": args.align, "device": args.device}
    results = {}
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        for image, row in zip(batch, match(batch, args.texts, **options), strict=True):
            results[image.name] = {text: round(float(p), 4) for text, p in zip(args.texts, row, strict=True)}
            if not args.json:
                ranked = sorted(results[image.name].items(), key=lambda item: -item[1])
                print(f"{image.name}: {', '.join(f'{text} {100 * p:.1f} %' for text, p in ranked)}", flush=True)
    return {"results": results} if args.json else None


def _explain(args: argparse.Namespace) -> Any:
    """Run `facekit explain`."""
    from ..api.text_matching import explain
    from ..core.output_paths import check_output

    target = check_output(args.out, (".png", ".jpg", ".jpeg", ".json"))
    explain(args.image, args.text, weights=args.weights, align=args.align, device=args.device).save(target)
    return {"out": args.out, "text": args.text}
