"""Commands that compare faces with texts: match, explain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand

# Images that are decoded at once.
_AT_ONCE = 16


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "match",
        _match,
        "print which of several texts fits a face best, as probabilities",
        'facekit match photos "a smiling woman" "a man with a beard" --align box',
    )
    p.add_argument("images", help="an image or a folder, one face per image")
    p.add_argument("texts", nargs="+", metavar="TEXT", help="two texts or more; their probabilities have the sum 1")
    _add_options(p)

    p = command(
        "explain",
        _explain,
        "draw where in a face a text is found",
        'facekit explain face.jpg "a smiling woman" --out smile.png',
    )
    p.add_argument("image", help="an image with one face")
    p.add_argument("text", help="what to look for, as a sentence")
    p.add_argument("--out", required=True, help="the .png, .jpg or .json file to write")
    _add_options(p)


def _add_options(p: argparse.ArgumentParser) -> None:
    p.add_argument("--weights", default="auto", help="farl's: auto, embedded, official or a file with a text encoder")
    p.add_argument("--align", default="none", choices=ALIGN, help="how faces are framed; none: images are face crops")


def _match(a: argparse.Namespace) -> Any:
    from ..api.text_matching import match
    from ..images.reader import list_images

    if len(a.texts) < 2:
        raise ValueError(f"{a.texts[0]!r}: got one text, expected two or more to choose between; add another text")
    images = list_images(a.images) if Path(a.images).is_dir() else [Path(a.images)]
    found = {}
    for start in range(0, len(images), _AT_ONCE):
        some = images[start : start + _AT_ONCE]
        for image, row in zip(some, match(some, a.texts, weights=a.weights, align=a.align), strict=True):
            found[image.name] = {text: round(float(p), 4) for text, p in zip(a.texts, row, strict=True)}
            if not a.json:
                best = sorted(found[image.name].items(), key=lambda item: -item[1])
                print(f"{image.name}: {', '.join(f'{text} {100 * p:.1f} %' for text, p in best)}", flush=True)
    return {"results": found} if a.json else {}


def _explain(a: argparse.Namespace) -> Any:
    from ..api.text_matching import explain
    from ..core.output_paths import check_output

    target = check_output(a.out, (".png", ".jpg", ".jpeg", ".json"))
    explain(a.image, a.text, weights=a.weights, align=a.align).save(target)
    return {"out": a.out, "text": a.text}
