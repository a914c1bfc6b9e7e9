"""TODO."""

from __future__ import annotations

Range = tuple[float, float]


def check_settings(
    size: int, framing: float, supersample: float | None, angles: dict[str, tuple[Range, float]]
) -> None:
    """Raises ValueError for settings of a generator that it cannot draw with.

    size: px. framing: the image's side over that of the points' box. angles: name -> (its range, the most it may be
    to either side), degrees.
    """
    if not isinstance(size, int) or not 16 <= size <= 1024:
        raise ValueError(f"size must be a whole number of pixels from 16 to 1024, but {size!r} came")
    if not 1.0 <= framing <= 6.0:
        raise ValueError(f"framing must lie in 1..6 (1: the points touch the border), but {framing} came")
    if supersample is not None and not 1.0 <= supersample <= 4.0:
        raise ValueError(f"supersample must lie in 1..4, but {supersample} came")
    for name, (span, limit) in angles.items():
        if len(span) != 2 or not -limit <= span[0] <= span[1] <= limit:
            raise ValueError(f"{name} must be (low, high) within -{limit:g}..{limit:g} degrees, but {tuple(span)} came")
