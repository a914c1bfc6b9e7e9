"""Generated animals: an embedded data set of rendered cat heads with exact landmarks and masks.

Image ``i`` of a seed is the same on every machine and in every batch (to within rounding).

Example:
    >>> animals = GeneratedAnimals(seed=0, size=128)
    >>> animal = animals[7]  # GeneratedAnimal: image, mask, landmarks, pose
    >>> batch = animals.batch(range(32), want=("image", "mask", "landmarks"))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.global_state import default_settings
from ..synthetic_faces.annotator import points_visible
from ..synthetic_faces.background import render_background
from ..synthetic_faces.camera import develop
from ..synthetic_faces.identity_parameters import Params
from ..synthetic_faces.image_parameters import sample_image_parameters
from ..synthetic_faces.noise import noise_bank
from ..synthetic_faces.parallel import map_in_parts
from ..synthetic_faces.random_streams import random_stream
from ..synthetic_faces.settings import Range, check_index, check_request, check_settings
from .scene import render_scene
from .species import COATS, sample_animal

WANTS = ("image", "mask", "landmarks", "visible", "pose")
# Parameters of light, camera and background. All other parameters of an image describe people.
_CAPTURE_NAMES = (
    "yaw",
    "pitch",
    "roll",
    "gaze_x",
    "gaze_y",
    "body_follow",
    "crop_scale",
    "crop_shift",
    "sh",
    "key_rgb",
    "key_dir",
    "rim",
    "shadow_soft",
    "shadow_dark",
    "exposure",
    "gamma",
    "saturation",
    "blur",
    "blur_x",
    "grain",
    "noise_at",
    "jpeg",
    "vignette",
    "back_kind",
    "back_rgb",
    "back_mean",
    "back_mix",
    "back_at",
    "back_scale",
    "back_blur",
)
_DEPTH_MARGIN = 5.0  # mm, because the tolerance of `points_visible` is for a head more than twice as large
_ANIMAL, _CAPTURE = 1, 2  # independent random streams of one seed


@dataclass(frozen=True)
class GeneratedAnimal:
    """One image with all its labels.

    Points are (x, y) in pixels. (0, 0) is the centre of the top-left pixel. Points may lie outside the image.

    Attributes:
        index: Index of the image in its set.
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) uint8, class ids of ANIMAL_PARTS.
        landmarks: (24, 2) float32, ANIMAL_POINTS.
        visible: (24,) bool, whether the point is inside the image and not occluded.
        coat: One of COATS.
        yaw: Degrees, positive when the animal looks to the viewer's right.
        pitch: Degrees, positive when the animal looks up.
        roll: Degrees, positive when the head is rotated clockwise in the image.
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
    """A sequence of rendered cat heads, indexed from 0 to ``length - 1``; each index is another animal.

    Args:
        seed: Any non-negative integer. Each seed is another data set.
        size: Side of the square images in pixels, 16 to 1024.
        device: Device of the renderer. None is the CPU.
        length: Number of images. An image is rendered only when it is requested.
        yaw: Range in degrees, within -30 to 30.
        pitch: Range in degrees, within -15 to 15.
        roll: Range in degrees, within -20 to 20.
        framing: Side of the image divided by the side of the box around the points, 1 to 6.
        supersample: Rays per pixel and axis, 1 to 4.

    Raises:
        ValueError: If an argument is outside its range.
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
        check_settings(size, framing, supersample, {"yaw": (yaw, 30.0), "pitch": (pitch, 15.0), "roll": (roll, 20.0)})
        if seed < 0 or length < 1:
            raise ValueError(f"expected seed >= 0 and length >= 1, got {seed} and {length}")
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
        index = check_index(index, self.length, "animals")
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
        """Return every number that defines an image, by name.

        The names serve for study and are not a stable interface.

        Args:
            index: Index of the image.

        Returns:
            Name -> number or array.

        Raises:
            IndexError: If the index is outside the set.
        """
        index = check_index(index, self.length, "animals")
        p = sample_animal(random_stream(self.seed, _ANIMAL, index))
        # The camera is that of the faces: it exposes for fur as it does for skin.
        person = {"male": False, "age": 30.0, "skin": 0.4 * p["main"] + 0.12}
        capture = sample_image_parameters(
            random_stream(self.seed, _CAPTURE, index), person, "wild", self.yaw, self.pitch, self.roll
        )
        p.update({k: capture[k] for k in _CAPTURE_NAMES})
        p["white"] = capture["white"] ** 0.5  # a colour cast is easy to see on grey fur
        p["distance"] = 0.6 * capture["distance"]
        p["old"] = 0.0  # `render_background` reads the batch size from it
        return p

    @default_settings()
    def batch(self, indices: Iterable[int], want: Sequence[str] = ("image", "mask", "landmarks")) -> dict[str, Tensor]:
        """Render many images at once. This is faster than indexing one by one.

        The names that ``want`` may contain:

        - ``image``: (N, 3, H, W) uint8 RGB
        - ``mask``: (N, H, W) uint8, class ids of ANIMAL_PARTS
        - ``landmarks``: (N, 24, 2) float32 pixels (x, y)
        - ``visible``: (N, 24) bool
        - ``pose``: (N, 3) degrees (yaw, pitch, roll)

        Args:
            indices: Indices of the images.
            want: Names of the outputs.

        Returns:
            Name -> tensor on the device of the set.

        Raises:
            ValueError: If a name is unknown or no index is given.
            IndexError: If an index is outside the set.
        """
        checked = [check_index(int(i), self.length, "animals") for i in indices]
        check_request(checked, tuple(want), WANTS)
        parts = map_in_parts(checked, self.samples**2, self.device, self._render_part)
        return {name: torch.cat([part[name] for part in parts]) for name in want}

    @torch.no_grad()
    def _render_part(self, indices: list[int]) -> dict[str, Tensor]:
        """Compute all outputs of some images; the result is that of ``batch`` with all names."""
        b = _stack([self.parameters(i) for i in indices], self.device)
        bank = noise_bank().to(self.device)
        scene = render_scene(b, bank, render_background(b, bank, self.samples), self.size, self.samples, self.framing)
        ids = F.interpolate(scene.ids[:, None].float(), size=(self.size, self.size), mode="nearest-exact")
        return {
            "image": develop(b, bank, scene.light, self.size),
            "mask": ids[:, 0].to(torch.uint8),
            "landmarks": scene.points,
            "visible": points_visible(scene.points, scene.point_depth + _DEPTH_MARGIN, scene.depth, self.size),
            "pose": torch.stack((b["yaw"], b["pitch"], b["roll"]), 1),
        }


def _stack(animals: Sequence[Params], device: torch.device) -> dict[str, Tensor]:
    """Stack numbers and arrays of each name to float32 tensors (N, ...)."""
    names = [k for k, v in animals[0].items() if isinstance(v, (float, int, np.ndarray))]
    return {k: torch.from_numpy(np.asarray([p[k] for p in animals], dtype=np.float32)).to(device) for k in names}
