"""Train ten pixel classifiers at once, and one after the other, which defines the result.

    python -m benchmarks.speed.classifier_training [--batches 100] [--rounds 5] [--device cpu]

Ten classifiers of 19 classes learn from random features as long as those of the embedded generator, by SGD and with 64
pixels per batch as in PFTGAN. Both ways see the same pixels. Their losses must agree to 1e-3 in the first batches;
later, rounding grows. Time is of the wall clock, so the machine must be idle. The two ways alternate; the ratio is that
of the medians.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor

from facekit.backbones.pftgan.backbone import PFTGAN
from facekit.backbones.pftgan.classifier_training import PixelFitting, PixelRecipe
from facekit.backbones.pftgan.network import layer_channels
from facekit.backbones.pftgan.pixel_classifier import Ensemble
from facekit.backbones.pftgan.pixel_sampling import Pixels
from facekit.model import find_backbone

CLASSES, COMPARED = 19, 5
RECIPE = PixelRecipe(optimiser="sgd", lr=0.5)


def one_after_the_other(program: PixelFitting, batches: list[Tensor]) -> list[float]:
    """Train on pixel numbers (M, P). Return the losses of the first batches, in the order of `at_once`."""
    found = []
    for m, member in enumerate(copy.deepcopy(program.ensemble).train().each()):
        optimiser = torch.optim.SGD(member.parameters(), program.recipe.lr)
        for chosen in batches:
            loss = F.cross_entropy(member(program.features[chosen[m]]), program.labels[chosen[m]])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            found.append(loss.item())
    return [found[m * len(batches) + i] for i in range(COMPARED) for m in range(program.recipe.members)]


def at_once(program: PixelFitting, batches: list[Tensor]) -> list[float]:
    """Train as facekit does. Return the losses of the first batches."""
    return torch.cat([program.descend(chosen) for chosen in batches][:COMPARED]).tolist()


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    a = parser.parse_args()
    backbone = find_backbone("pftgan")
    assert isinstance(backbone, PFTGAN)
    size = backbone.load_generator("embedded").size
    channels, count = layer_channels(size), size.resolution**2
    torch.manual_seed(0)
    pixels = Pixels(torch.randn(count, sum(channels)), torch.randint(CLASSES, (count,)), tuple(channels))
    took: dict[str, list[float]] = {"one after the other": [], "at once": []}
    for _ in range(a.rounds):
        ensemble = Ensemble(channels, CLASSES, PixelRecipe.members, torch.Generator().manual_seed(0))
        program = PixelFitting(ensemble, pixels, RECIPE, torch.device(a.device))
        batches = [torch.randint(count, (RECIPE.members, RECIPE.batch_size)).to(a.device) for _ in range(a.batches)]
        losses = {}
        for name, run in (("one after the other", one_after_the_other), ("at once", at_once)):
            started = time.perf_counter()
            losses[name] = run(program, batches)
            took[name].append(time.perf_counter() - started)
        pairs = zip(losses["one after the other"], losses["at once"], strict=True)
        apart = max(abs(x - y) for x, y in pairs)
        assert apart < 1e-3, f"the losses are {apart} apart"
    first, second = (1000 * statistics.median(took[name]) / a.batches for name in took)
    print(
        f"ten members, {sum(channels)} features, {torch.get_num_threads()} threads, {a.device}: one batch of all takes"
    )
    print(f"  {first:.1f} ms one after the other, {second:.1f} ms at once: {first / second:.1f} times as fast")


if __name__ == "__main__":
    main()
