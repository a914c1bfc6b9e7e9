"""Check output paths before work begins, and report paths that cannot be written by one error.

`check_output` is for long work: it also writes a probe. `output_file` and `output_folder` are for immediate writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

from .arguments import check_path
from .temporary_files import new_temporary, remove_leftovers, remove_temporary

# Bytes of the probe. A disk without this much space counts as full.
PROBE = 1 << 20
# Advice by error number.
_ADVICE = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.ENAMETOOLONG: "shorten the name",
}


class OutputError(OSError, ValueError):
    """Error about an output path that cannot be written. It names the path, what was expected, and what to do."""


def check_output(path: str | os.PathLike[str], suffixes: Collection[str] = (), *, folder: bool = False) -> Path:
    """Check that an output can be written, before the work that produces it begins.

    Missing parent folders are made. `~` is the home folder. A symbolic link is followed. A probe of 1 MiB is written to
    the folder and removed again.

    Args:
        path: The file to write, or with `folder` the folder to write into.
        suffixes: Allowed suffixes in lower case, with the dot. Empty allows any suffix.
        folder: Whether the output is a folder. A missing folder is made.

    Returns:
        The path to write to.

    Raises:
        OutputError: If the output cannot be written.
    """
    target = output_folder(path) if folder else output_file(path, suffixes)
    probe_folder = target if folder else target.parent
    remove_leftovers(probe_folder)
    probe = new_temporary(probe_folder)
    try:
        probe.write_bytes(bytes(PROBE))
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        remove_temporary(probe)
    return target


def check_checkpoint(checkpoint: str | os.PathLike[str] | None) -> Path | None:
    """Check the argument `checkpoint` of a training, and that the file can be written.

    Args:
        checkpoint: Path of a checkpoint file, which need not exist, or None.

    Returns:
        The path to write to, or None.

    Raises:
        TypeError: If it is neither a path nor None.
        ValueError: If it is a folder.
        OutputError: If it cannot be written.
    """
    if checkpoint is None:
        return None
    check_path(checkpoint, "checkpoint")
    if os.fspath(checkpoint) == "" or Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint={os.fspath(checkpoint)!r}: expected a file, got a folder; add a file name to it")
    return check_output(checkpoint)


def output_file(path: str | os.PathLike[str], suffixes: Collection[str] = ()) -> Path:
    """Check the path of a file to write, as `check_output` does, but without a probe.

    Args:
        path: The file to write. Missing parent folders are made.
        suffixes: Allowed suffixes in lower case, with the dot. Empty allows any suffix.

    Returns:
        The path to write to.

    Raises:
        OutputError: If the file cannot be written.
    """
    text = _as_text(path, "a file name")
    if text.endswith(("/", os.sep)) or Path(text).name in ("", ".."):
        raise OutputError(f"{printable_path(text)}: got a folder, expected a file; add a file name")
    suffix = Path(text).suffix.lower()
    if suffixes and suffix not in suffixes:
        got = f"suffix {printable_path(suffix)}" if suffix else "no suffix"
        raise OutputError(f"{printable_path(text)}: got {got}, expected {' or '.join(suffixes)}; rename the output")
    try:
        target = _resolve(text)
        mode = _mode(target)
        if mode is None and os.path.islink(text) and not target.parent.is_dir():
            advice = "remove the link, or name another file"
            raise OutputError(f"{printable_path(text)}: got a broken link, expected a file to write; {advice}")
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"{printable_path(text)}: got a folder, expected a file to write; add a file name")
        if mode is not None and not stat.S_ISREG(mode):
            advice = "name another file"
            raise OutputError(f"{printable_path(text)}: got a device or pipe, expected a file to write; {advice}")
        if mode is not None and not os.access(target, os.W_OK):
            advice = "change its permissions, or name another file"
            raise OutputError(f"{printable_path(text)}: got a write-protected file, expected a writable one; {advice}")
        _make_folder(target.parent, text)
    except OutputError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
    return target


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Check the path of a folder to write into, as `check_output` does, but without a probe.

    Args:
        path: The folder. A missing folder is made.

    Returns:
        The path of the folder.

    Raises:
        OutputError: If files cannot be written into the folder.
    """
    text = _as_text(path, "a folder name")
    try:
        target = _resolve(text)
        mode = _mode(target)
        if mode is not None and not stat.S_ISDIR(mode):
            raise OutputError(f"{printable_path(text)}: got a file, expected a folder; name another folder")
        _make_folder(target, text)
    except OutputError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
    return target


def write_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Make an `OutputError` from an error of the system.

    Args:
        path: The output, which the message names.
        error: The error of the system. Its reason is in the message.

    Returns:
        The error, with the error number of `error`.
    """
    reason, advice = error.strerror or str(error), _ADVICE.get(error.errno or 0, "check the disk and its permissions")
    expected = "expected a place that can be written"
    result = OutputError(f"{printable_path(os.fsdecode(path))}: {reason}, {expected}; {advice}, or name another output")
    result.errno = error.errno
    return result


def printable_path(text: str) -> str:
    """Return a path for a message: on one line, without the middle of a long one."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 120 else f"{text[:70]}...{text[-40:]}"


def _as_text(path: str | os.PathLike[str], expected: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise OutputError(f"output: got {type(path).__name__}, expected a path; pass a str or a pathlib.Path")
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise OutputError(f"output: got {text!r}, expected {expected}; name the output")
    return text


def _resolve(text: str) -> Path:
    """Replace `~` by the home folder, and a symbolic link by what it points to."""
    if text.startswith("~") and not os.path.lexists(text):
        original, text = text, os.path.expanduser(text)
        if text == original and len(Path(text).parts) > 1:
            raise OutputError(
                f"{printable_path(text)}: got an unknown user's folder, expected a path; name another output"
            )
    return Path(os.path.realpath(text)) if os.path.islink(text) else Path(text)


def _mode(target: Path) -> int | None:
    """Return the file mode of what exists at a path, or None if nothing does."""
    try:
        return os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _make_folder(folder: Path, text: str) -> None:
    """Make a folder and check that it is writable. `text` is the output in messages."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        obstacle = printable_path(str(next(p for p in (folder, *folder.parents) if os.path.lexists(p))))
        raise OutputError(
            f"{printable_path(text)}: {obstacle} is not a folder, expected one on the way there; name another output"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        advice = "change its permissions, or name another output"
        raise OutputError(
            f"{printable_path(text)}: folder {printable_path(str(folder))} is read-only, expected a writable one; "
            f"{advice}"
        )
