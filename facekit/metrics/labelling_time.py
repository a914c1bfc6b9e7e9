"""How many hours of labelling few-shot adaptation saves: FSMA's Table 6, for the user's own counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Labelling one image, in minutes. The defaults below follow from Table 6, where 2,000 images were labelled."""

    first: float  # drawing the labels
    check: float  # looking them over
    correct: float  # mending them, averaged over all images
    few: float  # the whole work on one image when there are only a few


# 100 h, 2 h and 2.8 h for 2,000 images (the table adds them up to 108 h); 6 h for the 100 of the few-shot model.
LANDMARK_PACE = Pace(first=3.0, check=0.06, correct=0.084, few=3.6)
# 500 h, 3.2 h and 16.8 h for 2,000 images; 12 h for the 50 of the few-shot model.
SEGMENTATION_PACE = Pace(first=15.0, check=0.096, correct=0.504, few=14.4)
PACES = {"landmarks": LANDMARK_PACE, "segmentation": SEGMENTATION_PACE}


@dataclass(frozen=True)
class Workload:
    """Hours of labelling, by hand and with a model adapted on a few images."""

    by_hand: float
    few_shot: float

    @property
    def saved(self) -> float:
        """Hours saved; negative where labelling everything is quicker."""
        return self.by_hand - self.few_shot

    def __str__(self) -> str:
        return f"{self.by_hand:.1f} h by hand, {self.few_shot:.1f} h with a few-shot model: {self.saved:.1f} h saved"


def workload(task: str, images: int, labelled: int, minutes: float | None = None) -> Workload:
    """Estimate the labelling time of a set of images (FSMA section 5.4, Table 6).

    task: "landmarks" or "segmentation". images: how many a fully supervised model would want. labelled: how many you
    label for the few-shot model. minutes: your own time for one image; everything else is scaled with it. The paper's
    paces are its authors' experience with two formats, not a measurement of yours.
    Raises ValueError for another task or numbers that are not positive.
    """
    if task not in PACES:
        raise ValueError(f"task={task!r}: there are paces for {', '.join(map(repr, PACES))}")
    if images < 1 or labelled < 1 or (minutes is not None and minutes <= 0):
        raise ValueError(f"{images} images, {labelled} labelled, {minutes} minutes came: expected positive numbers")
    pace = PACES[task]
    factor = 1.0 if minutes is None else minutes / pace.first
    by_hand = images * (pace.first + pace.check + pace.correct) * factor / 60
    return Workload(by_hand, labelled * pace.few * factor / 60)
