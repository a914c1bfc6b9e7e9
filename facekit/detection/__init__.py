"""Find faces in images."""

from .face import Face, check_boxes, landmark_box
from .face_finder import DETECTORS, find_faces
from .haar import haar_faces
from .yunet import yunet_file

__all__ = [
    "DETECTORS",
    "Face",
    "check_boxes",
    "find_faces",
    "haar_faces",
    "landmark_box",
    "yunet_file",
]
