"""Measure the peak memory of ``facekit.adapt`` by the number of labelled images, each number in its own process.

    python -m benchmarks.speed.adapt_memory 200 2000

Prints two peaks in MB for each number of images: the process's own memory (RssAnon), and the memory with mapped files
(VmHWM), which the system can reclaim at any time. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np

SIDE = 512


def write_images(folder: Path, count: int) -> None:
    """Write small images of noise, (SIDE, SIDE, 3). Each takes 0.8 MB when decoded."""
    draws = np.random.default_rng(0)
    for i in range(count):
        noise = draws.integers(0, 255, (16, 16, 3), np.uint8)
        cv2.imwrite(str(folder / f"{i}.jpg"), cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def measure(folder: str, task: str, steps: int) -> dict[str, float]:
    """Adapt on the folder's images in this process and return the peaks."""
    import facekit

    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.01):
            peak = max(peak, _status("RssAnon"))

    count = len(list(Path(folder).iterdir()))
    draws = np.random.default_rng(1)
    labels = draws.uniform(100, 400, (count, 68, 2)) if task == "landmarks" else None
    if task == "segmentation":
        whole = np.zeros((SIDE, SIDE), np.uint8)
        whole[100:300, 100:300] = 1
        labels = [whole] * count
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        facekit.adapt(
            folder,
            labels,
            task,
            steps=steps,
            views=1,
            least_views=1,
            cache=False,
            batch_size=8,
            cache_bytes=30_000_000,
            device="cpu",
            progress=False,
        )
    finally:
        done.set()
        watcher.join()
    return {"images": count, "RssAnon MB": peak / 1e3, "VmHWM MB": _status("VmHWM") / 1e3}


def _status(name: str) -> int:
    """Return one value of this process's status, kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[200, 2000])
    parser.add_argument("--task", choices=("landmarks", "segmentation"), default="landmarks")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--folder", help="measure this folder in this process")
    a = parser.parse_args()
    if a.folder:
        print(json.dumps(measure(a.folder, a.task, a.steps)))
        return
    for count in a.counts:
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), count)
            command = [sys.executable, __file__, "--folder", folder, "--task", a.task, "--steps", str(a.steps)]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


if __name__ == "__main__":
    main()
