"""Read the .facekit format: a zip archive of model.json and weights.safetensors, both stored without compression.

A file may come from anyone. So nothing is built before its settings are checked. Networks are first built on the meta
device, where they take no memory, and compared with the tensors in the file.
"""

from __future__ import annotations

import functools
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..alignment import check_align
from ..core.array_digest import tensor_digest
from ..core.json_text import parse_json
from ..core.weight_files import check_names, check_weights
from ..core.weight_files.torch_files import check_stored
from ..tasks import Task

FORMAT = 1
ADAPTER = "adapter."  # before the names of the label adapter's tensors
LEFT_OUT = "left_out"  # field of model.json: digest of the embedded tensors that the file leaves out
# Side of a network's input, px.
_SIDES = range(8, 4097)
# Calls of torch that lay out a network. The largest here, e4e's encoder for 1024 px, takes about 6,000.
_MOST_CALLS = 60_000
_FIELDS: dict[str, type] = {
    "backbone": str,
    "network": dict,
    "task": str,
    "labels": dict,
    "align": str,
    "whole": bool,
    "about": dict,
}
# What the constructors of networks and tasks raise for settings of other types, ranges and lengths.
_MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
_LARGEST = 1_000_000
T = TypeVar("T")


def read_model_file(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the two members of a .facekit file.

    Args:
        path: The file.

    Returns:
        The settings, with all fields of their types, and the tensors by name; floating ones are float32.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no model, is damaged or compressed, has NaN or infinite weights, or is of a newer facekit.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected one that model.save() wrote; check the path")
    if not path.is_file():
        raise ValueError(
            f"{path}: expected a .facekit file that model.save() wrote, got a folder or device; pass a file"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            check_stored(archive)
            settings = archive.read("model.json")
            packed = archive.read("weights.safetensors")
        about = parse_json(settings, "model.json")
        state = load_tensors(packed)
    # zipfile raises NotImplementedError for a compression or version that it does not have.
    except (
        zipfile.BadZipFile,
        EOFError,
        KeyError,
        NotImplementedError,
        OSError,
        RuntimeError,
        SafetensorError,
        ValueError,
    ) as error:
        raise ValueError(
            f"{path}: not a whole .facekit file ({_line(error)}); expected one that model.save() wrote"
        ) from error
    _check_fields(path, about)
    check_weights(path, state)
    return about, {k: v.float() if v.is_floating_point() else v for k, v in state.items()}


def built(path: Path, make: Callable[[], T]) -> T:
    """Build something from a file's settings.

    Args:
        path: The file, for messages.
        make: Builds it.

    Returns:
        What ``make`` returns.

    Raises:
        ValueError: If the settings are malformed. The message names the file.
    """
    try:
        return make()
    except _MALFORMED as error:
        raise ValueError(
            f"{path}: its settings are malformed ({type(error).__name__}: {_line(error)}); expected a file that "
            "model.save() wrote, take it from its origin again"
        ) from error


def network_of(
    path: Path,
    from_dict: Callable[[dict[str, Any]], Any],
    settings: dict[str, Any],
    state: dict[str, Tensor],
    embedded_state: Callable[[], dict[str, Tensor]] | None = None,
    left_out: str | None = None,
) -> Any:
    """Build a network and give it its weights, once its settings fit the tensors.

    Args:
        path: The file, for messages.
        from_dict: Builds the network with random weights.
        settings: What it builds it from.
        state: The file's tensors by the network's names.
        embedded_state: Returns the weights that the file leaves out, or None for a whole file.
        left_out: Digest of the weights that the file leaves out. None is not checked: earlier versions wrote none.

    Returns:
        The network, on the CPU.

    Raises:
        ValueError: If the settings are malformed, or do not fit the tensors.
    """

    def laid_out() -> nn.Module:
        _check_numbers(settings)
        with torch.device("meta"), _Counted():
            return from_dict(settings)

    expected = built(path, laid_out).state_dict()
    if embedded_state is not None and state.keys() != expected.keys():
        missing = {k: v for k, v in embedded_state().items() if k in expected and k not in state}
        other = any(v.shape != expected[k].shape for k, v in missing.items())
        if other or (left_out is not None and tensor_digest(missing) != left_out):
            raise ValueError(
                f"{path}: expected the embedded weights that it was saved with, got those of another version of "
                "facekit; load it with that version and save it with whole=True, or adapt again"
            )
        state = state | missing
    check_names(path, state, expected, "the network in its model.json")
    _check_kinds(path, state, expected)
    network = built(path, lambda: from_dict(settings))
    network.load_state_dict(state)
    return network


def check_fits(path: Path, network: Any, task: Task, adapter: Any, target: Task | None) -> None:
    """Check that a file's networks and tasks belong together.

    Args:
        path: The file, for messages.
        network: The network.
        task: The network's task.
        adapter: The label adapter, or None.
        target: The adapter's task, or None.

    Raises:
        ValueError: If they do not belong together. The message names the file.
    """
    for checked in (task, target):
        if checked is not None:
            built(path, functools.partial(_try, checked))
    pairs = [(network.channels, task.channels, "labels")]
    if adapter is not None and target is not None:
        pairs.append((adapter.known, task.channels, "labels"))
        pairs.append((adapter.channels, target.channels, "labels of its adapter"))
    for outputs, labels, subject in pairs:
        if outputs != labels:
            raise ValueError(
                f"{path}: expected as many outputs as {subject}, got {outputs} and {labels}; save the model again"
            )
    if network.input_size not in _SIDES or (task.dense and network.stride != task.stride):
        raise ValueError(
            f"{path}: {task.name!r}: expected a network of {_SIDES[0]} to {_SIDES[-1]} px and stride {task.stride}, "
            f"got {network.input_size} px and stride {network.stride}; save the model again"
        )


def _try(task: Task) -> None:
    """Use a task as predictions do, on empty maps: labels of wrong types and lengths show only then."""
    settings = task.to_dict()
    for field in ("name", "names", "points", "classes"):
        value = settings.get(field) or ()
        if any(not isinstance(name, str) for name in ([value] if isinstance(value, str) else value)):
            raise TypeError(f"labels.{field} is not text")
    maps = torch.zeros(1, task.channels, *(8, 8)[: 2 * task.dense])
    if task.mirrors:
        task.mirror_maps(maps)
    task.decode(maps)


def _check_numbers(settings: Any) -> None:
    """Refuse counts that no network has: libraries make lists of such lengths before their first layer."""
    if isinstance(settings, int) and abs(settings) > _LARGEST:
        raise ValueError(f"a number {settings:.3g}, at most {_LARGEST}")
    if isinstance(settings, dict | list):
        for value in settings.values() if isinstance(settings, dict) else settings:
            _check_numbers(value)


class _Counted(TorchFunctionMode):
    """Stop a network that has no end, such as one of a billion layers."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        if self.calls > _MOST_CALLS:
            raise ValueError("a network of more parts than any backbone has")
        return func(*args, **(kwargs or {}))


def _check_fields(path: Path, about: Any) -> None:
    if not isinstance(about, dict):
        raise ValueError(f"{path}: model.json is a {type(about).__name__}, expected an object of settings")
    version = about.get("format", 0)
    if not isinstance(version, int) or version < 0:
        raise ValueError(f"{path}: format: expected a number up to {FORMAT}, got {str(version)[:40]!r}")
    if version > FORMAT:
        raise ValueError(
            f"{path}: written in format {version}, this facekit reads up to {FORMAT}; expected an older file, or "
            "upgrade facekit"
        )
    optional: dict[str, type] = {"adapter": dict, LEFT_OUT: str}
    fields = _FIELDS | {name: kind for name, kind in optional.items() if name in about}
    for name, kind in fields.items():
        if not isinstance(about.get(name), kind):
            type_name = type(about[name]).__name__ if name in about else "nothing"
            raise ValueError(f"{path}: {name!r} in model.json: expected a {kind.__name__}, got {type_name}")
    if "adapter" in about and any(not isinstance(about["adapter"].get(k), dict) for k in ("network", "labels")):
        raise ValueError(f"{path}: 'adapter' in model.json lacks 'network' or 'labels', expected an object for each")
    built(path, lambda: check_align(about["align"]))


def _check_kinds(path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    for name, tensor in expected.items():
        if name in state and state[name].is_floating_point() != tensor.is_floating_point():
            raise ValueError(f"{path}: {name}: expected {tensor.dtype}, got {state[name].dtype}")


def _line(error: Exception) -> str:
    """The first line of an error, short."""
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else f"{text[:157]}..."
