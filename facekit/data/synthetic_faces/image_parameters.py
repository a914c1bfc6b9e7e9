"""Random parameters of one image: expression, pose, accessories, light, camera and background.

The functions draw from one random stream in a fixed order. A change of the order changes every image.
"""

from __future__ import annotations

import numpy as np

from .identity_parameters import EXPRESSIONS, Params, linear
from .settings import Range

_KINDS = {
    "neutral": 0.30,
    "smile": 0.20,
    "grin": 0.20,
    "talk": 0.10,
    "surprise": 0.05,
    "angry": 0.05,
    "sad": 0.04,
    "pucker": 0.03,
    "odd": 0.03,
}
_LENS_TINTS = [(40, 35, 30), (30, 40, 50), (60, 40, 25)]
_RIMS = [(20, 18, 18), (60, 35, 20), (150, 150, 155), (170, 140, 80), (120, 25, 30), (30, 40, 80)]


def _sample_angle(rng: np.random.Generator, span: Range, wide: float) -> float:
    """Draw an angle: mostly near the middle of the range, with probability ``wide`` anywhere in it."""
    low, high = span
    middle, half = (low + high) / 2, (high - low) / 2
    near = float(np.clip(rng.normal(0, 0.25), -1, 1))
    return middle + half * (near if rng.random() > wide else float(rng.uniform(-1, 1)))


def sample_expression(rng: np.random.Generator) -> Params:
    """Draw the expression.

    Args:
        rng: Random generator of the image.

    Returns:
        Parameters by name:

        - ``expression``: name from EXPRESSIONS -> weight, where 1 is the full expression
        - ``expression_kind``: name of the kind, for captions
        - ``mouth_up``, ``mouth_down``: distance of the lips from the closed line, in mm
        - ``lid_left``, ``lid_right``: opening of the eye, 0 closed to about 1
        - ``gaze_x``, ``gaze_y``: direction of the gaze, in radii of the eyeball
    """
    w = dict.fromkeys(EXPRESSIONS, 0.0) | {"smile": 0.12, "frown": -0.12}
    up = down = 0.0
    lids = float(np.clip(rng.normal(1.0, 0.06), 0.8, 1.12))
    kind = str(rng.choice(list(_KINDS), p=list(_KINDS.values())))
    if kind == "smile":
        w["smile"] = rng.uniform(0.35, 0.9)
    elif kind == "grin":
        w["smile"], up, down = rng.uniform(0.7, 1.2), rng.uniform(1.0, 3.2), rng.uniform(2.0, 6.5)
        lids *= rng.uniform(0.72, 0.95)
        w["jaw_drop"] = rng.uniform(0.0, 0.4)
    elif kind == "talk":
        up, down = rng.uniform(0.5, 2.0), rng.uniform(1.0, 7.0)
        w["jaw_drop"] = rng.uniform(0.1, 0.6)
    elif kind == "surprise":
        w["brow_up"], w["jaw_drop"] = rng.uniform(0.6, 1.1), rng.uniform(0.6, 1.2)
        up, down, lids = rng.uniform(1.5, 3), rng.uniform(7, 15), lids * 1.15
        w["pucker"] = rng.uniform(0, 0.5)
    elif kind == "angry":
        w["frown"], w["nose_wrinkle"], lids = rng.uniform(0.5, 1.1), rng.uniform(0, 0.7), lids * 0.85
        if rng.random() < 0.3:
            up, down = rng.uniform(2, 3.5), rng.uniform(4, 9)
    elif kind == "sad":
        w["sad"] = rng.uniform(0.4, 1.0)
    elif kind == "pucker":
        w["pucker"] = rng.uniform(0.4, 1.0)
    elif kind == "odd":
        w["mouth_left"], w["brow_up_left" if rng.random() < 0.5 else "brow_up_right"] = (
            rng.uniform(-1, 1),
            rng.uniform(0.3, 1.0),
        )
    for name, spread in (("brow_up", 0.22), ("frown", 0.12), ("mouth_left", 0.10), ("smile", 0.10), ("sad", 0.06)):
        w[name] += rng.normal(0, spread)
    if rng.random() < 0.03:
        lids = rng.uniform(0.0, 0.35)
    left, right = np.clip(lids * np.exp(rng.normal(0, 0.03, 2)), 0, 1.25)
    if rng.random() < 0.015:
        left = 0.05
    return {
        "expression": w,
        "expression_kind": kind,
        "mouth_up": float(up),
        "mouth_down": float(down),
        "lid_left": float(left),
        "lid_right": float(right),
        "gaze_x": float(np.clip(rng.normal(0, 0.13), -0.4, 0.4)),
        "gaze_y": float(np.clip(rng.normal(0, 0.08), -0.25, 0.25)),
    }


def sample_accessories(rng: np.random.Generator, male: bool, age: float) -> Params:
    """Draw glasses, hat and clothes.

    Args:
        rng: Random generator of the image.
        male: Whether the person is a man.
        age: Years; older people wear glasses more often.

    Returns:
        Parameters by name:

        - ``glasses``, ``hat``, ``hat_cap``: 1 if worn, else 0; ``hat_kind``: "none", "beanie", "cap" or "brim"
        - ``lens_w``, ``lens_h``, ``rim_mm``: half width and half height of a lens and thickness of the rim, in mm
        - ``lens_round`` (1 is an ellipse), ``lens_dark`` (0 is clear glass)
        - ``hat_line``, ``hat_tall``, ``hat_brim``: height of the edge, thickness of the top, length of the brim, in mm
        - ``cloth_pattern``: 0 plain, 1 stripes, 2 checks, 3 mottled; ``cloth_scale``: period in mm
        - ``neckline``, ``shoulder``: height of the collar and half width of the shoulders, in mm
        - ``neckline_v``: slope of the collar
        - ``..._rgb``, ``lens_tint``: linear RGB
    """
    p: Params = {}
    glasses = rng.random() < 0.16 + 0.12 * (age > 50)
    dark = glasses and rng.random() < 0.2
    p["glasses"], p["lens_dark"] = float(glasses), float(rng.uniform(0.6, 0.95)) if dark else 0.0
    p["lens_tint"] = linear(np.array(_LENS_TINTS[int(rng.integers(3))]) / 255.0)
    p["lens_w"], p["lens_h"] = float(rng.uniform(23, 29)) + 3 * dark, float(rng.uniform(16, 24)) + 3 * dark
    p["lens_round"] = float(rng.uniform(0.3, 1.0))
    p["rim_mm"] = float(rng.choice([rng.uniform(1.0, 1.6), rng.uniform(2.2, 4.2)]))
    p["rim_rgb"] = linear(np.array(_RIMS[int(rng.integers(6))]) / 255.0)
    hat = str(rng.choice(["none", "beanie", "cap", "brim"], p=[0.92, 0.035, 0.025, 0.02]))
    p["hat_kind"], p["hat"] = hat, float(hat != "none")
    p["hat_line"] = float(rng.uniform(38, 58) if hat != "beanie" else rng.uniform(30, 56))
    heights = {"beanie": rng.uniform(8, 26), "cap": rng.uniform(8, 14), "brim": rng.uniform(22, 40)}
    p["hat_tall"] = float(heights.get(hat, 0))
    widths = {"cap": rng.uniform(55, 75), "brim": rng.uniform(45, 75)}
    p["hat_brim"] = float(widths.get(hat, 0))
    p["hat_cap"] = float(hat == "cap")
    p["hat_rgb"] = linear(np.clip(rng.uniform(0.08, 0.8) * (1 + rng.normal(0, 0.35, 3)), 0.03, 0.95))
    p["cloth_rgb"] = linear(np.clip(rng.uniform(0.1, 0.95) * (1 + rng.normal(0, 0.3, 3)), 0.03, 0.97))
    p["cloth_rgb2"] = linear(np.clip(rng.uniform(0.1, 0.95) * (1 + rng.normal(0, 0.3, 3)), 0.03, 0.97))
    p["cloth_pattern"] = float(rng.choice([0, 1, 2, 3], p=[0.55, 0.15, 0.12, 0.18]))
    p["cloth_scale"] = float(rng.uniform(6, 22))
    p["neckline"] = float(rng.uniform(-205, -150) if not male or rng.random() < 0.4 else rng.uniform(-160, -136))
    p["neckline_v"] = float(rng.choice([0.0, rng.uniform(0.2, 0.8)]))
    p["shoulder"] = float(rng.normal(205 if male else 178, 12))
    return p


def sample_light(rng: np.random.Generator, wild: bool) -> Params:
    """Draw the light.

    Args:
        rng: Random generator of the image.
        wild: Whether the domain is "wild".

    Returns:
        Parameters by name:

        - ``sh`` (9, 3): coefficients of spherical harmonics per colour channel
        - ``key_dir`` (3,), ``key_rgb`` (3,): unit vector to the key light, and its colour
        - ``rim``: strength of the light at the edge of the head
        - ``shadow_soft``, ``shadow_dark``: softness and darkness of the head's own shadow
        - ``foreign``: darkness of the shadow of a foreign object, 0 for none; ``foreign_...``: its shape
    """
    warm = rng.normal(0, 0.10 if wild else 0.05)
    tint = np.exp(np.array([warm, 0.0, -warm]))
    sh = np.zeros((9, 3))
    sh[0] = rng.uniform(0.34, 0.62) * np.exp(np.array([-warm, 0, warm]) * 0.5)
    sh[1] = rng.uniform(0.02, 0.22) * tint * sh[0]
    sh[2] = rng.uniform(0.05, 0.3) * sh[0]
    sh[3] = rng.normal(0, 0.22) * sh[0] * np.exp(rng.normal(0, 0.05, 3))
    sh[4:] = rng.normal(0, 0.07, (5, 1)) * sh[0]
    azimuth = np.deg2rad(np.clip(rng.normal(0, 38), -95, 95))
    elevation = np.deg2rad(np.clip(rng.normal(30, 20), -20, 80))
    key = rng.uniform(0.25, 0.95) if wild else rng.uniform(0.35, 0.8)
    p: Params = {
        "sh": sh,
        "key_rgb": key * tint,
        "key_dir": np.array(
            [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
        ),
        "rim": float(rng.uniform(0, 0.5) * (rng.random() < 0.3)),
        "shadow_soft": float(rng.uniform(5, 16)),
        "shadow_dark": float(rng.uniform(0.5, 0.95)),
    }
    shadowed = rng.random() < 0.2
    p["foreign"] = float(rng.uniform(0.35, 0.72)) if shadowed else 0.0
    p["foreign_kind"] = float(rng.random() < 0.5)
    p["foreign_at"], p["foreign_scale"] = rng.random(2), float(rng.uniform(0.0006, 0.0016))
    p["foreign_turn"], p["foreign_bias"] = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(-0.3, 0.5))
    p["foreign_soft"] = float(rng.uniform(0.05, 0.35))
    return p


def sample_image_parameters(
    rng: np.random.Generator, person: Params, domain: str, yaw: Range, pitch: Range, roll: Range
) -> Params:
    """Draw all parameters of one image that do not belong to the person.

    Args:
        rng: Random generator of the image.
        person: Parameters of the person; ``male``, ``age`` and ``skin`` are used.
        domain: "studio" or "wild".
        yaw: Range in degrees.
        pitch: Range in degrees.
        roll: Range in degrees.

    Returns:
        Parameters by name: ``yaw``, ``pitch``, ``roll`` (degrees), all names of the other functions here, and

        - ``distance``: mm from the camera to the head
        - ``body_follow``: share of the head's yaw that the body follows
        - ``crop_scale``, ``crop_shift`` (2,): error of the crop, as a share of its side
        - ``skin_at``, ``noise_at`` (2,): positions in the noise
        - ``companions``: number of other people
    """
    wild = domain == "wild"
    p: Params = {
        "yaw": _sample_angle(rng, yaw, 0.33),
        "pitch": _sample_angle(rng, pitch, 0.2),
        "roll": _sample_angle(rng, roll, 0.12),
    }
    p.update(sample_expression(rng))
    p.update(sample_accessories(rng, person["male"], person["age"]))
    p.update(sample_light(rng, wild))
    p["distance"] = float(np.exp(rng.uniform(np.log(550), np.log(2200))))
    p["body_follow"] = float(rng.uniform(0.2, 0.8))
    p["crop_scale"] = float(np.exp(rng.normal(0, 0.06))) if wild else 1.0
    p["crop_shift"] = rng.normal(0, 0.025, 2) if wild else np.zeros(2)
    p["skin_at"] = rng.random(2)
    p["noise_at"] = rng.random(2)
    p.update(sample_camera(rng, person["skin"], wild))
    p.update(sample_background(rng, wild))
    p["companions"] = int(rng.choice([0, 1, 2], p=[0.78, 0.16, 0.06])) if wild else 0
    return p


def sample_camera(rng: np.random.Generator, skin: np.ndarray, wild: bool) -> Params:
    """Draw the settings of the camera.

    Args:
        rng: Random generator of the image.
        skin: Linear RGB (3,) of the skin.
        wild: Whether the domain is "wild".

    Returns:
        Parameters by name:

        - ``exposure``, ``gamma``, ``saturation``: 1 is neutral; ``white`` (3,): factors of the white balance
        - ``blur``, ``blur_x``: standard deviations, as shares of the image's side
        - ``grain``: standard deviation of the noise
        - ``jpeg``: quality, 100 is lossless
        - ``vignette``: darkening of the corners, 0 to 1
    """
    p: Params = {}
    # Cameras expose for the face, so dark skin is brightened part of the way.
    metered = 1.1 * float(np.clip((0.24 / float(skin @ (0.2126, 0.7152, 0.0722))) ** 0.35, 0.85, 1.6))
    p["exposure"] = metered * float(np.exp(rng.normal(0.0, 0.22 if wild else 0.10)))
    p["gamma"] = float(np.exp(rng.normal(0, 0.10 if wild else 0.03)))
    p["white"] = np.exp(rng.normal(0, 0.06 if wild else 0.015, 3))
    saturation = float(np.clip(rng.normal(1.0, 0.18 if wild else 0.05), 0, 1.6))
    p["saturation"] = saturation * float(not (wild and rng.random() < 0.06))  # some wild images are black and white
    p["blur"] = float(abs(rng.normal(0, 0.003))) if wild else float(rng.uniform(0, 0.002))
    p["blur_x"] = float(abs(rng.normal(0, 0.006)) * (rng.random() < 0.25)) if wild else 0.0
    p["grain"] = float(abs(rng.normal(0, 0.017))) if wild else float(rng.uniform(0, 0.008))
    p["jpeg"] = float(rng.uniform(35, 95)) if wild and rng.random() < 0.75 else 100.0
    p["vignette"] = float(rng.uniform(0, 0.35)) if wild else 0.0
    return p


def sample_background(rng: np.random.Generator, wild: bool) -> Params:
    """Draw the background.

    Args:
        rng: Random generator of the image.
        wild: Whether the domain is "wild".

    Returns:
        Parameters by name:

        - ``back_kind``: 0 and 1 plain, 2 mottled wall, 3 bands of shelves or buildings, 4 foliage
        - ``back_rgb`` (4, 4, 3): linear RGB of soft blobs; ``back_mean`` (3,): plain colour
        - ``back_mix``: share of the blobs; ``back_blur``: strength of the blur, 0 to 1
        - ``back_at`` (2,), ``back_scale``: position and scale of the texture
    """
    p: Params = {}
    p["back_kind"] = float(rng.integers(0, 5)) if wild else float(rng.choice([0, 0, 1]))
    colours = np.clip(rng.uniform(0.05, 0.95, (4, 4, 1)) + rng.normal(0, 0.08, (4, 4, 3)), 0.02, 1)
    p["back_rgb"] = linear(colours * (1 if wild else 0.25) + (0 if wild else rng.uniform(0.1, 0.7)))
    p["back_mean"] = linear(np.clip(rng.uniform(0.1, 0.9) * (1 + rng.normal(0, 0.13 if wild else 0.08, 3)), 0.02, 0.98))
    p["back_mix"] = float(rng.uniform(0.25, 0.9)) if wild else float(rng.uniform(0.1, 0.4))
    p["back_at"], p["back_scale"] = rng.random(2), float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    p["back_blur"] = float(rng.random())
    return p
