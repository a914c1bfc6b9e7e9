"""Plots and tables of the notebooks, by matplotlib.

Every function returns its figure and leaves it closed, so that a notebook shows it exactly once: as the last line of a
cell, or by ``display(figure)``. In a script, save it by ``figure.savefig("file.png")``.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import nn

COLOURS = ("#4f5fd9", "#e07b39", "#3a9d6e", "#b04a9c", "#8a8a8a")
"""Colours of curves, one after another."""


class MarkdownTable(str):
    """A table as Markdown text, which notebooks display as a table."""

    def _repr_markdown_(self) -> str:
        return str(self)


def image_grid(
    images: Sequence[ArrayLike], titles: Sequence[str] = (), *, columns: int = 8, width: float = 1.4
) -> Figure:
    """Show images one after another, in rows of equal length.

    Args:
        images: N images, (H,W,3) uint8 RGB or float in [0, 1], of any sizes.
        titles: Titles above the images, or none. At most N.
        columns: Images per row, at least 1.
        width: Width of one image in inches.

    Returns:
        The figure.

    Raises:
        ValueError: If there are no images, or more titles than images.
    """
    if len(titles) > len(images):
        raise ValueError(f"expected at most {len(images)} titles, got {len(titles)}; give one per image")
    columns = min(columns, len(images)) or 1
    figure, axes = _image_axes(-(-len(images) // columns), columns, width, above=0.22 if titles else 0.0)
    for axis, image in zip(axes.flat, images, strict=False):
        axis.imshow(np.asarray(image))
    for axis, title in zip(axes.flat, titles, strict=False):
        axis.set_title(title, fontsize=9, pad=3)
    return _closed(figure)


def image_rows(rows: Mapping[str, Sequence[ArrayLike]], titles: Sequence[str] = (), *, width: float = 1.4) -> Figure:
    """Show named rows of images below each other, to compare them column by column.

    Args:
        rows: Name of each row -> its images, (H,W,3) uint8 RGB or float in [0, 1]. Rows may differ in length.
        titles: Titles of the columns, or none.
        width: Width of one image in inches.

    Returns:
        The figure.

    Raises:
        ValueError: If there are no images, or more titles than columns.
    """
    columns = max((len(images) for images in rows.values()), default=0)
    if len(titles) > columns:
        raise ValueError(f"expected at most {columns} titles, got {len(titles)}; give one per column")
    left = (0.1 + 0.085 * max((len(line) for name in rows for line in name.split("\n")), default=0)) / width
    figure, axes = _image_axes(len(rows), columns, width, above=0.22 if titles else 0.0, once=True, left=left)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=False):
            axis.imshow(np.asarray(image))
        line[0].text(-0.04, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=9, pad=3)
    return _closed(figure)


def curves(
    lines: Mapping[str, tuple[ArrayLike, ArrayLike]], x: str = "step", y: str = "loss", *, panels: bool = False
) -> Figure:
    """Plot curves, for example losses during training.

    Args:
        lines: Name of each curve -> its x values, numbers or names, and its y values.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        panels: Draw each curve on axes of its own, side by side, with its name as title. Otherwise all share one pair
            of axes, and a legend on the right has the names.

    Returns:
        The figure.

    Raises:
        ValueError: If there are no curves.
    """
    from matplotlib import pyplot

    if not lines:
        raise ValueError("expected at least one curve, got none")
    count = len(lines) if panels else 1
    with_legend = not panels and len(lines) > 1
    figure, axes = pyplot.subplots(1, count, figsize=(3.0 * count if panels else 6.5 + with_legend, 2.5), squeeze=False)
    for i, (name, (across, up)) in enumerate(lines.items()):
        axis = axes[0, i if panels else 0]
        places = np.asarray(across)
        few = places.size <= 12
        colour = COLOURS[0 if panels else i % len(COLOURS)]
        axis.plot(places, np.asarray(up), label=name, color=colour, marker="o" if few else "", markersize=4)
        axis.set_xlabel(x)
        if few and places.size and places.dtype.kind in "iuf" and (places % 1 == 0).all():
            axis.xaxis.get_major_locator().set_params(integer=True)
        if panels:
            axis.set_title(name, fontsize=10)
    axes[0, 0].set_ylabel(y)
    if with_legend:
        # Beside the axes, where it hides no curve.
        axes[0, 0].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    for axis in axes.flat:
        _plain(axis)
    figure.tight_layout()
    return _closed(figure)


def bars(
    values: Mapping[str, float | Sequence[float]], y: str, *, digits: int = 1, colours: Sequence[Any] = ()
) -> Figure:
    """Draw one bar per name, with its number above it.

    Args:
        values: Name of each bar -> one number, or the numbers of several runs. Of several, the bar is the mean, and a
            line shows one sample standard deviation on both sides.
        y: Name and unit of the vertical axis.
        digits: Decimals of the numbers.
        colours: Colours of the bars, in order. By default all have the same.

    Returns:
        The figure.

    Raises:
        ValueError: If there are no bars.
    """
    from matplotlib import pyplot

    if not values:
        raise ValueError("expected at least one bar, got none")
    runs = [[float(v) for v in np.atleast_1d(np.asarray(value))] for value in values.values()]
    means = [statistics.fmean(each) for each in runs]
    spreads = [statistics.stdev(each) if len(each) > 1 else None for each in runs]
    figure, axis = pyplot.subplots(figsize=(min(12.0, 1.0 + 0.95 * len(values)), 2.8))
    # bar_label puts numbers above the lines of yerr.
    error = [s or 0.0 for s in spreads] if any(spreads) else None
    drawn = axis.bar(
        list(values), means, yerr=error, color=list(colours) or COLOURS[0], width=0.7, ecolor="#333", capsize=3
    )
    labels = [
        _cell(m, digits) + ("" if s is None else f"\n± {s:.{digits}f}") for m, s in zip(means, spreads, strict=True)
    ]
    axis.bar_label(drawn, labels, padding=4, fontsize=8)
    axis.set_ylabel(y)
    axis.tick_params("x", labelsize=8)
    axis.margins(y=0.2)
    _plain(axis)
    figure.tight_layout()
    return _closed(figure)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], *, digits: int = 1) -> MarkdownTable:
    """Write a table as Markdown. A notebook displays it as a table.

    Args:
        head: Names of the columns.
        rows: Cells of each row. Floating-point numbers are rounded; all else is written as it is.
        digits: Decimals of floating-point numbers.

    Returns:
        The table, a ``str``. The first column is aligned to the left, all others to the right.

    Raises:
        ValueError: If a row has another number of cells than the head.
    """
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"expected {len(head)} cells per row, got {len(row)} in {list(row)}")
    lines = [list(head), ["---"] + ["---:"] * (len(head) - 1), *([_cell(c, digits) for c in row] for row in rows)]
    return MarkdownTable("\n".join("| " + " | ".join(line) + " |" for line in lines))


def network_table(parts: Mapping[str, nn.Module], run: Callable[[], Any]) -> MarkdownTable:
    """Write the parts of a network as a table: the shape of each output and the number of parameters.

    Args:
        parts: Name of each row -> a module.
        run: Called once without gradients; it computes with all parts. Of a module that is called more often, the last
            output counts.

    Returns:
        The table.

    Raises:
        ValueError: If ``run`` does not call one of the modules.
    """
    import torch

    shapes: dict[str, str] = {}

    def note(name: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            outputs = output if isinstance(output, (list, tuple)) else [output]
            found = (" x ".join(map(str, each.shape)) for each in outputs if isinstance(each, torch.Tensor))
            shapes[name] = ", ".join(found)

        return hook

    hooks = [module.register_forward_hook(note(name)) for name, module in parts.items()]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    if silent := [name for name in parts if name not in shapes]:
        raise ValueError(f"expected a run that calls all parts, got none for {', '.join(silent)}; leave them out")
    counts = [sum(p.numel() for p in module.parameters()) for module in parts.values()]
    rows = [[name, shapes[name], f"{count:,}"] for name, count in zip(parts, counts, strict=True)]
    return table(["part", "output", "parameters"], rows)


def diagram(
    boxes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str]],
    *,
    colours: Mapping[str, str] | None = None,
    size: tuple[float, float] = (9.0, 2.6),
) -> Figure:
    """Draw boxes and arrows between them.

    Args:
        boxes: Text of each box -> its centre (x, y), y upwards, in any unit.
        arrows: Pairs of such texts, from and to.
        colours: Text of a box -> its colour. Other boxes are white.
        size: Width and height of the figure in inches.

    Returns:
        The figure.

    Raises:
        ValueError: If an arrow names no box.
    """
    from matplotlib import pyplot

    if unknown := [name for arrow in arrows for name in arrow if name not in boxes]:
        raise ValueError(f"arrows: expected texts of boxes, got {unknown[0]!r}; correct it or add the box")
    figure, axis = pyplot.subplots(figsize=size)
    axis.set_axis_off()
    shape = {"boxstyle": "round,pad=0.5", "edgecolor": "#333"}
    texts = {
        name: axis.text(x, y, name, ha="center", va="center", fontsize=9, bbox={**shape, "facecolor": colour})
        for name, (x, y) in boxes.items()
        for colour in [(colours or {}).get(name, "white")]
    }
    places = np.array(list(boxes.values()))
    (x0, y0), (x1, y1) = places.min(0), places.max(0)
    axis.set(xlim=(x0 - 0.08 * (x1 - x0), x1 + 0.08 * (x1 - x0)), ylim=(y0 - 0.5, y1 + 0.5))
    for start, end in arrows:
        # Arrows end at the edges of the boxes.
        style = {"arrowstyle": "->", "color": "#333", "patchA": texts[start].get_bbox_patch(), "shrinkA": 0}
        style |= {"patchB": texts[end].get_bbox_patch(), "shrinkB": 2}
        axis.annotate("", boxes[end], boxes[start], arrowprops=style)
    return _closed(figure)


def _cell(value: Any, digits: int) -> str:
    """Return a cell as text. A bar of Markdown inside a cell is escaped."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.{digits}f}"
    return str(value).replace("|", "\\|")


def _image_axes(
    rows: int, columns: int, width: float, *, above: float, once: bool = False, left: float = 0.0
) -> tuple[Figure, NDArray[Any]]:
    """Make axes without frames. `above` and `left` are room for text in image widths; `once`: above the first row."""
    from matplotlib import pyplot

    if not rows or not columns:
        raise ValueError("expected at least one image, got none")
    high = rows + above * (1 if once else rows)
    size = ((columns + left) * width, high * width)
    figure, axes = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    gap = 0.03 if once else 0.03 + above
    figure.subplots_adjust(left / (columns + left), 0, 1, 1 - above / high, 0.03, gap)
    return figure, axes


def _plain(axis: Axes) -> None:
    """Remove the frame above and on the right."""
    axis.spines[["top", "right"]].set_visible(False)


def _closed(figure: Figure) -> Figure:
    """Remove a figure from those that pyplot keeps and would show a second time."""
    from matplotlib import pyplot

    pyplot.close(figure)
    return figure
