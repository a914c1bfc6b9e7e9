"""LPIPS: the perceptual distance of two images (Zhang et al., CVPR 2018, https://arxiv.org/abs/1801.03924)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from ..core.global_state import no_warnings, preserved_random_state
from ..core.weight_files import read_weights

if TYPE_CHECKING:
    import lpips

ALEXNET_FILE = Path(__file__).parent / "alexnet-lpips.safetensors"
# The first layers of AlexNet and VGG skip over details of smaller images.
_LEAST_SIDE = 128


class LPIPS(nn.Module):
    """LPIPS 0.1 as a frozen network on batches, for losses and scores.

    Attributes:
        net: A network of the package `lpips`, such as `alexnet_lpips`.
    """

    def __init__(self, net: Any):
        super().__init__()
        self.net = net.eval().requires_grad_(False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Compute the distance of each pair of images.

        Args:
            x: Images (N,3,S,S), RGB in [-1, 1]. Images below 128 px are enlarged to 128 px first.
            y: Images of the same shape.

        Returns:
            (N,), 0 for equal images.
        """
        if x.shape[-1] < _LEAST_SIDE:
            x, y = (F.interpolate(p, _LEAST_SIDE, mode="bilinear", align_corners=False) for p in (x, y))
        distance: Tensor = self.net(x, y)
        return distance.flatten()


def lpips_distance(image: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Compute LPIPS 0.1 on AlexNet, at the images' own size.

    Args:
        image: (H,W,3) uint8 RGB, at least 32 px a side.
        truth: The image to compare with, of the same shape.

    Returns:
        0 for equal images, about 0.7 for images that have nothing in common.
    """
    net = alexnet_lpips()
    both = torch.from_numpy(np.stack([image, truth])).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        return float(net(both[:1], both[1:]))


@functools.cache
def alexnet_lpips() -> lpips.LPIPS:
    """Load the network of LPIPS on AlexNet, once.

    Its convolutions are in this package, as `lpips` would download them; see alexnet-lpips.md.
    """
    import lpips

    with no_warnings(), preserved_random_state():  # torchvision warns of an argument that lpips passes
        net = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = read_weights(ALEXNET_FILE, "AlexNet's trunk").tensors
    missing, unexpected = net.load_state_dict(trunk, strict=False)
    assert not unexpected
    assert not any(k.startswith("net.") for k in missing)
    return net.eval()
