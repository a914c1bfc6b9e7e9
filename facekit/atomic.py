"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a path beside `target` to write to; it takes the target's place when the block ends, and is gone when the
    block fails. A kill at any moment leaves the old file or the new one, never half a file."""
    target = Path(target)
    # A plain name instead of tempfile, whose files would stay private (0600) after the rename.
    temporary = target.with_name(f".facekit-{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
