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
from ..data.synthetic_faces.generator import GeneratedFaces
from ..images.reader import save_image
from ..labels import FACEKIT_27, HELEN_11, segmentation_map
from ..results.types import Landmarks, Segmentation

FACES = 10  # labelled faces to adapt on
UNSEEN = 12  # other faces to score the model on
SIDE = 256  # side of all generated faces, px
DRAWN = 3  # unseen faces on the written image


@default_settings()
def quickstart(
    out: str | os.PathLike[str] = "facekit_quickstart.png", seed: int = 0, steps: int = 150, progress: bool = True
) -> dict[str, Any]:
    """Adapt two models on generated faces, score them, and write one image of the results.

    One model predicts 68 landmarks, the other one 11 face parts. Both are adapted on `FACES` labelled faces and
    scored on `UNSEEN` others. The ready models run on a photo, if scikit-image is installed: its astronaut. The
    written image shows input, ground truth and prediction of three unseen faces, and the photo below.

    Args:
        out: The .png or .jpg file to write.
        seed: Chooses the faces and the order of training.
        steps: Number of training steps per model.
        progress: Whether to show a progress bar.

    Returns:
        The scores in percent, the times in seconds ("..._ms": milliseconds per image), and the file ("image").

    Raises:
        ValueError: If ``out`` has another suffix.
        OutputError: If ``out`` cannot be written.
    """
    check_output(out, (".png", ".jpg", ".jpeg"))
    started = time.monotonic()
    poses: dict[str, Any] = {"yaw": (-30.0, 30.0), "pitch": (-15.0, 15.0), "roll": (-15.0, 15.0)}
    want = ("image", "mask", "landmarks68")
    # Each seed draws other identities. Neither these faces nor the scored ones were in a training of the weights.
    few = GeneratedFaces(seed=1000 + seed, size=SIDE, **poses).batch(range(FACES), want=want)
    test_faces = GeneratedFaces(seed=2000 + seed, size=SIDE, **poses).batch(range(UNSEEN), want=want)
    to_parts = segmentation_map(FACEKIT_27, HELEN_11)
    scores: dict[str, Any] = {"rendering_seconds": round(time.monotonic() - started, 1)}
    shown = []
    for task in ("landmarks", "segmentation"):
        begin = time.monotonic()
        model = adapt(
            few["image"],
            _labels(few, task, to_parts),
            task,
            names=_names(task),
            steps=steps,
            seed=seed,
            progress=progress,
        )
        scores[f"{task}_adapt_seconds"] = round(time.monotonic() - begin, 1)
        result = evaluate(model, test_faces["image"], _labels(test_faces, task, to_parts))
        metric = model.task.headline
        scores[f"{task}_{metric}"] = round(result[metric], 2)
        images = test_faces["image"][:DRAWN]
        begin = time.monotonic()
        predictions = predict(model, images)
        scores[f"{task}_predict_ms"] = round(1000 * (time.monotonic() - begin) / len(images), 1)
        shown.append(
            (task, images.permute(0, 2, 3, 1).numpy(), _labels(test_faces, task, to_parts)[:DRAWN], predictions)
        )
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


def _names(task: str) -> Any:
    """Return the label set of a task."""
    return "68" if task == "landmarks" else HELEN_11


def _labels(batch: dict[str, Any], task: str, to_parts: NDArray[np.uint8]) -> Any:
    """Return the labels of generated faces for a task. ``to_parts`` maps class ids of the generator to HELEN's."""
    return batch["landmarks68"].cpu() if task == "landmarks" else to_parts[batch["mask"].cpu().numpy()]


def _result_sheet(
    shown: list[Any], photo: NDArray[np.uint8] | None, drawn: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Draw a row per unseen face, with input, ground truth and predictions, and the photo below.

    Args:
        shown: Per task its name, the images (DRAWN, H, W, 3) uint8, their labels and the predictions.
        photo: RGB (H, W, 3) uint8, or None.
        drawn: The photo with the results of the ready models, same shape.

    Returns:
        RGB (H, W, 3) uint8.
    """
    rows = []
    for i in range(DRAWN):
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
