"""A first run in one command: adapt on a few labelled faces, predict on unseen faces, score, draw."""

from __future__ import annotations

import os
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..api.adaptation import adapt
from ..api.evaluation import evaluate
from ..api.prediction import predict
from ..core.global_state import default_settings, no_warnings
from ..core.output_paths import check_output
from ..data.sample_faces import SampleFaces, samples
from ..images.reader import save_image
from ..labels import CELEBAMASK_19, segmentation_map, segmentation_set
from ..results.types import Landmarks, Segmentation

LABELLED = 8  # sample people to adapt on; the other eight are only scored
SHOWN = (0, 1, 7)  # of the others, on the written image
SIDE = 256  # side of a cell of that image, px
# Backbone and number of training steps. The parser on synthparse starts from the ready one, so it needs few steps.
TRAINING = {"landmarks": ("fsma", 45), "segmentation": ("synthparse", 40)}
# The sample people wear no hats or glasses, only one of them has earrings, and their mouths are closed.
PARTS = segmentation_set(
    [name for name in CELEBAMASK_19.classes if name not in ("glasses", "hat", "earring", "necklace", "inner_mouth")]
)


@default_settings()
def quickstart(
    out: str | os.PathLike[str] = "facekit_quickstart.png",
    seed: int = 0,
    steps: int | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Adapt two models on the sample faces, score them, and write one image of the results.

    One model, on ``fsma``, predicts 189 landmarks. The other one, on ``synthparse``, predicts 13 face parts. Both are
    adapted on `LABELLED` of `facekit.data.samples` and scored on the other people. The ready models run on a photo, if
    scikit-image is installed: its astronaut. The written image shows input, ground truth and prediction of three unseen
    people, and the photo below.

    Args:
        out: The .png or .jpg file to write.
        seed: Chooses the order of training.
        steps: Number of training steps per model. None is that of `TRAINING`.
        progress: Whether to show a progress bar.

    Returns:
        The scores in percent, the times in seconds ("..._ms": milliseconds per image), and the file ("image").

    Raises:
        ValueError: If ``out`` has another suffix.
        OutputError: If ``out`` cannot be written.
    """
    check_output(out, (".png", ".jpg", ".jpeg"))
    started = time.monotonic()
    faces = samples()
    few, others = faces[:LABELLED], faces[LABELLED:]
    scores: dict[str, Any] = {}
    shown = []
    for task, (backbone, quick_steps) in TRAINING.items():
        begin = time.monotonic()
        model = adapt(
            few.images,
            _labels(few, task),
            task,
            backbone,
            names="london189" if task == "landmarks" else PARTS,
            steps=steps or quick_steps,
            seed=seed,
            progress=progress,
        )
        scores[f"{task}_adapt_seconds"] = round(time.monotonic() - begin, 1)
        result = evaluate(model, others.images, _labels(others, task))
        metric = model.task.headline
        scores[f"{task}_{metric}"] = round(result[metric], 2)
        images = [others.images[i] for i in SHOWN]
        begin = time.monotonic()
        predictions = predict(model, images)
        scores[f"{task}_predict_ms"] = round(1000 * (time.monotonic() - begin) / len(images), 1)
        shown.append((task, images, [_labels(others, task)[i] for i in SHOWN], predictions))
    photo = astronaut()
    drawn = photo
    if photo is not None:
        with no_warnings():  # "photo_faces" reports it if no face is found
            parts, points = predict(["segmentation", "landmarks"], photo)
        scores["photo_faces"] = len(points)
        drawn = points.draw_on(parts.draw()) if scores["photo_faces"] else photo
    save_image(_result_sheet(shown, photo, drawn), out)
    scores["seconds"] = round(time.monotonic() - started, 1)
    scores["image"] = os.fspath(out)
    return scores


def astronaut() -> NDArray[np.uint8] | None:
    """Load scikit-image's photo of the astronaut Eileen Collins.

    Returns:
        RGB (512, 512, 3) uint8, or None if scikit-image is not installed.
    """
    try:
        from skimage.data import astronaut as image
    except ImportError:
        return None
    return np.asarray(image())


def _labels(faces: SampleFaces, task: str) -> NDArray[Any]:
    """Return the labels of sample faces for a task. Pixels of parts that are not in `PARTS` are ignored."""
    return faces.landmarks if task == "landmarks" else segmentation_map(faces.mask_labels, PARTS)[faces.masks]


def _result_sheet(
    shown: list[Any], photo: NDArray[np.uint8] | None, drawn: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Draw a row per unseen face, with input, ground truth and predictions, and the photo below.

    Args:
        shown: Per task its name, the images (H, W, 3) uint8, their labels and the predictions.
        photo: RGB (H, W, 3) uint8, or None.
        drawn: The photo with the results of the ready models, same shape.

    Returns:
        RGB (H, W, 3) uint8.
    """
    rows = []
    for i in range(len(SHOWN)):
        cells = []
        for task, images, truths, predictions in shown:
            prediction, labels = predictions[i], predictions[i].labels
            truth = (
                Landmarks(np.asarray(truths[i]), np.ones(len(labels), np.float32), labels, images[i])
                if task == "landmarks"
                else Segmentation(truths[i], labels, images[i])
            )
            cells += [images[i]] * (task == "landmarks") + [truth.draw(), prediction.draw()]
        rows.append(np.hstack(cells))
    sheet = np.vstack([_caption(rows[0].shape[1]), *rows])
    if photo is None or drawn is None:
        return sheet
    both: NDArray[Any] = np.hstack([photo, drawn])
    scale = sheet.shape[1] / both.shape[1]
    both = cv2.resize(
        both,
        (sheet.shape[1], round(both.shape[0] * scale)),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    return np.vstack([sheet, both])


def _caption(width: int) -> NDArray[np.uint8]:
    """Draw the titles of the columns, (40, width, 3) uint8."""
    strip = np.full((40, width, 3), 255, np.uint8)
    for i, text in enumerate(("input", "points: truth", "points: predicted", "parts: truth", "parts: predicted")):
        cv2.putText(strip, text, (i * SIDE + 12, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 40, 40), 1, cv2.LINE_AA)
    return strip
