"""FaRL's parts against numbers that the released code produced (parity/README.md)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from facekit.backbones.farl.masked_image_model import MaskedImageModel
from facekit.backbones.farl.text_tower import text_tower_from_clip, tokenizer
from facekit.backbones.farl.upernet import Pyramid, UperHead
from facekit.backbones.image_tower import tower_from_clip
from facekit.tasks.heatmaps import soft_argmax

pytestmark = pytest.mark.skipif("FACEKIT_PARITY" not in os.environ, reason="FACEKIT_PARITY is not set")


def parity(name: str) -> dict[str, Any]:
    return torch.load(Path(os.environ["FACEKIT_PARITY"]) / f"{name}.pt", weights_only=True)


def same(mine: Tensor, theirs: Any, tolerance: float = 1e-4) -> None:
    if isinstance(theirs, dict):
        assert list(mine.shape) == list(theirs["shape"])
        mine, theirs = mine.flatten()[:: theirs["stride"]], theirs["values"]
    torch.testing.assert_close(mine.float(), theirs.float(), rtol=tolerance, atol=tolerance)


def below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


@pytest.mark.parametrize("size", ["64", "128"])
@torch.no_grad()
def test_visual(size: str) -> None:
    d = parity("farl_visual_small")
    tower = tower_from_clip(below(d["state_dict"], "visual."), d["config"]["heads"])
    forced = {str(k): v for k, v in d["forced"].items()}[size]
    tower = tower.resized(int(size))
    same(tower.vit.pos_embed[0], forced["pos"])
    x = torch.nn.functional.interpolate(forced["image"], int(size), mode="bilinear", align_corners=False)
    levels = tower.levels(x, (4, 6, 8, 12))
    for (token, features), theirs, raw in zip(levels, forced["cls_tokens"], forced["raw_features"], strict=True):
        same(token, theirs)
        same(features, raw)
    pyramid = Pyramid(tower.width).eval()
    pyramid.load_state_dict(forced["fpn_weights"])
    for mine, theirs in zip(pyramid([m for _, m in levels]), forced["features"], strict=True):
        same(mine, theirs)


@torch.no_grad()
def test_image_embedding() -> None:
    d = parity("farl_visual_small")
    tower = tower_from_clip(below(d["state_dict"], "visual."), d["config"]["heads"])
    tokens, _ = tower.tokens(tower.vit.patch_embed(d["input"]))  # already normalised
    same(tower.embedding(tokens), d["output"]["encode_image"])


@torch.no_grad()
def test_uperhead() -> None:
    d = parity("farl_uperhead_small")
    c = d["config"]
    head = UperHead(c["in_channels"], c["channels"], c["num_classes"]).eval()
    head.load_state_dict(below(d["state_dict"], "head."))
    same(head(d["input"]), d["output"])


@torch.no_grad()
def test_masked_image_model() -> None:
    d = parity("farl_mim_small")
    c = d["config"]
    own = ("mask_token", "lm_transformer.", "ln_lm.", "lm_head.")
    tower = tower_from_clip({k: v for k, v in d["state_dict"].items() if not k.startswith(own)}, c["heads"])
    mim = MaskedImageModel(c["width"], c["heads"], c["VOCAB_SIZE"], c["MIM_LAYERS"]).eval()
    mim.load_state_dict({k: v for k, v in d["state_dict"].items() if k.startswith(own)})
    patches = tower.vit.patch_embed(d["input"])  # already normalised
    tokens, _ = tower.tokens(mim.hide(patches, d["mask"]))
    same(mim.logits(tokens, d["mask"]), d["output"]["logits"])
    # Two passes: the embedding is that of the whole image (section 3.4).
    same(tower.embedding(tower.tokens(patches)[0]), d["output"]["feature"])
    everything = torch.ones_like(d["mask"])
    same(mim.logits(tokens, everything).view(*d["mask"].shape, -1), d["output_all"]["logits"])


def test_soft_argmax() -> None:
    d = parity("farl_geometry")
    side = d["heatmap"].new_tensor([d["heatmap"].shape[3], d["heatmap"].shape[2]])
    # The reference was asked for its sharpened version: exp(10 h) in the place of h.
    same((soft_argmax((10 * d["heatmap"]).exp()) + 0.5) / side, d["pts_tscale"])


@torch.no_grad()
def test_clip() -> None:
    d = parity("clip_small")
    state, c = d["state_dict"], d["config"]
    text = {k: v for k, v in state.items() if not k.startswith(("visual.", "logit_scale"))}
    tower = text_tower_from_clip(text, c["t_heads"])
    same(tower(d["token_ids"].long()), d["output"]["text"])
    vision = tower_from_clip(below(state, "visual."), c["vision_width"] // 64)
    tokens, _ = vision.tokens(vision.vit.patch_embed(d["input"]))
    same(vision.embedding(tokens), d["output"]["image"])
    words = tokenizer()
    for ids in d["token_ids"].tolist():
        length = ids.index(words.eot_token_id) + 1
        text = words.decode(ids[1 : length - 1]).strip()
        assert words([text], c["context"])[0].tolist() == ids
