"""The embedded face finder: a small network whose weights are in this package."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..core.parallel_jobs import parallel_map
from ..core.weight_files import read_weights
from .found_faces import Rows
from .network import FaceNetwork, decode, fold_norms

FILE = Path(__file__).parents[1] / "zoo" / "weights" / "face-finder.safetensors"
"""The weights. Their card, face-finder.md, is beside them."""

LEAST_SCORE = 0.5
# Score = logistic(SCALE * logit + SHIFT): the probability that a found face is one. Fitted by logistic regression to
# what the network finds in the photos of WIDER FACE and dlib that score it.
SCALE = 2.1
SHIFT = 0.0

_lock = threading.Lock()
_loaded: dict[Path, nn.Module] = {}


def embedded_rows(images: Sequence[NDArray[np.uint8]]) -> list[Rows]:
    """Find faces. Each image is searched in a thread of its own, without waiting for the others at every layer.

    Args:
        images: (h,w,3) uint8 RGB each; both sides are multiples of 32.

    Returns:
        Rows of faces with repetitions for each image, see `found_faces`.
    """
    network = face_network(FILE)

    def search(image: NDArray[np.uint8]) -> Rows:
        with torch.inference_mode():
            x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None]
            found = decode(network(x))[0]
            found[:, 0] = torch.sigmoid(SCALE * found[:, 0] + SHIFT)
            return found[found[:, 0] >= LEAST_SCORE].double().numpy()

    return parallel_map(images, search)


def face_network(path: Path) -> nn.Module:
    """Return the network, read from its file once per process.

    Args:
        path: A .safetensors file of `FaceNetwork`'s weights in half or single precision.

    Raises:
        FileNotFoundError: If the installation lacks the file.
    """
    with _lock:
        if path not in _loaded:
            if not path.is_file():
                raise FileNotFoundError(f"{path} is missing from this installation: reinstall facekit")
            _loaded[path] = _read(path)
        return _loaded[path]


def _read(path: Path) -> nn.Module:
    """Read the network and fold its batch norms."""
    # On the meta device no random numbers are drawn for weights that the file replaces.
    with torch.device("meta"):
        network = FaceNetwork()
    tensors = {k: v.float() for k, v in read_weights(path, "the embedded face finder").tensors.items()}
    counters = {k: torch.zeros((), dtype=torch.long) for k in network.state_dict() if k.endswith("num_batches_tracked")}
    network.load_state_dict(tensors | counters, assign=True)
    network.eval().requires_grad_(False)
    return fold_norms(network).to(memory_format=torch.channels_last)
