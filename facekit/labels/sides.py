"""Left and right in names: which names of a label set are mirror pairs.

A side word may stand anywhere in a name, in any letter case, with any joint or none: `left_eye`, `eye-left`, `L_Eye`,
`eyeR`, `LEFTEYE`, `linkes_auge`, `左目`. Names are compared within one set: `bright` has a side only beside `bleft`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

# Side words, left and right, as regular expressions. Accents and letter case do not count.
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
    (r"лев(ый|ая|ое|ые|ого|ой)|слева", r"прав(ый|ая|ое|ые|ого|ой)|справа"),  # Russian
    (r"лів(ий|а|е)", r"прав(ий|а|е)"),  # Ukrainian
    (r"vänst(er|ra)|venstre", r"hög(er|ra)|h[øo][yj]re"),  # Swedish, Norwegian, Danish
    (r"vasen", r"oikea"),  # Finnish
    (r"stânga?", r"dreapta?"),  # Romanian
    (r"αριστερ(ός|ό|ά|ή)", r"δεξι(ός|ό|ά)"),  # Greek
    (r"(ال)?(أيسر|يسرى|يسار)", r"(ال)?(أيمن|يمنى|يمين)"),  # Arabic
    (r"שמאל(ית|י)?", r"ימני?(ת)?|ימין"),  # Hebrew
    (r"बाय(ाँ|ां|ीं)|बाईं", r"दाय(ाँ|ां|ीं)|दाईं"),  # Hindi
    (r"kiri", r"kanan"),  # Indonesian, Malay
)
# Words with other meanings, too: a side only where the name of the other side is there.
_WEAK_WORDS = (
    (r"l|lt|lft|lhs", r"r|rt|rgt|rhs"),
    (r"izq|esq|sx|sin", r"der|dir|dx|des|dcha"),
    (r"sol", r"sağ"),  # Turkish
    (r"bal", r"jobb"),  # Hungarian
    (r"trái", r"phải"),  # Vietnamese
    (r"چپ", r"راست"),  # Persian
    (r"lev|лев|лево", r"prav|прав|право"),
)
# Scripts that write a side without a blank before the next word.
_INSIDE = (("左", "右"), ("왼|좌측", "오른|우측"), ("ซ้าย", "ขวา"))
_GLUED_WORDS = (*_WORDS, ("sol", "sağ"), *_INSIDE)
# English words that hold "left" or "right" without a side.
_ORDINARY = frozenset(
    "leftover leftovers cleft righteous rightly bright brighter brightness upright wright fright outright downright "
    "forthright copyright birthright alright aright".split()
)
_COUNTS = frozenset("abcdef")  # single letters that count as numbers do: "ear_a, ear_b"
_LETTERS = frozenset("lrmc")  # single letters for sides, and for the middle or centre between them

# The words of a name with "*" in each side's place, and its sides in their order: ("*", "eye"), "l".
Reading = tuple[tuple[str, ...], str]
Letters = dict[tuple[str, ...], set[str]]


@dataclass(frozen=True)
class Sides:
    """What the names of a label set say about left and right.

    Attributes:
        flip: Permutation: name i of the mirrored face is name flip[i] of the original, as far as the names say.
        told: Whether the names say it of every member of the set.
        one_sided: Names with a side whose counterpart is not in the set. Such a set cannot be mirrored.
    """

    flip: tuple[int, ...]
    told: bool
    one_sided: tuple[str, ...]


def sides_of(names: Sequence[str], middles: Collection[str] = ()) -> Sides:
    """Find the mirror pairs of names by their side words.

    Args:
        names: Names of one label set, all different.
        middles: Names, as `plain_name` writes them, that are known to be their own mirror image ("nose tip").

    Returns:
        The pairs. Two names that differ in nothing but blanks or letter case have no counterpart: neither is paired.
    """
    words = [_words(name) for name in names]
    letters = _letters_by_place(words)
    pairs: dict[int, int] = {}
    some = [i for i, name in enumerate(words) if _MAYBE.search(" ".join(name))]
    for read in (
        partial(_whole, sides=_ANY, letters=letters),
        partial(_whole, sides=_STRONG, letters=letters),
        partial(_glued, sides=_side_finder(_ENGLISH)),
        partial(_glued, sides=_side_finder(_GLUED_WORDS)),
    ):
        readings = {i: read(words[i]) for i in some if i not in pairs}
        _pair(readings, pairs)
        # In any order of the words, so that "left_eye" is paired with "eye_right".
        _pair({i: (tuple(sorted(key)), sides) for i, (key, sides) in readings.items() if i not in pairs}, pairs)
    flip = tuple(pairs.get(i, i) for i in range(len(names)))
    rest = [i for i in range(len(names)) if i not in pairs]
    rest = [i for i in rest if " ".join(words[i]) not in middles]
    one_sided = tuple(names[i] for i in rest if _has_side(words[i], letters))
    unknown = [words[i] for i in rest]
    told = not one_sided and not (_numbered(unknown) if pairs else unknown)
    return Sides(flip, told, one_sided)


def plain_name(name: str) -> str:
    """Write a name in lower-case words with one blank between: `NoseTip`, `nose-tip` -> `nose tip`."""
    return " ".join(_words(name))


def prefix_flip(names: Sequence[str]) -> tuple[int, ...]:
    """Pair names as files of facekit before this rule did: only a lower-case "left" or "right" at their beginning."""
    place = {name: i for i, name in enumerate(names)}

    def other(name: str) -> str:
        for here, there in (("left", "right"), ("right", "left")):
            if name == here or name.startswith((here + "_", here + " ", here + "-")):
                return there + name[len(here) :]
        return name

    return tuple(place.get(other(name), i) for i, name in enumerate(names))


def _plain(text: str) -> str:
    """Text without accents, in one Unicode form."""
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))


def _words(name: str) -> tuple[str, ...]:
    """Words of a name, in lower case: split at joints, camel case and numbers."""
    text = _plain(name)
    spaced = []
    for before, c, after in zip(" " + text, text, text[1:] + " ", strict=False):
        camel = c.isupper() and (before.islower() or (before.isupper() and after.islower()))
        spaced.append(" " if camel or c.isdigit() != before.isdigit() else "")
        # Vowel signs of Indian scripts are marks, not letters.
        spaced.append(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " ")
    return tuple("".join(spaced).casefold().split())


def _side_finder(words: Iterable[tuple[str, str]]) -> re.Pattern[str]:
    """A pattern with the groups "l" and "r"."""
    left, right = zip(*words, strict=True)
    joined = (_plain("|".join(side)).casefold() for side in (left, right))
    return re.compile("(?P<l>{})|(?P<r>{})".format(*joined))


_STRONG, _ANY = _side_finder(_WORDS), _side_finder((*_WORDS, *_WEAK_WORDS))
_WEAK = _plain("|".join("|".join(pair) for pair in _WEAK_WORDS)).casefold()
_MAYBE = re.compile(rf"{_side_finder(_GLUED_WORDS).pattern}|\b(?:{_WEAK})\b")  # for speed: most names have no side
# Sides even without a counterpart: as a whole word, and inside a longer one.
_LONE, _LONE_INSIDE = _side_finder((*_WORDS, ("l", "r"))), _side_finder((*_ENGLISH, *_INSIDE))


def _letters_by_place(words: Iterable[tuple[str, ...]]) -> Letters:
    """Single letters that stand in the same place of otherwise equal names."""
    letters: Letters = defaultdict(set)
    for name in words:
        for i, word in enumerate(name):
            if len(word) == 1:
                letters[*name[:i], "*", *name[i + 1 :]].add(word)
    return letters


def _whole(words: tuple[str, ...], sides: re.Pattern[str], letters: Letters) -> Reading:
    """Read whole words as sides. Of "u_lip, l_lip" or "a, b, ... l, ... r" no letter is one."""
    key, found = [], ""
    for i, word in enumerate(words):
        side = _side(word, sides)
        if side and len(word) == 1 and not letters[*words[:i], "*", *words[i + 1 :]] <= _LETTERS:
            side = ""
        key.append("*" if side else word)
        found += side
    return tuple(key), found


@lru_cache(maxsize=4096)
def _side(word: str, sides: re.Pattern[str]) -> str:
    match = sides.fullmatch(word)
    return (match.lastgroup or "") if match else ""


def _glued(words: tuple[str, ...], sides: re.Pattern[str]) -> Reading:
    """Read sides inside longer words."""
    found = [match.lastgroup or "" for word in words for match in sides.finditer(word)]
    return tuple(sides.sub("*", word) for word in words), "".join(found)


def _pair(readings: dict[int, Reading], pairs: dict[int, int]) -> None:
    """Add to `pairs` the names that are told apart by nothing but their sides."""
    members: dict[Reading, list[int]] = defaultdict(list)
    for i, reading in readings.items():
        if reading[1]:
            members[reading].append(i)
    swapped = str.maketrans("lr", "rl")
    for (key, sides), here in members.items():
        there = members.get((key, sides.translate(swapped)), [])
        if len(here) == len(there) == 1:
            pairs[here[0]] = there[0]


def _has_side(words: tuple[str, ...], letters: Letters) -> bool:
    """Whether an unpaired name has a side beyond doubt."""
    inside = any(word not in _ORDINARY and _LONE_INSIDE.search(word) for word in words)
    return inside or bool(_whole(words, _LONE, letters)[1])


def _numbered(names: Iterable[tuple[str, ...]]) -> bool:
    """Whether several names differ only in numbers or single letters: "ear 1, ear 2" may be a pair or not."""
    stems: dict[tuple[str, ...], set[tuple[str, ...]]] = defaultdict(set)
    for words in names:
        stem = tuple("#" if word.isdigit() or word in _COUNTS else word for word in words)
        if "#" in stem:
            stems[stem].add(words)
    return any(len(several) > 1 for several in stems.values())
