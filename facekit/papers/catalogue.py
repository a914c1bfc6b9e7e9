"""All tables and figures with numbers of the four papers."""

from __future__ import annotations

from dataclasses import dataclass

from . import fsma, pftgan
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


EXPERIMENTS: dict[str, Experiment] = {e.id: e for e in (*fsma.EXPERIMENTS, *pftgan.EXPERIMENTS)}
_RIVALS = "other methods, whose code and weights are not part of facekit"
NOT_HERE: dict[str, NotHere] = {
    one.id: one
    for one in (
        NotHere("fsma/table4", "fully supervised parsing on Helen", f"Helen, and {_RIVALS}"),
        NotHere("fsma/table6", "hours of labelling", "labelling by people; see facekit.compare(seconds_per_label=)"),
        NotHere("pftgan/table3", "parts of cars, LSUN CAR-20", "a generator of cars and the labels of CAR-20"),
    )
}
