"""The tab "Style and shadows": train a model that draws faces in another style, or removes cast shadows."""

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
from ..results.faces import Faces
from .components import CROP, MOST_IMAGES, NO_IMAGE, PHOTO, show_errors
from .limits import check_pixels, read_photo
from .sessions import new_file, progress_reporter
from .training_events import connect_training, training_buttons
from .uploads import example_field, image_field

STYLE, SHADOWS = "stylization", "shadow_removal"
STYLES = {"Pencil": "pencil", "Comic": "comic"}
ALIGN = {CROP: "none", PHOTO: "box"}
STEPS = 400
EXAMPLES = {STYLE: 12, SHADOWS: 24}  # generated faces
SIDE = 256  # side of generated images, px
UNSEEN = 1_005  # index of the generated face that the model is tested on
SHADOW_SEED = 1  # seed of the shadow on that face
LARGEST = 1024  # longest side of the before/after images, px; the download has the full size
# The images of step 1 are shown as thumbnails: number per row, number of rows, side and gap in px.
ACROSS, ROWS, TILE, GAP = 8, 3, 160, 12
NO_IMAGES = "Choose your images, or load the example."

# Training images and their targets (None for shadow removal): uploaded files, or arrays of the example.
TrainingImages = tuple[list[Any], list[Any] | None]


def training_images(
    task: str, images: list[str] | None, targets: list[str] | None, example: TrainingImages | None
) -> TrainingImages:
    """Return the images to train on: the uploaded files if there are any, else the example.

    Args:
        task: STYLE or SHADOWS.
        images: Uploaded images.
        targets: Uploaded images in the new style. Not used for SHADOWS.
        example: The example, if it was loaded.

    Returns:
        Images and targets. Both are empty if there is nothing to train on.
    """
    if images or targets or example is None:
        return images or [], (targets or []) if task == STYLE else None
    return example


def show_handler(task: str) -> Callable[..., tuple[Any, ...]]:
    """Create the handler that shows the training images, with pairs side by side, and their number.

    Args:
        task: STYLE or SHADOWS.

    Returns:
        A handler that returns the image of thumbnails and a sentence.
    """

    @show_errors
    def handler(images: Any, targets: Any, example: TrainingImages | None) -> tuple[Any, ...]:
        images, targets = training_images(task, images, targets, example)
        if targets is None:
            shown, text = list(images), f"**{len(images)} images without shadows**"
        else:
            shown = [image for pair in zip(images, targets, strict=False) for image in pair]
            text = f"**{len(images)} pairs**: check that each pair shows the same face"
            if len(images) != len(targets):
                text = f"**{len(images)} images and {len(targets)} in the new style**: every image needs one"
        sheet = thumbnails(shown[: ACROSS * ROWS], 1 if targets is None else 2) if shown else None
        return gr.Image(sheet, visible=bool(shown)), text if images or targets else NO_IMAGES

    return handler


def thumbnails(images: list[Any], group: int) -> Image.Image:
    """Draw images of any size as thumbnails in rows.

    Args:
        images: Files or arrays.
        group: Number of images without a gap between them.

    Returns:
        A transparent image. Its width does not depend on the number of images.
    """
    rows = -(-len(images) // ACROSS)
    sheet = Image.new("RGBA", (ACROSS * TILE + (ACROSS // group - 1) * GAP, rows * (TILE + GAP) - GAP))
    for i, source in enumerate(images):
        image = Image.fromarray(read_photo(source) if isinstance(source, str) else source)
        image.thumbnail((TILE, TILE))
        x, y = i % ACROSS * TILE + i % ACROSS // group * GAP, i // ACROSS * (TILE + GAP)
        sheet.paste(image, (x + (TILE - image.width) // 2, y + (TILE - image.height) // 2))
    return sheet


def example_images(task: str, style: str) -> tuple[TrainingImages, np.ndarray]:
    """Generate faces to train on, and an unseen face to test the model on.

    Args:
        task: STYLE or SHADOWS.
        style: A key of `STYLES`. Not used for SHADOWS.

    Returns:
        The training images, and the unseen face, RGB (SIDE, SIDE, 3) uint8; for SHADOWS with a cast shadow.
    """
    faces = GeneratedFaces(seed=17, size=SIDE, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10))
    want = ("shadow_free", "mask", *([STYLES[style]] if task == STYLE else []))
    batch = faces.batch([*range(EXAMPLES[task]), UNSEEN], want=want)
    images = _arrays(batch["shadow_free"])
    if task == STYLE:
        return (images[:-1], _arrays(batch[STYLES[style]])[:-1]), images[-1]
    clean, person = batch["shadow_free"][-1:] / 255, (batch["mask"][-1:] > 0)[:, None].float()
    shadowed = cast_shadows(clean, torch.Generator().manual_seed(SHADOW_SEED), person)
    return (images[:-1], None), _arrays((255 * shadowed).round().to(torch.uint8))[0]


def _arrays(batch: torch.Tensor) -> list[np.ndarray]:
    """Convert images (N, 3, H, W) to N arrays (H, W, 3)."""
    return list(batch.permute(0, 2, 3, 1).contiguous().numpy())


def example_handler(task: str) -> Callable[..., tuple[Any, ...]]:
    """Create the handler that loads the example in place of uploaded images.

    Args:
        task: STYLE or SHADOWS.

    Returns:
        A handler that returns two empty uploads, the example, its thumbnails, a sentence, the unseen face, and the
        kind of image twice.
    """

    @show_errors
    def handler(style: str) -> tuple[Any, ...]:
        example, test_face = example_images(task, style)
        shown = show_handler(task)(None, None, example)
        return None, None, example, *shown, Image.fromarray(test_face), CROP, CROP

    return handler


def check_handler(task: str) -> Callable[..., None]:
    """Create the handler that checks the images before the training waits in the queue.

    Args:
        task: STYLE or SHADOWS.

    Returns:
        A handler that raises an error if the images cannot be used.
    """

    @show_errors
    def handler(images: Any, targets: Any, example: TrainingImages | None, kind: str, steps: int) -> None:
        images, targets = training_images(task, images, targets, example)
        if not images and not targets:
            raise ValueError("expected images, got none; choose them in step 1, or load the example")
        if len(images) > MOST_IMAGES:
            raise ValueError(f"expected at most {MOST_IMAGES} images, got {len(images)}; choose fewer")
        if targets is not None and len(targets) != len(images):
            raise ValueError(
                f"expected one image in the new style for each of {len(images)} images, got {len(targets)}; add or "
                "remove images in step 1"
            )
        for file in [*images, *(targets or [])]:
            if isinstance(file, str):
                check_pixels(file)

    return handler


def adapt_handler(task: str) -> Callable[..., tuple[Any, ...]]:
    """Create the handler that trains a model on the images.

    Args:
        task: STYLE or SHADOWS.

    Returns:
        A handler that returns the model, a sentence, and the file of the model.
    """

    @show_errors
    def handler(
        images: Any,
        targets: Any,
        example: TrainingImages | None,
        kind: str,
        steps: int,
        bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
    ) -> tuple[Any, ...]:
        check_handler(task)(images, targets, example, kind, steps)
        images, targets = training_images(task, images, targets, example)
        bar(0.0, desc="Preparing the images")
        progress = progress_reporter(bar, f"{task}_adapt")
        model = facekit.adapt(images, targets, task, align=ALIGN[kind], steps=int(steps), progress=progress)
        model.save(target := new_file(f"{task}.facekit"))
        text = f"**Done:** your model was trained on {len(images)} images. Try it in step 3."
        return model, text, gr.DownloadButton(value=str(target), interactive=True)

    return handler


@show_errors
def make_image(model: Any, path: str | None, kind: str) -> tuple[Any, ...]:
    """Run the visitor's model on a new image.

    Args:
        model: The model, or None.
        path: The image file, or None.
        kind: CROP or PHOTO.

    Returns:
        The images before and after, RGB (H, W, 3) uint8 of equal shape, and the file of the second one in full size.
    """
    if model is None:
        raise ValueError("expected a model of your own, got none; press Adapt in step 2 first")
    if path is None:
        raise ValueError(NO_IMAGE)
    result = facekit.predict(model, read_photo(path), align=ALIGN[kind])
    if isinstance(result, Faces) and not result:
        gr.Warning(f"No face was found in this image. If one face fills the image, choose {CROP!r}.")
    drawn = Image.fromarray(result.draw())
    drawn.save(target := new_file("new-image.png"))
    before, after = Image.fromarray(result.image), drawn.copy()
    for image in (before, after):
        image.thumbnail((LARGEST, LARGEST))
    pair = (np.array(before), np.array(after))
    return pair, gr.DownloadButton(value=str(target), interactive=True)


def images_tab() -> None:
    """Lay out the tab. The two tasks have separate images, models and results."""
    with gr.Tab("Another style"):
        gr.Markdown(
            "Choose a few images, and the same faces in another style in the same order. The model then draws other "
            "faces in this style."
        )
        _task_part(STYLE)
    with gr.Tab("Remove shadows"):
        gr.Markdown(
            "Choose a few images of faces without cast shadows. Training adds shadows to them, and the model learns to "
            "remove them. It then removes the shadow of a hand, a hat or a tree from other faces."
        )
        _task_part(SHADOWS)


def _task_part(task: str) -> None:
    """Lay out one task: images, training, test."""
    example, model = gr.State(), gr.State()
    gr.Markdown("## 1 · Choose a few images, one face each", elem_classes="step")
    images, targets, style, load, text, shown = _image_fields(task)
    gr.Markdown("## 2 · Adapt", elem_classes="step")
    with gr.Row():
        info = "In a photo the face is found first. Only the face is changed."
        kind = gr.Radio(list(ALIGN), value=CROP, label="Each image is a", min_width=240, info=info)
        info = f"More steps take longer. {STEPS} steps take one to two minutes on two cores."
        steps = gr.Slider(50, 1000, value=STEPS, step=50, label="Training steps", scale=2, min_width=240, info=info)
    buttons = training_buttons()
    gr.Markdown("## 3 · Use your model", elem_classes="step")
    photo, photo_kind, run, pair, image_file, model_file = _test_fields(task)

    chosen = [images, targets, example]
    gr.on(
        [images.change, targets.change],
        show_handler(task),
        chosen,
        [shown, text],
        api_name=f"{task}_show",
        show_progress_on=shown,
    )
    outputs = [*chosen, shown, text, photo, kind, photo_kind]
    load.click(example_handler(task), style, outputs, api_name=f"{task}_example")
    # An image is usually of the same kind as the training images.
    kind.input(None, kind, photo_kind, js="kind => kind")
    handlers = check_handler(task), adapt_handler(task)
    connect_training(f"{task}_adapt", buttons, *handlers, [*chosen, kind, steps], [model, buttons[-1], model_file])
    run.click(
        make_image, [model, photo, photo_kind], [pair, image_file], api_name=f"{task}_make", show_progress_on=pair
    )


def _image_fields(task: str) -> tuple[gr.File, gr.File, gr.Radio, gr.Button, gr.Markdown, gr.Image]:
    """Lay out step 1: images, targets, style and button of the example; a text and the chosen images."""
    pairs = task == STYLE
    upload: dict[str, Any] = {"file_count": "multiple", "height": 190, "min_width": 240}
    with gr.Row():
        label = "Images" if pairs else "Images without shadows"
        images = gr.File(label=label, allow_reordering=pairs, scale=3, **upload)
        label = "The same in the new style"
        targets = gr.File(label=label, allow_reordering=True, visible=pairs, scale=3, **upload)
        with gr.Column(scale=2, min_width=240):
            style = gr.Radio(list(STYLES), value="Pencil", label="Style of the example", visible=pairs)
            load = gr.Button(f"Load the example: {EXAMPLES[task]} generated faces")
            note = "The example has one more face" + (
                ", to test the model on." if pairs else " with a shadow, for step 3."
            )
            gr.Markdown(note, elem_classes="aside")
    text = gr.Markdown(NO_IMAGES)
    shown = gr.Image(format="png", interactive=False, visible=False, container=False, buttons=[])
    return images, targets, style, load, text, shown


def _test_fields(
    task: str,
) -> tuple[gr.Image, gr.Radio, gr.Button, gr.ImageSlider, gr.DownloadButton, gr.DownloadButton]:
    """Lay out step 3: a new image, its kind and a button; the result, its file and the model's file."""
    with gr.Row():
        with gr.Column():
            photo = image_field("A new image", 420)
            photo_kind = gr.Radio(list(ALIGN), value=CROP, label="This image is a")
            run = gr.Button("Make the new image", variant="primary")
            if task == STYLE:
                example_field(photo, photo_kind, "stylization_example_photo")
        with gr.Column():
            pair = gr.ImageSlider(
                label="Before | after",
                interactive=False,
                height=420,
                max_height=420,
                format="png",
                buttons=["fullscreen"],
            )
            with gr.Row():
                image_file = gr.DownloadButton("Download the image", interactive=False)
                model_file = gr.DownloadButton("Download the model", interactive=False)
    return photo, photo_kind, run, pair, image_file, model_file
