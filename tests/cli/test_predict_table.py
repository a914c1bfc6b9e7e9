"""`facekit predict --images` in several processes gives the rows of one, also after a kill."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import facekit
from facekit.cli.main import main
from facekit.images.reader import save_image

pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra train)")

COUNT = 12
# Runs the command. The second process is killed while it works on its third part. The first one stops after three
# parts, so that enough is left for the second; the test ends it.
KILLED = """
import os, sys, time
from facekit.api import table_prediction
from facekit.cli.main import main

real, parts = table_prediction._predict_rows, 0

def dies(run, group):
    global parts
    parts += 1
    if os.environ["RANK"] == "1" and parts == 3:
        os.kill(os.getpid(), 9)
    if parts == 4:
        time.sleep(400)
    return real(run, group)

table_prediction._predict_rows = dies
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    draws = np.random.default_rng(0)
    for i in range(COUNT):
        save_image(draws.integers(0, 255, (48, 48, 3), np.uint8), folder / f"{i}.png")
    return folder


def arguments(images: Path, out: Path) -> list[str]:
    options = ["--images", str(images), "--out", str(out), "--per-part", "1", "--align", "none", "--device", "cpu"]
    return ["predict", "landmarks", *options, "--json"]


@pytest.fixture(scope="module")
def whole(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    assert main(arguments(images, out)) == 0
    return out


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", **more}


def check_rows(out: Path, whole: Path) -> None:
    table = facekit.results.read(out)
    assert table.complete
    assert sorted(row.name for row in table) == sorted(f"{i}.png" for i in range(COUNT)), "each image has one row"
    assert table.arrow().equals(facekit.results.read(whole).arrow())
    assert len(list(out.iterdir())) == COUNT + 1, "no claim and no temporary file is left"


def test_the_summary_is_printed(images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(2):
        (tmp_path / f"{i}.png").write_bytes((images / f"{i}.png").read_bytes())
    assert main(arguments(tmp_path, tmp_path / "out")) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["images"], printed["failed"], printed["parts"]) == (2, 0, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["landmarks", "--images", "x"], "expected --out FOLDER for a table, got no --out"),
        (["landmarks", "--images", "x", "--out", "y", "--format", "mask"], "got --format mask"),
        (["landmarks", "x", "--workers", "2"], "--per-part, --workers: expected --images SOURCE"),
        (["landmarks"], "expected a model and an image or folder"),
        (["landmarks", "parts", "x"], "several models and --images SOURCE"),
    ],
)
def test_options_that_do_not_fit_are_named(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", *options]) == 2
    assert message in capsys.readouterr().err


def test_several_processes_need_a_table(
    images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["predict", "landmarks", str(images)]) == 2
    assert "2 processes: expected --images SOURCE" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate", "two machines"])
def test_launched_processes_make_the_same_rows(launcher: str, images: Path, whole: Path, tmp_path: Path) -> None:
    torchrun = ["torch.distributed.run"]
    commands = [[*torchrun, "--standalone", "--nproc_per_node", "2"]]
    if launcher == "accelerate":
        pytest.importorskip("accelerate", reason="accelerate is not installed (the extra train)")
        options = {"num_processes": "2", "num_machines": "1", "mixed_precision": "no", "dynamo_backend": "no"}
        given = [word for name, value in options.items() for word in (f"--{name}", value)]
        commands = [["accelerate.commands.launch", "--multi_gpu", *given, "--main_process_port", "0"]]
    elif launcher == "two machines":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            rendezvous = f"127.0.0.1:{free.getsockname()[1]}"
        shared = ["--nnodes", "2", "--nproc_per_node", "1", "--rdzv_backend", "c10d", "--rdzv_id", "faces"]
        commands = [[*torchrun, *shared, "--rdzv_endpoint", rendezvous, "--local_addr", "127.0.0.1"]] * 2
    predict = ["-m", "facekit", *arguments(images, tmp_path / "out")]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", *command, *predict], env=environment(), stdout=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    printed = [process.communicate(timeout=400)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(commands)
    (summary,) = [json.loads(text) for text in printed if text.strip()]  # of the first process alone
    assert summary["images"] == COUNT
    check_rows(tmp_path / "out", whole)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_process_loses_nothing(images: Path, whole: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, *arguments(images, tmp_path / "out")]
    both = [
        subprocess.Popen(command, env=environment(RANK=str(rank), WORLD_SIZE="2"), stdout=subprocess.DEVNULL)
        for rank in range(2)
    ]
    assert both[1].wait(400) == -9
    # The launcher would now end the other one.
    both[0].kill()
    both[0].wait(100)
    again = [
        subprocess.Popen(
            [sys.executable, "-m", "facekit", *command[3:]],
            env=environment(RANK=str(rank), WORLD_SIZE="2"),
            stdout=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    assert [process.wait(400) for process in again] == [0, 0]
    check_rows(tmp_path / "out", whole)
