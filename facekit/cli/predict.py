"""The command that runs models on images: predict."""

from __future__ import annotations

import argparse
import errno
import json
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .command import ALIGN, AddCommand

_FORMATS = ("json", "drawing", "mask", "labelme", "coco", "csv")
# Number of skipped images that a warning names.
_LISTED = 5


def add_commands(add_command: AddCommand) -> None:
    """Add the command of this module to the parser."""
    p = add_command(
        "predict",
        _predict,
        "run a model on images, one after the other, or several models on many images in several processes; run the "
        "same command again to continue after a stop",
        "facekit predict segmentation photos --out results --format mask drawing",
    )
    p.add_argument(
        "model",
        nargs="+",
        metavar="MODEL",
        help="a .facekit file, or a ready model: 'landmarks', 'segmentation', 'attributes', ...; then an image or a "
        "folder (MODEL IMAGES). With --images, one or several models",
    )
    p.add_argument(
        "--images",
        help="many images: a folder, .tar shards or a folder of them, or a .parquet or .csv listing with a column URL. "
        "The results are a table in --out, as Parquet files. Start with torchrun or accelerate for several processes",
    )
    p.add_argument("--per-part", type=int, help="with --images: images per Parquet file; the default is 1000")
    p.add_argument(
        "--workers", type=int, help="with --images: threads that decode images and search for faces; the default is 2"
    )
    p.add_argument(
        "--out",
        help="folder for the results. Images that have results of the same model and options are not run again",
    )
    p.add_argument(
        "--format",
        nargs="+",
        action="extend",
        choices=_FORMATS,
        help="files to write to --out. json: numbers (a.jpg.json); drawing: the image with the result (a.jpg.png); "
        "mask: class ids as PNG (masks/a.jpg.png); labelme: one label file per image (labelme/a.jpg.json); coco: one "
        "label file of all images (coco.json); csv: a table of all faces (faces.csv). The default is json and drawing",
    )
    p.add_argument("--align", choices=ALIGN, help="how faces are cropped; the default is the model's own way")
    p.add_argument("--device", help="where to run: cpu, cuda, cuda:1, mps")


def _predict(args: argparse.Namespace) -> Any:
    """Run `facekit predict`."""
    return _predict_files(args) if args.images is None else _predict_table(args)


def _predict_table(args: argparse.Namespace) -> Any:
    """Run `facekit predict --images`. Return the summary in the first process of several, None in all others."""
    from ..api.table_prediction import predict_table

    if args.out is None or args.format:
        got = f"--format {' '.join(args.format)}" if args.format else "no --out"
        raise ValueError(f"--images {args.images}: expected --out FOLDER for a table, got {got}; change that option")
    options = {"per_part": args.per_part, "workers": args.workers}
    given = {name: value for name, value in options.items() if value is not None}
    return predict_table(
        args.model, args.images, args.out, align=args.align, device=args.device, progress=not args.json, **given
    )


def _predict_files(args: argparse.Namespace) -> Any:
    """Run `facekit predict MODEL IMAGES`."""
    from ..core.output_paths import OutputError
    from ..model import resolve_model
    from ..model.prediction import predict_stream
    from .json_stream import JsonStream
    from .label_formats import faces_of
    from .result_files import ResultFiles

    name_or_file, formats, images, folder = _check_options(args)
    model = resolve_model(name_or_file, args.device)
    files = None
    if args.out is not None:
        files = ResultFiles(args.out, formats, model, name_or_file, folder, args.align or model.align)
    finished = [image for image in images if files is not None and files.finished(image)]
    stream = JsonStream() if args.json else None
    if files is not None and stream is not None:
        for image in finished:
            stream.add(image.name, files.stored(image))
    elif finished:
        print(f"{len(finished)} of {len(images)} images have results already", flush=True)
    finished_set = set(finished)
    waiting = {image.name: image for image in images if image not in finished_set}
    skipped: dict[str, str] = {}
    count = 0
    for name, result in predict_stream(model, _readable(waiting.values(), skipped), args.align):
        if files is not None:
            try:
                files.write(waiting[name], result)
            except OutputError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                skipped[name] = str(error)
                continue
        count += 1
        if stream is not None:
            stream.add(name, json.dumps(result.to_dict()))
        else:
            faces = len(faces_of(result))
            print(f"{name}: {faces} face{'' if faces == 1 else 's'}", flush=True)
    _report_skipped(skipped, len(images))
    if files is not None:
        files.close(image for image in images if image.name not in skipped)
    if stream is not None:
        stream.close(skipped=skipped)
        return None
    return {"images": len(finished) + count, **({"skipped": skipped} if skipped else {})}


def _check_options(args: argparse.Namespace) -> tuple[str, set[str], list[Path], Path]:
    """Return the model, the formats to write, the images and their folder.

    Raises:
        ValueError: If there is not one model and one source of images, if options need others, if there are several
            processes, or if drawings would be written among the images.
    """
    from ..images.reader import list_images
    from ..training.distributed import launched_processes

    if len(args.model) != 2:
        got = " ".join(args.model)
        raise ValueError(
            f"{got}: expected a model and an image or folder; pass two names, or several models and --images SOURCE"
        )
    if args.per_part is not None or args.workers is not None:
        raise ValueError("--per-part, --workers: expected --images SOURCE with them, got none; add it, or leave them")
    if launched_processes()[1] > 1:
        raise ValueError(
            f"{launched_processes()[1]} processes: expected --images SOURCE, got images that one process predicts; "
            "write --images before them"
        )
    model, text = args.model

    if args.format and args.out is None:
        raise ValueError(
            f"--format {' '.join(args.format)}: got no --out, expected a folder to write to; add --out FOLDER"
        )
    formats = set(args.format or ("json", "drawing")) | ({"json"} if args.json else set())
    source = Path(text)
    images = list_images(source) if source.is_dir() else [source]
    folder = source if source.is_dir() else source.parent
    if args.out is not None and "drawing" in formats and Path(args.out).resolve() == folder.resolve():
        reason = "the next run would read the drawings as images"
        raise ValueError(f"--out {args.out}: got the folder of the images, expected another one; {reason}")
    return model, formats, images, folder


def _readable(images: Iterable[Path], skipped: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Read images one after the other.

    Args:
        images: Image files.
        skipped: The reason for every image that cannot be read is added here.

    Yields:
        The name and the RGB array of every other image.
    """
    from ..images.reader import ImageError, load_image

    for image in images:
        try:
            array = load_image(image)
        except ImageError as error:
            skipped[image.name] = str(error).removeprefix(f"{image.name}: ")
            continue
        yield image.name, array


def _report_skipped(skipped: dict[str, str], count: int) -> None:
    """Warn about skipped images.

    Args:
        skipped: The reason for every skipped image.
        count: Number of all images.

    Raises:
        ImageError: If all images were skipped.
    """
    from ..images.reader import ImageError

    if not skipped:
        return
    listing = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:_LISTED])
    listing += f"; and {len(skipped) - _LISTED} more" if len(skipped) > _LISTED else ""
    if len(skipped) == count == 1:
        raise ImageError(listing)
    if len(skipped) == count:
        raise ImageError(f"none of the {count} images can be read: {listing}")
    warnings.warn(f"{len(skipped)} of {count} images skipped: {listing}", stacklevel=3)
