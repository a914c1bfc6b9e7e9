"""Towers of FaRL's experiments: random ones, and those that an experiment pre-trains itself.

Pre-training takes scenes of the first 8,000 CelebA-HQ faces (`facekit shard scenes:COUNT`), so that faces are not
aligned. Labelled and scored faces are among the other 2,000. CelebA-HQ contains several images of some people and no
identities, so a few people may be in both parts.
"""

from __future__ import annotations

import functools
from pathlib import Path

from safetensors.torch import save_file

from ..api.pretraining import pretrain
from ..api.shards import make_shards
from ..backbones.farl.image_text_model import PRESETS, ImageTextModel, to_clip
from ..backbones.farl.text_tower import TextSize, TextTower
from ..backbones.image_tower import ImageTower, TowerSize
from ..core.atomic_file import whole_file
from ..core.global_state import seeded_random
from ..core.version import __version__
from .cells import plain, slug
from .experiment import Cell
from .intermediates import kept
from .needs import CELEBAHQ_128

# Sizes of both towers. "ablation" is small enough to pre-train in minutes.
SIZES: dict[str, tuple[TowerSize, TextSize]] = {
    **PRESETS,
    "ablation": (
        TowerSize(input_size=64, patch=8, width=128, layers=4, heads=2, embed_dim=64),
        TextSize(width=64, layers=2, heads=2, vocabulary=4096, embed_dim=64),
    ),
}


def random_towers(cell: Cell, size: str) -> Path:
    """Return a file of random towers. All rows of a draw start from the same.

    Args:
        cell: The cell.
        size: A key of `SIZES`.
    """
    made_by = {"size": size, "draw": cell.draw, "facekit": __version__}
    return kept(
        cell.kept, f"random-{size}-draw{cell.draw}", ".safetensors", made_by, functools.partial(_write, cell, size)
    )


def _write(cell: Cell, size: str, file: Path) -> None:
    image, text = SIZES[size]
    with seeded_random(cell.draw):
        pair = ImageTextModel(ImageTower(image), TextTower(text))
    with whole_file(file) as temporary:
        save_file(to_clip(pair), temporary, {"heads_image": str(image.heads), "heads_text": str(text.heads)})


def _scenes(cell: Cell) -> Path:
    """Return the folder of the shards of an experiment."""
    count, size = cell.settings["scenes"], cell.settings["scene_size"]
    made_by = {"scenes": count, "size": size, "data": cell.data[CELEBAHQ_128.name], "facekit": __version__}

    def make(folder: Path) -> None:
        make_shards([f"scenes:{count}"], folder, size=size, progress=False)

    return kept(cell.kept, f"scenes-{count}", "", made_by, make)


def pretrained(cell: Cell) -> Path:
    """Return the towers of a row and a draw. A killed pre-training goes on."""
    start = random_towers(cell, "ablation")
    if cell.settings["pretraining"] is None:
        return start
    names = ("pretraining", "steps", "batch", "scenes", "scene_size")
    made_by = {
        "settings": plain({name: cell.settings[name] for name in names}),
        "draw": cell.draw,
        "data": cell.data[CELEBAHQ_128.name],
        "facekit": __version__,
    }
    name = f"{slug(cell.row)}-draw{cell.draw}"
    return kept(cell.kept, name, ".safetensors", made_by, functools.partial(_pretrain, cell, start))


def _pretrain(cell: Cell, start: Path, file: Path) -> None:
    about = cell.settings
    pretrain(
        "farl",
        _scenes(cell),
        out=file,
        weights=start,
        steps=about["steps"],
        batch_size=about["batch"],
        warmup=about["steps"] // 10,
        seed=cell.draw,
        input_size=SIZES["ablation"][0].input_size,
        bfloat16=False,
        progress=False,
        **about["pretraining"],
    )
