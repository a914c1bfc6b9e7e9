"""FCN-8s, the other label adapter of section 3.2.2 (there with a VGG encoder).

Long et al., "Fully Convolutional Networks for Semantic Segmentation": https://arxiv.org/abs/1411.4038
"""

from __future__ import annotations

import torch.nn.functional as F
from segmentation_models_pytorch.base import SegmentationModel
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn

# Number of the encoder's maps that are classified (strides 8, 16 and 32), and the smallest of these strides.
_SCORED = 3
_FINEST = 8


class FCN(SegmentationModel):
    """Fully convolutional network, from images (N, in_channels, h, w) to logits (N, classes, h, w).

    A 1x1 convolution classifies each of the encoder's maps at strides 8, 16 and 32. Starting with the coarsest, sums
    are upsampled by 2 and at the end by 8. Upsampling is bilinear and not learned; the paper starts with the same
    weights.
    Sides of images are multiples of 32 px.
    """

    def __init__(
        self, encoder_name: str = "vgg11_bn", encoder_weights: str | None = None, in_channels: int = 3, classes: int = 1
    ):
        """Build the network.

        Args:
            encoder_name: Name of the encoder in segmentation_models_pytorch.
            encoder_weights: Name of pretrained weights, or None.
            in_channels: Channels of the input.
            classes: Number of classes.

        Raises:
            ValueError: If the encoder has no map at one of the three strides.
        """
        super().__init__()
        self.encoder = get_encoder(encoder_name, in_channels=in_channels, depth=5, weights=encoder_weights)
        widths = tuple(self.encoder.out_channels[-_SCORED:])
        if len(self.encoder.out_channels) != 6 or not all(widths):
            raise ValueError(f"encoder={encoder_name!r} has maps of {widths} channels: FCN needs strides 8, 16 and 32")
        self.decoder = _Coarsest()
        self.segmentation_head = _Scores(widths, classes)
        self.classification_head = None
        self.name = f"fcn-{encoder_name}"
        self.initialize()


class _Coarsest(nn.Module):
    """Choose the encoder's maps at strides 8, 16 and 32. All trained layers are in the head."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Return the last three maps."""
        return features[-_SCORED:]


class _Scores(nn.Module):
    """Classify maps and sum them up to logits at eight times the size of the first map."""

    def __init__(self, widths: tuple[int, ...], classes: int):
        """Build one 1x1 convolution per map of given channels."""
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in widths)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Compute logits of maps whose sides halve from one to the next."""
        finer, *coarser = (score(m) for score, m in zip(self.scores, maps, strict=True))
        total = coarser.pop()
        for own in (*reversed(coarser), finer):
            total = own + F.interpolate(total, scale_factor=2, mode="bilinear", align_corners=False)
        return F.interpolate(total, scale_factor=_FINEST, mode="bilinear", align_corners=False)
