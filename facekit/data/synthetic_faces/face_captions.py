"""Captions of generated faces, from their parameters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .caption_sentences import BALD, HAS, MAN, WEARS, WOMAN, CaptionParts, sentence
from .face_attributes import attributes
from .identity_parameters import Params

Pick = Callable[..., str]


def caption(p: Params, rng: np.random.Generator) -> str:
    """Write a caption that mentions some of what is visible.

    Args:
        p: Parameters of the face.
        rng: Random generator that chooses the content and the words.

    Returns:
        English text.
    """

    def pick(*options: str) -> str:
        return str(rng.choice(options))

    # The order of these calls is part of the data set: each draws from the same random stream.
    a = attributes(p)
    subject = _subject(p, rng, pick)
    mood = _mood(p, pick)
    parts = CaptionParts(
        subject, "he" if p["male"] else "she", moods=[mood] if mood else [], pose=_pose(p["yaw"], pick)
    )
    parts.has, parts.wears = _features(p, a, rng, pick), _worn(p, a, pick)
    return sentence(parts, rng)


def _subject(p: Params, rng: np.random.Generator, pick: Pick) -> str:
    """Return the words for age, skin and sex."""
    age = p["age"]
    if age < 30:
        stage = pick("young", "youthful")
    elif age < 55:
        stage = pick("middle-aged", "grown-up")
    else:
        stage = pick("elderly", "older", "old")
    noun = pick(*(MAN if p["male"] else WOMAN))
    if age < 20:
        noun = pick("young man", "boy") if p["male"] else pick("young woman", "girl")
        stage = "teenage"
    skin = ""
    if rng.random() < 0.4:
        skin = pick("light-skinned ", "pale ") if p["tone"] < 0.12 else "dark-skinned " if p["tone"] > 0.75 else ""
    return f"{stage} {skin}{noun}"


def _mood(p: Params, pick: Pick) -> str:
    """Return the words for the expression, or ""."""
    return {
        "smile": pick("smiling", "with a gentle smile"),
        "grin": pick("smiling broadly", "laughing", "with a wide smile"),
        "surprise": pick("looking surprised", "with raised brows"),
        "angry": pick("frowning", "looking angry"),
        "sad": pick("looking sad", "with a sad look"),
        "pucker": "with pursed lips",
        "talk": pick("talking", "with parted lips"),
    }.get(p["expression_kind"], "")


def _pose(yaw: float, pick: Pick) -> str:
    """Return the words for a turned head (yaw in degrees), or ""."""
    if abs(yaw) < 22:
        return ""
    if abs(yaw) < 55:
        return pick("looking to the ", "turned to the ", "facing ") + ("right" if yaw > 0 else "left")
    return pick("in profile", "seen from the side")


def _worn(p: Params, a: dict[str, bool], pick: Pick) -> list[str]:
    """Return the words for glasses, hat and make-up."""
    out = []
    if a["Eyeglasses"]:
        out.append(pick("sunglasses", "dark glasses") if p["lens_dark"] > 0 else pick(*WEARS["Eyeglasses"]))
    if a["Wearing_Hat"]:
        hats = {"beanie": ("a knitted hat", "a beanie"), "cap": ("a cap", "a baseball cap")}
        out.append(pick(*hats.get(p["hat_kind"], (*WEARS["Wearing_Hat"], "a wide-brimmed hat"))))
    if a["Wearing_Lipstick"]:
        out.append(pick(*WEARS["Heavy_Makeup"]) if a["Heavy_Makeup"] else pick(*WEARS["Wearing_Lipstick"], "make-up"))
    return out


def _features(p: Params, a: dict[str, bool], rng: np.random.Generator, pick: Pick) -> list[str]:
    """Return the words for hair, beard and some other features."""
    hair = _hair(p, a, pick)
    out = [hair] if hair else []
    beards = {
        "full": ("a beard", "a full beard"),
        "long": ("a long beard", "a bushy beard"),
        "goatee": HAS["Goatee"],
        "moustache": HAS["Mustache"],
        "stubble": HAS["5_o_Clock_Shadow"],
    }
    if p["beard_kind"] in beards:
        out.append(pick(*beards[p["beard_kind"]]))
    if a["Bushy_Eyebrows"] and rng.random() < 0.6:
        out.append(pick(*HAS["Bushy_Eyebrows"]))
    if a["Big_Nose"] and rng.random() < 0.3:
        out.append(pick(*HAS["Big_Nose"]))
    if p["freckles"] > 0.3:
        out.append("freckles")
    if p["iris_name"] in ("blue", "green") and rng.random() < 0.4 and not a["Narrow_Eyes"]:
        out.append(f"{p['iris_name']} eyes")
    return out


def _hair(p: Params, a: dict[str, bool], pick: Pick) -> str:
    """Return the words for the hair, or "" where a hat hides it."""
    if a["Bald"]:
        return pick(*BALD)
    if (p["hat"] > 0.5 and p["hair_length"] > -1) or p["hair_style"] == "bald":
        return ""
    colour = {"dark": "dark brown", "grey": pick("gray", "grey"), "dyed": "dyed"}.get(
        p["hair_colour"], p["hair_colour"]
    )
    if p["hair_length"] < -120:
        length = "long "
    elif p["hair_length"] < -1:
        length = pick("chin-length ", "shoulder-length ")
    else:
        length = pick("short ", "") if p["hair_top"] < 16 else ""
    texture = {"curly": "curly ", "afro": "curly ", "long_wavy": "wavy ", "long": pick("straight ", "")}.get(
        p["hair_style"], ""
    )
    word = f"{length}{texture}{colour} hair"
    if p["hair_style"] == "bun":
        word += " in a bun"
    if p["hair_style"] == "ponytail":
        word += pick(" tied back", " in a ponytail")
    return word + (pick(" and bangs", " with a fringe") if a["Bangs"] else "")
