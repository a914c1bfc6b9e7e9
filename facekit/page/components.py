"""Helpers that all tabs share: limits, error messages, drawings, the example photos."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

from ..data.sample_faces import FOLDER
from ..results.faces import Faces
from ..results.types import Segmentation
from .sessions import StoppedError

CROP, PHOTO = "Face crop", "Photo"
MOST_IMAGES = 100
MESSAGE_TIME = 20  # s that an error is shown; it can be closed before
FILE_HEIGHT = 170  # px of a field for one file
MOST_TEXT = 10_000  # characters of a text field
NO_IMAGE = "expected an image, got none; upload one first"
EXAMPLE_LABEL = "Or take one of these images"
EXAMPLE_PEOPLE = ("129", "008", "136")  # of the sample faces


def show_errors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Show errors about the input as messages on the page.

    Args:
        function: A handler of the page.

    Returns:
        The handler. It raises `gradio.Error` for a stopped training and for errors that facekit raises about its
        input. Other errors pass unchanged.
    """

    @contextmanager
    def shown_errors() -> Iterator[None]:
        try:
            yield
        except StoppedError as stopped:
            raise gr.Error(str(stopped), title="Stopped", duration=MESSAGE_TIME, print_exception=False) from stopped
        except (ValueError, OSError, FloatingPointError) as error:
            text = without_folders(str(error))
            raise gr.Error(text, title="That did not work", duration=MESSAGE_TIME, print_exception=False) from error

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        with shown_errors():
            return function(*arguments, **options)

    @functools.wraps(function)
    def generator(*arguments: Any, **options: Any) -> Any:
        with shown_errors():
            yield from function(*arguments, **options)

    return generator if inspect.isgeneratorfunction(function) else wrapper


def without_folders(text: str) -> str:
    """Leave only the names of the page's files in a message, not the folders in which they are stored."""
    return re.sub(rf"{re.escape(get_upload_folder())}/(?:[^/\s]+/)*", "", text)


def draw_result(result: Any) -> np.ndarray:
    """Draw a result on its image, with a legend of the parts if it has parts.

    Args:
        result: A result of `facekit.predict`.

    Returns:
        RGB (H, W, 3) uint8.
    """
    return result.draw(legend=True) if isinstance(result, (Segmentation, Faces)) else result.draw()


def example_photo() -> str | None:
    """Return the path of the photo that scikit-image ships, or None if scikit-image is not installed."""
    spec = find_spec("skimage")
    photo = Path(spec.origin).parent / "data" / "astronaut.png" if spec and spec.origin else None
    return str(photo) if photo and photo.is_file() else None


def example_photos() -> list[str]:
    """Return the paths of photos to try: scikit-image's astronaut, if installed, and three of the sample people."""
    people = [str(FOLDER / f"{name}.jpg") for name in EXAMPLE_PEOPLE]
    return [photo for photo in (example_photo(), *people) if photo]


def check_length(text: str) -> str:
    """Check that a text is not too long to be processed.

    Args:
        text: Content of a text field.

    Returns:
        The text.

    Raises:
        ValueError: If the text has more than MOST_TEXT characters.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"expected at most {MOST_TEXT:,} characters, got {len(text):,}; shorten the text")
    return text
