"""Named attribute sets: properties of a face that are true or false."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .mirror_pairs import check_different, check_flip
from .sides import sides_of


@dataclass(frozen=True)
class AttributeSet:
    """An ordered set of A named attributes.

    Attributes:
        name: Name of the set, which `attribute_set` accepts.
        names: A different names. Names with a side form pairs (`sides.sides_of`), which a mirrored image swaps. All
            other attributes stay the same in a mirrored image.
        flip: Mirror permutation: attribute i of the mirrored image is attribute flip[i] of the original. Empty takes it
            from the names.
        mirrors: Whether labels can be mirrored. False if an attribute of one side ("left_eye_closed" alone) has no
            counterpart.
    """

    name: str
    names: tuple[str, ...]
    flip: tuple[int, ...] = ()
    mirrors: bool = True

    def __post_init__(self) -> None:
        check_different(self.names, "attributes")
        sides = sides_of(self.names)
        flip = self.flip or sides.flip
        check_flip(flip, len(self.names))
        object.__setattr__(self, "flip", flip)
        object.__setattr__(self, "mirrors", self.mirrors and not sides.one_sided)

    def __len__(self) -> int:
        return len(self.names)

    def index(self, attribute: str) -> int:
        """Return the index of an attribute.

        Args:
            attribute: Its name.

        Raises:
            ValueError: If the set has no such attribute.
        """
        if attribute not in self.names:
            raise ValueError(f"attribute set {self.name!r} has no {attribute!r}; it has {', '.join(self.names)}")
        return self.names.index(attribute)


CELEBA_40 = AttributeSet(
    "celeba40",
    (
        "5_o_Clock_Shadow",
        "Arched_Eyebrows",
        "Attractive",
        "Bags_Under_Eyes",
        "Bald",
        "Bangs",
        "Big_Lips",
        "Big_Nose",
        "Black_Hair",
        "Blond_Hair",
        "Blurry",
        "Brown_Hair",
        "Bushy_Eyebrows",
        "Chubby",
        "Double_Chin",
        "Eyeglasses",
        "Goatee",
        "Gray_Hair",
        "Heavy_Makeup",
        "High_Cheekbones",
        "Male",
        "Mouth_Slightly_Open",
        "Mustache",
        "Narrow_Eyes",
        "No_Beard",
        "Oval_Face",
        "Pale_Skin",
        "Pointy_Nose",
        "Receding_Hairline",
        "Rosy_Cheeks",
        "Sideburns",
        "Smiling",
        "Straight_Hair",
        "Wavy_Hair",
        "Wearing_Earrings",
        "Wearing_Hat",
        "Wearing_Lipstick",
        "Wearing_Necklace",
        "Wearing_Necktie",
        "Young",
    ),
)
"""CelebA's 40 attributes in its order."""

ATTRIBUTE_SETS: dict[str, AttributeSet] = {CELEBA_40.name: CELEBA_40}
_ALIASES = {"celeba": "celeba40", "40": "celeba40"}


def attribute_set(spec: AttributeSet | str | Sequence[str] | None, n: int | None = None) -> AttributeSet:
    """Return the attribute set that an argument stands for.

    Args:
        spec: A set; its name ("celeba40", also "celeba" or "CELEBA_40"); a list of attribute names; or None for n
            unnamed attributes ("attribute_0", ...). Also 40 unnamed attributes are not taken for CelebA's.
        n: Number of attributes of the labels. The set must have as many.

    Returns:
        The attribute set.

    Raises:
        ValueError: If the name is unknown, the number is another one, or names are repeated.
    """
    if spec is None:
        if n is None or n < 1:
            raise ValueError(
                f"expected the number of attributes, n >= 1, of an unnamed attribute set, got n={n}; pass n"
            )
        return AttributeSet(f"own{n}", tuple(f"attribute_{i}" for i in range(n)))
    if isinstance(spec, str):
        plain = spec.lower().replace("_", "")
        known = ATTRIBUTE_SETS.get(_ALIASES.get(plain, plain))
        if known is None:
            listing = ", ".join([*ATTRIBUTE_SETS, *_ALIASES])
            raise ValueError(f"unknown attribute set {spec!r}; known: {listing}; or pass a list of attribute names")
        result = known
    elif isinstance(spec, AttributeSet):
        result = spec
    else:
        names = tuple(str(name) for name in spec)
        if not names:
            raise ValueError("expected at least one name of an attribute set, got an empty list; pass names")
        result = CELEBA_40 if names == CELEBA_40.names else AttributeSet(f"own{len(names)}", names)
    if n is not None and n != len(result):
        raise ValueError(
            f"attribute set {result.name!r} has {len(result)} attributes, but the labels have {n}; "
            f"name another set, or {n} attributes"
        )
    return result
