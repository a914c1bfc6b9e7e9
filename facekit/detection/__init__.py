"""Find faces in images."""

from .face_finder import Face, check_boxes, find_faces, landmark_box
from .haar import haar_faces

__all__ = [
    "Face",
    "check_boxes",
    "find_faces",
    "haar_faces",
    "landmark_box",
]
