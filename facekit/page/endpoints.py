"""The functions that programs can call over HTTP. They return JSON with coordinates and names, or files.

All other functions of the page serve its own fields and are hidden. The page's link "Use via API" lists these with
examples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

import facekit

from ..labels import AttributeSet, LandmarkSet
from ..model import READY, load, ready_model
from .components import NO_IMAGE, show_errors
from .limits import read_photo
from .photo_analysis import Analysis, analyse, numbers
from .photo_files import write_photo
from .text_matching import SENTENCES, sentences_in
from .uploads import ImageFile


def photo_at(path: str | None) -> np.ndarray:
    """Read the image of a call, RGB (H, W, 3) uint8. Raises ValueError without an image."""
    if path is None:
        raise ValueError(NO_IMAGE)
    return read_photo(path)


def ready_result(name: str, path: str | None) -> Any:
    """Return the result of a ready model on all faces of an image."""
    return facekit.predict(name, photo_at(path))


def whole_analysis(path: str | None) -> Analysis:
    """Return the results of all ready models on an image."""
    return analyse(Path(path or "").name, photo_at(path))


@show_errors
def models() -> list[dict[str, Any]]:
    """List the ready models: name, task, and the names of the points, classes or attributes."""
    listing = []
    for name in READY:
        task = ready_model(name).task
        labels = task.labels
        if isinstance(labels, LandmarkSet):
            names = labels.points
        elif isinstance(labels, AttributeSet):
            names = labels.names
        else:
            names = labels.classes if labels else ()
        listing.append({"name": name, "task": task.name, "names": list(names)})
    return listing


@show_errors
def find_faces(path: str | None) -> dict[str, Any]:
    """Find faces: box (x0, y0, x1, y1), roll in degrees, score and five points of each, best first."""
    image = photo_at(path)
    return {"size": list(image.shape[:2]), "faces": [vars(face) for face in facekit.find_faces(image)]}


@show_errors
def landmarks(path: str | None) -> dict[str, Any]:
    """Find 68 landmarks per face: (x, y) in pixels, names, scores."""
    return ready_result("landmarks", path).to_dict()


@show_errors
def segmentation(path: str | None) -> dict[str, Any]:
    """Segment faces into parts: names and colours of the classes, mask as runs."""
    return ready_result("segmentation", path).to_dict()


@show_errors
def attributes(path: str | None) -> dict[str, Any]:
    """Compute the probabilities of 40 attributes per face."""
    return ready_result("attributes", path).to_dict()


@show_errors
def sketch(path: str | None) -> np.ndarray:
    """Draw the faces of a photo as a sketch."""
    return ready_result("sketch", path).draw()


@show_errors
def remove_shadows(path: str | None) -> np.ndarray:
    """Remove cast shadows from the faces of a photo."""
    return ready_result("shadow-removal", path).draw()


@show_errors
def analyse_json(path: str | None) -> dict[str, Any]:
    """Run the models for points, attributes and parts: one JSON object. Faces are ordered from left to right."""
    return numbers(whole_analysis(path))


@show_errors
def analyse_zip(path: str | None) -> str:
    """Run all ready models: one zip file of PNG, JSON and CSV."""
    return str(write_photo(whole_analysis(path)))


@show_errors
def match(path: str | None, text: str) -> dict[str, float]:
    """Match sentences, one per line, with the best face of a photo: the probability of each."""
    sentences = sentences_in(text)
    return dict(zip(sentences, facekit.match(photo_at(path), sentences, align="mean").tolist(), strict=True))


@show_errors
def explain(path: str | None, sentence: str) -> np.ndarray:
    """Draw where the best face of a photo matches a sentence."""
    return facekit.explain(photo_at(path), sentences_in(sentence, least=1)[0], align="mean").draw()


@show_errors
def predict_own(file: str | None, path: str | None) -> dict[str, Any]:
    """Run your own .facekit file on an image: JSON as of landmarks, parts or attributes."""
    if file is None:
        raise ValueError("expected a .facekit file, got none; upload one first")
    return facekit.predict(load(file), photo_at(path)).to_dict()


ENDPOINTS = {
    function.__name__: function
    for function in (
        models,
        find_faces,
        landmarks,
        segmentation,
        attributes,
        sketch,
        remove_shadows,
        analyse_json,
        analyse_zip,
        match,
        explain,
        predict_own,
    )
}


def add_endpoints(page: gr.Blocks) -> None:
    """Add the functions to a page, in fields that are not shown, and hide all its other functions.

    Args:
        page: The page, while it is laid out.
    """
    for shown in page.fns.values():
        shown.api_visibility = "private"
    with gr.Column(visible=False):
        photo, model = ImageFile(type="filepath", label="image"), gr.File(label="model")
        text, sentence = gr.Textbox(SENTENCES, label="sentences"), gr.Textbox("a smiling woman", label="sentence")
        answer, drawing, archive = (
            gr.JSON(label="answer"),
            gr.Image(label="drawing", format="png"),
            gr.File(label="zip"),
        )
        call = gr.Button()
    inputs: dict[str, list[Any]] = {"models": [], "match": [photo, text], "explain": [photo, sentence]}
    inputs["predict_own"] = [model, photo]
    outputs = {"sketch": drawing, "remove_shadows": drawing, "explain": drawing, "analyse_zip": archive}
    for name, function in ENDPOINTS.items():
        call.click(function, inputs.get(name, [photo]), outputs.get(name, answer), api_name=name)
