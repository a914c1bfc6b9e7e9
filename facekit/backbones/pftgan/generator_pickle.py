"""Read the pickles of stylegan2-ada-pytorch as data: a file can name nothing that does more than hold a value.

NVIDIA's files carry the Python source of their classes, and plain `pickle.load` runs it. Here every name that a file
may use stands in one table; the source is dropped unread.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from ...core.weight_files.contents import check_size
from ...core.weight_files.pickles import GlobalName, Object, UnsafePickleError, quoted
from ...core.weight_files.torch_files import TorchReader
from ...core.weight_files.torch_objects import NumpyArray

REMEDY = "fetch it again from its author's own address"
_ARGUMENTS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs")
_MODULE = "torch_utils.persistence._reconstruct_persistent_obj"
_DICTIONARIES = ("dnnlib.util.EasyDict", "collections.OrderedDict")
_ALLOWED = frozenset(
    [
        _MODULE, *_DICTIONARIES, "torch.storage._load_from_bytes", "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter", "numpy.dtype", "numpy.ndarray", "_codecs.encode", "builtins.set",
        "__builtin__.set",
    ]
    + [f"{core}.multiarray.{name}" for core in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")]
)  # fmt: skip


class _NvidiaReader(TorchReader):
    """Only the names above may come, in calls and elsewhere."""

    def resolve_name(self, name: str) -> Any:
        if name in _ALLOWED:
            return GlobalName(name)
        if name.startswith("dnnlib.tflib"):
            raise UnsafePickleError(
                f"a TensorFlow StyleGAN pickle came (it wants {quoted(name)}), expected one of stylegan2-ada-pytorch: "
                "convert it with that repository's legacy.py, nothing of it was executed"
            )
        raise UnsafePickleError(
            f"the pickle wants {quoted(name)}, which no StyleGAN2 file of NVIDIA needs; nothing of it was executed. "
            f"Expected a .pkl of stylegan2-ada-pytorch: do not open this one elsewhere, {REMEDY}"
        )

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == _MODULE:
            return _module(*args)
        return {} if name in _DICTIONARIES and not args else super().call(name, args)

    def make_instance(self, name: str, args: tuple[Any, ...]) -> Any:
        return {} if name in _DICTIONARIES else super().make_instance(name, args)

    def load_external(self, reference: Any) -> NoReturn:
        raise UnsafePickleError(
            "a pickle with tensors kept outside it came, expected one of stylegan2-ada-pytorch, which holds them: "
            "write it with pickle.dump"
        )


def _module(meta: Any, *rest: Any) -> Object:
    # meta["module_src"] is the source code: never touched.
    if not isinstance(meta, dict):
        raise UnsafePickleError(f"the pickle has a {quoted(meta)} where a dict belongs")
    if meta.get("type") != "class" or rest:
        kind = quoted(meta.get("type"))
        raise UnsafePickleError(f"the pickle has a persistent {kind} of NVIDIA's, expected a 'class'")
    name, state = meta.get("class_name"), meta.get("state")
    if not isinstance(name, str) or not isinstance(state, dict):
        raise UnsafePickleError(f"the pickle has a {quoted(state)} where a module's attributes belong")
    return Object(name, state=state)


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle of stylegan2-ada-pytorch.

    Args:
        path: The file.

    Returns:
        What it holds: `Object` for its modules, tensors, numpy arrays and plain values.

    Raises:
        ValueError: If the pickle names anything else (the message says what, and nothing is executed), if it is cut
            off or damaged, or if its tensors are far larger than the file.
    """
    size = Path(path).stat().st_size
    try:
        if size == 0:
            raise ValueError("it is empty")
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            held = _NvidiaReader().read(mapped)  # type: ignore[arg-type]
        check_size(held, size)
        return held
    except UnsafePickleError as error:
        raise ValueError(f"{path}: {error}") from None
    except ValueError as error:
        raise ValueError(
            f"{path}: a damaged or cut-off pickle of {size} bytes came ({error}), expected a whole .pkl of "
            f"stylegan2-ada-pytorch: {REMEDY}"
        ) from error


def tensors(module: Object) -> dict[str, Tensor]:
    """A module's parameters and buffers by their dotted names, float32, copies of what the file holds.

    Raises ValueError where the module is not made as torch's are.
    """
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    left = [("", module)]
    while left:
        prefix, part = left.pop()
        # A module within itself would have no end.
        if not isinstance(part, Object) or id(part) in seen:
            raise ValueError(f"no module of its own came at {quoted(prefix)}, expected one of NVIDIA's: {REMEDY}")
        seen.add(id(part))
        for name, held in [*_entries(part, "_parameters"), *_entries(part, "_buffers")]:
            if held is None:
                continue
            if not isinstance(held, Tensor):
                raise ValueError(f"no tensor came at {quoted(prefix + name)}, expected one: {REMEDY}")
            found[prefix + name] = held.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        left += [(f"{prefix}{name}.", child) for name, child in _entries(part, "_modules") if child is not None]
    return found


def _entries(module: Object, name: str) -> list[tuple[str, Any]]:
    held = module.state.get(name, {})
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
        raise ValueError(f"{quoted(module.name)} has no table of {name}, expected a torch module: {REMEDY}")
    return list(held.items())


def arguments(generator: Object) -> dict[str, Any]:
    """What a generator's constructor was called with, which persistence keeps, as plain values: z_dim, c_dim, w_dim,
    img_resolution, img_channels, mapping_kwargs and synthesis_kwargs. What it did not keep is the generator's own."""
    state = generator.state
    given, named = state.get("_init_args"), state.get("_init_kwargs")
    found = {name: state[name] for name in _ARGUMENTS if name in state}
    found |= dict(zip(_ARGUMENTS, given, strict=False)) if isinstance(given, list | tuple) else {}
    found |= {name: value for name, value in named.items() if name in _ARGUMENTS} if isinstance(named, dict) else {}
    return {
        name: {key: _plain(v) for key, v in value.items() if isinstance(key, str)} if isinstance(value, dict) else value
        for name, value in found.items()
        if isinstance(value, int | dict)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, NumpyArray):
        return value.value.tolist()
    items = list(value) if isinstance(value, list | tuple) else [value]
    return value if all(isinstance(item, str | int | float | None) for item in items) else None
