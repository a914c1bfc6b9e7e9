"""Validation of the settings that all generators share."""

from __future__ import annotations

Range = tuple[float, float]
"""Lowest and highest value of an angle, in degrees."""


def check_settings(
    size: int, framing: float, supersample: float | None, angles: dict[str, tuple[Range, float]]
) -> None:
    """Check the image and pose settings of a generator.

    Args:
        size: Side of the square image in pixels, 16 to 1024.
        framing: Side of the image divided by the side of the box around the points, 1 to 6.
        supersample: Rays per pixel and axis, 1 to 4, or None.
        angles: Name of the angle -> (its range, largest allowed absolute value), in degrees.

    Raises:
        ValueError: If a setting is outside its range. The message names the setting.
    """
    if not isinstance(size, int) or not 16 <= size <= 1024:
        raise ValueError(f"expected size to be a whole number of pixels from 16 to 1024, got {size!r}")
    if not 1.0 <= framing <= 6.0:
        raise ValueError(f"expected framing from 1 to 6 (at 1 the points touch the border), got {framing}")
    if supersample is not None and not 1.0 <= supersample <= 4.0:
        raise ValueError(f"expected supersample from 1 to 4, got {supersample}")
    for name, (span, limit) in angles.items():
        if len(span) != 2 or not -limit <= span[0] <= span[1] <= limit:
            raise ValueError(
                f"expected {name} to be (low, high) within -{limit:g}..{limit:g} degrees, got {tuple(span)}"
            )


def check_index(index: int, length: int, noun: str) -> int:
    """Return the index counted from 0.

    Args:
        index: Index of an image, ``-length`` to ``length - 1``.
        length: Number of images in the set.
        noun: What the set contains, in the plural, for the error message.

    Returns:
        The same index in ``0`` to ``length - 1``.

    Raises:
        IndexError: If the index is outside the set.
    """
    if not -length <= index < length:
        raise IndexError(f"expected an index from {-length} to {length - 1}, got {index}: the set has {length} {noun}")
    return index % length


def check_request(indices: list[int], want: tuple[str, ...], available: tuple[str, ...]) -> None:
    """Check the arguments of a generator's ``batch``.

    Args:
        indices: Indices of the images.
        want: Requested names.
        available: All names that the generator offers.

    Raises:
        ValueError: If a name is unknown or no index is given.
    """
    unknown = [name for name in want if name not in available]
    if unknown:
        raise ValueError(f"unknown names in want: {', '.join(unknown)}; choose from {', '.join(available)}")
    if not indices:
        raise ValueError("expected at least one index, got no indices; pass the indices of the images")
