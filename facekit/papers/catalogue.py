"""All tables and figures with numbers of the four papers."""

from __future__ import annotations

from dataclasses import dataclass

from . import (
    farl,
    farl_tasks,
    fsma,
    fsma_formats,
    pftgan,
    pftgan_ablations,
    pftgan_fair,
    synthparse,
    synthparse_control,
)
from .experiment import Experiment


@dataclass(frozen=True)
class NotHere:
    """A table that cannot be run.

    Attributes:
        id: Paper and number.
        title: What it compares.
        reason: Why it cannot be run.
    """

    id: str
    title: str
    reason: str


_TABLES = (fsma, fsma_formats, pftgan, pftgan_ablations, pftgan_fair, synthparse, synthparse_control, farl, farl_tasks)
EXPERIMENTS: dict[str, Experiment] = {one.id: one for tables in _TABLES for one in tables.EXPERIMENTS}
_FROM_TABLE_7 = "no training of its own: its rows are means and best rows of synthparse/table7"
NOT_HERE: dict[str, NotHere] = {
    one.id: one
    for one in (
        NotHere(
            "fsma/table6",
            "hours of labelling",
            "people who label 2,000 images and measure their time; `facekit compare --seconds-per-label` takes yours",
        ),
        NotHere(
            "synthparse/table1", "results of Wood et al. on Helen", "Wood et al.'s models, which are not published"
        ),
        NotHere("synthparse/table2", "poses in data sets", "no training: it counts images, and the numbers are cited"),
        NotHere("synthparse/table6", "best averages of each data set", _FROM_TABLE_7),
        NotHere("synthparse/table8", "best models of each data set", _FROM_TABLE_7),
        NotHere(
            "farl/table10",
            "share of faces in the pre-training",
            "LAION with images that show no face, 20 million pairs for each row (`facekit shard --faceless`)",
        ),
        NotHere(
            "farl/table12",
            "factors of the tanh-warp",
            "LaPa, the official tower, and a warping factor other than 0.8, which `facekit.adapt` does not offer",
        ),
    )
}
