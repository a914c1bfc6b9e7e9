"""Weights inside this package. Each file has a card, `NAME.md`, in the same folder."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "weights"

EMBEDDED = {
    "fsma": "fsma-mini.safetensors",
    "farl": "farl-mini.safetensors",
    "pftgan": "pftgan-mini.safetensors",  # A generator and its inversion encoder.
    "tokenizer": "tokenizer.safetensors",  # Visual tokens of FaRL's masked image modelling.
    "alexnet": "../../metrics/alexnet-lpips.safetensors",  # The network of LPIPS, in the folder of the metric.
    "face-finder": "face-finder.safetensors",  # Read by facekit.detection.
    "landmarks": "landmarks68.facekit",
    "segmentation": "parsing.facekit",
    "segmentation-fasseg": "parsing-fasseg.facekit",  # A label adapter on "segmentation".
    "attributes": "attributes40.facekit",
    "sketch": "sketch.facekit",  # CUFS's style.
    "sketch-fs2k": "sketch-fs2k.facekit",
    "shadow-removal": "shadow-removal.facekit",
    # Heads on farl's image tower, which runs once for these and "attributes". The models above are more accurate.
    "farl-landmarks": "farl-landmarks68.facekit",
    "farl-segmentation": "farl-parsing.facekit",
    # Warm starts of fsma's quick recipes, trained on generated faces only.
    "start-landmarks": "start-landmarks.facekit",
    "start-segmentation": "start-segmentation.facekit",
}


# The files that this process has asked for. These two are read without `embedded_file`.
_asked = {"alexnet", "face-finder"}


def asked_files() -> list[str]:
    """Return the names of the embedded files that this process may have read."""
    return sorted(_asked)


def embedded_file(name: str) -> Path:
    """Return the path of an embedded file.

    Args:
        name: A key of ``EMBEDDED``.

    Raises:
        ValueError: If there is no such name.
        FileNotFoundError: If the installation lacks the file.
    """
    if name not in EMBEDDED:
        raise ValueError(f"embedded weights {name!r}: expected one of {', '.join(EMBEDDED)}")
    path = FOLDER / EMBEDDED[name]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing from this installation: reinstall facekit, or pass weights=<file>")
    _asked.add(name)
    return path
