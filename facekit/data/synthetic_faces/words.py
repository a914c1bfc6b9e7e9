"""What can be said about a face: attributes with CelebA's names, and sentences in varied wording.

The wording serves generated faces and, by way of data/pairs/captions.py, real ones with CelebA's attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .people import Params

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


# What is said of an attribute that is true. Some are "with" a face, some are worn, some say what it does.
HAS: dict[str, tuple[str, ...]] = {
    "5_o_Clock_Shadow": ("stubble", "a five o'clock shadow"),
    "Arched_Eyebrows": ("arched eyebrows", "arched brows"),
    "Bags_Under_Eyes": ("bags under the eyes",),
    "Big_Lips": ("full lips", "big lips"),
    "Big_Nose": ("a big nose", "a large nose"),
    "Bushy_Eyebrows": ("bushy eyebrows", "thick brows"),
    "Chubby": ("a round face", "chubby cheeks"),
    "Double_Chin": ("a double chin",),
    "Goatee": ("a goatee",),
    "High_Cheekbones": ("high cheekbones",),
    "Mustache": ("a moustache", "a mustache"),
    "Narrow_Eyes": ("narrow eyes",),
    "Oval_Face": ("an oval face",),
    "Pale_Skin": ("pale skin", "a pale complexion"),
    "Pointy_Nose": ("a pointed nose", "a pointy nose"),
    "Receding_Hairline": ("a receding hairline",),
    "Rosy_Cheeks": ("rosy cheeks",),
    "Sideburns": ("sideburns",),
}
WEARS: dict[str, tuple[str, ...]] = {
    "Eyeglasses": ("glasses", "spectacles", "eyeglasses"),
    "Heavy_Makeup": ("heavy make-up", "a lot of make-up"),
    "Wearing_Earrings": ("earrings",),
    "Wearing_Hat": ("a hat",),
    "Wearing_Lipstick": ("lipstick",),
    "Wearing_Necklace": ("a necklace",),
    "Wearing_Necktie": ("a tie", "a necktie"),
}
MOODS: dict[str, tuple[str, ...]] = {
    "Mouth_Slightly_Open": ("with parted lips", "with the mouth slightly open"),
    "Smiling": ("smiling", "with a smile"),
}
BALD = ("a bald head", "no hair")
MAN, WOMAN = ("man", "guy", "gentleman"), ("woman", "lady")
_OPENINGS = ("", "", "a photo of ", "a portrait of ", "a close-up of ", "this is ", "image of ", "the face of ")


@dataclass
class Said:
    """What a sentence is to say. who: adjectives and noun, without article. he: its pronoun, "" = better none. has,
    wears, moods, pose: what follows. openings: what may come first."""

    who: str
    he: str
    has: list[str] = field(default_factory=list)
    wears: list[str] = field(default_factory=list)
    moods: list[str] = field(default_factory=list)
    pose: str = ""
    openings: tuple[str, ...] = _OPENINGS


def sentence(said: Said, rng: np.random.Generator) -> str:
    """One or two sentences, or a list of keywords as web pages have them; template, order and links by `rng`."""
    has, wears = ([words[i] for i in rng.permutation(len(words))] for words in (said.has, said.wears))
    someone = ("an " if said.who[0] in "aeiou" else "a ") + said.who
    end = str(rng.choice(("", ".")))
    template = rng.choice(3, p=(0.6, 0.25, 0.15))
    if template == 2:
        return ", ".join([said.who, *has, *wears, *said.moods, *([said.pose] if said.pose else [])])
    out = str(rng.choice(said.openings)) + someone
    if template == 1 and said.he and (has or wears):
        follows = [f"{verb} {_join(words)}" for verb, words in (("has", has), ("wears", wears)) if words]
        first = ", ".join([out, *said.moods, *([said.pose] if said.pose else [])])
        return f"{_capital(first)}. {_capital(said.he)} {' and '.join(follows)}{end}"
    if has:
        out += " with " + _join(has)
    if wears:
        out += str(rng.choice((" wearing ", " who wears ", ", wearing "))) + _join(wears)
    for i, mood in enumerate(said.moods):
        out += (", " if i or rng.random() < 0.6 or mood.startswith("with") else " ") + mood
    if said.pose:
        out += ", " + said.pose
    return _capital(out) + end


def caption(p: Params, rng: np.random.Generator) -> str:
    """English words that mention some of what is visible, chosen by `rng`."""
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
    noun = pick(*(MAN if p["male"] else WOMAN))
    if age < 20:
        noun = pick("young man", "boy") if p["male"] else pick("young woman", "girl")
        stage = "teenage"
    skin = ""
    if rng.random() < 0.4:
        skin = pick("light-skinned ", "pale ") if p["tone"] < 0.12 else "dark-skinned " if p["tone"] > 0.75 else ""
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
    said = Said(f"{stage} {skin}{noun}", "he" if p["male"] else "she", moods=[mood] if mood else [], pose=pose)
    said.has, said.wears = _features(p, a, rng, pick), _worn(p, a, pick)
    return sentence(said, rng)


def _worn(p: Params, a: dict[str, bool], pick: Callable[..., str]) -> list[str]:
    out = []
    if a["Eyeglasses"]:
        out.append(pick("sunglasses", "dark glasses") if p["lens_dark"] > 0 else pick(*WEARS["Eyeglasses"]))
    if a["Wearing_Hat"]:
        hats = {"beanie": ("a knitted hat", "a beanie"), "cap": ("a cap", "a baseball cap")}
        out.append(pick(*hats.get(p["hat_kind"], (*WEARS["Wearing_Hat"], "a wide-brimmed hat"))))
    if a["Wearing_Lipstick"]:
        out.append(pick(*WEARS["Heavy_Makeup"]) if a["Heavy_Makeup"] else pick(*WEARS["Wearing_Lipstick"], "make-up"))
    return out


def _features(p: Params, a: dict[str, bool], rng: np.random.Generator, pick: Callable[..., str]) -> list[str]:
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


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _hair(p: Params, a: dict[str, bool], pick: Callable[..., Any]) -> str:
    if a["Bald"]:
        return pick(*BALD)
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
