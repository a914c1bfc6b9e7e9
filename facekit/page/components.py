"""What all tabs share: errors that become messages, results as drawings, and limits."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from ..results.faces import Faces
from ..results.types import Segmentation
from .sessions import Stopped

MOST_IMAGES = 100
MOST_TEXT = 10_000  # characters of a text field
NO_PHOTO = "no image came: upload one first"


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """facekit's errors about input become the page's messages."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except Stopped as stopped:
            raise gr.Error(str(stopped), title="Stopped", print_exception=False) from stopped
        except (ValueError, OSError, FloatingPointError) as error:
            raise gr.Error(str(error), title="That did not work", print_exception=False) from error

    return wrapper


def drawn(result: Any) -> np.ndarray:
    """A result on its image, with the colours named where it has parts."""
    return result.draw(legend=True) if isinstance(result, (Segmentation, Faces)) else result.draw()


def example_photo() -> str | None:
    """The photo that scikit-image ships, where that is installed."""
    spec = find_spec("skimage")
    photo = Path(spec.origin).parent / "data" / "astronaut.png" if spec and spec.origin else None
    return str(photo) if photo and photo.is_file() else None


def check_length(text: str) -> str:
    """Refuse a text that is too long to be worked on.

    Args:
        text: What a visitor wrote.

    Returns:
        The text.

    Raises:
        ValueError: If it has more than MOST_TEXT characters.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"expected at most {MOST_TEXT:,} characters, got {len(text):,}; shorten the text")
    return text
