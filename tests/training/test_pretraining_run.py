"""FSMA's pre-training in several processes equals that in one, also after it was killed and resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from facekit.backbones.fsma.autoencoder import AutoEncoder, AutoEncoderSize, ImageDiscriminator, LatentDiscriminator
from facekit.images.reader import save_image
from facekit.model import find_backbone

fsma = find_backbone("fsma")
# First two steps by the paper's recipe and the command line, then six in double precision. Argument `stop`: the
# second run hangs before its checkpoint of that step is written, and waits to be killed.
SCRIPT = """
import os, sys, time
from pathlib import Path
import torch
import facekit, facekit.training.losses
from facekit.__main__ import main
from facekit.backbones.fsma import pretraining
from facekit.backbones.fsma.autoencoder import PRESETS, AutoEncoderSize

faces, folder, stop = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
PRESETS["128"] = AutoEncoderSize(128, 8, 16)
pretraining.WHITENING = 100

def progress(done, steps, losses):
    if done == stop:
        (folder / "pid").write_text(str(os.getpid()))
        time.sleep(120)

command = ["pretrain", "fsma", "--preset", "128", "--faces", faces, "--steps", "2", "--batch", "8", "--json"]
assert main([*command, "--out", str(folder / "single.safetensors")]) == 0
torch.set_default_dtype(torch.float64)
window = facekit.training.losses._window_matrix
facekit.training.losses._window_matrix = lambda side, device: window(side, device).double()
# Without the decorator that sets single precision, whatever the caller's default is.
facekit.pretrain.__wrapped__("fsma", faces, preset="128", out=folder / "double.safetensors", steps=6, batch_size=8,
    lr=1e-3, save_every=0, progress=progress, device="cpu")
"""
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
# accelerate's --cpu would start one process; --multi_gpu is its way to say "several", and there need be no GPU.
ACCELERATE = [
    "-m",
    "accelerate.commands.launch",
    "--multi_gpu",
    "--num_processes",
    "2",
    "--num_machines",
    "1",
    "--mixed_precision",
    "no",
    "--dynamo_backend",
    "no",
    "--main_process_port",
    "0",
]
LAUNCHERS: dict[str, list[str]] = {"alone": [], "torchrun": TORCHRUN, "accelerate": ACCELERATE}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    blobs = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    images = (F.interpolate(blobs, size=160, mode="bilinear") * 255).byte().permute(0, 2, 3, 1).numpy()
    for i, image in enumerate(images):
        save_image(image, folder / f"{i}.png")
    return folder


class Runs:
    """Runs of SCRIPT, each launcher's uninterrupted one made once."""

    def __init__(self, faces: Path, root: Path):
        self.faces, self.root = faces, root
        self.printed: dict[str, str] = {}

    def start(self, launcher: str, folder: Path, stop: int = 0) -> subprocess.Popen[str]:
        folder.mkdir(exist_ok=True)
        script = self.root / "script.py"
        script.write_text(SCRIPT)
        package = str(Path(__file__).parents[2])
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "FACEKIT_HOME": str(folder),
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": package,
        }
        command = [sys.executable, *LAUNCHERS[launcher], str(script), str(self.faces), str(folder), str(stop)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    def finish(self, launcher: str, folder: Path) -> str:
        process = self.start(launcher, folder)
        try:
            printed, _ = process.communicate(timeout=200)
        finally:
            process.kill()
        assert process.returncode == 0
        return printed

    def whole(self, launcher: str) -> Path:
        folder = self.root / launcher
        if launcher not in self.printed:
            self.printed[launcher] = self.finish(launcher, folder)
        return folder


@pytest.fixture(scope="module")
def runs(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(faces, tmp_path_factory.mktemp("runs"))


def _curve(folder: Path, run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / f"{run}.checkpoint.jsonl").open()]


def _state(folder: Path, run: str) -> dict[str, Any]:
    saved = torch.load(folder / f"{run}.checkpoint.pt", weights_only=True)["program"]
    return {f"{part}.{k}": v for part in ("net", "critic", "critic_z") for k, v in saved[part].items()}


def _rounding() -> float:
    """Bound how far the order of summing moves the first losses of SCRIPT's network, relative, in single precision.

    Sums of n terms differ by about sqrt(n) eps, for roundings are independent of each other (Higham and Mary, "A new
    approach to probabilistic rounding error analysis", 2019). Each layer adds its own; a loss passes through the
    auto-encoder and one discriminator.
    """
    discriminators = ImageDiscriminator(), LatentDiscriminator(16)
    weights = [p for net in (AutoEncoder(AutoEncoderSize(128, 8, 16)), *discriminators) for p in net.parameters()]
    return torch.finfo(torch.float32).eps * sum(w[0].numel() ** 0.5 for w in weights if w.dim() > 1)


@pytest.mark.slow
def test_two_processes_are_one_with_the_whole_batch(runs: Runs) -> None:
    one, two = runs.whole("alone"), runs.whole("torchrun")
    # In double precision nothing hides: rounding is 1e-16, so a forgotten exchange would show at once.
    alone, together = _curve(one, "double"), _curve(two, "double")
    assert len(together) == 6
    for a, b in zip(alone, together, strict=True):
        assert b == pytest.approx(a, rel=1e-8, abs=1e-8)
    assert [list(line) for line in alone] == [list(line) for line in together]
    state = _state(two, "double")
    for key, value in _state(one, "double").items():
        # Adam (beta1 = 0) turns a gradient of about its epsilon into a visible part of a step, rounding and all: a
        # thousandth of the learning rate is allowed, where a forgotten exchange would make whole steps of difference.
        torch.testing.assert_close(state[key], value, rtol=1e-6, atol=1e-6, msg=lambda m, k=key: f"{k}: {m}")
    # In single precision processors add in different orders. The networks amplify that from the second step on: one
    # process with two threads differs from itself with one thread as much.
    alone, together = _curve(one, "single"), _curve(two, "single")
    assert together[0] == pytest.approx(alone[0], rel=_rounding())
    assert together[1] == pytest.approx(alone[1], rel=1e-2)


@pytest.mark.slow
def test_only_the_first_process_speaks_and_writes(runs: Runs) -> None:
    folder = runs.whole("torchrun")
    lines = [line for line in runs.printed["torchrun"].splitlines() if line.strip()]
    assert len(lines) == 1 and json.loads(lines[0])["rec"] > 0
    ends = ("safetensors", "json", "checkpoint.pt", "checkpoint.jsonl")
    written = {f"{run}.{end}" for run in ("single", "double") for end in ends}
    assert {p.name for p in folder.iterdir() if p.is_file()} == written
    assert len(list((folder / "pools").glob("*.u8"))) == 1


@pytest.mark.slow
def test_accelerate_launches_the_same_run(runs: Runs) -> None:
    pytest.importorskip("accelerate")
    one, two = runs.whole("accelerate"), runs.whole("torchrun")
    for run in ("single", "double"):
        assert _curve(one, run) == _curve(two, run)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["alone", "torchrun"])
def test_killed_run_resumes_exactly(runs: Runs, tmp_path: Path, launcher: str) -> None:
    whole, folder = runs.whole(launcher), tmp_path / "killed"
    killed = runs.start(launcher, folder, stop=4)
    deadline = time.monotonic() + 200
    while not (folder / "pid").exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    try:
        os.kill(int((folder / "pid").read_text()), signal.SIGKILL)
        killed.communicate(timeout=100)
    finally:
        killed.kill()
    assert killed.returncode != 0
    assert torch.load(folder / "double.checkpoint.pt", weights_only=True)["step"] == 3
    assert not (folder / "double.safetensors").exists()
    runs.finish(launcher, folder)
    assert _curve(folder, "double") == _curve(whole, "double")
    state = _state(folder, "double")
    assert all(torch.equal(state[key], value) for key, value in _state(whole, "double").items())
    a, b = (load_file(f / "double.safetensors") for f in (whole, folder))
    assert all(torch.equal(a[key], b[key]) for key in a)
