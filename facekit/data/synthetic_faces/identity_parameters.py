"""Random parameters of a person: everything that all images of that person share.

Pose, expression, light and camera belong to one image and are drawn in ``image_parameters``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .hair_parameters import HAIR_COLOURS, HAIR_STYLES, hair_parameters
from .shape_modes import MODES

Params = dict[str, Any]
"""Parameters of one face by name: numbers, strings, arrays, and dictionaries of weights."""
EXPRESSIONS = (
    "smile",
    "sad",
    "pucker",
    "jaw_drop",
    "brow_up",
    "brow_up_left",
    "brow_up_right",
    "frown",
    "mouth_left",
    "nose_wrinkle",
)
# Reflectance of lit skin in sRGB, from the palest to the darkest. Measured cheeks lie roughly on this line; undertones
# move a colour across it.
_TONES = (
    np.array(
        [
            (242, 214, 200),
            (233, 198, 178),
            (220, 178, 154),
            (200, 154, 126),
            (172, 125, 99),
            (139, 97, 76),
            (106, 73, 58),
            (80, 56, 47),
        ]
    )
    / 255.0
)
_IRISES = {
    "brown": (0.085, 0.045, 0.022),
    "dark": (0.035, 0.020, 0.013),
    "hazel": (0.120, 0.085, 0.040),
    "green": (0.110, 0.125, 0.075),
    "blue": (0.110, 0.155, 0.210),
    "grey": (0.140, 0.155, 0.170),
}
# Shift of the mean of a mode for men; women get the opposite shift.
_SEX_SHIFTS = {
    "jaw_width": 0.75,
    "jaw_angle": 0.6,
    "chin_width": 0.7,
    "chin_length": 0.4,
    "chin_forward": 0.3,
    "brow_ridge": 0.75,
    "nose_forward": 0.3,
    "nose_width": 0.3,
    "nose_length": 0.2,
    "brow_height": -0.5,
    "eye_size": -0.4,
    "bridge_hump": 0.25,
    "face_length": 0.2,
    "cheekbones": -0.1,
}
# The zero of each mode is the modelled average head. These shifts move the mean of the landmarks to the mean of
# labelled photographs.
_MEAN_SHIFTS = {"chin_length": -0.65, "face_length": -0.45, "nose_length": -0.6, "mouth_height": 0.5}
_LIPSTICKS = [(190, 30, 50), (200, 70, 90), (150, 30, 60), (215, 90, 80), (120, 35, 45)]
_EYE_SHADOWS = [(90, 60, 55), (70, 60, 80), (110, 70, 60), (60, 75, 90)]


def linear(srgb: np.ndarray) -> np.ndarray:
    """Convert sRGB values in [0, 1] to linear light in [0, 1], any shape."""
    srgb = np.asarray(srgb, dtype=np.float64)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def sample_identity(rng: np.random.Generator) -> Params:
    """Draw the parameters of a person.

    Args:
        rng: Random generator of the person.

    Returns:
        Parameters by name. Colours (``..._rgb``, ``skin``, ``iris``) are linear RGB. The most important names:

        - ``male``, ``age`` (16 to 80 years), ``old`` (0 at 35, 1 at 75 years), ``tone`` (skin, 0 pale to 1 dark)
        - ``modes``: weights of the shape modes, about one standard deviation of people each
        - ``lip_...``, ``lid_...``, ``brow_...``: sizes relative to the average head, where 1 is the average
        - ``redness``, ``freckles``, ``mottle``, ``wrinkles``, ``eye_bags``, ``oily``: strengths from 0
        - ``moles`` (3, 3): x, y and radius in mm; a radius of 0 is no mole
        - ``hair_...``: see ``hair_parameters``
        - ``beard_kind`` and ``beard_mm`` (length), ``beard``, ``moustache``, ``stubble``: strengths from 0 to 1
        - ``lipstick``, ``eye_shadow``, ``blush``, ``lashes``: strengths of the make-up
        - ``ear_size``, ``neck_wide`` (1 is the average), ``ear_out`` (radians between ear and head)
    """
    male = bool(rng.random() < 0.5)
    age = float(np.clip(rng.beta(1.6, 2.2) * 65 + 16, 16, 80))
    old = float(np.clip((age - 35) / 40, 0, 1))
    tone = float(
        rng.choice([rng.uniform(0, 0.4), rng.uniform(0.25, 0.65), rng.uniform(0.6, 1.0)], p=[0.52, 0.28, 0.20])
    )
    sex = 1.0 if male else -1.0
    p: Params = {"male": male, "age": age, "old": old, "tone": tone}
    p["modes"], eastern = _sample_shape(rng, sex, old, tone)
    p.update(_sample_lips_and_lids(rng, sex, old, tone, eastern))
    p.update(_sample_skin(rng, old, tone))
    p.update(_sample_iris(rng, tone, eastern))
    p.update(hair_parameters(rng, male, age, tone, eastern))
    p.update(_sample_brows(rng, p, sex))
    p.update(_sample_beard(rng, p))
    p.update(_sample_makeup(rng, male))
    p["ear_size"] = float(np.clip(rng.normal(1.0 + 0.05 * sex + 0.08 * old, 0.07), 0.8, 1.25))
    p["ear_out"] = float(np.clip(rng.normal(0.42, 0.12), 0.15, 0.85))
    p["neck_wide"] = float(np.clip(rng.normal(1.0 + 0.08 * sex + 0.05 * p["modes"]["cheek_full"], 0.06), 0.82, 1.3))
    assert p["hair_style"] in HAIR_STYLES
    return p


def _sample_shape(rng: np.random.Generator, sex: float, old: float, tone: float) -> tuple[dict[str, float], bool]:
    """Draw the weights of the shape modes, and whether the face has East Asian features."""
    w = {m: float(np.clip(rng.normal(), -2.2, 2.2)) for m in MODES if m not in EXPRESSIONS}
    for name, shift in _SEX_SHIFTS.items():
        w[name] += shift * sex
    for name, shift in _MEAN_SHIFTS.items():
        w[name] += shift
    w["jowls"] = 1.1 * old + 0.2 * w["jowls"]
    w["nose_length"] += 0.5 * old
    w["cheek_full"] -= 0.3 * old
    w["eye_deep"] += 0.4 * old
    for name in ("crooked_nose", "crooked_jaw", "crooked_mouth"):
        w[name] *= 0.7
    if tone > 0.6:
        w["nose_width"] += 0.7
        w["bridge_high"] -= 0.5
        w["lips_forward"] += 0.7
    eastern = tone < 0.6 and rng.random() < 0.22
    if eastern:
        w["bridge_high"] -= 0.7
        w["eye_tilt"] += 0.6
        w["eye_deep"] -= 0.8
        w["nose_forward"] -= 0.4
        w["brow_ridge"] -= 0.5
    return w, eastern


def _sample_lips_and_lids(rng: np.random.Generator, sex: float, old: float, tone: float, eastern: bool) -> Params:
    """Draw the sizes of lips and eyelids, relative to the average head."""
    full_upper, full_lower = (0.22, 0.2) if tone > 0.6 else (0, 0)
    p: Params = {}
    p["lip_upper"] = float(np.clip(rng.normal(1.1 + full_upper - 0.07 * sex - 0.3 * old, 0.15), 0.5, 1.6))
    p["lip_lower"] = float(np.clip(rng.normal(1.0 + full_lower - 0.05 * sex - 0.2 * old, 0.13), 0.6, 1.5))
    p["cupid"] = float(rng.uniform(0.4, 1.3))
    lid = 1.08 - (0.16 if eastern else 0) - 0.05 * sex - 0.12 * old
    p["lid_upper"] = float(np.clip(rng.normal(lid, 0.10), 0.6, 1.3))
    p["lid_lower"] = float(np.clip(rng.normal(1.0, 0.10), 0.7, 1.3))
    p["lid_skew"] = float(rng.normal(-0.05, 0.12))
    p["lid_crease"] = float(rng.uniform(0.0, 0.25) if eastern and rng.random() < 0.6 else rng.uniform(0.4, 1.0))
    return p


def _sample_skin(rng: np.random.Generator, old: float, tone: float) -> Params:
    """Draw the colour and the marks of the skin."""
    p: Params = {}
    base = np.array([np.interp(tone * 7, range(8), _TONES[:, c]) for c in range(3)])
    base = linear(base) * np.exp(rng.normal(0, 0.05)) * np.exp(rng.normal(0, 0.035, 3))
    p["skin"] = np.clip(base, 0.01, 0.92)
    p["redness"] = float(np.clip(rng.normal(0.5, 0.25), 0.05, 1.3))
    p["freckles"] = float(rng.uniform(0.3, 1.0)) if tone < 0.35 and rng.random() < 0.15 else 0.0
    p["mottle"] = float(rng.uniform(0.5, 1.3) * (0.7 + 0.6 * old))
    p["wrinkles"] = float(np.clip(old * rng.uniform(0.6, 1.3) + rng.uniform(0, 0.08), 0, 1.2))
    p["eye_bags"] = float(np.clip(rng.normal(0.25 + 0.5 * old, 0.22), 0, 1.2))
    p["oily"] = float(rng.uniform(0.3, 1.0))
    x, y = rng.uniform(-60, 60, 3), rng.uniform(-100, 60, 3)
    p["moles"] = np.stack([x, y, np.where(rng.random(3) < 0.12, rng.uniform(0.8, 1.7, 3), 0.0)], 1)
    return p


def _sample_iris(rng: np.random.Generator, tone: float, eastern: bool) -> Params:
    """Draw the colour of the iris; light colours occur with pale skin only."""
    shares = [0.40, 0.34, 0.08, 0.06, 0.08, 0.04] if tone < 0.25 else [0.4, 0.6, 0, 0, 0, 0]
    name = str(rng.choice(list(_IRISES), p=shares))
    if tone < 0.25 and not eastern:
        name = str(rng.choice(list(_IRISES), p=[0.28, 0.06, 0.16, 0.14, 0.26, 0.10]))
    colour = np.clip(np.array(_IRISES[name]) * np.exp(rng.normal(0, 0.15, 3)), 0.01, 0.5)
    return {"iris_name": name, "iris": colour}


def _sample_brows(rng: np.random.Generator, p: Params, sex: float) -> Params:
    """Draw colour and shape of the eyebrows; ``p`` holds the hair and the skin."""
    hair_colour: str = p["hair_colour"]
    source = {"blond": "brown", "dyed": "brown", "white": "grey"}.get(hair_colour, hair_colour)
    colour = np.minimum(linear(np.array(HAIR_COLOURS[source]) / 255.0), 0.3) * float(rng.uniform(0.6, 1.0))
    return {
        "brow_rgb": np.minimum(colour, 0.55 * p["skin"] + 0.02),
        "brow_thick": float(np.clip(rng.normal(1.0 + 0.18 * sex, 0.22), 0.45, 1.8)),
        "brow_arch": float(np.clip(rng.normal(0.5 - 0.25 * sex, 0.4), -0.5, 1.6)),
        "brow_dense": float(np.clip(rng.normal(0.78 + 0.06 * sex - 0.15 * p["old"], 0.13), 0.35, 1.0)),
        "brow_angle": float(rng.normal(-0.02, 0.045)),
    }


def _sample_beard(rng: np.random.Generator, p: Params) -> Params:
    """Draw the kind of beard, where it grows and how long its hairs are."""
    grows = p["male"] and p["age"] > 18
    kind = "none"
    if grows:
        kinds = ["none", "stubble", "full", "goatee", "moustache", "long"]
        kind = str(rng.choice(kinds, p=[0.46, 0.18, 0.15, 0.08, 0.08, 0.05]))
    out: Params = {"beard_kind": kind}
    out["beard"] = float(kind in ("full", "goatee", "long"))
    out["beard_goatee"] = float(kind == "goatee")
    out["moustache"] = float(kind in ("full", "goatee", "long", "moustache") and (kind != "full" or rng.random() < 0.9))
    out["stubble"] = float(rng.uniform(0.35, 1.0)) if kind == "stubble" else float(rng.uniform(0, 0.25)) * float(grows)
    lengths = {"full": rng.uniform(2, 7), "goatee": rng.uniform(2, 7), "long": rng.uniform(10, 22), "moustache": 3.0}
    out["beard_mm"] = float(lengths.get(kind, 0.0))
    out["beard_line"] = float(rng.uniform(-6, 6))
    colour = HAIR_COLOURS["brown" if p["hair_colour"] == "dyed" else p["hair_colour"]]
    out["beard_rgb"] = linear(np.array(colour) / 255.0) * float(rng.uniform(0.7, 1.0))
    out["sideburns"] = float(p["sideburn_mm"] > 22 or kind in ("full", "long"))
    return out


def _sample_makeup(rng: np.random.Generator, male: bool) -> Params:
    """Draw the make-up and the length of the eyelashes."""
    made_up = (not male) and rng.random() < 0.5
    p: Params = {}
    p["lipstick"] = float(rng.uniform(0.4, 1.0)) if made_up else 0.0
    p["lipstick_rgb"] = linear(np.array(_LIPSTICKS[int(rng.integers(5))]) / 255.0)
    p["eye_shadow"] = float(rng.uniform(0.2, 0.8)) if made_up and rng.random() < 0.6 else 0.0
    p["eye_shadow_rgb"] = linear(np.array(_EYE_SHADOWS[int(rng.integers(4))]) / 255.0)
    p["blush"] = float(rng.uniform(0.15, 0.55)) if made_up and rng.random() < 0.5 else 0.0
    p["lashes"] = float(rng.uniform(0.35, 0.7) if male else rng.uniform(0.6, 1.0) + 0.3 * made_up)
    return p
