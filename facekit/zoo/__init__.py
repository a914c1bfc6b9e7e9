"""Weights inside this package and weights to download."""

from .embedded import EMBEDDED, FOLDER, embedded_file
from .official import cached_file, official_file

__all__ = [
    "EMBEDDED",
    "FOLDER",
    "cached_file",
    "embedded_file",
    "official_file",
]
