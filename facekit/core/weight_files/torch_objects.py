"""Rebuild tensors, storages and numpy arrays from the calls in torch's pickles.

`CALLS` lists every function that a file may call. Each entry is a function of this package that returns plain data; no
function that a file names is imported.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .pickles import GlobalName, UnsafePickleError, quoted

DTYPES = {f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
_STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
}
# numpy's codes of plain numbers: kind and bytes, such as "f4".
_NUMPY_CODES = {
    f"{kind}{size}" for kind, sizes in {"b": "1", "i": "1248", "u": "1248", "f": "248"}.items() for size in sizes
}


class Storage:
    """The numbers of one storage.

    Args:
        data: Raw bytes of shape (n,), uint8.
        dtype: Type that the file gives them, or None for an untyped storage.
    """

    def __init__(self, data: Tensor, dtype: torch.dtype | None):
        self.data, self.dtype = data, dtype

    def as_type(self, dtype: torch.dtype) -> Tensor:
        """Return the numbers as a flat tensor of a type, without a copy."""
        return self.data[: len(self.data) // dtype.itemsize * dtype.itemsize].view(dtype)


class NumpyType:
    """A numpy dtype of plain numbers.

    Args:
        code: numpy's code, such as "f4".

    Raises:
        UnsafePickleError: If the code stands for anything else.
    """

    def __init__(self, code: Any):
        if code not in _NUMPY_CODES:
            raise UnsafePickleError(f"it holds numpy values of type {quoted(code)}, expected plain numbers")
        self.dtype = np.dtype(f"<{code}")

    def restore(self, state: Any) -> None:
        """Check the byte order in the state of a pickled dtype."""
        if state[1] not in ("<", "|", "="):
            raise UnsafePickleError(f"it holds numbers of byte order {quoted(state[1])}, expected little-endian ones")


class NumpyArray:
    """A numpy array of plain numbers.

    Attributes:
        value: The array. It is set by `restore`.
    """

    value: np.ndarray

    def restore(self, state: Any) -> None:
        """Set the value from the state of a pickled array."""
        _, shape, dtype, fortran, raw = state
        self.value = np.frombuffer(as_bytes(raw), dtype.dtype).reshape(shape, order="F" if fortran else "C")


def storage_dtype(kind: Any) -> torch.dtype | None:
    """Return the type of the numbers in a storage.

    Args:
        kind: Name of the storage's class, a `GlobalName`.

    Returns:
        The type, or None for an untyped storage.

    Raises:
        UnsafePickleError: If it is no storage of plain numbers.
    """
    name = kind.name if isinstance(kind, GlobalName) else ""
    if name == "torch.storage.UntypedStorage":
        return None
    short = name.rpartition(".")[2].removesuffix("Storage")
    if not name.startswith("torch.") or short not in _STORAGES:
        raise UnsafePickleError(f"it holds numbers of type {quoted(name)}, expected plain tensors")
    return _STORAGES[short]


def as_bytes(data: Any) -> bytes:
    """Return bytes of a pickle. Python 2 wrote them as text.

    Raises:
        UnsafePickleError: If it is neither bytes nor text.
    """
    if isinstance(data, str):
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise UnsafePickleError(f"it has a {quoted(data)} where bytes belong")
    return bytes(data)


def byte_tensor(data: bytes) -> Tensor:
    """Copy bytes into a tensor of shape (n,), uint8."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def _strided(storage: Any, dtype: torch.dtype | None, offset: Any, size: Any, stride: Any) -> Tensor:
    """Return a tensor that shares the numbers of a storage."""
    if not isinstance(storage, Storage) or dtype is None:
        raise UnsafePickleError(f"it has a {quoted(storage)} where a typedstorage belongs")
    flat = storage.as_type(dtype)
    if math.prod(size) > len(flat):  # with strides of 0, a few bytes would make a terabyte
        raise UnsafePickleError(f"it has a tensor of {math.prod(size)} numbers with {len(flat)} stored")
    try:
        return flat.as_strided(size, stride, offset)
    except RuntimeError:
        raise ValueError("it has a tensor that is damaged: it reaches outside what is stored") from None


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Tensor:
    return _strided(storage, getattr(storage, "dtype", None), offset, size, stride)


def _tensor_v3(storage: Any, offset: Any, size: Any, stride: Any, grad: Any, hooks: Any, dtype: Any, *_: Any) -> Tensor:
    return _strided(storage, dtype, offset, size, stride)


def _parameter(data: Any, *rest: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise UnsafePickleError(f"it has a {quoted(data)} where a tensor belongs")
    return data


def _scalar(dtype: Any, raw: Any) -> bool | int | float:
    return np.frombuffer(as_bytes(raw), dtype.dtype, count=1)[0].item()


def _encoded(text: Any, encoding: Any) -> bytes:
    """Return bytes that protocol 2 writes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise UnsafePickleError(f"it encodes text as {quoted(encoding)}, expected 'latin1'")
    return text.encode("latin1")


def _ordered_dict(*args: Any) -> OrderedDict[Any, Any]:
    result: OrderedDict[Any, Any] = OrderedDict()
    for key, value in args[0] if args else ():
        if isinstance(key, tuple):
            raise UnsafePickleError("its pickle has a dictionary with tuples as keys")
        result[key] = value
    return result


CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": lambda *args: {},
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.Size": lambda size=(): tuple(size),
    "torch.jit._pickle.build_intlist": list,
    "torch.jit._pickle.build_doublelist": list,
    "torch.jit._pickle.build_boollist": list,
    "torch.jit._pickle.build_tensorlist": list,
    "torch.jit._pickle.restore_type_tag": lambda value, tag: value,
    "numpy.dtype": lambda code, *rest: NumpyType(code),
    "_codecs.encode": _encoded,
    "builtins.set": set,
    "__builtin__.set": set,
}
for _core in ("numpy.core", "numpy._core"):  # before and since numpy 2
    CALLS[f"{_core}.multiarray.scalar"] = _scalar
    CALLS[f"{_core}.multiarray._reconstruct"] = lambda *args: NumpyArray()
# Classes that pickles write as calls. Their instances become `Object` records.
INSTANCES = frozenset(
    [
        *("torch.device", "datetime.datetime", "datetime.timedelta", "uuid.UUID", "pathlib.Path"),
        *(f"pathlib.{kind}" for kind in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
        *(f"pathlib._local.{kind}" for kind in ("PosixPath", "WindowsPath")),
    ]
)
