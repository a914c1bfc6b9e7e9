"""FaRL's pre-training is the same in two processes, resumes exactly after it was killed, and learns."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.farl_tiny import tiny_pair
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from facekit.api.pretraining import pretrain
from facekit.backbones.farl.config import PRETRAIN_BASE, FaRLPretraining
from facekit.backbones.farl.pretraining import Pretraining
from facekit.backbones.farl.tokenizer import VisualTokenizer, load_tokens
from facekit.data.image_text import Pair, five_points, write_shards
from facekit.data.image_text.pair import boxes_of
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.model import find_backbone

farl = find_backbone("farl")

ROOT = Path(__file__).parents[3]
TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]

# One step's losses and gradients, and the weights after three steps, on pairs that need no files.
STEPS = """
import sys
sys.path.insert(0, sys.argv[1])
import torch
from facekit.backbones.farl.pretraining import Pretraining
from facekit.backbones.farl.tokenizer import VisualTokenizer
from facekit.training.distributed import join
from facekit.backbones.farl.config import FaRLPretraining
from facekit.core.random_streams import generator_for
from helpers.farl_tiny import tiny_pair

class Batches:
    def __init__(self, part):
        self.part = part
    def from_step(self, step):
        while True:
            images = torch.randint(256, (8, 3, 32, 32), generator=generator_for(0, step, 20), dtype=torch.uint8)
            texts = [f"face number {8 * step + i}" for i in range(8)]
            yield {"image": images[self.part], "text": texts[self.part]}
            step += 1

def main():
    torch.manual_seed(0)
    tokens = VisualTokenizer(40, 8, (8, 8, 8, 8)).eval()
    recipe = FaRLPretraining(batch_size=8, warmup=2, mim_layers=1, bfloat16=False)
    with join(torch.device("cpu")) as processes:
        batches = Batches(processes.part(8))
        program = Pretraining(tiny_pair(), batches, tokens, recipe, 10, torch.device("cpu"), 0, processes)
        losses = processes.average(program.gradients(0))
        gradients = {k: p.grad.clone() for k, p in program.networks.named_parameters()}
        curve = [program.step(i) for i in range(3)]
        state = program.state_dict()
        if processes.first:
            torch.save({"losses": losses, "gradients": gradients, "curve": curve, "state": state}, sys.argv[2])

# In a function: the sharded optimiser holds the process group, and a group that outlives Python's end may abort there.
main()
"""

# A run through `facekit.pretrain`, stopped by a signal to itself after so many steps.
WHOLE = """
import os, sys
from pathlib import Path
import facekit
shards, folder, stop, tokenizer = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
(folder / f"{os.getpid()}.pid").write_text("")
def progress(done, steps, losses):
    if done == stop:
        (folder / "reached").write_text("")
        import time
        time.sleep(100)
facekit.pretrain("farl", shards, out=folder / "farl.safetensors", steps=5, batch_size=4, save_every=0, device="cpu",
    progress=progress, tokenizer=tokenizer, warmup=2)
"""


def run(script: str, *arguments: Any, processes: int = 1) -> subprocess.Popen[bytes]:
    launcher = TORCHRUN if processes > 1 else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    folder = Path(arguments[1]).parent
    file = folder / f"script{processes}.py"
    file.write_text(script)
    return subprocess.Popen([sys.executable, *launcher, str(file), *map(str, arguments)], env=environment)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    faces = GeneratedFaces(seed=3, size=96, domain="wild", framing=2.5)
    pairs = []
    for i in range(8):
        face = faces[i]
        points = face.landmarks68[None]
        pairs.append(Pair(f"{i:04d}", face.image, face.caption, boxes_of(points), five_points(points)))
    write_shards(pairs, folder, per_shard=5)
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tokens") / "tokens.safetensors"
    save_file(VisualTokenizer(40, 8, (8, 8, 8, 8)).state_dict(), path)
    return path


@pytest.mark.slow
def test_two_processes_are_one_with_the_doubled_batch(tmp_path: Path) -> None:
    made = []
    for count in (1, 2):
        process = run(STEPS, ROOT / "tests", tmp_path / f"{count}.pt", processes=count)
        assert process.wait(timeout=200) == 0
        made.append(torch.load(tmp_path / f"{count}.pt", weights_only=True))
    one, two = made
    assert set(one["losses"]) == {"itc", "mim"}
    for name, value in one["losses"].items():
        assert abs(value - two["losses"][name]) < 1e-5
    assert {k.split(".")[0] for k in one["gradients"]} == {"0", "1"} and "0.logit_scale" in one["gradients"]
    for name, gradient in one["gradients"].items():
        torch.testing.assert_close(two["gradients"][name], gradient, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: n + m)
    assert max(g.abs().max() for g in one["gradients"].values()) > 1e-2, "equal because nothing is there?"
    for a, b in zip(one["curve"], two["curve"], strict=True):
        assert a == pytest.approx(b, abs=1e-4)
    # The sharded optimiser's state comes back whole.
    a, b = (len(m["state"]["optimiser"]["state"]) for m in made)
    assert a == b == len(one["gradients"])


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_run_resumes_exactly(shards: Path, tokenizer: Path, tmp_path: Path, processes: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
    assert run(WHOLE, shards, whole, 0, tokenizer, processes=processes).wait(timeout=300) == 0
    process = run(WHOLE, shards, broken, 3, tokenizer, processes=processes)
    deadline = time.monotonic() + 200
    while not (broken / "reached").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=60)
    for worker in broken.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError):  # torchrun's workers live on, or have seen that it is gone
            os.kill(int(worker.stem), signal.SIGKILL)
    assert not (broken / "farl.safetensors").exists()
    assert torch.load(broken / "farl.checkpoint.pt", weights_only=True)["step"] in (2, 3)
    assert run(WHOLE, shards, broken, 0, tokenizer, processes=processes).wait(timeout=300) == 0
    a, b = (load_file(f / "farl.safetensors") for f in (whole, broken))
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
    curves = [[json.loads(line) for line in (f / "farl.checkpoint.jsonl").open()] for f in (whole, broken)]
    assert curves[0] == curves[1] and [c["step"] for c in curves[0]] == [0, 1, 2, 3, 4]


def test_what_comes_out_is_loaded_and_described(shards: Path, tokenizer: Path, tmp_path: Path) -> None:
    out = tmp_path / "farl.safetensors"
    settings: dict[str, Any] = {"steps": 2, "batch_size": 4, "device": "cpu", "progress": False, "warmup": 1}
    losses = pretrain("farl", shards, out=out, tokenizer=str(tokenizer), input_size=64, noise=2.0, **settings)
    assert set(losses) == {"itc", "mim"}
    pair = farl.load(out)
    assert pair.encode_text("a man").shape == (1, 128) and pair.image.size.heads == 3
    assert pair.image.size.input_size == 96, "the size of the tower stays, whatever the images'"
    with safe_open(out, "pt") as file:
        assert file.metadata()["pairs"] == "8"
    card = json.loads(out.with_suffix(".json").read_text())
    assert card["patch tokens in all"] == 2 * 4 * 2 * 65 and card["pairs a second"] > 0 and card["steps"] == "2"
    # Table 3's rows: without masked image modelling no tokenizer is read; without alignment images are cropped.
    itc = tmp_path / "itc.safetensors"
    plain = pretrain("farl", shards, out=itc, mim=0.0, align=False, tokenizer="none", **settings)
    assert set(plain) == {"itc"}
    onward = tmp_path / "more.safetensors"
    more = pretrain("farl", shards, out=onward, weights=out, tokenizer=str(tokenizer), **settings)
    assert set(more) == {"itc", "mim"}
    for wrong, match in (
        ({"batch_size": 0}, "batch_size=0"),
        ({"preset": "huge"}, "'mini', 'base'"),
        ({"input_size": 60}, "a multiple of the patch size, 8"),
        ({"noise": -1.0}, "noise=-1"),
    ):
        with pytest.raises(ValueError, match=match):
            pretrain("farl", shards, out=tmp_path / "x.safetensors", **{**settings, **wrong})
    with pytest.raises(FileNotFoundError, match="nowhere"):
        pretrain("farl", tmp_path / "nowhere", out=tmp_path / "x.safetensors", **settings)


@pytest.mark.slow
def test_losses_fall(shards: Path, tokenizer: Path, tmp_path: Path) -> None:
    curve: list[dict[str, float]] = []
    pretrain(
        "farl",
        shards,
        out=tmp_path / "farl.safetensors",
        tokenizer=str(tokenizer),
        steps=40,
        batch_size=8,
        warmup=5,
        device="cpu",
        progress=lambda done, steps, losses: curve.append(losses),
    )
    assert curve[-1]["itc"] < 0.5 * curve[0]["itc"] and curve[-1]["mim"] < 0.9 * curve[0]["mim"]


def test_recipe_is_the_papers() -> None:
    r = PRETRAIN_BASE
    assert (r.batch_size, r.steps, r.weight_decay, r.clip, r.mim_layers) == (5120, 62_500, 0.05, 1.0, 1)
    program = Pretraining.__new__(Pretraining)
    program.recipe, program.steps = r, r.steps
    assert program.learning_rate(0) == 1e-6 and program.learning_rate(r.warmup) == pytest.approx(1e-3)
    assert program.learning_rate(r.steps) == pytest.approx(9e-4)
    assert FaRLPretraining().align


@pytest.mark.slow
def test_tokenizer_learns_and_uses_many_codes(tmp_path: Path) -> None:
    images = GeneratedFaces(seed=4, size=160, domain="wild").batch(range(24), want=("image",))["image"]
    (tmp_path / "faces").mkdir()
    for i, image in enumerate(images):
        save_image(image.permute(1, 2, 0).numpy(), tmp_path / "faces" / f"{i}.png")
    curve: list[dict[str, float]] = []
    out = tmp_path / "tokens.safetensors"
    # Codes that are idle for 33 steps are thrown out at this decay.
    settings: dict[str, Any] = {"batch_size": 8, "vocabulary": 64, "decay": 0.9, "free": 0.5}
    settings |= {"pool": tmp_path, "device": "cpu"}

    def keep(done: int, steps: int, losses: dict[str, float]) -> None:
        curve.append(losses)

    pretrain("tokenizer", tmp_path / "faces", out=out, steps=60, progress=keep, **settings)
    assert curve[-1]["rec"] < 0.7 * curve[0]["rec"] and curve[-1]["codes"] > 8
    tokens = load_tokens(out)
    x = images[:4, :, 16:144, 16:144].float() / 255
    ids = tokens.ids(x, 8)
    assert ids.shape == (4, 64) and len(ids.unique()) > 8
    assert (tokens.ids(x * 0, 8) != ids).float().mean() > 0.5


class SameBatch:
    """One batch of noise, again and again."""

    def from_step(self, start: int) -> Iterator[dict[str, Any]]:
        """Yield the batch."""
        image = torch.randint(256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(start), dtype=torch.uint8)
        yield from itertools.repeat({"image": image, "text": ["a face", "a man", "a woman", "a child"]})


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_blocks_train_as_the_others_do() -> None:
    curves = []
    for compiled in (False, True):
        recipe = FaRLPretraining(batch_size=4, warmup=1, bfloat16=False, checkpointing=False, compile=compiled)
        torch.manual_seed(0)
        tokens = VisualTokenizer(40, 8, (8, 8, 8, 8)).eval()
        program = Pretraining(tiny_pair(), SameBatch(), tokens, recipe, 10, torch.device("cpu"))
        curves.append([program.step(i)["itc"] for i in range(3)])
        assert all("_orig_mod" not in name for name in program.networks.state_dict())
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    assert curves[0][0] != curves[0][2]


@pytest.mark.slow
def test_a_missing_compiler_is_named(tmp_path: Path) -> None:
    asked = "import torch; from facekit.core.compiler import check_compiler; check_compiler(torch.device('cpu'))"
    environment = {**os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "compile=True: expected a C++ compiler" in last
    assert "pass compile=False" in last
