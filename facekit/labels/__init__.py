"""Named label sets of landmarks, segmentation classes and attributes; conversion between sets; mirrored labels."""

from __future__ import annotations

from .attributes import ATTRIBUTE_SETS, CELEBA_40, AttributeSet, attribute_set
from .class_colours import colours_for
from .landmarks import (
    LANDMARK_SETS,
    LANDMARKS_5,
    LANDMARKS_19,
    LANDMARKS_44,
    LANDMARKS_68,
    LANDMARKS_98,
    LANDMARKS_112,
    LANDMARKS_189,
    LandmarkSet,
    landmark_set,
)
from .maps import convert_landmarks, flip_landmarks, flip_mask, landmark_map, segmentation_map
from .segmentation import (
    CAR_20,
    CELEBAMASK_19,
    CUSTOM_FSMA,
    FACEKIT_27,
    FACESYNTHETICS_19,
    FASSEG_6,
    FFHQ_34,
    HELEN_11,
    IGNORE_ID,
    LAPA_11,
    PART_SETS,
    SEGMENTATION_SETS,
    SYNTHPARSE_11,
    SegmentationSet,
    segmentation_set,
)

__all__ = [
    "ATTRIBUTE_SETS",
    "CAR_20",
    "CELEBAMASK_19",
    "CELEBA_40",
    "CUSTOM_FSMA",
    "FACEKIT_27",
    "FACESYNTHETICS_19",
    "FASSEG_6",
    "FFHQ_34",
    "HELEN_11",
    "IGNORE_ID",
    "LANDMARKS_5",
    "LANDMARKS_19",
    "LANDMARKS_44",
    "LANDMARKS_68",
    "LANDMARKS_98",
    "LANDMARKS_112",
    "LANDMARKS_189",
    "LANDMARK_SETS",
    "LAPA_11",
    "PART_SETS",
    "SEGMENTATION_SETS",
    "SYNTHPARSE_11",
    "AttributeSet",
    "LandmarkSet",
    "SegmentationSet",
    "attribute_set",
    "colours_for",
    "convert_landmarks",
    "flip_landmarks",
    "flip_mask",
    "landmark_map",
    "landmark_set",
    "segmentation_map",
    "segmentation_set",
]
