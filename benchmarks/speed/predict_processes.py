"""Predict a folder of faces in two processes, kill one of them, start again, and count the rows of each image.

    python -m benchmarks.speed.predict_processes --images 10000

The images are the first ones of CelebA-HQ's 10,000 in FACEKIT_DATA (128 px). Prints images/s of one and of two
processes on a tenth of the images, whether their rows are equal, and the peak memory of each process (VmHWM in MB) on
a tenth and on all. torchrun gives each process one thread; a single process with another OMP_NUM_THREADS rounds some
floats differently, by up to 3e-5 px. The default model is an untrained network of 32 px, so that the work around it
counts. Linux only, with the extra ``train``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import facekit

_TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def extract_images(folder: Path, count: int) -> Path:
    """Write the first `count` images to a folder, unless they are there. Return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    left = count
    for shard in sorted(Path(os.environ["FACEKIT_DATA"], "celebahq128").glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                if left and member.name.endswith(".jpg"):
                    left -= 1
                    if not (path := folder / Path(member.name).name).exists():
                        path.write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]
    assert len(list(folder.iterdir())) == count
    return folder


def light_model(root: Path, images: Path) -> str:
    """Make a model of three points on 32 px, which computes for 2 ms per image. Return its path."""
    path = root / "light.facekit"
    if not path.exists():
        image, points = facekit.load_image(min(images.iterdir())), np.array([[[40.0, 50], [80, 50], [60, 90]]])
        options: dict[str, Any] = {"input_size": 32, "steps": 1, "batch_size": 2, "align": "none"}
        facekit.adapt([image], points, "landmarks", "synthparse", **options, progress=False).save(path)
    return str(path)


class Launch:
    """A run of ``facekit predict --images``, with its peak memory.

    Attributes:
        peaks: Peak memory of each process by its id, MB.
    """

    def __init__(self, model: str, images: Path, out: Path, processes: int, per_part: int):
        """Start the run."""
        options = ["--images", str(images), "--out", str(out), "--per-part", str(per_part), "--align", "none", "--json"]
        launcher = _TORCHRUN if processes == 2 else []
        command = [sys.executable, *launcher, "-m", "facekit", "predict", model, *options]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self._several = processes > 1
        self.peaks: dict[int, float] = {}

    def workers(self) -> list[int]:
        """Return the ids of the processes that predict."""
        if not self._several:
            return [self._process.pid]
        children = _read(f"/proc/{self._process.pid}/task/{self._process.pid}/children").split()
        # The launcher has other short-lived children.
        return [int(p) for p in children if "torch.distributed" not in (line := _read(f"/proc/{p}/cmdline")) and line]

    def look(self) -> bool:
        """Record the peaks. Return whether the run goes on."""
        for worker in self.workers():
            for line in _read(f"/proc/{worker}/status").splitlines():
                if line.startswith("VmHWM"):
                    self.peaks[worker] = int(line.split()[1]) / 1e3
        return self._process.poll() is None

    def finish(self) -> dict[str, Any] | None:
        """Wait for the end. Return the summary of the first process, or None if the run failed."""
        while self.look():
            time.sleep(0.2)
        printed, _ = self._process.communicate()
        return json.loads(printed) if self._process.returncode == 0 else None


def _read(path: str) -> str:
    """Read a file of a process. It is empty if the process has ended."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def kill_one(run: Launch, out: Path, parts: int) -> None:
    """Kill the second process with SIGKILL as soon as some parts are finished."""
    while len(list(out.glob("part-*.parquet"))) < parts:
        assert run.look(), "the run ended before a process could be killed"
        time.sleep(0.2)
    os.kill(run.workers()[1], signal.SIGKILL)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--model", help="a ready model or a .facekit file")
    parser.add_argument("--folder", type=Path, help="folder for the images and results; the default is a temporary one")
    args = parser.parse_args()
    root = args.folder or Path(tempfile.mkdtemp())
    tenth = extract_images(root / "tenth", args.images // 10)
    per_part = max(1, args.images // 100)
    model = args.model or light_model(root, tenth)
    tables, peak = {}, 0.0
    for processes in (1, 2):
        out = root / f"tenth-{processes}"
        run = Launch(model, tenth, out, processes, per_part)
        print(f"{processes} process(es), {args.images // 10} images:", run.finish(), run.peaks, flush=True)
        tables[processes] = facekit.results.read(out).arrow()
        peak = max(peak, *run.peaks.values())
    print("rows of two processes equal those of one:", tables[1].equals(tables[2]))
    images, out = extract_images(root / "all", args.images), root / "all-2"
    run = Launch(model, images, out, 2, per_part)
    kill_one(run, out, parts=40)
    print("killed one process:", run.finish(), run.peaks, flush=True)
    finished = facekit.results.read(out)
    print(f"then {len(finished)} rows in {len(finished.files)} parts", flush=True)
    run = Launch(model, images, out, 2, per_part)
    print("started again:", run.finish(), run.peaks, flush=True)
    names = facekit.results.read(out).arrow(["image"])["image"].to_pylist()
    print(f"{len(names)} rows, {len(set(names))} different images")
    print(f"peak memory on all images / on a tenth: {max(run.peaks.values()) / peak:.3f}")


if __name__ == "__main__":
    main()
