"""Read .facekit files: settings and tensors become networks and tasks. Nothing in a file is executed."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from ..backbones.base import Backbone, WeightFiles
from ..backbones.image_tower import ImageTower
from ..backbones.registry import backbone_class
from ..backbones.synthparse.label_adapter import LabelAdapter
from ..core.global_state import preserved_random_state
from ..core.weight_files import is_torch_archive
from ..tasks import Task, task_from_dict
from ..training.adapted_network import AdaptedNetwork
from ..zoo import cached_file, embedded_file, official_file
from .model_file import ADAPTER, LEFT_OUT, built, check_fits, network_of, read_model_file

if TYPE_CHECKING:
    from ..backbones.farl.backbone import FaRL


@dataclass(frozen=True)
class ModelParts:
    """What a .facekit file holds, in the order of the arguments of `TrainedModel`.

    Attributes:
        backbone: Name of the backbone.
        network: The network, in evaluation mode on the CPU.
        task: The task of the network.
        align: How predictions frame a face.
        about: Plain data on how the model was made.
        adapter: The label adapter, or None.
        target: The task of the label adapter, or None.
    """

    backbone: str
    network: AdaptedNetwork
    task: Task
    align: str
    about: dict[str, Any]
    adapter: LabelAdapter | None
    target: Task | None


@overload
def find_backbone(name: Literal["farl"]) -> FaRL: ...
@overload
def find_backbone(name: str) -> Backbone: ...
@functools.lru_cache(maxsize=16)
def find_backbone(name: str) -> Backbone:
    """Return a backbone with access to the embedded and the published weights.

    Raises:
        ValueError: If there is no backbone of that name. The message lists them.
    """
    return backbone_class(name)(
        WeightFiles(
            embedded=embedded_file,
            official=official_file,
            cached=cached_file,
            ready_network=ready_network,
            image_tower=_image_tower,
        )
    )


@functools.lru_cache(maxsize=4)
def ready_network(name: str) -> AdaptedNetwork:
    """Return the network of a ready model on the CPU. Do not change it: all callers share it."""
    return read_parts(embedded_file(name)).network


def _image_tower(weights: str | os.PathLike[str]) -> ImageTower:
    """Return the image tower of FaRL."""
    return find_backbone("farl").load(weights).image


@preserved_random_state()
def read_parts(path: str | os.PathLike[str]) -> ModelParts:
    """Read a .facekit file, or an archive of one of facer's models.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no model, is damaged, or comes from a newer facekit.
    """
    source = Path(path)
    if is_torch_archive(source):
        released = find_backbone("farl").released(source)
        return ModelParts("farl", released.network, released.task, released.align, {"weights": source.name}, None, None)
    about, state = read_model_file(source)
    backbone = built(source, lambda: find_backbone(about["backbone"]))
    adapter, target = None, None
    if "adapter" in about:
        adapter_state = {k.removeprefix(ADAPTER): v for k, v in state.items() if k.startswith(ADAPTER)}
        adapter = network_of(source, LabelAdapter.from_dict, about["adapter"]["network"], adapter_state).eval()
        target = built(source, lambda: task_from_dict(about["task"], about["adapter"]["labels"]))
    # A file with all weights needs no others. The ready parser itself completes files of synthparse.
    completed = None if about["whole"] else backbone.embedded_state
    network_state = {k: v for k, v in state.items() if not k.startswith(ADAPTER)}
    network = network_of(
        source, backbone.network_from_dict, about["network"], network_state, completed, about.get(LEFT_OUT)
    ).eval()
    task = built(source, lambda: task_from_dict(about["task"], about["labels"]))
    check_fits(source, network, task, adapter, target)
    return ModelParts(about["backbone"], network, task, about["align"], about["about"], adapter, target)
