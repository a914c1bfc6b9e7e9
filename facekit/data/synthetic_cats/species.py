"""Random parameters of an animal: proportions, ears, eyes and coat. Lengths are mm of a head about 100 mm wide."""

from __future__ import annotations

import numpy as np

from ..synthetic_faces.identity_parameters import Params, linear

COATS = ("plain", "tabby", "patches", "bicolour", "pointed", "halves")
PLAIN, TABBY, PATCHES, BICOLOUR, POINTED, HALVES = range(6)
_SHARE = (0.17, 0.33, 0.14, 0.18, 0.11, 0.07)
_FUR = {
    "black": (38, 35, 35),
    "grey": (112, 115, 122),
    "brown": (112, 82, 58),
    "ginger": (205, 130, 66),
    "cream": (226, 196, 156),
    "white": (240, 236, 228),
    "chocolate": (76, 52, 40),
    "sand": (190, 158, 116),
    "silver": (178, 178, 180),
}
# Colours of the ground and of the stripes of tabby cats; None is a darker ground.
_TABBY = (
    ("brown", "black"),
    ("sand", "chocolate"),
    ("ginger", None),
    ("silver", "black"),
    ("grey", None),
    ("cream", "ginger"),
    ("sand", "black"),
)
_TORTIE = (("black", "ginger"), ("grey", "cream"), ("chocolate", "ginger"))
_IRIS = ((190, 175, 45), (120, 160, 60), (205, 130, 35), (95, 150, 190), (150, 180, 95), (170, 100, 30), (90, 150, 120))
_NOSES = ((205, 125, 120), (226, 160, 150), (60, 44, 42), (125, 75, 62), (160, 95, 85))


def _rgb(rng: np.random.Generator, name: str, spread: float = 0.025) -> np.ndarray:
    """Draw a fur colour near a named one, as linear RGB."""
    return linear(np.clip(np.array(_FUR[name]) / 255 * np.exp(rng.normal(0, spread, 3) + rng.normal(0, 0.06)), 0, 1))


def _coat(rng: np.random.Generator) -> Params:
    """Draw the coat: kind, colours, stripes, patches and fluff."""
    kind = int(rng.choice(len(COATS), p=_SHARE))
    white = _rgb(rng, "white", 0.015)
    if kind == TABBY:
        ground, dark = _TABBY[int(rng.integers(len(_TABBY)))]
        main = _rgb(rng, ground)
        second = main * rng.uniform(0.28, 0.45) if dark is None else _rgb(rng, dark)
    elif kind == PATCHES:
        pair = _TORTIE[int(rng.integers(len(_TORTIE)))]
        main, second = _rgb(rng, pair[0]), _rgb(rng, pair[1])
    elif kind == POINTED:
        main = _rgb(rng, str(rng.choice(["cream", "white", "sand"])))
        second = _rgb(rng, str(rng.choice(["chocolate", "grey", "black", "brown"])))
    else:
        main = _rgb(rng, str(rng.choice([k for k in _FUR if kind == PLAIN or k != "white"])))
        second = _rgb(rng, str(rng.choice(["ginger", "cream", "grey", "black"]))) if kind == HALVES else white
    pale = kind == TABBY and rng.random() < 0.75
    return {
        "coat": float(kind),
        "main": main,
        "second": second,
        "white_fur": white,
        "pale": np.clip(main * rng.uniform(1.5, 2.1) + 0.06, 0, 0.9),
        "pale_face": float(rng.uniform(0.5, 1.0)) if pale else float(rng.uniform(0, 0.25)),
        "white_muzzle": float(kind in (PLAIN, TABBY, PATCHES) and rng.random() < 0.33),
        "blaze": float(rng.uniform(1.0, 8.0)),
        "blaze_top": float(rng.uniform(2, 40)),
        "blaze_spread": float(rng.uniform(0.55, 1.3)),
        "patch_white": float(rng.uniform(-0.2, 1.6)),
        "stripe": float(rng.uniform(0.55, 1.0)),
        "stripe_mm": float(rng.uniform(6.0, 9.5)),
        "coat_at": rng.random(4),
        "fur_contrast": float(rng.uniform(0.10, 0.24)),
        "fluff": float(rng.uniform(0.4, 1.0)) * float(rng.choice([1.0, 1.7], p=[0.7, 0.3])),
    }


def _eyes(rng: np.random.Generator) -> Params:
    """Draw the eyes: position, size, tilt (radians), colours and width of the pupil."""
    iris = np.array(_IRIS[int(rng.integers(len(_IRIS)))]) / 255
    other = np.array(_IRIS[int(rng.integers(len(_IRIS)))]) / 255 if rng.random() < 0.05 else iris
    half = float(rng.uniform(10.2, 13.0))
    lid = float(np.clip(rng.normal(0.95, 0.1), 0.55, 1.08))
    return {
        "eye_x": float(rng.uniform(21.5, 26.0)),
        "eye_y": float(rng.uniform(3.0, 8.0)),
        "eye_half": half,
        "eye_up": half * float(rng.uniform(0.74, 0.92)) * lid,
        "eye_low": half * float(rng.uniform(0.62, 0.82)) * (0.5 + 0.5 * lid),
        "eye_tilt": float(np.deg2rad(rng.uniform(4, 20))),
        "iris_left": linear(np.clip(iris * np.exp(rng.normal(0, 0.08, 3)), 0, 1)),
        "iris_right": linear(np.clip(other * np.exp(rng.normal(0, 0.02, 3)), 0, 1)),
        "pupil": float(rng.choice([rng.uniform(0.10, 0.25), rng.uniform(0.25, 0.5), rng.uniform(0.55, 0.8)])),
    }


def sample_animal(rng: np.random.Generator) -> Params:
    """Draw the parameters of an animal.

    The build ranges from round and short-nosed (``slim`` = 0) to slim, long-nosed and big-eared (1).

    Args:
        rng: Random generator of the animal.

    Returns:
        Parameters by name: numbers and arrays. Lengths are in mm, angles in radians, colours in linear RGB.
    """
    slim = float(rng.beta(2, 2))

    def along(low: float, high: float, spread: float) -> float:
        return float(low + (high - low) * slim + rng.normal(0, spread))

    p: Params = {
        "slim": slim,
        "wide": along(52, 45, 1.5),
        "tall": along(44, 45, 1.5),
        "deep": along(43, 46, 1.0),
        "muzzle": along(9, 19, 2.0),
        "muzzle_wide": along(20.5, 16.5, 1.0),
        "pads": float(rng.uniform(3.0, 6.0)),
        "bridge": along(2.0, 6.5, 1.0),
        "chin_out": float(rng.uniform(3.5, 7.0)),
        "cheek": max(0.0, along(8.5, 2.0, 1.5)),
        "nose_half": float(rng.uniform(6.0, 8.2)),
        "nose_tall": float(rng.uniform(6.5, 8.5)),
        "nose_rgb": linear(np.array(_NOSES[int(rng.integers(len(_NOSES)))]) / 255 * np.exp(rng.normal(0, 0.06))),
        "mouth_half": float(rng.uniform(10.5, 13.5)),
        "mouth_dip": float(rng.uniform(1.6, 2.8)),
        "mouth_curl": float(rng.uniform(-2.0, 1.2)),
        "mouth_open": float(rng.uniform(3, 9)) if rng.random() < 0.16 else 0.0,
        "ear_tall": along(38, 52, 2.5),
        "ear_half": along(17.5, 19.5, 1.2),
        "ear_round": float(rng.uniform(1.0, 5.0)),
        "ear_tilt": float(np.deg2rad(rng.uniform(1, 8))),
        "ear_face": float(np.deg2rad(rng.uniform(8, 34))),
        "ear_lean": float(rng.uniform(-0.05, 0.22)),
        "ear_at": float(np.deg2rad(rng.uniform(37, 44))),
        "ear_rgb": linear(np.array((0.78, 0.60, 0.56)) * np.exp(rng.uniform(-0.06, 0.06, 3) + rng.uniform(-0.3, 0.15))),
        "ear_tuft": float(rng.uniform(0.1, 1.0)),
        "whisker": float(rng.uniform(38, 66)),
        "whisker_dark": float(rng.random() < 0.12),
        "whisker_seed": rng.random((2, 9, 4)),
    }
    p.update(_coat(rng))
    p.update(_eyes(rng))
    return p
