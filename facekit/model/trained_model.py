"""A trained network with its task: run it on face crops, save it, export it."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from typing_extensions import Self

from ..alignment import Frame, check_align
from ..backbones.synthparse.label_adapter import LabelAdapter, Relabelled
from ..core.array_digest import tensor_digest
from ..core.atomic_file import whole_file
from ..core.device import pick_device
from ..core.global_state import default_settings
from ..core.output_paths import check_output
from ..geometry.affine_crop import AffineCrop
from ..geometry.crop import Crop
from ..images.reader import to_tensor
from ..results.types import Drawable, Segmentation
from ..tasks import Task
from ..training.adapted_network import AdaptedNetwork
from ..training.loop import check_finite
from .model_file import ADAPTER, FORMAT, LEFT_OUT
from .model_reader import find_backbone
from .onnx_file import write_onnx

# Images per batch. On CPUs, larger batches take more time per image because activations do not fit into the caches.
AT_ONCE = 16
# Pixels per batch. The head of 768 channels on FaRL takes about 1 GB for each million.
_PIXELS_AT_ONCE = 16 * 224**2
# Levels of a shared trunk for one batch of crops, by the trunk and whether the crops were mirrored.
SharedLevels = dict[tuple[str, bool], Any]


class TrainedModel:
    """A network with its task, label set and framing of faces.

    Attributes:
        backbone: Name of the backbone.
        network: The network.
        adapter: The label adapter of `facekit.adapt_labels`, or None.
        task: The task with its label set; with an adapter, the adapter's.
        align: How predictions frame a face, see `facekit.adapt`.
        about: Plain data on how the model was made: recipe, seed, number of faces, scores.
    """

    def __init__(
        self,
        backbone: str,
        network: AdaptedNetwork,
        task: Task,
        align: str = "none",
        about: dict[str, Any] | None = None,
        adapter: LabelAdapter | None = None,
        target: Task | None = None,
    ):
        """Put the network into evaluation mode.

        Args:
            backbone: Name of the backbone.
            network: The network.
            task: The task of the network.
            align: How predictions crop a face.
            about: Plain data on how the model was made.
            adapter: A label adapter: maps class ids (N, S, S) to the maps of ``target``.
            target: The task of the adapter.
        """
        self.backbone = backbone
        self.network = network.eval()
        self.adapter = None if adapter is None else adapter.eval()
        self._own_task = task
        self.task = task if target is None else target
        self.align = check_align(align)
        self.about = about or {}

    def __repr__(self) -> str:
        return (
            f"<facekit.Model {self.task.name}, {self.task.channels} outputs, on {self.backbone}, align={self.align!r}>"
        )

    @property
    def input_size(self) -> int:
        """Side of the network's square input in pixels."""
        return self.network.input_size

    @property
    def _at_once(self) -> int:
        """Number of images per batch."""
        return max(1, min(AT_ONCE, _PIXELS_AT_ONCE // self.input_size**2))

    @property
    def device(self) -> torch.device:
        """Device of the network."""
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device | None) -> Self:
        """Move the network to a device (None: the best available one) and return the model itself."""
        chosen = pick_device(device)
        self.network.to(chosen)
        self.__dict__.pop("_runner", None)
        if self.adapter is not None:
            self.adapter.to(chosen)
        return self

    @property
    def unadapted(self) -> Self:
        """Return this model without its label adapter."""
        return type(self)(self.backbone, self.network, self._own_task, self.align, self.about)

    @property
    def naked(self) -> Self:
        """Return ``unadapted`` under its name of the last release."""
        warnings.warn(
            "Model.naked was renamed, expected Model.unadapted; use that name", DeprecationWarning, stacklevel=2
        )
        return self.unadapted

    @functools.cached_property
    def _runner(self) -> Any:
        """The network in the form that predicts fastest. It is made at the first prediction, after training."""
        return self.network.folded()

    def maps(self, x: Tensor) -> Tensor:
        """Compute the task's maps with the weights as they are now.

        Maps are averaged with those of the mirrored images if task and network allow it.

        Args:
            x: RGB images in [0, 1], shape (N, 3, S, S).

        Returns:
            Shape (N, C, S/stride, S/stride), or (N, C) for tasks without maps.
        """
        return self._adapted(self._own_maps(self.network, x))

    @property
    def _averages_mirrored(self) -> bool:
        """Whether maps are averaged with those of the mirrored images."""
        return self._own_task.mirrors and self._own_task.averages and self.network.averages

    @torch.inference_mode()
    def _adapted(self, maps: Tensor) -> Tensor:
        return maps if self.adapter is None else self.adapter(maps.argmax(1))

    @torch.inference_mode()
    def _own_maps(self, network: Any, x: Tensor, shared_levels: SharedLevels | None = None) -> Tensor:
        x, task = x.to(self.device), self._own_task
        mirrored = self._averages_mirrored
        trunk = network.trunk_id if shared_levels is not None else None
        if shared_levels is None or trunk is None:
            views = torch.cat([x, x.flip(-1)]) if mirrored else x
            parts = [network(part) for part in views.split(self._at_once)]
            maps = parts[0] if len(parts) == 1 else torch.cat(parts)
        else:
            levels = self._shared_levels(x, mirrored, trunk, shared_levels)
            maps = network.from_features(network.read(levels))
        return (maps[: len(x)] + task.mirror_maps(maps[len(x) :])) / 2 if mirrored else maps

    def _shared_levels(
        self, x: Tensor, mirrored: bool, trunk: str, shared_levels: SharedLevels
    ) -> list[tuple[Tensor, ...]]:
        """Return the levels of a trunk for images, computing those that are not in ``shared_levels`` yet.

        Args:
            x: Images (N, 3, S, S).
            mirrored: Whether the levels of the mirrored images follow those of the images.
            trunk: Identifier of the trunk.
            shared_levels: Levels computed so far.
        """
        n = len(x)
        plain, flipped = (trunk, False), (trunk, True)
        if mirrored and plain not in shared_levels and flipped not in shared_levels:
            # One batch of both is faster than two.
            both = self.network.trunk(torch.cat([x, x.flip(-1)]))
            shared_levels[plain] = [tuple(t[:n] for t in level) for level in both]
            shared_levels[flipped] = [tuple(t[n:] for t in level) for level in both]
        if plain not in shared_levels:
            shared_levels[plain] = self.network.trunk(x)
        if not mirrored:
            return shared_levels[plain]
        if flipped not in shared_levels:
            shared_levels[flipped] = self.network.trunk(x.flip(-1))
        pairs = zip(shared_levels[plain], shared_levels[flipped], strict=True)
        return [tuple(torch.cat(both) for both in zip(*pair, strict=True)) for pair in pairs]

    def predict_frames(
        self, image: np.ndarray, frames: list[Frame], shared_levels: dict[Any, SharedLevels] | None = None
    ) -> list[Drawable]:
        """Predict the framed faces of one image.

        Args:
            image: RGB uint8, shape (H, W, 3).
            frames: Frames of the faces.
            shared_levels: As for ``predict_images``.

        Returns:
            One result per frame, in pixels of the image.
        """
        return self.predict_images([image], [frames], shared_levels)[0]

    def predict_images(
        self,
        images: Sequence[np.ndarray],
        frames: Sequence[list[Frame]],
        shared_levels: dict[Any, SharedLevels] | None = None,
    ) -> list[list[Drawable]]:
        """Predict framed faces. Faces of several images form one batch.

        Args:
            images: RGB uint8 arrays (H, W, 3) of any sizes.
            frames: One list of frames per image.
            shared_levels: An empty dictionary for several models on the same images, so that a trunk that they share
                runs once.

        Returns:
            Per image one result per frame, in pixels of the image.
        """
        faces = [(i, frame) for i, image_frames in enumerate(frames) for frame in image_frames]
        results: list[list[Drawable]] = [[] for _ in frames]
        for start in range(0, len(faces), self._at_once):
            part = faces[start : start + self._at_once]
            places = [(images[i], f.crop(images[i].shape[:2], self.input_size), f.box) for i, f in part]
            x = to_tensor([crop.image(image) for image, crop, _ in places])
            levels = None
            if shared_levels is not None:
                levels = shared_levels.setdefault((tuple(part), self.input_size, str(self.device)), {})
            maps = self._own_maps(self._runner, x, levels)
            face_results = self._results(maps, self._own_task, places)
            if self.adapter is not None:
                adapted = self._results(self._adapted(maps), self.task, places)
                face_results = [
                    dataclasses.replace(a, unadapted=n)
                    for a, n in zip(adapted, face_results, strict=True)
                    if isinstance(a, Segmentation) and isinstance(n, Segmentation)
                ]
            for (i, _), result in zip(part, face_results, strict=True):
                results[i].append(result)
        return results

    def predict_crops(self, crops: Sequence[np.ndarray]) -> list[Drawable]:
        """Return the results of face crops (S, S, 3) uint8 of the input size, by the weights as they are now."""
        x = to_tensor(list(crops))
        identity: Crop = AffineCrop(np.eye(3), self.input_size)
        return self._results(self.maps(x), self.task, [(image, identity, None) for image in crops])

    def _results(self, maps: Tensor, task: Task, places: list[tuple[np.ndarray, Crop, Any]]) -> list[Drawable]:
        """Turn maps into results. Places are image, crop and box of each face."""
        predictions = zip(task.decode(maps), places, strict=True)
        return [task.result(prediction, crop, image, box) for prediction, (image, crop, box) in predictions]

    def save(self, path: str | os.PathLike[str], whole: bool = True) -> None:
        """Write one .facekit file, a zip archive of JSON and safetensors, atomically. Missing folders are created.

        Args:
            path: The file.
            whole: Whether the file holds all weights. False leaves out tensors that equal the embedded ones, for files
                in this package. Such a file loads with the same embedded weights only.

        Raises:
            OutputError: If the file cannot be written.
            FloatingPointError: If a weight is not finite.
        """
        state = {k: v.detach().cpu().contiguous() for k, v in self.network.state_dict().items()}
        check_finite(state, "in this model")
        left_out = {} if whole else _embedded_tensors(state, find_backbone(self.backbone).embedded_state())
        state = {k: v for k, v in state.items() if k not in left_out}
        adapter = {}
        if self.adapter is not None:
            state |= {f"{ADAPTER}{k}": v.detach().cpu().contiguous() for k, v in self.adapter.state_dict().items()}
            adapter = {"adapter": {"network": self.adapter.to_dict(), "labels": self.task.to_dict()}}
        about = {
            "format": FORMAT,
            "backbone": self.backbone,
            "network": self.network.to_dict(),
            "task": self.task.name,
            "labels": self._own_task.to_dict(),
            "align": self.align,
            "whole": whole,
            "about": self.about,
            **({LEFT_OUT: tensor_digest(left_out)} if left_out else {}),
            **adapter,
        }
        packed = save_tensors({k: _smallest(v) for k, v in state.items()})
        with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
            file.writestr("model.json", json.dumps(about, indent=1))
            file.writestr("weights.safetensors", packed)

    @default_settings()
    def export_onnx(self, path: str | os.PathLike[str]) -> None:
        """Write the network as ONNX. Missing folders are created.

        The input "image" is RGB in [0, 1] of shape (N, 3, S, S), the output "maps" has shape (N, C, S/stride,
        S/stride). The file's metadata say it, with the names and how the maps are decoded, see `onnx_file.write_onnx`.

        Args:
            path: The .onnx file.

        Raises:
            ImportError: If the extra ``onnx`` is not installed.
            OutputError: If the file cannot be written.
        """
        target = check_output(path, (".onnx",))
        example = torch.zeros(2, 3, self.input_size, self.input_size, device=self.device)
        network: nn.Module = self.network
        if self.adapter is not None:
            network = Relabelled(self.network, self.adapter).eval()
        write_onnx(
            target,
            network,
            example,
            self.task,
            self.align,
            averaged=self._averages_mirrored,
            adapted=self.adapter is not None,
        )


def _embedded_tensors(state: dict[str, Tensor], embedded: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a network that equal the embedded tensors of the same names."""
    return {k: v for k, v in state.items() if k in embedded and torch.equal(v, embedded[k].cpu())}


def _smallest(tensor: Tensor) -> Tensor:
    """Return a tensor in half precision if that loses nothing, else as it is."""
    half = tensor.half() if tensor.dtype == torch.float32 else tensor
    return half if tensor.dtype == torch.float32 and torch.equal(half.float(), tensor) else tensor
