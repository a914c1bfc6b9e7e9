"""The pickles of stylegan2-ada-pytorch, read as data: a file can name nothing that does more than hold a value.

NVIDIA's files carry the Python source of their classes, and plain `pickle.load` runs it. Here every name that a file
may use stands in one table, and what it makes is inert: it has no attributes that a pickle could set and no behaviour.
"""

from __future__ import annotations

import io
import os
import pickle
import re
from collections.abc import Callable
from math import prod
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

REMEDY = "fetch it again from its author's own address"
_ARGUMENTS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs")
_DTYPES = {f"{kind}{size}" for kind, sizes in dict(b="1", i="1248", u="1248", f="248").items() for size in sizes}


class Refused(ValueError):
    """The pickle asks for what no StyleGAN2 file needs; its message names it."""


class _Inert:
    """Holds one value. Sealed, since a pickle may otherwise set attributes on anything that it has on its stack."""

    __slots__ = ("value",)
    value: Any

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise Refused(f"the pickle sets the attribute {shown(name)}, which no StyleGAN2 file does")


class Record(_Inert):
    """A module of the file: its class's name and its `__dict__`. The source of its class is dropped unread."""

    __slots__ = ()

    @property
    def class_name(self) -> str:
        return self.value[0]

    @property
    def state(self) -> dict[str, Any]:
        return self.value[1]


class Weight(_Inert):
    """A tensor of the file, a view of what it stored."""

    __slots__ = ()


class Array(_Inert):
    """A numpy array of numbers."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        flat = np.frombuffer(_only(bytes, raw), _only(_Number, dtype).value)
        object.__setattr__(self, "value", flat.reshape(shape, order="F" if fortran else "C"))


class _Number(_Inert):
    """A numpy dtype of plain numbers, little-endian."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", "|", "="):
            raise Refused(f"the pickle holds numbers of byte order {shown(state[1])}, expected little-endian ones")


class _Storage(_Inert):
    """What torch stored for a tensor, as a flat one."""

    __slots__ = ()


class _Call(_Inert):
    """A function that a pickle may call."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return self.value(*args)


def shown(text: Any) -> str:
    """Text out of a file, short and without control characters."""
    plain = repr(str(text))
    return plain if len(plain) <= 80 else f"{plain[:77]}...'"


def wanted(error: Exception) -> str:
    """What a file wanted of torch's restricted loader, of its message alone: the rest advises to switch it off."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f"it wants {shown(found[1])}" if found else f"torch could not read it ({type(error).__name__})"


def _only(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        name = kind.__name__.lstrip("_").lower()
        raise Refused(f"the pickle has a {shown(type(value).__name__)} where a {name} belongs")
    return value


def _module(meta: Any, *rest: Any) -> Record:
    # meta["module_src"] is the source code: never touched.
    meta = _only(dict, meta)
    if meta.get("type") != "class" or rest:
        raise Refused(f"the pickle has a persistent {shown(meta.get('type'))} of NVIDIA's, expected a 'class'")
    return Record((_only(str, meta.get("class_name")), _only(dict, meta.get("state"))))


def _storage(data: Any) -> _Storage:
    """The bytes of a nested torch.save. torch's own function loads them without any restriction."""
    try:
        held = torch.load(io.BytesIO(_only(bytes, data)), map_location="cpu", weights_only=True)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"a tensor's bytes are no plain numbers: {wanted(error)}") from None
    held = _only(torch.storage.TypedStorage, held)
    return _Storage(torch.empty(0, dtype=held.dtype).set_(held))


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Weight:
    # rest: requires_grad, hooks, metadata.
    flat = _only(_Storage, storage).value
    # Strides of 0 would make a terabyte of a few bytes; as_strided itself checks the bounds.
    if prod(size) > flat.numel():
        raise Refused(f"a tensor of {prod(size)} numbers has {flat.numel()} stored")
    return Weight(flat.as_strided(size, stride, offset))


def _parameter(data: Any, *rest: Any) -> Weight:
    return _only(Weight, data)


def _dtype(code: Any, *rest: Any) -> _Number:
    if code not in _DTYPES:
        raise Refused(f"the pickle holds numpy values of type {shown(code)}, expected plain numbers")
    return _Number(f"<{code}")


def _scalar(dtype: Any, raw: Any) -> bool | int | float:
    return np.frombuffer(_only(bytes, raw), _only(_Number, dtype).value, count=1)[0].item()


def _array(*rest: Any) -> Array:
    return Array(None)


def _encoded(text: Any, encoding: Any) -> bytes:
    # Protocol 2 writes bytes as text of this encoding.
    if encoding not in ("latin1", "latin-1"):
        raise Refused(f"the pickle encodes text as {shown(encoding)}, expected 'latin1'")
    return _only(str, text).encode("latin1")


def _table() -> dict[tuple[str, str], Any]:
    functions: dict[tuple[str, str], Callable[..., Any]] = {
        ("torch_utils.persistence", "_reconstruct_persistent_obj"): _module,
        ("torch.storage", "_load_from_bytes"): _storage,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch._utils", "_rebuild_parameter"): _parameter,
        ("numpy", "dtype"): _dtype,
        ("_codecs", "encode"): _encoded,
    }
    for core in ("numpy.core", "numpy._core"):  # before and since numpy 2
        functions[f"{core}.multiarray", "scalar"] = _scalar
        functions[f"{core}.multiarray", "_reconstruct"] = _array
    table: dict[tuple[str, str], Any] = {name: _Call(function) for name, function in functions.items()}
    # Types of the interpreter are sealed themselves, and pickle needs real ones to make instances of.
    table["collections", "OrderedDict"] = table["dnnlib.util", "EasyDict"] = dict
    table["builtins", "set"] = table["__builtin__", "set"] = set
    table["numpy", "ndarray"] = _Inert("numpy.ndarray")  # an argument of _reconstruct
    return table


_ALLOWED = _table()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module.startswith("dnnlib.tflib"):
            raise Refused(
                f"a TensorFlow StyleGAN pickle came (it wants {shown(f'{module}.{name}')}), expected one of "
                "stylegan2-ada-pytorch: convert it with that repository's legacy.py, nothing of it was executed"
            )
        raise Refused(
            f"the pickle wants {shown(f'{module}.{name}')}, which no StyleGAN2 file of NVIDIA needs; nothing of it was "
            f"executed. Expected a .pkl of stylegan2-ada-pytorch: do not open this one elsewhere, {REMEDY}"
        )

    def persistent_load(self, pid: Any) -> NoReturn:
        raise Refused(
            "a pickle with tensors kept outside it came, expected one of stylegan2-ada-pytorch, which holds them: "
            "write it with pickle.dump"
        )


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """What a pickle of stylegan2-ada-pytorch holds, with Record, Weight and Array for its modules, tensors and arrays.

    Raises ValueError for a pickle that names anything else (the message says what, and nothing is executed) and for one
    that is cut off or damaged.
    """
    with open(path, "rb") as file:
        try:
            return _Unpickler(file).load()
        except Refused as error:
            raise ValueError(f"{path}: {error}") from None
        except Exception as error:  # damaged bytes make pickle raise nearly anything
            raise ValueError(
                f"{path}: a damaged or cut-off pickle of {file.seek(0, os.SEEK_END)} bytes came ({shown(error)}), "
                f"expected a whole .pkl of stylegan2-ada-pytorch: {REMEDY}"
            ) from error


def tensors(module: Record) -> dict[str, Tensor]:
    """A module's parameters and buffers by their dotted names, float32, copies of what the file holds.

    Raises ValueError where the module is not made as torch's are.
    """
    found: dict[str, Tensor] = {}
    seen: set[int] = set()
    left = [("", module)]
    while left:
        prefix, part = left.pop()
        # A module within itself would have no end.
        if not isinstance(part, Record) or id(part) in seen:
            raise ValueError(f"no module of its own came at {shown(prefix)}, expected one of NVIDIA's: {REMEDY}")
        seen.add(id(part))
        for name, held in [*_entries(part, "_parameters"), *_entries(part, "_buffers")]:
            if held is None:
                continue
            if not isinstance(held, Weight):
                raise ValueError(f"no tensor came at {shown(prefix + name)}, expected one: {REMEDY}")
            found[prefix + name] = held.value.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        left += [(f"{prefix}{name}.", child) for name, child in _entries(part, "_modules") if child is not None]
    return found


def _entries(module: Record, name: str) -> list[tuple[str, Any]]:
    held = module.state.get(name, {})
    if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
        raise ValueError(f"{shown(module.class_name)} has no table of {name}, expected a torch module: {REMEDY}")
    return list(held.items())


def arguments(generator: Record) -> dict[str, Any]:
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
    if isinstance(value, Array):
        return value.value.tolist()
    items = list(value) if isinstance(value, list | tuple) else [value]
    return value if all(isinstance(item, str | int | float | None) for item in items) else None
