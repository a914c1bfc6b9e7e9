"""`adapt` works for every pair of backbone and task at tiny sizes, and the ready models work on photos."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.slow import slow_unless

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.detection.face import Face
from facekit.labels import FACEKIT_27, HELEN_11, segmentation_map
from facekit.results.faces import Faces
from facekit.results.types import ImageResult, Landmarks, Segmentation

PAIRS = [
    (backbone, task)
    for backbone in ("fsma", "synthparse")
    for task in ("landmarks", "segmentation", "stylization", "shadow_removal")
] + [("pftgan", task) for task in ("landmarks", "segmentation", "stylization")]
KINDS = {"landmarks": Landmarks, "segmentation": Segmentation}
FAST: dict[str, Any] = {
    "weights": "none",
    "steps": 3,
    "least_views": 6,
    "batch_size": 4,
    "progress": False,
    "device": "cpu",
}
# pftgan's quick recipes have more to cut short.
SHORT: dict[str, dict[str, Any]] = {
    "landmarks": {"views": 1},
    "segmentation": {"views": 1, "refine": 1, "classifier_epochs": 2, "pixels": 500},
    "stylization": {"views": 1, "refine": 1},
}


def _fast(backbone: str, task: str) -> dict[str, Any]:
    return FAST | SHORT[task] if backbone == "pftgan" else FAST


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    return GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(3), want=("image", "mask", "landmarks68"))


def _labels(faces: dict[str, Any], task: str) -> Any:
    if task == "landmarks":
        return faces["landmarks68"]
    if task == "stylization":
        return 255 - faces["image"]
    if task == "shadow_removal":
        return None
    return segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"].numpy()]


def _names(task: str) -> Any:
    return HELEN_11 if task == "segmentation" else None


HEAVY = (
    ("synthparse", "landmarks"),
    ("synthparse", "stylization"),
    ("synthparse", "shadow_removal"),
    ("pftgan", "landmarks"),
    ("pftgan", "segmentation"),
    ("pftgan", "stylization"),
)


@pytest.mark.parametrize(("backbone", "task"), slow_unless(lambda pair: pair not in HEAVY, PAIRS))
def test_adapt_predict_save_load(backbone: str, task: str, faces: dict[str, Any], tmp_path: Path) -> None:
    labels = _labels(faces, task)
    model = facekit.adapt(faces["image"], labels, task, backbone, names=_names(task), **_fast(backbone, task))
    again = facekit.adapt(faces["image"], labels, task, backbone, names=_names(task), **_fast(backbone, task))
    x = torch.rand(2, 3, model.input_size, model.input_size)
    assert torch.equal(model.maps(x), again.maps(x)), "same seed, same result"
    model.save(tmp_path / "m.facekit")
    loaded = facekit.load(tmp_path / "m.facekit", device="cpu")
    assert torch.equal(model.maps(x), loaded.maps(x))
    assert loaded.about == model.about
    one = facekit.predict(loaded, faces["image"][0])
    many = facekit.predict(loaded, faces["image"])
    assert isinstance(one, KINDS.get(task, ImageResult))
    assert isinstance(many, list) and len(many) == 3
    assert one.draw().shape == (128, 128, 3)
    scores = facekit.evaluate(loaded, faces["image"], faces["image"] if labels is None else labels)
    assert model.task.headline in scores and all(np.isfinite(v) or "_" in k for k, v in scores.items())


@pytest.mark.parametrize(("backbone", "task"), slow_unless(lambda pair: pair == ("fsma", "landmarks"), PAIRS))
def test_cache_changes_nothing(backbone: str, task: str, faces: dict[str, Any]) -> None:
    labels = _labels(faces, task)
    models = [
        facekit.adapt(faces["image"], labels, task, backbone, names=_names(task), **_fast(backbone, task), **kind)
        for kind in ({"cache": True}, {"cache": False}, {"cache": True, "cache_bytes": 1000})
    ]
    assert models[0].about["loss"] == pytest.approx(models[1].about["loss"], rel=1e-3)
    assert models[0].about["loss"] == models[2].about["loss"], "on disk as in memory"


def test_results_are_in_the_images_own_pixels(faces: dict[str, Any]) -> None:
    model = facekit.adapt(faces["image"], faces["landmarks68"], **FAST)
    image = faces["image"][0].permute(1, 2, 0).numpy()
    large = np.kron(image, np.ones((3, 3, 1), np.uint8))
    small, big = facekit.predict(model, image), facekit.predict(model, large)
    # Pixel centres: x in the small image is 3x + 1 in the one three times as large.
    assert np.abs((big.points - 1) / 3 - small.points).max() < 2.0
    mask = facekit.adapt(faces["image"], _labels(faces, "segmentation"), "segmentation", names=HELEN_11, **FAST)
    assert facekit.predict(mask, large).mask.shape == large.shape[:2]
    assert facekit.predict(mask, large[:200]).mask.shape == (200, 384)


@pytest.mark.slow
def test_learning_learns(faces: dict[str, Any]) -> None:
    settings = {**FAST, "steps": 60, "weights": "auto", "least_views": 30, "lr": 5e-3}
    model = facekit.adapt(faces["image"], faces["landmarks68"], **settings)
    trained = facekit.evaluate(model, faces["image"], faces["landmarks68"])["nme_inter_ocular"]
    fresh = facekit.adapt(faces["image"], faces["landmarks68"], **{**settings, "steps": 1})
    assert trained < 0.5 * facekit.evaluate(fresh, faces["image"], faces["landmarks68"])["nme_inter_ocular"]


def test_killed_adaptation_resumes(faces: dict[str, Any], tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818
        pass

    def kill(done: int, total: int, losses: dict[str, float]) -> None:
        if done == 2:
            raise Killed

    file = tmp_path / "adapt.pt"
    settings = {**FAST, "steps": 4}
    whole = facekit.adapt(faces["image"], faces["landmarks68"], **settings)
    with pytest.raises(Killed):
        facekit.adapt(faces["image"], faces["landmarks68"], checkpoint=file, **{**settings, "progress": kill})
    resumed = facekit.adapt(faces["image"], faces["landmarks68"], checkpoint=file, **settings)
    assert resumed.about["loss"] == whole.about["loss"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "juggling"}, "'landmarks', 'segmentation'"),
        ({"backbone": "resnet"}, "'fsma'"),
        ({"align": "up"}, "'none', 'box', 'landmarks'"),
        ({"recipe": "slow"}, "'quick', 'paper', '300w-100%'"),
        ({"recipe": "helen-0.5%"}, "'300w-5%'.* for 'landmarks'"),
        ({"baseline": "vgg"}, "'unet'"),
        ({"heatmaps": "sharp"}, "'softmax', 'l2'"),
        ({"steps": 0}, "at least 1"),
        ({"weights": "official"}, "published no weights"),
        ({"skip": "11"}, "digits"),
        ({"names": "98"}, "98 points"),
        ({"faces": [[0, 0, 9, 9]]}, "one box per image"),
    ],
)
def test_wrong_settings_are_named(change: dict[str, Any], message: str, faces: dict[str, Any]) -> None:
    settings = {**FAST, "task": "landmarks", "align": "none", **change}
    with pytest.raises(ValueError, match=message):
        facekit.adapt(faces["image"], faces["landmarks68"], **settings)


def test_wrong_models_are_named(tmp_path: Path, faces: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'landmarks', 'segmentation'"):
        facekit.predict("beauty", faces["image"][0])
    with pytest.raises(TypeError, match="expected a facekit.Model"):
        facekit.predict(3, faces["image"][0])  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match="model.save"):
        facekit.load(tmp_path / "none.facekit")
    (tmp_path / "junk.facekit").write_bytes(b"PK junk")
    with pytest.raises(ValueError, match="not a whole .facekit file"):
        facekit.load(tmp_path / "junk.facekit")


def test_ready_models_on_a_photograph() -> None:
    from skimage.data import astronaut

    (parts,), (points,) = facekit.predict(["segmentation", "landmarks"], astronaut())
    assert isinstance(parts, Segmentation) and isinstance(points, Landmarks)
    eyes = points.points[36:48].mean(0)
    assert np.abs(eyes - np.array([224, 113])).max() < 15, "her eyes are there"
    skin = parts.labels.classes.index("skin")
    x, y = points.points[30].astype(int)
    assert parts.mask[y + 10, x - 25] == skin


def test_several_models_search_faces_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from facekit import alignment as framing

    searched = []

    def found(image: np.ndarray) -> list[Face]:
        searched.append(image.shape)
        return [Face((40, 40, 160, 160))]

    monkeypatch.setattr(framing, "find_faces", found)
    image = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    points, parts = facekit.predict(["landmarks", "segmentation"], [image, image])
    assert searched == [(200, 200, 3)] * 2
    assert [type(r) for (r,) in points] == [Landmarks] * 2 and [type(r) for (r,) in parts] == [Segmentation] * 2


def test_no_face_is_an_empty_list_and_a_warning() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    with pytest.warns(UserWarning, match="no face found"):
        result = facekit.predict("landmarks", grey)
    assert isinstance(result, Faces) and result == []


def test_onnx_gives_the_same_maps(tmp_path: Path, faces: dict[str, Any]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model = facekit.adapt(faces["image"], faces["landmarks68"], **FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export_onnx(tmp_path / "m.onnx")
    x = torch.rand(3, 3, 128, 128)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    (maps,) = session.run(None, {"image": x.numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(maps), model.network(x), atol=1e-4, rtol=1e-4)


def test_import_costs_nothing() -> None:
    code = "import sys, facekit; sys.exit(any(m in sys.modules for m in ('torch', 'cv2', 'gradio', 'matplotlib')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
