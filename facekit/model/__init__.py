"""Trained models: predict, evaluate, save, load."""

from .face_frames import find_frames
from .model import READY, Model, load, ready_model, resolve_model
from .model_reader import find_backbone
from .portraits import CROPPER

__all__ = ["CROPPER", "READY", "Model", "find_backbone", "find_frames", "load", "ready_model", "resolve_model"]
