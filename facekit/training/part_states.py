"""Base class of training programs whose state is the states of named parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class PartStates(ABC):
    """Save and restore the parts of a program: networks, optimisers, and others with a ``state_dict``."""

    @abstractmethod
    def _parts(self) -> dict[str, Any]:
        """Return the parts by their names in checkpoints."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next step depends on."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what ``state_dict`` returned."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
