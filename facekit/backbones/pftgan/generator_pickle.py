"""Read the pickles of stylegan2-ada-pytorch as data.

NVIDIA's files contain the Python source of their classes, and `pickle.load` would run it. Here a file may use only the
names of one table, none of which does more than hold a value. The source is not read.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor
from typing_extensions import override

from ...core.weight_files.contents import check_size
from ...core.weight_files.pickles import GlobalName, Object, UnsafePickleError, quoted
from ...core.weight_files.torch_files import TorchReader
from ...core.weight_files.torch_objects import NumpyArray

REMEDY = "download it again from its author's address"
_ARGUMENTS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs")
_MODULE = "torch_utils.persistence._reconstruct_persistent_obj"
_DICTIONARIES = ("dnnlib.util.EasyDict", "collections.OrderedDict")
_ALLOWED = frozenset(
    [
        _MODULE,
        *_DICTIONARIES,
        "torch.storage._load_from_bytes",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "numpy.dtype",
        "numpy.ndarray",
        "_codecs.encode",
        "builtins.set",
        "__builtin__.set",
    ]
    + [f"{core}.multiarray.{name}" for core in ("numpy.core", "numpy._core") for name in ("scalar", "_reconstruct")]
)


class _NvidiaReader(TorchReader):
    """Reader of pickles that may use only the names of the table."""

    @override
    def resolve_name(self, name: str) -> Any:
        """Return a name of the table. Raise UnsafePickleError for any other one."""
        if name in _ALLOWED:
            return GlobalName(name)
        if name.startswith("dnnlib.tflib"):
            raise UnsafePickleError(
                f"expected a pickle of stylegan2-ada-pytorch, got one of TensorFlow's StyleGAN (it uses "
                f"{quoted(name)}, nothing was executed); convert it with legacy.py of that repository"
            )
        raise UnsafePickleError(
            f"expected a .pkl of stylegan2-ada-pytorch, got one that uses {quoted(name)}, which NVIDIA's files do not "
            f"need; nothing was executed. Do not open it with other programs, {REMEDY}"
        )

    @override
    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == _MODULE:
            return _module(*args)
        return {} if name in _DICTIONARIES and not args else super().call(name, args)

    @override
    def make_instance(self, name: str, args: tuple[Any, ...]) -> Any:
        return {} if name in _DICTIONARIES else super().make_instance(name, args)

    @override
    def load_external(self, reference: Any) -> NoReturn:
        """Refuse tensors that are stored outside the pickle."""
        raise UnsafePickleError(
            "expected a pickle of stylegan2-ada-pytorch, which holds its tensors, got one whose tensors are stored "
            "outside it; write it with pickle.dump"
        )


def _module(meta: Any, *rest: Any) -> Object:
    """Build a module from what NVIDIA's persistence stores. Its source code, meta["module_src"], is not read."""
    if not isinstance(meta, dict):
        raise UnsafePickleError(f"expected a dict in the pickle, got {quoted(meta)}; {REMEDY}")
    if meta.get("type") != "class" or rest:
        got = quoted(meta.get("type"))
        raise UnsafePickleError(f"expected a persistent 'class' in the pickle, got {got}; {REMEDY}")
    name, state = meta.get("class_name"), meta.get("state")
    if not isinstance(name, str) or not isinstance(state, dict):
        raise UnsafePickleError(f"expected the attributes of a module in the pickle, got {quoted(state)}; {REMEDY}")
    return Object(name, state=state)


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """Read a pickle of stylegan2-ada-pytorch.

    Args:
        path: The file.

    Returns:
        Its contents: an `Object` for each module, tensors, numpy arrays and plain values.

    Raises:
        ValueError: If the pickle uses any other name, is cut off or damaged, or its tensors are far larger than the
            file. Nothing is executed.
    """
    size = Path(path).stat().st_size
    try:
        if size == 0:
            raise ValueError("it is empty")
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            contents = _NvidiaReader().read(mapped)  # type: ignore[arg-type]
        check_size(contents, size)
        return contents
    except UnsafePickleError as error:
        raise ValueError(f"{path}: {error}") from None
    except ValueError as error:
        raise ValueError(
            f"{path}: expected a whole .pkl of stylegan2-ada-pytorch, got a damaged or cut-off file of {size} bytes "
            f"({error}); {REMEDY}"
        ) from error


def tensors(module: Object) -> dict[str, Tensor]:
    """Collect the parameters and buffers of a module.

    Args:
        module: A module that ``read_pickle`` returned.

    Returns:
        Float32 copies by their dotted names.

    Raises:
        ValueError: If the module is not built as torch's modules are.
    """
    found: dict[str, Tensor] = {}
    visited: set[int] = set()
    left = [("", module)]
    while left:
        prefix, part = left.pop()
        # A module that contains itself would not end.
        if not isinstance(part, Object) or id(part) in visited:
            raise ValueError(
                f"expected a module of NVIDIA's at {quoted(prefix)}, each once, got another object; {REMEDY}"
            )
        visited.add(id(part))
        for name, value in [*_entries(part, "_parameters"), *_entries(part, "_buffers")]:
            if value is None:
                continue
            if not isinstance(value, Tensor):
                raise ValueError(f"expected a tensor at {quoted(prefix + name)}, got another object; {REMEDY}")
            found[prefix + name] = value.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        left += [(f"{prefix}{name}.", child) for name, child in _entries(part, "_modules") if child is not None]
    return found


def _entries(module: Object, name: str) -> list[tuple[str, Any]]:
    """Return the entries of a table of a module, such as "_parameters"."""
    value = module.state.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"expected a torch module, got {quoted(module.name)} without a table {name}; {REMEDY}")
    return list(value.items())


def arguments(generator: Object) -> dict[str, Any]:
    """Return the arguments of a generator's constructor, which NVIDIA's persistence stores.

    Args:
        generator: A generator that ``read_pickle`` returned.

    Returns:
        z_dim, c_dim, w_dim, img_resolution, img_channels, mapping_kwargs and synthesis_kwargs as plain values. Values
        that are not stored are taken from the generator's attributes.
    """
    state = generator.state
    positional, named = state.get("_init_args"), state.get("_init_kwargs")
    found = {name: state[name] for name in _ARGUMENTS if name in state}
    found |= dict(zip(_ARGUMENTS, positional, strict=False)) if isinstance(positional, list | tuple) else {}
    found |= {name: value for name, value in named.items() if name in _ARGUMENTS} if isinstance(named, dict) else {}
    return {
        name: {key: _plain(v) for key, v in value.items() if isinstance(key, str)} if isinstance(value, dict) else value
        for name, value in found.items()
        if isinstance(value, int | dict)
    }


def _plain(value: Any) -> Any:
    """Return a number, a text, or a list of them; None for other values."""
    if isinstance(value, NumpyArray):
        return value.value.tolist()
    items = list(value) if isinstance(value, list | tuple) else [value]
    return value if all(isinstance(item, str | int | float | None) for item in items) else None
