"""Handlers of the tab "One face, many parts" that compute: cost, training, prediction, generated faces (PFTGAN).

PFTGAN: "Leveraging GAN Priors for Few-Shot Part Segmentation", https://arxiv.org/abs/2207.13428.
"""

from __future__ import annotations

import functools
from typing import Any

import cv2
import gradio as gr
import numpy as np
import torch
from PIL import Image

import facekit

from ..backbones.pftgan.classifier_memory import estimate_memory
from ..backbones.pftgan.config import QUICK, named_recipe
from ..images.reader import to_tensor
from ..labelling import PartLabels
from ..model import find_frames
from ..results.faces import Faces
from .components import CROP, NO_IMAGE, PHOTO, draw_result, show_errors
from .label_sheet import Sheet, parts_in
from .limits import read_photo
from .sessions import new_file, progress_reporter

TUNED, AS_IT_IS = "Fine-tune the generator (PFTGAN)", "Do not train the generator (DatasetGAN)"
RECIPES = {TUNED: "quick", AS_IT_IS: "datasetgan"}
ALIGN = {CROP: "none", PHOTO: "ffhq"}  # "ffhq" crops faces as in the images that the generator was trained on
MOST_PAINTED = 5  # images
STEPS = QUICK["segmentation"].steps
# Uncertainty that gets the strongest colour, in nats. It is ln 2 if half of the classifiers contradict the others.
UNSURE = 0.35
TILE, MOST_FACES = 192, 3  # px and number of faces of the image "Input | output"
COLUMNS, ROWS, FACE = 6, 2, 128  # generated faces: columns, rows, side in px
# Seconds on two cores: one step of one stage, and one classifier on 64 pixels.
STAGE_TIME, PIXELS_TIME = 0.15, 1e-3


@functools.cache
def generator() -> Any:
    """Load the embedded generator with its encoder. It is loaded once."""
    return facekit.load_backbone("pftgan")


@show_errors
def estimate_cost(sheet: Sheet, part_text: str, recipe: str, steps: int) -> str:
    """Estimate the time and the memory of a training on the images that are painted so far.

    Args:
        sheet: The visitor's images.
        part_text: Names of the parts.
        recipe: TUNED or AS_IT_IS.
        steps: Number of steps of each stage.

    Returns:
        A sentence with the upper limits of both.
    """
    images, classes = max(1, len(sheet.labelled)), len(parts_in(part_text))
    config = named_recipe(RECIPES[recipe], "segmentation", True, images)
    backbone = generator()
    side = backbone.input_size
    with torch.no_grad():
        maps = backbone.features(torch.zeros(1, 3, side, side), config.reads_colours)
    views = config.views * images
    seconds = STAGE_TIME * int(steps) * len(config.stages)
    pixels = min(views * side**2, config.pixels or views * side**2)
    seconds += PIXELS_TIME * config.members * config.classifier_epochs * pixels / 64
    needed = estimate_memory(
        [x.shape[1] for x in maps],
        [x.shape[2] for x in maps],
        classes,
        side,
        images=views,
        members=config.members,
        pixels=config.pixels,
    )
    memory = min(needed.training, config.memory_limit) / 1e6
    return (
        f"With {_painted_images(images)}: at most **{max(1, round(seconds / 60))} min** on two idle cores and "
        f"**{memory:,.0f} MB** of memory for the features of the pixels. A busy machine takes longer."
    )


def _painted_images(count: int) -> str:
    """Return "one painted image", "2 painted images"."""
    return "one painted image" if count == 1 else f"{count} painted images"


@show_errors
def adapt(
    sheet: Sheet,
    kind: str,
    recipe: str,
    steps: int,
    bar: gr.Progress = gr.Progress(),  # noqa: B008 - gradio finds the progress bar by this default
) -> tuple[Any, ...]:
    """Train a model on the painted images. Images without paint become support images.

    Args:
        sheet: The visitor's images.
        kind: CROP or PHOTO.
        recipe: TUNED or AS_IT_IS.
        steps: Number of steps of each stage. Not used for AS_IT_IS.
        bar: Progress bar, set by gradio.

    Returns:
        The model, a sentence, and the file of the model.
    """
    labels, painted = sheet.labels, sheet.labelled
    if not isinstance(labels, PartLabels) or not painted:
        raise ValueError("no image is painted yet: paint at least one in step 1, or load the example")
    if len(painted) > MOST_PAINTED:
        raise ValueError(f"expected 1 to {MOST_PAINTED} painted images, got {len(painted)}; clear the others")
    options: dict[str, Any] = {"steps": int(steps)} if recipe == TUNED else {}
    others = [image for i, image in enumerate(sheet.images) if i not in painted]
    if others and recipe == TUNED:
        options["support_images"] = others
    bar(0.0, desc="Computing the latent codes of your images. The first step comes after that")
    model = facekit.adapt(
        [sheet.images[i] for i in painted],
        [labels.masks[i] for i in painted],
        "segmentation",
        "pftgan",
        names=labels.names,
        recipe=RECIPES[recipe],
        align=ALIGN[kind],
        progress=progress_reporter(bar, "one_shot_adapt"),
        **options,
    )
    model.save(target := new_file("parts.facekit"))
    support = f" and {len(others)} without paint" if "support_images" in options else ""
    text = (
        f"**Done** in {model.about['seconds']:.0f} s: your model was trained on {_painted_images(len(painted))}"
        f"{support}. Try it in step 3."
    )
    return model, text, gr.DownloadButton(value=str(target), interactive=True)


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


def encoder_view(image: np.ndarray, align: str) -> np.ndarray | None:
    """Draw face crops and, beside each, its reconstruction by encoder and generator.

    Args:
        image: RGB (H, W, 3) uint8.
        align: How faces are cropped, a value of `ALIGN`.

    Returns:
        RGB uint8 of width 2 * TILE, one row of height TILE per face, at most MOST_FACES; None if no face is found.
    """
    backbone = generator()
    side = backbone.input_size
    framed = [frame.crop(image.shape[:2], side) for frame in find_frames(image, align, None)[:MOST_FACES]]
    if not framed:
        return None
    crops = to_tensor([crop.image(image) for crop in framed])
    with torch.no_grad():
        pairs = torch.cat([crops, backbone.reconstruct(crops)], 3)
    return np.concatenate([_enlarged(pair, TILE) for pair in pairs])


def _enlarged(image: torch.Tensor, height: int) -> np.ndarray:
    """Resize an image (3, h, w) in [0, 1] to an array (height, w * height / h, 3) uint8."""
    pixels = (255 * image.permute(1, 2, 0)).round().to(torch.uint8).numpy()
    size = (round(height * pixels.shape[1] / pixels.shape[0]), height)
    return np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


@show_errors
def predict_parts(model: Any, path: str | None, kind: str) -> tuple[Any, ...]:
    """Run the visitor's model on a new image.

    Args:
        model: The model, or None.
        path: The image file, or None.
        kind: CROP or PHOTO.

    Returns:
        The drawn parts, the uncertainty, the reconstruction by the generator, and an explanation.
    """
    if model is None:
        raise ValueError("there is no model yet: press Adapt in step 2 first")
    if path is None:
        raise ValueError(NO_IMAGE)
    image, align = read_photo(path), ALIGN[kind]
    result = facekit.predict(model, image, align=align)
    if isinstance(result, Faces) and not result:
        gr.Warning("No face was found in this image.")
        text = f"**No face was found.** If one face fills the image, choose *{CROP}*."
        return image, None, None, text
    nats = np.asarray(facekit.uncertainty(model, image, align=align))
    text = (
        f"**Uncertainty**: the disagreement of the classifiers. Its mean is {np.nanmean(nats):.3f} nats, its maximum "
        f"{np.nanmax(nats):.2f} nats. Black is 0, yellow is {UNSURE} or more. **Input | output**: the face, and its "
        "reconstruction by the encoder and the generator. The parts are computed from the reconstruction, so details "
        "that it lacks are missed."
    )
    return draw_result(result), draw_uncertainty(image, nats), encoder_view(image, align), text


@show_errors
def sample_faces(seed: int | None, truncation: float) -> gr.Image:
    """Generate a sheet of faces.

    Args:
        seed: Seed of the latent codes. None is 0.
        truncation: Truncation of the latent codes in [0, 1]. With 0 all faces are the mean face.

    Returns:
        An image of ROWS x COLUMNS faces.
    """
    backbone = generator()
    random = torch.Generator().manual_seed(int(seed or 0))
    z = torch.randn(COLUMNS * ROWS, backbone.generator.size.z_dim, generator=random)
    with torch.no_grad():
        tiles = [_enlarged(image, FACE) for image in backbone.generate(z, truncation)]
    rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
    return gr.Image(np.concatenate(rows), format="png", visible=True)
