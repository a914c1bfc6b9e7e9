"""Convert labels from one set to another, and mirror labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .landmark_points import EYES_68
from .landmarks import LandmarkSet, landmark_set
from .segmentation import IGNORE_ID, SKIN_REGIONS, SegmentationSet, segmentation_set

# Points that some sets have, and that are the mean of points of other sets.
MEANS: dict[str, tuple[str, ...]] = {
    "left_pupil": tuple(EYES_68[0]),
    "right_pupil": tuple(EYES_68[1]),
    "mouth_middle": ("inner_upper", "inner_lower"),
    # The London set has both sides of the nose ridge, and points beside the inner corners of the mouth. On its 76
    # neutral images, a model's 68 points are 1 to 3 % of the distance between the outer eye corners from these means.
    "nose_bridge_0": ("left_nose_ridge_0", "left_nose_ridge_1", "right_nose_ridge_0", "right_nose_ridge_1"),
    "nose_bridge_1": ("left_nose_ridge_2", "right_nose_ridge_2"),
    "nose_bridge_2": ("left_nose_ridge_3", "right_nose_ridge_3"),
    "nose_tip": ("left_nose_ridge_4", "right_nose_ridge_4"),
    "left_nose_0": ("left_nose_wing_3",),
    "left_nose_1": ("left_nose_wing_3", "nose_base"),
    "right_nose_1": ("right_nose_wing_3", "nose_base"),
    "right_nose_0": ("right_nose_wing_3",),
    "left_inner_corner": ("left_mouth_corner", "left_inner_upper_outer", "left_inner_lower_outer"),
    "right_inner_corner": ("right_mouth_corner", "right_inner_upper_outer", "right_inner_lower_outer"),
}

# Names of a class in coarser sets, from the closest to the widest. The first one that the target has is used. If it has
# none, the pixels become IGNORE_ID.
_COARSER: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SKIN_REGIONS, ("skin", "skin_ears_neck", "face")),
    "skin": ("skin_ears_neck", "face"),
    **dict.fromkeys(("left_brow", "right_brow"), ("brows", "hair_and_brows")),
    "brows": ("hair_and_brows",),
    "hair": ("hair_and_brows",),
    **dict.fromkeys(("left_eye", "right_eye"), ("eyes",)),
    **dict.fromkeys(("upper_lip", "lower_lip"), ("lips", "mouth")),
    "inner_mouth": ("mouth",),
    "lips": ("mouth",),
    # Sets without facial hair draw it as the skin below it, as the masks of CelebAMask-HQ and FASSEG show.
    **dict.fromkeys(("beard", "moustache"), ("facial_hair", "skin", "skin_ears_neck", "face")),
    "facial_hair": ("skin", "skin_ears_neck", "face"),
    **dict.fromkeys(("left_ear", "right_ear"), ("ears", "skin_ears_neck")),
    "ears": ("skin_ears_neck",),
    "neck": ("skin_ears_neck",),
    "facewear": ("glasses",),
    "clothing": ("cloth",),
}

# Helen and LaPa: neck, clothes, hats and jewellery are background. Ears and glasses are ignored: ears are skin in some
# images and background in others; behind glasses, a class map cannot separate skin, brows and eyes.
_HELEN_EXCEPTIONS: dict[str, str | None] = {
    **dict.fromkeys(("neck", "cloth", "hat", "necklace"), "background"),
    **dict.fromkeys(("left_ear", "right_ear", "earring", "glasses", "facewear")),
}
# Exceptions of single target sets, which precede the rule above. None means IGNORE_ID.
_EXCEPTIONS: dict[str, dict[str, str | None]] = {
    "helen11": _HELEN_EXCEPTIONS,
    "lapa11": _HELEN_EXCEPTIONS,
    # The paper's 12th label: beards, glasses, clothing and the like are ignored.
    "synthparse11": dict.fromkeys(
        ("beard", "moustache", "facial_hair", "glasses", "facewear", "hat", "cloth", "earring", "necklace")
    ),
    # Ears, necks and beards are drawn as skin, clothes as background. No image has a hat. Glasses are drawn as skin in
    # some images and as eyes in others.
    "fasseg6": {
        **dict.fromkeys(("skin_ears_neck", "left_ear", "right_ear", "neck"), "skin"),
        "cloth": "background",
        **dict.fromkeys(("glasses", "facewear", "hat")),
    },
    # FaceSynthetics' facewear are face masks and the like, not glasses.
    "celebamask19": {"facewear": None},
    "facekit27": {"facewear": None},
    # Only parts of the face are drawn. Beards and moustaches are two classes, which the word "facial hair" does not
    # separate, and there is no plain skin.
    "fsma_custom21": {
        **dict.fromkeys(("left_ear", "right_ear", "neck", "hair", "hat", "cloth", "earring", "necklace"), "background"),
        **dict.fromkeys(("facial_hair", "facewear")),
    },
}


def segmentation_map(source: SegmentationSet | str, target: SegmentationSet | str) -> NDArray[np.uint8]:
    """Build the look-up table that converts masks of one set to another: `table[mask]`.

    A class becomes the class of the same name, else the coarser class that contains it. Examples: nine skin regions
    become skin, lips and inner mouth become mouth, both eyes become eyes, brows and hair become FASSEG's
    hair_and_brows, facial hair becomes skin. Conventions of single data sets (e.g. what Helen calls background) precede
    this rule; the tables in this file give the reason for each.

    An id becomes 255 if the target has no such class, or if the source is coarser than the target: skin cannot become a
    cheek. The id 255 itself stays 255. Background stays background, also where a coarse source draws other things as
    background, such as the necks of LaPa.

    The names decide for "ffhq34" as well, though its nose, hair, forehead and chin are only the rest that its other
    parts do not cover. A whole nose becomes its nose, with tip, wings, bridge and nostrils, which are separate classes
    there. Hair keeps the sideburns; forehead and chin keep what it calls frown, temple or jaw. From ffhq34 to another
    set, those parts become 255, because no table defines what they belong to.

    Args:
        source: The set of the masks, or its name.
        target: The set to convert to, or its name.

    Returns:
        Target id of each source id, shape (256,), uint8.

    Raises:
        ValueError: If a name is unknown.
    """
    a, b = segmentation_set(source), segmentation_set(target)
    table = np.full(256, IGNORE_ID, dtype=np.uint8)
    for i, name in enumerate(a.classes):
        target_class = _target_class(name, a, b)
        if target_class is not None:
            table[i] = b.classes.index(target_class)
    return table


def _target_class(name: str, source: SegmentationSet, target: SegmentationSet) -> str | None:
    """Return the target's class for a class of the source, or None for IGNORE_ID."""
    if name in target.classes:
        return name
    if name == source.classes[0]:
        return target.classes[0]
    exceptions = _EXCEPTIONS.get(target.name, {})
    if name in exceptions:
        return exceptions[name]
    for coarser in _COARSER.get(name, ()):
        if coarser in target.classes:
            return coarser
    return None


def landmark_map(source: LandmarkSet | str, target: LandmarkSet | str) -> NDArray[np.int64]:
    """Find the points of one set in another, by name.

    Args:
        source: The set to search, or its name.
        target: The set whose points are searched for, or its name.

    Returns:
        Index in the source of each target point, shape (K_target,), int64. -1 if the source has no such point.

    Raises:
        ValueError: If a name is unknown.
    """
    a, b = landmark_set(source), landmark_set(target)
    indices = {name: i for i, name in enumerate(a.points)}
    return np.array([indices.get(name, -1) for name in b.points], dtype=np.int64)


def convert_landmarks(
    points: NDArray[np.floating], source: LandmarkSet | str, target: LandmarkSet | str
) -> NDArray[np.floating]:
    """Convert points of one set to another, by name.

    A point that the source lacks is the mean of other points, if these define it: a pupil is the mean of its six eye
    points, the middle of the mouth is the mean of the middles of the inner lips. Otherwise it is NaN.

    Args:
        points: Coordinates of shape (..., K_source, C).
        source: The set of the points, or its name.
        target: The set to convert to, or its name.

    Returns:
        Coordinates of shape (..., K_target, C), of the same dtype. Integers become float32.

    Raises:
        ValueError: If a name is unknown, or if the number of points is not that of the source.
    """
    a, b = landmark_set(source), landmark_set(target)
    points = np.asarray(points)
    if not np.issubdtype(points.dtype, np.floating):
        points = points.astype(np.float32)
    if points.ndim < 2 or points.shape[-2] != len(a):
        raise ValueError(_shape_message(points, a))
    out = np.full((*points.shape[:-2], len(b), points.shape[-1]), np.nan, dtype=points.dtype)
    indices = {name: i for i, name in enumerate(a.points)}
    for j, name in enumerate(b.points):
        if name in indices:
            out[..., j, :] = points[..., indices[name], :]
        elif all(part in indices for part in MEANS.get(name, ("",))):
            out[..., j, :] = points[..., [indices[part] for part in MEANS[name]], :].mean(axis=-2)
    return out


def flip_landmarks(points: NDArray[np.floating], width: int, labels: LandmarkSet | str) -> NDArray[np.floating]:
    """Mirror points left to right, as `image[:, ::-1]` mirrors the image.

    Columns become width - 1 - x, and the points of each left-right pair are swapped. So the left eye stays the one on
    the left of the image.

    Args:
        points: Coordinates x, y in pixels of shape (..., K, 2).
        width: Width of the image in pixels.
        labels: The set of the points, or its name.

    Returns:
        Coordinates of the same shape.

    Raises:
        ValueError: If the left-right pairs of the set are unknown, or if the shape is another one.
    """
    labels = landmark_set(labels)
    if not labels.mirrors:
        raise ValueError(f"set {labels.name!r} has no left-right pairs of points, expected some; build it with pairs=")
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2:] != (len(labels), 2):
        raise ValueError(_shape_message(points, labels))
    out = points[..., list(labels.flip), :].copy()
    out[..., 0] = (width - 1) - out[..., 0]
    return out


def flip_mask(mask: NDArray[np.integer], labels: SegmentationSet | str) -> NDArray[np.integer]:
    """Mirror a mask left to right, as `image[:, ::-1]` mirrors the image, and swap left and right ids.

    Args:
        mask: Ids of shape (..., H, W). Ids outside the set, such as 255, stay.
        labels: The set of the mask, or its name.

    Returns:
        Ids of the same shape and dtype.

    Raises:
        ValueError: If the left-right pairs of the set are unknown.
    """
    labels = segmentation_set(labels)
    if not labels.mirrors:
        raise ValueError(f"set {labels.name!r} has no left-right pairs of classes, expected some; build it with pairs=")
    table = np.arange(256)
    table[: len(labels)] = labels.flip
    return table.astype(mask.dtype)[mask[..., ::-1]]


def _shape_message(points: NDArray, labels: LandmarkSet) -> str:
    expected = f"expected points of shape (..., {len(labels)}, 2) for set {labels.name!r}"
    return f"{expected}, got {points.shape}; pass all points of the set"
