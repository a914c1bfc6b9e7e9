"""Named attribute sets: what may be said about a face, each thing true or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .landmarks import _check_flip, _check_names
from .sides import sides_of


@dataclass(frozen=True)
class AttributeSet:
    """An ordered set of A named attributes.

    Attributes:
        name: What `attribute_set` finds it by.
        names: A unique names. Names with a side pair up (`sides.sides_of`): a mirrored image swaps them. All others
            are true of the mirrored image as well.
        flip: Permutation: attribute i of the mirrored image is attribute flip[i] of the original. Left out, it is
            taken from the names.
        mirrors: False where a one-sided attribute ("left_eye_closed" alone) has no counterpart.
    """

    name: str
    names: tuple[str, ...]
    flip: tuple[int, ...] = ()
    mirrors: bool = True

    def __post_init__(self) -> None:
        _check_names(self.names, "attributes")
        sides = sides_of(self.names)
        flip = self.flip or sides.flip
        _check_flip(flip, len(self.names))
        object.__setattr__(self, "flip", flip)
        object.__setattr__(self, "mirrors", self.mirrors and not sides.one_sided)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, attribute: str) -> int:
        """The place of a named attribute. Raises ValueError for a name that this set does not have."""
        if attribute not in self.names:
            raise ValueError(f"attribute set {self.name!r} has no {attribute!r}; it has {', '.join(self.names)}")
        return self.names.index(attribute)


CELEBA_40 = AttributeSet(
    "celeba40",
    (
        "5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose",
        "Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses",
        "Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache",
        "Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks",
        "Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick",
        "Wearing_Necklace", "Wearing_Necktie", "Young",
    ),
)  # fmt: skip
"""CelebA's 40 attributes in its order."""

ATTRIBUTE_SETS: dict[str, AttributeSet] = {CELEBA_40.name: CELEBA_40}
_ALIASES = {"celeba": "celeba40", "40": "celeba40"}


def attribute_set(spec: AttributeSet | str | Sequence[str] | None, n: int | None = None) -> AttributeSet:
    """The attribute set that a user means.

    spec: a set; its name ("celeba40", also "celeba", "CELEBA_40"); a list of names; or None for n anonymous attributes
    ("attribute_0", ...; 40 of them are not taken for CelebA's). n: the number of attributes that is expected, checked
    against the set. Raises ValueError for an unknown name, a wrong count or repeated names.
    """
    if spec is None:
        if n is None or n < 1:
            raise ValueError(f"an own attribute set needs its number of attributes, n >= 1, but n={n} came")
        return AttributeSet(f"own{n}", tuple(f"attribute_{i}" for i in range(n)))
    if isinstance(spec, str):
        plain = spec.lower().replace("_", "")
        found = ATTRIBUTE_SETS.get(_ALIASES.get(plain, plain))
        if found is None:
            known = ", ".join([*ATTRIBUTE_SETS, *_ALIASES])
            raise ValueError(f"unknown attribute set {spec!r}; known: {known}; or pass a list of attribute names")
    elif isinstance(spec, AttributeSet):
        found = spec
    else:
        names = tuple(str(name) for name in spec)
        if not names:
            raise ValueError("an own attribute set needs at least one name, but an empty list came")
        found = CELEBA_40 if names == CELEBA_40.names else AttributeSet(f"own{len(names)}", names)
    if n is not None and n != len(found):
        raise ValueError(f"attribute set {found.name!r} has {len(found)} attributes, but the labels have {n}")
    return found
