"""Measure two savings of FaRL: several heads on one tower in one call, and cached frozen features.

    python -m benchmarks.speed.heads [--repeats 30]

The straightforward ways are three calls, each of which runs the tower, and ``cache=False``. The script checks that both
give the same results. Images are 128 px face crops, so that no time is spent on face detection.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import facekit
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.labels import CELEBA_40, CELEBAMASK_19, FACEKIT_27, segmentation_map

FEW = 10


def models(batch: dict[str, Any], **settings: Any) -> dict[str, facekit.Model]:
    """Adapt a parser, landmarks and attributes on the same frozen tower."""
    images = list(batch["image"].permute(0, 2, 3, 1).numpy())
    masks = list(segmentation_map(FACEKIT_27, CELEBAMASK_19)[batch["mask"].numpy()])
    tags = np.random.default_rng(0).integers(0, 2, (len(images), 40)).astype(float)
    shared: dict[str, Any] = {"backbone": "farl", "weights": "embedded", "progress": False, **settings}
    return {
        "parser": facekit.adapt(images, masks, "segmentation", names=CELEBAMASK_19, **shared),
        "aligner": facekit.adapt(images, batch["landmarks68"].numpy(), "landmarks", names="68", **shared),
        "tagger": facekit.adapt(images, tags, "attributes", names=CELEBA_40, **shared),
    }


def milliseconds(call: Callable[[], Any], repeats: int) -> float:
    """Return the median time of the calls, after a few that are not counted."""
    times = []
    for i in range(repeats + 3):
        started = time.perf_counter()
        call()
        if i >= 3:
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=30)
    a = parser.parse_args()
    faces = GeneratedFaces(seed=31, size=128, domain="wild", yaw=(-30, 30))
    batch = faces.batch(range(FEW), want=("image", "mask", "landmarks68"))
    heads = models(batch, steps=5, views=1, least_views=FEW)
    image = faces.batch([100], want=("image",))["image"][0].permute(1, 2, 0).contiguous().numpy()
    together = list(heads.values())
    apart = [facekit.predict(model, image) for model in together]
    parsed, aligned, tagged = facekit.predict(together, image)
    assert (parsed.mask == apart[0].mask).mean() > 0.999
    assert np.allclose(aligned.points, apart[1].points, atol=0.01)
    assert np.allclose(tagged.probabilities, apart[2].probabilities, atol=1e-4)
    one = {name: milliseconds(lambda m=model: facekit.predict(m, image), a.repeats) for name, model in heads.items()}
    all_three = milliseconds(lambda: facekit.predict(together, image), a.repeats)
    print(f"{torch.get_num_threads()} threads; one head: " + ", ".join(f"{k} {v:.1f} ms" for k, v in one.items()))
    print(f"three heads in one call {all_three:.1f} ms: {all_three / max(one.values()):.2f} times the dearest one,")
    print(f"  {sum(one.values()) / all_three:.2f} times faster than three calls ({sum(one.values()):.1f} ms)")

    unseen = faces.batch(range(200, 240), want=("image", "landmarks68"))
    images = list(unseen["image"].permute(0, 2, 3, 1).numpy())
    few = list(batch["image"].permute(0, 2, 3, 1).numpy())
    took: dict[bool, float] = {}
    for cache in (True, False):
        started = time.perf_counter()
        model = facekit.adapt(
            few,
            batch["landmarks68"].numpy(),
            "landmarks",
            "farl",
            names="68",
            weights="embedded",
            cache=cache,
            progress=False,
        )
        took[cache] = time.perf_counter() - started
        score = facekit.evaluate(model, images, unseen["landmarks68"].numpy())["nme_inter_ocular"]
        print(
            f"adapting on {FEW} faces, features {'kept' if cache else 'anew at every step'}: {took[cache]:.1f} s, "
            f"loss {model.about['loss']:.5f}, NME {score:.3f} %"
        )
    print(f"kept features: {took[False] / took[True]:.2f} times faster")


if __name__ == "__main__":
    main()
