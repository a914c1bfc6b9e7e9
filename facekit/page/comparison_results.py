"""The results of the tab "Compare": advice, learning curve, tables, file of all scores."""

from __future__ import annotations

import csv
import math
from typing import Any

import gradio as gr
from matplotlib.figure import Figure

from ..plots import table
from ..results.comparison import Comparison
from .sessions import new_file

# What the main scores measure, by the start of their names.
MEANINGS = {
    "nme": "the mean distance between predicted and labelled points, relative to the length that the name says",
    "f1": "how well predicted and labelled parts cover each other, mean of all parts; 100 is perfect",
}


def advice(curve: Comparison) -> str:
    """Return which backbone to take for each number of faces, and how sure that is, as Markdown."""
    return "\n".join(f"- {curve.advice_at(shots)}" for shots in curve.shots)


def tables(curve: Comparison) -> str:
    """Return the scores and the paired differences of a comparison as Markdown."""
    score = curve.score
    unit = f" in {score.unit}" if score.unit else ""
    better = "higher" if score.higher_is_better else "lower"
    head = ["Faces", "Backbone", "Mean", "±", "Seconds"]
    rows = []
    for row in curve.table:
        numbers = [_number(row["mean"], score.digits), _number(row["std"], score.digits), _number(row["seconds"], 0)]
        rows.append([str(row["shots"]), row["backbone"], *numbers])
    text = f"**{score.name}**{unit}, {better} is better{_meaning(score.name)}. ± is the standard deviation over draws, "
    text += f"and the seconds are those of one training.\n\n{table(head, rows)}"
    pairs = []
    for d in curve.differences:
        interval = (
            f"{_number(d.low, score.digits)} to {_number(d.high, score.digits)}" if d.draws > 1 else "one draw: none"
        )
        pairs.append([str(d.shots), d.better, d.worse, _number(d.mean, score.digits), interval])
    if pairs:
        text += "\n\n" + table(["Faces", "Better", "than", "by", "95 % interval"], pairs)
    return text


def _meaning(score: str) -> str:
    """Return what a score measures, for people who meet it the first time."""
    return next((f": {text}" for name, text in MEANINGS.items() if score.startswith(name)), "")


def _number(value: float, digits: int) -> str:
    """Format a number; NaN, for instance the spread of one draw, is empty."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def plot_file(curve: Comparison) -> str:
    """Write the learning curve as a PNG file whose text is readable on a narrow screen. Return the path."""
    figure = Figure(figsize=(5.4, 4), layout="constrained")
    curve.plot(figure.subplots())
    figure.savefig(target := new_file("curve.png"), dpi=200)
    return str(target)


def scores_file(curve: Comparison) -> str:
    """Write one line of CSV per training: backbone, faces, draw, all scores. Return the path."""
    names = list(dict.fromkeys(name for cell in curve.cells for name in cell.scores))
    target = new_file("comparison.csv")
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["backbone", "faces", "draw", "scored", "seconds", *names])
        for cell in curve.cells:
            scores = [cell.scores.get(name, "") for name in names]
            writer.writerow([cell.backbone, cell.shots, cell.draw + 1, cell.scored, cell.seconds, *scores])
    return str(target)


def result_fields() -> tuple[gr.Image, gr.Markdown, gr.DownloadButton, gr.Code, gr.Code]:
    """Lay out the results: plot, tables, file of scores, Python code, command."""
    with gr.Row():
        with gr.Column(min_width=300):
            tools: Any = ["download", "fullscreen"]
            plot = gr.Image(
                label="Learning curve",
                interactive=False,
                format="png",
                visible=False,
                buttons=tools,
                elem_classes="plot",
            )
        with gr.Column(min_width=300):
            scores = gr.Markdown(elem_classes="scores")
            download = gr.DownloadButton("Download all scores (CSV)", interactive=False)
    with gr.Accordion("The same in Python and in a terminal", open=False):
        python = gr.Code(language="python", label="The same in Python", interactive=False)
        command = gr.Code(language="shell", label="The same in a terminal", interactive=False)
    return plot, scores, download, python, command
