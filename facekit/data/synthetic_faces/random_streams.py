"""Independent random streams, so that each image depends only on the seed and on its index."""

from __future__ import annotations

import numpy as np

IDENTITY, CAPTURE, CAPTION, COMPANION = 1, 2, 3, 4
"""Streams of the faces: the person, the image of it, the caption, the first companion."""
ANNOTATION = 13
"""First of the streams for annotators' errors, one stream per point set."""


def random_stream(seed: int, stream: int, number: int) -> np.random.Generator:
    """Return the random generator of one stream.

    Args:
        seed: Seed of the whole set, non-negative.
        stream: Number of the stream; different streams are independent.
        number: Index of the image or of the person.

    Returns:
        A Philox generator. The same three numbers always give the same values.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream, number])))
