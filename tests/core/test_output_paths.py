"""Outputs are checked before the work, written whole, and never lost (cases 04, H2, M3)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facekit
import facekit.api.adaptation
import facekit.api.pretraining
from facekit.cli.main import main
from facekit.core import temporary_files as temporaries
from facekit.core.atomic_file import whole_file
from facekit.core.output_paths import OutputError
from facekit.core.rescue import save_or_rescue
from facekit.images.reader import save_image
from facekit.model import ready_model
from facekit.training.loss_curve import LossCurve

# Files of this process may have 2,000 bytes only, as on a full disk.
FULL_DISK = """
import resource
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
folder = Path({folder!r})
"""


def on_a_full_disk(folder: Path, code: str) -> str:
    """Run the code in another process. Returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK.format(folder=str(folder)) + code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def labelled(tmp_path: Path) -> list[str]:
    """The beginning of an `adapt` command with an image and its labels."""
    save_image(np.full((64, 64, 3), 90, np.uint8), tmp_path / "face.png")
    np.save(tmp_path / "points.npy", [[[20.0, 20], [44, 20]]])
    files = ["--images", str(tmp_path / "face.png"), "--labels", str(tmp_path / "points.npy")]
    return ["adapt", "--task", "landmarks", "--steps", "1", *files]


def refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("the training began")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("", "got a folder, expected a file"),
        ("face.png/m.facekit", "face.png is not a folder, expected"),
        ("m.onnx", "got suffix .onnx, expected .facekit"),
        ("n" * 280 + ".facekit", "name too long, expected"),
    ],
)
def test_a_bad_output_is_told_before_training(
    out: str,
    message: str,
    labelled: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(facekit.api.adaptation, "adapt", refuse)
    assert main([*labelled, "--out", f"{tmp_path}/{out}"]) == 2
    said = capsys.readouterr().err
    assert message in said and ".tmp" not in said and said.count("\n") == 1


@pytest.mark.slow
def test_a_missing_folder_is_made(labelled: list[str], tmp_path: Path) -> None:
    target = tmp_path / "no" / "such" / "m.facekit"
    assert main([*labelled, "--out", str(target), "--json"]) == 0
    assert facekit.load(target).about["faces"] == 1
    target = tmp_path / "new" / "m.facekit"
    facekit.load(tmp_path / "no" / "such" / "m.facekit").save(target)
    assert target.is_file()


@pytest.mark.parametrize("checkpoint", [None, pytest.param("kept/c.pt", marks=pytest.mark.slow)])
def test_a_model_is_not_lost(
    checkpoint: str | None,
    labelled: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file takes the place of the output's folder while the model is trained."""
    monkeypatch.setenv("FACEKIT_HOME", str(tmp_path / "home"))
    real = facekit.api.adaptation.adapt

    def spoil(*given: Any, **options: Any) -> facekit.Model:
        model = real(*given, **options)
        (tmp_path / "out").rmdir()
        (tmp_path / "out").write_bytes(b"")
        return model

    monkeypatch.setattr(facekit.api.adaptation, "adapt", spoil)
    more = [] if checkpoint is None else ["--checkpoint", str(tmp_path / checkpoint)]
    assert main([*labelled, "--out", str(tmp_path / "out" / "mine.facekit"), *more, "--json"]) == 2
    folder = tmp_path / ("home/rescued" if checkpoint is None else "kept")
    (saved,) = folder.glob("mine-*.facekit")
    said = capsys.readouterr().err
    assert str(saved) in said and "mine.facekit" in said and ".tmp" not in said and said.count("\n") == 1
    assert facekit.load(saved).about["faces"] == 1


def test_nowhere_to_write(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="m.facekit: No space left.*no other place|no other place.*No space left"):
        save_or_rescue(fail, tmp_path / "m.facekit")


@pytest.mark.slow
def test_a_pretraining_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, real = tmp_path / "w" / "w.safetensors", facekit.api.pretraining._write

    def spoil(run: Any, path: Path, about: dict[str, str]) -> None:
        if path == target:
            raise OSError(28, "No space left on device")
        real(run, path, about)

    monkeypatch.setattr(facekit.api.pretraining, "_write", spoil)
    with pytest.raises(OutputError, match=r"w-[0-9a-f]{8}.safetensors, since its own place failed: .*No space left"):
        facekit.pretrain(
            "fsma", "generated:4", out=target, steps=1, pool=tmp_path, progress=False, device="cpu", batch_size=2
        )
    (saved,) = target.parent.glob("w-*.safetensors")
    assert facekit.load_backbone("fsma", saved).size.input_size > 0


@pytest.mark.parametrize("shape", ["quickstart", "pretrain", "shard"])
def test_long_work_begins_after_the_check(shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import facekit.cli.quickstart as quick
    import facekit.data.image_text.shard_writer as shard_writer
    from facekit.api.shards import make_shards

    (tmp_path / "file").write_bytes(b"")
    below = tmp_path / "file" / "out"
    monkeypatch.setattr(quick, "samples", refuse)
    monkeypatch.setattr(shard_writer, "_write", refuse)
    monkeypatch.setattr(facekit.api.pretraining, "join", refuse)
    with pytest.raises(OutputError, match="is not a folder, expected"):  # noqa: PT012
        if shape == "quickstart":
            quick.quickstart(below.with_suffix(".png"))
        elif shape == "pretrain":
            facekit.pretrain("fsma", "generated:2", out=below.with_suffix(".safetensors"))
        else:
            make_shards(["generated:2"], below)


def test_a_full_disk_names_the_target_and_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"old")
    said = on_a_full_disk(
        tmp_path,
        """
from facekit.core.atomic_file import whole_file
from facekit.core.output_paths import check_output
for act in (lambda: check_output(folder / "a.bin"), lambda: write(folder / "a.bin")):
    def write(path):
        with whole_file(path) as temporary:
            temporary.write_bytes(bytes(5000))
    try:
        act()
    except OSError as error:
        print(isinstance(error, ValueError), error)
""",
    )
    lines = said.splitlines()
    assert len(lines) == 2 and all(line.startswith(f"True {tmp_path}/a.bin: ") for line in lines) and ".tmp" not in said
    assert (tmp_path / "a.bin").read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_a_training_outlives_a_full_disk(tmp_path: Path) -> None:
    """Its checkpoints and losses are left out with a warning."""
    said = on_a_full_disk(
        tmp_path,
        """
import logging, sys, torch
from facekit.core import output_paths as outputs
from facekit.training.loop import train
outputs.PROBE = 1  # the disk fills after the check
logging.basicConfig(stream=sys.stdout, format="%(message)s")
class Program:
    def step(self, index): return {"loss": 1.0 / (index + 1)}
    def state_dict(self): return {"weights": torch.zeros(5000)}
print(train(Program(), 100, checkpoint=folder / "c.pt", progress=False, save_steps=50))
""",
    )
    assert "no checkpoint at step 50, the training goes on" in said and said.count("no checkpoint") == 2
    assert said.count("c.jsonl") == 1 and "{'loss': 0.01}" in said
    assert {path.name for path in tmp_path.iterdir()} == {"c.jsonl"}


def test_the_curve_of_losses_goes_on(tmp_path: Path) -> None:
    curve = LossCurve(tmp_path / "c.jsonl", 0)
    for i in range(3):
        curve.add(i, {"loss": 0.5})
    curve.close()
    with (tmp_path / "c.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    curve = LossCurve(tmp_path / "c.jsonl", 2)
    curve.add(2, {"loss": 0.25})
    curve.close()
    assert (tmp_path / "c.jsonl").read_text().splitlines()[1:] == [
        '{"step": 1, "loss": 0.5}',
        '{"step": 2, "loss": 0.25}',
    ]


def test_what_a_kill_leaves_is_removed_by_the_next_write(tmp_path: Path) -> None:
    code = f"""
import os, signal
from facekit.core.atomic_file import whole_file
with whole_file({str(tmp_path / "m.bin")!r}) as temporary:
    temporary.write_bytes(bytes(100))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(list(tmp_path.glob(".facekit-*.tmp"))) == 1
    ready_model("landmarks").save(tmp_path / "m.facekit")
    assert [path.name for path in tmp_path.iterdir()] == ["m.facekit"]


def test_whose_temporary_files_stay(tmp_path: Path) -> None:
    machine, old = temporaries.machine_id(), os.stat(tmp_path).st_mtime - 2 * 86400
    names = {
        "living": f".facekit-{machine}-{os.getppid()}-abc.tmp",
        "elsewhere": f".facekit-{'0' * 8}-999999-abc.tmp",
        "earlier version": f".facekit-{'a' * 32}.tmp",
        "a stranger's": ".facekit-notes.txt",
        "ended": f".facekit-{machine}-{2**22 + 1}-abc.tmp",
        "of an earlier process with our number": f".facekit-{machine}-{os.getpid()}-abc.tmp",
        "old, elsewhere": f".facekit-{'0' * 8}-999998-abc.tmp",
        "old, earlier version": f".facekit-{'b' * 32}.tmp",
    }
    for what, name in names.items():
        (tmp_path / name).write_bytes(b"")
        if what.startswith("old"):
            os.utime(tmp_path / name, (old, old))
    with whole_file(tmp_path / "one") as one, whole_file(tmp_path / "two") as two:
        one.write_bytes(b"1")
        two.write_bytes(b"2")
        temporaries._next_search.clear()
        temporaries.remove_leftovers(tmp_path)
        assert one.exists() and two.exists(), "being written"
    left = {what for what, name in names.items() if (tmp_path / name).exists()}
    assert left == {"living", "elsewhere", "earlier version", "a stranger's"}


def test_looking_for_leftovers_costs_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that takes a second to list is listed again after 100 seconds."""
    looks, clock = [], [0.0]

    def scandir(folder: Path) -> Any:
        looks.append(folder)
        clock[0] += 1.0
        return os.scandir(folder)

    monkeypatch.setattr(temporaries.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(temporaries, "os", type("os", (), {**vars(os), "scandir": staticmethod(scandir)}))
    for _ in range(1000):
        temporaries.remove_leftovers(tmp_path)
        clock[0] += 0.5
    assert 4 <= len(looks) <= 6


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "link.facekit").symlink_to(tmp_path / "real.facekit")
    ready_model("landmarks").save(tmp_path / "link.facekit")
    assert (tmp_path / "link.facekit").is_symlink() and facekit.load(tmp_path / "real.facekit").task.name == "landmarks"


def test_devices_and_folders_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in ("/dev/null", tmp_path / "pipe"):
        with pytest.raises(OutputError):
            ready_model("landmarks").save(target)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OutputError, match="got a folder, expected a file"):
        save_image(np.zeros((4, 4, 3), np.uint8), tmp_path / "b.png")


def test_a_checkpoint_is_written_through_a_file(tmp_path: Path) -> None:
    from facekit.training.loop import save_checkpoint

    save_checkpoint(tmp_path / "new" / "c.pt", {"step": 1, "weights": torch.arange(3)})
    assert torch.load(tmp_path / "new" / "c.pt", weights_only=True)["weights"].tolist() == [0, 1, 2]
