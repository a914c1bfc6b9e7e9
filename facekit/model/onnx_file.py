"""A trained network as an ONNX file, with what another program needs to use it: names, input, decoding."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..core.atomic_file import whole_file
from ..core.version import __version__
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..tasks import Task


def write_onnx(path: Path, network: nn.Module, example: torch.Tensor, task: Task, align: str, averaged: bool) -> None:
    """Write a network and its description.

    The texts are in the file's metadata: "facekit" (version), "task", "names" (a JSON list), "align", "input",
    "decoding" and, if predictions of facekit do more, "mirroring".

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
    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError('ONNX export needs the extra packages: pip install -e ".[onnx]"') from error
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
    cropped = "a face crop" if align == "none" else f"a face crop of facekit's align={align!r}"
    texts = {
        "facekit": __version__,
        "task": task.name,
        "names": json.dumps(_names(task.labels)),
        "align": align,
        "input": f"image: float32 (N, 3, {side}, {side}), RGB in [0, 1], each {cropped}",
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
