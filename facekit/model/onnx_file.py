"""A trained network as an ONNX file, with what another program needs to use it: names, input, decoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..alignment import ALPHA, MEAN_FACE, MEAN_FACE_SIDE, WIDE_SCALE
from ..core.atomic_file import whole_file
from ..core.version import __version__
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..tasks import Task

_FIVE = "left eye, right eye, nose tip, left and right corner of the mouth"


def _mean_face(scale: float) -> str:
    """Return in words where the mean face lies in a crop."""
    middle = (MEAN_FACE_SIDE - 1) / 2
    places = (scale * (MEAN_FACE - middle) + middle + 0.5) / MEAN_FACE_SIDE
    return (
        f"turned, scaled and shifted (no shear) so that five points of the face come closest, in least squares, to "
        f"these places, x and y from 0 to 1 over the crop: {', '.join(f'({x:.4f}, {y:.4f})' for x, y in places)}; "
        f"they are {_FIVE}, an eye is the mean of its points"
    )


# How a program without facekit crops a face: what `facekit.alignment.FaceFramer` does, by align.
CROPS = {
    "none": "the whole image, its proportions kept, centred",
    "box": (
        "a square of about 1.6 times the longer side of the box of the face's 68 points, turned so that the eyes are "
        "about level; facekit estimates it from the box of its face finder"
    ),
    "landmarks": (
        "a square of 1.6 times the longer side of the box of the face's 68 points, turned so that the eyes are level; "
        "its centre is 0.06 of its side above the centre of the box"
    ),
    "mean": _mean_face(1.0),
    "mean-wide": _mean_face(WIDE_SCALE),
    "tanh": (
        f"{_mean_face(1.0)}; then with x and y from -1 to 1 over this crop, each is warped: v stays if "
        f"|v| <= {1 - ALPHA:.4g}, else it becomes sign(v) * ({1 - ALPHA:.4g} + {ALPHA:g} * tanh((|v| - "
        f"{1 - ALPHA:.4g}) / {ALPHA:g})), so that the warped crop shows the surroundings, too"
    ),
    "ffhq": (
        "a square around E + 0.1 * d, where E is the middle of the eyes and d leads from E to the middle of the mouth "
        "corners; half its side is the larger of 2 times the distance of the eyes and 1.8 times |d|; its x axis "
        "is the vector from the left to the right eye plus d turned by 90 degrees to the right eye's side"
    ),
    "haar": (
        "a square of 1.43 times the window of OpenCV's Haar cascade, its centre 0.063 of its side lower, turned so "
        "that the eyes are about level"
    ),
}


def check_onnx() -> None:
    """Raise ImportError if the extra ``onnx``, which the export needs, is not installed."""
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError('ONNX export needs the extra packages: pip install -e ".[onnx]"') from error


def write_onnx(path: Path, network: nn.Module, example: torch.Tensor, task: Task, align: str, averaged: bool) -> None:
    """Write a network and its description.

    The texts are in the file's metadata: "facekit" (version), "task", "names" (a JSON list), "sides" (whose left is
    meant), "align", "input", "crop", "decoding" and, if predictions of facekit do more, "mirroring".

    Args:
        path: The .onnx file.
        network: The network: images (N, 3, S, S) to maps.
        example: Images of the right shape, at least two.
        task: What the maps mean.
        align: How `facekit.predict` crops faces for this network.
        averaged: Whether `facekit.predict` also runs the mirrored image.

    Raises:
        ImportError: If the extra ``onnx`` is not installed.
    """
    check_onnx()
    program: Any = torch.onnx.export(
        network,
        (example,),
        input_names=["image"],
        output_names=["maps"],
        dynamo=True,
        dynamic_shapes={"x": {0: torch.export.Dim("batch")}},
        verbose=False,
    )
    program.model.metadata_props.update(_description(task, example.shape[-1], align, averaged))
    with whole_file(path) as temporary:
        program.save(str(temporary), external_data=False)


def _description(task: Task, side: int, align: str, averaged: bool) -> dict[str, str]:
    """Return the texts of the metadata."""
    texts = {
        "facekit": __version__,
        "task": task.name,
        "names": json.dumps(_names(task.labels)),
        "sides": "left and right in names are the viewer's: left_eye is on the left of the image",
        "align": align,
        "input": (
            f"image: float32 (N, 3, {side}, {side}), RGB in [0, 1], each the crop of a face; the image is mirrored at "
            "its edges where the crop reaches beyond them"
        ),
        "crop": CROPS[align],
        "decoding": task.decoding(side),
    }
    if averaged:
        texts["mirroring"] = (
            "facekit.predict also runs the mirrored image and takes the mean of both maps, before a label adapter. The "
            "maps of the mirrored image are turned back first: mirrored, with left and right names exchanged."
        )
    return texts


def _names(labels: LandmarkSet | SegmentationSet | AttributeSet | None) -> tuple[str, ...]:
    """Return the names of the points, classes or attributes."""
    if labels is None:
        return ()
    if isinstance(labels, LandmarkSet):
        return labels.points
    return labels.classes if isinstance(labels, SegmentationSet) else labels.names
