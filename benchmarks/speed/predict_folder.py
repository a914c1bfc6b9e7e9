"""Run ``facekit predict`` on folders of 1,000 and 10,000 small images: peak memory, speed, and a kill in between.

    python -m benchmarks.speed.predict_folder
    python -m benchmarks.speed.predict_folder --counts 100 1000 --align box

Each count runs in its own process. Memory is the peak resident size. The last run is killed with SIGKILL after a third
of the images and started again. Then each image must have exactly one set of results, and those of the first run must
be unchanged.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image

SIDE = 96
DIFFERENT = 50  # images; the others are copies of these


def make_images(folder: Path, count: int) -> None:
    """Write `count` images of generated faces as 0.png, 1.png and so on."""
    folder.mkdir(parents=True)
    batch = GeneratedFaces(seed=9, size=SIDE, yaw=(-20, 20)).batch(range(min(DIFFERENT, count)), want=("image",))
    for i, image in enumerate(batch["image"].permute(0, 2, 3, 1).numpy()):
        save_image(image, folder / f"{i}.png")
    for i in range(DIFFERENT, count):
        shutil.copyfile(folder / f"{i % DIFFERENT}.png", folder / f"{i}.png")


def command(a: argparse.Namespace, images: Path, out: Path) -> list[str]:
    """Return the command line of `facekit predict`."""
    return [
        sys.executable,
        "-m",
        "facekit",
        "predict",
        a.model,
        str(images),
        "--out",
        str(out),
        "--align",
        a.align,
        "--format",
        *a.format,
    ]


def measured(arguments: list[str]) -> tuple[float, float]:
    """Run a command and return its peak resident size in MiB and its seconds."""
    started = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"the command failed with status {status}")
    return usage.ru_maxrss / 1024, time.monotonic() - started


def killed_and_restarted(a: argparse.Namespace, images: Path, out: Path, count: int) -> None:
    """Kill the command after a third of the images, start it again and check its results."""
    process = subprocess.Popen(command(a, images, out), stdout=subprocess.DEVNULL)
    while len(list(out.glob("*.json"))) < count // 3 and process.poll() is None:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    _, seconds = measured(command(a, images, out))
    after = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    again = sum(after[path] != then for path, then in before.items())
    left = [path.name for path in out.iterdir() if path.name.endswith(".tmp")]
    print(f"killed at {len(before)} of {count}, then {seconds:.0f} s: {len(after)} results, {again} made twice")
    if {path.name for path in after} != {f"{i}.png.json" for i in range(count)} or left or again > 1:
        sys.exit(f"expected each image once and no temporary file; {left[:3]}")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--model", default="landmarks")
    parser.add_argument("--align", default="none")
    parser.add_argument("--format", nargs="+", default=["json", "drawing"])
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facekit-benchmark-") as name:
        root, peaks = Path(name), []
        for count in a.counts:
            make_images(root / f"images{count}", count)
            peak, seconds = measured(command(a, root / f"images{count}", root / f"out{count}"))
            peaks.append(peak)
            print(
                f"{count} images: {peak:.0f} MiB at most, {seconds:.0f} s, {count / seconds:.1f} images/s", flush=True
            )
        print(f"peak of {a.counts[-1]} over that of {a.counts[0]}: {peaks[-1] / peaks[0]:.3f}")
        killed_and_restarted(a, root / f"images{a.counts[-1]}", root / "killed", a.counts[-1])


if __name__ == "__main__":
    main()
