"""A comparison as a table of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .comparison import Comparison


def comparison_text(comparison: Comparison) -> str:
    """Return the scores, the paired differences, the labelling time and the advice as lines of text.

    Args:
        comparison: The comparison.

    Returns:
        Several lines, without a line break at the end.
    """
    score = comparison.score
    digits, better = score.digits, "higher" if score.higher_is_better else "lower"
    unit = f" in {score.unit}" if score.unit else ""
    lines = [f"{comparison.task}: {score.name}{unit} ({better} is better), mean ± standard deviation over draws", ""]
    rows = [["faces", *comparison.backbones]]
    cells = {(row["shots"], row["backbone"]): row for row in comparison.table}
    for shots in comparison.shots:
        of_shots = [cells[shots, backbone] for backbone in comparison.backbones]
        texts = [
            f"{row['mean']:.{digits}f}" + (f" ± {row['std']:.{digits}f}" if row["draws"] > 1 else "")
            for row in of_shots
        ]
        rows.append([str(shots), *texts])
    lines += _aligned(rows)
    if comparison.differences:
        lines += ["", "Paired differences with their 95 % interval:", ""]
        lines += _aligned(
            [
                [
                    str(d.shots),
                    f"{d.better} better than {d.worse} by",
                    f"{d.mean:.{digits}f}",
                    f"({d.low:.{digits}f} to {d.high:.{digits}f})" if d.draws > 1 else "(one draw: no interval)",
                ]
                for d in comparison.differences
            ]
        )
    if comparison.labelling:
        lines += ["", "Labelling time at your pace (FSMA, Table 6):", ""]
        lines += _aligned([[str(entry.shots), f"{entry.few_shot:.2f} h"] for entry in comparison.labelling])
        lines += ["", f"2,000 faces by hand, as that table counts: {comparison.labelling[0].by_hand:.1f} h"]
    lines += ["", *(comparison.advice_at(shots) for shots in comparison.shots)]
    return "\n".join(lines)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return rows as lines with aligned columns. The first column is aligned to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].rjust(widths[0]), *(cell.ljust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
