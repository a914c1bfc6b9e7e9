"""Everything that computes, on a GPU: `pytest -m gpu`.

Each test also runs on another device of torch by FACEKIT_TEST_DEVICE, e.g. `FACEKIT_TEST_DEVICE=cpu pytest -m gpu`.
Networks are compared between devices within `CLOSE`: convolutions of NVIDIA GPUs round factors to 11 bits (TF32).
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pftgan_frozen import ddpm_folder
from safetensors.torch import save_file
from test_farl import tiny_pair

import facekit
from facekit.api.shards import make_shards
from facekit.augmentation.affine import Affine, TanhMoves, jitter, random_matrices, warp, warp_masks, warp_points
from facekit.backbones.farl.image_text_model import to_clip
from facekit.backbones.farl.tokenizer import VisualTokenizer
from facekit.backbones.fsma.config import FSMAAdaptation
from facekit.core.device import autocast, pick_device
from facekit.core.random_streams import generator_for
from facekit.data.image_text import PairPool
from facekit.data.synthetic_cats import GeneratedAnimals
from facekit.data.synthetic_faces.generator import WANTS, GeneratedFaces
from facekit.labels import FACEKIT_27, HELEN_11, segmentation_map
from facekit.tasks import SegmentationTask
from facekit.training.config import Adaptation
from facekit.training.distributed import ALONE, SharedBatchNorm
from facekit.training.finetune import FineTuning
from facekit.training.loop import train
from facekit.training.views import TrainingData
from facekit.zoo.embedded import embedded_file

DEVICE = os.environ.get("FACEKIT_TEST_DEVICE", "cuda")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device is here"),
]
CLOSE = 2e-2  # of the largest value
TASKS = {
    "fsma": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "synthparse": ("landmarks", "segmentation", "stylization", "shadow_removal"),
    "farl": ("landmarks", "segmentation", "stylization", "shadow_removal", "attributes"),
    "pftgan": ("landmarks", "segmentation", "stylization"),
}
PAIRS = [(backbone, task) for backbone, tasks in TASKS.items() for task in tasks]
FAST: dict[str, Any] = {
    "weights": "none", "steps": 3, "views": 2, "least_views": 6, "batch_size": 4, "progress": False, "device": DEVICE,
}  # fmt: skip
SHORT: dict[str, Any] = {"views": 1, "classifier_epochs": 2, "pixels": 400, "refine": 1, "members": 2}


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
    wanted = {**FAST, **(SHORT if backbone == "pftgan" else {}), "names": names, **settings}
    return facekit.adapt(faces["images"], faces[task], task, backbone, **wanted)


def close(found: torch.Tensor, wanted: torch.Tensor, part: float = CLOSE) -> None:
    """Compare on the CPU, relative to the largest value."""
    found, wanted = found.detach().cpu().double(), wanted.detach().cpu().double()
    assert found.shape == wanted.shape and bool(found.isfinite().all())
    assert float((found - wanted).abs().max()) <= part * max(1.0, float(wanted.abs().max()))


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
    there = facekit.predict(names, astronaut(), device=DEVICE)
    here = facekit.predict(names, astronaut(), device="cpu")
    assert np.abs(there[0].points - here[0].points).max() < 1 and np.abs(there[4].points - here[4].points).max() < 1
    for i in (1, 2, 5):
        assert (there[i].mask == here[i].mask).mean() > 0.995
    assert np.abs(there[3].probabilities - here[3].probabilities).max() < CLOSE


def test_label_adapters(faces: dict[str, Any], tmp_path: Path) -> None:
    parser = adapted(faces, "segmentation", "synthparse", weights="auto", input_size=64)
    settings: dict[str, Any] = {
        "steps": 2, "batch_size": 4, "device": DEVICE, "progress": False, "weights": "none",
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # three steps: classes that are absent
        model = facekit.adapt_labels(parser, faces["images"], faces["segmentation"], **settings)
    assert facekit.predict(model, faces["images"][0]).naked is not None
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


@pytest.mark.parametrize("domain", ["studio", "wild"])
def test_generated_faces_are_the_cpus(domain: str) -> None:
    """Parameters are drawn by numpy, so only rounding differs: at edges it decides which surface a pixel shows."""
    there, here = (
        GeneratedFaces(seed=5, size=64, domain=domain, device=device).batch(range(6), want=WANTS)
        for device in (DEVICE, "cpu")
    )
    for name in ("image", "shadow_free"):
        apart = (there[name].cpu().int() - here[name].int()).abs().float()
        assert float(apart.mean()) < 0.5 and float((apart > 8).float().mean()) < 5e-3
    assert float((there["mask"].cpu() != here["mask"]).float().mean()) < 5e-3
    for k in ("68", "44", "98"):
        torch.testing.assert_close(there[f"landmarks{k}"].cpu(), here[f"landmarks{k}"], atol=0.05, rtol=0)
    assert there["caption"] == here["caption"] and torch.equal(there["attributes"].cpu(), here["attributes"])
    assert there["image"].device.type == torch.device(DEVICE).type
    styles = GeneratedFaces(seed=5, size=64, domain=domain, device=DEVICE)[2].styles
    assert {s.shape for s in styles.values()} == {(64, 64, 3)}


def test_generated_animals_are_the_cpus() -> None:
    there, here = (
        GeneratedAnimals(seed=5, size=64, device=device).batch(range(3), want=("image", "mask", "landmarks"))
        for device in (DEVICE, "cpu")
    )
    apart = (there["image"].cpu().int() - here["image"].int()).abs().float()
    assert float(apart.mean()) < 0.5 and float((there["mask"].cpu() != here["mask"]).float().mean()) < 5e-3
    torch.testing.assert_close(there["landmarks"].cpu(), here["landmarks"], atol=0.05, rtol=0)


PRETRAINED: dict[str, dict[str, Any]] = {
    "fsma": {},
    "tokenizer": {"vocabulary": 16},
    "stylegan2": {"reconstructed": 2, "r1_every": 1, "path_length_every": 2},
    "stylegan2 projected": {"reconstructed": 2, "projected": True, "judged_again": True, "r1": 0.0},
    "stylegan2 augmented": {"reconstructed": 0, "ada_every": 1, "ada_images": 8, "style_mixing": 0.5},
}


@pytest.mark.parametrize("name", list(PRETRAINED))
def test_pretraining(name: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 3, "batch_size": 4, "progress": False, "pool": tmp_path, "device": DEVICE}
    backbone, out = name.split()[0], tmp_path / "b.safetensors"
    losses = facekit.pretrain(backbone, "generated:6", out=out, **settings, **PRETRAINED[name])
    assert all(np.isfinite(v) for v in losses.values())
    # Going on from the checkpoint, on the CPU.
    settings |= {"steps": 4, "device": "cpu", **PRETRAINED[name]}
    more = facekit.pretrain(backbone, "generated:6", out=out, **settings)
    assert all(np.isfinite(v) for v in more.values())


def test_pretraining_of_an_inversion_encoder(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"steps": 2, "batch_size": 4, "progress": False, "pool": tmp_path, "device": DEVICE}
    weights, out = embedded_file("pftgan"), tmp_path / "e.safetensors"
    facekit.pretrain("inversion", "generated:4", weights=weights, out=out, **settings)
    backbone = facekit.load_backbone("pftgan", weights, inversion=out).to(DEVICE)
    x = torch.rand(2, 3, 64, 64, device=DEVICE)
    assert backbone.reconstruct(x).device.type == torch.device(DEVICE).type


def test_pretraining_of_farl(tmp_path: Path) -> None:
    made = make_shards(["generated:8"], tmp_path / "shards", size=96, progress=False, device=DEVICE)
    assert made["pairs"] == 8
    torch.manual_seed(0)
    save_file(VisualTokenizer(40, 8, (8, 8, 8, 8)).state_dict(), tmp_path / "t.safetensors")
    losses = facekit.pretrain(
        "farl", tmp_path / "shards", out=tmp_path / "f.safetensors", steps=2, batch_size=4, progress=False, warmup=1,
        tokenizer=str(tmp_path / "t.safetensors"), device=DEVICE,
    )  # fmt: skip
    assert set(losses) == {"itc", "mim"} and all(np.isfinite(v) for v in losses.values())
    tower = facekit.load_backbone("farl", tmp_path / "f.safetensors")
    x = torch.rand(1, 3, 96, 96)
    close(tower.to(DEVICE).encode(x.to(DEVICE)), tower.to("cpu").encode(x))


def test_shards_are_the_cpus(tmp_path: Path) -> None:
    pools = []
    for device in (DEVICE, "cpu"):
        make_shards(["generated:4"], tmp_path / device, size=64, progress=False, device=device)
        pools.append(PairPool(tmp_path / device))
    for there, here in zip(*([pool[i] for i in range(4)] for pool in pools), strict=True):
        assert there.text == here.text and there.points is not None and here.points is not None
        assert np.abs(there.points - here.points).max() < 0.1
        assert np.abs(there.image.astype(int) - here.image).mean() < 1


@pytest.mark.parametrize("name", ["fsma", "farl", "synthparse", "pftgan"])
def test_backbones_by_themselves(name: str) -> None:
    backbone = facekit.load_backbone(name, "none")
    side = {"fsma": 128, "farl": 96, "synthparse": 128, "pftgan": 64}[name]
    x = torch.rand(2, 3, side, side)
    wanted = backbone.features(x)
    found = backbone.to(DEVICE).features(x.to(DEVICE))
    for a, b in zip(found, wanted, strict=True):
        assert a.device.type == torch.device(DEVICE).type
        close(a, b)


def test_shared_norms() -> None:
    torch.manual_seed(0)
    own = torch.nn.BatchNorm2d(5)
    shared = SharedBatchNorm(own, ALONE).to(DEVICE)
    x = torch.randn(4, 5, 6, 7)
    inputs = [x.clone().requires_grad_(), x.clone().to(DEVICE).requires_grad_()]
    outputs = [own(inputs[0]), shared(inputs[1])]
    for out in outputs:
        (out**3).sum().backward()
    close(outputs[1], outputs[0], 1e-4)
    assert inputs[0].grad is not None and inputs[1].grad is not None
    close(inputs[1].grad, inputs[0].grad, 1e-3)


def test_a_whole_recipe_of_the_paper(faces: dict[str, Any]) -> None:
    """FSMA's squared error on the device, with and without features kept on disk."""
    recipe = Adaptation(steps=2, batch_size=4, heatmaps="l2", least_views=6, cache_bytes=1)
    for settings in (recipe, replace(recipe, cache=False, amsgrad=True, instance_norm=True)):
        model = facekit.adapt(faces["images"], faces["landmarks"], "landmarks", recipe=settings, weights="none",
                              progress=False, device=DEVICE)  # fmt: skip
        assert np.isfinite(model.about["loss"])
