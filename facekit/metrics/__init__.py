"""Metrics by the field's protocols, on plain arrays."""

from .perceptual import LPIPS, alexnet_lpips, lpips_distance
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
    psnr,
    ssim,
)

__all__ = [
    "LPIPS",
    "LandmarkScores",
    "accuracy_by_attribute",
    "alexnet_lpips",
    "auc",
    "balanced_accuracy_by_attribute",
    "calibration_error",
    "confusion",
    "f1_by_class",
    "failure_rate",
    "iou_by_class",
    "landmark_normaliser",
    "lpips_distance",
    "nme",
    "psnr",
    "ssim",
]
