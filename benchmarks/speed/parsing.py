"""Measure face parsing end to end: faces per second of ``facekit.predict`` and of plain inference of the same network.

    python -m benchmarks.speed.parsing [--model FILE.facekit] [--rounds 40] [--profile]

Both receive face crops of 128 px (or of the model's own size) as uint8 arrays and return one mask of class ids per
crop. The plain side uses segmentation_models_pytorch as one would write it for speed: inference mode, channels last
if that is faster here, one normalisation for the batch, no softmax before the argmax. It keeps the batch norms that
``predict`` folds into the convolutions. With a label adapter both sides run it. Rounds alternate. Ratios are medians
over the rounds; above 1, facekit is faster.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.model import ready_model

Parse = Callable[[list[np.ndarray]], list[np.ndarray]]


def ours(model: facekit.Model) -> Parse:
    """Return facekit's function from crops to masks."""
    return lambda crops: [result.mask for result in facekit.predict(model, crops, align="none")]


def plain(model: facekit.Model, layout: torch.memory_format) -> Parse:
    """Return a function that calls the network's parts directly, without facekit's path from image to mask."""
    # A copy, because the memory layout would otherwise stay in our model.
    network = model.network
    net = type(network)(network.size, network.channels, network.stride, network.paints).eval()
    net.load_state_dict(network.state_dict())
    segmenter = net.model.to(model.device, memory_format=layout)
    mean, std = (t.to(model.device).reshape(1, 3, 1, 1) for t in (net.normalise.mean, net.normalise.std))

    @torch.inference_mode()
    def parse(crops: list[np.ndarray]) -> list[np.ndarray]:
        x = torch.from_numpy(np.stack(crops)).to(model.device).permute(0, 3, 1, 2).float().div_(255)
        x = x.sub_(mean).div_(std).contiguous(memory_format=layout)
        maps = segmenter(x)
        if model.adapter is not None:
            maps = model.adapter(maps.argmax(1))
        return list(maps.argmax(1).to(torch.uint8).cpu().numpy())

    return parse


def seconds(parse: Parse, crops: list[np.ndarray]) -> float:
    """Return the wall time of one call."""
    started = time.perf_counter()
    parse(crops)
    return time.perf_counter() - started


def faster(candidates: list[Parse], crops: list[np.ndarray]) -> Parse:
    """Return the function with the best median of a few rounds."""
    for parse in candidates:
        parse(crops)
    took = [[seconds(parse, crops) for parse in candidates] for _ in range(7)]
    medians = [statistics.median(times) for times in zip(*took, strict=True)]
    return candidates[medians.index(min(medians))]


def compare(model: facekit.Model, crops: list[np.ndarray], rounds: int) -> None:
    """Print faces per second of both sides and their ratio for one batch."""
    layouts = (torch.contiguous_format, torch.channels_last)
    sides = (ours(model), faster([plain(model, layout) for layout in layouts], crops))
    mine, theirs = (parse(crops) for parse in sides)
    agree = np.mean([(a == b).mean() for a, b in zip(mine, theirs, strict=True)])
    assert agree > 0.999, f"the two sides must do the same work, but agree on {agree:.4f} of the pixels"
    took = []
    for i in range(rounds):
        order = list(enumerate(sides))[:: 1 if i % 2 else -1]
        times = {k: seconds(parse, crops) for k, parse in order}
        took.append((times[0], times[1]))
    rates = [len(crops) / statistics.median(times) for times in zip(*took, strict=True)]
    ratios = sorted(other / own for own, other in took)
    print(
        f"batch {len(crops)}: facekit {rates[0]:.1f} faces/s, plain {rates[1]:.1f}: ratio "
        f"{statistics.median(ratios):.3f} (quartiles {ratios[rounds // 4]:.3f}, {ratios[3 * rounds // 4]:.3f})"
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a .facekit file of a parser on synthparse, instead of the ready one")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--profile", action="store_true", help="where facekit's own time goes at batch 16")
    a = parser.parse_args()
    model = facekit.load(a.model) if a.model else ready_model("segmentation")
    faces = GeneratedFaces(seed=31, size=model.input_size, domain="wild").batch(range(16), want=("image",))
    crops = list(faces["image"].permute(0, 2, 3, 1).contiguous().numpy())
    size = model.network.size
    print(f"{size.decoder} on {size.encoder}, {size.input_size} px, {model.device}, {torch.get_num_threads()} threads")
    for count in (1, 16):
        compare(model, crops[:count], a.rounds)
    if a.profile:
        profile = cProfile.Profile()
        profile.runcall(lambda: [ours(model)(crops) for _ in range(5)])
        pstats.Stats(profile).sort_stats("tottime").print_stats(20)


if __name__ == "__main__":
    main()
