"""The tab "Parts in the wild": the parts of every face in a whole photo, with the label adapter's view of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit

from ..images.reader import load_image
from ..results.drawing import draw_mask, readable
from ..results.faces import Faces
from ..results.types import Segmentation
from .components import NO_PHOTO, example_photo, explained
from .image_tab import CROP, PHOTO
from .sessions import new_file
from .uploads import image_field

READY = "segmentation"
PARSER, ANNOTATORS = "As the parser says", "As annotators draw (label adapter)"
OPACITY = 0.55
LARGEST = 1400  # longest side of what the page shows; the download keeps every pixel
NOBODY = (
    "**No face was found.** Try a photo where the face is larger, upright and well lit, turn it by a quarter if it "
    f"lies on its side, or choose *{CROP}* if one face fills the image."
)
ONE_VIEW = "This parser has no label adapter, so there is one way to see it."


def one_mask(results: Sequence[Segmentation]) -> Segmentation:
    """All faces of a photo in one mask. Where two meet, the one that was found first, which is the surest, is kept."""
    first = results[0]
    mask = np.zeros_like(first.mask)
    for result in reversed(results):
        shown = (result.mask > 0) & (result.mask != result.labels.ignore)
        mask[shown] = result.mask[shown]
    return Segmentation(mask, first.labels, first.image)


def shares(result: Segmentation) -> list[tuple[str, tuple[int, int, int], float]]:
    """(name, colour, share) of the classes that were found, largest first; shares of all pixels that have a class."""
    labels = result.labels
    counts = np.bincount(result.mask.ravel(), minlength=256)[1 : len(labels)]
    order = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
    return [(readable(labels.classes[i + 1]), labels.palette[i + 1], counts[i] / counts.sum()) for i in order]


def percent(share: float) -> str:
    """A share in words; what was found is never written as nothing."""
    return f"{100 * share:.1f} %" if share >= 0.001 else "&lt; 0.1 %"


def legend(result: Segmentation) -> str:
    """The classes as HTML. A bar is as long as its share of the largest class, so that an eye's can be seen at all."""
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


def seen(results: Sequence[Segmentation], view: str) -> Segmentation:
    """The photo's one mask: the label adapter's, or with `PARSER` what the parser itself said where that was kept."""
    if view == ANNOTATORS:
        return one_mask(results)
    return one_mask([getattr(result, "naked", None) or result for result in results])


def overlay(result: Segmentation, opacity: float) -> np.ndarray:
    """The photo under its classes; with opacity 0 their outlines are left. At most LARGEST px a side."""
    height, width = result.image.shape[:2]
    if max(height, width) <= LARGEST:
        return draw_mask(result.image, result.mask, result.labels, opacity)
    size = (max(1, round(width * LARGEST / max(height, width))), max(1, round(height * LARGEST / max(height, width))))
    image = Image.fromarray(result.image).resize(size, Image.Resampling.BOX)
    mask = Image.fromarray(result.mask).resize(size, Image.Resampling.NEAREST)
    return draw_mask(np.asarray(image), np.asarray(mask), result.labels, opacity)


def mask_file(result: Segmentation) -> str:
    """A PNG of the photo's size whose pixels are class ids, in the classes' colours."""
    target = new_file("parts.png")
    result.save_mask(target)
    return str(target)


@explained
def find(path: str | None, kind: str, opacity: float) -> tuple[Any, ...]:
    """A photo -> the faces' results, the choice of views, the drawing, a sentence, the legend and the mask's file."""
    if path is None:
        raise ValueError(NO_PHOTO)
    image = load_image(path)
    found = facekit.predict(READY, image, align="none" if kind == CROP else None)
    results = list(found) if isinstance(found, Faces) else [found]
    if not results:
        gr.Warning("No face was found in this image.")
        empty = gr.DownloadButton(value=None, interactive=False)
        return None, gr.Radio(visible=False), found.draw(), NOBODY, "", empty
    adapted = getattr(results[0], "naked", None) is not None
    view = ANNOTATORS if adapted else PARSER
    shown = seen(results, view)
    faces = f"{len(results)} {'face' if len(results) == 1 else 'faces'}"
    text = f"**{faces}** found. Shares are of all pixels that got a class." + ("" if adapted else f" {ONE_VIEW}")
    file = gr.DownloadButton(value=mask_file(shown), interactive=True)
    return results, gr.Radio(value=view, visible=adapted), overlay(shown, opacity), text, legend(shown), file


@explained
def look(results: list[Segmentation] | None, view: str, opacity: float) -> tuple[Any, ...]:
    """The other view of the same faces: drawing, legend, file. Nothing changes where there are none yet."""
    if not results:
        return gr.skip(), gr.skip(), gr.skip()
    shown = seen(results, view)
    return overlay(shown, opacity), legend(shown), gr.DownloadButton(value=mask_file(shown), interactive=True)


def shade(results: list[Segmentation] | None, view: str, opacity: float) -> Any:
    """The drawing alone, in another opacity."""
    return overlay(seen(results, view), opacity) if results else gr.skip()


def parsing_tab() -> None:
    """One photo through the ready parser: every face found, parsed and pasted back where it was."""
    faces = gr.State()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = image_field("Your photo", 340)
            kind = gr.Radio([PHOTO, CROP], value=PHOTO, label="What it shows",
                            info="In a photo one or several faces are found first; one face fills a crop.")  # fmt: skip
            go = gr.Button("Find the parts", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_parts")
            gr.Markdown(
                "Each face is found, cut out, parsed and pasted back into the photo's own pixels. A parser says what "
                "its training masks taught it; a label adapter turns that into what another data set's annotators "
                "would have drawn, and never sees the photo.",
                elem_classes="aside",
            )
        with gr.Column(scale=3, min_width=300):
            shown = gr.Image(format="png", label="Parts", interactive=False, height=480,
                             buttons=["download", "fullscreen"])  # fmt: skip
            view = gr.Radio([PARSER, ANNOTATORS], value=PARSER, label="Whose view", visible=False)
            opacity = gr.Slider(0, 1, value=OPACITY, step=0.05, label="Opacity of the colours")
            text = gr.Markdown()
            named = gr.HTML()
            file = gr.DownloadButton("Download the mask (PNG of class ids)", interactive=False)
    go.click(find, [photo, kind, opacity], [faces, view, shown, text, named, file], api_name="parts",
             show_progress_on=shown)  # fmt: skip
    view.input(look, [faces, view, opacity], [shown, named, file], show_progress_on=shown, api_visibility="private")
    opacity.release(shade, [faces, view, opacity], shown, show_progress="hidden", api_visibility="private")
