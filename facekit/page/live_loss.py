"""Run a training in a thread and show its loss while it runs."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from matplotlib.figure import Figure

from ..plots import curves

# Drawing takes about 0.1 s, and should not slow the training down.
SECONDS_BETWEEN = 2.0

Report = Callable[[int, int, dict[str, float]], None]


class LiveLoss:
    """The losses of a training that runs in a thread.

    Args:
        report: Function that is called after every step; it raises an exception to stop the training.
    """

    def __init__(self, report: Report) -> None:
        self._report, self._stopped = report, threading.Event()
        self._started = time.monotonic()
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.total = 0

    def __call__(self, done: int, total: int, values: dict[str, float]) -> None:
        """Note one step. `facekit.adapt` calls this as its ``progress``."""
        if not self.steps:
            self._started = time.monotonic()
        self.total = total
        self.steps.append(done)
        self.losses.append(float(values.get("loss", sum(values.values()))))
        self._report(done, total, values)
        if self._stopped.is_set():
            raise InterruptedError("the training was given up")

    def run(self, train: Callable[[], Any]) -> Iterator[tuple[str, Figure | None]]:
        """Run a training. Between its steps, yield what the page shows.

        Args:
            train: The training. Its ``progress`` is this object.

        Yields:
            A sentence, and the plot of the loss, None before the first step.

        Returns:
            The result of ``train``.

        Raises:
            Exception: Any exception of ``train``.
        """
        outcome: dict[str, Any] = {}

        def work() -> None:
            try:
                outcome["result"] = train()
            except BaseException as error:
                outcome["error"] = error

        # The thread belongs to the same session of the page.
        thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(SECONDS_BETWEEN)
                yield self.text(), self.figure()
        finally:
            self._stopped.set()  # the visitor has left, or the handler was cancelled
            thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["result"]

    def text(self) -> str:
        """Return the step, the loss and the time that is left, as Markdown."""
        if not self.steps:
            return "Preparing the images: faces are found, features are computed. The first step comes after that."
        done, elapsed = self.steps[-1], time.monotonic() - self._started
        text = f"**Step {done} of {self.total}** · loss {self.losses[-1]:.3g}"
        if done < self.total and len(self.steps) > 1:
            left = elapsed / (done - self.steps[0]) * (self.total - done)
            text += f" · about {left:.0f} s left" if left < 90 else f" · about {left / 60:.0f} min left"
        return text

    def figure(self) -> Figure | None:
        """Return the plot of the loss, None before the first step."""
        return curves({"loss": (self.steps, self.losses)}) if self.steps else None
