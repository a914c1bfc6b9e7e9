"""Captions of real faces, worded from CelebA's 40 attributes."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..synthetic_faces.caption_sentences import BALD, HAS, MAN, MOODS, WEARS, WOMAN, CaptionParts, sentence

_COLOURS = {
    "Black_Hair": ("black",),
    "Blond_Hair": ("blond", "blonde", "fair"),
    "Brown_Hair": ("brown",),
    "Gray_Hair": ("gray", "grey"),
}
_TEXTURES = {"Straight_Hair": ("straight",), "Wavy_Hair": ("wavy",)}
_BEARDS = ("5_o_Clock_Shadow", "Goatee", "Mustache")
# Captions are about as long as those that people write: this number of facts at most, and each fact is left out with
# this probability.
_MOST = 5
_LEFT_OUT = 0.35


def caption_from_attributes(attributes: Mapping[str, float | bool], name: str, seed: int = 0) -> str:
    """Word some of a face's attributes as an English caption.

    The caption states nothing that is false or unknown. It depends on the arguments only.

    Args:
        attributes: CelebA's names -> values. Above 0 is true, 0 and below is false. A missing value or NaN is unknown.
        name: Name of the image. The wording varies with it.
        seed: Seed of the wording.

    Returns:
        The caption: one or two sentences, or a list of keywords.

    Example:
        >>> caption_from_attributes({"Male": 1, "Smiling": 1, "Eyeglasses": 1, "Young": 0}, "1.jpg")
        'A guy, with a smile'
    """
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *_numbers(name)])))
    known = {key: value > 0 for key, value in attributes.items() if not math.isnan(value)}
    true = {key for key, value in known.items() if value}
    who, he = _subject(known, true, rng)
    has = [_pick(rng, HAS[key]) for key in HAS if key in true]
    hair = _hair(true, rng)
    if hair:
        has.append(hair)
    if known.get("No_Beard") is False and not true.intersection(_BEARDS):
        has.append("a beard")
    wears = [_pick(rng, WEARS[key]) for key in WEARS if key in true]
    moods = [_pick(rng, MOODS[key]) for key in MOODS if key in true]
    kept = [words for words in (*has, *wears, *moods) if rng.random() > _LEFT_OUT]
    kept = kept or [*has, *wears, *moods][:1]
    chosen = {kept[i] for i in rng.permutation(len(kept))[:_MOST]}
    has, wears, moods = ([words for words in part if words in chosen] for part in (has, wears, moods))
    said = CaptionParts(who, he, has, wears, moods)
    if "Blurry" in true:
        said.openings = ("a blurry photo of ", "a blurred picture of ", "an unsharp portrait of ")
    return sentence(said, rng)


def _pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """Choose one of several options at random."""
    return options[int(rng.integers(len(options)))]


def _numbers(name: str) -> list[int]:
    """Hash a name to four integers of 32 bits."""
    digest = hashlib.sha256(name.encode()).digest()
    return [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]


def _subject(known: Mapping[str, bool], true: set[str], rng: np.random.Generator) -> tuple[str, str]:
    """Return adjectives and noun, and the pronoun, which is "" if the sex is unknown."""
    male = known.get("Male")
    noun = "person" if male is None else _pick(rng, MAN if male else WOMAN)
    words = []
    if "Young" in known and rng.random() < 0.75:
        words.append(_pick(rng, ("young", "youthful")) if "Young" in true else _pick(rng, ("older", "mature")))
    if "Attractive" in true and rng.random() < 0.5:
        words.append(_pick(rng, ("attractive", "good-looking")))
    if male and "No_Beard" in true and not true.intersection(_BEARDS) and rng.random() < 0.4:
        words.append(_pick(rng, ("clean-shaven", "beardless")))
    return " ".join([*words, noun]), "" if male is None else "he" if male else "she"


def _hair(true: set[str], rng: np.random.Generator) -> str:
    """Return words about the hair, or "" if nothing is known."""
    if "Bald" in true:
        return _pick(rng, BALD)
    # Some images have two colours, because the annotators disagreed.
    colours, textures = ([key for key in table if key in true] for table in (_COLOURS, _TEXTURES))
    words = [_pick(rng, _TEXTURES[_pick(rng, textures)])] if textures and rng.random() < 0.7 else []
    words += [_pick(rng, _COLOURS[_pick(rng, colours)])] if colours else []
    bangs = _pick(rng, ("bangs", "a fringe")) if "Bangs" in true else ""
    if not words:
        return bangs
    return " ".join([*words, "hair"]) + (f" and {bangs}" if bangs else "")
