"""Random parameters of the hair: style, colour, hairline, thickness and length."""

from __future__ import annotations

from typing import Any

import numpy as np

HAIR_STYLES = (
    "bald",
    "shaved",
    "short",
    "side_part",
    "fringe",
    "curly",
    "afro",
    "bob",
    "long",
    "long_wavy",
    "long_fringe",
    "bun",
    "ponytail",
    "slick",
)
HAIR_COLOURS = {
    "black": (26, 21, 20),
    "dark": (45, 31, 25),
    "brown": (86, 56, 38),
    "auburn": (112, 58, 36),
    "blond": (192, 150, 98),
    "grey": (140, 136, 132),
    "white": (208, 205, 200),
    "dyed": (130, 50, 90),
}
"""Colours in sRGB, 0 to 255."""
TABLE = 96
"""Entries of the hairline over the signed azimuth, -180 to 180 degrees; 0 is in front."""
# The average hairline: height in mm over the absolute azimuth in degrees.
_AZIMUTH = np.array([0, 22, 36, 46, 54, 61, 68, 76, 83, 92, 102, 115, 135, 180.0])
_HEIGHT = np.array([74, 72, 66, 55, 38, 18, -2, -12, 4, 14, 4, -30, -62, -72.0])


def hair_parameters(rng: np.random.Generator, male: bool, age: float, tone: float, eastern: bool) -> dict[str, Any]:
    """Draw the hair of a person.

    Args:
        rng: Random generator of the person.
        male: Whether the person is a man.
        age: Years.
        tone: Tone of the skin, 0 pale to 1 dark.
        eastern: Whether the face has East Asian features.

    Returns:
        Parameters by name:

        - ``hair_style``, ``hair_colour``: names from HAIR_STYLES and HAIR_COLOURS
        - ``hair_table`` (96,): height of the hairline in mm over the azimuth
        - ``hair_top``, ``hair_side``: thickness in mm
        - ``hair_length``: lowest height of falling hair in mm, 0 if the hair does not fall
        - ``hair_radius``, ``hair_open``: radius (mm) of falling hair and azimuth (degrees) where it begins
        - ``hair_recede``, ``hair_part``, ``sideburn_mm``, ``hair_bangs``: shape of the hairline
        - ``hair_edge``, ``hair_fade``: raggedness of the hairline and distance (mm) to full thickness
        - ``hair_curl``, ``hair_bun``, ``hair_tail``: 0 to 1
        - ``hair_rgb`` (3,), ``hair_streak``, ``hair_gloss``: linear colour and its variation
        - ``hair_shift`` (2,): position in the noise
    """
    old = float(np.clip((age - 35) / 40, 0, 1))
    style = _sample_style(rng, male, old, tone)
    colour = _sample_colour(rng, old, tone, eastern)
    top, side, length, curl, radius = _sample_thickness(rng, style)
    recede = float(np.clip(rng.normal(0.35 + 0.9 * old, 0.35), 0, 1.6)) if male else float(rng.uniform(0, 0.3))
    sideburn = float(rng.uniform(2, 34)) if male else float(rng.uniform(0, 14))
    high = float(rng.normal(0, 4.5)) + 4 * old * male
    part = float(rng.choice([-1, 1])) * float(rng.uniform(14, 34))
    azimuth = np.linspace(-180, 180, TABLE)
    line = _hairline(azimuth, recede, sideburn, high)
    bangs = style in ("fringe", "long_fringe") or (style in ("bob", "short", "curly") and rng.random() < 0.22)
    if style == "bald":
        line = line * 0 + 400.0
        top = side = 0.0
    if bangs:
        low = rng.uniform(24, 42)
        sweep = rng.uniform(-0.25, 0.25)
        line = np.where(np.abs(azimuth) < 54, np.minimum(line, low + sweep * azimuth), line)
    elif style in ("side_part", "long", "long_wavy", "bob") and recede < 1:
        # Hair is combed from the parting over the forehead.
        across = np.clip((azimuth - part) * np.sign(-part) / 40, -0.4, 1.6)
        line = line - np.where(np.abs(azimuth) < 62, np.clip(across, 0, 1.2) * rng.uniform(4, 20), 0)
    opening = 0.0
    if length:
        # A larger opening is hair behind the ears.
        opening = float(rng.uniform(58, 76)) if rng.random() < 0.75 else float(rng.uniform(78, 92))
        line = np.where(np.abs(azimuth) > opening + 5, -400.0, line)
    return {
        "hair_style": style,
        "hair_colour": colour,
        "hair_table": line.astype(np.float64),
        "hair_top": float(top),
        "hair_side": float(side),
        "hair_length": float(length),
        "hair_radius": float(radius),
        "hair_open": float(opening),
        "hair_curl": float(curl),
        "hair_bangs": float(bangs),
        "hair_recede": float(recede),
        "hair_part": float(part),
        "sideburn_mm": sideburn,
        "hair_edge": 1.2 if style == "shaved" else float(rng.uniform(1.2, 3.2)),
        "hair_bun": float(style == "bun"),
        "hair_tail": float(style == "ponytail"),
        "hair_fade": 30.0 if style in ("bun", "ponytail", "slick") else float(rng.uniform(10, 22)),
        "hair_rgb": np.clip(
            ((np.array(HAIR_COLOURS[colour]) / 255.0 + 0.055) / 1.055) ** 2.4
            * np.exp(rng.normal(0, 0.12))
            * np.exp(rng.normal(0, 0.05, 3)),
            0.004,
            0.8,
        ),
        "hair_streak": float(rng.uniform(0.5, 1.2)),
        "hair_gloss": float(rng.uniform(0.2, 1.0)),
        "hair_shift": rng.random(2),
    }


def _choose(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """Draw a name with probabilities proportional to the weights."""
    return str(rng.choice(list(weights), p=np.array(list(weights.values())) / sum(weights.values())))


def _sample_style(rng: np.random.Generator, male: bool, old: float, tone: float) -> str:
    """Draw the style; ``old`` is 0 at 35 and 1 at 75 years."""
    if male:
        weights = {
            "bald": 0.04 + 0.14 * old,
            "shaved": 0.12,
            "short": 0.30,
            "side_part": 0.18,
            "slick": 0.10,
            "fringe": 0.10,
            "curly": 0.08,
            "afro": 0.03 + 0.06 * (tone > 0.6),
            "long": 0.03,
            "bun": 0.02,
        }
    else:
        weights = {
            "short": 0.05 + 0.10 * old,
            "side_part": 0.03,
            "bob": 0.15,
            "long": 0.26,
            "long_wavy": 0.18,
            "long_fringe": 0.10,
            "bun": 0.10,
            "ponytail": 0.12,
            "curly": 0.06,
            "afro": 0.02 + 0.08 * (tone > 0.6),
            "slick": 0.02,
        }
    return _choose(rng, weights)


def _sample_colour(rng: np.random.Generator, old: float, tone: float, eastern: bool) -> str:
    """Draw the colour; old people often have grey or white hair."""
    if tone > 0.6 or eastern:
        weights = {"black": 0.72, "dark": 0.2, "brown": 0.05, "dyed": 0.03}
    elif tone > 0.35:
        weights = {"black": 0.45, "dark": 0.3, "brown": 0.2, "blond": 0.03, "dyed": 0.02}
    else:
        weights = {"black": 0.12, "dark": 0.22, "brown": 0.28, "auburn": 0.08, "blond": 0.28, "dyed": 0.02}
    colour = _choose(rng, weights)
    if rng.random() < 1.1 * old - 0.1:
        colour = "white" if rng.random() < old * 0.6 else "grey"
    return colour


def _sample_thickness(rng: np.random.Generator, style: str) -> tuple[float, float, float, float, float]:
    """Draw thickness on top and at the sides, lowest height (all mm), curl, and radius of falling hair (mm)."""
    top, side, length, curl, radius = 14.0, 8.0, 0.0, 0.0, 0.0
    if style == "shaved":
        top, side = 2.5, 1.6
    elif style in ("short", "side_part", "slick"):
        top, side = rng.uniform(8, 22), rng.uniform(3, 9)
    elif style == "fringe":
        top, side = rng.uniform(12, 20), rng.uniform(7, 13)
    elif style == "curly":
        top, side, curl = rng.uniform(18, 32), rng.uniform(10, 20), 1.0
    elif style == "afro":
        top, side, curl = rng.uniform(34, 55), rng.uniform(28, 45), 1.0
    elif style in ("bun", "ponytail"):
        top, side = rng.uniform(5, 11), rng.uniform(4, 8)
    elif style in ("bob", "long", "long_wavy", "long_fringe"):
        top, side = rng.uniform(12, 22), rng.uniform(12, 20)
        length = rng.uniform(-110, -70) if style == "bob" else rng.uniform(-280, -130)
        radius = rng.uniform(80, 96)
        curl = 0.55 if style == "long_wavy" else 0.0
    return top, side, length, curl, radius


def _hairline(azimuth: np.ndarray, recede: float, sideburn: float, high: float) -> np.ndarray:
    """Return the height of the hairline (mm) over the azimuth (degrees), before bangs and partings."""
    a = np.abs(azimuth)
    line = np.interp(a, _AZIMUTH, _HEIGHT)
    front = np.exp(-((azimuth / 30.0) ** 2))
    line = line + high * np.clip(1.5 - a / 45, 0, 1)
    line = line + recede * 13 * np.exp(-(((a - 34) / 14) ** 2)) + max(recede - 0.8, 0) * 22 * front
    return line - np.where((a > 62) & (a < 82), sideburn, 0)
