"""Named segmentation sets: class order, palette, mirror pairs.

Names are the viewer's: `left_eye` is the eye on the left of the image. Two data sets write the person's side or the
viewer's side in the same words, so the sides below were read off the masks themselves (mean column of each class):

* CelebAMask-HQ `l_eye` (4) lies to the RIGHT of `r_eye` (5) in 4 of 4 masks (by 126 px at 512), `l_brow` of `r_brow` in
  4 of 4, `l_ear` of `r_ear` in 2 of 2: its letters are the person's side. Our names for ids 4..9 are swapped.
* FaceSynthetics `right_eye` (3) lies to the RIGHT of `left_eye` (4) in 53 of 53 masks, `right_brow` of `left_brow` in
  59 of 59, `right_ear` of `left_ear` in 5 of 5: its words are the viewer's side. Our names are its own.
* LaPa and Helen write left before right, the viewer's side, as the synthetic-parsing and FaRL code read them.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .landmarks import _check_flip, _check_names, flip_of
from .sides import plain_name, sides_of


@dataclass(frozen=True)
class SegmentationSet:
    """An ordered set of classes; a class's index is its id in a mask and 0 is the background.

    palette: one RGB colour a class. flip: id i of the mirrored mask is id flip[i] of the original. facial_parts: ids
    that count in the overall F1 (no skin, hair, background). ignore: the id of unlabelled pixels. mirrors: False where
    neither names nor `pairs=` say which classes are left-right pairs, so that a mirrored mask cannot be labelled;
    `adapt` then looks at the masks (see `symmetry`).
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    flip: tuple[int, ...]
    facial_parts: tuple[int, ...]
    ignore: int = 255
    mirrors: bool = True

    def __post_init__(self) -> None:
        _check_names(self.classes, "classes")
        _check_flip(self.flip, len(self.classes))
        _check_count(self.classes)
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes but {len(self.palette)} colours: pass one colour per class")

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """The id of a named class. Raises ValueError for a name that this set does not have."""
        if name not in self.classes:
            raise ValueError(f"segmentation set {self.name!r} has no class {name!r}; it has {', '.join(self.classes)}")
        return self.classes.index(name)


def _check_count(classes: Sequence[str]) -> None:
    if not 1 <= len(classes) <= 255:
        raise ValueError(f"{len(classes)} came, expected 1 to 255 classes in a set (255 is 'ignore')")


# One colour a name in every set. Left is the cooler or darker sister of right; skin regions stay in skin tones but
# differ in lightness from their neighbours.
_COLOURS: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "skin": (244, 190, 150),
    "skin_ears_neck": (244, 190, 150),
    "forehead": (255, 214, 165),
    "left_cheek": (232, 156, 116),
    "right_cheek": (250, 178, 140),
    "chin": (200, 132, 98),
    "under_nose": (255, 140, 105),
    "left_upper_socket": (150, 120, 215),
    "left_lower_socket": (105, 70, 165),
    "right_upper_socket": (215, 175, 245),
    "right_lower_socket": (190, 110, 205),
    "left_brow": (30, 110, 60),
    "right_brow": (70, 180, 90),
    "brows": (50, 145, 75),
    "left_eye": (20, 90, 220),
    "right_eye": (70, 180, 255),
    "eyes": (45, 135, 240),
    "nose": (255, 225, 25),
    "upper_lip": (235, 60, 90),
    "lower_lip": (160, 20, 60),
    "inner_mouth": (255, 165, 200),
    "mouth": (220, 45, 80),
    "lips": (220, 45, 80),
    "left_ear": (0, 140, 140),
    "right_ear": (70, 200, 190),
    "ears": (35, 170, 165),
    "neck": (190, 150, 70),
    "hair": (120, 70, 30),
    "hair_and_brows": (120, 70, 30),
    "beard": (95, 95, 40),
    "moustache": (150, 150, 70),
    "facial_hair": (110, 110, 50),
    "glasses": (0, 230, 230),
    "hat": (240, 120, 20),
    "earring": (230, 230, 250),
    "necklace": (180, 255, 120),
    "cloth": (110, 110, 170),
    "facewear": (200, 200, 200),
    # The colour circle would bring these too close to their neighbours' in FFHQ-34.
    "temple": (205, 165, 225),
    "philtrum": (255, 105, 60),
    "wrinkles": (75, 50, 25),
}
_PARTS = frozenset(
    ["left_brow", "right_brow", "brows", "left_eye", "right_eye", "eyes", "nose", "upper_lip", "lower_lip", "lips"]
    + ["inner_mouth", "mouth"]
)
_NOT_PARTS = frozenset(
    ["background", "skin", "skin_ears_neck", "face", "hair", "hair_and_brows", "neck", "cloth", "clothing", "hat"]
)


def colours_for(names: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """One distinct RGB colour per class name: the known names' own, else spread around the colour circle."""
    taken: set[tuple[int, int, int]] = set()
    colours: list[tuple[int, int, int]] = []
    step = 0
    for i, name in enumerate(names):
        colour = (0, 0, 0) if i == 0 else _COLOURS.get(name.lower().replace(" ", "_"))
        while colour is None or (colour in taken and i > 0):
            # The golden angle keeps any number of hues apart; lightness alternates so that neighbours differ twice.
            hue = (0.07 + step * 0.618034) % 1.0
            rgb = colorsys.hls_to_rgb(hue, (0.5, 0.68, 0.36)[step % 3], 0.85)
            colour = (round(rgb[0] * 255), round(rgb[1] * 255), round(rgb[2] * 255))
            step += 1
        taken.add(colour)
        colours.append(colour)
    return tuple(colours)


def _named(name: str, classes: Sequence[str]) -> SegmentationSet:
    parts = tuple(i for i, c in enumerate(classes) if c in _PARTS)
    return SegmentationSet(name, tuple(classes), colours_for(classes), flip_of(classes), parts)


_FEATURES = ("left_brow", "right_brow", "left_eye", "right_eye", "nose", "upper_lip", "inner_mouth", "lower_lip")
_SKIN_REGIONS = ("forehead", "left_cheek", "right_cheek", "chin", "under_nose", "left_upper_socket",
                 "left_lower_socket", "right_upper_socket", "right_lower_socket")  # fmt: skip

HELEN_11 = _named("helen11", ("background", "skin", *_FEATURES, "hair"))
"""Helen as re-released by Smith et al.: the same order as LaPa's."""
LAPA_11 = _named("lapa11", ("background", "skin", *_FEATURES, "hair"))
"""LaPa in FaRL's order: left brow, right brow, left eye, right eye (facer has eyes and brows the other way round)."""
SYNTHPARSE_11 = _named("synthparse11", ("background", "skin_ears_neck", *_FEATURES, "hair"))
"""The synthetic-parsing paper's labels: ears and neck count as skin; what was its 12th label, ignore, is 255 here."""
CELEBAMASK_19 = _named("celebamask19", ("background", "skin", "nose", "glasses", "right_eye", "left_eye", "right_brow",
                       "left_brow", "right_ear", "left_ear", "inner_mouth", "upper_lip", "lower_lip", "hair", "hat",
                       "earring", "necklace", "neck", "cloth"))  # fmt: skip
"""CelebAMask-HQ. Its own names for ids 4..12: l_eye r_eye l_brow r_brow l_ear r_ear mouth u_lip l_lip, the person's."""
FACESYNTHETICS_19 = _named("facesynthetics19", ("background", "skin", "nose", "right_eye", "left_eye", "right_brow",
                           "left_brow", "right_ear", "left_ear", "inner_mouth", "upper_lip", "lower_lip", "neck",
                           "hair", "facial_hair", "cloth", "glasses", "hat", "facewear"))  # fmt: skip
"""Microsoft Face Synthetics. Its own names for ids 10, 11, 14, 15, 17: top_lip, bottom_lip, beard (moustaches
included), clothing, headwear."""
FASSEG_6 = _named("fasseg6", ("background", "skin", "hair_and_brows", "eyes", "nose", "mouth"))
"""FASSEG: brows are drawn as hair; ears, neck, beards and glasses' frames as skin."""
CUSTOM_FSMA = _named("fsma_custom21", ("background", *_SKIN_REGIONS, *_FEATURES, "glasses", "beard", "moustache"))
"""FSMA's customised parts (section 4.2, supplement 2): nine skin regions, Helen's features, accessories; no hair."""
FACEKIT_27 = _named("facekit27", ("background", *_SKIN_REGIONS, *_FEATURES, "left_ear", "right_ear", "neck", "hair",
                    "beard", "moustache", "glasses", "hat", "cloth"))  # fmt: skip
"""The finest set; every other one follows from it by `segmentation_map`. Classes 1..9 tile the whole face skin."""

SEGMENTATION_SETS: dict[str, SegmentationSet] = {
    s.name: s
    for s in (HELEN_11, LAPA_11, SYNTHPARSE_11, CELEBAMASK_19, FACESYNTHETICS_19, FASSEG_6, CUSTOM_FSMA, FACEKIT_27)
}


def _of_parts(name: str, classes: Sequence[str]) -> SegmentationSet:
    # No class has a side, so a mirrored mask keeps its ids. Every class but the background is a part for F1.
    n = len(classes)
    return SegmentationSet(name, tuple(classes), colours_for(classes), tuple(range(n)), tuple(range(1, n)))


# Names and order: nv-tlabs/datasetGAN_release, utils/data_util.py, face_class and car_20_class; the face's again in
# yandex-research/ddpm-segmentation, src/data_util.py, ffhq_class.
FFHQ_34 = _of_parts("ffhq34", ("background", "head", "cheek", "chin", "ear", "ear_helix", "ear_lobule", "lower_eyelid",
                    "eyelashes", "iris", "pupil", "sclera", "tear_duct", "upper_eyelid", "brows", "forehead", "frown",
                    "hair", "sideburns", "jaw", "moustache", "lower_lip", "mouth_corners", "upper_lip", "teeth", "neck",
                    "nose", "nose_wings", "nose_bridge", "nose_tip", "nostrils", "philtrum", "temple",
                    "wrinkles"))  # fmt: skip
"""DatasetGAN's face parts (34), also DDPM-segmentation's ffhq_34; both sides of the face are one class. They form a
tree ("head***nose***nose tip"): head, ear, hair and nose are what their own parts leave over. Its names for ids 7, 13,
14, 21, 22, 23, 27: bottom lid, top lid, eyebrow, inferior lip, oral commissure, superior lip, ala of nose."""
CAR_20 = _of_parts("car20", ("background", "back_bumper", "front_bumper", "car_body", "head_light", "door", "fender",
                   "grille", "handle", "hood", "license_plate", "mirror", "roof", "running_board", "tail_light", "tire",
                   "trunk_lid", "wheel_hub", "window", "windshield"))  # fmt: skip
"""DatasetGAN's car parts (20), PFTGAN's LSUN CAR-20. Its own names for ids 2 and 4: bumper, car_lights (which its map
to 12 classes calls head light)."""

PART_SETS: dict[str, SegmentationSet] = {s.name: s for s in (FFHQ_34, CAR_20)}
"""Sets of few-shot part segmentation. Apart from SEGMENTATION_SETS, which all follow from FACEKIT_27: these do not."""
# Classes of the known sets that are their own mirror image; last CelebAMask-HQ's own glasses, earrings and necklaces.
_MIDDLES = frozenset(
    plain_name(s.classes[i])
    for s in (SEGMENTATION_SETS | PART_SETS).values()
    for i, other in enumerate(s.flip)
    if other == i
) | {"face", "clothes", "clothing", "lip", "mustache", "tongue", "eye g", "ear r", "neck l"}
_ALIASES = {"helen": "helen11", "lapa": "lapa11", "synthparse": "synthparse11", "celebamask": "celebamask19",
            "celebamaskhq": "celebamask19", "facesynthetics": "facesynthetics19", "fasseg": "fasseg6",
            "customfsma": "fsma_custom21", "fsma": "fsma_custom21", "fsmacustom": "fsma_custom21",
            "facekit": "facekit27", "face34": "ffhq34", "lsuncar20": "car20"}  # fmt: skip


def segmentation_set(
    spec: SegmentationSet | str | Sequence[str] | None,
    n: int | None = None,
    pairs: Iterable[tuple[int, int] | tuple[str, str]] | None = None,
) -> SegmentationSet:
    """The segmentation set that a user means.

    spec: a set; its name ("lapa11", "ffhq34", "LAPA_11", "lapa", ...); a list of class names, background first;
    or None for n anonymous classes, background included. n: the number of classes that is expected, checked.
    pairs: left-right pairs, by id or name, for own sets; without them names pair up by their side words
    (`sides.sides_of`), and where names do not tell, `mirrors` is False: such masks cannot be flipped.
    Raises ValueError for an unknown name, a wrong count, repeated names or bad pairs.
    """
    if spec is None:
        if n is None or n < 2:
            raise ValueError(f"an own segmentation set needs its number of classes, n >= 2, but n={n} came")
        own = _own(("background", *(f"class_{i}" for i in range(1, n))), pairs)
        # With background and one class there is nothing to swap.
        return replace(own, mirrors=True) if n == 2 else own
    if isinstance(spec, str):
        key = spec.lower()
        plain = key.replace("_", "").replace("-", "")
        sets = SEGMENTATION_SETS | PART_SETS
        by_plain = {name.replace("_", ""): s for name, s in sets.items()}
        found = by_plain.get(_ALIASES.get(plain, plain).replace("_", ""))
        if found is None:
            known = ", ".join(sets)
            raise ValueError(f"unknown segmentation set {spec!r}; known: {known}; or pass a list of class names")
    elif isinstance(spec, SegmentationSet):
        found = spec
    else:
        names = tuple(str(c) for c in spec)
        if len(names) < 2:
            raise ValueError(f"an own segmentation set needs background and at least one class, but {names!r} came")
        found = _own(names, pairs)
        pairs = None
    if pairs is not None:
        raise ValueError(
            f"segmentation set {found.name!r} already has its left-right pairs, expected none: leave out pairs="
        )
    if n is not None and n != len(found):
        raise ValueError(f"segmentation set {found.name!r} has {len(found)} classes, but the labels have {n}")
    return found


def _own(names: tuple[str, ...], pairs: Iterable[tuple[int, int] | tuple[str, str]] | None) -> SegmentationSet:
    _check_names(names, "classes")
    _check_count(names)
    sides = sides_of(names, _MIDDLES)
    flip = sides.flip if pairs is None else flip_of(names, pairs)
    parts = tuple(i for i, c in enumerate(names) if i > 0 and c not in _NOT_PARTS)
    mirrors = pairs is not None or sides.told
    return SegmentationSet(f"own{len(names)}", names, colours_for(names), flip, parts, mirrors=mirrors)
