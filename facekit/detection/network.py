"""The network of the embedded face finder.

One stage and no anchors, as in FCOS (https://arxiv.org/abs/1904.01355): each cell of three feature maps predicts
whether the centre of a face is near, the face's box, and five points. The trunk is MobileNetV2
(https://arxiv.org/abs/1801.04381) up to its first block of stride 32.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.models.mobilenetv2 import InvertedResidual
from torchvision.ops.misc import Conv2dNormActivation

STRIDES = (8, 16, 32)
"""Pixels per cell of the three feature maps."""

MULTIPLE = 32
"""Both sides of the input are multiples of this."""

CHANNELS = 64
POINTS = 5
OUTPUTS = 1 + 4 + 2 * POINTS
"""Channels of a feature map's prediction: logit, box, points."""

# Table 2 of MobileNetV2: expansion, channels, repeats, stride. The last row is cut off after its first block.
_BLOCKS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 1, 2))
# Blocks whose results are used, and their channels.
_TAPS = {6: 32, 13: 96, 14: 160}
# ImageNet's normalisation.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
# Faces are rare: the first scores are 0.01, as in "Focal Loss for Dense Object Detection".
_PRIOR_LOGIT = -4.6
# First size of a box: 4 cells.
_PRIOR_LOG_SIZE = 1.4


class FaceNetwork(nn.Module):
    """Predict faces in every cell of three feature maps."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.features = _trunk()
        self.lateral = nn.ModuleList(_convolution(channels, CHANNELS, 1) for channels in _TAPS.values())
        self.smooth = nn.ModuleList(_separable(CHANNELS) for _ in STRIDES)
        self.score_tower = nn.Sequential(_separable(CHANNELS), _separable(CHANNELS))
        self.place_tower = nn.Sequential(_separable(CHANNELS), _separable(CHANNELS))
        self.score = nn.Conv2d(CHANNELS, 1, 1)
        self.place = nn.Conv2d(CHANNELS, OUTPUTS - 1, 1)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1) * 255)
        for layer in (self.score, self.place):
            nn.init.normal_(layer.weight, std=0.01)
        biases = (torch.tensor([_PRIOR_LOGIT]), torch.zeros(OUTPUTS - 1))
        biases[1][2:4] = _PRIOR_LOG_SIZE
        self.score.bias, self.place.bias = (nn.Parameter(bias) for bias in biases)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Predict faces.

        Args:
            images: (N,3,H,W) uint8 or float32 RGB in [0, 255]; H and W are multiples of `MULTIPLE`.

        Returns:
            Predictions (N,OUTPUTS,H/s,W/s) float32 for each stride s of `STRIDES`, to be read by `decode`.
        """
        return [self._head(x) for x in self.pyramid(images)]

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps (N,CHANNELS,H/s,W/s) in front of the last layers; arguments as in `forward`."""
        x = (images.float() - self.mean) / self.std
        taps = []
        for i, block in enumerate(self.features):
            x = block(x)
            if i in _TAPS:
                taps.append(x)
        maps = [lateral(tap) for lateral, tap in zip(self.lateral, taps, strict=True)]
        for finer in (1, 0):
            maps[finer] = maps[finer] + F.interpolate(maps[finer + 1], scale_factor=2.0, mode="nearest")
        return [smooth(x) for smooth, x in zip(self.smooth, maps, strict=True)]

    def _head(self, x: Tensor) -> Tensor:
        """Predict from one feature map; all share these layers."""
        return torch.cat((self.score(self.score_tower(x)), self.place(self.place_tower(x))), 1)


def decode(maps: list[Tensor]) -> Tensor:
    """Convert predictions to faces, one per cell.

    The box lies in the frame of the face: width is measured along its eyes, height from forehead to chin.

    Args:
        maps: Result of `FaceNetwork`.

    Returns:
        (N,M,15) float32 for all M cells: logit of the score; centre x and y, width and height of the box; five points
        x and y. All in pixels of the network's input; (0, 0) is the centre of the top-left pixel.
    """
    decoded = []
    for stride, x in zip(STRIDES, maps, strict=True):
        n, _, h, w = x.shape
        x = x.float().permute(0, 2, 3, 1)
        across = torch.arange(w, device=x.device) * stride + (stride - 1) / 2
        down = torch.arange(h, device=x.device) * stride + (stride - 1) / 2
        cells = torch.stack((across.expand(h, w), down[:, None].expand(h, w)), -1)
        centre = cells + x[..., 1:3] * stride
        size = x[..., 3:5].clamp(-4, 6).exp() * stride
        side = size.prod(-1, keepdim=True).sqrt()
        points = x[..., 5:].unflatten(-1, (POINTS, 2)) * side[..., None] + centre[..., None, :]
        decoded.append(torch.cat((x[..., :1], centre, size, points.flatten(-2)), -1).reshape(n, h * w, OUTPUTS))
    return torch.cat(decoded, 1)


def fold_norms(module: nn.Module) -> nn.Module:
    """Fold each batch norm behind a convolution into that convolution, in place.

    Args:
        module: A network in eval mode whose batch norms directly follow convolutions in an `nn.Sequential`.

    Returns:
        The same network.
    """
    for child in module.children():
        fold_norms(child)
    if isinstance(module, nn.Sequential):
        for i in range(len(module) - 1):
            convolution, norm = module[i], module[i + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[i], module[i + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    return module


def _trunk() -> nn.Sequential:
    """Return MobileNetV2's first 15 layers; the names of the tensors are torchvision's."""
    layers: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
    channels = 32
    for expansion, width, repeats, stride in _BLOCKS:
        for i in range(repeats):
            layers.append(InvertedResidual(channels, width, stride if i == 0 else 1, expansion))
            channels = width
    return nn.Sequential(*layers)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return convolution, batch norm and ReLU6."""
    return Conv2dNormActivation(
        inputs, outputs, kernel, stride=stride, groups=groups, norm_layer=nn.BatchNorm2d, activation_layer=nn.ReLU6
    )


def _separable(channels: int) -> nn.Sequential:
    """Return a depthwise 3 x 3 and a pointwise convolution."""
    return nn.Sequential(
        _convolution(channels, channels, 3, groups=channels),
        _convolution(channels, channels, 1),
    )
