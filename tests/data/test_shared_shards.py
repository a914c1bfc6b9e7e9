"""Processes that run `facekit shard` at the same time share the shards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from facekit.api.shards import make_shards
from facekit.core.temporary_files import machine_id

SETTINGS = {"size": 48, "per_shard": 2, "progress": False}
# The second process is killed while it writes its second shard. The first one waits for that before its second shard:
# otherwise it could be so fast that nothing is left for the other.
SCRIPT = """
import os, pathlib, sys, time
from facekit.api.shards import make_shards
from facekit.data.image_text import shard_writer

real, written = shard_writer._write, 0

def dies(task, number, advance):
    global written
    written += 1
    killed = pathlib.Path(sys.argv[2])
    if written == 2 and os.environ["RANK"] == "1":
        killed.touch()
        os.kill(os.getpid(), 9)
    begun = time.monotonic()
    while written == 2 and not killed.exists() and time.monotonic() < begun + 300:
        time.sleep(0.05)
    real(task, number, advance)

shard_writer._write = dies
made = make_shards(["generated:12"], sys.argv[1], size=48, per_shard=2, progress=False, device="cpu")
print(None if made is None else made["pairs"])
"""


def same_files(one: Path, two: Path) -> bool:
    names = {path.name for path in one.iterdir()}
    return names == {path.name for path in two.iterdir()} and all(
        (one / name).read_bytes() == (two / name).read_bytes() for name in names
    )


def test_a_process_makes_what_no_other_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make_shards(["generated:6"], tmp_path / "whole", **SETTINGS)
    assert whole is not None and whole["shards"] == 3
    # Its claim is of a process that has ended.
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / "shared" / ".claims").mkdir(parents=True)
    (tmp_path / "shared" / ".claims" / "000001.claim").write_text(f"{machine_id()} {process.pid}")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert make_shards(["generated:6"], tmp_path / "shared", **SETTINGS) is None, "only the first one has a summary"
    assert same_files(tmp_path / "whole", tmp_path / "shared")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    make_shards(["generated:12"], tmp_path / "whole", device="cpu", **SETTINGS)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "shared"), str(tmp_path / "killed")]
    both = [
        subprocess.Popen(
            command, env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"}, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    assert both[0].communicate(timeout=400)[0].strip() == "12"
    assert both[1].communicate(timeout=400)[0] == "" and both[1].returncode == -9
    assert same_files(tmp_path / "whole", tmp_path / "shared")
