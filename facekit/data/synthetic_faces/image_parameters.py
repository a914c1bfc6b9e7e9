"""How a person is met: expression, pose, light, accessories, camera and background of one image."""

from __future__ import annotations

import numpy as np

from .identity_parameters import EXPRESSIONS, Params, linear
from .settings import Range


def _draw(rng: np.random.Generator, span: Range, wide: float) -> float:
    """A pose angle: two thirds near the middle of the span, the rest anywhere in it."""
    low, high = span
    middle, half = (low + high) / 2, (high - low) / 2
    near = float(np.clip(rng.normal(0, 0.25), -1, 1))
    return middle + half * (near if rng.random() > wide else float(rng.uniform(-1, 1)))


def sample_expression(rng: np.random.Generator) -> Params:
    """Expression weights plus how far lips and lids are apart (mm, fraction) and where the eyes look."""
    w = dict.fromkeys(EXPRESSIONS, 0.0) | {"smile": 0.12, "frown": -0.12}
    up = down = 0.0
    lids = float(np.clip(rng.normal(1.0, 0.06), 0.8, 1.12))
    kind = str(
        rng.choice(
            ["neutral", "smile", "grin", "talk", "surprise", "angry", "sad", "pucker", "odd"],
            p=[0.30, 0.20, 0.20, 0.10, 0.05, 0.05, 0.04, 0.03, 0.03],
        )
    )
    if kind == "smile":
        w["smile"] = rng.uniform(0.35, 0.9)
    elif kind == "grin":
        w["smile"], up, down, lids = (
            rng.uniform(0.7, 1.2),
            rng.uniform(1.0, 3.2),
            rng.uniform(2.0, 6.5),
            lids * rng.uniform(0.72, 0.95),
        )
        w["jaw_drop"] = rng.uniform(0.0, 0.4)
    elif kind == "talk":
        up, down = rng.uniform(0.5, 2.0), rng.uniform(1.0, 7.0)
        w["jaw_drop"] = rng.uniform(0.1, 0.6)
    elif kind == "surprise":
        w["brow_up"], w["jaw_drop"], up, down, lids = (
            rng.uniform(0.6, 1.1),
            rng.uniform(0.6, 1.2),
            rng.uniform(1.5, 3),
            rng.uniform(7, 15),
            lids * 1.15,
        )
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
    """Glasses, hats and clothes."""
    p: Params = {}
    glasses = rng.random() < 0.16 + 0.12 * (age > 50)
    dark = glasses and rng.random() < 0.2
    p["glasses"], p["lens_dark"] = float(glasses), float(rng.uniform(0.6, 0.95)) if dark else 0.0
    p["lens_tint"] = linear(np.array([(40, 35, 30), (30, 40, 50), (60, 40, 25)][int(rng.integers(3))]) / 255.0)
    p["lens_w"], p["lens_h"] = float(rng.uniform(23, 29)) + 3 * dark, float(rng.uniform(16, 24)) + 3 * dark
    p["lens_round"] = float(rng.uniform(0.3, 1.0))
    p["rim_mm"] = float(rng.choice([rng.uniform(1.0, 1.6), rng.uniform(2.2, 4.2)]))
    p["rim_rgb"] = linear(
        np.array(
            [(20, 18, 18), (60, 35, 20), (150, 150, 155), (170, 140, 80), (120, 25, 30), (30, 40, 80)][
                int(rng.integers(6))
            ]
        )
        / 255.0
    )
    hat = str(rng.choice(["none", "beanie", "cap", "brim"], p=[0.92, 0.035, 0.025, 0.02]))
    p["hat_kind"], p["hat"] = hat, float(hat != "none")
    p["hat_line"] = float(rng.uniform(38, 58) if hat != "beanie" else rng.uniform(30, 56))
    p["hat_tall"] = float(
        {"beanie": rng.uniform(8, 26), "cap": rng.uniform(8, 14), "brim": rng.uniform(22, 40)}.get(hat, 0)
    )
    p["hat_brim"] = float({"cap": rng.uniform(55, 75), "brim": rng.uniform(45, 75)}.get(hat, 0))
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
    """Nine spherical-harmonic coefficients a channel, a key light with its colour, foreign shadow."""
    warm = rng.normal(0, 0.10 if wild else 0.05)
    tint = np.exp(np.array([warm, 0.0, -warm]))
    sh = np.zeros((9, 3))
    sh[0] = rng.uniform(0.34, 0.62) * np.exp(np.array([-warm, 0, warm]) * 0.5)
    sh[1] = rng.uniform(0.02, 0.22) * tint * sh[0]
    sh[2] = rng.uniform(0.05, 0.3) * sh[0]
    sh[3] = rng.normal(0, 0.22) * sh[0] * np.exp(rng.normal(0, 0.05, 3))
    sh[4:] = rng.normal(0, 0.07, (5, 1)) * sh[0]
    azimuth, elevation = (
        np.deg2rad(np.clip(rng.normal(0, 38), -95, 95)),
        np.deg2rad(np.clip(rng.normal(30, 20), -20, 80)),
    )
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
    """Everything of one image that does not belong to the identity."""
    wild = domain == "wild"
    p: Params = {"yaw": _draw(rng, yaw, 0.33), "pitch": _draw(rng, pitch, 0.2), "roll": _draw(rng, roll, 0.12)}
    p.update(sample_expression(rng))
    p.update(sample_accessories(rng, person["male"], person["age"]))
    p.update(sample_light(rng, wild))
    p["distance"] = float(np.exp(rng.uniform(np.log(550), np.log(2200))))
    p["body_follow"] = float(rng.uniform(0.2, 0.8))
    p["crop_scale"] = float(np.exp(rng.normal(0, 0.06))) if wild else 1.0
    p["crop_shift"] = rng.normal(0, 0.025, 2) if wild else np.zeros(2)
    p["skin_at"] = rng.random(2)
    p["noise_at"] = rng.random(2)
    # the image
    # Cameras expose for the face: dark skin is lifted part of the way.
    metered = 1.1 * float(np.clip((0.24 / float(person["skin"] @ (0.2126, 0.7152, 0.0722))) ** 0.35, 0.85, 1.6))
    p["exposure"] = metered * float(np.exp(rng.normal(0.0, 0.22 if wild else 0.10)))
    p["gamma"] = float(np.exp(rng.normal(0, 0.10 if wild else 0.03)))
    p["white"] = np.exp(rng.normal(0, 0.06 if wild else 0.015, 3))
    p["saturation"] = float(np.clip(rng.normal(1.0, 0.18 if wild else 0.05), 0, 1.6)) * float(
        not (wild and rng.random() < 0.06)
    )
    p["blur"] = (
        float(abs(rng.normal(0, 0.003))) if wild else float(rng.uniform(0, 0.002))
    )  # as a share of the image's side
    p["blur_x"] = float(abs(rng.normal(0, 0.006)) * (rng.random() < 0.25)) if wild else 0.0
    p["grain"] = float(abs(rng.normal(0, 0.017))) if wild else float(rng.uniform(0, 0.008))
    p["jpeg"] = float(rng.uniform(35, 95)) if wild and rng.random() < 0.75 else 100.0
    p["vignette"] = float(rng.uniform(0, 0.35)) if wild else 0.0
    # background
    p["back_kind"] = float(rng.integers(0, 5)) if wild else float(rng.choice([0, 0, 1]))
    p["back_rgb"] = linear(
        np.clip(rng.uniform(0.05, 0.95, (4, 4, 1)) + rng.normal(0, 0.08, (4, 4, 3)), 0.02, 1) * (1 if wild else 0.25)
        + (0 if wild else rng.uniform(0.1, 0.7))
    )
    p["back_mean"] = linear(np.clip(rng.uniform(0.1, 0.9) * (1 + rng.normal(0, 0.13 if wild else 0.08, 3)), 0.02, 0.98))
    p["back_mix"] = float(rng.uniform(0.25, 0.9)) if wild else float(rng.uniform(0.1, 0.4))
    p["back_at"], p["back_scale"] = rng.random(2), float(np.exp(rng.uniform(np.log(0.08), np.log(0.5))))
    p["back_blur"] = float(rng.random())
    p["companions"] = int(rng.choice([0, 1, 2], p=[0.78, 0.16, 0.06])) if wild else 0
    return p
