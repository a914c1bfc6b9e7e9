"""The results of the tab "One face, many parts": parts, uncertainty, and what the generator paints."""

from __future__ import annotations

from typing import Any

import cv2
import gradio as gr
import numpy as np
import torch

import facekit

from ..backbones.pftgan.network import PFTGANNetwork
from ..images.reader import to_tensor
from ..model import find_frames
from ..results.faces import Faces
from .components import CROP, NO_IMAGE, PHOTO, draw_result, show_errors
from .image_tiles import enlarged
from .limits import read_photo
from .parts_model import ALIGN, OneShotModel
from .uploads import example_field, image_field

# Uncertainty that gets the strongest colour, in nats. It is ln 2 if half of the classifiers contradict the others.
UNSURE = 0.35
TILE, MOST_FACES = 192, 3  # px and number of faces of the image of the streams
STREAMS = "Face | reconstruction | painted by the segmentation stream"


def draw_uncertainty(image: np.ndarray, nats: np.ndarray) -> np.ndarray:
    """Draw the uncertainty over an image in grey.

    Args:
        image: RGB (H, W, 3) uint8.
        nats: Uncertainty of each pixel, (H, W), in nats; NaN outside of the face crops.

    Returns:
        RGB (H, W, 3) uint8: black for 0, yellow from UNSURE on, only grey for NaN.
    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    level = np.nan_to_num(nats / UNSURE).clip(0, 1)
    colours = cv2.applyColorMap((255 * level).round().astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    mixed = 0.75 * colours + 0.25 * grey
    return np.where(np.isnan(nats)[..., None], grey, mixed.round()).astype(np.uint8)


@torch.no_grad()
def stream_view(trained: OneShotModel, image: np.ndarray, align: str) -> np.ndarray | None:
    """Draw face crops; beside each its reconstruction by the generator, and what the segmentation stream paints.

    Args:
        trained: The model and its generator.
        image: RGB (H, W, 3) uint8.
        align: How faces are cropped, a value of `ALIGN`.

    Returns:
        RGB uint8, one row of height TILE per face, at most MOST_FACES; None if no face is found. The width is 3 TILE,
        or 2 TILE if the generator was not trained: then the stream paints the reconstruction.
    """
    backbone, network = trained.backbone, trained.model.network
    side = backbone.input_size
    framed = [frame.crop(image.shape[:2], side) for frame in find_frames(image, align, None)[:MOST_FACES]]
    if not framed:
        return None
    crops = to_tensor([crop.image(image) for crop in framed])
    columns = [crops, backbone.reconstruct(crops)]
    if trained.model.about["recipe"]["stages"] and isinstance(network, PFTGANNetwork):
        columns.append(((network.stream(*network.frozen_features(crops)) + 1) / 2).clamp(0, 1))
    return np.concatenate([enlarged(row, TILE) for row in torch.cat(columns, 3)])


@show_errors
def predict_parts(trained: OneShotModel | None, path: str | None, kind: str) -> tuple[Any, ...]:
    """Run the visitor's model on a new image.

    Args:
        trained: The model and its generator, or None.
        path: The image file, or None.
        kind: CROP or PHOTO.

    Returns:
        The drawn parts, the uncertainty, what the streams paint, and an explanation.
    """
    if trained is None:
        raise ValueError("expected a model of your own, got none; press Adapt in step 2 first")
    if path is None:
        raise ValueError(NO_IMAGE)
    image, align = read_photo(path), ALIGN[kind]
    result = facekit.predict(trained.model, image, align=align)
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
        text = f"**No face was found.** If one face fills the image, choose *{CROP}*."
        return image, None, None, text
    nats = np.asarray(facekit.uncertainty(trained.model, image, align=align))
    text = (
        f"**Uncertainty**: the disagreement of the classifiers. Its mean is {np.nanmean(nats):.3f} nats, its maximum "
        f"{np.nanmax(nats):.2f} nats. Black is 0, yellow is {UNSURE} or more.\n\n"
        "**Reconstruction**: the face by the encoder and the generator. **Segmentation stream**: a copy of the "
        "generator that was trained to paint each part in a colour of its own; it is shown if the generator was "
        "fine-tuned. The classifiers read the maps of this stream, so details that it does not paint are missed."
    )
    return draw_result(result), draw_uncertainty(image, nats), stream_view(trained, image, align), text


def result_fields() -> tuple[gr.Image, gr.Radio, gr.Button, list[gr.Image], gr.Markdown, gr.DownloadButton]:
    """Lay out step 3: a new image, its kind and a button; the results, a text and the model's file."""
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            photo = image_field("A new image", 360)
            photo_kind = gr.Radio(list(ALIGN), value=PHOTO, label="This image is a")
            run = gr.Button("Find the parts", variant="primary")
            example_field(photo, photo_kind, "one_shot_example_photo")
        with gr.Column(scale=3, min_width=300):
            results, text, file = _drawing_fields()
    return photo, photo_kind, run, results, text, file


def _drawing_fields() -> tuple[list[gr.Image], gr.Markdown, gr.DownloadButton]:
    """Lay out the results of step 3: parts, uncertainty and streams; an explanation; the model's file."""
    tools: Any = ["download", "fullscreen"]
    fixed: dict[str, Any] = {"format": "png", "interactive": False, "buttons": tools}
    with gr.Row():
        parts = gr.Image(label="Parts", height=330, min_width=240, **fixed)
        uncertainty = gr.Image(label="Uncertainty", height=330, min_width=240, **fixed)
    streams = gr.Image(label=STREAMS, height=270, **fixed)
    text = gr.Markdown(elem_classes="aside")
    file = gr.DownloadButton("Download the model (.facekit)", interactive=False)
    return [parts, uncertainty, streams], text, file
