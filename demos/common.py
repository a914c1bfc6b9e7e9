"""What all tabs share: errors that become messages, photos that come in, files that go out."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from facekit.results import Faces, Segmentation

MOST_PICTURES = 100
NO_PHOTO = "no picture came: upload one first"


def explained(function: Callable[..., Any]) -> Callable[..., Any]:
    """facekit's errors about input become the page's messages."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (ValueError, OSError) as error:
            raise gr.Error(str(error), title="That did not work", print_exception=False) from error

    return wrapper


def drawn(result: Any) -> np.ndarray:
    """A result on its picture, with the colours named where it has parts."""
    return result.draw(legend=True) if isinstance(result, (Segmentation, Faces)) else result.draw()


def example_photo() -> str | None:
    """The photo that scikit-image ships, where that is installed."""
    spec = find_spec("skimage")
    photo = Path(spec.origin).parent / "data" / "astronaut.png" if spec and spec.origin else None
    return str(photo) if photo and photo.is_file() else None


def photo_field(label: str, height: int) -> gr.Image:
    """Where a visitor's one picture comes in, as a file path."""
    sources: Any = ["upload", "webcam", "clipboard"]
    return gr.Image(type="filepath", format="png", label=label, sources=sources, height=height)


@functools.cache
def _workshop() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="facekit-page-")


def new_file(name: str) -> Path:
    """A path for a file to download, alone in a new folder; all of them are gone when the page ends."""
    return Path(tempfile.mkdtemp(dir=_workshop().name)) / name


def teller(bar: gr.Progress) -> Callable[[int, int, dict[str, float]], None]:
    """What `facekit.adapt` tells after every step, on the page's progress bar."""

    def tell(done: int, total: int, losses: dict[str, float]) -> None:
        bar((done, total), desc=", ".join(f"{name} {value:.3f}" for name, value in losses.items()), unit="steps")

    return tell
