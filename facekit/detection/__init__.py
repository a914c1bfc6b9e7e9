"""Find faces in images."""

from .face import Face, check_boxes, landmark_box
from .face_finder import find_faces
from .haar import haar_faces

__all__ = [
    "Face",
    "check_boxes",
    "find_faces",
    "haar_faces",
    "landmark_box",
]
