"""Named segmentation sets: class order, palette, mirror pairs.

Left and right are the viewer's: `left_eye` is the eye on the left of the image. Data sets use the same words for the
person's side or for the viewer's side. The sides below were measured on their masks, by the mean column of each class:

* CelebAMask-HQ: `l_eye` (4) is to the RIGHT of `r_eye` (5) in 4 of 4 masks (by 126 px at 512). The same holds for
  `l_brow` and `r_brow` in 4 of 4, and for `l_ear` and `r_ear` in 2 of 2. Its letters are the person's side. Our names
  for ids 4..9 are swapped.
* FaceSynthetics: `right_eye` (3) is to the RIGHT of `left_eye` (4) in 53 of 53 masks. The same holds for `right_brow`
  and `left_brow` in 59 of 59, and for `right_ear` and `left_ear` in 5 of 5. Its words are the viewer's side. Our names
  are the same.
* LaPa and Helen have left before right, the viewer's side, as the code of synthetic parsing and of FaRL reads them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .class_colours import colours_for
from .mirror_pairs import Pair, check_different, check_flip, flip_of
from .sides import separated_words, sides_of

IGNORE_ID = 255
"""Id of unlabelled pixels in every mask of facekit."""


@dataclass(frozen=True)
class SegmentationSet:
    """An ordered set of classes. The index of a class is its id in a mask, and 0 is the background.

    Attributes:
        name: Name of the set, which `segmentation_set` accepts.
        classes: Different names of the classes, background first.
        palette: RGB colour of each class, 0 to 255.
        flip: Mirror permutation: id i of the mirrored mask is id flip[i] of the original.
        facial_parts: Ids that count in the overall F1: no skin, hair or background.
        ignore: Id of unlabelled pixels.
        mirrors: Whether masks can be mirrored. False if neither the names nor `pairs=` define all pairs; `adapt` then
            estimates the pairs from the masks (`symmetry`).
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    flip: tuple[int, ...]
    facial_parts: tuple[int, ...]
    ignore: int = IGNORE_ID
    mirrors: bool = True

    def __post_init__(self) -> None:
        check_different(self.classes, "classes")
        check_flip(self.flip, len(self.classes))
        _check_count(self.classes)
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"palette: expected {len(self.classes)} colours, got {len(self.palette)}; pass one colour per class"
            )

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """Return the id of a class.

        Args:
            name: Its name.

        Raises:
            ValueError: If the set has no such class.
        """
        if name not in self.classes:
            raise ValueError(f"segmentation set {self.name!r} has no class {name!r}; it has {', '.join(self.classes)}")
        return self.classes.index(name)


def _check_count(classes: Sequence[str]) -> None:
    if not 1 <= len(classes) <= IGNORE_ID:
        raise ValueError(
            f"expected 1 to {IGNORE_ID} classes in a set ({IGNORE_ID} is the id of unlabelled pixels), "
            f"got {len(classes)}; leave some out"
        )


_FACIAL_PARTS = frozenset(
    [
        *("left_brow", "right_brow", "brows", "left_eye", "right_eye", "eyes", "nose"),
        *("upper_lip", "lower_lip", "lips", "inner_mouth", "mouth"),
    ]
)
_NOT_FACIAL_PARTS = frozenset(
    ["background", "skin", "skin_ears_neck", "face", "hair", "hair_and_brows", "neck", "cloth", "clothing", "hat"]
)


def _published(name: str, *classes: str) -> SegmentationSet:
    """Build a published set of face parsing."""
    parts = tuple(i for i, c in enumerate(classes) if c in _FACIAL_PARTS)
    return SegmentationSet(name, classes, colours_for(classes), flip_of(classes), parts)


_FEATURES = ("left_brow", "right_brow", "left_eye", "right_eye", "nose", "upper_lip", "inner_mouth", "lower_lip")
SKIN_REGIONS = (
    *("forehead", "left_cheek", "right_cheek", "chin", "under_nose"),
    *("left_upper_socket", "left_lower_socket", "right_upper_socket", "right_lower_socket"),
)

HELEN_11 = _published("helen11", "background", "skin", *_FEATURES, "hair")
"""Helen as re-released by Smith et al.: the same order as LaPa's."""
LAPA_11 = _published("lapa11", "background", "skin", *_FEATURES, "hair")
"""LaPa in FaRL's order: left brow, right brow, left eye, right eye (facer has eyes and brows the other way round)."""
SYNTHPARSE_11 = _published("synthparse11", "background", "skin_ears_neck", *_FEATURES, "hair")
"""The synthetic-parsing paper's labels: ears and neck count as skin. Its 12th label, ignore, is 255 here."""
CELEBAMASK_19 = _published(
    "celebamask19",
    *("background", "skin", "nose", "glasses"),
    *("right_eye", "left_eye", "right_brow", "left_brow", "right_ear", "left_ear"),
    *("inner_mouth", "upper_lip", "lower_lip"),
    *("hair", "hat", "earring", "necklace", "neck", "cloth"),
)
"""CelebAMask-HQ. Its own names for ids 4..12: l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip, the person's."""
FACESYNTHETICS_19 = _published(
    "facesynthetics19",
    *("background", "skin", "nose"),
    *("right_eye", "left_eye", "right_brow", "left_brow", "right_ear", "left_ear"),
    *("inner_mouth", "upper_lip", "lower_lip"),
    *("neck", "hair", "facial_hair", "cloth", "glasses", "hat", "facewear"),
)
"""Microsoft Face Synthetics. Its own names for ids 10, 11, 14, 15, 17: top_lip, bottom_lip, beard (moustaches
included), clothing, headwear."""
FASSEG_6 = _published("fasseg6", "background", "skin", "hair_and_brows", "eyes", "nose", "mouth")
"""FASSEG: brows are drawn as hair; ears, neck, beards and frames of glasses as skin."""
CUSTOM_FSMA = _published("fsma_custom21", "background", *SKIN_REGIONS, *_FEATURES, "glasses", "beard", "moustache")
"""FSMA's customised parts (section 4.2, supplement 2): nine skin regions, Helen's features, accessories; no hair."""
FACEKIT_27 = _published(
    "facekit27",
    "background",
    *SKIN_REGIONS,
    *_FEATURES,
    *("left_ear", "right_ear", "neck", "hair", "beard", "moustache", "glasses", "hat", "cloth"),
)
"""The finest set; every other one follows from it by `segmentation_map`. Classes 1..9 tile the whole face skin."""

SEGMENTATION_SETS: dict[str, SegmentationSet] = {
    s.name: s
    for s in (HELEN_11, LAPA_11, SYNTHPARSE_11, CELEBAMASK_19, FACESYNTHETICS_19, FASSEG_6, CUSTOM_FSMA, FACEKIT_27)
}


def _published_parts(name: str, *classes: str) -> SegmentationSet:
    """Build a set of part segmentation. No class has a side, and all but the background count in the overall F1."""
    n = len(classes)
    return SegmentationSet(name, classes, colours_for(classes), tuple(range(n)), tuple(range(1, n)))


# Names and order: nv-tlabs/datasetGAN_release, utils/data_util.py, face_class and car_20_class. Those of the face are
# also in yandex-research/ddpm-segmentation, src/data_util.py, ffhq_class.
FFHQ_34 = _published_parts(
    "ffhq34",
    *("background", "head", "cheek", "chin", "ear", "ear_helix", "ear_lobule"),
    *("lower_eyelid", "eyelashes", "iris", "pupil", "sclera", "tear_duct", "upper_eyelid", "brows"),
    *("forehead", "frown", "hair", "sideburns", "jaw", "moustache"),
    *("lower_lip", "mouth_corners", "upper_lip", "teeth", "neck"),
    *("nose", "nose_wings", "nose_bridge", "nose_tip", "nostrils", "philtrum", "temple", "wrinkles"),
)
"""DatasetGAN's face parts (34), also DDPM-segmentation's ffhq_34. Both sides of the face are one class.

The classes form a tree ("head***nose***nose tip"): head, ear, hair and nose are the rest that their own parts do not
cover. Its names for ids 7, 13, 14, 21, 22, 23, 27: bottom lid, top lid, eyebrow, inferior lip, oral commissure,
superior lip, ala of nose."""
CAR_20 = _published_parts(
    "car20",
    *("background", "back_bumper", "front_bumper", "car_body", "head_light", "door", "fender", "grille", "handle"),
    *("hood", "license_plate", "mirror", "roof", "running_board", "tail_light", "tire", "trunk_lid", "wheel_hub"),
    *("window", "windshield"),
)
"""DatasetGAN's car parts (20), PFTGAN's LSUN CAR-20. Its own names for ids 2 and 4: bumper, car_lights (which its map
to 12 classes calls head light)."""

PART_SETS: dict[str, SegmentationSet] = {s.name: s for s in (FFHQ_34, CAR_20)}
"""Sets of few-shot part segmentation. Unlike SEGMENTATION_SETS, they do not follow from FACEKIT_27."""
# Classes on the mirror axis: those of the published sets, common words, and CelebAMask-HQ's own names of glasses,
# earrings and necklaces.
_AXIS_NAMES = frozenset(
    separated_words(s.classes[i])
    for s in (SEGMENTATION_SETS | PART_SETS).values()
    for i, other in enumerate(s.flip)
    if other == i
) | {"face", "clothes", "clothing", "lip", "mustache", "tongue", "eye g", "ear r", "neck l"}
_ALIASES = {
    "helen": "helen11",
    "lapa": "lapa11",
    "synthparse": "synthparse11",
    "celebamask": "celebamask19",
    "celebamaskhq": "celebamask19",
    "facesynthetics": "facesynthetics19",
    "fasseg": "fasseg6",
    **dict.fromkeys(("customfsma", "fsma", "fsmacustom"), "fsma_custom21"),
    "facekit": "facekit27",
    "face34": "ffhq34",
    "lsuncar20": "car20",
}


def segmentation_set(
    spec: SegmentationSet | str | Sequence[str] | None,
    n: int | None = None,
    pairs: Iterable[Pair] | None = None,
) -> SegmentationSet:
    """Return the segmentation set that an argument stands for.

    Args:
        spec: A set; its name ("lapa11", "ffhq34", "LAPA_11", "lapa", ...); a list of class names, background first;
            or None for n unnamed classes, background included.
        n: Number of classes of the labels. The set must have as many.
        pairs: Left-right pairs of a new set, two ids or two names each. Without them, names form pairs by their side
            words (`sides.sides_of`). If names do not define all pairs, `mirrors` is False.

    Returns:
        The segmentation set.

    Raises:
        ValueError: If the name is unknown, the number is another one, names are repeated, or pairs are invalid.
    """
    if spec is None:
        if n is None or n < 2:
            raise ValueError(
                f"expected the number of classes, n >= 2, of an unnamed segmentation set, got n={n}; pass n"
            )
        unnamed = _custom(("background", *(f"class_{i}" for i in range(1, n))), pairs)
        # With background and one class there is nothing to swap.
        return replace(unnamed, mirrors=True) if n == 2 else unnamed
    if isinstance(spec, str):
        plain = spec.lower().replace("_", "").replace("-", "")
        sets = SEGMENTATION_SETS | PART_SETS
        by_plain = {name.replace("_", ""): s for name, s in sets.items()}
        known = by_plain.get(_ALIASES.get(plain, plain).replace("_", ""))
        if known is None:
            listing = ", ".join(sets)
            raise ValueError(f"unknown segmentation set {spec!r}; known: {listing}; or pass a list of class names")
        result = known
    elif isinstance(spec, SegmentationSet):
        result = spec
    elif not isinstance(spec, Iterable):
        raise ValueError(f"segmentation set {spec!r}: expected a set, its name, or a list of class names; pass one")
    else:
        names = tuple(str(c) for c in spec)
        if len(names) < 2:
            raise ValueError(
                f"expected background and at least one class in a segmentation set, got {names!r}; pass their names"
            )
        result = _custom(names, pairs)
        pairs = None
    if pairs is not None:
        raise ValueError(
            f"segmentation set {result.name!r} already has its left-right pairs, expected no others; leave out pairs="
        )
    if n is not None and n != len(result):
        raise ValueError(
            f"segmentation set {result.name!r} has {len(result)} classes, but the labels have {n}; "
            f"name another set, or {n} classes"
        )
    return result


def _custom(names: tuple[str, ...], pairs: Iterable[Pair] | None) -> SegmentationSet:
    """Build a set of user-defined classes."""
    check_different(names, "classes")
    _check_count(names)
    sides = sides_of(names, _AXIS_NAMES)
    flip = sides.flip if pairs is None else flip_of(names, pairs)
    parts = tuple(i for i, c in enumerate(names) if i > 0 and c not in _NOT_FACIAL_PARTS)
    mirrors = pairs is not None or sides.complete
    return SegmentationSet(f"own{len(names)}", names, colours_for(names), flip, parts, mirrors=mirrors)
