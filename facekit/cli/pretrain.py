"""Commands that train a backbone from its beginning, and make shards for it."""

from __future__ import annotations

import argparse
from typing import Any

from .command import AddCommand, settings


def commands(command: AddCommand) -> None:
    """Add the commands of this file to the parser."""
    p = command(
        "shard",
        _shard,
        "make images with texts into shards for FaRL's pre-training, their faces found",
        "facekit shard photos --texts captions.csv --out shards",
    )
    p.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder of images, a .parquet or .csv listing with columns URL and TEXT, .tar shards or a folder of "
        "them, celebahq128, celebahq128:COUNT, generated:COUNT",
    )
    p.add_argument("--texts", help="a .csv of file name and caption; else a .txt beside each image of a folder")
    p.add_argument("--download", action="store_true", help="fetch what a listing has on the web")
    p.add_argument("--size", type=int, default=256, help="side of generated faces, px")
    p.add_argument("--longest", type=int, default=640, help="larger images are shrunk to this side, px")
    p.add_argument("--score", type=float, default=0.9, help="images without a face above it are left out")
    p.add_argument("--per-shard", type=int, default=1000, help="images a shard stands for")
    p.add_argument("--workers", type=int, default=1, help="processes")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="folder to write; the same command again makes what is missing")

    p = command(
        "pretrain",
        _pretrain,
        "train a backbone, or a part of one, from its beginning; the same command again goes on where it was stopped",
        "facekit pretrain fsma --faces faces generated:20000 --preset mini --out fsma.safetensors",
    )
    p.add_argument("backbone", choices=["fsma", "farl", "tokenizer", "stylegan2", "inversion"])
    p.add_argument(
        "--faces",
        nargs="+",
        required=True,
        help="folders of faces, celebahq128[:COUNT], generated:COUNT; farl: shards (`facekit shard`)",
    )
    p.add_argument("--preset", help="mini; fsma also 128, 256; farl also base; stylegan2 also 256, 1024")
    p.add_argument("--steps", type=int)
    p.add_argument(
        "--weights",
        help="what to go on from: embedded, or a file (.safetensors, .mdl, .pth); for inversion the generator "
        "(.safetensors, .pkl, .pt)",
    )
    p.add_argument("--batch", type=int, help="images a step, of all processes together")
    p.add_argument("--until", type=int, help="stop after so many of the steps; the same command goes on later")
    p.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="fields of the recipe: mim=0 align=false",
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="the .safetensors file to write")


def _shard(a: argparse.Namespace) -> Any:
    from ..api.shards import make_shards

    return make_shards(
        a.sources,
        a.out,
        texts=a.texts,
        download=a.download,
        size=a.size,
        seed=a.seed,
        workers=a.workers,
        progress=not a.json,
        per_shard=a.per_shard,
        score=a.score,
        longest=a.longest,
    )


def _pretrain(a: argparse.Namespace) -> Any:
    from ..api.pretraining import pretrain
    from ..training.distributed import is_first

    options: dict[str, Any] = {
        "preset": a.preset, "out": a.out, "steps": a.steps, "until": a.until, "weights": a.weights, "seed": a.seed,
        "progress": not a.json,
    }  # fmt: skip
    if a.batch is not None:
        options["batch_size"] = a.batch
    losses = pretrain(a.backbone, a.faces, **options, **settings(a.set, options))
    return losses if is_first() else None
