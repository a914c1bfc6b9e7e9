"""Training programs one after another, as one program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .loop import Program


class Stateful(Protocol):
    """An object whose state a checkpoint holds."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        """Restore what ``state_dict`` returned."""


def _nothing() -> None:
    """Do nothing at the end of a stage."""


@dataclass(frozen=True)
class Stage:
    """One program of a sequence.

    Attributes:
        steps: Number of its steps.
        begin: Makes the program. Called when its first step is due, or when a run resumes within the stage.
        end: Called after its last step.
    """

    steps: int
    begin: Callable[[], Program]
    end: Callable[[], None] = _nothing


class StagedProgram:
    """Stages in a row: a `facekit.training.loop.Program` whose steps are those of its stages.

    Only the current stage's program exists. What later stages need of earlier ones is in ``shared``, which a checkpoint
    holds as well.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        shared: Mapping[str, Stateful] | None = None,
        facts: Mapping[str, Any] | None = None,
        estimate: Callable[[], float] | None = None,
    ):
        """Leave out stages without steps.

        Args:
            stages: The stages in order.
            shared: Networks and tensors that stages hand on, by name.
            facts: Plain data on the training, which the stages fill. `adapt` stores it with the model.
            estimate: Returns about how many seconds the stages take that can be timed before they begin.
        """
        self.stages = [stage for stage in stages if stage.steps > 0]
        self.shared = dict(shared or {})
        self.facts = {} if facts is None else facts
        self.estimate = estimate
        self.current = -1
        self.program: Program | None = None

    @property
    def steps(self) -> int:
        """Number of steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def step(self, index: int) -> dict[str, float]:
        """Make step ``index``, counted over all stages, and return the losses by name."""
        number, within = self._place(index)
        if number != self.current or self.program is None:
            self._begin(number)
        assert self.program is not None
        losses = self.program.step(within)
        if within + 1 == self.stages[number].steps:
            self.stages[number].end()
        return losses

    def _place(self, index: int) -> tuple[int, int]:
        """Return the stage that step ``index`` belongs to, and the step's number within it."""
        for number, stage in enumerate(self.stages):
            if index < stage.steps:
                return number, index
            index -= stage.steps
        raise IndexError(f"step {index} is beyond the {self.steps} steps of this program")

    def _begin(self, number: int) -> None:
        self.current, self.program = number, self.stages[number].begin()

    def state_dict(self) -> dict[str, Any]:
        """Return the shared state and that of the current stage."""
        return {
            "stage": self.current,
            "shared": {name: part.state_dict() for name, part in self.shared.items()},
            "program": None if self.program is None else self.program.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        for name, part in self.shared.items():
            part.load_state_dict(state["shared"][name])
        if state["program"] is not None:
            self._begin(state["stage"])
            assert self.program is not None
            self.program.load_state_dict(state["program"])
            # If the stage was complete, no further step of it will call this. Otherwise it is called again.
            self.stages[self.current].end()
