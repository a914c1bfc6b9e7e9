"""The tab "Compare": adapt several backbones on the same labels, and find out which one to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gradio as gr

import facekit

from ..backbones.pftgan.config import PFTGANAdaptation
from ..backbones.registry import backbone_names
from ..comparison.face_splits import LEAST_SCORED
from ..labels import AttributeSet, LandmarkSet, SegmentationSet
from ..model import find_backbone
from .code_samples import comparison_code, comparison_command
from .comparison_results import advice, plot_file, result_fields, scores_file, tables
from .components import FILE_HEIGHT, check_length, show_errors
from .generator_part import embedded_generator
from .label_sheet import POINTS, TASKS
from .label_zip import example_zip, given_file, unpacked_labels, unusable_text
from .limits import read_photo
from .parts_model import one_shot_seconds
from .sessions import progress_reporter
from .training_events import connect_training, training_buttons

COMPARISON = "compare"
BACKBONES = tuple(backbone_names())
MOST_DRAWS = 10
MOST_TRAININGS = 60
MOST_NAMES, MOST_WARNINGS = 8, 5  # that are shown
NO_FILE = "Upload your labels, or load the example."
FORMATS = (
    "The zip file of *Download the labels* in the tab Adapt, or a folder of LabelMe, COCO, CVAT or .pts files with "
    "their images, packed as zip. One face per image, at most 100 images."
)
NOTE = (
    "In each draw the images are split at random. Every backbone is adapted on the same faces and scored on the same "
    "others, with the settings of the quick recipe. Two draws or more give intervals. The intervals hold for other "
    "draws from your images, not for other people or another camera."
)
# Seconds of one core: before the first step, and per step.
COST = {"fsma": (4.0, 0.13), "farl": (4.5, 0.12), "synthparse": (2.0, 0.46)}
SCORING = 0.2  # seconds of one core per scored image


def shots_in(text: str) -> list[int]:
    """Read numbers of faces.

    Args:
        text: Whole numbers with commas between.

    Returns:
        The numbers in increasing order, each once.

    Raises:
        ValueError: If there is no number, or something else.
    """
    parts = [part.strip() for part in check_length(text).split(",") if part.strip()]
    if not parts or not all(part.isdecimal() and len(part) < 7 and int(part) > 0 for part in parts):
        raise ValueError(
            f"expected numbers of faces with commas between, such as 1, 5, 10, got {text[:80]!r}; change it"
        )
    return sorted({int(part) for part in parts})


def trainings(backbones: Sequence[str], shots: Sequence[int], draws: int) -> int:
    """Return the number of trainings of a comparison.

    Args:
        backbones: Names of the backbones.
        shots: Numbers of faces.
        draws: Number of draws.

    Raises:
        ValueError: If no backbone is chosen, or there are too many draws or trainings.
    """
    if not backbones:
        raise ValueError("expected at least one backbone, got none; tick one")
    if not 1 <= draws <= MOST_DRAWS:
        raise ValueError(f"expected 1 to {MOST_DRAWS} draws, got {draws}; change the number")
    count = len(backbones) * len(shots) * draws
    if count > MOST_TRAININGS:
        raise ValueError(
            f"expected at most {MOST_TRAININGS} trainings, got {len(backbones)} backbones x {len(shots)} numbers of "
            f"faces x {draws} draws = {count}; choose fewer"
        )
    return count


def estimated_seconds(task: str, backbones: Sequence[str], shots: Sequence[int], draws: int, images: int) -> float:
    """Estimate the time of a comparison on one core.

    Args:
        task: Name of the task.
        backbones: Names of the backbones.
        shots: Numbers of faces.
        draws: Number of draws.
        images: Number of labelled images.
    """
    total, side = 0.0, embedded_generator().backbone.input_size
    for name in backbones:
        for count in shots:
            config = find_backbone(name).recipe("quick", task, True, count)
            if isinstance(config, PFTGANAdaptation):
                total += one_shot_seconds(config, count, config.steps, side)
            else:
                start, step = COST.get(name, max(COST.values()))
                total += start + step * config.steps
            total += SCORING * (images - max(shots))
    return draws * total


def count_labels(path: str | None, kind: str) -> tuple[int, str]:
    """Read the labels of a zip file.

    Args:
        path: The zip file, or None.
        kind: A key of `TASKS`.

    Returns:
        Number of labelled images, and a sentence about them. 0, and what is wrong with the file, if it cannot be used.
    """
    if path is None:
        return 0, NO_FILE
    try:
        with unpacked_labels(path, TASKS[kind]) as found:
            names = names_of(found.names)
            for file, reason in list(found.skipped.items())[:MOST_WARNINGS]:
                gr.Warning(f"{file}: {reason}", title="Left out")
            shown = ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
            return len(found), f"**{len(found)} labelled images**, {len(names)} {kind.lower()}: {shown}"
    except (ValueError, OSError) as error:
        return 0, unusable_text(error)


def recognise_labels(path: str | None, kind: str) -> tuple[int, str, str]:
    """Read the labels of a zip file as the chosen kind, or else as the other kind.

    Args:
        path: The zip file, or None.
        kind: A key of `TASKS`.

    Returns:
        The outputs of `count_labels`, and the kind.
    """
    count, text = count_labels(path, kind)
    for other in TASKS:
        if not count and other != kind and (read := count_labels(path, other))[0]:
            return *read, other
    return count, text, kind


def names_of(labels: LandmarkSet | SegmentationSet | AttributeSet) -> list[str]:
    """Return the names of points, parts (without the background) or attributes."""
    if isinstance(labels, SegmentationSet):
        return list(labels.classes[1:])
    return list(labels.points if isinstance(labels, LandmarkSet) else labels.names)


@show_errors
def estimate(images: int, kind: str, backbones: list[str], shots_text: str, draws: int) -> str:
    """Say how long a comparison takes.

    Args:
        images: Number of labelled images; 0 before the upload.
        kind: A key of `TASKS`.
        backbones: Names of the backbones.
        shots_text: Numbers of faces.
        draws: Number of draws.

    Returns:
        One or two sentences, also if the comparison is not possible.
    """
    try:
        shots = shots_in(shots_text)
        count = trainings(backbones, shots, int(draws))
    except ValueError as error:
        return f"**Not yet:** {error}."
    if not images:
        return f"**{_trainings_text(count)}.** Upload labels to see the time that they take."
    if images < shots[-1] + LEAST_SCORED:
        return (
            f"**Not yet:** {shots[-1]} faces to adapt on and {LEAST_SCORED} to score need {shots[-1] + LEAST_SCORED} "
            f"labelled images, and there are {images}. Choose fewer faces."
        )
    minutes = max(1, round(estimated_seconds(TASKS[kind], backbones, shots, int(draws), images) / 60))
    return (
        f"**{_trainings_text(count)}, about {minutes} min** on an idle processor without a GPU. A busy machine takes "
        f"longer. Each model is scored on {images - shots[-1]} faces that it was not adapted on."
    )


def _trainings_text(count: int) -> str:
    """Return "1 training", "2 trainings"."""
    return f"{count} {'training' if count == 1 else 'trainings'}"


@show_errors
def load_example(kind: str) -> str:
    """Return the zip file of the sample people, labelled with points or parts."""
    return str(example_zip(TASKS[kind]))


@show_errors
def check_comparison(path: str | None, kind: str, backbones: list[str], shots_text: str, draws: int) -> None:
    """Raise an error if a comparison lacks something. Arguments as of `compare`."""
    given_file(path)
    trainings(backbones, shots_in(shots_text), int(draws))


@show_errors
def compare(
    path: str | None,
    kind: str,
    backbones: list[str],
    shots_text: str,
    draws: int,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Adapt the backbones and score them.

    Args:
        path: The zip file of labels, or None.
        kind: A key of `TASKS`.
        backbones: Names of the backbones.
        shots_text: Numbers of faces.
        draws: Number of draws.
        bar: Progress bar, set by gradio.

    Returns:
        The advice, the plot, the tables, the file of scores, Python code, and the command for a terminal.
    """
    path = given_file(path)
    shots, task, draws = shots_in(shots_text), TASKS[kind], int(draws)
    count = trainings(backbones, shots, draws)
    report = progress_reporter(bar, COMPARISON, "trainings")
    bar(0.0, desc="Reading the labels")
    with unpacked_labels(path, task) as found:
        align = "box"
        for image in found.images:
            report(0, count, {})  # so that Stop is noticed
            if not facekit.find_faces(read_photo(str(image))):
                gr.Warning("Some images show no face that can be found. All images are used whole, as face crops.")
                align = "none"
                break
        curve = facekit.learning_curve(
            found.images,
            found.labels,
            task,
            backbones,
            shots,
            draws,
            names=found.names,
            align=align,
            progress=report,
        )
    choice = task, backbones, shots, draws, align
    return (
        advice(curve),
        gr.Image(plot_file(curve), visible=True),
        tables(curve),
        gr.DownloadButton(value=scores_file(curve), interactive=True),
        comparison_code(*choice),
        comparison_command(*choice),
    )


def compare_tab() -> None:
    """Lay out the tab: labels, backbones and numbers, training, results."""
    images = gr.State(0)
    gr.Markdown("## 1 · Labelled images", elem_classes="step")
    file, kind, example, summary = _label_fields()
    gr.Markdown("## 2 · What to compare", elem_classes="step")
    with gr.Row():
        info = "Pretrained networks of the four papers. pftgan takes the longest."
        backbones = gr.CheckboxGroup(
            list(BACKBONES), value=["fsma", "synthparse"], label="Backbones", info=info, min_width=240
        )
        info = "Numbers of labelled faces to adapt on."
        shots = gr.Textbox("1, 5", label="Faces", info=info, min_width=240)
        info = "Random splits of the images. More of them give narrower intervals."
        draws = gr.Slider(1, MOST_DRAWS, value=3, step=1, label="Draws", info=info, min_width=240)
    time = gr.Markdown(estimate(0, POINTS, ["fsma", "synthparse"], "1, 5", 3))
    gr.Markdown(NOTE, elem_classes="aside")
    gr.Markdown("## 3 · Compare", elem_classes="step")
    buttons = training_buttons("Compare", "Nothing is compared yet.")
    plot, scores, download, python, command = result_fields()

    settings = [kind, backbones, shots, draws]
    choice, plan = [file, kind], [images, *settings]
    example.click(load_example, kind, file).success(count_labels, choice, [images, summary])
    file.upload(recognise_labels, choice, [images, summary, kind])
    gr.on([file.clear, kind.input], count_labels, choice, [images, summary])
    changes = [summary.change, kind.input, backbones.input, shots.input, draws.release]
    # Fast typing: the last text counts.
    gr.on(changes, estimate, plan, time, show_progress="hidden", trigger_mode="always_last")
    outputs = [buttons[-1], plot, scores, download, python, command]
    connect_training(COMPARISON, buttons, check_comparison, compare, [file, *settings], outputs)


def _label_fields() -> tuple[gr.File, gr.Radio, gr.Button, gr.Markdown]:
    """Lay out step 1: the zip file, the kind of labels, the button of the example, and a text."""
    with gr.Row():
        file = gr.File(label="Zip file of images and labels", height=FILE_HEIGHT, scale=3)
        with gr.Column(scale=2, min_width=300):
            kind = gr.Radio(list(TASKS), value=POINTS, label="What is labelled?")
            example = gr.Button("Load the example: 16 people, labelled")
            gr.Markdown(FORMATS, elem_classes="aside")
    return file, kind, example, gr.Markdown(NO_FILE)
