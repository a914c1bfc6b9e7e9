"""What can be said about a face: attributes with CelebA's names, and a sentence in varied wording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from facekit.data.heads.people import Params

# fmt: off
ATTRIBUTES: tuple[str, ...] = (
    "5_o_Clock_Shadow", "Arched_Eyebrows", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
    "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
    "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache",
    "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
    "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Hat", "Wearing_Lipstick", "Young",
)
# fmt: on


def attributes(p: Params) -> dict[str, bool]:
    """CelebA-named attributes of one sampled face, each decided by the numbers that draw it."""
    w, e = p["modes"], p["expression"]
    hidden = p["hat"] > 0.5
    bald = p["hair_style"] == "bald"
    shows = not bald and not (hidden and p["hair_style"] in ("shaved", "short", "slick"))
    colour = p["hair_colour"]
    bearded = p["beard"] > 0.5
    made_up = p["lipstick"] > 0.3
    return {
        "5_o_Clock_Shadow": p["beard_kind"] == "stubble",
        "Arched_Eyebrows": p["brow_arch"] > 0.75,
        "Bags_Under_Eyes": p["eye_bags"] > 0.6,
        "Bald": bald and not hidden,
        "Bangs": p["hair_bangs"] > 0.5 and not hidden,
        "Big_Lips": p["lip_upper"] + p["lip_lower"] > 2.3,
        "Big_Nose": w["nose_width"] + 0.6 * w["nose_bulb"] > 0.9,
        "Black_Hair": shows and colour == "black",
        "Blond_Hair": shows and colour == "blond",
        "Blurry": p["blur"] > 0.008,
        "Brown_Hair": shows and colour in ("dark", "brown", "auburn"),
        "Bushy_Eyebrows": p["brow_thick"] > 1.25,
        "Chubby": w["cheek_full"] > 0.9,
        "Double_Chin": w["jowls"] > 0.9,
        "Eyeglasses": p["glasses"] > 0.5,
        "Goatee": p["beard_kind"] == "goatee",
        "Gray_Hair": shows and colour in ("grey", "white"),
        "Heavy_Makeup": made_up and p["eye_shadow"] > 0.3,
        "High_Cheekbones": w["cheekbones"] + 0.6 * e["smile"] > 0.8,
        "Male": p["male"],
        "Mouth_Slightly_Open": p["mouth_down"] > 0.8,
        "Mustache": p["moustache"] > 0.5,
        "Narrow_Eyes": min(p["lid_left"], p["lid_right"]) * p["lid_upper"] < 0.78,
        "No_Beard": not bearded and p["moustache"] < 0.5 and p["beard_kind"] != "stubble",
        "Oval_Face": w["jaw_width"] < -0.3 and w["face_length"] > -0.3,
        "Pale_Skin": p["tone"] < 0.1,
        "Pointy_Nose": w["nose_forward"] - w["nose_bulb"] > 1.0,
        "Receding_Hairline": p["hair_recede"] > 0.95 and not hidden and not bald and p["hair_bangs"] < 0.5,
        "Rosy_Cheeks": p["blush"] > 0.3 or p["redness"] > 1.0,
        "Sideburns": p["sideburns"] > 0.5 and not bald,
        "Smiling": e["smile"] > 0.4,
        "Straight_Hair": shows and p["hair_curl"] < 0.2,
        "Wavy_Hair": shows and p["hair_curl"] > 0.4,
        "Wearing_Hat": hidden,
        "Wearing_Lipstick": made_up,
        "Young": p["age"] < 40,
    }


def caption(p: Params, rng: np.random.Generator) -> str:
    """One English sentence that mentions some of what is visible, worded by `rng`."""
    pick = lambda *options: str(rng.choice(options))  # noqa: E731
    a = attributes(p)
    age = p["age"]
    stage = (
        pick("young", "youthful")
        if age < 30
        else pick("middle-aged", "grown-up")
        if age < 55
        else pick("elderly", "older", "old")
    )
    noun = pick("man", "guy", "gentleman") if p["male"] else pick("woman", "lady")
    if age < 20:
        noun = pick("young man", "boy") if p["male"] else pick("young woman", "girl")
        stage = "teenage"
    hair = _hair(p, a, pick)
    wears, shows = [], []
    if a["Eyeglasses"]:
        wears.append(
            pick("sunglasses", "dark glasses") if p["lens_dark"] > 0 else pick("glasses", "spectacles", "eyeglasses")
        )
    if a["Wearing_Hat"]:
        wears.append(
            {
                "beanie": pick("a knitted hat", "a beanie"),
                "cap": pick("a cap", "a baseball cap"),
                "brim": pick("a hat", "a wide-brimmed hat"),
            }[p["hat_kind"]]
        )
    if a["Wearing_Lipstick"]:
        wears.append(
            pick("lipstick", "make-up") if not a["Heavy_Makeup"] else pick("heavy make-up", "make-up and lipstick")
        )
    beard = {
        "full": pick("a beard", "a full beard"),
        "long": pick("a long beard", "a bushy beard"),
        "goatee": "a goatee",
        "moustache": pick("a moustache", "a mustache"),
        "stubble": pick("stubble", "a five o'clock shadow"),
    }.get(p["beard_kind"])
    if hair:
        shows.append(hair)
    if beard:
        shows.append(beard)
    if a["Bushy_Eyebrows"] and rng.random() < 0.6:
        shows.append(pick("bushy eyebrows", "thick brows"))
    if a["Big_Nose"] and rng.random() < 0.3:
        shows.append("a big nose")
    if p["freckles"] > 0.3:
        shows.append("freckles")
    if p["iris_name"] in ("blue", "green") and rng.random() < 0.4 and not a["Narrow_Eyes"]:
        shows.append(f"{p['iris_name']} eyes")
    mood = {
        "smile": pick("smiling", "with a gentle smile"),
        "grin": pick("smiling broadly", "laughing", "with a wide smile"),
        "surprise": pick("looking surprised", "with raised brows"),
        "angry": pick("frowning", "looking angry"),
        "sad": pick("looking sad", "with a sad look"),
        "pucker": "with pursed lips",
        "talk": pick("talking", "with parted lips"),
    }.get(p["expression_kind"], "")
    yaw = p["yaw"]
    pose = (
        ""
        if abs(yaw) < 22
        else pick("looking to the ", "turned to the ", "facing ") + ("right" if yaw > 0 else "left")
        if abs(yaw) < 55
        else pick("in profile", "seen from the side")
    )
    skin = (
        {0: pick("light-skinned ", "pale "), 2: "dark-skinned "}.get(
            0 if p["tone"] < 0.12 else 2 if p["tone"] > 0.75 else 1, ""
        )
        if rng.random() < 0.4
        else ""
    )
    article = "a" if (stage + skin)[0] not in "aeiou" or skin else "an"
    start = pick("", "", "a photo of ", "a portrait of ", "a close-up of ", "this is ", "picture of ", "the face of ")
    out = f"{start}{article} {stage} {skin}{noun}"
    if shows:
        out += " with " + _join(shows)
    if wears:
        out += pick(" wearing ", " who wears ", ", wearing ") + _join(wears)
    if mood:
        out += (", " if rng.random() < 0.6 or mood.startswith("with") else " ") + mood
    if pose:
        out += ", " + pose
    return out[0].upper() + out[1:] + pick("", ".")


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _hair(p: Params, a: dict[str, bool], pick: Callable[..., Any]) -> str:
    if a["Bald"]:
        return pick("a bald head", "no hair")
    if p["hat"] > 0.5 and p["hair_length"] > -1 or p["hair_style"] == "bald":
        return ""
    colour = {"dark": "dark brown", "grey": pick("gray", "grey"), "dyed": "dyed"}.get(
        p["hair_colour"], p["hair_colour"]
    )
    length = (
        "long "
        if p["hair_length"] < -120
        else pick("chin-length ", "shoulder-length ")
        if p["hair_length"] < -1
        else pick("short ", "")
        if p["hair_top"] < 16
        else ""
    )
    texture = {"curly": "curly ", "afro": "curly ", "long_wavy": "wavy ", "long": pick("straight ", "")}.get(
        p["hair_style"], ""
    )
    word = f"{length}{texture}{colour} hair"
    if p["hair_style"] == "bun":
        word += " in a bun"
    if p["hair_style"] == "ponytail":
        word += pick(" tied back", " in a ponytail")
    return word + (pick(" and bangs", " with a fringe") if a["Bangs"] else "")
