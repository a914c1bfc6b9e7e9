"""The page: see facekit find faces, then label a few pictures and get a model of your own.

Run it with `python -m demos.app`, then open the address that it prints. It calls only facekit's public names.
"""

from __future__ import annotations

import functools
import html
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit
from demos.labelling import (
    MOST_PARTS,
    PART_NAMES,
    POINT_NAMES,
    SIDE,
    Sheet,
    example_faces,
    keep,
    layer_of,
    names_in,
    parts_in,
)
from facekit.images import ImageError, load_image
from facekit.labels import landmark_set
from facekit.results import Faces, Landmarks, Segmentation

POINTS, PARTS = "Points", "Parts"
READY = {"Landmarks": "landmarks", "Parts": "segmentation"}
MOST_PICTURES = 100
START = "Choose your pictures in step 1, or load the example."

CSS = """
.gradio-container {width: 100% !important; max-width: 1180px !important; margin: 0 auto !important}
#title h1 {font-size: 2.3rem; letter-spacing: -.03em; margin-bottom: 0}
#title p {font-size: 1.08rem; opacity: .75; margin-top: .2rem}
.step h3 {margin-bottom: 0}
.chip {display: inline-block; padding: .15rem .7rem; margin: .12rem; border-radius: 1rem; color: #fff; font-weight: 600;
       font-size: .85rem; text-shadow: 0 1px 2px #000a}
#click img {cursor: crosshair}
#progress {min-height: 4.5rem}
"""


def example_photo() -> str | None:
    """The photo that scikit-image ships, where that is installed."""
    spec = find_spec("skimage")
    photo = Path(spec.origin).parent / "data" / "astronaut.png" if spec and spec.origin else None
    return str(photo) if photo and photo.is_file() else None


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """facekit's errors about input become the page's messages."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (ValueError, OSError) as error:
            raise gr.Error(str(error), title="That did not work", print_exception=False) from error

    return wrapper


def drawn(result: Any) -> np.ndarray:
    """A result on its picture, with the colours named where it has parts."""
    return result.draw(legend=True) if isinstance(result, (Segmentation, Faces)) else result.draw()


@explained
def find(path: str | None, what: str) -> tuple[np.ndarray, str]:
    """One photo through a ready model -> the drawing and a sentence about it."""
    if path is None:
        raise ValueError("no picture came: upload one first")
    result = facekit.predict(READY[what], load_image(path))
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this picture.")
        return result.draw(), "**No face was found.** Try a picture where the face is larger, upright and well lit."
    found = len(result) if isinstance(result, Faces) else 1
    return drawn(result), f"**{found} {'face' if found == 1 else 'faces'}** found."


@explained
def view(sheet: Sheet, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """What the labelling room shows now: sheet, clicking picture, painting editor, what to do, the brush colours."""
    sheet.parts, names, clicking = parts_in(part_text), names_in(point_text), kind == POINTS
    colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in sheet.parts.palette[1:]]
    chips = "".join(
        f'<span class="chip" style="background: {colour}">{html.escape(name)}</span>'
        for name, colour in zip(sheet.parts.classes[1:], colours, strict=True)
    )
    shown, value, text = None, None, START
    if sheet.pictures:
        picture, text = sheet.pictures[sheet.at], f"**Picture {sheet.at + 1} of {len(sheet.pictures)}** · "
        if clicking:
            clicked = sheet.points[sheet.at][: len(names)]
            points = np.full((len(names), 2), np.nan, np.float32)
            points[: len(clicked)] = np.array(clicked, np.float32).reshape(-1, 2)
            shown = Landmarks(points, np.ones(len(names)), landmark_set(names), picture).draw()
            text += "all points are set" if len(clicked) == len(names) else f"click the **{names[len(clicked)]}**"
            text = text.replace("_", " ") + f" · {len(clicked)} of {len(names)} points"
        else:
            value = {"background": picture, "layers": [layer_of(sheet.masks[sheet.at], sheet.parts)], "composite": None}
            text += "paint the parts; what stays unpainted is background"
    brush = gr.Brush(default_size=24, colors=list(colours), default_color=colours[0], color_mode="fixed")
    return (
        sheet,
        gr.Image(shown, visible=clicking),
        gr.ImageEditor(value, visible=not clicking, brush=brush),
        text,
        gr.HTML(f"Brush colours: {chips}", visible=not clicking),
    )


@explained
def choose(files: list[str] | None, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
    """Uploaded files become a new sheet; unreadable ones are named and left out."""
    if len(files or []) > MOST_PICTURES:
        raise ValueError(f"{len(files or [])} pictures came: label up to {MOST_PICTURES} here")
    sheet = Sheet()
    for file in files or []:
        try:
            sheet.add(load_image(file))
        except ImageError as error:
            gr.Warning(str(error), title="Left out")
    return view(sheet, kind, point_text, part_text)


@explained
def load_example(kind: str) -> tuple[Any, ...]:
    """The six labelled faces, the names that they use, and a seventh for the trial."""
    sheet, another = example_faces()
    return *view(sheet, kind, POINT_NAMES, PART_NAMES), POINT_NAMES, PART_NAMES, Image.fromarray(another)


@explained
def click(sheet: Sheet, kind: str, point_text: str, part_text: str, place: gr.SelectData) -> tuple[Any, ...]:
    """One click sets the next point."""
    if sheet.pictures:
        if len(sheet.points[sheet.at]) >= len(names_in(point_text)):
            gr.Info("All points of this picture are set: go to the next one, or undo.")
        else:
            sheet.points[sheet.at].append((float(place.index[0]), float(place.index[1])))
    return view(sheet, kind, point_text, part_text)


def fields(kind: str) -> tuple[Any, ...]:
    """Point names and undo for clicking, part names for painting (the editor has its own undo)."""
    return gr.Textbox(visible=kind == POINTS), gr.Textbox(visible=kind == PARTS), gr.Button(visible=kind == POINTS)


def change(action: str) -> Callable[..., tuple[Any, ...]]:
    """The handler of one button (or of a changed choice: "show"), which first keeps what was painted."""

    @explained
    def handler(sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
        keep(sheet, editor)
        if sheet.pictures:
            if action in ("next", "previous"):
                sheet.at = (sheet.at + (1 if action == "next" else -1)) % len(sheet.pictures)
            elif action == "undo":
                sheet.points[sheet.at] = sheet.points[sheet.at][:-1]
            elif action == "clear":
                sheet.points[sheet.at], sheet.masks[sheet.at] = [], np.zeros_like(sheet.masks[sheet.at])
        return view(sheet, kind, point_text, part_text)

    return handler


@explained
def adapt(sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str, steps: int,
          bar: gr.Progress = gr.Progress()) -> tuple[Any, ...]:  # noqa: B008 - how gradio finds it  # fmt: skip
    """The labelled pictures become a model, its file, and a few of its own pictures as it sees them now."""
    keep(sheet, editor)
    names = names_in(point_text)
    chosen = [i for i in range(len(sheet.pictures))
              if (len(sheet.points[i]) >= len(names) if kind == POINTS else sheet.masks[i].any())]  # fmt: skip
    if not chosen:
        raise ValueError("no picture is labelled yet: label at least one in step 2, or load the example in step 1")
    if len(chosen) < len(sheet.pictures):
        gr.Warning(f"{len(sheet.pictures) - len(chosen)} pictures are not fully labelled and were left out.")
    labels: Any = [sheet.masks[i] for i in chosen]
    if kind == POINTS:
        labels = np.array([sheet.points[i][: len(names)] for i in chosen], np.float32)

    def tell(done: int, total: int, losses: dict[str, float]) -> None:
        bar((done, total), desc=", ".join(f"{name} {value:.3f}" for name, value in losses.items()), unit="steps")

    bar(0.0, desc="Preparing the pictures")
    pictures = [sheet.pictures[i] for i in chosen]
    align = "box" if all(facekit.find_faces(picture) for picture in pictures) else "none"
    if align == "none":
        gr.Warning("Not every picture shows a face that can be found, so pictures are used whole, as face crops.")
    task, own = ("landmarks", names) if kind == POINTS else ("segmentation", list(parts_in(part_text).classes))
    model = facekit.adapt(pictures, labels, task=task, names=own, align=align, steps=int(steps), progress=tell)
    target = Path(tempfile.mkdtemp(prefix="facekit-page-")) / "mine.facekit"
    model.save(target)
    text = f"**Done:** your model learned from {len(pictures)} pictures. Try it in step 4."
    seen = [drawn(facekit.predict(model, picture)) for picture in pictures[:3]]
    return model, text, gr.DownloadButton(value=str(target), interactive=True), gr.Gallery(seen, visible=True)


@explained
def use(model: Any, path: str | None) -> np.ndarray:
    """A new picture through the visitor's own model -> the drawing."""
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 3 first")
    if path is None:
        raise ValueError("no picture came: upload one first")
    result = facekit.predict(model, load_image(path))
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this picture.")
    return drawn(result)


def build() -> gr.Blocks:
    """The page. Theme and CSS belong to launch(), see main()."""
    with gr.Blocks(title="facekit", analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        gr.Markdown("# facekit\nLabel a few faces, get your own face model, see it work.", elem_id="title")
        with gr.Tab("Try it"):
            _try_it()
        with gr.Tab("Your own model"):
            _your_own()
    return page


def _photo(label: str, height: int) -> gr.Image:
    sources = ["upload", "webcam", "clipboard"]
    return gr.Image(type="filepath", format="png", label=label, sources=sources, height=height)


def _try_it() -> None:
    with gr.Row():
        with gr.Column():
            photo = _photo("Your photo", 400)
            what = gr.Radio(list(READY), value="Landmarks", label="What to find")
            go = gr.Button("Find faces", variant="primary")
            if example := example_photo():
                gr.Examples([[example]], [photo], label="Or take this one", api_name="example_photo")
        with gr.Column():
            shown = gr.Image(format="png", label="Result", interactive=False, height=520,
                             buttons=["download", "fullscreen"])  # fmt: skip
            text = gr.Markdown()
    gr.on([go.click, what.input], find, [photo, what], [shown, text], api_name="find")


def _your_own() -> None:
    sheet, model = gr.State(Sheet()), gr.State()
    gr.Markdown("### 1 · Choose a few pictures, one face each", elem_classes="step")
    with gr.Row():
        files = gr.File(file_count="multiple", file_types=["image"], label="Pictures", height=190)
        with gr.Column():
            kind = gr.Radio([POINTS, PARTS], value=POINTS, label="What do you want to label?")
            point_text = gr.Textbox(POINT_NAMES, label="Names of the points, in the order of your clicks")
            part_text = gr.Textbox(PART_NAMES, label=f"Names of the parts, up to {MOST_PARTS}", visible=False)
            ready = gr.Button("Load the example: 6 generated faces, labelled")
    gr.Markdown("### 2 · Label them", elem_classes="step")
    where = gr.Markdown(START)
    chips = gr.HTML(visible=False)
    picture = gr.Image(format="jpeg", label="Click the points", interactive=False, height=560, elem_id="click",
                       buttons=[])  # fmt: skip
    editor = gr.ImageEditor(format="png", label="Paint the parts", sources=(), transforms=(), layers=False,
                            visible=False, height=660, canvas_size=(SIDE, SIDE))  # fmt: skip
    with gr.Row():
        buttons = {name: gr.Button(name.capitalize()) for name in ("previous", "undo", "clear", "next")}
    gr.Markdown("### 3 · Adapt", elem_classes="step")
    steps = gr.Slider(50, 1000, value=200, step=50, label="Training steps",
                      info="More take longer; for a handful of pictures 100 to 200 are enough.")  # fmt: skip
    start = gr.Button("Adapt", variant="primary")
    text = gr.Markdown("Nothing is trained yet.", elem_id="progress")
    seen = gr.Gallery(label="Your pictures, as your model sees them", columns=3, height=340, format="png",
                      object_fit="contain", visible=False)  # fmt: skip
    gr.Markdown("### 4 · Use your model", elem_classes="step")
    with gr.Row():
        with gr.Column():
            photo = _photo("A new picture", 360)
            run = gr.Button("Predict", variant="primary")
        with gr.Column():
            result = gr.Image(format="png", label="Your model's result", interactive=False, height=360,
                              buttons=["download", "fullscreen"])  # fmt: skip
            file = gr.DownloadButton("Download the model (.facekit)", interactive=False)

    asked, room = [kind, point_text, part_text], [sheet, picture, editor, where, chips]
    painted = [sheet, editor, *asked]
    files.upload(choose, [files, *asked], room, api_name="choose")
    ready.click(load_example, kind, [*room, point_text, part_text, photo], api_name="load_example")
    kind.input(fields, kind, [point_text, part_text, buttons["undo"]], api_name="fields")
    shows = [kind.input, point_text.submit, point_text.blur, part_text.submit, part_text.blur]
    gr.on(shows, change("show"), painted, room, api_name="show")
    picture.select(click, [sheet, *asked], room, api_name="click", show_progress="hidden")
    for name, button in buttons.items():
        button.click(change(name), painted, room, api_name=name, show_progress="hidden")
    start.click(adapt, [*painted, steps], [model, text, file, seen], api_name="adapt", show_progress_on=text)
    run.click(use, [model, photo], result, api_name="use")


def main() -> None:
    """Opens the page on this machine; GRADIO_SERVER_NAME and GRADIO_SERVER_PORT move it."""
    theme = gr.themes.Soft(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"])
    build().launch(theme=theme, css=CSS, max_file_size="25mb", footer_links=["api"])


if __name__ == "__main__":
    main()
