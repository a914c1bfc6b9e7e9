"""Find the mirror pairs of a label set by the words for left and right in its names.

A side word may be anywhere in a name, in any letter case, with any separator or none: `left_eye`, `eye-left`, `L_Eye`,
`eyeR`, `LEFTEYE`, `linkes_auge`, `左目`. Names are compared within one set: `bright` has a side only if the set has
`bleft`, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

# Side words (left, right) as regular expressions. Accents and letter case are ignored.
_ENGLISH = ((r"left(most)?", r"right(most)?"),)
_WORDS = (
    *_ENGLISH,
    (r"link(s|es|er|en|em|se|e)", r"recht(s|es|er|en|em|se|e)"),  # German, Dutch
    (r"gauches?", r"droite?s?"),  # French
    (r"izquierd[oa]s?|iz[qd]d?[oa]", r"derech[oa]s?|dch[oa]"),  # Spanish
    (r"sinistr[oaie]", r"destr[oaie]"),  # Italian
    (r"esquerd[oa]s?|esquerr[ea]", r"direit[oa]s?|dreta?"),  # Portuguese, Catalan
    (r"lew(y|ej|ego|a|e)", r"praw(y|ej|ego|a|e)"),  # Polish
    (r"lev(y[ij]?|aya|oe|a|e)|lijev[iao]", r"prav(y[ij]?|aya|oe|a|e)|desn[iao]"),  # Czech, Croatian, Russian in Latin
    (r"лев(ый|ая|ое|ые|ого|ой)|слева", r"прав(ый|ая|ое|ые|ого|ой)|справа"),  # Russian  # noqa: RUF001
    (r"лів(ий|а|е)", r"прав(ий|а|е)"),  # Ukrainian  # noqa: RUF001
    (r"vänst(er|ra)|venstre", r"hög(er|ra)|h[øo][yj]re"),  # Swedish, Norwegian, Danish
    (r"vasen", r"oikea"),  # Finnish
    (r"stânga?", r"dreapta?"),  # Romanian
    (r"αριστερ(ός|ό|ά|ή)", r"δεξι(ός|ό|ά)"),  # Greek
    (r"(ال)?(أيسر|يسرى|يسار)", r"(ال)?(أيمن|يمنى|يمين)"),  # Arabic
    (r"שמאל(ית|י)?", r"ימני?(ת)?|ימין"),  # Hebrew  # noqa: RUF001
    (r"बाय(ाँ|ां|ीं)|बाईं", r"दाय(ाँ|ां|ीं)|दाईं"),  # Hindi
    (r"kiri", r"kanan"),  # Indonesian, Malay
)
# Words that have other meanings, too. They count as a side only if the set has the name of the other side.
_WEAK_WORDS = (
    (r"l|lt|lft|lhs", r"r|rt|rgt|rhs"),
    (r"izq|esq|sx|sin", r"der|dir|dx|des|dcha"),
    (r"sol", r"sağ"),  # Turkish
    (r"bal", r"jobb"),  # Hungarian
    (r"trái", r"phải"),  # Vietnamese
    (r"چپ", r"راست"),  # Persian
    (r"lev|лев|лево", r"prav|прав|право"),
)
# Scripts without blanks between words.
_INSIDE = (("左", "右"), ("왼|좌측", "오른|우측"), ("ซ้าย", "ขวา"))
_GLUED_WORDS = (*_WORDS, ("sol", "sağ"), *_INSIDE)
# English words that contain "left" or "right" without being sides.
_ORDINARY_WORDS = frozenset(
    [
        *("leftover", "leftovers", "cleft", "righteous", "rightly", "bright", "brighter", "brightness", "upright"),
        *("wright", "fright", "outright", "downright", "forthright", "copyright", "birthright", "alright", "aright"),
    ]
)
# Single letters that number things: "ear_a, ear_b".
_NUMBERING_LETTERS = frozenset("abcdef")
# Single letters for the sides, and for the middle or centre between them.
_SIDE_LETTERS = frozenset("lrmc")

# The words of a name with "*" in the place of each side, and its sides in order: ("*", "eye"), "l".
Reading = tuple[tuple[str, ...], str]
# The single letters that occur in the place of "*" in otherwise equal names.
Letters = dict[tuple[str, ...], set[str]]


@dataclass(frozen=True)
class Sides:
    """The left-right pairs that the names of a label set define.

    Attributes:
        flip: Mirror permutation: name i of the mirrored face is name flip[i] of the original. Names without a pair map
            to themselves.
        complete: Whether the names define this for every member of the set.
        one_sided: Names with a side whose counterpart is not in the set. Such a set cannot be mirrored.
    """

    flip: tuple[int, ...]
    complete: bool
    one_sided: tuple[str, ...]


def sides_of(names: Sequence[str], axis_names: Collection[str] = ()) -> Sides:
    """Find the mirror pairs of names by their side words.

    Names are read in four ways, one after the other. Each way pairs the names that are still unpaired:

    1. Whole words, weak side words included.
    2. Whole words, without weak side words.
    3. English side words inside longer words.
    4. Side words of all languages inside longer words.

    Args:
        names: Names of one label set, all different.
        axis_names: Names on the mirror axis ("nose tip"), as `separated_words` returns them. They need no counterpart.

    Returns:
        The pairs. Two names that differ only in blanks or letter case are not paired, because their counterpart is
        ambiguous.

    Example:
        >>> sides_of(["left_eye", "right_eye", "nose"], ["nose"])
        Sides(flip=(1, 0, 2), complete=True, one_sided=())
    """
    words = [_words(name) for name in names]
    letters = _letters_by_place(words)
    pairs: dict[int, int] = {}
    candidates = [i for i, name in enumerate(words) if _MAYBE.search(" ".join(name))]
    for read in (
        partial(_read_whole_words, sides=_ANY, letters=letters),
        partial(_read_whole_words, sides=_STRONG, letters=letters),
        partial(_read_inside_words, sides=_pattern(_ENGLISH)),
        partial(_read_inside_words, sides=_pattern(_GLUED_WORDS)),
    ):
        readings = {i: read(words[i]) for i in candidates if i not in pairs}
        _add_pairs(readings, pairs)
        # In any order of the words, so that "left_eye" is paired with "eye_right".
        _add_pairs({i: (tuple(sorted(key)), sides) for i, (key, sides) in readings.items() if i not in pairs}, pairs)
    flip = tuple(pairs.get(i, i) for i in range(len(names)))
    unpaired = [i for i in range(len(names)) if i not in pairs]
    unpaired = [i for i in unpaired if " ".join(words[i]) not in axis_names]
    one_sided = tuple(names[i] for i in unpaired if _has_side(words[i], letters))
    unknown = [words[i] for i in unpaired]
    # If some names have sides, the others are on the axis, unless numbers hint at pairs.
    complete = not one_sided and not (_has_numbered(unknown) if pairs else unknown)
    return Sides(flip, complete, one_sided)


def separated_words(name: str) -> str:
    """Write a name in lower-case words with one blank between: `NoseTip` and `nose-tip` become `nose tip`."""
    return " ".join(_words(name))


def prefix_flip(names: Sequence[str]) -> tuple[int, ...]:
    """Compute the mirror permutation by the rule of model files that facekit saved before `sides_of` existed.

    Args:
        names: Names of one label set. Only a lower-case "left" or "right" at the beginning of a name counts.

    Returns:
        The permutation: name i of the mirrored face is name flip[i] of the original.
    """
    indices = {name: i for i, name in enumerate(names)}

    def counterpart(name: str) -> str:
        for side, opposite in (("left", "right"), ("right", "left")):
            if name == side or name.startswith((side + "_", side + " ", side + "-")):
                return opposite + name[len(side) :]
        return name

    return tuple(indices.get(counterpart(name), i) for i, name in enumerate(names))


def _without_accents(text: str) -> str:
    """Remove accents, and return one Unicode form."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))


def _words(name: str) -> tuple[str, ...]:
    """Split a name into lower-case words, at separators, camel case and numbers."""
    text = _without_accents(name)
    spaced = []
    for before, c, after in zip(" " + text, text, text[1:] + " ", strict=False):
        camel = c.isupper() and (before.islower() or (before.isupper() and after.islower()))
        spaced.append(" " if camel or c.isdigit() != before.isdigit() else "")
        # Unicode counts the vowel signs of Indian scripts as marks (M), not as letters.
        spaced.append(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " ")
    return tuple("".join(spaced).casefold().split())


def _pattern(words: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """Compile side words to one pattern with the groups "l" and "r"."""
    left, right = zip(*words, strict=True)
    joined = (_without_accents("|".join(side)).casefold() for side in (left, right))
    return re.compile("(?P<l>{})|(?P<r>{})".format(*joined))


_STRONG, _ANY = _pattern(_WORDS), _pattern((*_WORDS, *_WEAK_WORDS))
_WEAK = _without_accents("|".join("|".join(pair) for pair in _WEAK_WORDS)).casefold()
_MAYBE = re.compile(rf"{_pattern(_GLUED_WORDS).pattern}|\b(?:{_WEAK})\b")  # for speed: most names have no side
# Sides beyond doubt, even without a counterpart: as a whole word, and inside a longer one.
_LONE, _LONE_INSIDE = _pattern((*_WORDS, ("l", "r"))), _pattern((*_ENGLISH, *_INSIDE))


def _without(words: tuple[str, ...], i: int) -> tuple[str, ...]:
    """Return words with "*" in place of word ``i``."""
    return (*words[:i], "*", *words[i + 1 :])


def _letters_by_place(words: Iterable[tuple[str, ...]]) -> Letters:
    """Collect the single letters that occur in one place of otherwise equal names."""
    letters: Letters = defaultdict(set)
    for name in words:
        for i, word in enumerate(name):
            if len(word) == 1:
                letters[_without(name, i)].add(word)
    return letters


def _read_whole_words(words: tuple[str, ...], sides: re.Pattern[str], letters: Letters) -> Reading:
    """Read whole words as sides. In "u_lip, l_lip" or "a, b, ... l, ... r", no letter is a side."""
    key, found = [], ""
    for i, word in enumerate(words):
        side = _side(word, sides)
        if side and len(word) == 1 and not letters[_without(words, i)] <= _SIDE_LETTERS:
            side = ""
        key.append("*" if side else word)
        found += side
    return tuple(key), found


@lru_cache(maxsize=4096)
def _side(word: str, sides: re.Pattern[str]) -> str:
    """Return "l" or "r" for a side word, "" for another one."""
    match = sides.fullmatch(word)
    return (match.lastgroup or "") if match else ""


def _read_inside_words(words: tuple[str, ...], sides: re.Pattern[str]) -> Reading:
    """Read sides inside longer words."""
    found = [match.lastgroup or "" for word in words for match in sides.finditer(word)]
    return tuple(sides.sub("*", word) for word in words), "".join(found)


def _add_pairs(readings: dict[int, Reading], pairs: dict[int, int]) -> None:
    """Add to `pairs` the names that differ only in their sides."""
    members: dict[Reading, list[int]] = defaultdict(list)
    for i, reading in readings.items():
        if reading[1]:
            members[reading].append(i)
    swapped = str.maketrans("lr", "rl")
    for (key, sides), own_members in members.items():
        other_members = members.get((key, sides.translate(swapped)), [])
        if len(own_members) == len(other_members) == 1:
            pairs[own_members[0]] = other_members[0]


def _has_side(words: tuple[str, ...], letters: Letters) -> bool:
    """Return whether an unpaired name has a side beyond doubt."""
    inside = any(word not in _ORDINARY_WORDS and _LONE_INSIDE.search(word) for word in words)
    return inside or bool(_read_whole_words(words, _LONE, letters)[1])


def _has_numbered(names: Iterable[tuple[str, ...]]) -> bool:
    """Return whether several names differ only in numbers or single letters: "ear 1, ear 2" may be a pair or not."""
    stems: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for words in names:
        stem = tuple("#" if word.isdigit() or word in _NUMBERING_LETTERS else word for word in words)
        if "#" in stem:
            stems[stem].add(words)
    return any(len(several) > 1 for several in stems.values())
