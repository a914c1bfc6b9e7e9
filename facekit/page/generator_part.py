"""The generator of the tab "One face, many parts": the embedded one or a visitor's file; faces that it generates."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import torch

import facekit

from .components import FILE_HEIGHT, show_errors
from .image_tiles import enlarged

COLUMNS, ROWS, FACE = 6, 2, 128  # generated faces: columns, rows, side in px
# The faces of the embedded generator have few faults up to this value.
VARIETY = 0.8
EMBEDDED = "The generator in this package is used: 128 x 128 px."


@dataclass(frozen=True, eq=False)
class ChosenGenerator:
    """A generator with its encoder, and where it comes from.

    Attributes:
        backbone: What `facekit.load_backbone("pftgan")` returns.
        files: The arguments of `facekit.adapt` for it: ``weights`` and, if it has a file of its own, ``inversion``.
    """

    backbone: Any
    files: dict[str, str]


@functools.cache
def embedded_generator() -> ChosenGenerator:
    """Load the embedded generator with its encoder. It is loaded once."""
    return ChosenGenerator(facekit.load_backbone("pftgan"), {})


@show_errors
def load_generator(weights: str | None, inversion: str | None) -> tuple[ChosenGenerator | None, str]:
    """Load a visitor's generator.

    Args:
        weights: File of the generator, or None for the embedded one.
        inversion: File of its encoder, or None if the first file holds it.

    Returns:
        The generator, or None for the embedded one; and a sentence.
    """
    if weights is None:
        return None, EMBEDDED if inversion is None else f"{EMBEDDED} Upload the generator of this encoder, too."
    files = {"weights": weights} | ({} if inversion is None else {"inversion": inversion})
    backbone = facekit.load_backbone("pftgan", **files)
    side = backbone.input_size
    return ChosenGenerator(backbone, files), f"Your generator is used: {side} x {side} px."


@show_errors
def sample_faces(seed: int | None, truncation: float, own: ChosenGenerator | None = None) -> gr.Image:
    """Generate a sheet of faces.

    Args:
        seed: Seed of the latent codes. None is 0.
        truncation: Truncation of the latent codes in [0, 1]. With 0 all faces are the mean face.
        own: The visitor's generator, or None for the embedded one.

    Returns:
        An image of ROWS x COLUMNS faces.
    """
    backbone = (own or embedded_generator()).backbone
    random = torch.Generator().manual_seed(int(seed or 0))
    z = torch.randn(COLUMNS * ROWS, backbone.generator.size.z_dim, generator=random)
    with torch.no_grad():
        tiles = [enlarged(image, FACE) for image in backbone.generate(z, truncation)]
    rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
    return gr.Image(np.concatenate(rows), format="png", visible=True)


def generator_fields() -> gr.State:
    """Lay out the choice of another generator.

    Returns:
        The visitor's generator, None for the embedded one.
    """
    own = gr.State()
    with gr.Accordion("Another generator", open=False):
        gr.Markdown(
            "Upload a StyleGAN2 generator of at most 20 MB: a .safetensors file of `facekit pretrain`, NVIDIA's .pkl, "
            "or the PyTorch port's .pt. Nothing in a file is executed. Larger generators can be used in Python: "
            "`facekit.adapt(..., backbone='pftgan', weights='ffhq.pkl', inversion='e4e_ffhq_encode.pt')`",
            elem_classes="aside",
        )
        with gr.Row():
            weights = gr.File(label="Generator", height=FILE_HEIGHT)
            inversion = gr.File(label="Its encoder, if in another file", height=FILE_HEIGHT)
        about = gr.Markdown(EMBEDDED)
    changes = [file_event for file in (weights, inversion) for file_event in (file.upload, file.clear)]
    gr.on(changes, load_generator, [weights, inversion], [own, about], api_name="generator")
    return own


def generated_faces_part(own: gr.State) -> None:
    """Lay out the generated faces: seed, variety, image. No face is shown before the button is pressed.

    Args:
        own: The visitor's generator.
    """
    gr.Markdown("## Generated faces", elem_classes="step")
    with gr.Row(elem_classes="level"):
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, maximum=2**32 - 1, scale=1)
        info = "With 0 all faces are the mean face. With 1 faces differ most, and some have faults."
        truncation = gr.Slider(0, 1, value=VARIETY, step=0.05, label="Variety", scale=2, info=info)
        make = gr.Button("Make faces", scale=1)
    tools: Any = ["download", "fullscreen"]
    faces = gr.Image(format="png", show_label=False, interactive=False, visible=False, height=260, buttons=tools)
    triggers = [make.click, truncation.release, seed.submit]
    gr.on(triggers, sample_faces, [seed, truncation, own], faces, api_name="generated_faces")
