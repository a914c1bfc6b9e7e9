"""Hours of labelling that few-shot adaptation saves: FSMA's Table 6, for other numbers of images."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Minutes of work per image. The values below follow from Table 6, where 2,000 images were labelled.

    Attributes:
        first: Time to draw the labels.
        check: Time to check them.
        correct: Time to correct them, averaged over all images.
        few: Time for all of this on each of a few images.
    """

    first: float
    check: float
    correct: float
    few: float


# 100 h, 2 h and 2.8 h for 2,000 images (the table adds them up to 108 h); 6 h for the 100 of the few-shot model.
LANDMARK_PACE = Pace(first=3.0, check=0.06, correct=0.084, few=3.6)
# 500 h, 3.2 h and 16.8 h for 2,000 images; 12 h for the 50 of the few-shot model.
SEGMENTATION_PACE = Pace(first=15.0, check=0.096, correct=0.504, few=14.4)
PACES = {"landmarks": LANDMARK_PACE, "segmentation": SEGMENTATION_PACE}


@dataclass(frozen=True)
class Workload:
    """Hours of labelling, by hand and with a model adapted on a few images.

    Attributes:
        by_hand: Hours to label all images.
        few_shot: Hours to label the few images that a model is adapted on.
    """

    by_hand: float
    few_shot: float

    @property
    def saved(self) -> float:
        """Hours saved; negative if labelling all images takes less time."""
        return self.by_hand - self.few_shot

    def __str__(self) -> str:
        return f"{self.by_hand:.1f} h by hand, {self.few_shot:.1f} h with a few-shot model: {self.saved:.1f} h saved"


def workload(task: str, images: int, labelled: int, minutes: float | None = None) -> Workload:
    """Estimate the labelling time of a set of images (FSMA section 5.4, Table 6).

    The paper's times are its authors' experience with two label formats; they are no measurement of your data.

    Args:
        task: "landmarks" or "segmentation".
        images: Number of images that a fully supervised model needs.
        labelled: Number of images that are labelled for the few-shot model.
        minutes: Your own time to label one image; all other times are scaled with it. None is the paper's time.

    Returns:
        Hours by hand and with the few-shot model.

    Raises:
        ValueError: For another task, or numbers that are not positive.
    """
    if task not in PACES:
        raise ValueError(f"task={task!r}: expected one of {', '.join(map(repr, PACES))}")
    if images < 1 or labelled < 1 or (minutes is not None and minutes <= 0):
        raise ValueError(f"expected positive numbers, got images={images}, labelled={labelled}, minutes={minutes}")
    pace = PACES[task]
    factor = 1.0 if minutes is None else minutes / pace.first
    by_hand = images * (pace.first + pace.check + pace.correct) * factor / 60
    return Workload(by_hand, labelled * pace.few * factor / 60)
