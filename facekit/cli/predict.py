"""Commands that run a model on images."""

from __future__ import annotations

import argparse
import errno
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand

_FORMATS = ("json", "drawing", "mask", "labelme", "coco")
# Names of skipped images in one warning.
_LISTED = 5


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "predict",
        _predict,
        "run a model on images, one after the other; the same command again goes on where it was stopped",
        "facekit predict segmentation photos --out results --format mask drawing",
    )
    p.add_argument("model", help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...")
    p.add_argument("images", help="an image or a folder")
    p.add_argument(
        "--out",
        help="folder for the results. Images with finished results of the same model and options are not run again",
    )
    p.add_argument(
        "--format",
        nargs="+",
        action="extend",
        choices=_FORMATS,
        help="what to write to --out. json: numbers (a.jpg.json); drawing: the image with the result (a.jpg.png); "
        "mask: class ids as PNG (masks/a.jpg.png); labelme: one label file per image (labelme/a.jpg.json); coco: one "
        "label file of all images (coco.json). The default is json and drawing",
    )
    p.add_argument("--align", choices=ALIGN, help="how faces are framed, instead of the model's own way")
    p.add_argument("--device", help="where to run: cpu, cuda, cuda:1, mps")


def _predict(a: argparse.Namespace) -> Any:
    from ..core.output_paths import OutputError
    from ..images.reader import list_images
    from ..model import resolve_model
    from ..model.prediction import predict_stream
    from .json_stream import JsonStream
    from .label_formats import faces_of
    from .result_files import ResultFiles

    if a.format and a.out is None:
        raise ValueError(
            f"--format {' '.join(a.format)}: got no --out, expected a folder to write to; add --out FOLDER"
        )
    formats = set(a.format or ("json", "drawing")) | ({"json"} if a.json else set())
    source = Path(a.images)
    images = list_images(source) if source.is_dir() else [source]
    folder = source if source.is_dir() else source.parent
    if a.out is not None and "drawing" in formats and Path(a.out).resolve() == folder.resolve():
        fix = "the drawings would be read as images the next time"
        raise ValueError(f"--out {a.out}: got the folder of the images, expected another one; {fix}")
    model = resolve_model(a.model, a.device)
    files = None
    if a.out is not None:
        files = ResultFiles(a.out, formats, model, a.model, folder, a.align or model.align)
    finished = [image for image in images if files is not None and files.finished(image)]
    stream = JsonStream() if a.json else None
    if files is not None and stream is not None:
        for image in finished:
            stream.add(image.name, files.stored(image))
    elif finished:
        print(f"{len(finished)} of {len(images)} images have results already", flush=True)
    known = set(finished)
    waiting = {image.name: image for image in images if image not in known}
    skipped: dict[str, str] = {}
    made = 0
    for name, outcome in predict_stream(model, _readable(waiting.values(), skipped), a.align):
        if files is not None:
            try:
                files.write(waiting[name], outcome)
            except OutputError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                skipped[name] = str(error)
                continue
        made += 1
        if stream is not None:
            stream.add(name, json.dumps(outcome.to_dict()))
        else:
            count = len(faces_of(outcome))
            print(f"{name}: {count} face{'' if count == 1 else 's'}", flush=True)
    _tell_skipped(skipped, len(images))
    if files is not None:
        files.close(image for image in images if image.name not in skipped)
    if stream is not None:
        stream.close(skipped=skipped)
        return None
    return {"images": len(finished) + made, "skipped": skipped}


def _readable(images: Any, skipped: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """(name, RGB array) of every image that can be read; the reasons of the others go to `skipped`."""
    from ..images.reader import ImageError, load_image

    for image in images:
        try:
            array = load_image(image)
        except ImageError as error:
            skipped[image.name] = str(error).removeprefix(f"{image.name}: ")
            continue
        yield image.name, array


def _tell_skipped(skipped: dict[str, str], count: int) -> None:
    """Warn of the skipped images. Raises ImageError where none of all images could be used."""
    from ..images.reader import ImageError

    if not skipped:
        return
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    listing += f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    if len(skipped) == count == 1:
        raise ImageError(listing)
    if len(skipped) == count:
        raise ImageError(f"none of the {count} images can be read: {listing}")
    warnings.warn(f"{len(skipped)} of {count} images skipped: {listing}", stacklevel=2)
