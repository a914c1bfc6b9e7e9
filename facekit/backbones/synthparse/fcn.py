"""FCN-8s (Long et al., "Fully Convolutional Networks for Semantic Segmentation"), which the library does not have: the
other label adapter of section 3.2.2, there on a VGG encoder."""

from __future__ import annotations

import torch.nn.functional as F
from segmentation_models_pytorch.base import SegmentationModel
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn

# How many of the encoder's maps are scored: those at strides 8, 16 and 32.
_SCORED = 3
_FINEST = 8


class FCN(SegmentationModel):
    """Images (N,in_channels,h,w), both sides multiples of 32 px, to logits (N,classes,h,w).

    Each of the encoder's maps at strides 8, 16 and 32 is scored by 1x1 weights; the sums are doubled in size, from the
    coarsest up, and enlarged eight times at the end. Upsampling is bilinear and not learned; the paper's own begins so,
    too. encoder_name, encoder_weights: as for every model of the library. Raises RuntimeError for other sides,
    ValueError for an encoder that has no map at one of the three strides.
    """

    def __init__(
        self, encoder_name: str = "vgg11_bn", encoder_weights: str | None = None, in_channels: int = 3, classes: int = 1
    ):
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
    """The encoder's maps at strides 8, 16 and 32. Nothing is learned here: FCN's only layers of its own know the
    classes, so they are the head's."""

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        return features[-_SCORED:]


class _Scores(nn.Module):
    """Maps of `widths` channels, each half as large as the last, to logits at eight times the first one's size."""

    def __init__(self, widths: tuple[int, ...], classes: int):
        super().__init__()
        self.scores = nn.ModuleList(nn.Conv2d(width, classes, 1) for width in widths)

    def forward(self, maps: list[Tensor]) -> Tensor:
        finer, *coarser = (score(m) for score, m in zip(self.scores, maps, strict=True))
        total = coarser.pop()
        for own in (*reversed(coarser), finer):
            total = own + F.interpolate(total, scale_factor=2, mode="bilinear", align_corners=False)
        return F.interpolate(total, scale_factor=_FINEST, mode="bilinear", align_corners=False)
