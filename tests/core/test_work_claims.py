"""Processes share numbers by claims; claims of ended processes are void."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from facekit.core import work_claims
from facekit.core.temporary_files import is_other_running, machine_id
from facekit.core.work_claims import Claims, own_first, work_through

# Works on 40 numbers. Process 1 is killed while it works on its fifth one.
SCRIPT = """
import os, sys, time
from pathlib import Path
from facekit.core.work_claims import Claims, own_first, work_through

folder, rank = Path(sys.argv[1]), int(sys.argv[2])
claims, worked = Claims(folder / "claims"), 0

def work(number):
    global worked
    worked += 1
    if rank == 1 and worked == 5:
        os.kill(os.getpid(), 9)
    time.sleep(0.01)
    with (folder / "log").open("a") as log:
        log.write(f"{rank} {number}\\n")
    (folder / f"{number}.done").touch()

def attempt(number):
    return claims.attempt(number, lambda n: (folder / f"{n}.done").exists(), work)

assert sorted(work_through(own_first(40, rank, 3), attempt)) == list(range(40))
claims.remove()
"""


def claim(folder: Path, number: int, owner: str) -> Path:
    path = folder / f"{number:06d}.claim"
    path.write_text(owner)
    return path


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_claim_holds_while_its_process_runs(tmp_path: Path) -> None:
    claims = Claims(tmp_path)
    running = claim(tmp_path, 3, f"{machine_id()} {os.getppid()}")
    with claims.taken(3) as mine:
        assert not mine
    assert running.exists()
    running.write_text(f"{machine_id()} {ended_process()}")
    with claims.taken(3) as mine:
        assert mine and running.read_text() == f"{machine_id()} {os.getpid()}"
    assert not running.exists(), "a claim ends with its work"
    with pytest.raises(KeyError), claims.taken(3):
        raise KeyError
    assert not running.exists(), "also if the work fails"
    claims.remove()
    assert not tmp_path.exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="zombies are told from running processes on Linux only")
def test_a_claim_of_a_zombie_is_void(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.read() == b""  # it ends, but nobody has read its exit code
    deadline = time.monotonic() + 20
    while is_other_running(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, 0)  # still in the table
    claim(tmp_path, 3, f"{machine_id()} {process.pid}")
    with Claims(tmp_path).taken(3) as mine:
        assert mine
    process.wait()


@pytest.mark.parametrize("owner", ["00000000 1", f"{machine_id()} {os.getppid()}"])
def test_a_claim_that_cannot_be_checked_holds_while_it_is_renewed(
    owner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim of another machine, or one whose process number may belong to another process by now."""
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    claims, path = Claims(tmp_path), claim(tmp_path, 0, owner)
    for clock[0] in (0.0, 200.0, 299.0):
        with claims.taken(0) as mine:
            assert not mine
    os.utime(path, (1, 1))  # renewed; the clock of the other machine may be wrong
    for clock[0] in (301.0, 600.0):
        with claims.taken(0) as mine:
            assert not mine
    clock[0] = 602.0
    with claims.taken(0) as mine:
        assert mine


def test_a_claim_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_claims, "RENEWAL", 0.01)
    with Claims(tmp_path).taken(7):
        path = tmp_path / "000007.claim"
        os.utime(path, (1, 1))
        deadline = time.monotonic() + 20
        while path.stat().st_mtime == 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    for thread in threading.enumerate():
        if thread.name == "facekit-claim":
            thread.join(20)
            assert not thread.is_alive()
    assert not path.exists()


def test_an_attempt_works_once(tmp_path: Path) -> None:
    claims, worked = Claims(tmp_path), []
    assert claims.attempt(1, lambda _: True, worked.append) and not worked
    assert claims.attempt(1, lambda _: False, worked.append) and worked == [1]
    claim(tmp_path, 2, f"{machine_id()} {os.getppid()}")
    assert not claims.attempt(2, lambda _: False, worked.append) and worked == [1]
    # Another process finishes the number between the question and the claim.
    answers = iter([False, True])
    assert claims.attempt(3, lambda _: next(answers), worked.append) and worked == [1]


def test_each_process_begins_elsewhere() -> None:
    assert own_first(7, 0, 1) == list(range(7))
    assert own_first(7, 1, 3) == [1, 4, 6, 5, 3, 2, 0]
    assert own_first(1, 2, 3) == [0]


def test_numbers_of_others_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    attempts = {0: 1, 1: 3, 2: 1}

    def attempt(number: int) -> bool:
        attempts[number] -= 1
        return attempts[number] == 0

    assert list(work_through([0, 1, 2], attempt)) == [0, 2, 1]
    assert waits == [work_claims.WAIT], "only after a round in which nothing was settled"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="whether a process has ended is seen at once on POSIX only")
def test_processes_share_all_numbers_and_one_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    started = [subprocess.Popen([*command, str(rank)]) for rank in range(3)]
    assert [process.wait(100) for process in started] == [0, -9, 0]
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(int(number) for _, number in lines) == list(range(40)), "none is lost, none is done twice"
    assert sum(rank == "1" for rank, _ in lines) == 4
    assert not (tmp_path / "claims").exists()
