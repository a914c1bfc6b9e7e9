"""What identifies a training, so that a checkpoint of another training is not taken for it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.file_digest import file_digest
from .config import Adaptation

# A text by the name of each argument that the result depends on. Long values, such as images, are digests.
Identity = Mapping[str, str]

# Fields that a resumed training may change, so that it can go on after it ran out of memory or disk.
_FREE = ("cache", "cache_bytes", "memory_limit")
# Longer values are digests, which say nothing to a reader.
_SHOWN = 32
# Another backbone differs in many fields. The first names say enough.
_NAMED = 3


def config_identity(config: Adaptation) -> dict[str, str]:
    """Return what identifies a configuration: its fields, and the digests of the files that they name.

    Args:
        config: The configuration.
    """
    fields = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if f.name not in _FREE}
    return {name: _text(value) for name, value in fields.items()}


def check_identity(path: Path, saved: Mapping[str, Any], own: Identity) -> None:
    """Check that a checkpoint belongs to a training.

    Args:
        path: The checkpoint's file, for the error.
        saved: The identity that the checkpoint holds. Names that one of the two lacks are not compared.
        own: The identity of the training.

    Raises:
        ValueError: If they differ. The message names the arguments.
    """
    other = [name for name, value in own.items() if saved.get(name, value) != value][:_NAMED]
    if not other:
        return
    same = [f"{name}={saved[name]}" for name in other]
    got = [f"{name}={own[name]}" for name in other]
    if max(map(len, same + got)) > _SHOWN:
        same, got = [f"the same {', '.join(other)}"], ["others"]
    raise ValueError(
        f"{path}: expected {', '.join(same)}, as in the call that wrote it, got {', '.join(got)}; "
        f"pass {', '.join(same)} to resume it, or another checkpoint= to begin anew"
    )


def _text(value: Any) -> str:
    """Return a text that identifies a field's value."""
    return file_digest(Path(value)) if isinstance(value, (str, os.PathLike)) and os.path.isfile(value) else repr(value)
