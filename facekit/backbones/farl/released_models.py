"""Models that FaRL's authors released in facer: TorchScript archives of a fine-tuned tower with its head.

https://github.com/FacePerceiver/facer (face_parsing/farl.py, face_alignment/farl.py). An archive for parsing is the
whole network. An archive for landmarks is the head, with the tower as an attached file ``backbone``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.weight_files import check_names, first_names, likely_network, read_attached_weights, read_weights
from ...labels import (
    CELEBAMASK_19,
    LANDMARKS_19,
    LANDMARKS_68,
    LANDMARKS_98,
    LAPA_11,
    LandmarkSet,
    SegmentationSet,
)
from ...tasks import LandmarkTask, SegmentationTask, Task
from ..image_tower import CLIP_MEAN, CLIP_STD, spread_layers, tower_from_clip
from .network import DenseHead, FaRLNetwork

_EXPECTED = "a model of facer (face_parsing.farl.*.pt or face_alignment.farl.*.pt)"
# CelebAMask-HQ's classes in the order of FaRL's code (datasets/celebamask_hq.py). Left and right are the viewer's.
CELEBM_ORDER = (
    *("background", "neck", "skin", "cloth", "right_ear", "left_ear", "right_brow", "left_brow"),
    *("right_eye", "left_eye", "nose", "inner_mouth", "lower_lip", "upper_lip", "hair"),
    *("glasses", "hat", "earring", "necklace"),
)
# Label set and framing by the number of outputs. LaPa is in the data set's own order.
_PARSING: dict[int, tuple[SegmentationSet, str]] = {11: (LAPA_11, "tanh"), 19: (CELEBAMASK_19, "ffhq")}
_LANDMARKS: dict[int, LandmarkSet] = {68: LANDMARKS_68, 98: LANDMARKS_98, 19: LANDMARKS_19}


@dataclass(frozen=True)
class ReleasedModel:
    """A released network with what it predicts.

    Attributes:
        network: Tower and head in evaluation mode.
        task: The task with its label set. Mirrored images are not used, as in facer.
        align: How faces are framed.
    """

    network: FaRLNetwork
    task: Task
    align: str


def read_released(path: str | os.PathLike[str]) -> ReleasedModel:
    """Read one of facer's archives. Each of its tensors is used; nothing in it is executed.

    Args:
        path: The archive.

    Returns:
        The model. Channels of CelebAMask-HQ are brought into the order of ``celebamask19``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If tensors are missing, left over or of other shapes, or the number of outputs is unknown. The
            message names the file and the tensors.
    """
    tensors = read_weights(path, _EXPECTED).tensors
    attached = read_attached_weights(path, "backbone", _EXPECTED)
    if attached is None:
        head_prefix = "head.head."
    else:
        head_prefix = "head."
        tensors |= {f"backbone.{name}": tensor for name, tensor in attached.items()}
    visual, rest = _split(tensors, "backbone.visual.")
    pyramid, rest = _split(rest, "backbone.fpns.")
    uper, rest = _split(rest, head_prefix)
    classifier = uper.get("conv_seg.weight")
    if not visual or classifier is None or classifier.ndim != 4:
        raise ValueError(
            f"{path}: expected {_EXPECTED}, got tensors {first_names(tensors)}{likely_network(tensors)}; pass weights "
            "of a tower alone to load_backbone or adapt"
        )
    _check_normalisation(path, rest)
    classes, channels = classifier.shape[:2]
    task, align = _task(path, classes, attached is None)
    if isinstance(task, SegmentationTask) and task.labels is CELEBAMASK_19:
        order = [CELEBM_ORDER.index(name) for name in CELEBAMASK_19.classes]
        uper |= {name: uper[name][order] for name in ("conv_seg.weight", "conv_seg.bias") if name in uper}
    try:
        tower = tower_from_clip(visual)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    head = {f"pyramid.fpns.{k}": v for k, v in pyramid.items()} | {f"uper.{k}": v for k, v in uper.items()}
    with torch.device("meta"):
        expected = DenseHead(tower.width, tower.patch, channels, classes).state_dict()
    check_names(path, head, expected, "FaRL's feature pyramid and UperNet")
    network = FaRLNetwork(tower, classes, task.stride, True, spread_layers(tower.depth), channels)
    # Older files lack the batch counters, which nothing reads.
    network.head.load_state_dict(head, strict=False)
    return ReleasedModel(network.eval(), task, align)


def _split(tensors: dict[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tensors below a prefix, without it, and the others."""
    below = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return below, {k: v for k, v in tensors.items() if not k.startswith(prefix)}


def _check_normalisation(path: str | os.PathLike[str], rest: dict[str, Tensor]) -> None:
    """Check that the tensors outside tower and head are CLIP's mean and standard deviation, and nothing else."""
    known = {"backbone.image_mean": torch.tensor(CLIP_MEAN), "backbone.image_std": torch.tensor(CLIP_STD)}
    check_names(path, {k: v.flatten() for k, v in rest.items()}, known, "a model of facer")
    for name, values in known.items():
        if not torch.allclose(rest[name].flatten(), values, atol=1e-4):
            raise ValueError(
                f"{path}: {name}: expected {values.tolist()}, CLIP's, got {rest[name].flatten().tolist()}; take a file "
                "that facer released"
            )


def _task(path: str | os.PathLike[str], classes: int, parsing: bool) -> tuple[Task, str]:
    """Return task and framing of a head."""
    known = _PARSING if parsing else _LANDMARKS
    if classes not in known:
        kind = "parsing" if parsing else "landmarks"
        raise ValueError(
            f"{path}: expected a head for {kind} with {' or '.join(map(str, sorted(known)))} outputs, got {classes}; "
            "take a file that facer released"
        )
    if parsing:
        classes_set, align = _PARSING[classes]
        return SegmentationTask(classes_set, mirroring=False), align
    return LandmarkTask(_LANDMARKS[classes], "farl-released", mirroring=False), "mean-wide"
