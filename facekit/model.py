"""One adapted network with its task, label set and preprocessing: predict on crops, save, load, ONNX."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from .alignment import Frame, check_align
from .backbones import backbone_module
from .core.atomic_file import whole_file
from .core.device import pick_device
from .core.global_state import kept_random, own_settings
from .core.output_paths import check_output
from .geometry.crop import Crop
from .images.reader import to_tensor
from .model_file import ADAPTER, FORMAT, built, check_fits, network_of, read_model_file
from .results.types import Drawable
from .tasks import Task, task_from_dict
from .training.loop import check_finite

# Images in one batch; on CPUs larger ones are slower an image, as what flows through outgrows the caches.
AT_ONCE = 16
# What a backbone made of one batch of crops, by the backbone and whether they were mirrored.
Seen = dict[tuple[str, bool], Any]


class Model:
    """What `facekit.adapt` returns.

    task: the task with its label set. align: how predictions frame a face (see `framing.ALIGN`). about: plain
    data on how it was made (recipe, seed, number of faces, scores). adapter, target: what `facekit.adapt_labels` adds,
    a network from label maps (N,S,S) to the maps of the task `target`, which is then this model's task; `naked` is the
    model without them.
    """

    def __init__(
        self,
        backbone: str,
        network: Any,
        task: Task,
        align: str = "none",
        about: dict[str, Any] | None = None,
        adapter: Any = None,
        target: Task | None = None,
    ):
        self.backbone = backbone
        self.network = network.eval()
        self.adapter = None if adapter is None else adapter.eval()
        self._naked_task = task
        self.task = task if target is None else target
        self.align = check_align(align)
        self.about = about or {}

    def __repr__(self) -> str:
        return (
            f"<facekit.Model {self.task.name}, {self.task.channels} outputs, on {self.backbone}, align={self.align!r}>"
        )

    @property
    def input_size(self) -> int:
        """Side of the network's square input, px."""
        return self.network.input_size

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device | None) -> Model:
        """Move the network; None picks the best device there is. Returns self."""
        chosen = pick_device(device)
        self.network.to(chosen)
        self.__dict__.pop("_runner", None)
        if self.adapter is not None:
            self.adapter.to(chosen)
        return self

    @property
    def naked(self) -> Model:
        """This model without its label adapter."""
        return Model(self.backbone, self.network, self._naked_task, self.align, self.about)

    @functools.cached_property
    def _runner(self) -> Any:
        """The network for predictions, in the form that its backbone runs fastest; made once training is over."""
        return self.network.folded() if hasattr(self.network, "folded") else self.network

    def maps(self, x: Tensor) -> Tensor:
        """x: (N,3,S,S) RGB in [0, 1]. Returns the task's maps (N,C,S/stride,S/stride) by the weights as they are now,
        averaged with those of the mirrored images where task and network allow it."""
        return self._adapted(self._naked_maps(self.network, x))

    @torch.inference_mode()
    def _adapted(self, maps: Tensor) -> Tensor:
        return maps if self.adapter is None else self.adapter(maps.argmax(1))

    @torch.inference_mode()
    def _naked_maps(self, network: Any, x: Tensor, seen: Seen | None = None) -> Tensor:
        x, task = x.to(self.device), self._naked_task
        mirrored = task.mirrors and task.averages and getattr(network, "averages", True)
        trunk = getattr(network, "trunk_id", None) if seen is not None else None
        if seen is None or trunk is None:
            views = torch.cat([x, x.flip(-1)]) if mirrored else x
            parts = [network(some) for some in views.split(AT_ONCE)]
            maps = parts[0] if len(parts) == 1 else torch.cat(parts)
        else:
            levels = self._shared_levels(x, mirrored, trunk, seen)
            maps = network.from_features(network.read(levels))
        return (maps[: len(x)] + task.mirror_maps(maps[len(x) :])) / 2 if mirrored else maps

    def _shared_levels(self, x: Tensor, mirrored: bool, trunk: str, seen: Seen) -> list[tuple[Tensor, ...]]:
        """The trunk's levels of x (N,3,S,S), or of x and then its mirrored copies (2N), as far as `seen` lacks them."""
        n = len(x)
        plain, flipped = (trunk, False), (trunk, True)
        if mirrored and plain not in seen and flipped not in seen:
            # Both at once are cheaper than one after the other.
            both = self.network.trunk(torch.cat([x, x.flip(-1)]))
            seen[plain] = [tuple(t[:n] for t in level) for level in both]
            seen[flipped] = [tuple(t[n:] for t in level) for level in both]
        if plain not in seen:
            seen[plain] = self.network.trunk(x)
        if not mirrored:
            return seen[plain]
        if flipped not in seen:
            seen[flipped] = self.network.trunk(x.flip(-1))
        pairs = zip(seen[plain], seen[flipped], strict=True)
        return [tuple(torch.cat(both) for both in zip(*pair, strict=True)) for pair in pairs]

    def predict_frames(
        self, image: np.ndarray, frames: list[Frame], seen: dict[Any, Seen] | None = None
    ) -> list[Drawable]:
        """One result a frame, in the image's pixels. image: (H,W,3) uint8 RGB. seen: as in `predict_images`."""
        return self.predict_images([image], [frames], seen)[0]

    def predict_images(
        self, images: Sequence[np.ndarray], frames: Sequence[list[Frame]], seen: dict[Any, Seen] | None = None
    ) -> list[list[Drawable]]:
        """For each image one result a frame, in its pixels; the network is shown faces of several images at once.

        images: (H,W,3) uint8 RGB each, of any sizes. frames: one list per image. seen: an empty dictionary to hand to
        several models for the same images, so that a backbone that they share runs once.
        """
        faces = [(i, frame) for i, own in enumerate(frames) for frame in own]
        results: list[list[Drawable]] = [[] for _ in frames]
        for start in range(0, len(faces), AT_ONCE):
            part = faces[start : start + AT_ONCE]
            places = [(images[i], f.crop(images[i].shape[:2], self.input_size), f.box) for i, f in part]
            x = to_tensor([crop.image(image) for image, crop, _ in places])
            shared = None
            if seen is not None:
                shared = seen.setdefault((tuple(part), self.input_size, str(self.device)), {})
            maps = self._naked_maps(self._runner, x, shared)
            found = self._results(maps, self._naked_task, places)
            if self.adapter is not None:
                adapted = self._results(self._adapted(maps), self.task, places)
                found = [
                    dataclasses.replace(a, naked=n)  # type: ignore[type-var]
                    for a, n in zip(adapted, found, strict=True)
                ]
            for (i, _), result in zip(part, found, strict=True):
                results[i].append(result)
        return results

    def _results(self, maps: Tensor, task: Task, places: list[tuple[np.ndarray, Crop, Any]]) -> list[Drawable]:
        """places: image, crop and box of each face."""
        predictions = zip(task.decode(maps), places, strict=True)
        return [task.result(prediction, crop, image, box) for prediction, (image, crop, box) in predictions]

    def save(self, path: str | os.PathLike[str], whole: bool = True) -> None:
        """Write one .facekit file (zip of JSON and safetensors), atomically. It needs nothing else to be loaded again.

        Missing folders are made. Raises OutputError, which names the path, where it cannot be written.
        whole=False leaves out the backbone's weights; loading then takes the embedded ones (for the files in this
        package).
        """
        module = backbone_module(self.backbone)
        state = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        check_finite(state, "in this model")
        if not whole:
            left_out = module.frozen_keys(self.network)
            state = {k: v for k, v in state.items() if k not in left_out}
        adapter = {}
        if self.adapter is not None:
            state |= {f"{ADAPTER}{k}": v.detach().cpu().contiguous() for k, v in self.adapter.state_dict().items()}
            adapter = {"adapter": {"network": self.adapter.to_dict(), "labels": self.task.to_dict()}}
        about = {
            "format": FORMAT, "backbone": self.backbone, "network": module.to_dict(self.network),
            "task": self.task.name, "labels": self._naked_task.to_dict(), "align": self.align, "whole": whole,
            "about": self.about, **adapter,
        }  # fmt: skip
        packed = save_tensors({k: _smallest(v) for k, v in state.items()})
        with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
            file.writestr("model.json", json.dumps(about, indent=1))
            file.writestr("weights.safetensors", packed)

    @own_settings()
    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as ONNX: input "image" (N,3,S,S) RGB in [0, 1], output "maps" (N,C,S/stride,S/stride).

        Needs the extra `onnx`; raises ImportError that says so. Missing folders are made; raises OutputError
        where the path cannot be written.
        """
        target = check_output(path, (".onnx",))
        try:
            import onnxscript  # noqa: F401
        except ImportError as error:
            raise ImportError('ONNX export needs the extra packages: pip install -e ".[onnx]"') from error
        example = torch.zeros(2, 3, self.input_size, self.input_size, device=self.device)
        network = self.network
        if self.adapter is not None:
            from .backbones.synthparse.label_adapter import Relabelled

            network = Relabelled(self.network, self.adapter).eval()
        with whole_file(target) as temporary:
            torch.onnx.export(
                network, (example,), str(temporary), input_names=["image"], output_names=["maps"], dynamo=True,
                dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, external_data=False, verbose=False,
            )  # fmt: skip


@own_settings()
@kept_random()
def load(path: str | os.PathLike[str], device: str | torch.device | None = None) -> Model:
    """Read a .facekit file. Nothing in it is executed.

    Raises FileNotFoundError, and ValueError for a file that is no model, is damaged or comes from a newer facekit.
    """
    source = Path(path)
    about, state = read_model_file(source)
    module = built(source, lambda: backbone_module(about["backbone"]))
    adapter, target = None, None
    own = {k: v for k, v in state.items() if not k.startswith(ADAPTER)}
    if "adapter" in about:
        from .backbones.synthparse.label_adapter import LabelAdapter

        rest = {k.removeprefix(ADAPTER): v for k, v in state.items() if k.startswith(ADAPTER)}
        adapter = network_of(source, LabelAdapter.from_dict, about["adapter"]["network"], rest)
        target = built(source, lambda: task_from_dict(about["task"], about["adapter"]["labels"]))
    # A file with all of its network's weights needs no others: the ready parser completes synthparse's files.
    completed = None if about["whole"] else module.embedded_state
    network = network_of(source, module.from_dict, about["network"], own, completed)
    task = built(source, lambda: task_from_dict(about["task"], about["labels"]))
    check_fits(source, network, task, adapter, target)
    return Model(about["backbone"], network, task, about["align"], about["about"], adapter, target).to(device)


def _smallest(tensor: Tensor) -> Tensor:
    """Half precision where that loses nothing."""
    half = tensor.half() if tensor.dtype == torch.float32 else tensor
    return half if tensor.dtype == torch.float32 and torch.equal(half.float(), tensor) else tensor
