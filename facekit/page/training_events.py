"""The buttons and events of a training: inputs are checked at once, the training waits in the queue, Stop ends it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from .sessions import stop_training

# All trainings form one queue, so one training runs at a time.
TRAINING: dict[str, Any] = {"concurrency_id": "training", "concurrency_limit": 1}


def training_buttons(
    label: str = "Adapt", text: str = "Nothing is trained yet."
) -> tuple[gr.Button, gr.Button, gr.Markdown]:
    """Lay out the buttons of a training.

    Args:
        label: Text of the button that starts it.
        text: Text before the first training.

    Returns:
        The start button, the button "Stop", and the text of the progress below them.
    """
    with gr.Row():
        start = gr.Button(label, variant="primary", scale=4)
        stop = gr.Button("Stop", scale=1)
    return start, stop, gr.Markdown(text, elem_classes="progress")


def connect_training(
    name: str,
    buttons: tuple[gr.Button, gr.Button, gr.Markdown],
    check: Callable[..., None],
    train: Callable[..., Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    queue: dict[str, Any] = TRAINING,
) -> gr.events.Dependency:
    """Connect the buttons of a training with its handler.

    The inputs are checked before the training waits in the queue. So a visitor whose inputs lack something gets the
    message at once, not after the trainings of other visitors.

    Args:
        name: Name of the training, as given to `progress_reporter`. Its functions have the names ``name`` and
            ``name_stop``.
        buttons: A result of `training_buttons`.
        check: Handler that raises an error for inputs that cannot be used.
        train: Handler that trains. It checks its inputs, too, because programs call it directly.
        inputs: Inputs of both handlers.
        outputs: Outputs of ``train``.
        queue: Options of the event: its queue and how many run at a time.

    Returns:
        The event of the training.
    """
    start, stop, status = buttons
    checked = start.click(check, inputs, None, api_visibility="private", show_progress="hidden")
    started = checked.success(train, inputs, outputs, api_name=name, show_progress_on=status, **queue)

    def end() -> str:
        stop_training(name)
        return "Stopped. There is no new result."

    stop.click(end, None, status, api_name=f"{name}_stop", show_progress="hidden")
    stop.click(None, None, None, cancels=[started])
    return started
