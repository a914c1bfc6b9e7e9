"""Write generated cats as PNG files, on which an auto-encoder of cats is pre-trained (FSMA section 5.5).

    python -m benchmarks.fsma.cat_images FOLDER --count 4000
    facekit pretrain fsma --weights embedded --faces FOLDER --steps 1200 --out cats.safetensors
    facekit reproduce fsma/figure14 --data DIR      # with the file as DIR/weights/cats.safetensors

The images have seed 23. ``fsma/figure14`` adapts and scores on other animals, those of seed 22.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from facekit.data.synthetic_cats import GeneratedAnimals


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=4000)
    a = parser.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    cats = GeneratedAnimals(seed=23, size=160)
    for start in range(0, a.count, 64):
        indices = range(start, min(start + 64, a.count))
        for i, image in zip(indices, cats.batch(indices, want=("image",))["image"], strict=True):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(a.folder / f"{i:06d}.png")


if __name__ == "__main__":
    main()
