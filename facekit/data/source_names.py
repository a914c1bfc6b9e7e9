"""Names of sources of faces, such as "celebahq128" or "generated:5000"."""

from __future__ import annotations

from collections.abc import Collection

# All but those of `_MADE` are folders of FACEKIT_DATA.
FACE_SOURCES = ("celebahq128", "lfw128", "300w", "generated")
PAIR_SOURCES = ("celebahq128", "scenes", "generated")
# Sources whose images are made, so that a count is needed.
_MADE = ("generated", "scenes")


def named_source(text: str, names: Collection[str]) -> tuple[str, int | None] | None:
    """Parse the name of a source.

    Args:
        text: NAME or NAME:COUNT. "generated" and "scenes" need a count.
        names: The known names.

    Returns:
        Name and count. The count is None for all faces of the source. The result is None for any other text, which is
        a path.

    Raises:
        ValueError: If COUNT is not a positive integer.
    """
    name, colon, count = text.partition(":")
    if name not in names or (name in _MADE and not colon):
        return None
    if not colon:
        return name, None
    if not count.isdigit() or int(count) == 0:
        raise ValueError(f"{text!r}: expected {name}:COUNT with a positive integer, got {count!r}; e.g. {name}:5000")
    return name, int(count)


def list_sources(names: Collection[str]) -> str:
    """Return the known sources as text for messages, e.g. "'celebahq128[:COUNT]', 'generated:COUNT'"."""
    return ", ".join(f"'{name}:COUNT'" if name in _MADE else f"'{name}[:COUNT]'" for name in names)
