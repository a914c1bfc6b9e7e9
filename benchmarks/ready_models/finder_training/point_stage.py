"""Second stage of the face finder's training: boxes and points only, with everything before them frozen.

    python -m benchmarks.ready_models.finder_training.point_stage --weights FILE --out FILE --backgrounds FOLDER

The first stage leaves points that are off by 16 % of the distance of the eyes. Scores do not change in this stage.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from safetensors.torch import load_file

from facekit.detection.network import FaceNetwork, decode

from .backgrounds import Backgrounds
from .faces import face_groups
from .losses import finder_loss
from .mosaics import Mosaics
from .training import SIDE, Batches, save_weights

STEPS = 1300
LR = 3e-3
POINT_FACTOR = 3.0
# Of the images; the first stage has seed 0.
SEED = 1


def refine_points(weights: Path, out: Path, backgrounds: Path, cache: Path, steps: int = STEPS) -> None:
    """Train the layers of boxes and points.

    Args:
        weights: Result of the first stage.
        out: The .safetensors file to write.
        backgrounds: Folder of images without faces.
        cache: Folder of labelled faces.
        steps: Optimisation steps.
    """
    network = FaceNetwork()
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()}, strict=False)
    network.to(memory_format=torch.channels_last).eval()
    batches = Batches(Mosaics(face_groups(cache), Backgrounds(backgrounds), SIDE, SEED), steps)
    trained = torch.nn.ModuleList([network.place_tower, network.place]).train()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=LR, weight_decay=1e-4)
    for step in range(steps):
        images, wanted = batches[step]
        optimizer.param_groups[0]["lr"] = LR * min(1, (step + 1) / 50) * (1 + math.cos(math.pi * step / steps)) / 2
        with torch.no_grad():
            maps = network.pyramid(images.to(memory_format=torch.channels_last))
            scores = [network.score(network.score_tower(x)) for x in maps]
        found = decode(
            [torch.cat((s, network.place(network.place_tower(x))), 1) for s, x in zip(scores, maps, strict=True)]
        )
        losses = finder_loss(found, wanted)
        optimizer.zero_grad()
        (losses["box"] + POINT_FACTOR * losses["points"]).backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 10.0)
        optimizer.step()
        if step % 50 == 0:
            print(step, {name: round(loss.item(), 3) for name, loss in losses.items()}, flush=True)
        if step % 300 == 299:
            save_weights(network.state_dict(), out)
    save_weights(network.state_dict(), out)


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, help="result of the first stage")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--backgrounds", type=Path, required=True, help="folder of images without faces")
    parser.add_argument("--cache", type=Path, default=Path("finder-faces"), help="folder of labelled faces")
    parser.add_argument("--steps", type=int, default=STEPS)
    a = parser.parse_args()
    refine_points(a.weights, a.out, a.backgrounds, a.cache, a.steps)


if __name__ == "__main__":
    main()
