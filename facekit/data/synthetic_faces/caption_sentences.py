"""Sentences about faces in varied wording.

They serve generated faces (``face_captions``) and real ones with the attributes of CelebA
(``data/image_text/captions.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# Words for an attribute that is true, by the verb that introduces them.
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
_OPENINGS = ("", "", "a photo of ", "a portrait of ", "a close-up of ", "this is ", "picture of ", "the face of ")


@dataclass
class CaptionParts:
    """The content of a caption.

    Attributes:
        subject: Adjectives and noun, without article.
        pronoun: "he" or "she", or "" if neither fits.
        has: What the face has, for example "a beard".
        wears: What the person wears, for example "a hat".
        moods: What the face does, for example "smiling".
        pose: Where the face looks, or "".
        openings: Phrases that may begin the sentence.
    """

    subject: str
    pronoun: str
    has: list[str] = field(default_factory=list)
    wears: list[str] = field(default_factory=list)
    moods: list[str] = field(default_factory=list)
    pose: str = ""
    openings: tuple[str, ...] = _OPENINGS


def sentence(parts: CaptionParts, rng: np.random.Generator) -> str:
    """Write one or two sentences, or a list of keywords as web pages have them.

    Args:
        parts: The content.
        rng: Random generator that chooses template, order and links.

    Returns:
        The caption.
    """
    has, wears = ([words[i] for i in rng.permutation(len(words))] for words in (parts.has, parts.wears))
    subject = ("an " if parts.subject[0] in "aeiou" else "a ") + parts.subject
    end = str(rng.choice(("", ".")))
    template = rng.choice(3, p=(0.6, 0.25, 0.15))
    pose = [parts.pose] if parts.pose else []
    if template == 2:
        return ", ".join([parts.subject, *has, *wears, *parts.moods, *pose])
    out = str(rng.choice(parts.openings)) + subject
    if template == 1 and parts.pronoun and (has or wears):
        clauses = [f"{verb} {_join(words)}" for verb, words in (("has", has), ("wears", wears)) if words]
        first = ", ".join([out, *parts.moods, *pose])
        return f"{_capital(first)}. {_capital(parts.pronoun)} {' and '.join(clauses)}{end}"
    if has:
        out += " with " + _join(has)
    if wears:
        out += str(rng.choice((" wearing ", " who wears ", ", wearing "))) + _join(wears)
    for i, mood in enumerate(parts.moods):
        out += (", " if i or rng.random() < 0.6 or mood.startswith("with") else " ") + mood
    if parts.pose:
        out += ", " + parts.pose
    return _capital(out) + end


def _join(words: list[str]) -> str:
    """Join words with commas and a final "and"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def _capital(text: str) -> str:
    """Capitalise the first letter."""
    return text[0].upper() + text[1:]
