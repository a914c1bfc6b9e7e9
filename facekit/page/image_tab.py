"""The tab in which a model learns to make new images: faces in another style, faces without cast shadows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
import numpy as np
import torch
from PIL import Image

import facekit

from ..augmentation.shadows import cast_shadows
from ..data.synthetic_faces.generator import GeneratedFaces
from ..images.reader import load_image
from ..results.faces import Faces
from .components import MOST_IMAGES, NO_PHOTO, example_photo, explained
from .sessions import new_file, stop_button, teller
from .uploads import image_field

STYLE, SHADOWS = "stylization", "shadow_removal"
STYLES = {"Pencil": "pencil", "Comic": "comic"}
CROP, PHOTO = "Face crop", "Photo"
ALIGN = {CROP: "none", PHOTO: "box"}
STEPS = 400
EXAMPLES = {STYLE: 12, SHADOWS: 24}
SIDE = 256  # of the example's images
UNSEEN = 1_005  # the example's trial face
FALL = 1  # the seed of the shadow that falls on it
LARGEST = 1024  # longest side of what the before/after slider shows; the download keeps every pixel
ACROSS, ROWS, TILE, GAP = 12, 2, 160, 12  # step 1 shows so many images in a row, rows, and px
EMPTY = "Choose your images, or load the example."

# Images and their targets (none for shadow removal): files that were uploaded, or arrays of the example.
Material = tuple[list[Any], list[Any] | None]


def material(task: str, photos: list[str] | None, styled: list[str] | None, example: Material | None) -> Material:
    """What there is to learn from: the uploaded files, else the example; two empty lists where there is neither."""
    if photos or styled or example is None:
        return photos or [], (styled or []) if task == STYLE else None
    return example


def looks(task: str) -> Callable[..., tuple[Any, ...]]:
    """The handler that shows what a model will learn from: its images, pairs side by side, and their number."""

    @explained
    def handler(photos: Any, styled: Any, example: Material | None) -> tuple[Any, ...]:
        images, targets = material(task, photos, styled, example)
        if targets is None:
            shown, text = list(images), f"**{len(images)} clean images**"
        else:
            shown = [image for pair in zip(images, targets, strict=False) for image in pair]
            text = f"**{len(images)} pairs**: look whether every image stands beside its own counterpart"
            if len(images) != len(targets):
                text = f"**{len(images)} photos and {len(targets)} in the new style**: every photo needs one"
        sheet = contact_sheet(shown[: ACROSS * ROWS], 1 if targets is None else 2) if shown else None
        return gr.Image(sheet, visible=bool(shown)), text if images or targets else EMPTY

    return handler


def contact_sheet(images: list[Any], together: int) -> Image.Image:
    """Images of any size in rows on one transparent sheet, always as wide, with gaps between so many together."""
    rows = -(-len(images) // ACROSS)
    sheet = Image.new("RGBA", (ACROSS * TILE + (ACROSS // together - 1) * GAP, rows * (TILE + GAP) - GAP))
    for i, photo in enumerate(images):
        image = Image.fromarray(load_image(photo))
        image.thumbnail((TILE, TILE))
        x, y = i % ACROSS * TILE + i % ACROSS // together * GAP, i // ACROSS * (TILE + GAP)
        sheet.paste(image, (x + (TILE - image.width) // 2, y + (TILE - image.height) // 2))
    return sheet


def example_images(task: str, style: str) -> tuple[Material, np.ndarray]:
    """Generated faces to learn from, and an unseen one to try the model on, (SIDE,SIDE,3) each."""
    faces = GeneratedFaces(seed=17, size=SIDE, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10))
    want = ("shadow_free", "mask", *([STYLES[style]] if task == STYLE else []))
    batch = faces.batch([*range(EXAMPLES[task]), UNSEEN], want=want)
    images = _arrays(batch["shadow_free"])
    if task == STYLE:
        return (images[:-1], _arrays(batch[STYLES[style]])[:-1]), images[-1]
    clean, person = batch["shadow_free"][-1:] / 255, (batch["mask"][-1:] > 0)[:, None].float()
    shadowed = cast_shadows(clean, torch.Generator().manual_seed(FALL), person)
    return (images[:-1], None), _arrays((255 * shadowed).round().to(torch.uint8))[0]


def _arrays(batch: torch.Tensor) -> list[np.ndarray]:
    return list(batch.permute(0, 2, 3, 1).contiguous().numpy())


def loads(task: str) -> Callable[..., tuple[Any, ...]]:
    """The handler that loads the example in place of uploads: the images, what they look like, a trial image."""

    @explained
    def handler(style: str) -> tuple[Any, ...]:
        example, unseen = example_images(task, style)
        shown = looks(task)(None, None, example)
        return None, None, example, *shown, Image.fromarray(unseen), CROP, CROP

    return handler


def adapts(task: str) -> Callable[..., tuple[Any, ...]]:
    """The handler that turns the images into a model and its file."""

    @explained
    def handler(photos: Any, styled: Any, example: Material | None, kind: str, steps: int,
                bar: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008 - how gradio finds it  # fmt: skip
        images, targets = material(task, photos, styled, example)
        if not images and not targets:
            raise ValueError("no images came: choose them in step 1, or load the example")
        if len(images) > MOST_IMAGES:
            raise ValueError(f"{len(images)} images came: this page learns from up to {MOST_IMAGES}")
        bar(0.0, desc="Preparing the images")
        how: dict[str, Any] = {"align": ALIGN[kind], "steps": int(steps), "progress": teller(bar, f"{task}_adapt")}
        model = facekit.adapt(images, targets, task, **how)
        model.save(target := new_file(f"{task}.facekit"))
        text = f"**Done:** your model learned from {len(images)} images. Try it in step 3."
        return model, text, gr.DownloadButton(value=str(target), interactive=True)

    return handler


@explained
def make(model: Any, path: str | None, kind: str) -> tuple[Any, ...]:
    """A new image through the visitor's model -> before and after of equal shape (H,W,3), and the file of the
    second."""
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 2 first")
    if path is None:
        raise ValueError(NO_PHOTO)
    result = facekit.predict(model, load_image(path), align=ALIGN[kind])
    if isinstance(result, Faces) and not result:
        gr.Warning(f"No face was found in this image. If a face fills it, choose {CROP!r}.")
    photo = Image.fromarray(result.draw())
    photo.save(target := new_file("new-picture.png"))
    before, after = Image.fromarray(result.image), photo.copy()
    for image in (before, after):
        image.thumbnail((LARGEST, LARGEST))
    pair = (np.array(before), np.array(after))
    return pair, gr.DownloadButton(value=str(target), interactive=True)


def images_tab() -> None:
    """The two tasks, each with its own images, model and result."""
    with gr.Tab("Another style"):
        gr.Markdown("Show a few photos beside the same faces in a style, and the model draws other faces in it.")
        _task_part(STYLE)
    with gr.Tab("Shadows away"):
        gr.Markdown("Show a few faces in clean light. The model practises on shadows cast on them, and then takes the "
                    "shadow of a hand, a hat or a tree off other faces.")  # fmt: skip
        _task_part(SHADOWS)


def _task_part(task: str) -> None:
    example, model = gr.State(), gr.State()
    gr.Markdown("### 1 · Images to learn from, one face each", elem_classes="step")
    pairs = task == STYLE
    upload: dict[str, Any] = {"file_count": "multiple", "height": 190}
    with gr.Row():
        photos = gr.File(label="Photos" if pairs else "Clean images", allow_reordering=pairs, scale=3, **upload)
        styled = gr.File(label="The same in the new style, in order", allow_reordering=True, visible=pairs, scale=3,
                         **upload)  # fmt: skip
        with gr.Column(scale=2):
            style = gr.Radio(list(STYLES), value="Pencil", label="Style of the example", visible=pairs)
            ready = gr.Button(f"Load {EXAMPLES[task]} generated faces")
            also = "and one more to try the model on" if pairs else "in clean light, and one more in shadow for step 3"
            gr.Markdown(also, elem_classes="aside")
    text = gr.Markdown(EMPTY)
    shown = gr.Image(format="png", interactive=False, visible=False, container=False, buttons=[])
    gr.Markdown("### 2 · Adapt", elem_classes="step")
    with gr.Row():
        kind = gr.Radio(list(ALIGN), value=CROP, label="Each image is a",
                        info="In a photo the face is found first, and only the face changes.")  # fmt: skip
        steps = gr.Slider(50, 1000, value=STEPS, step=50, label="Training steps", scale=2,
                          info="More take longer; the preset takes one to two minutes on two cores.")  # fmt: skip
    with gr.Row():
        start = gr.Button("Adapt", variant="primary", scale=4)
        stop = gr.Button("Stop", scale=1)
    told = gr.Markdown("Nothing is trained yet.", elem_classes="progress")
    gr.Markdown("### 3 · Try it on another image", elem_classes="step")
    with gr.Row():
        with gr.Column():
            photo = image_field("A new image", 420)
            framing = gr.Radio(list(ALIGN), value=CROP, label="This image is a")
            run = gr.Button("Make the new image", variant="primary")
            if pairs and (path := example_photo()):
                gr.Examples([[path, PHOTO]], [photo, framing], label="Or take this one",
                            example_labels=["A photo: astronaut Eileen Collins"],
                            api_name="stylization_example_photo")  # fmt: skip
        with gr.Column():
            pair = gr.ImageSlider(label="Before | after", interactive=False, height=420, max_height=420, format="png",
                                  buttons=["fullscreen"])  # fmt: skip
            with gr.Row():
                image_file = gr.DownloadButton("Download the image", interactive=False)
                model_file = gr.DownloadButton("Download the model", interactive=False)

    given = [photos, styled, example]
    gr.on([photos.change, styled.change], looks(task), given, [shown, text], api_name=f"{task}_show",
          show_progress_on=shown)  # fmt: skip
    ready.click(loads(task), style, [*given, shown, text, photo, kind, framing], api_name=f"{task}_example")
    kind.input(None, kind, framing, js="kind => kind")
    started = start.click(adapts(task), [*given, kind, steps], [model, told, model_file], api_name=f"{task}_adapt",
                          show_progress_on=told)  # fmt: skip
    stop_button(f"{task}_adapt", started, told, stop)
    run.click(make, [model, photo, framing], [pair, image_file], api_name=f"{task}_make", show_progress_on=pair)
