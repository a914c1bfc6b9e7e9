"""Output paths: one check before work begins, and one error.

`check_output` is for long work: it also writes a probe. `output_file` and `output_folder` are for immediate writes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from pathlib import Path

from .temporary_files import new_temporary, remove_leftovers, remove_temporary

# Bytes of the probe: a disk that cannot take them is full.
PROBE = 1 << 20
_FIXES = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there",
    errno.ENAMETOOLONG: "shorten the name",
}


class OutputError(OSError, ValueError):
    """An output path that cannot be written: names the path, and says what was expected and what to do."""


def check_output(path: str | os.PathLike[str], suffixes: Collection[str] = (), *, folder: bool = False) -> Path:
    """Check that an output can be written, before the work that makes it begins.

    Missing parent folders are made, `~` is the home folder, and a link stands for what it points to. A probe of 1 MiB
    is written beside the file and removed again.

    Args:
        path: The file to write, or with `folder` the folder to write into.
        suffixes: Allowed suffixes in lower case, with the dot. Any suffix is allowed where this is empty.
        folder: Whether the output is a folder. It is made where it is missing.

    Returns:
        The path to write to.

    Raises:
        OutputError: If nothing can be written there.
    """
    target = output_folder(path) if folder else output_file(path, suffixes)
    where = target if folder else target.parent
    remove_leftovers(where)
    probe = new_temporary(where)
    try:
        probe.write_bytes(bytes(PROBE))
    except OSError as error:
        raise refused(path, error) from error
    finally:
        remove_temporary(probe)
    return target


def output_file(path: str | os.PathLike[str], suffixes: Collection[str] = ()) -> Path:
    """Return the path of a file to write, its parent folder made. See `check_output`; no probe is written."""
    text = _text(path, "a file name")
    if text.endswith(("/", os.sep)) or Path(text).name in ("", ".."):
        raise OutputError(f"{shown(text)}: got a folder, expected a file; add a file name")
    suffix = Path(text).suffix.lower()
    if suffixes and suffix not in suffixes:
        came = f"suffix {shown(suffix)}" if suffix else "no suffix"
        raise OutputError(f"{shown(text)}: got {came}, expected {' or '.join(suffixes)}; rename the output")
    try:
        target = _target(text)
        kind = _kind(target)
        if kind is None and os.path.islink(text) and not target.parent.is_dir():
            fix = "remove the link, or name another file"
            raise OutputError(f"{shown(text)}: got a broken link, expected a file to write; {fix}")
        if kind is not None and stat.S_ISDIR(kind):
            raise OutputError(f"{shown(text)}: got a folder, expected a file to write; add a file name")
        if kind is not None and not stat.S_ISREG(kind):
            raise OutputError(f"{shown(text)}: got a device or pipe, expected a file to write; name another file")
        if kind is not None and not os.access(target, os.W_OK):
            fix = "change its permissions, or name another file"
            raise OutputError(f"{shown(text)}: got a write-protected file, expected a writable one; {fix}")
        _make_folder(target.parent, text)
    except OutputError:
        raise
    except OSError as error:
        raise refused(path, error) from error
    return target


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Return the path of a folder to write into, made where it is missing. See `check_output`; no probe is written."""
    text = _text(path, "a folder name")
    try:
        target = _target(text)
        kind = _kind(target)
        if kind is not None and not stat.S_ISDIR(kind):
            raise OutputError(f"{shown(text)}: got a file, expected a folder; name another folder")
        _make_folder(target, text)
    except OutputError:
        raise
    except OSError as error:
        raise refused(path, error) from error
    return target


def refused(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """Return the error that names `path` and the reason in `error`. It keeps the error number."""
    reason, fix = error.strerror or str(error), _FIXES.get(error.errno or 0, "check the disk and its permissions")
    expected = "expected a place that can be written"
    answer = OutputError(f"{shown(os.fsdecode(path))}: {reason}, {expected}; {fix}, or name another output")
    answer.errno = error.errno
    return answer


def shown(text: str) -> str:
    """Return a path for a message: on one line, the middle of a long one left out."""
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 120 else f"{text[:70]}...{text[-40:]}"


def _text(path: str | os.PathLike[str], expected: str) -> str:
    if not isinstance(path, (str, os.PathLike)):
        raise OutputError(f"output: got {type(path).__name__}, expected a path; pass a str or a pathlib.Path")
    text = os.fsdecode(path)
    if not text or "\0" in text:
        raise OutputError(f"output: got {text!r}, expected {expected}; name the output")
    return text


def _target(text: str) -> Path:
    """The path itself, from the home folder for `~`, or what a link points to."""
    if text.startswith("~") and not os.path.lexists(text):
        home, text = text, os.path.expanduser(text)
        if text == home and len(Path(text).parts) > 1:
            raise OutputError(f"{shown(text)}: got an unknown user's folder, expected a path; name another output")
    return Path(os.path.realpath(text)) if os.path.islink(text) else Path(text)


def _kind(target: Path) -> int | None:
    """The mode of what is there, None where nothing is."""
    try:
        return os.stat(target).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _make_folder(folder: Path, text: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        file = next(part for part in (folder, *folder.parents) if os.path.lexists(part))
        through, fix = shown(str(file)), "name another output"
        raise OutputError(f"{shown(text)}: {through} is not a folder, expected one on the way there; {fix}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        fix = "change its permissions, or name another output"
        raise OutputError(f"{shown(text)}: folder {shown(str(folder))} is read-only, expected a writable one; {fix}")
