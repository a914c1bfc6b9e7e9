"""UTKFace by groups of people: which images score the face finder, and which may train it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facekit.data.face_sources import UTKFACE_RACES, utkface

# Images of each group that are scored.
SCORED = 40
_ADULT = (18, 70)
_CHILD = 5


def scored_groups() -> dict[str, list[Path]]:
    """Return the scored images: 40 of each group, drawn once with seed 0.

    Returns:
        Paths by group: adults (18 to 70 years) by race, "over 70", "under 5".
    """
    paths, age, _, race = utkface()
    adult = (age >= _ADULT[0]) & (age <= _ADULT[1])
    members = {f"{name} adults": adult & (race == name) for name in UTKFACE_RACES}
    members |= {"over 70": age > _ADULT[1], "under 5": age < _CHILD}
    rng = np.random.default_rng(0)
    return {
        name: [paths[i] for i in sorted(rng.choice(np.flatnonzero(member), SCORED, replace=False))]
        for name, member in members.items()
    }


def trained_images() -> list[Path]:
    """Return the images that are in no scored group. UTKFace does not say who is shown, so people may recur."""
    scored = {path for group in scored_groups().values() for path in group}
    return [path for path in utkface()[0] if path not in scored]
