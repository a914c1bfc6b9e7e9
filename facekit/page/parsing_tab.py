"""The tab "In the wild": segment every face of a photo into parts, with and without a label adapter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..results.drawing import draw_mask, readable
from ..results.faces import Faces
from ..results.types import Segmentation
from ..tasks import SegmentationTask
from .components import CROP, FILE_HEIGHT, NO_IMAGE, PHOTO, show_errors
from .label_adapter_part import label_adapter_part
from .limits import read_photo
from .photo_analysis import join_faces
from .sessions import new_file
from .uploads import example_field, image_field

PLAIN, ADAPTED, OWN = "CelebAMask-HQ's 18 parts", "FASSEG's 5 parts, by a label adapter", "My own model"
MODELS = {PLAIN: "segmentation", ADAPTED: "segmentation-fasseg"}
PARSER, ANNOTATORS, BOTH = "Without adapter", "With adapter", "Both"
VIEWS = (BOTH, PARSER, ANNOTATORS)
OPACITY = 0.7
LARGEST = 1400  # longest side of the shown drawing, px; the download has the full size
NO_FACE = (
    "**No face was found.** Try an image where the face is larger, upright and well lit. If the face lies on its side, "
    f"rotate the image by 90 degrees. If one face fills the image, choose *{CROP}*."
)
ONE_VIEW = f"This model has no label adapter, so its output is shown as it is. *{ADAPTED}* has one."
TWO_VIEWS = (
    f"In the view *{BOTH}*, the left side is without and the right side with the adapter; list and mask are with it."
)
NO_MODEL = "expected a model of your own, got none; upload a .facekit file, or train a label adapter below"
NOTE = (
    "Each face is found, cropped and segmented. The result is pasted back into the image at full size. A model draws "
    "parts as in the masks that it was trained on. A label adapter converts its output to the conventions of another "
    "data set, for instance the one that you want to be scored on. The input of the adapter is this output alone, not "
    "the image."
)


def shares(result: Segmentation) -> list[tuple[str, tuple[int, int, int], float]]:
    """Compute the area of each class.

    Args:
        result: A segmentation.

    Returns:
        Name, colour and share of each class that occurs, the largest first. The shares have the sum 1.
    """
    labels = result.labels
    counts = np.bincount(result.mask.ravel(), minlength=256)[1 : len(labels)]
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    return [(readable(labels.classes[i + 1]), labels.palette[i + 1], counts[i] / counts.sum()) for i in order]


def percent(share: float) -> str:
    """Format a share in [0, 1] as a percentage in HTML. A small share is not rounded to zero."""
    return f"{100 * share:.1f} %" if share >= 0.001 else "&lt; 0.1 %"


def legend(result: Segmentation) -> str:
    """Return the classes that occur as HTML: colour, name, bar and share.

    The length of a bar is relative to the largest class. Relative to all pixels, the bar of an eye would be invisible.
    """
    rows = shares(result)
    cells = [
        '<div style="display: flex; align-items: center; gap: .5rem; min-width: 0">'
        f'<span style="flex: none; width: 1rem; height: 1rem; border-radius: .25rem; background: rgb{colour}; '
        'border: 1px solid #8888"></span>'
        f'<span style="flex: 1; white-space: nowrap; overflow: hidden; text-overflow: ellipsis">{escape(name)}</span>'
        '<span style="flex: none; width: 3.2rem; height: .4rem; border-radius: .2rem; background: #8883">'
        f'<span style="display: block; width: {max(4, 100 * share / rows[0][2]):.0f}%; height: 100%; '
        f'border-radius: .2rem; background: rgb{colour}"></span></span>'
        f'<span style="flex: none; width: 3.8rem; text-align: right; white-space: nowrap">{percent(share)}</span></div>'
        for name, colour, share in rows
    ]
    grid = "display: grid; grid-template-columns: repeat(auto-fill, minmax(13.5rem, 1fr)); gap: .3rem 1.6rem"
    return f'<div style="{grid}; font-size: .92rem">{"".join(cells)}</div>'


def select_view(results: Sequence[Segmentation], view: str) -> Segmentation:
    """Return the mask of all faces in one view.

    Args:
        results: The result of each face.
        view: PARSER for the output before the adapter, if there is one. Else the label adapter's output.
    """
    if view == PARSER:
        return join_faces([result.unadapted or result for result in results])
    return join_faces(results)


def overlay(result: Segmentation, opacity: float) -> np.ndarray:
    """Draw the classes over the photo.

    Args:
        result: A segmentation.
        opacity: Strength of the tints in [0, 1]. Outlines are always drawn.

    Returns:
        RGB (H, W, 3) uint8, scaled down so that no side is longer than LARGEST.
    """
    height, width = result.image.shape[:2]
    if max(height, width) <= LARGEST:
        return draw_mask(result.image, result.mask, result.labels, opacity)
    size = (max(1, round(width * LARGEST / max(height, width))), max(1, round(height * LARGEST / max(height, width))))
    image = Image.fromarray(result.image).resize(size, Image.Resampling.BOX)
    mask = Image.fromarray(result.mask).resize(size, Image.Resampling.NEAREST)
    return draw_mask(np.asarray(image), np.asarray(mask), result.labels, opacity)


def mask_file(result: Segmentation) -> str:
    """Write the class ids to a palette PNG in the size of the photo, and return its path."""
    target = new_file("parts.png")
    result.save_mask(target)
    return str(target)


@show_errors
def load_own(path: str | None) -> tuple[Any, str, Any]:
    """Load a visitor's model.

    Args:
        path: The .facekit file, or None.

    Returns:
        The model, a sentence, and the choice of the own model.
    """
    if path is None:
        return None, "", gr.skip()
    model = facekit.load(path)
    if not isinstance(model.task, SegmentationTask):
        raise ValueError(f"{Path(path).name}: expected a model of parts, got one for {model.task.name}; upload another")
    names = ", ".join(readable(name) for name in model.task.labels.classes[1:])
    adapter = "with" if model.adapter is not None else "without"
    return model, f"Your model, {adapter} a label adapter: {names}.", OWN


def chosen_model(choice: str, own: Any) -> Any:
    """Return the model, or the name of the ready model, that a visitor chose.

    Args:
        choice: A key of `MODELS`, or OWN.
        own: The visitor's model, or None.

    Raises:
        ValueError: If there is no own model.
    """
    if choice != OWN:
        return MODELS[choice]
    if own is None:
        raise ValueError(NO_MODEL)
    return own


@show_errors
def find_parts(path: str | None, kind: str, opacity: float, choice: str = PLAIN, own: Any = None) -> tuple[Any, ...]:
    """Segment the faces of a photo.

    Args:
        path: The image file, or None.
        kind: CROP or PHOTO.
        opacity: Opacity of the colours in [0, 1].
        choice: A key of `MODELS`, or OWN.
        own: The visitor's model, or None.

    Returns:
        The result of each face, the choice of views, the drawing, both drawings, a sentence, the legend, and the file
        of the mask.
    """
    model = chosen_model(choice, own)
    if path is None:
        raise ValueError(NO_IMAGE)
    image = read_photo(path)
    searched = "box" if choice == OWN and model.align == "none" else None
    outcome = facekit.predict(model, image, align="none" if kind == CROP else searched)
    results = list(outcome) if isinstance(outcome, Faces) else [outcome]
    if not results:
        gr.Warning("No face was found in this image.")
        empty = gr.DownloadButton(value=None, interactive=False)
        shown = gr.Image(outcome.draw(), format="png", visible=True)
        return None, gr.Radio(visible=False), shown, gr.ImageSlider(visible=False), NO_FACE, "", empty
    adapted = isinstance(results[0], Segmentation) and results[0].unadapted is not None
    view = BOTH if adapted else PARSER
    faces = f"{len(results)} {'face' if len(results) == 1 else 'faces'}"
    text = f"**{faces}** found. The percentages are shares of all pixels that belong to a part."
    text += f" {TWO_VIEWS}" if adapted else f" {ONE_VIEW}"
    shown, pair, classes, file = view_outputs(results, view, opacity)
    return results, gr.Radio(value=view, visible=adapted), shown, pair, text, classes, file


def view_outputs(results: Sequence[Segmentation], view: str, opacity: float) -> tuple[Any, ...]:
    """Return one view of the results.

    Args:
        results: The result of each face.
        view: PARSER, ANNOTATORS or BOTH.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The drawing, both drawings (one of the two is visible), the legend, and the file of the mask. Legend and mask
        belong to the label adapter for BOTH.
    """
    result = select_view(results, view)
    file = gr.DownloadButton(value=mask_file(result), interactive=True)
    return *drawings(results, view, opacity), legend(result), file


def drawings(results: Sequence[Segmentation], view: str, opacity: float) -> tuple[gr.Image, gr.ImageSlider]:
    """Draw one view, or both for a slider between them. Arguments as of `view_outputs`."""
    if view != BOTH:
        drawn = overlay(select_view(results, view), opacity)
        return gr.Image(drawn, format="png", visible=True), gr.ImageSlider(visible=False)
    pair = overlay(select_view(results, PARSER), opacity), overlay(select_view(results, ANNOTATORS), opacity)
    return gr.Image(visible=False), gr.ImageSlider(pair, format="png", visible=True)


@show_errors
def change_view(results: list[Segmentation] | None, view: str, opacity: float) -> tuple[Any, ...]:
    """Show the same faces in another view.

    Args:
        results: The result of each face, or None before the first prediction.
        view: PARSER, ANNOTATORS or BOTH.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The outputs of `view_outputs`. Nothing changes if there are no results.
    """
    return view_outputs(results, view, opacity) if results else (gr.skip(),) * 4


def change_opacity(results: list[Segmentation] | None, view: str, opacity: float) -> tuple[Any, ...]:
    """Draw the same faces in another opacity.

    Args:
        results: The result of each face, or None before the first prediction.
        view: PARSER, ANNOTATORS or BOTH.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The drawing and both drawings. Nothing changes if there are no results.
    """
    return drawings(results, view, opacity) if results else (gr.skip(),) * 2


def parsing_tab() -> None:
    """Lay out the tab: one image, the choice of the model, two views of its result; the training of a label adapter."""
    faces, own = gr.State(), gr.State()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = image_field("Your image", 340)
            info = "In a photo the faces are found first. A face crop is filled by one face."
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="This image is a", info=info)
            choice, file, about = _model_fields()
            run = gr.Button("Find the parts", variant="primary")
            example_field(photo, kind, "example_parts")
        with gr.Column(scale=3, min_width=300):
            shown, pair, view, opacity = _drawing_fields()
            text = gr.Markdown()
            classes = gr.HTML()
            mask = gr.DownloadButton("Download the mask (PNG of class ids)", interactive=False)
    gr.Markdown(NOTE, elem_classes="aside")
    with gr.Accordion("Train a label adapter from your corrections", open=False):
        trained = label_adapter_part(own)
    file.upload(load_own, file, [own, about, choice])
    file.clear(lambda: (None, "", PLAIN), None, [own, about, choice])
    trained.success(lambda: (OWN, "The model with the label adapter that you trained."), None, [choice, about])
    outputs = [shown, pair, classes, mask]
    run.click(
        find_parts,
        [photo, kind, opacity, choice, own],
        [faces, view, shown, pair, text, classes, mask],
        api_name="parts",
        show_progress_on=[shown, pair],
    )
    state = [faces, view, opacity]
    view.input(change_view, state, outputs, show_progress_on=[shown, pair], api_visibility="private")
    opacity.release(change_opacity, state, [shown, pair], show_progress="hidden", api_visibility="private")


def _model_fields() -> tuple[gr.Radio, gr.File, gr.Markdown]:
    """Lay out the choice of the model: a radio, the file of an own model, and a text about it."""
    choice = gr.Radio([*MODELS, OWN], value=ADAPTED, label="Model")
    file = gr.File(label="My own model (.facekit)", height=FILE_HEIGHT, visible=False)
    choice.input(lambda chosen: gr.File(visible=chosen == OWN), choice, file, api_visibility="private")
    return choice, file, gr.Markdown(elem_classes="aside")


def _drawing_fields() -> tuple[gr.Image, gr.ImageSlider, gr.Radio, gr.Slider]:
    """Lay out the drawing, the slider between both drawings, the choice of the view, and the opacity."""
    tools: Any = ["download", "fullscreen"]
    fixed: dict[str, Any] = {"interactive": False, "format": "png", "height": 480, "buttons": tools}
    shown = gr.Image(label="Parts", **fixed)
    pair = gr.ImageSlider(label="Without | with adapter", max_height=480, visible=False, **fixed)
    view = gr.Radio(list(VIEWS), value=BOTH, label="View", visible=False)
    opacity = gr.Slider(0, 1, value=OPACITY, step=0.05, label="Strength of the colours")
    return shown, pair, view, opacity
