"""Recognise files that are not weights by their content, so that an error can say what to do about them."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from .torch_files import LEGACY_START

_AGAIN = "fetch the file again, from its author's own address"
_STATE_DICT = "convert it to a PyTorch state_dict first"
# (first bytes, kind of the file, what to do)
_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer instead of the file", "run `git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer instead of the file", "run `git annex get`"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, TensorFlow)", _STATE_DICT),
    (b"GGUF", "a GGUF file", _STATE_DICT),
    (b"\x93NUMPY", "a numpy array", _STATE_DICT),
    (b"\x1f\x8b", "a gzip archive", "unpack it first"),
    (b"BZh", "a bzip2 archive", "unpack it first"),
    (b"\xfd7zXZ", "an xz archive", "unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first"),
    (b"\xff\xd8\xff", "a JPEG image", "pass the file of weights"),
    (b"\x89PNG", "a PNG image", "pass the file of weights"),
    (b"%PDF", "a PDF document", "pass the file of weights"),
)


def other_kind(path: Path) -> tuple[str, str] | None:
    """Recognise a file that is not a file of weights.

    Args:
        path: A file, folder or device that exists.

    Returns:
        The kind of the file and what to do, both for a message. None for a file that may hold PyTorch's tensors.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        files = [path / name for name in ("model.safetensors", "pytorch_model.bin") if (path / name).is_file()]
        return "a folder", f"pass {files[0]}" if files else "pass the file in it"
    if not stat.S_ISREG(mode):
        return "a device or a pipe", "pass a regular file"
    with path.open("rb") as file:
        head = file.read(512)
        size = file.seek(0, os.SEEK_END)
    if not head.strip(b"\0"):
        return ("an empty file" if size == 0 else "a file of zeros (a broken download)"), _AGAIN
    # First of all kinds: these files begin with a number, which may look like the signature of another kind.
    if is_safetensors(head, size):
        return None
    if head[4:9] == b"\0\0\0\0{":
        return f"half a .safetensors file ({size} bytes)", _AGAIN
    for start, kind, advice in _SIGNATURES:
        if head.startswith(start):
            return kind, advice
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return "a web page (HTML)", f"the download gave a page instead of the file: {_AGAIN}"
    if text[:1] in (b"{", b"["):
        return "a JSON file", "pass the file of weights in the same folder"
    if head[257:262] == b"ustar":
        return "a .tar archive", "unpack it and pass the file of weights in it"
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model", _STATE_DICT
    if path.suffix.lower() == ".onnx" or (head[:1] == b"\x08" and 1 <= head[1] <= 15 and head[2:3] == b"\x12"):
        tensorflow = path.suffix.lower() == ".pb"
        return ("a TensorFlow graph" if tensorflow else "an ONNX model"), "pass the PyTorch weights it was made of"
    if head.startswith(b"PK\x03\x04"):
        return _other_zip(path, size)
    if head.startswith(LEGACY_START) or _is_pickle(head):
        return None
    printable = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    kind = "a text file" if printable else "a file of an unknown kind"
    return f"{kind} that begins with {head[:24]!r}", _AGAIN


def is_safetensors(head: bytes, size: int) -> bool:
    """Return whether a file may be a .safetensors file.

    Args:
        head: The first 9 bytes of the file, or more.
        size: Size of the file in bytes.

    Returns:
        Whether it begins with the length of a JSON header that fits into the file.
    """
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def is_torch_archive(path: Path) -> bool:
    """Return whether a file is a zip archive of `torch.save` or `torch.jit.save`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    # zipfile raises NotImplementedError for a version of the format that it does not have.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OSError):
        return False


def _is_pickle(head: bytes) -> bool:
    """Return whether a file is a pickle of protocol 2 to 5, by its first bytes."""
    return head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5")


def _other_zip(path: Path, size: int) -> tuple[str, str] | None:
    """Recognise a zip archive that is not a file of torch. Returns as `other_kind` does."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    # zipfile raises NotImplementedError for a version of the format that it does not have.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, OSError):
        return f"half a file of torch.save ({size} bytes, the end of its zip archive is not there)", _AGAIN
    if any(name.endswith("/data.pkl") for name in names):
        return None
    if "model.json" in names and "weights.safetensors" in names:
        return "a model that model.save() wrote", "pass it to facekit.load or facekit.predict instead"
    if any(name.endswith((".weights.h5", ".keras")) for name in names):
        return "a Keras model", _STATE_DICT
    if names and all(name.endswith(".npy") for name in names):
        return "a numpy archive (.npz)", _STATE_DICT
    return "a zip archive of other files", "unpack it and pass the file of weights in it"
