"""The main job on one page: adapt on a few labelled faces, predict on unseen ones, score, draw."""

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
UNSEEN = 12
SIDE = 256


@default_settings()
def quickstart(
    out: str | os.PathLike[str] = "facekit_quickstart.png", seed: int = 0, steps: int = 150, progress: bool = True
) -> dict[str, Any]:
    """Adapt on `FACES` generated faces, with 68 points and with part masks; score on `UNSEEN` others; run the ready
    models on a photograph (scikit-image's astronaut); write one image with input, truth and prediction to `out`.

    Returns the scores in percent and the times in seconds.
    """
    check_output(out, (".png", ".jpg", ".jpeg"))
    started = time.monotonic()
    poses: dict[str, Any] = {"yaw": (-30.0, 30.0), "pitch": (-15.0, 15.0), "roll": (-15.0, 15.0)}
    want = ("image", "mask", "landmarks68")
    # Other seeds draw other identities: none of the scored faces, or the faces adapted on, was in any training.
    few = GeneratedFaces(seed=1000 + seed, size=SIDE, **poses).batch(range(FACES), want=want)
    unseen = GeneratedFaces(seed=2000 + seed, size=SIDE, **poses).batch(range(UNSEEN), want=want)
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
        result = evaluate(model, unseen["image"], _labels(unseen, task, to_parts))
        metric = model.task.headline
        scores[f"{task}_{metric}"] = round(result[metric], 2)
        images = unseen["image"][:3]
        begin = time.monotonic()
        predictions = predict(model, images)
        scores[f"{task}_predict_ms"] = round(1000 * (time.monotonic() - begin) / len(images), 1)
        shown.append((task, images.permute(0, 2, 3, 1).numpy(), _labels(unseen, task, to_parts)[:3], predictions))
    photo = astronaut()
    drawn = photo
    if photo is not None:
        with no_warnings():  # "no face found" shows in the scores
            parts, points = predict(["segmentation", "landmarks"], photo)
        scores["photo_faces"] = len(points)
        drawn = points.draw_on(parts.draw()) if scores["photo_faces"] else photo
    save_image(_page(shown, photo, drawn), out)
    scores["seconds"] = round(time.monotonic() - started, 1)
    scores["picture"] = os.fspath(out)
    return scores


def astronaut() -> NDArray[np.uint8] | None:
    """Scikit-image's photograph of Eileen Collins, (512,512,3) RGB; None where scikit-image is not installed."""
    try:
        from skimage.data import astronaut as image
    except ImportError:
        return None
    return np.asarray(image())


def _names(task: str) -> Any:
    return "68" if task == "landmarks" else HELEN_11


def _labels(batch: dict[str, Any], task: str, to_parts: NDArray[np.uint8]) -> Any:
    return batch["landmarks68"].cpu() if task == "landmarks" else to_parts[batch["mask"].cpu().numpy()]


def _page(shown: list[Any], photo: NDArray[np.uint8] | None, drawn: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Rows of input | truth | prediction for each unseen face, and the photograph below."""
    rows = []
    for i in range(3):
        cells = []
        for task, images, truths, predictions in shown:
            p, labels = predictions[i], predictions[i].labels
            truth = (
                Landmarks(np.asarray(truths[i]), np.ones(len(labels), np.float32), labels, images[i])
                if task == "landmarks"
                else Segmentation(truths[i], labels, images[i])
            )
            cells += [images[i]] * (task == "landmarks") + [truth.draw(), p.draw()]
        rows.append(np.hstack(cells))
    page = np.vstack([_caption(rows[0].shape[1]), *rows])
    if photo is None or drawn is None:
        return page
    both: NDArray[Any] = np.hstack([photo, drawn])
    scale = page.shape[1] / both.shape[1]
    both = cv2.resize(
        both,
        (page.shape[1], round(both.shape[0] * scale)),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
    )
    return np.vstack([page, both])


def _caption(width: int) -> NDArray[np.uint8]:
    strip = np.full((40, width, 3), 255, np.uint8)
    for i, text in enumerate(("input", "points: truth", "points: predicted", "parts: truth", "parts: predicted")):
        cv2.putText(strip, text, (i * SIDE + 12, 27), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 40, 40), 1, cv2.LINE_AA)
    return strip
