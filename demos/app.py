"""The page: see facekit find faces, then label a few pictures and get a model of your own.

Run it with `python -m demos.app`, then open the address that it prints. It calls only facekit's public names.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

import facekit
from facekit.data.generated import GeneratedFaces
from facekit.images import ImageError, load_image
from facekit.labels import (
    FACEKIT_27,
    LANDMARKS_5,
    LANDMARKS_68,
    SegmentationSet,
    convert_landmarks,
    landmark_set,
    segmentation_map,
    segmentation_set,
)
from facekit.results import Faces, Landmarks, Segmentation

POINTS, PARTS = "Points", "Parts"
READY = {"Landmarks": "landmarks", "Parts": "segmentation"}
POINT_NAMES = ", ".join(LANDMARKS_5.points)
PART_NAMES = "skin, brows, eyes, nose, mouth, hair"
MOST_PICTURES, MOST_PARTS = 100, 6
EXAMPLE_FACES = 6
SIDE = 640  # pictures are labelled at this longest side: large enough to aim, small enough to travel at every click

CSS = """
.gradio-container {max-width: 1180px !important; margin: 0 auto !important}
#title h1 {font-size: 2.3rem; letter-spacing: -.03em; margin-bottom: 0}
#title p {font-size: 1.08rem; opacity: .75; margin-top: .2rem}
.step h3 {margin-bottom: 0}
.chip {display: inline-block; padding: .15rem .7rem; margin: .12rem; border-radius: 1rem; color: #fff; font-weight: 600;
       font-size: .85rem; text-shadow: 0 1px 2px #000a}
#click img {cursor: crosshair}
"""


@dataclass
class Sheet:
    """One visitor's pictures (H,W,3) and what is labelled so far: clicked points (x,y) and painted ids (H,W)."""

    pictures: list[np.ndarray] = field(default_factory=list)
    points: list[list[tuple[float, float]]] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    at: int = 0

    def add(self, picture: np.ndarray, points: Any = (), mask: np.ndarray | None = None) -> None:
        """One more picture, brought to the labelling size, with labels in its own pixels."""
        height, width = picture.shape[:2]
        scale = SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        self.pictures.append(np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)))
        # Pixel centres are whole numbers, so scaling goes about the corner at (-0.5, -0.5).
        ratio = size[0] / width, size[1] / height
        self.points.append([((x + 0.5) * ratio[0] - 0.5, (y + 0.5) * ratio[1] - 0.5) for x, y in points])
        mask = np.zeros((height, width), np.uint8) if mask is None else mask
        self.masks.append(np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)))


def names_in(text: str) -> list[str]:
    """The names of a comma-separated list, spaces trimmed; ValueError where there is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ValueError("no names came: write them with commas between them, for example: left eye, right eye, nose")
    return names


def parts_in(text: str) -> SegmentationSet:
    """The set of parts that a visitor paints, background first; ValueError for more than the palette holds."""
    names = names_in(text)
    if len(names) > MOST_PARTS:
        raise ValueError(f"{len(names)} parts came: paint up to {MOST_PARTS}, the rest is background")
    return segmentation_set(["background", *names])


def layer_of(mask: np.ndarray, parts: SegmentationSet) -> np.ndarray:
    """A painted layer (H,W,4) uint8 that shows a mask (H,W): the palette's colours, background transparent."""
    colours = np.zeros((256, 4), np.uint8)
    for i, colour in enumerate(parts.palette[1:], start=1):
        colours[i] = (*colour, 255)
    return colours[mask]


def mask_of(layers: list[np.ndarray], parts: SegmentationSet, size: tuple[int, int]) -> np.ndarray:
    """Class ids (H,W) uint8 of painted layers (H,W,4): the nearest palette colour, 0 where paint covers less than half."""
    mask = np.zeros(size, np.uint8)
    palette = np.array(parts.palette[1:], np.int32)
    for layer in layers:
        if layer.shape[:2] != size:
            layer = np.array(Image.fromarray(layer).resize(size[::-1], Image.Resampling.NEAREST))
        painted = layer[..., 3] > 127
        distance = ((layer[painted][:, None, :3].astype(np.int32) - palette) ** 2).sum(-1)
        mask[painted] = distance.argmin(1) + 1
    return mask


def example_faces() -> tuple[Sheet, np.ndarray]:
    """Six generated faces with five points and six parts each, and a seventh picture to try the model on."""
    faces = GeneratedFaces(seed=11, size=320, yaw=(-20, 20), pitch=(-10, 10), roll=(-10, 10))
    batch = faces.batch(range(EXAMPLE_FACES + 1))
    table = segmentation_map(FACEKIT_27, parts_in(PART_NAMES))
    table[table == 255] = 0
    pictures = batch["image"].permute(0, 2, 3, 1).contiguous().numpy()
    points = convert_landmarks(batch["landmarks68"].numpy(), LANDMARKS_68, LANDMARKS_5)
    sheet = Sheet()
    for picture, own, mask in zip(pictures[:-1], points, batch["mask"].numpy(), strict=False):
        sheet.add(picture, own.tolist(), table[mask])
    return sheet, pictures[-1]


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
        except ValueError as error:
            raise gr.Error(str(error), title="That did not work", print_exception=False) from error

    return wrapper


def drawn(result: Any) -> np.ndarray:
    """A result on its picture, with the colours named where it has parts."""
    parts = isinstance(result, Segmentation) or (isinstance(result, Faces) and any(hasattr(r, "mask") for r in result))
    return result.draw(legend=True) if parts else result.draw()


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
    """What the labelling room shows now: clicking picture, painting editor, what to do next, the parts' colours."""
    parts, names = parts_in(part_text), names_in(point_text)
    clicking = kind == POINTS
    chips = "".join(
        f'<span class="chip" style="background: rgb{colour}">{name.replace("<", "")}</span>'
        for name, colour in list(zip(parts.classes, parts.palette, strict=True))[1:]
    )
    brush = gr.Brush(default_size=24, colors=["#%02x%02x%02x" % colour for colour in parts.palette[1:]],
                     default_color="#%02x%02x%02x" % parts.palette[1], color_mode="fixed")  # fmt: skip
    chips_shown = gr.HTML(f"Brush colours: {chips}", visible=not clicking)
    if not sheet.pictures:
        return sheet, gr.Image(None, visible=clicking), gr.ImageEditor(None, visible=not clicking, brush=brush), (
            "Choose your pictures in step 1, or load the example."), chips_shown  # fmt: skip
    picture, where = sheet.pictures[sheet.at], f"**Picture {sheet.at + 1} of {len(sheet.pictures)}**"
    if not clicking:
        layers = [layer_of(sheet.masks[sheet.at], parts)] if sheet.masks[sheet.at].any() else []
        value = {"background": picture, "layers": layers, "composite": None}
        text = f"{where} · Paint the parts. What stays unpainted is background."
        return sheet, gr.Image(None, visible=False), gr.ImageEditor(value, visible=True, brush=brush), text, chips_shown
    points = np.full((len(names), 2), np.nan, np.float32)
    clicked = sheet.points[sheet.at][: len(names)]
    points[: len(clicked)] = np.array(clicked, np.float32).reshape(-1, 2)
    shown = Landmarks(points, np.ones(len(names)), landmark_set(names), picture).draw()
    left = f"Click: **{names[len(clicked)].replace('_', ' ')}**" if len(clicked) < len(names) else "All points are set"
    text = f"{where} · {left} · {len(clicked)} of {len(names)} points"
    return sheet, gr.Image(shown, visible=True), gr.ImageEditor(None, visible=False, brush=brush), text, chips_shown


def keep(sheet: Sheet, editor: dict[str, Any] | None, part_text: str) -> None:
    """What is on the editor goes into the sheet; nothing where the editor is not in use."""
    if sheet.pictures and editor and editor.get("background") is not None:
        size = sheet.pictures[sheet.at].shape[:2]
        sheet.masks[sheet.at] = mask_of(editor["layers"], parts_in(part_text), size)


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


def change(action: str) -> Callable[..., tuple[Any, ...]]:
    """The handler of one button (or of a changed choice: "show"), which first keeps what was painted."""

    @explained
    def handler(sheet: Sheet, editor: Any, kind: str, point_text: str, part_text: str) -> tuple[Any, ...]:
        keep(sheet, editor, part_text)
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
    keep(sheet, editor, part_text)
    names = names_in(point_text)
    done = [len(p) >= len(names) if kind == POINTS else bool(m.any())
            for p, m in zip(sheet.points, sheet.masks, strict=True)]  # fmt: skip
    if not any(done):
        raise ValueError("no picture is labelled yet: label at least one in step 2, or load the example in step 1")
    if not all(done):
        gr.Warning(f"{done.count(False)} of {len(done)} pictures are not fully labelled and were left out.")
    chosen = [i for i, labelled in enumerate(done) if labelled]
    labels: Any = [sheet.masks[i] for i in chosen]
    if kind == POINTS:
        labels = np.array([sheet.points[i][: len(names)] for i in chosen], np.float32)

    def tell(done: int, total: int, losses: dict[str, float]) -> None:
        bar((done, total), desc=", ".join(f"{name} {value:.3f}" for name, value in losses.items()), unit="steps")

    pictures = [sheet.pictures[i] for i in chosen]
    task, own = ("landmarks", names) if kind == POINTS else ("segmentation", parts_in(part_text).classes)
    model = facekit.adapt(pictures, labels, task=task, backbone="fsma", names=list(own), steps=int(steps), progress=tell)
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
