"""Named label sets: landmarks, segmentation classes, attributes; palettes, left-right pairs, maps between data sets."""

from __future__ import annotations

from facekit.labels.attributes import ATTRIBUTE_SETS, CELEBA_40, AttributeSet, attribute_set
from facekit.labels.landmarks import (
    LANDMARK_SETS,
    LANDMARKS_5,
    LANDMARKS_19,
    LANDMARKS_44,
    LANDMARKS_68,
    LANDMARKS_98,
    LANDMARKS_112,
    LandmarkSet,
    landmark_set,
)
from facekit.labels.maps import convert_landmarks, flip_landmarks, flip_mask, landmark_map, segmentation_map
from facekit.labels.segmentation import (
    CELEBAMASK_19,
    CUSTOM_FSMA,
    FACEKIT_27,
    FACESYNTHETICS_19,
    FASSEG_6,
    HELEN_11,
    LAPA_11,
    SEGMENTATION_SETS,
    SYNTHPARSE_11,
    SegmentationSet,
    colours_for,
    segmentation_set,
)

__all__ = [
    "ATTRIBUTE_SETS",
    "AttributeSet",
    "CELEBA_40",
    "CELEBAMASK_19",
    "CUSTOM_FSMA",
    "FACEKIT_27",
    "FACESYNTHETICS_19",
    "FASSEG_6",
    "HELEN_11",
    "LANDMARKS_5",
    "LANDMARKS_19",
    "LANDMARKS_44",
    "LANDMARKS_68",
    "LANDMARKS_98",
    "LANDMARKS_112",
    "LANDMARK_SETS",
    "LAPA_11",
    "LandmarkSet",
    "SEGMENTATION_SETS",
    "SYNTHPARSE_11",
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
