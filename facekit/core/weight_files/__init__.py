"""Read files of weights: .safetensors and what torch.save or torch.jit.save wrote. Nothing in them is executed.

This is the only reader of such files in the package; what a file is, is told by its content, not by its suffix.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from .contents import broken_tensor, check_size, named_tensors, plain
from .kinds import foreign, is_safetensors
from .names import check_names, seems, some, without_prefix
from .pickles import PickleRefused
from .torch_files import read_torch

__all__ = [
    "WeightFile", "check_names", "check_weights", "named_tensors", "plain", "read_contents", "read_weights", "seems",
    "some", "without_prefix",
]  # fmt: skip


@dataclass(frozen=True)
class WeightFile:
    """The tensors of one file.

    Attributes:
        path: The file.
        tensors: Tensors on the CPU by name; floating ones are float32. Wrappers such as `module.` are gone.
        about: The metadata of a .safetensors file, empty for others.
    """

    path: Path
    tensors: dict[str, Tensor]
    about: dict[str, str] = field(default_factory=dict)


def read_weights(
    path: str | os.PathLike[str], expected: str, instead: str = "", anchors: Iterable[str] = ()
) -> WeightFile:
    """Read the tensors of a file of weights.

    Args:
        path: A .safetensors file or one of torch: a state_dict, a checkpoint that holds one, a whole module, or a
            TorchScript archive.
        expected: What the file should be, for messages, e.g. "3FabRec's auto-encoder".
        instead: What else the caller may pass, for messages, e.g. "pass 'embedded'".
        anchors: Names that the network has. A prefix before the first one found is taken off all names.

    Returns:
        The file's tensors.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is something else, damaged, or has numbers that are not finite. One sentence says what came.
    """
    source = Path(path)
    contents, about = _read(source, expected, instead)
    try:
        found = without_prefix(named_tensors(contents), list(anchors))
    except ValueError as error:
        raise ValueError(f"{source}: {error}; expected {expected}") from None
    if not found:
        names = some(map(str, contents)) if isinstance(contents, dict) else type(contents).__name__
        raise ValueError(f"{source}: it holds no tensors ({names}), expected {expected}; save a state_dict")
    check_weights(source, found)
    return WeightFile(source, {k: v.float() if v.is_floating_point() else v for k, v in found.items()}, about)


def read_contents(path: str | os.PathLike[str], expected: str, instead: str = "") -> Any:
    """Read a file of torch or a .safetensors file as it is: plain data and tensors in their own dtype.

    Arguments and errors are those of `read_weights`, but numbers may be NaN. Instances of classes come as `Object`
    records; `plain` turns settings among them into dictionaries.
    """
    return _read(Path(path), expected, instead)[0]


def check_weights(path: str | os.PathLike[str], tensors: dict[str, Tensor]) -> None:
    """Check that weights are finite. Raises ValueError that names the first tensor with NaN or infinite numbers."""
    broken = broken_tensor(tensors)
    if broken is not None:
        raise ValueError(
            f"{os.fspath(path)}: {some([broken])} has NaN or infinite numbers, expected finite weights; take an "
            "earlier file, or train again with a lower learning rate"
        )


def _read(path: Path, expected: str, instead: str) -> tuple[Any, dict[str, str]]:
    if not path.exists():
        raise FileNotFoundError(f"{str(path)!r}: no such file; expected {expected}{instead and f', or {instead}'}")
    if (other := foreign(path)) is not None:
        raise ValueError(f"{path}: {other[0]} came, expected {expected}; {other[1]}")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if is_safetensors(head, size):
                return _read_safetensors(path)
            if head.startswith(b"PK"):
                contents = read_torch(file)
            else:
                # Reads from a map stop at its end, whatever length the file claims.
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    contents = read_torch(mapped)  # type: ignore[arg-type]
        check_size(contents, size)
    except PickleRefused as error:
        raise ValueError(
            f"{path}: a file came that is more than tensors and plain settings ({error}); expected {expected}; save "
            "only the state_dict: torch.save(model.state_dict(), path)"
        ) from None
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path}: a damaged or cut-off file of {size} bytes came ({error}); expected {expected}; fetch it again"
        ) from None
    return contents, {}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
