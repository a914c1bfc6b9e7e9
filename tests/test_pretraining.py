"""Pre-training in several processes, killed and resumed, and grown from 128 to 256 px."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from facekit.api.pretraining import pretrain
from facekit.backbones.fsma.autoencoder import AutoEncoder, AutoEncoderSize, ImageDiscriminator, LatentDiscriminator
from facekit.backbones.fsma.growth import grow
from facekit.data.named_pools import open_pool
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.model import find_backbone
from facekit.training.distributed import (
    ALONE,
    COUNT,
    LOCAL_RANK,
    RANK,
    Processes,
    SharedBatchNorm,
    is_first,
    join,
    local_device,
)

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
    "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
]  # fmt: skip
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
        package = str(Path(__file__).parent.parent)
        environment = {
            **os.environ, "OMP_NUM_THREADS": "1", "FACEKIT_HOME": str(folder), "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": package,
        }  # fmt: skip
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


def test_only_the_first_process_speaks_and_writes(runs: Runs) -> None:
    folder = runs.whole("torchrun")
    lines = [line for line in runs.printed["torchrun"].splitlines() if line.strip()]
    assert len(lines) == 1 and json.loads(lines[0])["rec"] > 0
    ends = ("safetensors", "json", "checkpoint.pt", "checkpoint.jsonl")
    written = {f"{run}.{end}" for run in ("single", "double") for end in ends}
    assert {p.name for p in folder.iterdir() if p.is_file()} == written
    assert len(list((folder / "pools").glob("*.u8"))) == 1


def test_accelerate_launches_the_same_run(runs: Runs) -> None:
    pytest.importorskip("accelerate")
    one, two = runs.whole("accelerate"), runs.whole("torchrun")
    for run in ("single", "double"):
        assert _curve(one, run) == _curve(two, run)


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shared_norm_is_batch_norm(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    own, shared = nn.BatchNorm2d(5), nn.Sequential(nn.BatchNorm2d(5))
    nn.init.uniform_(own.weight)
    shared[0] = SharedBatchNorm(own, ALONE)
    assert list(shared[0].state_dict()) == list(own.state_dict())
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    for _ in range(3):
        x = (3 + 2 * torch.randn(4, 5, 6, 7)).to(dtype)
        inputs = [x.clone().requires_grad_() for _ in range(2)]
        outputs = [net(i) for net, i in zip((own, shared), inputs, strict=True)]
        assert outputs[1].dtype == dtype
        torch.testing.assert_close(outputs[1], outputs[0], rtol=tolerance, atol=tolerance)
        for out in outputs:
            (out.float() ** 3).sum().backward()
        torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=tolerance, atol=20 * tolerance)
    torch.testing.assert_close(shared[0].weight.grad, own.weight.grad, rtol=tolerance, atol=10 * tolerance)
    torch.testing.assert_close(shared[0].state_dict(), own.state_dict(), rtol=1e-3, atol=1e-3)


def test_batches_that_do_not_divide_are_named() -> None:
    assert Processes(1, 2).part(8) == slice(4, 8)
    with pytest.raises(ValueError, match="batch_size=7 does not divide by 2 processes"):
        Processes(0, 2).part(7)


def test_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*RANK, *COUNT, *LOCAL_RANK, "MASTER_ADDR", "MASTER_PORT", "ACCELERATE_USE_CPU"):
        monkeypatch.delenv(name, raising=False)
    assert is_first() and local_device("mps") == "mps"
    with join(torch.device("cpu")) as processes:
        assert processes == ALONE
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="RANK"), join(torch.device("cpu")):
        raise AssertionError
    with pytest.raises(ValueError, match="mps"):
        local_device("mps")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_RANK", "1")
    assert local_device(None) == "cuda:1" and local_device("cpu") == "cpu"
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert local_device(None) == "cpu"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="no CUDA device of its own"):
        local_device("cuda")
    monkeypatch.setenv("RANK", "2")
    assert not is_first()


def _double(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@torch.no_grad()
def test_a_source_may_be_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEKIT_DATA", str(tmp_path))
    (tmp_path / "celebahq128").mkdir()
    with tarfile.open(tmp_path / "celebahq128" / "0.tar", "w") as tar:
        for i in range(5):
            save_image(np.full((128, 128, 3), 40 * i, np.uint8), tmp_path / "one.png")
            content = (tmp_path / "one.png").read_bytes()
            member = tarfile.TarInfo(f"{i}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    pool = open_pool(["celebahq128:3"], 64, tmp_path / "pools", False)
    assert pool[torch.arange(len(pool))][:, 0, 0, 0].tolist() == [0, 40, 80]
    for wrong in ("celebahq128:0", "celebahq128:", "generated:many"):
        with pytest.raises(ValueError, match="COUNT"):
            open_pool([wrong], 64, tmp_path / "pools", False)
    with pytest.raises(FileNotFoundError, match="celebahq129"):
        open_pool(["celebahq129:3"], 64, tmp_path / "pools", False)


def test_grown_network_reconstructs_like_the_small_one() -> None:
    small = fsma.load("embedded")
    faces = GeneratedFaces(seed=9, size=128, domain="wild").batch(range(24), want=("image",))["image"].float() / 255
    large = _double(faces)
    before = {k: v.clone() for k, v in small.state_dict().items()}
    net = grow(small, AutoEncoderSize(256, 32), large[:16])
    assert all(torch.equal(before[k], v) for k, v in small.state_dict().items())
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items() if k in before)
    shared_only = AutoEncoder(AutoEncoderSize(256, 32)).eval()
    shared_only.load_state_dict(before, strict=False)
    wanted = _double(small.reconstruct(faces[16:]))
    grown, unprepared = (float((n.reconstruct(large[16:]) - wanted).abs().mean() * 255) for n in (net, shared_only))
    assert grown < 8 < 30 < unprepared  # grey levels
    loss, small_loss = ((y - large[16:]).abs().mean() * 255 for y in (net.reconstruct(large[16:]), wanted))
    assert loss < 1.1 * small_loss
    # Training mode is where it goes on: there too the new layers change little.
    both = [n.train().reconstruct(x[16:]) for n, x in ((net, large), (small, faces))]
    assert (both[0] - _double(both[1])).abs().mean() * 255 < 14


def test_pretraining_goes_on_at_256_px(faces: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    # Not narrower: with fewer than 16 channels oneDNN (torch 2.15, AVX-512) writes past the gradient of a channels-last
    # 1x1 convolution of stride 2 when the map is 64 px wide.
    tiny = {
        k: v.half() if v.is_floating_point() else v
        for k, v in AutoEncoder(AutoEncoderSize(128, 16)).state_dict().items()
    }
    save_file(tiny, tmp_path / "ae128.safetensors")
    out = tmp_path / "ae256.safetensors"
    losses = pretrain(
        "fsma", faces, preset="256", weights=tmp_path / "ae128.safetensors", out=out, steps=2, batch_size=2,
        pool=tmp_path, progress=False, device="cpu",
    )  # fmt: skip
    assert np.isfinite(list(losses.values())).all()
    net = fsma.load(out)
    assert net.size == AutoEncoderSize(256, 16)
    with safe_open(out, "pt") as file:
        assert file.metadata()["started_from"] == "ae128.safetensors"
    # Two steps of 2e-5: what was copied is still there.
    kept = net.state_dict()["Q.layer3.0.conv1.weight"] - tiny["Q.layer3.0.conv1.weight"].float()
    assert kept.abs().max() < 1e-3


def test_what_does_not_grow_is_named(faces: Path, tmp_path: Path) -> None:
    small, images = AutoEncoder(AutoEncoderSize(128, 8)), torch.rand(2, 3, 256, 256)
    with pytest.raises(ValueError, match="width 8 and z_dim 99.*16 and 99"):
        grow(small, AutoEncoderSize(256, 16), images)
    with pytest.raises(ValueError, match="z_dim"):
        grow(small, AutoEncoderSize(256, 8, 50), images)
    with pytest.raises(ValueError, match="from 256 to 256"):
        grow(AutoEncoder(AutoEncoderSize(256, 8)), AutoEncoderSize(256, 8), images)
    large = AutoEncoder(AutoEncoderSize(256, 16)).state_dict()
    save_file({k: v.contiguous() for k, v in large.items()}, tmp_path / "ae256.safetensors")
    with pytest.raises(ValueError, match="do not shrink"):
        pretrain("fsma", faces, weights=tmp_path / "ae256.safetensors", out=tmp_path / "x.safetensors")
    with pytest.raises(FileNotFoundError, match="any.safetensors"):
        pretrain("fsma", faces, preset="256", weights="any.safetensors", out=tmp_path / "x.safetensors")


def test_going_on_from_weights_of_the_same_size(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "more.safetensors"
    settings: dict[str, Any] = {"steps": 1, "batch_size": 4, "lr": 1e-6, "pool": tmp_path, "progress": False}
    pretrain("fsma", faces, weights="embedded", out=out, device="cpu", **settings)
    (known, discriminator), (new, judge) = ((fsma.load(w), fsma.discriminator(w)) for w in ("embedded", out))
    assert new.size == known.size
    for name in ("Q.layer4.1.conv2.weight", "P.layer4.0.conv1.weight"):
        assert 0 < (new.state_dict()[name] - known.state_dict()[name]).abs().max() < 1e-3
    assert torch.allclose(discriminator[1].main[0].weight, judge[1].main[0].weight, atol=1e-3), (
        "the discriminator goes on, too"
    )
