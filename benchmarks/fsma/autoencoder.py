r"""Score auto-encoders by few-shot landmarks on people outside their training.

    FACEKIT_DATA=... python -m benchmarks.fsma.autoencoder FILE ... [--draws 3]
    FACEKIT_DATA=... python -m benchmarks.fsma.autoencoder --train FILE --faces celebahq128 lfw128 generated:6000 \
        --steps 8000 --every 1000

Reconstruction errors do not predict few-shot accuracy. An auto-encoder that has overfitted reconstructs other people
well and adapts badly. Each file is scored by the NME of landmarks from 10 faces without a warm start, and by the
standard deviation of its codes. All faces are of 300-W's training part, which must not be among ``--faces``. The test
part `lfpw_test` is not used.

``--train`` pre-trains with stops. The file of each stop is scored. The best one is written to FILE (early stopping).
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
from pathlib import Path

import torch

import facekit
from facekit.cli.command import parse_settings
from facekit.data.face_sources import TEST_300W, landmarks_300w
from facekit.images.reader import to_tensor

FEW, UNSEEN = 10, 150


def score_autoencoder(path: Path | str, draws: int) -> dict[str, float]:
    """Return NME (inter-ocular, percent) from 10 faces, its standard deviation, and the standard deviation of codes.

    Args:
        path: Weights of the auto-encoder, or "embedded".
        draws: Number of draws of the ten faces.
    """
    paths, subsets, points = landmarks_300w()
    train = [i for i, subset in enumerate(subsets) if subset != TEST_300W]
    chosen = random.Random(7).sample(train, UNSEEN + FEW * draws)
    unseen, rest = chosen[:UNSEEN], chosen[UNSEEN:]
    images = [facekit.load_image(paths[i]) for i in unseen]
    errors = []
    for draw in range(draws):
        few = rest[draw * FEW : (draw + 1) * FEW]
        model = facekit.adapt(
            [facekit.load_image(paths[i]) for i in few],
            points[few],
            "landmarks",
            names="68",
            weights=path,
            start="none",
            align="none",
            seed=draw,
            progress=False,
        )
        errors.append(facekit.evaluate(model, images, points[unseen], align="none")["nme_inter_ocular"])
    backbone = facekit.load_backbone("fsma", weights=path)
    side = backbone.size.input_size
    with torch.inference_mode():
        x = torch.nn.functional.interpolate(to_tensor(images), side, mode="bilinear", antialias=True)
        codes = backbone.encode(x)
        error = 255 * (backbone.decode(codes) - x).abs().mean()
    return {
        "nme": statistics.mean(errors),
        "nme_std": statistics.stdev(errors) if draws > 1 else float("nan"),
        "codes_std": float(codes.std(0).mean()),
        "l1": float(error),
    }


def train(a: argparse.Namespace) -> None:
    """Pre-train with stops and keep the best file."""
    best, kept = float("inf"), 0
    for stop in range(a.every, a.steps + 1, a.every):
        at_stop = a.train.with_name(f"{a.train.stem}-{stop}.safetensors")
        facekit.pretrain(
            "fsma",
            a.faces,
            preset="mini",
            out=at_stop,
            steps=a.steps,
            until=stop,
            checkpoint=a.train.with_suffix(".checkpoint.pt"),
            weights=a.weights,
            progress=False,
            **parse_settings(a.set, {}),
        )
        scores = score_autoencoder(at_stop, a.draws)
        print(stop, {k: round(v, 3) for k, v in scores.items()}, flush=True)
        if scores["nme"] < best:
            best, kept = scores["nme"], stop
            shutil.copyfile(at_stop, a.train)
    print(f"kept step {kept}, NME {best:.2f} %")


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="files of weights, or embedded")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--train", type=Path, help="the file to write")
    parser.add_argument("--faces", nargs="+", default=["celebahq128", "lfw128", "generated:6000"])
    parser.add_argument("--weights", help="weights to go on from")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--every", type=int, default=1000, help="steps between two scores")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="fields of the pre-training")
    a = parser.parse_args()
    for file in a.files:
        print(file, {k: round(v, 3) for k, v in score_autoencoder(file, a.draws).items()}, flush=True)
    if a.train:
        train(a)


if __name__ == "__main__":
    main()
