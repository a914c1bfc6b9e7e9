"""Maps between label sets, and mirrored labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .landmarks import _EYES_68, LandmarkSet, landmark_set
from .segmentation import _SKIN_REGIONS, SegmentationSet, segmentation_set

# Points that some sets have and others only imply: the mean of these.
MEANS: dict[str, tuple[str, ...]] = {
    "left_pupil": tuple(_EYES_68[0]),
    "right_pupil": tuple(_EYES_68[1]),
    "mouth_middle": ("inner_upper", "inner_lower"),
}

# What a class is called by sets that draw it coarser, from the closest name to the widest. The first that the target
# has wins; none: 255.
_COARSER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_SKIN_REGIONS, ("skin", "skin_ears_neck", "face")),
    "skin": ("skin_ears_neck", "face"),
    **dict.fromkeys(("left_brow", "right_brow"), ("brows", "hair_and_brows")),
    "brows": ("hair_and_brows",),
    "hair": ("hair_and_brows",),
    **dict.fromkeys(("left_eye", "right_eye"), ("eyes",)),
    **dict.fromkeys(("upper_lip", "lower_lip"), ("lips", "mouth")),
    "inner_mouth": ("mouth",),
    "lips": ("mouth",),
    # Whoever draws no facial hair draws it as the skin it grows on: seen in CelebAMask-HQ's and FASSEG's masks.
    **dict.fromkeys(("beard", "moustache"), ("facial_hair", "skin", "skin_ears_neck", "face")),
    "facial_hair": ("skin", "skin_ears_neck", "face"),
    **dict.fromkeys(("left_ear", "right_ear"), ("ears", "skin_ears_neck")),
    "ears": ("skin_ears_neck",),
    "neck": ("skin_ears_neck",),
    "facewear": ("glasses",),
    "clothing": ("cloth",),
}

# What single data sets do against the rule above; a target's own rule goes first, None means 255.
_HABITS: dict[str, dict[str, str | None]] = {
    # Neck, clothes, hats and jewellery are background there. Ears are skin in some images and background in others,
    # and under glasses lie skin, brows and eyes that a class map cannot tell apart: both ignored.
    **{
        name: {
            "neck": "background",
            "cloth": "background",
            "hat": "background",
            "necklace": "background",
            "left_ear": None,
            "right_ear": None,
            "earring": None,
            "glasses": None,
            "facewear": None,
        }
        for name in ("helen11", "lapa11")
    },  # fmt: skip
    # The paper's 12th label: beards, glasses, clothing and the like are ignored.
    "synthparse11": dict.fromkeys(
        ("beard", "moustache", "facial_hair", "glasses", "facewear", "hat", "cloth", "earring", "necklace")
    ),
    # Ears, necks and beards are drawn as skin, clothes as background; nobody wears a hat; glasses are drawn now as
    # skin, now as eyes.
    "fasseg6": {
        "skin_ears_neck": "skin",
        "left_ear": "skin",
        "right_ear": "skin",
        "neck": "skin",
        "cloth": "background",
        "glasses": None,
        "facewear": None,
        "hat": None,
    },  # fmt: skip
    # FaceSynthetics' facewear are masks and the like: not glasses.
    "celebamask19": {"facewear": None},
    "facekit27": {"facewear": None},
    # Only parts of the face are drawn. Beards and moustaches are classes of their own that one word does not tell
    # apart; there is no plain skin to fall back on.
    "fsma_custom21": {
        **dict.fromkeys(("left_ear", "right_ear", "neck", "hair", "hat", "cloth", "earring", "necklace"), "background"),
        "facial_hair": None,
        "facewear": None,
    },  # fmt: skip
}


def segmentation_map(source: SegmentationSet | str, target: SegmentationSet | str) -> NDArray[np.uint8]:
    """Look-up table (256,) uint8: source id -> target id, so that `table[mask]` is the mask in the target's ids.

    By name, else by the coarser class that swallows it (nine skin regions -> skin, lips and inner mouth -> mouth, both
    eyes -> eyes, brows and hair -> FASSEG's hair_and_brows, facial hair -> skin). 255 where the target has no such
    class, where the source is coarser than the target (skin cannot become a cheek), and for 255 itself. Data sets' own
    habits (what Helen calls background, ...) are in this file's table, each with its reason. Background stays
    background: what a coarse source hides in it (LaPa's necks) stays hidden.

    Names are all that decides for "ffhq34", too, though its nose, hair, forehead and chin are only what its other parts
    leave over. A whole nose becomes its nose, with tip, wings, bridge and nostrils, which are classes of their own
    there; hair keeps the sideburns, forehead and chin what it calls frown, temple or jaw. From ffhq34 to another set
    those parts are 255, for no table says what they belong to.
    """
    a, b = segmentation_set(source), segmentation_set(target)
    table = np.full(256, 255, dtype=np.uint8)
    for i, name in enumerate(a.classes):
        found = _target_class(name, a, b)
        if found is not None:
            table[i] = b.classes.index(found)
    return table


def _target_class(name: str, source: SegmentationSet, target: SegmentationSet) -> str | None:
    if name in target.classes:
        return name
    if name == source.classes[0]:
        return target.classes[0]
    habits = _HABITS.get(target.name, {})
    if name in habits:
        return habits[name]
    for coarser in _COARSER.get(name, ()):
        if coarser in target.classes:
            return coarser
    return None


def landmark_map(source: LandmarkSet | str, target: LandmarkSet | str) -> NDArray[np.int64]:
    """Indices (K_target,) into the source's points by name, -1 where the source has no such point."""
    a, b = landmark_set(source), landmark_set(target)
    place = {name: i for i, name in enumerate(a.points)}
    return np.array([place.get(name, -1) for name in b.points], dtype=np.int64)


def convert_landmarks(
    points: NDArray[np.floating], source: LandmarkSet | str, target: LandmarkSet | str
) -> NDArray[np.floating]:
    """Points in the target's order: (..., K_source, C) -> (..., K_target, C), the same dtype.

    A point that the source lacks is the mean of those that define it where the source has all of them (pupil = mean of
    the six eye points, middle of the mouth = mean of the inner lips' middles), else NaN.
    Raises ValueError where the number of points is not the source's.
    """
    a, b = landmark_set(source), landmark_set(target)
    points = np.asarray(points)
    if not np.issubdtype(points.dtype, np.floating):
        points = points.astype(np.float32)
    if points.ndim < 2 or points.shape[-2] != len(a):
        raise ValueError(f"points of shape {points.shape} came, but set {a.name!r} needs (..., {len(a)}, 2)")
    out = np.full((*points.shape[:-2], len(b), points.shape[-1]), np.nan, dtype=points.dtype)
    place = {name: i for i, name in enumerate(a.points)}
    for j, name in enumerate(b.points):
        if name in place:
            out[..., j, :] = points[..., place[name], :]
        elif all(part in place for part in MEANS.get(name, ("",))):
            out[..., j, :] = points[..., [place[part] for part in MEANS[name]], :].mean(axis=-2)
    return out


def flip_landmarks(points: NDArray[np.floating], width: int, labels: LandmarkSet | str) -> NDArray[np.floating]:
    """Points (..., K, 2) of the image mirrored left to right; `width` in pixels. Left stays left: columns become
    width - 1 - x and the names swap sides. Raises ValueError for a set without known left-right pairs."""
    labels = landmark_set(labels)
    if not labels.mirrors:
        raise ValueError(
            f"set {labels.name!r} names no left-right pairs of points, expected some: build it with pairs="
        )
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2:] != (len(labels), 2):
        raise ValueError(f"points of shape {points.shape} came, but set {labels.name!r} needs (..., {len(labels)}, 2)")
    out = points[..., list(labels.flip), :].copy()
    out[..., 0] = (width - 1) - out[..., 0]
    return out


def flip_mask(mask: NDArray[np.integer], labels: SegmentationSet | str) -> NDArray[np.integer]:
    """The mask (..., H, W) of the image mirrored left to right, with left and right ids swapped; ids outside the set
    (255) stay. Raises ValueError for a set without known left-right pairs."""
    labels = segmentation_set(labels)
    if not labels.mirrors:
        raise ValueError(
            f"set {labels.name!r} names no left-right pairs of classes, expected some: build it with pairs="
        )
    table = np.arange(256)
    table[: len(labels)] = labels.flip
    return table.astype(mask.dtype)[mask[..., ::-1]]
