"""Read files of weights: the public functions, and the error messages about unusable files."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from .contents import check_size, first_non_finite, named_tensors
from .kinds import is_safetensors, other_kind
from .names import first_names, without_prefix
from .pickles import UnsafePickleError
from .torch_files import read_attached, read_torch


@dataclass(frozen=True)
class WeightFile:
    """The tensors of one file.

    Attributes:
        path: Path of the file.
        tensors: Tensors on the CPU by name. Floating-point tensors are float32. Wrappers such as `module.` are removed
            from the names.
        about: Metadata of a .safetensors file, empty for other files.
    """

    path: Path
    tensors: dict[str, Tensor]
    about: dict[str, str] = field(default_factory=dict)


def read_weights(
    path: str | os.PathLike[str], expected: str, instead: str = "", anchors: Iterable[str] = ()
) -> WeightFile:
    """Read the tensors of a file of weights.

    Args:
        path: A .safetensors file or a file of torch: a state_dict, a checkpoint that contains one, a whole module, or
            a TorchScript archive.
        expected: What the file should be, for messages, e.g. "3FabRec's auto-encoder".
        instead: What else the caller may pass, for messages, e.g. "pass 'embedded'".
        anchors: Names of tensors that the network has. A prefix before the first one found is removed from all names.

    Returns:
        The tensors of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another kind of file, damaged, without tensors, or has numbers that are not finite. The
            message is one sentence and names the file.

    Example:
        >>> file = read_weights("ae.pth", "3FabRec's auto-encoder", anchors=["Q.fc.weight"])
        >>> network.load_state_dict(file.tensors)
    """
    source = Path(path)
    contents, about = _read(source, expected, instead)
    return WeightFile(source, _checked_tensors(source, contents, expected, anchors), about)


def read_attached_weights(path: str | os.PathLike[str], name: str, expected: str) -> dict[str, Tensor] | None:
    """Read the tensors of a file of torch that a TorchScript archive holds beside its module.

    Args:
        path: The archive.
        name: Name of the file in it.
        expected: As in `read_weights`.

    Returns:
        The tensors by name. None if there is no such file in the archive.

    Raises:
        FileNotFoundError: If there is no such archive.
        ValueError: As `read_weights`.
    """
    source = Path(path)
    contents, _ = _read(source, expected, "", name)
    return None if contents is None else _checked_tensors(source, contents, expected, ())


def _checked_tensors(source: Path, contents: Any, expected: str, anchors: Iterable[str]) -> dict[str, Tensor]:
    """Return the tensors in the contents of a file; floating ones are float32."""
    try:
        tensors = without_prefix(named_tensors(contents), list(anchors))
    except ValueError as error:
        raise ValueError(f"{source}: {error}; expected {expected}") from None
    if not tensors:
        names = first_names(map(str, contents)) if isinstance(contents, dict) else type(contents).__name__
        raise ValueError(f"{source}: it holds no tensors ({names}), expected {expected}; save a state_dict")
    check_weights(source, tensors)
    return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}


def read_contents(path: str | os.PathLike[str], expected: str, instead: str = "") -> Any:
    """Read everything that a file of torch or a .safetensors file holds.

    Args:
        path: As in `read_weights`.
        expected: As in `read_weights`.
        instead: As in `read_weights`.

    Returns:
        Dictionaries, lists and numbers, with tensors in their own dtype, which may hold NaN. Instances of classes are
        `Object` records; `as_plain_data` turns them into dictionaries.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another kind of file, or damaged.
    """
    return _read(Path(path), expected, instead)[0]


def check_weights(path: str | os.PathLike[str], tensors: dict[str, Tensor]) -> None:
    """Check that all weights are finite.

    Args:
        path: The file, for the message.
        tensors: Tensors by name.

    Raises:
        ValueError: If there are NaN or infinite numbers. It names the first such tensor.
    """
    name = first_non_finite(tensors)
    if name is not None:
        raise ValueError(
            f"{os.fspath(path)}: {first_names([name])} has NaN or infinite numbers, expected finite weights; take an "
            "earlier file, or train again with a lower learning rate"
        )


def _read(path: Path, expected: str, instead: str, attached: str | None = None) -> tuple[Any, dict[str, str]]:
    """Return the contents of a file, or of one in it, and the metadata of a .safetensors file."""
    if not path.exists():
        raise FileNotFoundError(f"{str(path)!r}: no such file; expected {expected}{instead and f', or {instead}'}")
    if (other := other_kind(path)) is not None:
        kind, advice = other
        raise ValueError(f"{path}: expected {expected}, got {kind}; {advice}")
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if is_safetensors(head, size):
                return _read_safetensors(path)
            if head.startswith(b"PK"):
                contents = read_torch(file) if attached is None else read_attached(file, attached)
            else:
                # A read from a memory map stops at its end, whatever length the file claims.
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    contents = read_torch(mapped)  # type: ignore[arg-type]
        check_size(contents, size)
    except UnsafePickleError as error:
        raise ValueError(
            f"{path}: expected {expected}, got a file that is more than tensors and plain settings ({error}); save "
            "only the state_dict: torch.save(model.state_dict(), path)"
        ) from None
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path}: expected {expected}, got a damaged or cut-off file of {size} bytes ({error}); fetch it again"
        ) from None
    return contents, {}


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, "pt") as file:
        names = file.keys()
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
