"""The embedded face finder: a small network whose weights are in this package."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.parallel_jobs import parallel_map
from ..core.weight_files import read_weights
from ..geometry.affine import Matrix, crop_matrix
from ..geometry.affine_crop import AffineCrop
from .found_faces import POINTS, Rows, roll_of_points
from .network import FaceNetwork, decode, fold_norms
from .point_network import MARGIN, SIDE, PointNetwork

FILE = Path(__file__).parents[1] / "zoo" / "weights" / "face-finder.safetensors"
"""The weights. Their card, face-finder.md, is beside them."""

LEAST_SCORE = 0.5
# Score = logistic(SCALE * logit + SHIFT): the probability that a found face is one. Fitted by logistic regression to
# what the network finds in the photos of WIDER FACE and dlib that score it.
SCALE = 2.1
SHIFT = 0.0

PREFIX = "points."
"""Before the names of the point network's tensors in the file."""

# How often the points are placed, and most faces at once.
_PLACINGS = 2
_AT_ONCE = 32
# Of pixels outside the image.
_GREY = 116.0

_lock = threading.Lock()


class Networks(NamedTuple):
    """The two networks of the embedded face finder."""

    faces: nn.Module
    points: nn.Module


_loaded: dict[Path, Networks] = {}


def embedded_rows(images: Sequence[NDArray[np.uint8]]) -> list[Rows]:
    """Find faces. Each image is searched in a thread of its own, without waiting for the others at every layer.

    Args:
        images: (h,w,3) uint8 RGB each; both sides are multiples of 32.

    Returns:
        Rows of faces with repetitions for each image, see `found_faces`.
    """
    network = networks(FILE).faces

    def search(image: NDArray[np.uint8]) -> Rows:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
            found = decode(network(x))[0]
            found[:, 0] = torch.sigmoid(SCALE * found[:, 0] + SHIFT)
            return found[found[:, 0] >= LEAST_SCORE].double().numpy()

    return parallel_map(images, search)


def placed_points(image: NDArray[np.uint8], rows: Rows) -> Rows:
    """Place the five points of found faces anew, each in an upright crop of the face.

    The points give a new roll, and so a crop that is more upright; the points are then placed once more.

    Args:
        image: (H,W,3) uint8 RGB.
        rows: Rows of faces in its pixels, see `found_faces`.

    Returns:
        The rows with the new points.
    """
    network = networks(FILE).points
    rows = rows.copy()
    for _ in range(_PLACINGS):
        crops = [AffineCrop(face_matrix(row), SIDE) for row in rows]
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            x = np.stack([crop.image(image, border="constant", fill=_GREY) for crop in crops[part]])
            with torch.inference_mode():
                places = network(torch.from_numpy(x).permute(0, 3, 1, 2)).double().numpy()
            for row, crop, points in zip(rows[part], crops[part], places, strict=True):
                row[5:] = crop.points_back(points).ravel()
    return rows


def face_matrix(row: NDArray[np.float64]) -> Matrix:
    """Return the matrix (3,3) from the image to the upright crop of a face."""
    half = MARGIN * math.sqrt(row[3] * row[4]) / 2
    box = (row[1] - half, row[2] - half, row[1] + half, row[2] + half)
    return crop_matrix(box, SIDE, roll_of_points(row[5:].reshape(POINTS, 2)))


def networks(path: Path) -> Networks:
    """Return the networks, read from their file once per process.

    Args:
        path: A .safetensors file of `FaceNetwork`'s and `PointNetwork`'s weights in half or single precision. The names
            of the latter begin with `PREFIX`.

    Raises:
        FileNotFoundError: If the installation lacks the file.
    """
    with _lock:
        if path not in _loaded:
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing from this installation: reinstall facekit")
            tensors = {k: v.float() for k, v in read_weights(path, "the embedded face finder").tensors.items()}
            points = {k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)}
            faces = {k: v for k, v in tensors.items() if not k.startswith(PREFIX)}
            _loaded[path] = Networks(_ready(FaceNetwork, faces), _ready(PointNetwork, points))
        return _loaded[path]


def _ready(kind: type[nn.Module], tensors: dict[str, Tensor]) -> nn.Module:
    """Return a network with its weights, for predictions: its batch norms are folded."""
    # On the meta device no random numbers are drawn for weights that the file replaces.
    with torch.device("meta"):
        network = kind()
    counters = {k: torch.zeros((), dtype=torch.long) for k in network.state_dict() if k.endswith("num_batches_tracked")}
    network.load_state_dict(tensors | counters, assign=True)
    network.eval().requires_grad_(False)
    return fold_norms(network).to(memory_format=torch.channels_last)
