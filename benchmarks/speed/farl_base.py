"""Measure FaRL at its real size on a CPU: adapt a parser on the official ViT-B/16 to 10 faces, and predict.

    python -m benchmarks.speed.farl_base [--steps N] [--views N]

The checkpoint has the format of the official one and random values, which cost the same time. The straightforward way
is the paper's head of 768 channels, and the tower at each step: it is timed on a few images and extrapolated to the
same number of steps. Each part runs in its own process. Times are seconds of the processor, summed over threads, so
that other work on the machine counts little. Peak memory is that of the system (VmHWM). Linux only.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from facekit.backbones.farl.config import named_recipe
from facekit.backbones.farl.image_text_model import new_pair, read_pair, to_clip
from facekit.backbones.farl.network import FaRLNetwork
from facekit.core.device import autocast
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import CELEBAMASK_19, FACEKIT_27, segmentation_map

FACES, RIVAL_IMAGES, SIDE = 10, 2, 224


def ours(weights: str, settings: dict[str, int]) -> dict[str, float]:
    """Adapt by the quick recipe and predict; return seconds of the processor and the peak memory in MB."""
    import facekit

    batch = GeneratedFaces(seed=5, size=SIDE, yaw=(-20, 20)).batch(range(FACES), want=("image", "mask"))
    images = list(batch["image"].permute(0, 2, 3, 1).numpy())
    masks = list(segmentation_map(FACEKIT_27, CELEBAMASK_19)[batch["mask"].numpy()])
    ends: list[float] = []

    def progress(done: int, of: int, losses: dict[str, float]) -> None:
        ends.append(time.process_time())
        if done == 1 or done % 30 == 0:
            print(f"step {done} of {of} after {ends[-1] - started:.0f} s", file=sys.stderr, flush=True)

    started = time.process_time()
    model = facekit.adapt(
        images,
        masks,
        "segmentation",
        "farl",
        names=CELEBAMASK_19,
        weights=weights,
        device="cpu",
        progress=progress,
        **settings,
    )
    adapted = time.process_time()
    peak = _peak()
    single = []
    for image in images[:6]:
        begun = time.process_time()
        model.predict(image)
        single.append(time.process_time() - begun)
    begun = time.process_time()
    model.predict(images)
    return {
        "steps": len(ends),
        "adapt s": adapted - started,
        "first step and features s": ends[0] - started,
        "s per further step": (ends[-1] - ends[0]) / max(1, len(ends) - 1),
        "adapt peak MB": peak,
        "predict s": sorted(single)[len(single) // 2],
        "predict ten s": time.process_time() - begun,
        "peak MB": _peak(),
        "loss": float(model.about["loss"]),
    }


def straightforward(weights: str) -> dict[str, float]:
    """Time one step of the paper's head without stored features on a few images; return seconds per image."""
    tower = read_pair(weights).image
    network = FaRLNetwork(tower, len(CELEBAMASK_19), 1, head_channels=tower.width).train()
    images = torch.rand(RIVAL_IMAGES, 3, SIDE, SIDE)
    target = torch.zeros(RIVAL_IMAGES, SIDE, SIDE, dtype=torch.int64)
    begun = time.process_time()
    with autocast(torch.device("cpu"), True):
        maps = network(images)
    F.cross_entropy(maps.float(), target).backward()
    return {"s per image and step": (time.process_time() - begun) / RIVAL_IMAGES, "peak MB": _peak()}


def _peak() -> float:
    """Return the peak memory of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, help="steps instead of the quick recipe's")
    parser.add_argument("--views", type=int, help="augmented views instead of the quick recipe's 500")
    parser.add_argument("--part", choices=("ours", "straightforward"), help="run this part in this process")
    parser.add_argument("--weights", help="checkpoint of the part")
    a = parser.parse_args()
    settings = {} if a.steps is None else {"steps": a.steps}
    settings |= {} if a.views is None else {"views": 1, "least_views": a.views}
    if a.part:
        found = ours(a.weights, settings) if a.part == "ours" else straightforward(a.weights)
        print(json.dumps(found))
        return
    numbers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        weights = str(Path(folder) / "FaRL-Base-Patch16-LAIONFace20M-ep16.pth")
        torch.save({"state_dict": to_clip(new_pair("base", seed=0))}, weights)
        for part in ("straightforward", "ours"):
            command = [sys.executable, "-m", "benchmarks.speed.farl_base", "--part", part, "--weights", weights]
            command += sys.argv[1:]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            numbers[part] = json.loads(done.stdout.splitlines()[-1])
            print(part, {k: round(v, 4) for k, v in numbers[part].items()}, flush=True)
    recipe = named_recipe("quick", "segmentation", True, FACES)
    mine, rival = numbers["ours"], numbers["straightforward"]
    hours = rival["s per image and step"] * recipe.batch_size * mine["steps"] / 3600
    print(f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(
        f"adapt on {FACES} faces, {mine['steps']} steps: {mine['adapt s'] / 60:.1f} min, {mine['adapt peak MB']:.0f} MB"
    )
    print(f"predict one face, mirrored copy included: {mine['predict s']:.2f} s; peak {mine['peak MB']:.0f} MB")
    print(
        f"straightforward: {rival['s per image and step']:.1f} s per image and step, {hours:.1f} hours in all, "
        f"{hours * 3600 / mine['adapt s']:.0f} times as long; {RIVAL_IMAGES} images take {rival['peak MB']:.0f} MB"
    )


if __name__ == "__main__":
    main()
