"""Training images of the face finder: faces of any size on backgrounds, whole photos, and images without faces."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np

from .backgrounds import Backgrounds
from .camera_effects import camera, recoloured
from .faces import FaceGroup, face_of_points
from .scene import Cutout, Scene

# How often each source is drawn.
SHARES = {
    "celebahq": 0.16,
    "lfw": 0.2,
    "lfw_parts": 0.1,
    "utkface": 0.2,
    "300w": 0.15,
    "generated": 0.13,
    "rendered": 0.02,
    "celebamask": 0.04,
}
# Sources that show more than the face, for whole photos.
_WHOLE = ("lfw_parts", "lfw", "celebahq", "300w", "utkface", "celebamask", "rendered")
# Kinds of images and how often they are made.
_KINDS = {"crowd": 0.42, "portrait": 0.3, "grid": 0.14, "faceless": 0.14}


class Mosaics:
    """Makes training images. Image ``i`` depends on the seed and ``i`` only.

    Args:
        groups: The faces by source.
        backgrounds: Images without faces.
        size: Side of the images, pixels.
        seed: Seed of all draws.
    """

    def __init__(self, groups: Mapping[str, FaceGroup], backgrounds: Backgrounds, size: int, seed: int = 0) -> None:
        self._groups = dict(groups)
        self._labels = {name: [face_of_points(p) for p in group.points] for name, group in groups.items()}
        self._backgrounds = backgrounds
        self._size, self._seed = size, seed
        self._names = [name for name in SHARES if name in groups]
        self._shares = _normalised([SHARES[name] for name in self._names])
        self._whole = [name for name in _WHOLE if name in groups]
        self._whole_shares = _normalised([SHARES[name] for name in self._whole])

    def scene(self, index: int) -> Scene:
        """Return one training image with its faces."""
        rng = np.random.default_rng((self._seed, index))
        kind = rng.choice(list(_KINDS), p=list(_KINDS.values()))
        scene = getattr(self, f"_{kind}")(rng)
        if rng.random() < 0.15:
            self._cover(scene, rng)
        if rng.random() < 0.12:
            scene = scene.turned(int(rng.integers(1, 4)))
        scene.image = camera(scene.image, rng)
        return scene

    def _cutout(self, rng: np.random.Generator, whole: bool = False) -> Cutout:
        """Draw a face."""
        if whole:
            name = self._whole[rng.choice(len(self._whole), p=self._whole_shares)]
        else:
            name = self._names[rng.choice(len(self._names), p=self._shares)]
        group = self._groups[name]
        k = int(rng.integers(len(group)))
        head = None if group.heads is None else group.heads[k]
        cutout = Cutout(group.images[k], *self._labels[name][k], head)
        return cutout.mirrored() if rng.random() < 0.5 else cutout

    def _crowd(self, rng: np.random.Generator) -> Scene:
        """Paste faces of about one size, or of any, on a background."""
        scene = Scene(self._backgrounds.draw(rng, self._size))
        for _ in range(int(rng.integers(0, 5))):
            self._paste_part(scene, rng)
        count = int(rng.integers(1, 4)) if rng.random() < 0.35 else int(rng.integers(5, 22))
        low, high = 13.0, 130.0
        if rng.random() < 0.6:
            middle = float(np.exp(rng.uniform(np.log(14), np.log(70))))
            low, high = max(13.0, middle / 1.5), middle * 1.5
        heights = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), count)))
        for height in heights:
            place = self._free_place(scene, rng, height)
            if place is not None:
                cutout = self._cutout(rng)
                cutout = Cutout(recoloured(cutout.image, rng), cutout.face, cutout.roll, cutout.head)
                scene.paste_face(cutout, _mask(cutout, rng), place, height, cutout.roll + _roll(rng))
        return scene

    def _free_place(self, scene: Scene, rng: np.random.Generator, height: float) -> tuple[float, float] | None:
        """Return a centre where a face hides few of the others, or None."""
        for _ in range(6):
            x, y = rng.uniform(-0.05 * height, self._size + 0.05 * height, 2)
            gap = rng.uniform(0.6, 1.2)
            if all(max(abs(f[0] - x), abs(f[1] - y)) > gap * (height + f[3]) / 2 for f in scene.faces):
                return float(x), float(y)
        return None

    def _portrait(self, rng: np.random.Generator) -> Scene:
        """Show one whole photo, at times so near that forehead and chin are cut off."""
        cutout = self._cutout(rng, whole=True)
        scene = Scene(self._border(rng, cutout.image))
        if rng.random() < 0.3:
            for _ in range(int(rng.integers(1, 5))):
                self._paste_part(scene, rng)
        height = float(np.exp(rng.uniform(np.log(70), np.log(300))))
        free = self._size / 2
        spread = max(0.12 * height, free - 0.45 * height)
        x, y = free + rng.uniform(-spread, spread, 2)
        mask = np.ones(cutout.image.shape[:2], np.float32)
        scene.paste_face(cutout, mask, (float(x), float(y)), height, cutout.roll + _roll(rng))
        return scene

    def _border(self, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Return what lies around a photo: one grey, the photo's own blurred copy, or a background."""
        kind = rng.random()
        if kind < 0.4:
            grey = int(rng.choice((0, 114, 124, 128, 255, rng.integers(256))))
            return np.full((self._size, self._size, 3), grey, np.uint8)
        if kind < 0.55:
            tiny = cv2.resize(image, (5, 5), interpolation=cv2.INTER_AREA)
            return np.asarray(cv2.resize(tiny, (self._size, self._size), interpolation=cv2.INTER_CUBIC))
        return self._backgrounds.draw(rng, self._size)

    def _grid(self, rng: np.random.Generator) -> Scene:
        """Show whole photos side by side."""
        scene = Scene(self._backgrounds.draw(rng, self._size))
        cells = int(rng.integers(2, 5))
        side = self._size / cells
        for row in range(cells):
            for column in range(cells):
                if rng.random() < 0.2:
                    continue
                cutout = self._cutout(rng, whole=True)
                part = side * rng.uniform(0.85, 1.6) / cutout.image.shape[0]
                centre = (side * (column + rng.uniform(0.35, 0.65)), side * (row + rng.uniform(0.35, 0.65)))
                mask = np.ones(cutout.image.shape[:2], np.float32)
                roll = cutout.roll + (0.0 if rng.random() < 0.6 else _roll(rng))
                scene.paste_face(cutout, mask, centre, part * cutout.face[3], roll)
        return scene

    def _faceless(self, rng: np.random.Generator) -> Scene:
        """Show a background with parts of other images, cut out as faces are."""
        scene = Scene(self._backgrounds.draw(rng, self._size))
        for _ in range(int(rng.integers(0, 14))):
            self._paste_part(scene, rng)
        return scene

    def _paste_part(self, scene: Scene, rng: np.random.Generator) -> None:
        """Paste a part of a background, or hair, clothes and hands of a photo."""
        if rng.random() < 0.5:
            side = int(rng.integers(24, 96))
            part = self._backgrounds.photo(rng, int(side * rng.uniform(0.8, 1.5)), side)
        else:
            cutout = self._cutout(rng, whole=True)
            part = _faceless_part(cutout, rng)
            if part is None:
                return
        h, w = part.shape[:2]
        mask = np.ones((h, w), np.float32)
        if rng.random() < 0.5:
            mask = _ellipse(h, w, (w / 2, h / 2), (0.48 * w, 0.48 * h), 0.0, rng.uniform(0, 0.15) * w)
        scale, turn = np.exp(rng.uniform(np.log(15), np.log(140))) / w, np.radians(_roll(rng))
        c, s = scale * np.cos(turn), scale * np.sin(turn)
        linear = np.array([[c, -s], [s, c]])
        centre = rng.uniform(0, scene.size, 2)
        scene.paste(recoloured(part, rng), mask, np.column_stack([linear, centre - linear @ (w / 2, h / 2)]))

    def _cover(self, scene: Scene, rng: np.random.Generator) -> None:
        """Cover parts of faces, such as mouths, by pieces of backgrounds."""
        for face in scene.faces:
            if rng.random() < 0.5:
                w, h = face[2] * rng.uniform(0.3, 1.1), face[3] * rng.uniform(0.15, 0.45)
                part = self._backgrounds.photo(rng, max(2, int(h)), max(2, int(w)))
                low = np.array([face[0] - w / 2, face[1] - h / 2]) + rng.uniform(-0.4, 0.4, 2) * face[2:4]
                scene.paste(part, np.ones(part.shape[:2], np.float32), np.column_stack([np.eye(2), low]))


def _roll(rng: np.random.Generator) -> float:
    """Draw a roll in degrees that is added to a face's own: mostly small, at times any."""
    kind = rng.random()
    if kind < 0.7:
        return float(rng.normal(0, 12))
    return float(rng.uniform(-45, 45) if kind < 0.88 else rng.uniform(-180, 180))


def _mask(cutout: Cutout, rng: np.random.Generator) -> np.ndarray:
    """Return what is pasted of a face: the head, an ellipse around the face, a rectangle, or the whole image."""
    h, w = cutout.image.shape[:2]
    if cutout.head is not None and rng.random() < 0.6:
        return cv2.GaussianBlur(cutout.head.astype(np.float32), (0, 0), float(rng.uniform(0.5, 2.0)))
    kind = rng.random()
    if kind < 0.3:
        axes = (cutout.face[2] / 2 * rng.uniform(1.05, 1.7), cutout.face[3] / 2 * rng.uniform(1.05, 1.5))
        soft = rng.uniform(0, 0.2) * cutout.face[2]
        return _ellipse(h, w, tuple(cutout.face[:2]), axes, cutout.roll, soft)
    mask = np.zeros((h, w), np.float32)
    if kind < 0.75:
        low = cutout.face[:2] - cutout.face[2:4] * rng.uniform(0.5, 1.1, 2)
        high = cutout.face[:2] + cutout.face[2:4] * rng.uniform(0.5, 1.3, 2)
        x0, y0 = np.maximum(np.rint(low), 0).astype(int)
        x1, y1 = np.maximum(np.rint(high), 0).astype(int)
        mask[y0:y1, x0:x1] = 1
    else:
        mask[:] = 1
    if rng.random() < 0.4:
        mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
        mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.5, 0.06 * w)))
    return mask


def _ellipse(
    h: int, w: int, centre: tuple[float, float], axes: tuple[float, float], roll: float, soft: float
) -> np.ndarray:
    """Return the mask (h,w) of an ellipse with a soft edge."""
    mask = np.zeros((h, w), np.float32)
    cv2.ellipse(mask, (tuple(float(v) for v in centre), (2 * axes[0], 2 * axes[1]), roll), 1.0, -1)
    return cv2.GaussianBlur(mask, (0, 0), soft) if soft > 0.3 else mask


def _faceless_part(cutout: Cutout, rng: np.random.Generator) -> np.ndarray | None:
    """Return a part of a photo beside its face, or None if none was found."""
    h, w = cutout.image.shape[:2]
    x0, y0 = cutout.face[:2] - cutout.face[2:4] / 2
    x1, y1 = cutout.face[:2] + cutout.face[2:4] / 2
    for _ in range(8):
        side = int(min(h, w) * rng.uniform(0.18, 0.5))
        x, y = int(rng.integers(0, w - side + 1)), int(rng.integers(0, h - side + 1))
        both = max(0.0, min(x + side, x1) - max(x, x0)) * max(0.0, min(y + side, y1) - max(y, y0))
        if both < 0.1 * cutout.face[2] * cutout.face[3]:
            return np.ascontiguousarray(cutout.image[y : y + side, x : x + side])
    return None


def _normalised(values: list[float]) -> np.ndarray:
    """Return values that sum to 1."""
    array = np.array(values)
    return array / array.sum()
