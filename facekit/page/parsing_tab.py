"""The tab "In the wild": segment every face of a photo into parts, with and without the label adapter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..results.drawing import draw_mask, readable
from ..results.faces import Faces
from ..results.types import Segmentation
from .components import CROP, EXAMPLE_LABEL, NO_IMAGE, PHOTO, example_photos, show_errors
from .limits import read_photo
from .sessions import new_file
from .uploads import image_field

READY = "segmentation"
PARSER, ANNOTATORS = "Output of the model", "As annotators draw (label adapter)"
OPACITY = 0.7
LARGEST = 1400  # longest side of the shown drawing, px; the download has the full size
NO_FACE = (
    "**No face was found.** Try an image where the face is larger, upright and well lit. If the face lies on its side, "
    f"rotate the image by 90 degrees. If one face fills the image, choose *{CROP}*."
)
ONE_VIEW = "This model has no label adapter, so its output is shown as it is."
NOTE = (
    "Each face is found, cropped and segmented. The result is pasted back into the image at full size. The model draws "
    "parts as in the masks that it was trained on. A label adapter converts its output to the conventions of another "
    "data set. The adapter uses only this output, not the image."
)


def join_faces(results: Sequence[Segmentation]) -> Segmentation:
    """Join the masks of all faces of a photo.

    Args:
        results: At least one result, the most confident face first. It is kept where faces overlap.

    Returns:
        One result with the mask of all faces.
    """
    first = results[0]
    mask = np.zeros_like(first.mask)
    for result in reversed(results):
        labelled = (result.mask > 0) & (result.mask != result.labels.ignore)
        mask[labelled] = result.mask[labelled]
    return Segmentation(mask, first.labels, first.image)


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
        view: ANNOTATORS for the label adapter's output. PARSER for the output before the adapter, if there is one.
    """
    if view == ANNOTATORS:
        return join_faces(results)
    return join_faces([result.unadapted or result for result in results])


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
def find_parts(path: str | None, kind: str, opacity: float) -> tuple[Any, ...]:
    """Segment the faces of a photo.

    Args:
        path: The image file, or None.
        kind: CROP or PHOTO.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The result of each face, the choice of views, the drawing, a sentence, the legend, and the file of the mask.
    """
    if path is None:
        raise ValueError(NO_IMAGE)
    image = read_photo(path)
    outcome = facekit.predict(READY, image, align="none" if kind == CROP else None)
    results = list(outcome) if isinstance(outcome, Faces) else [outcome]
    if not results:
        gr.Warning("No face was found in this image.")
        empty = gr.DownloadButton(value=None, interactive=False)
        return None, gr.Radio(visible=False), outcome.draw(), NO_FACE, "", empty
    adapted = isinstance(results[0], Segmentation) and results[0].unadapted is not None
    view = ANNOTATORS if adapted else PARSER
    result = select_view(results, view)
    faces = f"{len(results)} {'face' if len(results) == 1 else 'faces'}"
    text = f"**{faces}** found. The percentages are shares of all pixels that belong to a part."
    text += "" if adapted else f" {ONE_VIEW}"
    file = gr.DownloadButton(value=mask_file(result), interactive=True)
    return results, gr.Radio(value=view, visible=adapted), overlay(result, opacity), text, legend(result), file


@show_errors
def change_view(results: list[Segmentation] | None, view: str, opacity: float) -> tuple[Any, ...]:
    """Show the same faces in the other view.

    Args:
        results: The result of each face, or None before the first prediction.
        view: PARSER or ANNOTATORS.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The drawing, the legend, and the file of the mask. Nothing changes if there are no results.
    """
    if not results:
        return gr.skip(), gr.skip(), gr.skip()
    result = select_view(results, view)
    return overlay(result, opacity), legend(result), gr.DownloadButton(value=mask_file(result), interactive=True)


def change_opacity(results: list[Segmentation] | None, view: str, opacity: float) -> Any:
    """Draw the same faces in another opacity.

    Args:
        results: The result of each face, or None before the first prediction.
        view: PARSER or ANNOTATORS.
        opacity: Opacity of the colours in [0, 1].

    Returns:
        The drawing. Nothing changes if there are no results.
    """
    return overlay(select_view(results, view), opacity) if results else gr.skip()


def parsing_tab() -> None:
    """Lay out the tab: one image, the ready segmentation model, two views of its result."""
    faces = gr.State()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = image_field("Your image", 340)
            info = "In a photo the faces are found first. A face crop is filled by one face."
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="This image is a", info=info)
            run = gr.Button("Find the parts", variant="primary")
            gr.Examples([[path] for path in example_photos()], [photo], label=EXAMPLE_LABEL, api_name="example_parts")
            gr.Markdown(NOTE, elem_classes="aside")
        with gr.Column(scale=3, min_width=300):
            buttons: Any = ["download", "fullscreen"]
            shown = gr.Image(format="png", label="Parts", interactive=False, height=480, buttons=buttons)
            view = gr.Radio([PARSER, ANNOTATORS], value=PARSER, label="View", visible=False)
            opacity = gr.Slider(0, 1, value=OPACITY, step=0.05, label="Strength of the colours")
            text = gr.Markdown()
            classes = gr.HTML()
            file = gr.DownloadButton("Download the mask (PNG of class ids)", interactive=False)
    run.click(
        find_parts,
        [photo, kind, opacity],
        [faces, view, shown, text, classes, file],
        api_name="parts",
        show_progress_on=shown,
    )
    state = [faces, view, opacity]
    view.input(change_view, state, [shown, classes, file], show_progress_on=shown, api_visibility="private")
    opacity.release(change_opacity, state, shown, show_progress="hidden", api_visibility="private")
