"""All tables and figures with numbers of the four papers."""

from __future__ import annotations

from dataclasses import dataclass

from . import farl, fsma, pftgan, synthparse
from .experiment import Experiment


@dataclass(frozen=True)
class NotHere:
    """A table that cannot be run.

    Attributes:
        id: Paper and number.
        title: What it compares.
        reason: What is missing.
    """

    id: str
    title: str
    reason: str


EXPERIMENTS: dict[str, Experiment] = {e.id: e for paper in (fsma, pftgan, synthparse, farl) for e in paper.EXPERIMENTS}
_RIVALS = "other methods, whose code and weights are not part of facekit"
NOT_HERE: dict[str, NotHere] = {
    one.id: one
    for one in (
        NotHere("fsma/table4", "fully supervised parsing on Helen", f"Helen, and {_RIVALS}"),
        NotHere("fsma/table6", "hours of labelling", "labelling by people; see facekit.compare(seconds_per_label=)"),
        NotHere("pftgan/table2", "parts of generated images", "labels of the generator's own samples"),
        NotHere("pftgan/table3", "parts of cars, LSUN CAR-20", "a generator of cars and the labels of CAR-20"),
        NotHere("synthparse/table3", "models trained and tested on Helen", "Helen and LaPa; their readers are there"),
        NotHere("synthparse/table4", "models trained and tested on LaPa", "LaPa; its reader is there"),
        NotHere("synthparse/table5", "the control experiment on Helen", "FaceSynthetics and Helen"),
        NotHere("farl/table1", "pre-trained transformers, frozen", f"LaPa, AFLW-19 and CelebA, and {_RIVALS}"),
        NotHere("farl/table4", "parsing of LaPa", "LaPa and the official tower"),
        NotHere("farl/table5", "parsing of CelebAMask-HQ", "CelebAMask-HQ and the official tower"),
        NotHere("farl/table6", "points of AFLW-19", "AFLW-19 and the official tower"),
        NotHere("farl/table7", "points of WFLW", "WFLW and the official tower"),
        NotHere("farl/table8", "points of 300-W", "300-W whole and the official tower"),
        NotHere("farl/table9", "attributes of CelebA and LFWA", "CelebA, LFWA and the official tower"),
        NotHere("farl/table10", "share of faces in the pre-training", "LAION with images without faces"),
        NotHere("farl/table11", "age and sex by race", "FairFace and the official tower"),
        NotHere("farl/table12", "factors of the tanh-warp", "LaPa and the official tower"),
    )
}
