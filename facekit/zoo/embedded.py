"""The weights inside this package; each has a card (`NAME.md`) beside it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "weights"

EMBEDDED = {
    "fsma": "fsma-mini.safetensors",
    "farl": "farl-mini.safetensors",
    "pftgan": "pftgan-mini.safetensors",  # a generator and the encoder of its codes
    "tokenizer": "tokenizer.safetensors",  # visual tokens for FaRL's masked image modelling
    "alexnet": "../../metrics/alexnet-lpips.safetensors",  # the trunk of LPIPS, in the folder of the metric
    "landmarks": "landmarks68.facekit",
    "segmentation": "parsing.facekit",
    "segmentation-fasseg": "parsing-fasseg.facekit",  # a label adapter on the former
    "attributes": "attributes40.facekit",
    # On farl's tower, which then looks once for these and "attributes"; those above find more.
    "farl-landmarks": "farl-landmarks68.facekit",
    "farl-segmentation": "farl-parsing.facekit",
    # Where fsma's quick recipes start: fitted on generated faces only.
    "start-landmarks": "start-landmarks.facekit",
    "start-segmentation": "start-segmentation.facekit",
}


def embedded_file(name: str) -> Path:
    """Path of an embedded file. Raises ValueError for an unknown name, FileNotFoundError when the installation lacks
    it."""
    if name not in EMBEDDED:
        raise ValueError(f"no embedded weights {name!r}: there are {', '.join(EMBEDDED)}")
    path = FOLDER / EMBEDDED[name]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing from this installation: reinstall facekit, or pass weights=<file>")
    return path
