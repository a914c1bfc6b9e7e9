"""Share numbered work between processes and machines by files in a folder that all of them see.

A process claims a number by making a file before it works on the number. Processes exchange nothing else, so they may
start and end at any time, and their number may change. Claims only save time: two processes may work on one number in
rare cases. So the work on a number must always give the same output, and write it atomically.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from .temporary_files import is_other_running, machine_id

# Seconds between two renewals of a claim.
RENEWAL = 20.0
# A claim that is not renewed for so many seconds is void. File systems of networks may show a renewal a minute late.
VOID_AFTER = 300.0
# Seconds between two looks at the claims of other processes.
WAIT = 1.0


class Run(Protocol):
    """The function `map`, or the method `map` of a pool of processes."""

    def __call__(self, function: Callable[[int], bool], numbers: list[int], /) -> Iterable[bool]:
        """Return the function's results for the numbers, in order."""


class Claims:
    """The claims in a folder.

    A claim is void if its process has ended. On the same machine this is seen at once. Otherwise, or if another process
    has got the number of the ended one, it is void `VOID_AFTER` seconds after its last renewal.
    """

    def __init__(self, folder: Path):
        """Keep the folder.

        Args:
            folder: The folder. It is made at the first claim.
        """
        self.folder = folder
        # By number: the time of the claim's last renewal, and when this process saw it first. Clocks of machines
        # differ, so times of files are only compared with each other.
        self._seen: dict[int, tuple[int, float]] = {}

    @contextlib.contextmanager
    def taken(self, number: int) -> Iterator[bool]:
        """Claim a number for the time of the block.

        Args:
            number: The number.

        Yields:
            Whether the number is claimed. If not, another process works on it.
        """
        path = self.folder / f"{number:06d}.claim"
        if not self._take(path, number):
            yield False
            return
        ended = threading.Event()
        threading.Thread(target=_renew, args=(path, ended), name="facekit-claim", daemon=True).start()
        try:
            yield True
        finally:
            ended.set()
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def attempt(self, number: int, finished: Callable[[int], bool], work: Callable[[int], object]) -> bool:
        """Work on a number, unless it is finished or another process works on it.

        Args:
            number: The number.
            finished: Function that returns whether a number needs no work.
            work: Function that works on the number.

        Returns:
            Whether the number is settled: it was finished, or `work` was called.
        """
        if finished(number):
            return True
        with self.taken(number) as mine:
            if mine and not finished(number):  # the process that had the claim may have finished
                work(number)
        return mine

    def remove(self) -> None:
        """Remove the folder if no claim is left."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _take(self, path: Path, number: int) -> bool:
        """Make the file of a claim, unless another process has a claim that holds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for _ in range(2):
            try:
                with path.open("x") as file:
                    file.write(f"{machine_id()} {os.getpid()}")
                return True
            except FileNotFoundError:  # another process has just removed the folder
                return False
            except FileExistsError:
                if not self._is_void(path, number):
                    return False
                path.unlink(missing_ok=True)
        return False

    def _is_void(self, path: Path, number: int) -> bool:
        """Return whether the process of a claim has ended."""
        try:
            machine, _, process = path.read_text().partition(" ")
            renewed = path.stat().st_mtime_ns
        except FileNotFoundError:
            return True
        # os.kill with signal 0, which tells whether a process runs, is harmless on POSIX only.
        local = machine == machine_id() and os.name == "posix" and process.isdecimal()
        if local and not is_other_running(int(process)):
            return True
        now = time.monotonic()
        if self._seen.get(number, (None, 0.0))[0] != renewed:
            self._seen[number] = (renewed, now)
        return now - self._seen[number][1] > VOID_AFTER


def own_first(count: int, rank: int, processes: int) -> list[int]:
    """Return the numbers 0 to `count - 1` in the order of one process, so that processes seldom want the same one.

    Process `rank` begins with the numbers `rank`, `rank + processes` and so on. Then it helps the others, from the end.

    Args:
        count: Number of numbers.
        rank: Number of this process, from 0.
        processes: Number of processes.
    """
    own = [number for number in range(count) if number % processes == rank]
    return own + [number for number in reversed(range(count)) if number % processes != rank]


def work_through(numbers: Iterable[int], attempt: Callable[[int], bool], run: Run = map) -> Iterator[int]:
    """Attempt numbers until each is settled. At the end, wait for the numbers of other processes.

    Args:
        numbers: The numbers, in order.
        attempt: Function that works on a number, as `Claims.attempt` does. It returns whether the number is settled.
            The numbers of processes that end are attempted again.
        run: `map`, or the method `map` of a pool of processes.

    Yields:
        Each number, once it is settled.
    """
    left = list(numbers)
    while left:
        waiting = []
        for number, settled in zip(left, run(attempt, left), strict=True):
            if settled:
                yield number
            else:
                waiting.append(number)
        if len(waiting) == len(left):
            time.sleep(WAIT)
        left = waiting


def _renew(path: Path, ended: threading.Event) -> None:
    """Set the time of a claim to now, again and again."""
    while not ended.wait(RENEWAL):
        with contextlib.suppress(OSError):
            os.utime(path)
