"""Measure where the time of ``facekit predict --images`` goes.

    python -m benchmarks.speed.predict_ladder --model segmentation

First each stage alone: decode, face search, network, writing. Then the ladder, in which each row adds a stage: the bare
network, with images that are decoded, with faces that are searched, and the whole command with its table. Prints for
each row images/s and the processor's time per image in ms, the best of several rounds, and the rate as a part of that
of the slowest stage. Where all stages share the same cores, no program is faster than these cores' time allows: the
last line says that limit. The images are the first ones of CelebA-HQ's 10,000 in FACEKIT_DATA (128 px). Needs the extra
``train``.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.speed.predict_processes import extract_images
from facekit.alignment import check_align
from facekit.api.table_prediction import predict_table
from facekit.core.extras import pyarrow
from facekit.data.image_parts import decode_ahead, open_image_parts
from facekit.model import resolve_model
from facekit.model.face_frames import find_frames_by_align
from facekit.model.prediction import frame_image, image_groups, predict_group
from facekit.model.trained_model import AT_ONCE
from facekit.results.face_columns import FaceColumn
from facekit.results.prediction_table import table_schema
from facekit.training.distributed import own_cores

WORKERS = 2


class Stages:
    """The stages of a prediction of some images, each as a function to time."""

    def __init__(self, model: str, folder: Path):
        """Decode the images and predict them once."""
        self.name, self.folder = model, folder
        self.model = resolve_model(model, "cpu")
        self.align = check_align(self.model.align)
        self.images = [image for _, image in self._prepared(lambda image: image)]
        self.outcomes = [outcome for _, outcome in self._predicted(None)]
        self.column = FaceColumn(model, self.model.task.labels, self.align != "none")

    def decode(self) -> None:
        """Decode all images."""
        for _ in self._prepared(lambda image: image):
            pass

    def search(self) -> None:
        """Search for the faces of all images."""
        for image in self.images:
            find_frames_by_align(image, {self.align}, None)

    def network(self) -> None:
        """Run the network on one random crop per image, in the batches of a prediction."""
        side = self.model.input_size
        x = torch.rand(AT_ONCE, 3, side, side)
        for start in range(0, len(self.images), AT_ONCE):
            self.model._own_maps(self.model._runner, x[: len(self.images) - start])

    def write(self) -> None:
        """Write the table of the outcomes."""
        schema = table_schema([self.column])
        rows = [{"image": "name", self.name: self.column.cell(outcome)} for outcome in self.outcomes]
        with (
            tempfile.TemporaryFile() as file,
            pyarrow("parquet").ParquetWriter(file, schema, compression="zstd") as out,
        ):
            out.write_table(pyarrow().Table.from_pylist(rows, schema))

    def decode_and_network(self) -> None:
        """Predict each image as one face crop."""
        for _ in self._predicted("none"):
            pass

    def with_search(self) -> None:
        """Predict the faces of each image."""
        for _ in self._predicted(None):
            pass

    def command(self) -> None:
        """Run all of the command but its start."""
        out = Path(tempfile.mkdtemp())
        try:
            predict_table([self.name], self.folder, out, workers=WORKERS, device="cpu", progress=False)
        finally:
            shutil.rmtree(out)

    def _prepared(self, prepare: Callable[[Any], Any]) -> Any:
        source = open_image_parts(self.folder, 1000)
        return decode_ahead((image for part in range(source.parts) for image in source.read(part)), WORKERS, prepare)

    def _predicted(self, align: str | None) -> Any:
        for group in image_groups(self._prepared(lambda image: frame_image([self.model], image, None, align))):
            names, framed = zip(*group, strict=True)
            (outcomes,) = predict_group([self.model], framed, align)
            yield from zip(names, outcomes, strict=True)


def measure(stage: Callable[[], Any], count: int, rounds: int) -> tuple[float, float]:
    """Return images/s and the processor's seconds per image, the best of some rounds."""
    walls, used = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), time.process_time()
        stage()
        walls.append(time.perf_counter() - started)
        used.append(time.process_time() - before)
    return count / min(walls), min(used) / count


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="segmentation")
    parser.add_argument("--count", type=int, default=64, help="images")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        stages = Stages(args.model, extract_images(folder, args.count))
        alone = {
            "decode": stages.decode,
            "face search": stages.search,
            "network": stages.network,
            "write": stages.write,
        }
        ladder = {
            "network": stages.network,
            "+ decode, crops": stages.decode_and_network,
            "+ face search": stages.with_search,
            "+ writing": stages.command,
        }
        print(f"{args.model}, {args.count} images, {torch.get_num_threads()} threads, best of {args.rounds} rounds")
        print(f"{'':16s} {'images/s':>9s} {'ms of processor':>16s} {'of slowest':>11s}")
        slowest = limit = 0.0
        for title, functions in (("alone", alone), ("ladder", ladder)):
            rates = {name: measure(function, args.count, args.rounds) for name, function in functions.items()}
            slowest = slowest or min(rate for rate, _ in rates.values())
            print(title)
            for name, (rate, used) in rates.items():
                print(f"{name:16s} {rate:9.1f} {1000 * used:16.2f} {rate / slowest:11.2f}", flush=True)
            if title == "alone":
                limit = own_cores() / sum(used for _, used in rates.values())
        print(f"{'limit of cores':16s} {limit:9.1f} {'':16s} {limit / slowest:11.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
