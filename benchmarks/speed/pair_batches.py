"""Measure how fast FaRL's pre-training reads its batches: images a second by the number of threads.

    python -m benchmarks.speed.pair_batches [--pairs 512] [--side 512] [--size 224] [--batch 256] [--threads 1 2]

The pairs are rendered faces, stored in shards as JPEG of 512 px, as LAION's images are about that large. Decoding and
the warp to the mean face take nearly all of the time. Prints images/s, and milliseconds of the processor per image. An
accelerator that trains on R images/s needs R * milliseconds / 1000 cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time

from facekit.api.shards import make_shards
from facekit.data.image_text import PairBatches, PairPool, View


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=512)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--batches", type=int, default=6)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make_shards([f"generated:{a.pairs}"], folder, size=a.side, progress=False)
        pool = PairPool(folder)
        for align in (True, False):
            for threads in a.threads:
                batches = PairBatches(pool, 0, a.batch, view=View(a.size, align=align), workers=threads)
                list(batches.from_step(0, 1))
                wall, processor = time.perf_counter(), time.process_time()
                count = sum(len(batch["text"]) for batch in batches.from_step(1, 1 + a.batches))
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                print(
                    f"{'aligned face' if align else 'crop'}, {threads} thread(s): {count / wall:.0f} images/s, "
                    f"{1000 * processor / count:.2f} ms of the processor per image",
                    flush=True,
                )


if __name__ == "__main__":
    main()
