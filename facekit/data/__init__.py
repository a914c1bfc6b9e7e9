"""Training data: readers of published data sets, face crops, images with texts, generated faces and cats, real samples.

`facekit.data.samples()` returns 16 real faces with exact labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sample_faces import SampleFaces, samples

__all__ = ["SampleFaces", "samples"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import sample_faces

    return getattr(sample_faces, name)
