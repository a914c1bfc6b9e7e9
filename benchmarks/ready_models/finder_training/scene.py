"""An image under construction: cut-outs are pasted, and the labels follow."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

# A face is learned if its box has at least this side, if this part of the box is inside the image and this part is
# not covered; else nothing is learned at its place.
LEAST_SIDE = 11.0
LEAST_INSIDE = 0.5
MOST_COVERED = 0.4
_SWAPPED = (1, 0, 2, 4, 3)


@dataclass(frozen=True)
class Cutout:
    """A labelled face with its image.

    Attributes:
        image: (H,W,3) uint8 RGB.
        face: (14,): centre x and y, width and height of the box in its own frame, five points x and y, pixels.
        roll: Roll of the face, degrees.
        head: (H,W) bool, where the person is, or None.
    """

    image: np.ndarray
    face: np.ndarray
    roll: float
    head: np.ndarray | None = None

    def mirrored(self) -> Cutout:
        """Return the mirror image."""
        last = self.image.shape[1] - 1
        points = self.face[4:].reshape(5, 2)[list(_SWAPPED)] * (-1, 1) + (last, 0)
        face = np.concatenate([[last - self.face[0]], self.face[1:4], points.ravel()])
        head = None if self.head is None else np.ascontiguousarray(self.head[:, ::-1])
        return Cutout(np.ascontiguousarray(self.image[:, ::-1]), face, -self.roll, head)


@dataclass
class Scene:
    """A square image and its faces.

    Attributes:
        image: (S,S,3) uint8 RGB.
        faces: Rows (14,) of pasted faces.
        ignored: (centre x, centre y, width, height) of places where nothing is learned.
        covered: Part of each face that later cut-outs cover.
    """

    image: np.ndarray
    faces: list[np.ndarray] = field(default_factory=list)
    ignored: list[tuple[float, float, float, float]] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Side of the image."""
        return int(self.image.shape[0])

    def paste_face(
        self, cutout: Cutout, mask: np.ndarray, centre: tuple[float, float], height: float, roll: float
    ) -> None:
        """Paste a face.

        Args:
            cutout: The face.
            mask: (H,W) float32 in [0, 1], what of its image is pasted.
            centre: Where the box's centre comes to lie, pixels.
            height: Height of the box there, pixels.
            roll: The face's roll there, degrees.
        """
        scale, turn = height / cutout.face[3], math.radians(roll - cutout.roll)
        c, s = scale * math.cos(turn), scale * math.sin(turn)
        linear = np.array([[c, -s], [s, c]])
        matrix = np.column_stack([linear, np.asarray(centre) - linear @ cutout.face[:2]])
        self.paste(cutout.image, mask, matrix)
        points = cutout.face[4:].reshape(5, 2) @ linear.T + matrix[:, 2]
        self.faces.append(np.concatenate([centre, cutout.face[2:4] * scale, points.ravel()]))
        self.covered.append(0.0)

    def paste(self, image: np.ndarray, mask: np.ndarray, matrix: np.ndarray) -> None:
        """Paste an image.

        Args:
            image: (H,W,3) uint8.
            mask: (H,W) float32 in [0, 1].
            matrix: (2,3) similarity from the image to the scene.
        """
        scale = math.hypot(matrix[0, 0], matrix[1, 0])
        if scale < 0.7:
            small = (max(2, round(image.shape[1] * scale * 1.2)), max(2, round(image.shape[0] * scale * 1.2)))
            fx, fy = image.shape[1] / small[0], image.shape[0] / small[1]
            image, mask = (cv2.resize(x, small, interpolation=cv2.INTER_AREA) for x in (image, mask))
            matrix = matrix @ np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]])
        h, w = image.shape[:2]
        corners = np.array([[0, 0], [w - 1, 0], [0, h - 1], [w - 1, h - 1]]) @ matrix[:, :2].T + matrix[:, 2]
        x0, y0 = np.clip(np.floor(corners.min(0)).astype(int), 0, self.size)
        x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, self.size)
        if x1 <= x0 or y1 <= y0:
            return
        local = matrix - np.array([[0, 0, x0], [0, 0, y0]])
        box = (int(x1 - x0), int(y1 - y0))
        pasted = cv2.warpAffine(image, local, box, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(mask, local, box, flags=cv2.INTER_LINEAR)
        region = self.image[y0:y1, x0:x1]
        region[:] = np.rint(region + (pasted.astype(np.float32) - region) * alpha[..., None])
        for i, face in enumerate(self.faces):
            fx0, fy0 = np.maximum(np.floor(face[:2] - face[2:4] / 2).astype(int) - (x0, y0), 0)
            fx1, fy1 = np.ceil(face[:2] + face[2:4] / 2).astype(int) - (x0, y0)
            if fx1 > fx0 and fy1 > fy0:
                self.covered[i] += float(alpha[fy0:fy1, fx0:fx1].sum()) / float(face[2] * face[3])

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the faces (F,14) that are learned, and the places (I,4) where nothing is."""
        learned, ignored = [], list(self.ignored)
        for face, covered in zip(self.faces, self.covered, strict=True):
            (x, y), (w, h) = face[:2], face[2:4]
            wide = max(0.0, min(x + w / 2, self.size) - max(x - w / 2, 0)) / w
            high = max(0.0, min(y + h / 2, self.size) - max(y - h / 2, 0)) / h
            points = face[4:].reshape(5, 2)
            shown = ((points > 0) & (points < self.size - 1)).all(1).sum()
            middle = 0 <= x < self.size and 0 <= y < self.size
            if (
                math.sqrt(w * h) >= LEAST_SIDE
                and wide * high >= LEAST_INSIDE
                and shown >= 3
                and middle
                and covered <= MOST_COVERED
            ):
                learned.append(face)
            elif wide * high > 0 and covered < 0.9:
                ignored.append((x, y, w, h))
        return np.array(learned).reshape(-1, 14), np.array(ignored).reshape(-1, 4)

    def turned(self, quarters: int) -> Scene:
        """Return the scene turned counter-clockwise by quarters of a circle."""
        last, faces, ignored = self.size - 1, [f.copy() for f in self.faces], list(self.ignored)
        for _ in range(quarters % 4):
            for face in faces:
                places = np.concatenate([face[:2], face[4:]]).reshape(-1, 2)
                places = np.column_stack([places[:, 1], last - places[:, 0]])
                face[:2], face[4:] = places[0], places[1:].ravel()
            ignored = [(y, last - x, h, w) for x, y, w, h in ignored]
        image = np.ascontiguousarray(np.rot90(self.image, quarters % 4))
        return Scene(image, faces, ignored, list(self.covered))
