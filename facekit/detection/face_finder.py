"""Face finder: OpenCV's Haar cascades vote, so that it works offline, at once, and without another network.

Single cascades either miss faces or see them in curtains. Here the raw windows of four detectors (two frontal ones, the
profile one and its mirror image) are pooled; what several of them see is a face. Haar cascades are old: for faces in
strong profile, upside down or half hidden pass `faces=` from a detector of your choice.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry.affine import crop_matrix, invert, transform_points, warp_image

Boxes = NDArray[np.float64]

# The image's longest side while searching, and the smallest window sought in it: by default faces below 24/640 of the
# longest side stay unseen; `min_size` raises the side up to the limit.
_WORK_SIDE = 640
_WORK_LIMIT = 1600
_WINDOW = 24
_SCALE_STEP = 1.1
_OVERLAP = 0.4

# (cascade, mirrored, sideways shift of the face's middle in windows): the profile cascade frames the back of the head
# too. Shifts are medians over the windows that hit a face in 300w (300 crops), dlib_faces and facesynthetics.
_VOTERS = (
    ("frontalface_alt2", False, 0.0),
    ("frontalface_default", False, 0.0),
    ("profileface", False, -0.11),
    ("profileface", True, 0.11),
)
# Score = logistic(weights . log(1 + windows) + eyes + bias) over alt2, default and the stronger profile; eyes where
# both are seen. Fitted by logistic regression to merged windows of 500 crops of 300w, 80 of fasseg, 100 of celebahq128,
# facesynthetics, dlib_faces and 16 images of scikit-image, labelled by whether a face is there; only windows that an
# earlier fit without eyes gave 0.2 or more took part. The thresholds below were chosen on the same images, so the
# figures that count are those on others: 395 of 400 further crops of 300w with 2 false faces, 145 of 150 of celebahq128
# with none, 87 of 122 of fasseg (yaw up to 90 degrees, the same few people) with 1.
_WEIGHTS = np.array([1.45, 0.6, 2.51])
_EYES = 4.36
_BIAS = -4.61
# Eyes alone make no face: with fewer votes (weighted, bias included) grass and printed pages pass.
_FEWEST_VOTES = -1.8
_MIN_SCORE = 0.7
_SECOND_SCORE = 0.8  # the best is likely to be a face; a further one has to be surer
# Where nothing reaches that, upright or turned, one face is likelier than none: users send images of faces.
_LAST_RESORT = 0.4
# Faces sought in the turned image are seldom small, and the small windows cost most of the time.
_TURNS = (30.0, -30.0)
_TURNED_WINDOW = 36

# Medians over 366 faces of the same sets: window of this file -> 1.6 x landmark box square (geometry.box_of_points).
_FRAME_SCALE = 1.43
_FRAME_DROP = 0.063

_local = threading.local()


@dataclass(frozen=True)
class Face:
    """A face in an image.

    box: (x0, y0, x1, y1) in pixels, (0, 0) the centre of the top-left pixel. roll: degrees, positive = clockwise in the
    image; the box is meant turned by it about its centre, as `geometry.crop_matrix(box, size, roll)` does.
    score: in [0, 1].
    """

    box: tuple[float, float, float, float]
    roll: float = 0.0
    score: float = 1.0

    def __post_init__(self) -> None:
        box = tuple(float(v) for v in self.box)
        if len(box) != 4 or not all(map(math.isfinite, (*box, self.roll))) or box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(f"box {box} with roll {self.roll} is no face: pass finite x0 < x1 and y0 < y1")
        object.__setattr__(self, "box", box)


def find_faces(image: NDArray[np.uint8], min_size: float | None = None) -> list[Face]:
    """The faces in an RGB image (H,W,3) uint8, best first; an empty list where there is none.

    min_size: side in pixels of the smallest face wanted; None is 1/27 of the longest side. Smaller takes longer.
    Rolled faces are sought at +-30 degrees where no upright one is found. Raises ValueError for anything but such an
    array.
    """
    check_rgb(image, "find_faces")
    if min_size is not None and not (math.isfinite(min_size) and min_size > 0):
        raise ValueError(f"min_size={min_size} came: pass the smallest face's side in pixels, above 0")
    gray, scale = working_copy(image, min_size)
    smallest = _WINDOW if min_size is None else max(_WINDOW, round(min_size * scale))
    upright = _search(gray, smallest)
    faces = _sure(upright)
    faces = faces or _search_turned(gray, smallest) or upright[:1]
    back = invert(crop_matrix((-0.5, -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5), gray.shape))
    return [Face(moved_box(face.box, back), face.roll, face.score) for face in faces]


def check_rgb(image: Any, name: str) -> None:
    """Raises ValueError, in the name of a function, for anything but (H,W,3) uint8."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        came = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{came} came: {name} takes RGB (H,W,3) uint8; facekit.images.load_image makes it")


def landmark_box(face: Face) -> tuple[float, float, float, float]:
    """The square that models are trained on (1.6 x the landmarks' box, as in 300-W's crops), from a face's box.

    To be turned by `face.roll` about its own centre, like the face's box.
    """
    x0, y0, x1, y1 = face.box
    side = math.sqrt((x1 - x0) * (y1 - y0))
    # Below the box's middle as the face sees it: the drop turns with the face.
    drop, roll = _FRAME_DROP * side, math.radians(face.roll)
    cx, cy = (x0 + x1) / 2 - drop * math.sin(roll), (y0 + y1) / 2 + drop * math.cos(roll)
    half = _FRAME_SCALE * side / 2
    return (cx - half, cy - half, cx + half, cy + half)


def check_boxes(faces: Any, size: tuple[int, int]) -> list[Face]:
    """The user's own `faces=` as a list of Face.

    faces: a Face, a box (x0, y0, x1, y1), or a list or (N,4) array of these. size: (height, width) of the image.
    Raises ValueError for boxes without area, in another format, or outside the image.
    """
    if isinstance(faces, Face):
        faces = [faces]
    elif not isinstance(faces, (Sequence, np.ndarray)) or isinstance(faces, str):
        raise ValueError(f"faces={faces!r} came: pass a list of boxes (x0, y0, x1, y1) or of facekit.detection.Face")
    elif len(faces) == 4 and all(np.ndim(v) == 0 and not isinstance(v, (Face, str)) for v in faces):
        faces = [faces]
    checked = [_checked(face, i, size) for i, face in enumerate(faces)]
    return checked


def _checked(face: Any, i: int, size: tuple[int, int]) -> Face:
    height, width = size
    if not isinstance(face, Face):
        try:
            box = np.asarray(face, dtype=np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"face {i} is {face!r}: pass four numbers (x0, y0, x1, y1) or a Face") from None
        if box.shape != (4,):
            raise ValueError(f"face {i} has shape {box.shape}: pass four numbers (x0, y0, x1, y1) or a Face")
        x0, y0, x1, y1 = (float(v) for v in box)
        if not np.isfinite(box).all() or x0 >= x1 or y0 >= y1:
            hint = "; boxes are corners, not (x, y, width, height)" if np.isfinite(box).all() else ""
            raise ValueError(f"face {i} is the box ({x0:g}, {y0:g}, {x1:g}, {y1:g}): x0 < x1 and y0 < y1 needed{hint}")
        face = Face((x0, y0, x1, y1))
    x0, y0, x1, y1 = face.box
    if x1 <= -0.5 or y1 <= -0.5 or x0 >= width - 0.5 or y0 >= height - 0.5:
        raise ValueError(
            f"face {i} is the box ({x0:g}, {y0:g}, {x1:g}, {y1:g}), outside the image of {width} x {height} pixels: "
            "boxes count in the pixels of the image that came in"
        )
    return face


def working_copy(image: NDArray[np.uint8], min_size: float | None) -> tuple[NDArray[np.uint8], float]:
    longest = max(image.shape[:2])
    side = _WORK_SIDE if min_size is None else min(_WORK_LIMIT, max(_WORK_SIDE, longest * _WINDOW / min_size))
    # Enlarging more than twice only shows the pixels' squares.
    scale = min(side / longest, 2.0)
    h, w = max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale))
    gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (w, h), interpolation=how), dtype=np.uint8), scale


def haar_cascade(name: str) -> cv2.CascadeClassifier:
    # A CascadeClassifier keeps its working memory inside itself: one per thread.
    loaded: dict[str, cv2.CascadeClassifier] = _local.__dict__.setdefault("cascades", {})
    if name not in loaded:
        folder = getattr(getattr(cv2, "data", None), "haarcascades", None)
        path = Path(folder or "") / f"haarcascade_{name}.xml"
        if folder is None or not path.is_file():
            raise RuntimeError(
                f"OpenCV {cv2.__version__} came without its Haar cascades ({path.name}): install "
                "'opencv-python-headless>=4.10,<5', or pass faces= with your own boxes"
            )
        loaded[name] = cv2.CascadeClassifier(str(path))
    return loaded[name]


def _windows(gray: NDArray[np.uint8], name: str, mirrored: bool, smallest: int) -> Boxes:
    if min(gray.shape) < smallest:
        return np.zeros((0, 4))
    seen = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
    found = haar_cascade(name).detectMultiScale(
        seen, scaleFactor=_SCALE_STEP, minNeighbors=0, minSize=(smallest, smallest)
    )
    boxes = np.asarray(found, dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    if mirrored:
        boxes[:, [0, 2]] = gray.shape[1] - boxes[:, [2, 0]]
    return boxes - 0.5


def _search(gray: NDArray[np.uint8], smallest: int, roll: float = 0.0) -> list[Face]:
    """Faces in the working copy that score at least _LAST_RESORT, best first; `roll` is how far the copy was turned."""
    boxes, counts = _merged(gray, smallest)
    votes = np.log1p(np.column_stack([counts[:, :2], counts[:, 2:].max(1)])) @ _WEIGHTS + _BIAS
    seen: list[Face] = []
    for box, vote in zip(boxes, votes, strict=True):
        if vote < _FEWEST_VOTES:
            continue
        lean = eye_roll(gray, box)
        score = _logistic(vote if lean is None else vote + _EYES)
        if score >= _LAST_RESORT:
            x0, y0, x1, y1 = (float(v) for v in box)
            seen.append(Face((x0, y0, x1, y1), roll + (lean or 0.0), score))
    found: list[Face] = []
    for face in sorted(seen, key=lambda face: -face.score):
        # A box whose middle lies in a better one, or the other way round, is a second look at the same face.
        if not any(holds_middle(other.box, face.box) or holds_middle(face.box, other.box) for other in found):
            found.append(face)
    return found


def _sure(faces: list[Face]) -> list[Face]:
    return [f for i, f in enumerate(faces) if f.score >= (_SECOND_SCORE if i else _MIN_SCORE)]


def _merged(gray: NDArray[np.uint8], smallest: int) -> tuple[Boxes, Boxes]:
    """Windows that overlap become one: mean boxes (M,4) and how many windows of each voter (M,4) are in each."""
    found, voters = [], []
    for voter, (name, mirrored, shift) in enumerate(_VOTERS):
        windows = _windows(gray, name, mirrored, smallest)
        windows[:, [0, 2]] += shift * (windows[:, 2:3] - windows[:, 0:1])
        found.append(windows)
        voters.append(np.full(len(windows), voter))
    boxes, voter_of = np.concatenate(found), np.concatenate(voters)
    overlaps = _overlaps(boxes) > _OVERLAP
    left = np.ones(len(boxes), dtype=bool)
    means, counts = [], []
    while left.any():
        # The window that most others overlap gathers them; then the next among those that are left.
        centre = int(np.where(left, (overlaps & left).sum(1), -1).argmax())
        group = overlaps[centre] & left
        means.append(boxes[group].mean(0))
        counts.append(np.bincount(voter_of[group], minlength=len(_VOTERS)))
        left &= ~group
    return np.array(means).reshape(-1, 4), np.array(counts, dtype=np.float64).reshape(-1, len(_VOTERS))


def _logistic(z: float) -> float:
    return float(1 / (1 + math.exp(-z)))


def _overlaps(boxes: Boxes) -> Boxes:
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return np.asarray(both / (area[:, None] + area[None, :] - both))


def holds_middle(outer: Sequence[float], inner: Sequence[float]) -> bool:
    x, y = (inner[0] + inner[2]) / 2, (inner[1] + inner[3]) / 2
    return outer[0] < x < outer[2] and outer[1] < y < outer[3]


def _search_turned(gray: NDArray[np.uint8], smallest: int) -> list[Face]:
    """Faces that stand upright once the image is turned; the turn with the best score wins."""
    h, w = gray.shape
    best: list[Face] = []
    for roll in _TURNS:
        c, s = abs(math.cos(math.radians(roll))), abs(math.sin(math.radians(roll)))
        size = (math.ceil(h * c + w * s), math.ceil(w * c + h * s))
        cx, cy = (w - 1) / 2, (h - 1) / 2
        matrix = crop_matrix((cx - size[1] / 2, cy - size[0] / 2, cx + size[1] / 2, cy + size[0] / 2), size, roll)
        turned = warp_image(gray, matrix, size, border="replicate")
        back = invert(matrix)
        found = _sure(_search(turned, max(smallest, _TURNED_WINDOW), roll))
        faces = [Face(moved_box(f.box, back), f.roll, f.score) for f in found]
        if faces and (not best or faces[0].score > best[0].score):
            best = faces
    return best


def eye_roll(gray: NDArray[np.uint8], box: Boxes) -> float | None:
    """Degrees, clockwise positive, from one eye to the other; None where not both are seen where eyes can be."""
    side = box[2] - box[0]
    size = (60, 120)
    matrix = crop_matrix((box[0], box[1] + 0.15 * side, box[2], box[1] + 0.65 * side), size)
    upper = warp_image(gray, matrix, size, border="replicate")
    found = haar_cascade("eye").detectMultiScale(
        upper, scaleFactor=1.1, minNeighbors=3, minSize=(18, 18), maxSize=(48, 48)
    )
    eyes = np.asarray(found, dtype=np.float64).reshape(-1, 4)
    centres = eyes[:, :2] + eyes[:, 2:] / 2
    best, lean = 30.0, None
    for left in centres:
        for right in centres:
            dx, dy = right - left
            # Eyes are .3 to .6 of a Haar box apart, either side of its middle, at two fifths of its height.
            if not 36 <= dx <= 72 or abs(dy) > 0.6 * dx or not left[0] < 60 < right[0]:
                continue
            misfit = abs(dx - 48) + abs((left[0] + right[0]) / 2 - 60) + abs((left[1] + right[1]) / 2 - 29)
            if misfit < best:
                best, lean = misfit, math.degrees(math.atan2(dy, dx))
    return lean


def moved_box(box: ArrayLike, matrix: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """The box through a similarity, upright in the new frame: centre mapped, sides scaled."""
    x0, y0, x1, y1 = (float(v) for v in np.asarray(box))
    cx, cy = transform_points([(x0 + x1) / 2, (y0 + y1) / 2], matrix)
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:2, :2]))))
    half_w, half_h = (x1 - x0) * scale / 2, (y1 - y0) * scale / 2
    return (float(cx) - half_w, float(cy) - half_h, float(cx) + half_w, float(cy) + half_h)
