"""A comparison as a drawing: the learning curve of each backbone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..core.atomic_file import whole_file
from ..core.output_paths import check_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .comparison import Comparison

# Suffix -> format of matplotlib.
PLOT_FORMATS = {".png": "png", ".jpg": "jpg", ".pdf": "pdf", ".svg": "svg"}
# Okabe and Ito's colours, which people with colour-blindness can tell apart, and one marker each.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_SIZE = (6.4, 4.4)  # inches
_DOTS_PER_INCH = 150


def plot_comparison(comparison: Comparison, target: str | os.PathLike[str] | Axes | None) -> Axes:
    """Draw the curves of a comparison.

    Args:
        comparison: The comparison.
        target: A file to write, axes to draw into, or None for a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        OutputError: If the file cannot be written.
    """
    if isinstance(target, (str, os.PathLike)):
        path = check_output(target, tuple(PLOT_FORMATS))
        # A figure of its own: pyplot's current figure and backend stay as they are.
        from matplotlib.figure import Figure

        figure = Figure(_SIZE, layout="constrained")
        axes = _draw(comparison, figure.add_subplot())
        with whole_file(path) as temporary:
            figure.savefig(temporary, format=PLOT_FORMATS[path.suffix.lower()], dpi=_DOTS_PER_INCH)
        return axes
    if target is None:
        from matplotlib import pyplot

        target = pyplot.subplots(figsize=_SIZE, layout="constrained")[1]
    return _draw(comparison, target)


def _draw(comparison: Comparison, axes: Axes) -> Axes:
    """Draw all scores and name the axes."""
    score, rows = comparison.score, comparison.table
    if len(comparison.shots) > 1:
        _draw_curves(comparison, axes)
    else:
        _draw_columns(comparison, axes)
    unit = f" [{score.unit}]" if score.unit else ""
    axes.set_ylabel(f"{score.name}{unit}, {'higher' if score.higher_is_better else 'lower'} is better")
    draws = max(row["draws"] for row in rows)
    spread = f"mean and standard deviation of {draws} draws" if draws > 1 else "one draw"
    axes.set_title(f"{comparison.task}: {spread}")
    axes.grid(alpha=0.3)
    return axes


def _draw_curves(comparison: Comparison, axes: Axes) -> None:
    """Draw one curve with its band per backbone, over the number of faces."""
    for i, backbone in enumerate(comparison.backbones):
        own = [row for row in comparison.table if row["backbone"] == backbone]
        shots = [row["shots"] for row in own]
        low, high = ([row["mean"] + sign * row["std"] for row in own] for sign in (-1, 1))
        colour = _COLOURS[i % len(_COLOURS)]
        mean = [row["mean"] for row in own]
        axes.plot(shots, mean, color=colour, marker=_MARKERS[i % len(_MARKERS)], label=backbone)
        axes.fill_between(shots, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks(comparison.shots, [str(shots) for shots in comparison.shots])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("labelled faces")
    axes.legend()


def _draw_columns(comparison: Comparison, axes: Axes) -> None:
    """Draw one column per backbone: its mean and spread, and a small dot per draw."""
    for i, row in enumerate(comparison.table):
        colour = _COLOURS[i % len(_COLOURS)]
        axes.errorbar([i], [row["mean"]], [row["std"]], color=colour, marker=_MARKERS[i % len(_MARKERS)], capsize=4)
        single = list(comparison.values(row["backbone"], row["shots"]).values())
        axes.plot([i + 0.15] * len(single), single, ".", color=colour, alpha=0.6)
    axes.set_xticks(range(len(comparison.backbones)), comparison.backbones)
    axes.set_xlim(-0.5, len(comparison.backbones) - 0.5)
    shots = comparison.shots[0]
    axes.set_xlabel(f"backbone, {shots} labelled {'face' if shots == 1 else 'faces'}")
