"""The tab "Parts from one face": a generator of faces learns parts from one to five painted images (PFTGAN)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import cv2
import gradio as gr
import numpy as np
import torch
from PIL import Image

import facekit

from ..backbones.pftgan.classifier_training import estimate_memory
from ..backbones.pftgan.config import QUICK, PFTGANAdaptation, named_recipe
from ..images.reader import load_image, to_tensor
from ..model import find_frames as frames_in
from ..results.faces import Faces
from . import own_model_tab as own_model
from .components import NO_PHOTO, drawn, example_photo, explained
from .image_tab import CROP, PHOTO
from .label_sheet import MOST_PARTS, PART_NAMES, POINT_NAMES, SIDE, Sheet, example_faces, keep, parts_in
from .own_model_tab import FETCH, PARTS, START, pack
from .sessions import new_file, stop_button, teller
from .uploads import PaintEditor, image_field

TUNED, AS_IT_IS = "Tune the generator (PFTGAN)", "Leave it as it is (DatasetGAN)"
RECIPES = {TUNED: "quick", AS_IT_IS: "datasetgan"}
# Framed as the generator's own images are.
ALIGN = {CROP: "none", PHOTO: "ffhq"}
MOST_PAINTED = 5
STEPS = QUICK["segmentation"].steps
UNLABELLED = 6  # example faces beside the painted one
EXAMPLE_SIDE, FRAMING = 256, 2.0  # px; margin around the face, against 1.6 of a close one
UNSURE = 0.35  # nats; two halves of the classifiers against each other have ln 2
TILE, MOST_FACES = 192, 3  # px and faces of the image that shows what the encoder sees
COLUMNS, ROWS, FACE = 6, 2, 128  # of the sheet of faces that do not exist
# Seconds on two cores: of a step of a stage, of 64 pixels by one classifier.
STAGE_TIME, PIXELS_TIME = 0.15, 1e-3
SMALL = (
    "The generator in the package is small: its images have 64 px, and it was trained on a CPU. What it cannot show "
    "it cannot tell apart, so look in step 3 at what it makes of your image. From Python, larger ones can be used: "
    "`facekit.adapt(..., backbone='pftgan', weights='ffhq.pkl', inversion='e4e_ffhq_encode.pt')`"
)
IDLE = "Nothing is trained yet."


@functools.cache
def generator() -> Any:
    """The embedded generator with its encoder."""
    return facekit.load_backbone("pftgan")


def for_painting(outcome: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of what the labelling part of "Your own model" shows all but the image for clicks and its index."""
    sheet, _, *rest, _ = outcome
    return (sheet, *rest)


def choose(files: list[str] | None, part_text: str) -> tuple[Any, ...]:
    """Uploaded files become a new sheet; unreadable ones are named and left out."""
    return for_painting(own_model.choose(files, PARTS, POINT_NAMES, part_text))


@explained
def load_example() -> tuple[Any, ...]:
    """A sheet whose first face is painted, the names of its parts, another image to try, and how they are framed."""
    sheet, another = example_faces(1 + UNLABELLED, EXAMPLE_SIDE, FRAMING)
    sheet.masks[1:] = [np.zeros_like(mask) for mask in sheet.masks[1:]]
    outputs = for_painting(own_model.view(sheet, PARTS, POINT_NAMES, PART_NAMES))
    return *outputs, PART_NAMES, Image.fromarray(another), PHOTO, PHOTO


def change(action: str) -> Callable[..., tuple[Any, ...]]:
    """The handler of one button (or of changed names: "show"), which first keeps what was painted."""
    handler = own_model.change(action)

    def painted(sheet: Sheet, editor: Any, part_text: str) -> tuple[Any, ...]:
        return for_painting(handler(sheet, editor, PARTS, POINT_NAMES, part_text))

    return painted


def settings_of(recipe: str, steps: int) -> dict[str, Any]:
    """The recipe's fields that this page sets."""
    return {"steps": int(steps)} if recipe == TUNED else {}


@explained
def cost(sheet: Sheet, part_text: str, recipe: str, steps: int) -> str:
    """What adapting to the images painted so far will take, at most: time on two cores, memory."""
    images, classes = max(1, len(sheet.labelled(None))), len(parts_in(part_text))
    chosen = named_recipe(RECIPES[recipe], "segmentation", True, images)
    assert isinstance(chosen, PFTGANAdaptation)
    backbone = generator()
    side = backbone.input_size
    with torch.no_grad():
        maps = backbone.features(torch.zeros(1, 3, side, side), chosen.reads_colours)
    views = chosen.views * images
    seconds = STAGE_TIME * int(steps) * len(chosen.stages)
    pixels = min(views * side**2, chosen.pixels or views * side**2)
    seconds += PIXELS_TIME * chosen.members * chosen.classifier_epochs * pixels / 64
    needed = estimate_memory(
        [x.shape[1] for x in maps], [x.shape[2] for x in maps], classes, side, images=views, members=chosen.members,
        pixels=chosen.pixels,
    )  # fmt: skip
    memory = min(needed.training, chosen.memory_limit) / 1e6
    count = "one painted image" if images == 1 else f"{images} painted images"
    return (
        f"With {count}: up to **{max(1, round(seconds / 60))} min** on two idle cores, longer on a busy machine, and "
        f"**{memory:,.0f} MB** of memory for the pixels' features."
    )


@explained
def adapt(sheet: Sheet, editor: Any, part_text: str, kind: str, recipe: str, steps: int,
          bar: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008 - how gradio finds it  # fmt: skip
    """The painted images become a model and its file; those without paint are its support images."""
    keep(sheet, editor)
    names = list(parts_in(part_text).classes)
    painted = sheet.labelled(None)
    if not painted:
        raise ValueError("no image is painted yet: paint at least one in step 1, or load the example")
    if len(painted) > MOST_PAINTED:
        raise ValueError(f"{len(painted)} images are painted: this tab learns from one to {MOST_PAINTED}")
    how = settings_of(recipe, steps)
    others = [image for i, image in enumerate(sheet.images) if i not in painted]
    if others and recipe == TUNED:
        how["support_images"] = others
    bar(0.0, desc="Looking for the codes of your images; the first step comes after that")
    model = facekit.adapt(
        [sheet.images[i] for i in painted], [sheet.masks[i] for i in painted], "segmentation", "pftgan",
        names=names, recipe=RECIPES[recipe], align=ALIGN[kind], progress=teller(bar, "one_shot_adapt"), **how,
    )  # fmt: skip
    model.save(target := new_file("parts.facekit"))
    learned = "one painted image" if len(painted) == 1 else f"{len(painted)} painted images"
    beside = f" and {len(others)} without paint" if "support_images" in how else ""
    text = f"**Done** in {model.about['seconds']:.0f} s: your model learned from {learned}{beside}. Try it in step 3."
    return model, text, gr.DownloadButton(value=str(target), interactive=True)


def heat(image: np.ndarray, nats: np.ndarray) -> np.ndarray:
    """An image (H,W,3) in grey under its uncertainty (H,W): yellow from `UNSURE` on, only grey where it is NaN."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    level = np.nan_to_num(nats / UNSURE).clip(0, 1)
    colours = cv2.applyColorMap((255 * level).round().astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    shown = 0.75 * colours + 0.25 * grey
    return np.where(np.isnan(nats)[..., None], grey, shown.round()).astype(np.uint8)


def seen(image: np.ndarray, align: str) -> np.ndarray | None:
    """Faces as they are cropped, and beside each what the generator shows by the encoder's code, or None."""
    backbone = generator()
    side = backbone.input_size
    framed = [frame.crop(image.shape[:2], side) for frame in frames_in(image, align, None)[:MOST_FACES]]
    if not framed:
        return None
    crops = to_tensor([crop.image(image) for crop in framed])
    with torch.no_grad():
        pairs = torch.cat([crops, backbone.reconstruct(crops)], 3)
    rows = [_large(pair, TILE) for pair in pairs]
    return np.concatenate(rows)


def _large(image: torch.Tensor, side: int) -> np.ndarray:
    """(3,h,w) in [0, 1] to (side,.,3) uint8."""
    pixels = (255 * image.permute(1, 2, 0)).round().to(torch.uint8).numpy()
    size = (round(side * pixels.shape[1] / pixels.shape[0]), side)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


@explained
def use(model: Any, path: str | None, kind: str) -> tuple[Any, ...]:
    """A new image: its parts, where the classifiers disagree, what the encoder sees, and a sentence about them."""
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 2 first")
    if path is None:
        raise ValueError(NO_PHOTO)
    image, align = load_image(path), ALIGN[kind]
    result = facekit.predict(model, image, align=align)
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
        text = f"**No face was found.** If one face fills the image, choose *{CROP}*."
        return image, None, None, text
    nats = np.asarray(facekit.uncertainty(model, image, align=align))
    text = (
        f"**Unsure**: where the classifiers disagree, in the mean by {np.nanmean(nats):.3f} nats and by "
        f"{np.nanmax(nats):.2f} at most; black is 0, yellow {UNSURE} and more. **Goes in | comes out**: the face, and "
        "what the generator shows by the code that the encoder finds for it. The parts are read off the second: what "
        "is missing there is missed."
    )
    return drawn(result), heat(image, nats), seen(image, align), text


@explained
def invent(seed: int | None, truncation: float) -> gr.Image:
    """A sheet of faces that the generator makes."""
    backbone = generator()
    draws = torch.Generator().manual_seed(int(seed or 0))
    z = torch.randn(COLUMNS * ROWS, backbone.generator.size.z_dim, generator=draws)
    with torch.no_grad():
        tiles = [_large(image, FACE) for image in backbone.generate(z, truncation)]
    rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
    return gr.Image(np.concatenate(rows), format="png", visible=True)


def parts_tab() -> None:
    """Paint, adapt, use; and faces that do not exist."""
    sheet, model = gr.State(Sheet()), gr.State()
    gr.Markdown("Paint the parts of one face. A generator that learned to make faces, from images without labels, "
                "finds these parts in others.")  # fmt: skip
    gr.Markdown("### 1 · Paint one image, or up to five", elem_classes="step")
    with gr.Row():
        files = gr.File(file_count="multiple", label="Images, one face each", height=190)
        with gr.Column():
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, up to {MOST_PARTS}")
            ready = gr.Button(f"Load the example: 1 painted face, {UNLABELLED} without paint")
            gr.Markdown("Images that you leave unpainted teach the generator to keep to such faces while it learns; "
                        "those whose parts you want to know are good ones.", elem_classes="aside")  # fmt: skip
    where = gr.Markdown(START)
    chips = gr.HTML(visible=False)
    editor = PaintEditor(format="png", label="Paint the parts", sources=(), transforms=(), layers=False, height=660,
                         canvas_size=(SIDE, SIDE))  # fmt: skip
    with gr.Row():
        buttons = {name: gr.Button(name.capitalize()) for name in ("previous", "clear", "next")}
        wanted = gr.Button("Download the labels")
    archive = gr.DownloadButton(visible="hidden")
    gr.Markdown("### 2 · Adapt", elem_classes="step")
    with gr.Row():
        kind = gr.Radio(list(ALIGN), value=PHOTO, label="Each image is a", min_width=240,
                        info="In a photo the face is found first, and turned upright.")  # fmt: skip
        recipe = gr.Radio(list(RECIPES), value=TUNED, label="What to do with the generator", min_width=240)
        steps = gr.Slider(20, 600, value=STEPS, step=20, label="Steps of each stage", min_width=240)
    estimate = gr.Markdown(elem_classes="aside")
    with gr.Row():
        start = gr.Button("Adapt", variant="primary", scale=4)
        stop = gr.Button("Stop", scale=1)
    told = gr.Markdown(IDLE, elem_classes="progress")
    gr.Markdown("### 3 · Try it on another image", elem_classes="step")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = image_field("A new image", 360)
            framing = gr.Radio(list(ALIGN), value=PHOTO, label="This image is a")
            run = gr.Button("Find the parts", variant="primary")
            if example := example_photo():
                gr.Examples([[example, PHOTO]], [photo, framing], label="Or take this one",
                            example_labels=["A photo: astronaut Eileen Collins"],
                            api_name="one_shot_example_photo")  # fmt: skip
        with gr.Column(scale=3, min_width=300):
            shown = gr.Image(format="png", label="Parts", interactive=False, height=360,
                             buttons=["download", "fullscreen"])  # fmt: skip
            with gr.Row():
                unsure = gr.Image(format="png", label="Unsure", interactive=False, height=270, min_width=240,
                                  buttons=["download", "fullscreen"])  # fmt: skip
                looked = gr.Image(format="png", label="Goes in | comes out", interactive=False, height=270,
                                  min_width=240, buttons=["fullscreen"])  # fmt: skip
            text = gr.Markdown(elem_classes="aside")
            file = gr.DownloadButton("Download the model (.facekit)", interactive=False)
    gr.Markdown(SMALL, elem_classes="aside")
    gr.Markdown("### Faces that do not exist", elem_classes="step")
    with gr.Row(elem_classes="level"):
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**32 - 1, scale=1)
        truncation = gr.Slider(0, 1, value=0.7, step=0.05, label="Variety", scale=2,
                               info="0 is the mean face alone; what is rare has more faults.")  # fmt: skip
        make = gr.Button("Make faces", scale=1)
    made = gr.Image(format="png", show_label=False, interactive=False, visible=False, height=260,
                    buttons=["download", "fullscreen"])  # fmt: skip

    outputs, painted = [sheet, editor, where, chips], [sheet, editor, part_text]
    files.upload(choose, [files, part_text], outputs, api_name="one_shot_choose")
    ready.click(load_example, None, [*outputs, part_text, photo, kind, framing], api_name="one_shot_example")
    gr.on([part_text.submit, part_text.blur], change("show"), painted, outputs, api_name="one_shot_show",
          show_progress="hidden")  # fmt: skip
    for name, button in buttons.items():
        button.click(change(name), painted, outputs, api_name=f"one_shot_{name}", **own_model.EVERY_PRESS)
    wanted.click(
        lambda sheet, editor, names: pack(sheet, editor, PARTS, POINT_NAMES, names), painted, archive,
        api_name="one_shot_labels",
    ).success(None, archive, js=FETCH)  # fmt: skip
    kind.input(None, kind, framing, js="kind => kind")
    recipe.input(lambda chosen: gr.Slider(visible=chosen == TUNED), recipe, steps, api_visibility="private")
    gr.on([where.change, recipe.input, steps.release, part_text.blur], cost, [sheet, part_text, recipe, steps],
          estimate, api_name="one_shot_cost", show_progress="hidden")  # fmt: skip
    started = start.click(adapt, [*painted, kind, recipe, steps], [model, told, file], api_name="one_shot_adapt",
                          show_progress_on=told)  # fmt: skip
    stop_button("one_shot_adapt", started, told, stop)
    run.click(use, [model, photo, framing], [shown, unsure, looked, text], api_name="one_shot_use",
              show_progress_on=shown)  # fmt: skip
    gr.on([make.click, truncation.release, seed.submit], invent, [seed, truncation], made, api_name="generated_faces")
