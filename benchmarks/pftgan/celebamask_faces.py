"""Faces of celebamask for PFTGAN's benchmarks: those that may be labelled, and those that are scored."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from facekit.data.datasets.face import ParsedFace
from facekit.data.datasets.lazy_faces import LazyFaces
from facekit.labels import CELEBAMASK_19
from facekit.papers.face_data import celebamask

Faces = LazyFaces[ParsedFace]


def add_unseen(parser: argparse.ArgumentParser) -> None:
    """Add the option --unseen to a parser."""
    parser.add_argument("--unseen", type=int, default=60, help="validation faces that are scored, at most 70")


def labelled_and_unseen(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> tuple[Faces, Faces]:
    """Open the training faces, and the validation faces that no pre-training saw.

    The program ends with a message if the data is missing, or ``--unseen`` or ``--faces`` asks for other numbers than
    there are.

    Args:
        parser: The command's parser.
        chosen: The command's arguments: ``unseen``, and ``faces`` and ``first`` where the command has them.

    Returns:
        800 faces to choose labelled ones from, and 70 to score: images RGB (256, 256, 3) uint8 and masks (256, 256) of
        CelebAMask-HQ's 19 class ids.
    """
    if "FACEKIT_DATA" not in os.environ:
        sys.exit("FACEKIT_DATA is not set: this benchmark needs celebamask/ in that folder")
    folder = Path(os.environ["FACEKIT_DATA"]) / "celebamask"
    if not folder.is_dir():
        sys.exit(
            f"{folder}: expected the faces of celebamask, got no such folder; set FACEKIT_DATA to the folder above"
        )
    train, unseen = (celebamask(folder, split, CELEBAMASK_19) for split in ("train", "unseen"))
    if not 1 <= chosen.unseen <= len(unseen):
        parser.error(f"--unseen {chosen.unseen}: expected 1 to {len(unseen)} faces")
    faces, first = getattr(chosen, "faces", 1), getattr(chosen, "first", 0)
    if faces < 1 or not 0 <= first <= len(train) - faces:
        parser.error(f"--faces {faces} --first {first}: expected one face or more, of {len(train)}")
    return train, unseen
