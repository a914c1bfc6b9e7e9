"""Public functions leave the caller's global state as it is, and do not depend on it."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from helpers.slow import slow_unless

import facekit
from facekit.data.synthetic_cats import GeneratedAnimals
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import FACEKIT_27, FASSEG_6, segmentation_map

FAST: dict[str, Any] = {"steps": 2, "batch_size": 3, "views": 1, "least_views": 3, "device": "cpu", "progress": False}


def state() -> dict[str, Any]:
    """All that a public function could change."""
    return {
        "torch's random state": torch.get_rng_state().tolist(),
        "numpy's random state": str(np.random.get_state()),
        "Python's random state": random.getstate(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "gradients": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads(), cv2.getNumThreads()),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul precision": torch.get_float32_matmul_precision(),
        "cudnn": (
            torch.backends.cudnn.benchmark,
            torch.backends.cudnn.deterministic,
            torch.backends.cudnn.allow_tf32,
            torch.backends.cuda.matmul.allow_tf32,
            torch.backends.mkldnn.enabled,
        ),
        "warning filters": [repr(f) for f in warnings.filters],
        "environment": dict(os.environ),
        "logging": (logging.root.level, list(logging.root.handlers), logging.getLogger("facekit").level),
        "numpy's errors": np.geterr(),
        "numpy's printing": str(np.get_printoptions()),
        "working folder": os.getcwd(),
    }


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    batch = GeneratedFaces(seed=41, size=96, yaw=(-20, 20)).batch(range(3), want=("image", "mask", "landmarks68"))
    table = segmentation_map(FACEKIT_27, FASSEG_6)
    return {
        "image": list(batch["image"].permute(0, 2, 3, 1).numpy()),
        "landmarks": batch["landmarks68"].numpy(),
        "segmentation": [np.where(m == 255, 0, m) for m in table[batch["mask"].numpy()]],
        "stylization": list(255 - batch["image"].permute(0, 2, 3, 1).numpy()),
        "attributes": np.array([[0, 1], [1, 0], [1, 1.0]]),
    }


def adapted(x: dict[str, Any], task: str = "landmarks", backbone: str = "fsma", **settings: Any) -> facekit.Model:
    return facekit.adapt(x["image"], x[task], task, backbone, **{**FAST, **settings})


def relabelled(x: dict[str, Any]) -> facekit.Model:
    parser = adapted(x, "segmentation", "synthparse", weights="none", input_size=64)
    return facekit.adapt_labels(
        parser,
        x["image"],
        x["segmentation"],
        decoder="fpn",
        weights="none",
        steps=2,
        batch_size=2,
        device="cpu",
        progress=False,
    )


def saved(x: dict[str, Any], folder: Path) -> facekit.Model:
    adapted(x).save(folder / "m.facekit")
    return facekit.load(folder / "m.facekit", "cpu")


def disagreement(x: dict[str, Any]) -> Any:
    model = adapted(x, "segmentation", "pftgan", weights="none", members=2, classifier_epochs=1, pixels=300, stages="")
    return facekit.uncertainty(model, x["image"][0])


def exported(x: dict[str, Any], folder: Path) -> None:
    pytest.importorskip("onnxscript")
    adapted(x, weights="none").export_onnx(folder / "m.onnx")


CALLS: dict[str, Callable[[dict[str, Any], Path], Any]] = {
    "adapt fsma": lambda x, f: adapted(x),
    "adapt fsma, random weights": lambda x, f: adapted(x, "segmentation", weights="none"),
    "adapt fsma, a GAN": lambda x, f: adapted(x, "stylization", validation=(x["image"], x["stylization"])),
    "adapt farl": lambda x, f: adapted(x, "attributes", "farl"),
    "adapt farl, a tower of timm": lambda x, f: adapted(
        x, "landmarks", "farl", weights="none", tower="vit_tiny_patch16_224", input_size=64
    ),
    "adapt synthparse, dropout and wild": lambda x, f: adapted(
        x,
        "segmentation",
        "synthparse",
        weights="none",
        decoder="fpn",
        decoder_channels=None,
        wild=True,
        cache=False,
        input_size=64,
    ),
    "adapt pftgan": lambda x, f: adapted(x, "segmentation", "pftgan", classifier_epochs=1, pixels=300),
    "adapt_labels": lambda x, f: relabelled(x),
    "pretrain tokenizer": lambda x, f: facekit.pretrain(
        "tokenizer", "generated:4", out=f / "t.safetensors", pool=f, steps=1, batch_size=2, device="cpu", progress=False
    ),
    "pretrain stylegan2": lambda x, f: facekit.pretrain(
        "stylegan2",
        "generated:4",
        out=f / "g.safetensors",
        pool=f,
        steps=1,
        batch_size=4,
        reconstructed=2,
        device="cpu",
        progress=False,
    ),
    "predict": lambda x, f: facekit.predict(["landmarks", "segmentation"], x["image"][0], align="mean"),
    "evaluate": lambda x, f: facekit.evaluate("landmarks", x["image"], x["landmarks"], align="none"),
    "evaluate images": lambda x, f: facekit.evaluate(
        adapted(x, "stylization", weights="none"), x["image"], x["stylization"]
    ),
    "evaluate_by": lambda x, f: facekit.evaluate_by(
        "landmarks", x["image"], x["landmarks"], ["a", "b", "a"], align="none"
    ),
    "save and load": saved,
    "export_onnx": exported,
    "load_backbone fsma": lambda x, f: facekit.load_backbone("fsma"),
    "load_backbone farl": lambda x, f: facekit.load_backbone("farl", "none"),
    "load_backbone synthparse": lambda x, f: facekit.load_backbone("synthparse", "none"),
    "load_backbone pftgan": lambda x, f: facekit.load_backbone("pftgan"),
    "match": lambda x, f: facekit.match(x["image"], ["a man", "a woman"]),
    "explain": lambda x, f: facekit.explain(x["image"][0], "a smile"),
    "uncertainty": lambda x, f: disagreement(x),
    "find_faces": lambda x, f: facekit.find_faces(x["image"][0]),
    "load_image": lambda x, f: facekit.load_image(x["image"][0]),
    "GeneratedFaces": lambda x, f: GeneratedFaces(seed=1, size=32).batch(range(3)),
    "GeneratedAnimals": lambda x, f: GeneratedAnimals(seed=1, size=32).batch(range(2)),
}


@pytest.mark.parametrize("name", slow_unless(lambda name: name not in ("export_onnx", "adapt pftgan"), CALLS))
def test_the_callers_state_stays(name: str, faces: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(123)
    np.random.seed(7)
    random.seed(9)
    before = state()
    CALLS[name](faces, tmp_path)
    after = state()
    assert [what for what in before if before[what] != after[what]] == []


@pytest.mark.slow
def test_imports_in_a_fresh_process_leave_the_state() -> None:
    code = """
import os, warnings
import numpy as np, torch
import facekit.api.adaptation, facekit.cli.quickstart
from facekit.model import find_backbone
from facekit.augmentation.in_the_wild import WildAugmentation
before = [repr(f) for f in warnings.filters], dict(os.environ)
for name in ("fsma", "farl", "synthparse", "pftgan"):
    find_backbone(name)
WildAugmentation()(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8), 0)
assert before == ([repr(f) for f in warnings.filters], dict(os.environ))
"""
    set_by_packages = ("NO_ALBUMENTATIONS_UPDATE", "TOKENIZERS_PARALLELISM", "TORCHINDUCTOR_CACHE_DIR")
    environment = {k: v for k, v in os.environ.items() if k not in set_by_packages}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def weights_of(model: facekit.Model) -> list[torch.Tensor]:
    return list(model.network.state_dict().values())


def same(first: facekit.Model, second: facekit.Model) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights_of(first), weights_of(second), strict=True))


def learned(x: dict[str, Any], seed: int) -> facekit.Model:
    """On a network with dropout, which draws from the generator that all threads share."""
    return adapted(
        x,
        "segmentation",
        "synthparse",
        weights="none",
        decoder="fpn",
        decoder_channels=None,
        tower_lr=1e-3,
        input_size=64,
        steps=4,
        seed=seed,
    )


@pytest.mark.slow
def test_two_threads_get_what_each_gets_alone(faces: dict[str, Any]) -> None:
    alone = [learned(faces, seed) for seed in (0, 1)]
    together: dict[int, facekit.Model] = {}
    before = state()
    threads = [
        threading.Thread(target=lambda seed=seed: together.update({seed: learned(faces, seed)})) for seed in (0, 1)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same(together[0], alone[0]) and same(together[1], alone[1]) and not same(alone[0], alone[1])
    assert state() == before


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Any:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS: dict[str, Callable[[], Any]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "meta": lambda: torch.device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


TASKS = {"fsma": "landmarks", "synthparse": "segmentation", "farl": "attributes", "pftgan": "segmentation"}
EXTRA = {"pftgan": {"classifier_epochs": 1, "pixels": 300}}
FIRST = (("float64", "fsma"), ("autocast", "synthparse"), ("inference_mode", "farl"))


@pytest.fixture(scope="module")
def plain_models(faces: dict[str, Any]) -> Callable[[str], facekit.Model]:
    """Models that were adapted under torch's own settings, one for each backbone."""
    return functools.cache(lambda name: adapted(faces, TASKS[name], name, **EXTRA.get(name, {})))


@pytest.mark.parametrize(
    ("name", "backbone"), slow_unless(FIRST.__contains__, [(name, b) for b in TASKS for name in SETTINGS])
)
def test_models_are_the_same_under_any_settings(
    name: str, backbone: str, plain_models: Callable[[str], facekit.Model], faces: dict[str, Any]
) -> None:
    task, settings, plain = TASKS[backbone], EXTRA.get(backbone, {}), plain_models(backbone)
    with SETTINGS[name]():
        before = state()
        other = adapted(faces, task, backbone, **settings)
        result = facekit.predict(other, faces["image"][0])
        assert state() == before
    assert same(plain, other)
    assert np.array_equal(result.draw(), facekit.predict(plain, faces["image"][0]).draw())


@pytest.mark.parametrize("name", slow_unless("meta".__eq__, ["no_grad", "inference_mode", "float64", "meta"]))
def test_other_functions_work_under_any_settings(name: str, faces: dict[str, Any], tmp_path: Path) -> None:
    with SETTINGS[name]():
        heat = facekit.explain(faces["image"][0], "a smile").heat
        matched = facekit.match(faces["image"], ["a man", "a woman"])
        generated = GeneratedFaces(seed=1, size=32).batch(range(2))["image"]
        model = relabelled(faces)
        facekit.pretrain(
            "tokenizer",
            "generated:4",
            out=tmp_path / "t.safetensors",
            pool=tmp_path,
            steps=1,
            batch_size=2,
            device="cpu",
            progress=False,
        )
    assert np.array_equal(heat, facekit.explain(faces["image"][0], "a smile").heat)
    assert np.array_equal(matched, facekit.match(faces["image"], ["a man", "a woman"]))
    assert torch.equal(generated, GeneratedFaces(seed=1, size=32).batch(range(2))["image"])
    assert same(model, relabelled(faces))


def test_warnings_name_the_callers_line(faces: dict[str, Any]) -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    with pytest.warns(UserWarning, match="no face found") as found:
        facekit.predict("landmarks", grey)
    masks = [np.where(m == 2, 0, m) for m in faces["segmentation"]]
    with pytest.warns(UserWarning, match="no pixel of") as absent:
        facekit.adapt(faces["image"], masks, "segmentation", weights="none", names=FASSEG_6, **FAST)
    assert {w.filename for w in [*found, *absent]} == {__file__}
