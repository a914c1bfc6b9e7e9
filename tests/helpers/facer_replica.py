"""Networks with the layout of facer's and OpenAI's archives, in plain torch, at a small size."""

from __future__ import annotations

import io
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, HEADS, PATCH, SIDE, BLOCKS = 128, 2, 16, 64, 12  # 64 channels per attention head, as in CLIP


class QuickGELU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width: int, heads: int, attn_mask: Tensor | None = None):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        layers = [("c_fc", nn.Linear(width, 4 * width)), ("gelu", QuickGELU()), ("c_proj", nn.Linear(4 * width, width))]
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.attn_mask = attn_mask

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=self.attn_mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width: int, blocks: int, heads: int, attn_mask: Tensor | None = None):
        super().__init__()
        self.resblocks = nn.Sequential(*(Block(width, heads, attn_mask) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        return self.resblocks(x)


class Visual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn((SIDE // PATCH) ** 2 + 1, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Transformer(WIDTH, BLOCKS, HEADS)
        self.proj = nn.Parameter(torch.randn(WIDTH, 32) / WIDTH**0.5)

    def tokens(self, x: Tensor) -> Tensor:
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        token = self.class_embedding.expand(len(x), 1, -1)
        return self.ln_pre(torch.cat([token, patches], 1) + self.positional_embedding).transpose(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.ln_post(self.transformer(self.tokens(x))[0]) @ self.proj


class VisualFeatures(nn.Module):
    """facer's FaRLVisualFeatures."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = Visual()
        self.register_buffer("image_mean", torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(1, 3, 1, 1))
        self.register_buffer("image_std", torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(1, 3, 1, 1))
        norm = nn.SyncBatchNorm(WIDTH)
        first = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2), norm, nn.GELU(), nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2)
        )
        twice = nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2)
        self.fpns = nn.ModuleList([first, twice, nn.Identity(), nn.MaxPool2d(2, 2)])

    def forward(self, image: Tensor) -> list[Tensor]:
        x = self.visual.tokens((image - self.image_mean) / self.image_std)
        side, maps = SIDE // PATCH, []
        for number, block in enumerate(self.visual.transformer.resblocks):
            x = block(x)
            if number in (3, 5, 7, 11):
                maps.append(x[1:].permute(1, 2, 0).reshape(image.shape[0], WIDTH, side, side))
        return [fpn(m) for fpn, m in zip(self.fpns, maps, strict=True)]


class ConvModule(nn.Module):
    def __init__(self, inside: int, outside: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.SyncBatchNorm(outside)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


def sized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


class UPerHead(nn.Module):
    """UPerHead of mmsegmentation."""

    def __init__(self, classes: int, channels: int):
        super().__init__()
        self.conv_seg = nn.Conv2d(channels, classes, 1)
        pools = [nn.Sequential(nn.AdaptiveAvgPool2d(s), ConvModule(WIDTH, channels, 1)) for s in (1, 2, 3, 6)]
        self.psp_modules = nn.ModuleList(pools)
        self.bottleneck = ConvModule(WIDTH + 4 * channels, channels, 3)
        self.lateral_convs = nn.ModuleList(ConvModule(WIDTH, channels, 1) for _ in range(3))
        self.fpn_convs = nn.ModuleList(ConvModule(channels, channels, 3) for _ in range(3))
        self.fpn_bottleneck = ConvModule(4 * channels, channels, 3)

    def forward(self, maps: list[Tensor]) -> Tensor:
        last = maps[3]
        pooled = [last] + [sized(pool(last), last) for pool in self.psp_modules]
        levels = [conv(m) for conv, m in zip(self.lateral_convs, maps[:3], strict=True)]
        levels.append(self.bottleneck(torch.cat(pooled, 1)))
        for i in (3, 2, 1):
            levels[i - 1] = levels[i - 1] + sized(levels[i], levels[i - 1])
        outs = [conv(x) for conv, x in zip(self.fpn_convs, levels[:3], strict=True)] + [levels[3]]
        return self.conv_seg(self.fpn_bottleneck(torch.cat([sized(x, outs[0]) for x in outs], 1)))


class Head(nn.Module):
    """facer's MMSEG_UPerHead."""

    def __init__(self, classes: int, channels: int):
        super().__init__()
        self.head = UPerHead(classes, channels)

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.head(maps)


class Parser(nn.Module):
    """FaRL's FaceParsingTransformer. ``forward`` returns logits of ``out`` px and an empty dictionary."""

    def __init__(self, classes: int, channels: int = 24, out: int = SIDE):
        super().__init__()
        self.backbone, self.head, self.out = VisualFeatures(), Head(classes, channels), out

    def forward(self, image: Tensor) -> Tensor:
        logits = self.head(self.backbone(image))
        return F.interpolate(logits, (self.out, self.out), mode="bilinear", align_corners=False)


class Aligner(nn.Module):
    """facer's FaceAlignmentTransformer."""

    def __init__(self, points: int, channels: int = 24):
        super().__init__()
        self.backbone, self.heatmap_head = VisualFeatures(), Head(points, channels)

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.heatmap_head(self.backbone(image)))


class CLIP(nn.Module):
    """OpenAI's CLIP, with the three numbers and the masks that its archives hold."""

    def __init__(self, vocabulary: int = 600, width: int = 64):
        super().__init__()
        self.visual = Visual()
        mask = torch.full((77, 77), float("-inf")).triu(1)
        self.transformer = Transformer(width, 2, 1, mask)
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.randn(77, width) / 10)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, 32) / 8)
        self.logit_scale = nn.Parameter(torch.tensor(2.66))
        for name, number in (("input_resolution", SIDE), ("context_length", 77), ("vocab_size", vocabulary)):
            self.register_buffer(name, torch.tensor(number))

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        x = (self.token_embedding(text) + self.positional_embedding).transpose(0, 1)
        x = self.ln_final(self.transformer(x).transpose(0, 1))
        return self.visual(image), x[torch.arange(len(text)), text.argmax(-1)] @ self.text_projection


def drawn(network: nn.Module, seed: int = 0) -> Any:
    """Give a network random weights and statistics, and return it in evaluation mode."""
    random = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 1.5, generator=random)
        elif name.endswith("running_mean"):
            value.normal_(0, 0.1, generator=random)
        elif name.endswith(("bn.weight", "fpns.0.1.weight")):
            value.uniform_(0.7, 1.3, generator=random)
        elif name.endswith("bias"):
            value.normal_(0, 0.1, generator=random)
    return network.eval()


def _saved(network: nn.Module, example: Any, path: Path, **attached: bytes) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(network, example, check_trace=False), str(path), _extra_files=attached)


def save_parser(parser: Parser, path: Path) -> None:
    """Write an archive as facer's for parsing: the whole traced network."""
    _saved(parser, (torch.rand(1, 3, SIDE, SIDE),), path)


def save_aligner(aligner: Aligner, path: Path) -> None:
    """Write an archive as facer's for landmarks: the traced head, and the tower's state_dict as a file beside it."""
    stream = io.BytesIO()
    torch.save(aligner.backbone.state_dict(), stream)
    with torch.no_grad():
        maps = aligner.backbone(torch.rand(1, 3, SIDE, SIDE))
    _saved(aligner.heatmap_head, (maps,), path, backbone=stream.getvalue())


def save_clip(clip: CLIP, path: Path) -> None:
    """Write an archive as OpenAI's: the traced network."""
    text = torch.zeros(1, 77, dtype=torch.int64)
    _saved(clip, (torch.rand(1, 3, SIDE, SIDE).to(clip.visual.conv1.weight.dtype), text), path)
