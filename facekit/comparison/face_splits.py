"""Splits of labelled faces into a part to adapt on and a part that scores."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Fewest faces that a model is scored on.
LEAST_SCORED = 5
# Most of them. More change the result little, and each of them is predicted by every model.
MOST_SCORED = 200


@dataclass(frozen=True)
class FaceSplit:
    """One draw. No image is in both parts, nor two images of one person.

    Attributes:
        adapt: Indices of the images to adapt on, in random order. A model of s faces takes the first s.
        scored: Indices of the images that score every model of the draw.
    """

    adapt: tuple[int, ...]
    scored: tuple[int, ...]


def draw_splits(
    images: int, shots: int, draws: int, seed: int, persons: Sequence[Hashable] | None = None
) -> list[FaceSplit]:
    """Split labelled images at random, once per draw.

    Args:
        images: Number of labelled images.
        shots: Largest number of images to adapt on.
        draws: Number of draws.
        seed: Seed of the draws.
        persons: The person in each image, so that nobody is in both parts. None: another person in each.

    Returns:
        One split per draw. The scored part has all images that are left, 200 at most.

    Raises:
        ValueError: If fewer than 5 images are left to score.
    """
    persons = range(images) if persons is None else persons
    of_person: dict[Hashable, list[int]] = {}
    for i, person in enumerate(persons):
        of_person.setdefault(person, []).append(i)
    people = list(of_person.values())
    return [_split(people, images, shots, np.random.default_rng([seed, draw])) for draw in range(draws)]


def _split(people: list[list[int]], images: int, shots: int, random: np.random.Generator) -> FaceSplit:
    """Return one split. People are taken in random order until they have enough images to adapt on."""
    adapt: list[int] = []
    scored: list[int] = []
    for i in random.permutation(len(people)):
        (adapt if len(adapt) < shots else scored).extend(people[i])
    if len(adapt) < shots or len(scored) < LEAST_SCORED:
        others, people_text = ("", "") if len(people) == images else (" of other people", f" of {len(people)} people")
        raise ValueError(
            f"images: expected at least {shots + LEAST_SCORED} labelled images ({shots} to adapt on and {LEAST_SCORED}"
            f"{others} to score), got {images}{people_text}; label more, pass fewer shots, or pass test_images"
        )
    return FaceSplit(
        tuple(int(i) for i in random.permutation(adapt)[:shots]),
        tuple(int(i) for i in random.permutation(scored)[:MOST_SCORED]),
    )


def draw_orders(images: int, scored: int, shots: int, draws: int, seed: int) -> list[FaceSplit]:
    """Draw images to adapt on, where other images score.

    Args:
        images: Number of labelled images to adapt on.
        scored: Number of images that score.
        shots: Largest number of images to adapt on.
        draws: Number of draws.
        seed: Seed of the draws.

    Returns:
        One split per draw. ``scored`` are indices into the images that score; they are the same in each draw.

    Raises:
        ValueError: If there are fewer images than shots.
    """
    if images < shots:
        raise ValueError(f"images: expected at least {shots} labelled images, got {images}; label more, or fewer shots")
    orders = [np.random.default_rng([seed, draw]).permutation(images)[:shots] for draw in range(draws)]
    return [FaceSplit(tuple(int(i) for i in order), tuple(range(scored))) for order in orders]


def person_names(groups: Iterable[Any] | None, images: int) -> list[str] | None:
    """Check the argument ``groups``.

    Args:
        groups: One name or number per image, the same for images of one person, or None.
        images: Number of images.

    Returns:
        The names, or None.

    Raises:
        ValueError: If the number of names is wrong, or one is missing.
    """
    if groups is None:
        return None
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise ValueError(f"groups: expected one person's name per image, got {groups!r}; pass a list")
    names = list(groups)
    if len(names) != images:
        raise ValueError(f"groups: expected one person's name per image, {images} in all, got {len(names)}; pass all")
    for i, name in enumerate(names):
        if name is None or name == "" or (isinstance(name, float) and math.isnan(name)):
            raise ValueError(f"groups: expected a person's name for image {i}, got {name!r}; make up a name for it")
    return [str(name) for name in names]
