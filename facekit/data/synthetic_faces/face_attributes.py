"""Attributes of a generated face, with the names of CelebA (Liu et al., ICCV 2015, https://arxiv.org/abs/1411.7766)."""

from __future__ import annotations

from ...labels import CELEBA_40
from .identity_parameters import Params

# Attributes of CelebA that the generator has no parameters for.
_NOT_GENERATED = ("Attractive", "Wearing_Earrings", "Wearing_Necklace", "Wearing_Necktie")
ATTRIBUTES: tuple[str, ...] = tuple(name for name in CELEBA_40.names if name not in _NOT_GENERATED)
"""Names of the attributes that a generated face has, in the order of CelebA."""


def attributes(p: Params) -> dict[str, bool]:
    """Compute the attributes of a face from its parameters.

    Args:
        p: Parameters of the face.

    Returns:
        Name from ATTRIBUTES -> whether it is true, in the order of ATTRIBUTES.
    """
    w, e = p["modes"], p["expression"]
    wears_hat = p["hat"] > 0.5
    bald = p["hair_style"] == "bald"
    hair_visible = not bald and not (wears_hat and p["hair_style"] in ("shaved", "short", "slick"))
    colour = p["hair_colour"]
    has_beard = p["beard"] > 0.5
    made_up = p["lipstick"] > 0.3
    return {
        "5_o_Clock_Shadow": p["beard_kind"] == "stubble",
        "Arched_Eyebrows": p["brow_arch"] > 0.75,
        "Bags_Under_Eyes": p["eye_bags"] > 0.6,
        "Bald": bald and not wears_hat,
        "Bangs": p["hair_bangs"] > 0.5 and not wears_hat,
        "Big_Lips": p["lip_upper"] + p["lip_lower"] > 2.3,
        "Big_Nose": w["nose_width"] + 0.6 * w["nose_bulb"] > 0.9,
        "Black_Hair": hair_visible and colour == "black",
        "Blond_Hair": hair_visible and colour == "blond",
        "Blurry": p["blur"] > 0.008,
        "Brown_Hair": hair_visible and colour in ("dark", "brown", "auburn"),
        "Bushy_Eyebrows": p["brow_thick"] > 1.25,
        "Chubby": w["cheek_full"] > 0.9,
        "Double_Chin": w["jowls"] > 0.9,
        "Eyeglasses": p["glasses"] > 0.5,
        "Goatee": p["beard_kind"] == "goatee",
        "Gray_Hair": hair_visible and colour in ("grey", "white"),
        "Heavy_Makeup": made_up and p["eye_shadow"] > 0.3,
        "High_Cheekbones": w["cheekbones"] + 0.6 * e["smile"] > 0.8,
        "Male": p["male"],
        "Mouth_Slightly_Open": p["mouth_down"] > 0.8,
        "Mustache": p["moustache"] > 0.5,
        "Narrow_Eyes": min(p["lid_left"], p["lid_right"]) * p["lid_upper"] < 0.78,
        "No_Beard": not has_beard and p["moustache"] < 0.5 and p["beard_kind"] != "stubble",
        "Oval_Face": w["jaw_width"] < -0.3 and w["face_length"] > -0.3,
        "Pale_Skin": p["tone"] < 0.1,
        "Pointy_Nose": w["nose_forward"] - w["nose_bulb"] > 1.0,
        "Receding_Hairline": p["hair_recede"] > 0.95 and not wears_hat and not bald and p["hair_bangs"] < 0.5,
        "Rosy_Cheeks": p["blush"] > 0.3 or p["redness"] > 1.0,
        "Sideburns": p["sideburns"] > 0.5 and not bald,
        "Smiling": e["smile"] > 0.4,
        "Straight_Hair": hair_visible and p["hair_curl"] < 0.2,
        "Wavy_Hair": hair_visible and p["hair_curl"] > 0.4,
        "Wearing_Hat": wears_hat,
        "Wearing_Lipstick": made_up,
        "Young": p["age"] < 40,
    }
