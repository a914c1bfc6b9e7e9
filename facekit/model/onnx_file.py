"""A trained network as an ONNX file, with what another program needs to use it: names, input, decoding."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..alignment import ALPHA, MEAN_FACE, MEAN_FACE_SIDE, WIDE_SCALE
from ..core.atomic_file import whole_file
from ..core.version import __version__
from ..labels import ATTRIBUTE_SETS, LANDMARK_SETS, SEGMENTATION_SETS, AttributeSet, LandmarkSet, SegmentationSet
from ..labels.sides import sides_of
from ..tasks import Task

_FIVE = "left eye, right eye, nose tip, left and right corner of the mouth (left is the viewer's left)"
_SQUARE = (
    "1.6 times the longer side of the upright box of the face's 68 points; its centre is 0.06 of its side above the "
    "centre of the box"
)


def _mean_face(scale: float) -> str:
    """Return in words where the mean face lies in a crop."""
    middle = (MEAN_FACE_SIDE - 1) / 2
    places = (scale * (MEAN_FACE - middle) + middle + 0.5) / MEAN_FACE_SIDE
    return (
        "turned, scaled and shifted (no shear) so that five points of the face come closest, in least squares, to "
        f"these places, x and y over the crop's side: {', '.join(f'({x:.4f}, {y:.4f})' for x, y in places)}; they are "
        f"{_FIVE}, an eye is the mean of its points; 0 is the outer edge of the first pixel and 1 that of the last, so "
        "pixel i of S has its centre at (i + 0.5) / S"
    )


# How a program without facekit crops a face: what `facekit.alignment.FaceFramer` does, by align.
CROPS = {
    "none": "the whole image, its proportions kept, centred",
    "box": (
        f"a square, turned so that the eyes are about level; in the turned image its side is about {_SQUARE}; facekit "
        "estimates it from the box of its face finder"
    ),
    "landmarks": (
        f"a square, turned so that the eyes are level; in the turned image its side is {_SQUARE}; the points are those "
        "that a landmark model, such as facekit's, finds in a first, rough crop of this kind"
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
        "is the vector from the viewer's left to the right eye plus d turned by 90 degrees to the right eye's side"
    ),
    "haar": (
        "a square of 1.43 times the window of OpenCV's Haar cascade, its centre lower by 0.063 of the window's side, "
        "turned so that the eyes are about level"
    ),
}


def check_onnx() -> None:
    """Raise ImportError if the extra ``onnx``, which the export needs, is not installed."""
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError('ONNX export needs the extra packages: pip install -e ".[onnx]"') from error


def write_onnx(
    path: Path,
    network: nn.Module,
    example: torch.Tensor,
    task: Task,
    align: str,
    averaged: bool,
    adapted: bool,
) -> None:
    """Write a network and its description.

    The texts are in the file's metadata: "facekit" (version), "task", "names" (a JSON list), "sides" (whose left is
    meant, if names have sides), "align", "input", "crop" and "decoding". If `facekit.predict` also runs the mirrored
    image, there is "mirroring", and with names "mirrored_order" (a JSON list of indices).

    Args:
        path: The .onnx file.
        network: The network: images (N, 3, S, S) to maps.
        example: Images of the right shape, at least two.
        task: What the maps mean.
        align: How `facekit.predict` crops faces for this network.
        averaged: Whether `facekit.predict` also runs the mirrored image.
        adapted: Whether the network ends with a label adapter.

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
    program.model.metadata_props.update(_description(task, example.shape[-1], align, averaged, adapted))
    with whole_file(path) as temporary:
        program.save(str(temporary), external_data=False)


def _description(task: Task, side: int, align: str, averaged: bool, adapted: bool) -> dict[str, str]:
    """Return the texts of the metadata."""
    texts = {
        "facekit": __version__,
        "task": task.name,
        "names": json.dumps(_names(task.labels)),
        "align": align,
        "input": (
            f"image: float32 (N, 3, {side}, {side}), RGB in [0, 1], each the crop of a face. Where the photo has more "
            "pixels than the crop, they are averaged (area filter); else it is interpolated linearly. The photo is "
            "mirrored at its edges where the crop reaches beyond them."
        ),
        "crop": CROPS[align],
        "decoding": task.decoding(side),
    }
    if task.labels is not None and _have_sides(_names(task.labels)):
        texts["sides"] = _sides(task.labels)
    if averaged:
        texts |= _mirroring(task, adapted)
    return texts


def _have_sides(names: Sequence[str]) -> bool:
    """Return whether some names are pairs of left and right."""
    return any(i != other for i, other in enumerate(sides_of(names).flip))


def _sides(labels: LandmarkSet | SegmentationSet | AttributeSet) -> str:
    """Return in words whose left the names mean."""
    if labels.name in {*LANDMARK_SETS, *SEGMENTATION_SETS, *ATTRIBUTE_SETS}:
        return "left and right in names are the viewer's: left_eye is on the left of the image"
    return "left and right in names are as in the labels that this model was trained on"


def _mirroring(task: Task, adapted: bool) -> dict[str, str]:
    """Return the texts about the mirrored image."""
    also = "facekit.predict also runs the mirrored image and takes the mean of both maps"
    if adapted:
        return {"mirroring": f"{also} before the label adapter, which is inside this file; run the image alone."}
    if task.labels is None:
        return {"mirroring": f"{also}. Those of the mirrored image are mirrored first."}
    turned = "" if isinstance(task.labels, AttributeSet) else "mirrored, and "
    return {
        "mirroring": (
            f"{also}. Those of the mirrored image are first {turned}put in the order of mirrored_order: map i is their "
            "map mirrored_order[i]."
        ),
        "mirrored_order": json.dumps(task.labels.flip),
    }


def _names(labels: LandmarkSet | SegmentationSet | AttributeSet | None) -> tuple[str, ...]:
    """Return the names of the points, classes or attributes."""
    if labels is None:
        return ()
    if isinstance(labels, LandmarkSet):
        return labels.points
    return labels.classes if isinstance(labels, SegmentationSet) else labels.names
