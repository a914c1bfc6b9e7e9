"""Find the named tensors in what a file of weights holds: under wrappers and prefixes, in modules, as numpy arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from .pickles import Object
from .torch_files import NumpyArray

# Entries under which training programs keep a state_dict, the usual ones first.
WRAPPERS = (
    "state_dict", "model_state_dict", "model", "net", "network", "weights", "params", "module", "model_state",
    "state_dict_ema", "model_ema", "ema", "generator", "encoder",
)  # fmt: skip
# What DataParallel, torch.compile and FSDP put into names.
_WRAPPED = re.compile(r"(^|\.)(?:(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.)+")
_MOST_MODULES = 100_000
# A file may name its numbers more than once (shared layers), but not without end.
_REPEATS = 4


def named_tensors(contents: Any) -> dict[str, Tensor]:
    """Return the tensors by their names in the network, without wrappers such as `module.`.

    Args:
        contents: What `read_torch` or a .safetensors file gave.

    Returns:
        Tensors by dotted name; an empty dictionary where there are none.

    Raises:
        ValueError: If modules contain each other without end.
    """
    found = _found(contents)
    plain = {_WRAPPED.sub(r"\1", name): tensor for name, tensor in found.items()}
    return plain if len(plain) == len(found) else found


def check_size(contents: Any, size: int) -> None:
    """Refuse contents whose tensors would take far more memory than the file, copied one by one.

    Args:
        contents: What a file holds, with tensors that may share their numbers.
        size: Bytes of the file.

    Raises:
        ValueError: If the tensors are more than four times as large.
    """
    left = _REPEATS * size + 1_000_000
    for value in _values(contents):
        if isinstance(value, Tensor):
            left -= value.numel() * value.element_size()
        elif isinstance(value, NumpyArray):
            left -= value.value.nbytes
        if left < 0:
            raise ValueError(f"its tensors are more than {_REPEATS} times as large as the file of {size} bytes")


def broken_tensor(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with NaN or infinite numbers, or None.

    Attention masks are left out: they are infinite on purpose.
    """
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or name.endswith("attn_mask") or tensor.numel() == 0:
            continue
        if not torch.isfinite(tensor.sum(dtype=torch.float64)):
            return name
    return None


def plain(value: Any) -> Any:
    """Return settings of a file as plain data: `Object` records as dictionaries of their attributes."""
    if isinstance(value, Object):
        state = value.state if isinstance(value.state, dict) else {}
        return {**value.items, **state}
    return value


def _values(contents: Any) -> Iterator[Any]:
    """Every value inside, each container once, and a tensor as often as it is named."""
    seen: set[int] = set()
    left = [contents]
    while left:
        value = left.pop()
        yield value
        if not isinstance(value, dict | list | tuple | set | Object) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Object):
            left += [value.args, value.state, value.items, value.entries]
        else:
            left += value.values() if isinstance(value, dict) else value


def _tensor(value: Any) -> Tensor | None:
    if isinstance(value, NumpyArray):
        return torch.from_numpy(value.value.copy()) if value.value.dtype.kind in "bifu" else None
    return value if isinstance(value, Tensor) else None


def _found(contents: Any, depth: int = 0) -> dict[str, Tensor]:
    if isinstance(contents, Object) and not contents.items:
        return _of_module(contents)
    entries = contents.items if isinstance(contents, Object) else contents
    if not isinstance(entries, dict):
        return {}
    for name in WRAPPERS:
        inside = entries.get(name)
        if isinstance(inside, dict | Object) and depth < 4 and (found := _found(inside, depth + 1)):
            return found
    named = {k: _tensor(v) for k, v in entries.items() if isinstance(k, str)}
    return {k: v for k, v in named.items() if v is not None}


def _of_module(module: Object) -> dict[str, Tensor]:
    """The parameters and buffers of a pickled module or of a TorchScript one, whose attributes are all in one place."""
    found: dict[str, Tensor] = {}
    left, count = [("", module)], 0
    while left:
        prefix, part = left.pop()
        count += 1
        if count > _MOST_MODULES:
            raise ValueError("its modules contain each other without end")
        state = part.state if isinstance(part.state, dict) else {}
        tables = [state.get(name) for name in ("_parameters", "_buffers", "_modules")]
        parts = [table for table in tables if isinstance(table, dict)] or [state]
        children = []
        computed = state.get("_non_persistent_buffers_set")
        computed = computed if isinstance(computed, set) else set()
        for name, value in [item for table in parts for item in table.items()]:
            if name in computed:
                continue
            if isinstance(value, Object):
                children.append((f"{prefix}{name}.", value))
            elif (tensor := _tensor(value)) is not None:
                found[f"{prefix}{name}"] = tensor
        left += reversed(children)
    return found
