"""Generated animals: an endless, embedded set of rendered cat-like heads with exact points and masks.

    animals = GeneratedAnimals(seed=0, size=128)
    animal = animals[7]                                 # GeneratedAnimal: image, mask, points, pose
    batch = animals.batch(range(32), want=("image", "mask", "landmarks"))

Image `i` of a seed is the same everywhere and whatever else is in its batch (to within rounding).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.global_state import default_settings
from ..synthetic_faces.annotate import points_visible
from ..synthetic_faces.image import backdrop, develop
from ..synthetic_faces.noise import noise_bank
from ..synthetic_faces.people import Params
from ..synthetic_faces.sheet import spread
from ..synthetic_faces.shots import Range, check_view, sample_shot
from .scene import draw
from .species import COATS, sample_animal

WANTS = ("image", "mask", "landmarks", "visible", "pose")
# What a shot of a person tells of light, camera and background; the rest is about people.
_SHOT_NAMES = ("yaw", "pitch", "roll", "gaze_x", "gaze_y", "body_follow", "crop_scale", "crop_shift", "sh", "key_rgb",
               "key_dir", "rim", "shadow_soft", "shadow_dark", "exposure", "gamma", "saturation", "blur", "blur_x",
               "grain", "noise_at", "jpeg", "vignette", "back_kind", "back_rgb", "back_mean", "back_mix", "back_at",
               "back_scale", "back_blur")  # fmt: skip
_STRICT = 5.0  # mm: `points_visible` allows for a head more than twice as large
_ANIMAL, _SHOT = 1, 2  # independent random streams of one seed


@dataclass(frozen=True)
class GeneratedAnimal:
    """One image with all its labels. Points are (x, y) pixels, (0, 0) the centre of the top-left pixel; they may lie
    outside the image.

    image: (H, W, 3) uint8 RGB; mask: (H, W) uint8, ANIMAL_PARTS; landmarks: (24, 2) float32, ANIMAL_POINTS; visible:
    (24,) bool; coat: one of COATS; yaw, pitch, roll: degrees, positive to the viewer's right, up, clockwise in the
    image.
    """

    index: int
    image: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    coat: str
    yaw: float
    pitch: float
    roll: float


class GeneratedAnimals:
    """Rendered cat-like heads, indexed from 0 to length - 1; each index is another animal.

    seed: any non-negative integer. size: side of the square images, 16..1024 px. device: None is the CPU. length: how
    many there are (they cost nothing until asked for). yaw, pitch, roll: ranges of degrees, within +-30, +-15, +-20.
    framing: the image's side over the side of the box around the points, 1..6. supersample: rays per pixel and axis,
    1..4. Raises ValueError for anything else.
    """

    @default_settings()
    def __init__(
        self,
        seed: int = 0,
        size: int = 128,
        device: str | torch.device | None = None,
        length: int = 1_000_000,
        *,
        yaw: Range = (-30.0, 30.0),
        pitch: Range = (-15.0, 15.0),
        roll: Range = (-20.0, 20.0),
        framing: float = 1.3,
        supersample: float = 1.5,
    ) -> None:
        check_view(size, framing, supersample, {"yaw": (yaw, 30.0), "pitch": (pitch, 15.0), "roll": (roll, 20.0)})
        if seed < 0 or length < 1:
            raise ValueError(f"seed must be >= 0 and length >= 1, but {seed}, {length} came")
        self.seed, self.size, self.length, self.framing = seed, size, length, framing
        self.device = torch.device("cpu" if device is None else device)
        self.yaw, self.pitch, self.roll = yaw, pitch, roll
        self.samples = round(size * supersample)
        self.samples += self.samples % 2

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[GeneratedAnimal]:
        return (self[i] for i in range(self.length))

    def __getitem__(self, index: int) -> GeneratedAnimal:
        index = self._checked(index)
        b = self.batch([index], want=WANTS)
        yaw, pitch, roll = b["pose"][0].tolist()
        return GeneratedAnimal(
            index=index,
            image=b["image"][0].permute(1, 2, 0).contiguous().cpu().numpy(),
            mask=b["mask"][0].cpu().numpy(),
            landmarks=b["landmarks"][0].cpu().numpy(),
            visible=b["visible"][0].cpu().numpy(),
            coat=COATS[int(self.parameters(index)["coat"])],
            yaw=yaw,
            pitch=pitch,
            roll=roll,
        )

    def parameters(self, index: int) -> Params:
        """Every number that draws image `index`, by name (for study; the names are not a stable interface)."""
        index = self._checked(index)
        p = sample_animal(self._random(_ANIMAL, index))
        # The photographer is the people's: cameras expose for fur as they do for skin.
        sitter = {"male": False, "age": 30.0, "skin": 0.4 * p["main"] + 0.12}
        shot = sample_shot(self._random(_SHOT, index), sitter, "wild", self.yaw, self.pitch, self.roll)
        p.update({k: shot[k] for k in _SHOT_NAMES})
        p["white"] = shot["white"] ** 0.5  # grey fur gives every cast away
        p["distance"] = 0.6 * shot["distance"]
        p["old"] = 0.0  # `backdrop` counts the images by it
        return p

    @default_settings()
    def batch(self, indices: Iterable[int], want: Sequence[str] = ("image", "mask", "landmarks")) -> dict[str, Tensor]:
        """Many images at once, the fast way: a dictionary with the names in `want`, tensors on the set's device.

        image: (N, 3, H, W) uint8; mask: (N, H, W) uint8; landmarks: (N, 24, 2) float32; visible: (N, 24) bool; pose:
        (N, 3) degrees (yaw, pitch, roll). Raises ValueError for an unknown name or no index, IndexError for an index
        outside the set.
        """
        indices = [self._checked(int(i)) for i in indices]
        unknown = [w for w in want if w not in WANTS]
        if unknown:
            raise ValueError(f"cannot give {', '.join(unknown)}: ask for some of {', '.join(WANTS)}")
        if not indices:
            raise ValueError("no indices came: pass at least one")
        pixels = 350_000 if self.device.type == "cpu" else 8_000_000
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        step = max(1, min(pixels // self.samples**2, -(-len(indices) // threads)))
        parts = [indices[i : i + step] for i in range(0, len(indices), step)]
        chunks = spread(parts, self._chunk) if self.device.type == "cpu" else [self._chunk(p) for p in parts]
        return {w: torch.cat([c[w] for c in chunks]) for w in want}

    def _checked(self, index: int) -> int:
        if not -self.length <= index < self.length:
            raise IndexError(f"index {index} is outside the {self.length} animals of this set")
        return index % self.length

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, stream, number])))

    @torch.no_grad()
    def _chunk(self, indices: list[int]) -> dict[str, Tensor]:
        b = _stack([self.parameters(i) for i in indices], self.device)
        bank = noise_bank().to(self.device)
        scene = draw(b, bank, backdrop(b, bank, self.samples), self.size, self.samples, self.framing)
        ids = F.interpolate(scene.ids[:, None].float(), size=(self.size, self.size), mode="nearest-exact")
        return {
            "image": develop(b, bank, scene.light, self.size),
            "mask": ids[:, 0].to(torch.uint8),
            "landmarks": scene.points,
            "visible": points_visible(scene.points, scene.point_depth + _STRICT, scene.depth, self.size),
            "pose": torch.stack((b["yaw"], b["pitch"], b["roll"]), 1),
        }


def _stack(animals: Sequence[Params], device: torch.device) -> dict[str, Tensor]:
    """Numbers and arrays of each name stacked to float32 (N, ...)."""
    names = [k for k, v in animals[0].items() if isinstance(v, (float, int, np.ndarray))]
    return {k: torch.from_numpy(np.asarray([p[k] for p in animals], dtype=np.float32)).to(device) for k in names}
