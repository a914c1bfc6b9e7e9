"""Read what `torch.save` and `torch.jit.save` write, as plain data with tensors. No code of a file is executed.

Zip archives (since torch 1.6), the format before them, TorchScript archives, and pickles of tensors are read. Whole
modules and settings beside the tensors come as `Object` records.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from .pickles import Named, Object, PickleReader, PickleRefused, shown

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
# The first bytes of a file in the format before zip archives: its magic number, pickled.
LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
_STORAGES = {
    "Double": torch.float64, "Float": torch.float32, "Half": torch.float16, "BFloat16": torch.bfloat16,
    "Long": torch.int64, "Int": torch.int32, "Short": torch.int16, "Char": torch.int8, "Byte": torch.uint8,
    "Bool": torch.bool, "ComplexFloat": torch.complex64, "ComplexDouble": torch.complex128,
}  # fmt: skip
_DTYPES = {f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
_NUMPY = {f"{kind}{size}" for kind, sizes in dict(b="1", i="1248", u="1248", f="248").items() for size in sizes}


class Storage:
    """The numbers of one storage, as raw bytes (n,) uint8, and the dtype that the file gives them."""

    def __init__(self, data: Tensor, dtype: torch.dtype | None):
        self.data, self.dtype = data, dtype

    def as_type(self, dtype: torch.dtype) -> Tensor:
        return self.data[: len(self.data) // dtype.itemsize * dtype.itemsize].view(dtype)


class NumpyType:
    """A numpy dtype of plain numbers."""

    def __init__(self, code: Any):
        if code not in _NUMPY:
            raise PickleRefused(f"it holds numpy values of type {shown(code)}, expected plain numbers")
        self.dtype = np.dtype(f"<{code}")

    def restore(self, state: Any) -> None:
        if state[1] not in ("<", "|", "="):
            raise PickleRefused(f"it holds numbers of byte order {shown(state[1])}, expected little-endian ones")


class NumpyArray:
    """A numpy array of plain numbers."""

    value: np.ndarray

    def restore(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        self.value = np.frombuffer(_bytes(raw), dtype.dtype).reshape(shape, order="F" if fortran else "C")


class TorchReader(PickleReader):
    """A pickle of torch's. storage: returns the bytes (n,) uint8 of a storage by its key and number of bytes."""

    def __init__(self, storage: Callable[[str, int], Tensor] | None = None, nested: bool = False):
        super().__init__()
        self._storage, self._nested = storage, nested
        self._storages: dict[str, Storage] = {}
        self._left = 0

    def read(self, stream: IO[bytes]) -> Any:
        # Calls copy what they get: a few bytes could ask for the same megabytes again and again.
        self._left = 2 * _size(stream) + 1_000_000
        return super().read(stream)

    def named(self, name: str) -> Any:
        return _DTYPES.get(name, Named(name))

    def outside(self, reference: Any) -> Any:
        if self._storage is None or not isinstance(reference, tuple) or reference[0] != "storage":
            raise PickleRefused("it is a pickle with tensors kept outside it")
        _, kind, key, _, count, *_ = reference
        if not isinstance(count, int) or count < 0:
            raise TypeError
        if key not in self._storages:
            dtype = _storage_type(kind)
            size = count * (1 if dtype is None else dtype.itemsize)
            self._storages[key] = Storage(self._storage(key, size), dtype)
        return self._storages[key]

    def called(self, name: str, args: tuple[Any, ...]) -> Any:
        self._left -= sum(len(arg) for arg in args if isinstance(arg, str | bytes | bytearray | list | tuple | dict))
        if self._left < 0:
            raise PickleRefused("it copies the same data again and again, more than the file holds")
        if name in ("copyreg._reconstructor", "copy_reg._reconstructor"):  # (class, object, None)
            return self.made(args[0].name, ())
        if name == "torch.storage._load_from_bytes":
            return self._stored_inside(*args)
        if name == "torch._tensor._rebuild_from_type_v2":  # (function, type, its arguments, attributes)
            return self.called(args[0].name, args[2])
        if name in _CALLS:
            return _CALLS[name](*args)
        if name in _INSTANCES:
            return Object(name, args)
        return super().called(name, args)

    def _stored_inside(self, data: Any) -> Any:
        if self._nested:
            raise PickleRefused("it has a torch file within a torch file within another")
        try:
            held = read_torch(io.BytesIO(_bytes(data)), nested=True)
        except PickleRefused as error:
            raise PickleRefused(f"a tensor's bytes are no plain numbers: {error}") from None
        if not isinstance(held, Storage):
            raise PickleRefused(f"it has a {shown(held)} where a typedstorage belongs")
        return held


def read_torch(stream: IO[bytes], nested: bool = False) -> Any:
    """Return what a file of torch holds.

    Args:
        stream: The file: bytes in memory or a memory map.
        nested: Whether it lies inside another torch file.

    Returns:
        Plain data, tensors on the CPU, and `Object` records for instances of classes.

    Raises:
        PickleRefused: If the file asks for a call that no file of weights needs.
        ValueError: If it is damaged, cut off or compressed.
    """
    stream.seek(0)
    start = stream.read(16)
    stream.seek(0)
    if start.startswith(b"PK\x03\x04"):
        return _read_zip(stream, nested)
    if start.startswith(LEGACY_START):
        return _read_legacy(stream, nested)
    return TorchReader(nested=nested).read(stream)


def _read_zip(stream: IO[bytes], nested: bool) -> Any:
    try:
        with zipfile.ZipFile(stream) as archive:
            found = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
            if len(found) != 1:
                raise ValueError("a zip archive without torch's data.pkl")
            folder = found[0].removesuffix("data.pkl")
            # TorchScript's code, which nobody reads, is compressed.
            check_stored(archive, (found[0], f"{folder}data/", f"{folder}byteorder"))
            if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
                raise ValueError("its numbers are big-endian; save it again on a little-endian machine")

            def storage(key: str, size: int) -> Tensor:
                data = archive.read(f"{folder}data/{key}")
                if len(data) < size:
                    raise ValueError(f"storage {shown(key)} has {len(data)} of {size} bytes")
                return _tensor_of(data)

            return TorchReader(storage, nested).read(io.BytesIO(archive.read(found[0])))
    # zipfile raises NotImplementedError for a compression or version that it does not have.
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"half or damaged: {error}") from None


def check_stored(archive: zipfile.ZipFile, beginnings: tuple[str, ...] = ("",)) -> None:
    """Refuse archives that unpack to more than they are: ones with compressed or overlapping members.

    Args:
        archive: An open archive.
        beginnings: Of the names of the members that will be read.

    Raises:
        ValueError: If there is such a member. It names the first.
    """
    assert archive.fp is not None
    left = archive.fp.seek(0, io.SEEK_END)
    for member in archive.infolist():
        if not member.filename.startswith(beginnings):
            continue
        left -= member.file_size
        if member.compress_type != zipfile.ZIP_STORED or left < 0:
            raise ValueError(
                f"a zip archive whose member {shown(member.filename)} is compressed or larger than the archive; "
                "expected stored members"
            )


def _read_legacy(stream: IO[bytes], nested: bool) -> Any:
    for _ in range(3):  # magic number, version, the writer's machine
        TorchReader().read(stream)
    # The storages lie behind the pickle, so they are filled afterwards.
    waiting: dict[str, tuple[Tensor, int]] = {}
    end, whole = stream.tell(), _size(stream)

    def storage(key: str, size: int) -> Tensor:
        if size > whole - end - sum(known for _, known in waiting.values()):
            raise ValueError(f"cut off: storage {shown(key)} of {size} bytes is not there")
        waiting[key] = torch.empty(size, dtype=torch.uint8), size
        return waiting[key][0]

    reader = TorchReader(storage, nested)
    contents = reader.read(stream)
    for key in TorchReader().read(stream):
        data, size = waiting[key] if key in waiting else (torch.empty(0, dtype=torch.uint8), 0)
        count = int.from_bytes(stream.read(8), "little")
        raw = stream.read(size)
        dtype = reader._storages[key].dtype if key in waiting else None
        if count * (1 if dtype is None else dtype.itemsize) != size or len(raw) != size:
            raise ValueError(f"cut off: storage {shown(key)} has {len(raw)} of {size} bytes")
        data.copy_(_tensor_of(raw))
        waiting.pop(key, None)
    if waiting:
        raise ValueError(f"cut off: {len(waiting)} storages are not there")
    return contents


def _size(stream: IO[bytes]) -> int:
    at = stream.tell()
    stream.seek(0, io.SEEK_END)  # which returns nothing for a map before Python 3.13
    size = stream.tell()
    stream.seek(at)
    return size


def _tensor_of(data: bytes) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0, dtype=torch.uint8)


def _storage_type(kind: Any) -> torch.dtype | None:
    name = kind.name if isinstance(kind, Named) else ""
    if name == "torch.storage.UntypedStorage":
        return None
    short = name.rpartition(".")[2].removesuffix("Storage")
    if not name.startswith("torch.") or short not in _STORAGES:
        raise PickleRefused(f"it holds numbers of type {shown(name)}, expected plain tensors")
    return _STORAGES[short]


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):  # of Python 2
        return data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise PickleRefused(f"it has a {shown(data)} where bytes belong")
    return bytes(data)


def _strided(storage: Any, dtype: torch.dtype | None, offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, Storage) or dtype is None:
        raise PickleRefused(f"it has a {shown(storage)} where a typedstorage belongs")
    flat = storage.as_type(dtype)
    if math.prod(size) > len(flat):  # with strides of 0 a few bytes would make a terabyte
        raise PickleRefused(f"it has a tensor of {math.prod(size)} numbers with {len(flat)} stored")
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
        raise PickleRefused(f"it has a {shown(data)} where a tensor belongs")
    return data


def _scalar(dtype: Any, raw: Any) -> bool | int | float:
    return np.frombuffer(_bytes(raw), dtype.dtype, count=1)[0].item()


def _encoded(text: Any, encoding: Any) -> bytes:
    # Protocol 2 writes bytes as text of this encoding.
    if encoding not in ("latin1", "latin-1"):
        raise PickleRefused(f"it encodes text as {shown(encoding)}, expected 'latin1'")
    return text.encode("latin1")


def _ordered(*args: Any) -> OrderedDict[Any, Any]:
    made: OrderedDict[Any, Any] = OrderedDict()
    for key, value in args[0] if args else ():
        if isinstance(key, tuple):
            raise PickleRefused("its pickle has a dictionary with tuples as keys")
        made[key] = value
    return made


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
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
    _CALLS[f"{_core}.multiarray.scalar"] = _scalar
    _CALLS[f"{_core}.multiarray._reconstruct"] = lambda *args: NumpyArray()
# Instances that are written as calls. They stay records.
_INSTANCES = frozenset(
    ["torch.device", "datetime.datetime", "datetime.timedelta", "uuid.UUID", "pathlib.Path"]
    + [f"pathlib.{kind}" for kind in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")]
    + [f"pathlib._local.{kind}" for kind in ("PosixPath", "WindowsPath")]
)
