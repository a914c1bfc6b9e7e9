"""Find the named tensors in the contents of a file: in wrappers, behind prefixes, in modules and numpy arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .pickles import Object
from .torch_objects import NumpyArray

# Keys under which training programs store a state_dict, common ones first.
WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module", "model_state"),
    *("state_dict_ema", "model_ema", "ema", "generator", "encoder"),
)
_MAX_WRAPPER_DEPTH = 4
# What DataParallel, torch.compile and FSDP add to names.
_WRAPPER_NAMES = re.compile(r"(^|\.)(?:(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+")
_MAX_MODULES = 100_000
# A file may use its numbers more than once (shared layers), but not without limit.
_MAX_REPEATS = 4


def named_tensors(contents: Any) -> dict[str, Tensor]:
    """Find the tensors in the contents of a file.

    Args:
        contents: What `read_torch` returned, or the tensors of a .safetensors file.

    Returns:
        Tensors by their dotted name in the network, without wrappers such as `module.`. Empty if there are none.

    Raises:
        ValueError: If modules contain each other without end.
    """
    tensors = _find_tensors(contents)
    unwrapped = {_WRAPPER_NAMES.sub(r"\1", name): tensor for name, tensor in tensors.items()}
    return unwrapped if len(unwrapped) == len(tensors) else tensors


def check_size(contents: Any, size: int) -> None:
    """Refuse contents whose tensors, copied one by one, would take far more memory than the file.

    Args:
        contents: What a file holds, with tensors that may share their numbers.
        size: Size of the file in bytes.

    Raises:
        ValueError: If the tensors are more than four times as large as the file.
    """
    bytes_left = _MAX_REPEATS * size + 1_000_000
    for value in _all_values(contents):
        if isinstance(value, Tensor):
            bytes_left -= value.numel() * value.element_size()
        elif isinstance(value, NumpyArray):
            bytes_left -= value.value.nbytes
        if bytes_left < 0:
            raise ValueError(f"its tensors are more than {_MAX_REPEATS} times as large as the file of {size} bytes")


def first_non_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Find the first tensor with NaN or infinite numbers. Attention masks are left out: they are infinite on purpose.

    Args:
        tensors: Tensors by name.

    Returns:
        Its name, or None.
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or name.endswith("attn_mask") or tensor.numel() == 0:
            continue
        if not torch.isfinite(tensor.sum(dtype=torch.float64)):
            return name
    return None


def as_plain_data(value: Any) -> Any:
    """Turn an `Object` record into a dictionary of its attributes and entries. Other values stay as they are."""
    if isinstance(value, Object):
        state = value.state if isinstance(value.state, dict) else {}
        return {**value.items, **state}
    return value


def _all_values(contents: Any) -> Iterator[Any]:
    """Yield every value inside: each container once, and a tensor as often as it is used."""
    visited: set[int] = set()
    pending = [contents]
    while pending:
        value = pending.pop()
        yield value
        if not isinstance(value, dict | list | tuple | set | Object) or id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, Object):
            pending += [value.args, value.state, value.items, value.entries]
        else:
            pending += value.values() if isinstance(value, dict) else value


def _as_tensor(value: Any) -> Tensor | None:
    if isinstance(value, NumpyArray):
        return torch.from_numpy(value.value.copy()) if value.value.dtype.kind in "bifu" else None
    return value if isinstance(value, Tensor) else None


def _find_tensors(contents: Any, depth: int = 0) -> dict[str, Tensor]:
    """Return the tensors of a module, a state_dict, or a checkpoint that contains one."""
    if isinstance(contents, Object) and not contents.items:
        return _module_tensors(contents)
    entries = contents.items if isinstance(contents, Object) else contents
    if not isinstance(entries, dict):
        return {}
    for name in WRAPPERS:
        inner = entries.get(name)
        if (
            isinstance(inner, dict | Object)
            and depth < _MAX_WRAPPER_DEPTH
            and (found := _find_tensors(inner, depth + 1))
        ):
            return found
    named = {k: _as_tensor(v) for k, v in entries.items() if isinstance(k, str)}
    return {k: v for k, v in named.items() if v is not None}


def _module_tensors(module: Object) -> dict[str, Tensor]:
    """Return the parameters and buffers of a pickled module, or of a TorchScript one.

    A TorchScript module has all its attributes in one table. Buffers that are not persistent are left out.
    """
    found: dict[str, Tensor] = {}
    pending, count = [("", module)], 0
    while pending:
        prefix, part = pending.pop()
        count += 1
        if count > _MAX_MODULES:
            raise ValueError("its modules contain each other without end")
        state = part.state if isinstance(part.state, dict) else {}
        tables = [state.get(name) for name in ("_parameters", "_buffers", "_modules")]
        attributes = [table for table in tables if isinstance(table, dict)] or [state]
        children = []
        skipped = state.get("_non_persistent_buffers_set")
        skipped = skipped if isinstance(skipped, set) else set()
        for name, value in [item for table in attributes for item in table.items()]:
            if name in skipped:
                continue
            if isinstance(value, Object):
                children.append((f"{prefix}{name}.", value))
            elif (tensor := _as_tensor(value)) is not None:
                found[f"{prefix}{name}"] = tensor
        pending += reversed(children)
    return found
