"""Read what `torch.save` and `torch.jit.save` write, as plain data with tensors. No code of a file is executed.

Four containers are read: zip archives (since torch 1.6), the format before them, TorchScript archives, and pickles of
tensors. Whole modules and settings beside the tensors become `Object` records.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import IO, Any

import torch
from torch import Tensor

from .pickles import GlobalName, Object, PickleReader, UnsafePickleError, quoted
from .torch_objects import CALLS, DTYPES, INSTANCES, Storage, as_bytes, byte_tensor, storage_dtype

# First bytes of a file in the format before zip archives: its magic number 0x1950A86A20F9469CFC6C, pickled.
LEGACY_START = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"


class TorchReader(PickleReader):
    """Interpreter of torch's pickles.

    Args:
        storage: Function of a storage's key and number of bytes that returns these bytes, shape (n,), uint8. None: the
            pickle has no storages outside itself.
        nested: Whether the pickle is inside another torch file.
    """

    def __init__(self, storage: Callable[[str, int], Tensor] | None = None, nested: bool = False):
        super().__init__()
        self._storage, self._nested = storage, nested
        self._storages: dict[str, Storage] = {}
        self._copies_left = 0

    def read(self, stream: IO[bytes]) -> Any:
        """Interpret the pickle at the stream's position, as `PickleReader.read` does."""
        # Calls copy their arguments. Without a limit, a few bytes could copy the same megabytes again and again.
        self._copies_left = 2 * _size(stream) + 1_000_000
        return super().read(stream)

    def resolve_name(self, name: str) -> Any:
        """Return the dtype of a name such as "torch.float32", and a `GlobalName` for other names."""
        return DTYPES.get(name, GlobalName(name))

    def load_external(self, reference: Any) -> Any:
        """Return the `Storage` of a reference ("storage", class, key, location, count)."""
        if self._storage is None or not isinstance(reference, tuple) or reference[0] != "storage":
            raise UnsafePickleError("it is a pickle with tensors kept outside it")
        _, kind, key, _, count, *_ = reference
        if not isinstance(count, int) or count < 0:
            raise TypeError
        if key not in self._storages:
            dtype = storage_dtype(kind)
            size = count * (1 if dtype is None else dtype.itemsize)
            self._storages[key] = Storage(self._storage(key, size), dtype)
        return self._storages[key]

    def call(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return the result of a call that `torch_objects` lists, else raise UnsafePickleError."""
        self._copies_left -= sum(
            len(arg) for arg in args if isinstance(arg, str | bytes | bytearray | list | tuple | dict)
        )
        if self._copies_left < 0:
            raise UnsafePickleError("it copies the same data again and again, more than the file holds")
        if name in ("copyreg._reconstructor", "copy_reg._reconstructor"):  # (class, object, None)
            return self.make_instance(args[0].name, ())
        if name == "torch.storage._load_from_bytes":
            return self._embedded_storage(*args)
        if name == "torch._tensor._rebuild_from_type_v2":  # (function, type, its arguments, attributes)
            return self.call(args[0].name, args[2])
        if name in CALLS:
            return CALLS[name](*args)
        if name in INSTANCES:
            return Object(name, args)
        return super().call(name, args)

    def _embedded_storage(self, data: Any) -> Any:
        """Return the storage in a torch file that is a value of this pickle."""
        if self._nested:
            raise UnsafePickleError("it has a torch file within a torch file within another")
        try:
            content = read_torch(io.BytesIO(as_bytes(data)), nested=True)
        except UnsafePickleError as error:
            raise UnsafePickleError(f"a tensor's bytes are no plain numbers: {error}") from None
        if not isinstance(content, Storage):
            raise UnsafePickleError(f"it has a {quoted(content)} where a typedstorage belongs")
        return content


def read_torch(stream: IO[bytes], nested: bool = False) -> Any:
    """Read a file of torch.

    Args:
        stream: The file: bytes in memory or a memory map.
        nested: Whether it is inside another torch file.

    Returns:
        Plain data, tensors on the CPU, and `Object` records for instances of classes.

    Raises:
        UnsafePickleError: If the file requests a call that no file of weights needs.
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


def check_stored(archive: zipfile.ZipFile, beginnings: tuple[str, ...] = ("",)) -> None:
    """Refuse archives that unpack to more bytes than they have, by compressed or overlapping members.

    Args:
        archive: An open archive.
        beginnings: Beginnings of the names of the members that will be read.

    Raises:
        ValueError: If there is such a member. The message names the first.
    """
    assert archive.fp is not None
    bytes_left = archive.fp.seek(0, io.SEEK_END)
    for member in archive.infolist():
        if not member.filename.startswith(beginnings):
            continue
        bytes_left -= member.file_size
        if member.compress_type != zipfile.ZIP_STORED or bytes_left < 0:
            raise ValueError(
                f"a zip archive whose member {quoted(member.filename)} is compressed or larger than the archive; "
                "expected stored members"
            )


def read_attached(stream: IO[bytes], name: str) -> Any:
    """Read a file of torch that ``torch.jit.save(..., _extra_files={name: ...})`` put into a TorchScript archive.

    Args:
        stream: The archive.
        name: Name of the file in it.

    Returns:
        As `read_torch`. None if there is no such file in the archive.

    Raises:
        UnsafePickleError: As `read_torch`.
        ValueError: As `read_torch`.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            member = f"{_folder(archive)}extra/{name}"
            if member not in archive.namelist():
                return None
            check_stored(archive, (member,))
            data = archive.read(member)
    # zipfile raises NotImplementedError for a compression or version that it does not have.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"half or damaged: {error}") from None
    return read_torch(io.BytesIO(data), nested=True)


def _folder(archive: zipfile.ZipFile) -> str:
    """Return the folder that all members of an archive of torch are in, with a slash."""
    pickles = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("a zip archive without torch's data.pkl")
    return pickles[0].removesuffix("data.pkl")


def _read_zip(stream: IO[bytes], nested: bool) -> Any:
    """Read a zip archive: a pickle data.pkl, and one member per storage in the folder data."""
    try:
        with zipfile.ZipFile(stream) as archive:
            folder = _folder(archive)
            # TorchScript's code is compressed, too, but it is not read.
            check_stored(archive, (f"{folder}data.pkl", f"{folder}data/", f"{folder}byteorder"))
            if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
                raise ValueError("its numbers are big-endian; save it again on a little-endian machine")

            def storage(key: str, size: int) -> Tensor:
                data = archive.read(f"{folder}data/{key}")
                if len(data) < size:
                    raise ValueError(f"storage {quoted(key)} has {len(data)} of {size} bytes")
                return byte_tensor(data)

            return TorchReader(storage, nested).read(io.BytesIO(archive.read(f"{folder}data.pkl")))
    # zipfile raises NotImplementedError for a compression or version that it does not have.
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"half or damaged: {error}") from None


def _read_legacy(stream: IO[bytes], nested: bool) -> Any:
    """Read the format before zip archives: three pickles of the header, the contents, the keys, then the storages."""
    for _ in range(3):  # magic number, version, the writer's machine
        TorchReader().read(stream)
    # The storages follow the pickle, so their tensors are filled afterwards.
    unfilled: dict[str, tuple[Tensor, int]] = {}
    start, file_size = stream.tell(), _size(stream)

    def storage(key: str, size: int) -> Tensor:
        if size > file_size - start - sum(other for _, other in unfilled.values()):
            raise ValueError(f"cut off: storage {quoted(key)} of {size} bytes is not there")
        unfilled[key] = torch.empty(size, dtype=torch.uint8), size
        return unfilled[key][0]

    reader = TorchReader(storage, nested)
    contents = reader.read(stream)
    for key in TorchReader().read(stream):
        data, size = unfilled[key] if key in unfilled else (torch.empty(0, dtype=torch.uint8), 0)
        count = int.from_bytes(stream.read(8), "little")
        raw = stream.read(size)
        dtype = reader._storages[key].dtype if key in unfilled else None
        if count * (1 if dtype is None else dtype.itemsize) != size or len(raw) != size:
            raise ValueError(f"cut off: storage {quoted(key)} has {len(raw)} of {size} bytes")
        data.copy_(byte_tensor(raw))
        unfilled.pop(key, None)
    if unfilled:
        raise ValueError(f"cut off: {len(unfilled)} storages are not there")
    return contents


def _size(stream: IO[bytes]) -> int:
    position = stream.tell()
    stream.seek(0, io.SEEK_END)  # returns nothing for a memory map before Python 3.13
    size = stream.tell()
    stream.seek(position)
    return size
