"""Commands of pre-training: shard prepares the data, pretrain trains a backbone."""

from __future__ import annotations

import argparse
from typing import Any

from ..backbones.registry import pretrainings
from .command import AddCommand, parse_settings


def add_commands(add_command: AddCommand) -> None:
    """Add the commands of this module to the parser."""
    _add_shard(add_command)
    _add_pretrain(add_command)


def _add_shard(add_command: AddCommand) -> None:
    """Add the command `shard`."""
    p = add_command(
        "shard",
        _shard,
        "write images of faces and their texts to shards for FaRL's pre-training",
        "facekit shard photos --texts captions.csv --out shards",
    )
    p.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a folder of images, a .parquet or .csv listing with columns URL and TEXT, .tar shards or a folder of "
        "them, celebahq128, celebahq128:COUNT, scenes:COUNT (several unaligned faces per image), generated:COUNT",
    )
    p.add_argument("--texts", help="a .csv of file name and caption; the default is a .txt file beside each image")
    p.add_argument("--download", action="store_true", help="download the images of a listing")
    p.add_argument("--size", type=int, default=256, help="side of generated faces and scenes, px")
    p.add_argument("--longest", type=int, default=640, help="larger images are scaled down to this longest side, px")
    p.add_argument(
        "--score", type=float, default=0.9, help="images without a face of this detection score are left out"
    )
    p.add_argument(
        "--faceless",
        action="store_true",
        help="write images without a face, too, as in LAION-RANDOM; then pre-train with --set align=false",
    )
    p.add_argument("--per-shard", type=int, default=1000, help="images per shard")
    p.add_argument("--workers", type=int, default=1, help="number of processes")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--out", required=True, help="folder to write; run the same command again to add missing shards")


def _add_pretrain(add_command: AddCommand) -> None:
    """Add the command `pretrain`."""
    p = add_command(
        "pretrain",
        _pretrain,
        "pre-train a backbone, or a part of one; run the same command again to resume",
        "facekit pretrain fsma --faces faces generated:20000 --preset mini --out fsma.safetensors",
    )
    p.add_argument("backbone", choices=list(pretrainings()))
    p.add_argument(
        "--faces",
        nargs="+",
        required=True,
        help="folders of face crops, folders of images with boxes.csv, celebahq128[:COUNT], lfw128[:COUNT], "
        "300w[:COUNT], generated:COUNT; farl: shards (`facekit shard`)",
    )
    p.add_argument("--preset", help="mini; fsma also 128, 256; farl also base; stylegan2 also 256, 1024")
    p.add_argument("--steps", type=int, help="number of training steps, instead of the preset's")
    p.add_argument(
        "--weights",
        help="weights to start from: embedded, or a file (.safetensors, .mdl, .pth); for inversion the generator "
        "(.safetensors, .pkl, .pt)",
    )
    p.add_argument("--batch", type=int, help="batch size, summed over all processes")
    p.add_argument("--until", type=int, help="stop after this step; run the same command again to continue")
    p.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME=VALUE",
        help="fields of the recipe: mim=0 align=false",
    )
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--device", help="where to train: cpu, cuda, cuda:1, mps")
    p.add_argument("--out", required=True, help="the .safetensors file to write")


def _shard(args: argparse.Namespace) -> Any:
    """Run `facekit shard`."""
    from ..api.shards import make_shards

    return make_shards(
        args.sources,
        args.out,
        texts=args.texts,
        download=args.download,
        size=args.size,
        seed=args.seed,
        workers=args.workers,
        progress=not args.json,
        per_shard=args.per_shard,
        score=args.score,
        longest=args.longest,
        faceless=args.faceless,
    )


def _pretrain(args: argparse.Namespace) -> Any:
    """Run `facekit pretrain`. Return the losses in the first process of a distributed run, None in all others."""
    from ..api.pretraining import pretrain
    from ..training.distributed import is_first

    options: dict[str, Any] = {
        "preset": args.preset,
        "out": args.out,
        "steps": args.steps,
        "until": args.until,
        "weights": args.weights,
        "seed": args.seed,
        "progress": not args.json,
    }
    options |= {k: v for k, v in {"batch_size": args.batch, "device": args.device}.items() if v is not None}
    losses = pretrain(args.backbone, args.faces, **options, **parse_settings(args.set, options))
    return losses if is_first() else None
