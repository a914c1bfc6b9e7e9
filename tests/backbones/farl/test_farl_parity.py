"""FaRL's parts give the numbers that the released code produced (tests/parity/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.parity import same
from helpers.parity_recipe import image, state_of
from torch import Tensor

from facekit.backbones.farl.masked_image_model import MaskedImageModel
from facekit.backbones.farl.text_tower import text_tower_from_clip, tokenizer
from facekit.backbones.farl.upernet import Pyramid, UperHead
from facekit.backbones.image_tower import tower_from_clip
from facekit.tasks.heatmaps import soft_argmax

Numbers = Callable[[str], dict[str, Any]]


@pytest.fixture
def numbers(references: Path) -> Numbers:
    """Read the committed file of a name, and the whole one in a second run."""
    return lambda name: torch.load(references / f"{name}.pt", weights_only=True)


@pytest.fixture
def whole(parity: Path) -> Numbers:
    """Read the whole file of a name."""
    return lambda name: torch.load(parity / f"{name}.pt", weights_only=True)


def below(state: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def weights(d: dict[str, Any], prefix: str = "") -> dict[str, Tensor]:
    """Return the stored weights, or draw them from the stored names and shapes."""
    if "state_dict" in d:
        return below(d["state_dict"], prefix)
    return {k: v.half() if k in d.get("half", ()) else v for k, v in state_of(below(d["keys"], prefix)).items()}


@pytest.mark.parametrize("size", ["64", "128"])
@torch.no_grad()
def test_visual(size: str, whole: Numbers) -> None:
    d = whole("farl_visual_small")
    tower = tower_from_clip(weights(d, "visual."), d["config"]["heads"])
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
def test_pyramid(numbers: Numbers) -> None:
    d = numbers("farl_visual_small")
    forced = {str(k): v for k, v in d["forced"].items()}["64"]
    pyramid = Pyramid(d["config"]["width"]).eval()
    pyramid.load_state_dict(forced["fpn_weights"] if "fpn_weights" in forced else state_of(forced["fpn_keys"]))
    for mine, theirs in zip(pyramid(list(forced["raw_features"])), forced["features"], strict=True):
        same(mine, theirs)


@torch.no_grad()
def test_image_embedding(numbers: Numbers) -> None:
    d = numbers("farl_visual_small")
    tower = tower_from_clip(weights(d, "visual."), d["config"]["heads"])
    images = d.get("input", image("farl_small", (2, 3, 64, 64)))
    tokens, _ = tower.tokens(tower.vit.patch_embed(images))  # already normalised
    same(tower.embedding(tokens), d["output"]["encode_image"])


@torch.no_grad()
def test_uperhead(whole: Numbers) -> None:
    d = whole("farl_uperhead_small")
    c = d["config"]
    head = UperHead(c["in_channels"], c["channels"], c["num_classes"]).eval()
    head.load_state_dict(weights(d, "head."))
    same(head(d["input"]), d["output"])


@torch.no_grad()
def test_masked_image_model(numbers: Numbers) -> None:
    d = numbers("farl_mim_small")
    c, state = d["config"], weights(d)
    own = ("mask_token", "lm_transformer.", "ln_lm.", "lm_head.")
    tower = tower_from_clip({k: v for k, v in state.items() if not k.startswith(own)}, c["heads"])
    mim = MaskedImageModel(c["width"], c["heads"], c["VOCAB_SIZE"], c["MIM_LAYERS"]).eval()
    mim.load_state_dict({k: v for k, v in state.items() if k.startswith(own)})
    patches = tower.vit.patch_embed(d.get("input", image("mim", (2, 3, 64, 64))))  # already normalised
    tokens, _ = tower.tokens(mim.hide(patches, d["mask"]))
    same(mim.logits(tokens, d["mask"]), d["output"]["logits"])
    # Two passes: the embedding is that of the whole image (section 3.4).
    same(tower.embedding(tower.tokens(patches)[0]), d["output"]["feature"])
    everything = torch.ones_like(d["mask"])
    same(mim.logits(tokens, everything).view(*d["mask"].shape, -1), d["output_all"]["logits"])


def test_soft_argmax(numbers: Numbers) -> None:
    d = numbers("farl_geometry")
    side = d["heatmap"].new_tensor([d["heatmap"].shape[3], d["heatmap"].shape[2]])
    # The reference was asked for its sharpened version: exp(10 h) in the place of h.
    same((soft_argmax((10 * d["heatmap"]).exp()) + 0.5) / side, d["pts_tscale"])


@torch.no_grad()
def test_clip_text(numbers: Numbers) -> None:
    d = numbers("clip_small")
    c, state = d["config"], weights(d)
    text = {k: v for k, v in state.items() if not k.startswith(("visual.", "logit_scale"))}
    tower = text_tower_from_clip(text, c["t_heads"])
    same(tower(d["token_ids"].long()), d["output"]["text"])
    words = tokenizer()
    for ids in d["token_ids"].tolist():
        length = ids.index(words.eot_token_id) + 1
        spelled = words.decode(ids[1 : length - 1]).strip()
        assert words([spelled], c["context"])[0].tolist() == ids


@torch.no_grad()
def test_clip_image(whole: Numbers) -> None:
    d = whole("clip_small")
    tower = tower_from_clip(weights(d, "visual."), d["config"]["vision_width"] // 64)
    tokens, _ = tower.tokens(tower.vit.patch_embed(d["input"]))
    same(tower.embedding(tokens), d["output"]["image"])
