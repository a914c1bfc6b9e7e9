"""Everything that computes works on a GPU: `pytest -m gpu`.

Each test also runs on another device of torch by FACEKIT_TEST_DEVICE, e.g. `FACEKIT_TEST_DEVICE=cpu pytest -m gpu`.
Networks are compared between devices within `CLOSE`: convolutions of NVIDIA GPUs round factors to 11 bits (TF32).
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.farl_tiny import tiny_pair
from helpers.gpu import CLOSE, DEVICE, close, needs_device
from helpers.pftgan_frozen import ddpm_folder
from safetensors.torch import save_file

import facekit
from facekit.augmentation.affine import Affine, TanhMoves, jitter, random_matrices, warp, warp_masks, warp_points
from facekit.backbones.farl.image_text_model import to_clip
from facekit.backbones.fsma.config import FSMAAdaptation
from facekit.core.device import autocast, pick_device
from facekit.core.random_streams import generator_for
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, HELEN_11, segmentation_map
from facekit.tasks import SegmentationTask
from facekit.training.config import Adaptation
from facekit.training.finetune import FineTuning
from facekit.training.loop import train
from facekit.training.views import TrainingData

pytestmark = [pytest.mark.gpu, needs_device]
TASKS = {
    "fsma": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "synthparse": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "farl": ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes"),
    "pftgan": ("landmarks", "segmentation", "stylization"),
}
PAIRS = [(backbone, task) for backbone, tasks in TASKS.items() for task in tasks]
FAST: dict[str, Any] = {
    "weights": "none",
    "steps": 3,
    "views": 2,
    "least_views": 6,
    "batch_size": 4,
    "progress": False,
    "device": DEVICE,
}
SHORT: dict[str, Any] = {"views": 1, "classifier_epochs": 2, "pixels": 400, "refine": 1}


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    batch = GeneratedFaces(seed=5, size=96, yaw=(-20, 20)).batch(range(4), want=("image", "mask", "landmarks68"))
    return {
        "images": batch["image"],
        "landmarks": batch["landmarks68"],
        "segmentation": segmentation_map(FACEKIT_27, HELEN_11)[batch["mask"].numpy()],
        "stylization": 255 - batch["image"],
        "shadow_removal": None,
        "attributes": np.array([[0, 1], [1, 0], [1, np.nan], [0, 0.0]]),
    }


@pytest.fixture(scope="module")
def tiny_farl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("farl") / "tiny.safetensors"
    save_file(to_clip(tiny_pair()), path, {"heads_image": "2", "heads_text": "2"})
    return path


def adapted(faces: dict[str, Any], task: str, backbone: str = "fsma", **settings: Any) -> facekit.Model:
    names = HELEN_11 if task == "segmentation" else None
    several = {"members": 2} if (backbone, task) == ("pftgan", "segmentation") else {}
    wanted = {**FAST, **(SHORT if backbone == "pftgan" else {}), **several, "names": names, **settings}
    return facekit.adapt(faces["images"], faces[task], task, backbone, **wanted)


def on(device: str, **settings: Any) -> FineTuning:
    """A fitting of parts on random crops, for views and losses."""
    from facekit.model import find_backbone

    draws = torch.Generator().manual_seed(0)
    crops = torch.randint(256, (3, 3, 192, 192), generator=draws, dtype=torch.uint8)
    masks = torch.randint(11, (3, 192, 192), generator=draws, dtype=torch.uint8)
    masks[:, :20] = 255
    recipe = FSMAAdaptation(**{"steps": 3, "batch_size": 4, "least_views": 6, "views": 2, **settings})
    task = SegmentationTask.create(HELEN_11, recipe)
    network = find_backbone("fsma").build("none", 0, task, recipe)
    return FineTuning(network, task, TrainingData(crops, masks), recipe, torch.device(device))


@pytest.mark.parametrize(("backbone", "task"), PAIRS)
def test_adapt_predict_evaluate_save_load(
    backbone: str, task: str, faces: dict[str, Any], tiny_farl: Path, tmp_path: Path
) -> None:
    extra = {"weights": tiny_farl, "head_channels": 16} if backbone == "farl" else {}
    model = adapted(faces, task, backbone, **extra)
    assert {p.device.type for p in model.network.parameters()} == {torch.device(DEVICE).type}
    result = facekit.predict(model, faces["images"][0])
    assert result.draw().shape[0] == 96
    assert len(facekit.predict(model, faces["images"])) == 4
    labels = faces["images"] if faces[task] is None else faces[task]
    assert model.task.headline in facekit.evaluate(model, faces["images"], labels)
    x = torch.rand(3, 3, model.input_size, model.input_size)
    maps = model.maps(x)
    model.save(tmp_path / "m.facekit")
    for device in ("cpu", DEVICE):
        loaded = facekit.load(tmp_path / "m.facekit", device=device)
        assert loaded.device.type == torch.device(device).type and loaded.about == model.about
        close(loaded.maps(x), maps)
    close(model.to("cpu").maps(x), maps)


def test_a_model_is_on_the_best_device_by_itself(faces: dict[str, Any], tmp_path: Path) -> None:
    adapted(faces, "landmarks").save(tmp_path / "m.facekit")
    assert facekit.load(tmp_path / "m.facekit").device.type == pick_device(None).type
    facekit.predict("landmarks", faces["images"][0], device=DEVICE, align="none")


def test_views_are_the_cpus(faces: dict[str, Any]) -> None:
    """Images, jitter and masks of the same views: what is drawn does not depend on the device."""
    here, there = on("cpu", jitter=0.3).views, on(DEVICE, jitter=0.3).views
    views = torch.arange(here.count)
    images, masks = there.images(views), there.labels(views)
    assert images.device.type == masks.device.type == torch.device(DEVICE).type
    close(images, here.images(views), 1e-3)
    # A pixel's centre may fall on the border of two.
    assert float((masks.cpu() != here.labels(views)).float().mean()) < 2e-3


def test_moves_are_the_cpus() -> None:
    matrices, _ = random_matrices(5, Affine(20, (0.8, 1.2), 0.1, 0.5), torch.Generator().manual_seed(1))
    images, points = torch.rand(5, 3, 64, 64), 64 * torch.rand(5, 7, 2)
    masks = (images[:, 0] * 9).byte()
    for moves in (matrices, TanhMoves(matrices, 0.8)):
        close(warp(images.to(DEVICE), moves, 48), warp(images, moves, 48), 1e-3)
        close(warp_points(points.to(DEVICE), moves, 64, 48), warp_points(points, moves, 64, 48), 1e-4)
        moved = warp_masks(masks.to(DEVICE), moves, 48).cpu()
        assert float((moved != warp_masks(masks, moves, 48)).float().mean()) < 2e-3
    sources = [[generator_for(0, i) for i in range(5)] for _ in range(2)]
    close(jitter(images.to(DEVICE), 0.3, sources[0]), jitter(images, 0.3, sources[1]), 1e-5)


@pytest.mark.parametrize("cache", [True, False])
def test_the_first_steps_are_the_cpus(cache: bool) -> None:
    here, there = on("cpu", cache=cache), on(DEVICE, cache=cache)
    for index in range(2):
        assert there.step(index)["loss"] == pytest.approx(here.step(index)["loss"], rel=CLOSE)


@pytest.mark.parametrize("settings", [{"wild": True}, {"activation": "sigmoid"}, {"baseline": "unet"}])
def test_other_ways_to_learn_parts(settings: dict[str, Any], faces: dict[str, Any]) -> None:
    model = adapted(faces, "segmentation", **settings)
    assert np.isfinite(model.about["loss"])


def test_bfloat16(faces: dict[str, Any]) -> None:
    """Convolutions in bfloat16 where the device computes in it; the loss stays close to single precision's."""
    coarse, fine = (on(DEVICE, bfloat16=wanted).step(0)["loss"] for wanted in (True, False))
    assert coarse == pytest.approx(fine, rel=0.1)
    with autocast(torch.device(DEVICE), True):
        y = torch.nn.functional.conv2d(torch.ones(1, 2, 8, 8, device=DEVICE), torch.ones(2, 2, 3, 3, device=DEVICE))
    if DEVICE == "cuda" and torch.cuda.is_bf16_supported():
        assert y.dtype == torch.bfloat16


def test_the_best_weights_are_kept(faces: dict[str, Any]) -> None:
    model = adapted(faces, "landmarks", keep_best=True, validation=(faces["images"], faces["landmarks"]))
    assert model.device.type == torch.device(DEVICE).type and np.isfinite(model.about["validation"]["nme"])


STOPPED = [("fsma", "segmentation"), ("fsma", "stylization"), ("pftgan", "segmentation")]


@pytest.mark.parametrize(("backbone", "task"), STOPPED)
def test_a_checkpoint_goes_on_on_another_device(
    backbone: str, task: str, faces: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped on one device, resumed on the other, either way."""
    assert train.__kwdefaults__ is not None
    monkeypatch.setitem(train.__kwdefaults__, "save_every", -1.0)  # after every step
    for i, (first, then) in enumerate([("cpu", DEVICE), (DEVICE, "cpu")]):
        file = tmp_path / f"{i}.pt"

        def stop(done: int, steps: int, losses: dict[str, float]) -> None:
            if done == 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            adapted(faces, task, backbone, checkpoint=file, device=first, progress=stop)
        assert torch.load(file, weights_only=True, map_location="cpu")["step"] == 2
        model = adapted(faces, task, backbone, checkpoint=file, device=then)
        assert model.device.type == torch.device(then).type and np.isfinite(model.about["loss"])


def test_resuming_repeats_the_run(faces: dict[str, Any], tmp_path: Path) -> None:
    whole = adapted(faces, "segmentation")
    again = adapted(faces, "segmentation", checkpoint=tmp_path / "c.pt")
    done = adapted(faces, "segmentation", checkpoint=tmp_path / "c.pt")
    x = torch.rand(2, 3, whole.input_size, whole.input_size)
    close(again.maps(x), whole.maps(x))
    assert torch.equal(done.maps(x), again.maps(x))


@pytest.mark.parametrize("align", ["none", "tanh"])
def test_warm_starts(align: str, faces: dict[str, Any]) -> None:
    """The embedded layers, mixed for the user's own points."""
    own = faces["landmarks"][:, [30, 36, 45, 48, 54]]
    names = ["nose", "left_eye", "right_eye", "left_mouth", "right_mouth"]
    wanted: dict[str, Any] = {**FAST, "weights": "embedded", "start": "embedded", "align": align}
    if align != "none":
        wanted["faces"] = [(2, 2, 93, 93)] * 4
    model = facekit.adapt(faces["images"], own, "landmarks", names=names, **wanted)
    assert model.about["start"] == "embedded" and np.isfinite(model.about["loss"])
    known = adapted(faces, "segmentation", "synthparse", weights="auto", start="embedded")
    assert known.about["start"] == "embedded"


def test_ready_models(faces: dict[str, Any]) -> None:
    """Searched faces, several models on one tower, an adapter; on the device and on the CPU."""
    from skimage.data import astronaut

    names = ["landmarks", "segmentation", "segmentation-fasseg", "attributes", "farl-landmarks", "farl-segmentation"]
    names += ["sketch", "shadow-removal"]
    there = facekit.predict(names, astronaut(), device=DEVICE)
    here = facekit.predict(names, astronaut(), device="cpu")
    assert np.abs(there[0].points - here[0].points).max() < 1 and np.abs(there[4].points - here[4].points).max() < 1
    for i in (1, 2, 5):
        assert (there[i].mask == here[i].mask).mean() > 0.995
    assert np.abs(there[3].probabilities - here[3].probabilities).max() < CLOSE
    for i in (6, 7):
        assert np.abs(there[i].output.astype(float) - here[i].output).mean() < 1


def test_label_adapters(faces: dict[str, Any], tmp_path: Path) -> None:
    parser = adapted(faces, "segmentation", "synthparse", weights="auto", input_size=64)
    settings: dict[str, Any] = {
        "steps": 2,
        "batch_size": 4,
        "device": DEVICE,
        "progress": False,
        "weights": "none",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three steps: classes that are absent
        model = facekit.adapt_labels(parser, faces["images"], faces["segmentation"], **settings)
    assert facekit.predict(model, faces["images"][0]).unadapted is not None
    model.save(tmp_path / "a.facekit")
    x = torch.rand(2, 3, 64, 64)
    close(facekit.load(tmp_path / "a.facekit", DEVICE).maps(x), model.maps(x))


def test_match_and_explain(faces: dict[str, Any], tiny_farl: Path) -> None:
    texts = ["a man", "a woman", "a cat"]
    there = facekit.match(faces["images"], texts, weights=tiny_farl, device=DEVICE)
    here = facekit.match(faces["images"], texts, weights=tiny_farl, device="cpu")
    assert there.shape == (4, 3) and np.abs(there - here).max() < CLOSE
    heat = facekit.explain(faces["images"][0], "a man", weights=tiny_farl, device=DEVICE).heat
    assert heat.shape == (96, 96) and heat.max() <= 1


def test_where_classifiers_disagree(faces: dict[str, Any]) -> None:
    model = adapted(faces, "segmentation", "pftgan")
    found = facekit.uncertainty(model, faces["images"][0])
    assert isinstance(found, np.ndarray) and found.shape == (96, 96) and np.isfinite(found).all()


def test_support_images(faces: dict[str, Any]) -> None:
    model = adapted(faces, "segmentation", "pftgan", support_images=faces["images"][2:])
    assert np.isfinite(model.about["loss"])


@pytest.mark.parametrize("recipe", ["datasetgan", "mae", "farl", "ddpm"])
def test_what_pftgan_is_compared_with(recipe: str, faces: dict[str, Any], tiny_farl: Path, tmp_path: Path) -> None:
    extra: dict[str, Any] = {
        "mae": {"tower": "vit_tiny_patch16_224", "input_size": 32, "layers": (1, 3)},
        "farl": {"weights": "embedded", "input_size": 64},
    }.get(recipe, {})
    if recipe == "ddpm":
        extra = {"weights": ddpm_folder(tmp_path), "layers": (1, 2)}
    model = adapted(faces, "segmentation", "pftgan", recipe=recipe, **extra)
    x = torch.rand(1, 3, model.input_size, model.input_size)
    model.save(tmp_path / "m.facekit")
    close(facekit.load(tmp_path / "m.facekit", "cpu").maps(x), model.maps(x))


def test_onnx_of_a_model_on_the_device(faces: dict[str, Any], tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    model = adapted(faces, "landmarks")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export_onnx(tmp_path / "m.onnx")
    assert model.device.type == torch.device(DEVICE).type
    x = torch.rand(3, 3, model.input_size, model.input_size)
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    (maps,) = session.run(None, {"image": x.numpy()})
    with torch.inference_mode():
        close(model.network(x.to(DEVICE)), torch.from_numpy(maps))


def test_a_whole_recipe_of_the_paper(faces: dict[str, Any]) -> None:
    """FSMA's squared error on the device, with and without features kept on disk."""
    recipe = Adaptation(steps=2, batch_size=4, heatmaps="l2", least_views=6, cache_bytes=1)
    for settings in (recipe, replace(recipe, cache=False, amsgrad=True, instance_norm=True)):
        model = facekit.adapt(
            faces["images"],
            faces["landmarks"],
            "landmarks",
            recipe=settings,
            weights="none",
            progress=False,
            device=DEVICE,
        )
        assert np.isfinite(model.about["loss"])
