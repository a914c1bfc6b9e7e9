"""Metrics by the field's protocols, on plain arrays."""

from .class_means import all_classes_iou, foreground_f1
from .face_boxes import box_normaliser
from .image_f1 import image_f1_by_class, mean_image_f1
from .paired_differences import PairedDifference, paired_difference
from .part_groups import HELEN_GROUPS, f1_by_group, merged_f1
from .perceptual import LPIPS, alexnet_lpips, lpips_distance
from .point_groups import point_groups
from .scores import (
    LandmarkScores,
    accuracy_by_attribute,
    auc,
    balanced_accuracy_by_attribute,
    calibration_error,
    confusion,
    f1_by_class,
    failure_rate,
    iou_by_class,
    landmark_normaliser,
    nme,
    point_error,
    psnr,
    ssim,
)

__all__ = [
    "HELEN_GROUPS",
    "LPIPS",
    "LandmarkScores",
    "PairedDifference",
    "accuracy_by_attribute",
    "alexnet_lpips",
    "all_classes_iou",
    "auc",
    "balanced_accuracy_by_attribute",
    "box_normaliser",
    "calibration_error",
    "confusion",
    "f1_by_class",
    "f1_by_group",
    "failure_rate",
    "foreground_f1",
    "image_f1_by_class",
    "iou_by_class",
    "landmark_normaliser",
    "lpips_distance",
    "mean_image_f1",
    "merged_f1",
    "nme",
    "paired_difference",
    "point_error",
    "point_groups",
    "psnr",
    "ssim",
]
