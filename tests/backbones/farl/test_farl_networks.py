"""FaRL's towers, tokenizers, masked images and contrastive loss work at tiny sizes."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from helpers.farl_tiny import TINY, TINY_TEXT, tiny_pair
from safetensors.torch import save_file

from facekit.backbones.farl.contrastive_loss import contrastive_loss
from facekit.backbones.farl.grad_cam import grad_cam
from facekit.backbones.farl.image_text_model import from_clip, new_pair, read_pair, to_clip
from facekit.backbones.farl.masked_image_model import MaskedImageModel, random_masks
from facekit.backbones.farl.network import FaRLNetwork
from facekit.backbones.farl.text_tower import TextTower, tokenizer
from facekit.backbones.farl.timm_tower import stand_in
from facekit.backbones.farl.tokenizer import VisualTokenizer, load_tokens
from facekit.backbones.image_tower import ImageTower, spread_layers
from facekit.core.random_streams import generator_for
from facekit.model import find_backbone
from facekit.training.distributed import ALONE

farl = find_backbone("farl")


@pytest.mark.slow
@torch.no_grad()
def test_official_checkpoint_of_full_size_loads_strictly_and_runs(tmp_path: Path) -> None:
    pair = new_pair("base", seed=0)
    assert sum(p.numel() for p in pair.image.parameters()) == 86_192_640  # ViT-B/16 with its projection
    assert sum(p.numel() for p in pair.text.parameters()) == 63_428_096  # "63M"
    official = tmp_path / "FaRL-Base-Patch16-LAIONFace20M-ep16.pth"
    torch.save({"state_dict": to_clip(pair)}, official)
    read = farl.load(official)
    x = torch.rand(1, 3, 224, 224)
    maps = read.features(x)
    assert [tuple(m.shape) for m in maps] == [(1, 768, 14, 14)] * 4
    assert all(torch.equal(a, b) for a, b in zip(maps, pair.features(x), strict=True))
    assert [tuple(m.shape) for m in read.features(torch.rand(1, 3, 448, 448))] == [(1, 768, 28, 28)] * 4
    assert torch.allclose(read.encode(x).norm(dim=-1), torch.ones(1))
    state = to_clip(pair)
    del state["visual.transformer.resblocks.3.ln_1.weight"]
    with pytest.raises(ValueError, match="blocks.3.norm1.weight"):
        from_clip(state)
    with pytest.raises(ValueError, match="surplus"):
        from_clip({**to_clip(pair), "visual.surplus": torch.zeros(1)})


@torch.no_grad()
def test_clip_names_there_and_back(tmp_path: Path) -> None:
    pair = tiny_pair()
    path = tmp_path / "tiny.safetensors"
    save_file(to_clip(pair), path, {"heads_image": "2", "heads_text": "2"})
    read = read_pair(path)
    x = torch.rand(2, 3, 32, 32)
    texts = ["a man with a beard", "a woman!"]
    assert torch.equal(read.encode(x), pair.encode(x))
    assert torch.equal(read.match(x, texts), pair.match(x, texts))
    vision_only = from_clip({k: v for k, v in to_clip(pair).items() if k.startswith("visual.")}, {"image": 2})
    assert torch.equal(vision_only.encode(x), pair.encode(x))
    with pytest.raises(ValueError, match="no text tower"):
        vision_only.encode_text(texts)


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere.pth"):
        farl.load(tmp_path / "nowhere.pth")
    for name in ("broken.pth", "broken.safetensors"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ValueError, match=name):
            farl.load(tmp_path / name)
    torch.save({"state_dict": {"fc.weight": torch.zeros(2, 2)}}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth.*visual"):
        farl.load(tmp_path / "other.pth")


@torch.no_grad()
def test_positions_resize_and_other_sizes_need_no_reload() -> None:
    tower = ImageTower(TINY).eval()
    larger = tower.resized(64)
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(larger.encode(x), tower.encode(x))
    assert larger.vit.pos_embed.shape == (1, 65, 32) and tower.resized(32) is tower
    with pytest.raises(ValueError, match="multiple of the patch size, 8"):
        tower.resized(36)
    assert spread_layers(12) == (4, 6, 8, 12) and spread_layers(24) == (8, 12, 16, 24)


def test_checkpointed_blocks_give_the_same_gradients() -> None:
    tower = ImageTower(TINY).train()
    x = torch.rand(2, 3, 32, 32)
    gradients = []
    for checkpointing in (False, True):
        tower.checkpointing = checkpointing
        tower.zero_grad()
        tower.encode(x)[:, 0].sum().backward()
        gradients.append([p.grad.clone() for p in tower.parameters() if p.grad is not None])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*gradients, strict=True))


@torch.no_grad()
def test_texts_cut_to_the_longest_equal_the_whole_context() -> None:
    tower = TextTower(TINY_TEXT).eval()
    texts = ["hi", "a woman, with glasses! and more.", "x" * 500]
    ids = tower.tokenize(texts)
    assert ids.shape == (3, 77) and (ids[:, -1] == 0).tolist() == [True, True, False]
    short = tower.tokenize(texts[:2])
    assert short.shape[1] < 77
    assert torch.allclose(tower(short), tower(ids)[:2], atol=1e-5)
    with pytest.raises(TypeError, match="int"):
        tower.tokenize([3])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="texts: expected at least one, got none"):
        tower.tokenize([])


def test_smaller_vocabulary_spells_every_text() -> None:
    small, full = tokenizer(600), tokenizer()
    text = "a müller with ☃ and eyeglasses"
    ids = small.encode(text)
    assert max(ids) < 598 and small.decode(ids).strip() == full.decode(full.encode(text)).strip()
    assert len(ids) > len(full.encode(text))
    assert (small.sot_token_id, small.eot_token_id) == (598, 599)
    with pytest.raises(ValueError, match="514"):
        tokenizer(100)


def test_masks_are_blocks_of_at_most_75_of_196() -> None:
    masks = random_masks(50, 14, generator_for(0, 0))
    counts = masks.sum(1)
    assert counts.max() <= 75 and counts.float().mean() > 68
    assert torch.equal(masks, random_masks(50, 14, generator_for(0, 0)))
    # Blocks: neighbours agree far more often than if patches were drawn one by one.
    grid = masks.view(50, 14, 14)
    assert (grid[:, :, 1:] == grid[:, :, :-1]).float().mean() > 0.75
    assert random_masks(20, 8, generator_for(1, 0)).sum(1).max() <= int(64 * 75 / 196)


@torch.no_grad()
def test_hidden_patches_do_not_reach_the_tower() -> None:
    tower, mim = ImageTower(TINY).eval(), MaskedImageModel(32, 2, 50).eval()
    masked = torch.zeros(1, 16, dtype=torch.bool)
    masked[0, 5] = True
    x = torch.rand(1, 3, 32, 32)
    other = x.clone()
    other[:, :, 8:16, 8:16] = 0

    def scores(image: torch.Tensor) -> torch.Tensor:
        return mim.logits(tower.tokens(mim.hide(tower.patches(image), masked))[0], masked)

    known = scores(x)
    assert known.shape == (1, 50) and torch.equal(known, scores(other))
    other[:, :, :8, :8] = 0
    assert not torch.allclose(known, scores(other))


def test_contrast_is_equation_1() -> None:
    e = F.normalize(torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0)), dim=-1)
    scale = torch.tensor(math.log(1 / 0.07))
    s = (e[0] @ e[1].T / 0.07).exp()
    by_hand = -(torch.log(s.diag() / s.sum(1)).mean() + torch.log(s.diag() / s.sum(0)).mean()) / 2
    assert torch.allclose(contrastive_loss(e[0], e[1], scale, ALONE), by_hand, atol=1e-5)


def test_grad_cam_is_its_definition() -> None:
    pair = tiny_pair().double()
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    heat = grad_cam(pair, x, "a man")
    assert heat.shape == (2, 4, 4) and heat.min() >= 0 and heat.amax((1, 2)).tolist() == [1, 1]
    assert all(p.grad is None for p in pair.parameters())
    # A channel's weight is how the score moves when all patches' values of it are moved at the first LayerNorm's output
    # in the last block: here by differences instead of by gradients.
    norm = pair.image.vit.blocks[-1].norm1
    seen: list[torch.Tensor] = []

    def scores(channel: int, by: float) -> torch.Tensor:
        def move(module: object, args: object, out: torch.Tensor) -> torch.Tensor:
            seen.append(out)
            moved = out.clone()
            moved[:, 1:, channel] += by
            return moved

        hook = norm.register_forward_hook(move)
        score = (pair.encode(x) * pair.encode_text("a man")).sum(-1)
        hook.remove()
        return score

    with torch.no_grad():
        weights = torch.stack([(scores(c, 1e-4) - scores(c, -1e-4)) / 2e-4 for c in range(32)], 1)
        by_hand = (seen[0][:, 1:] * weights[:, None]).sum(-1).clamp_min(0)
    by_hand = by_hand / by_hand.amax(1, keepdim=True)
    torch.testing.assert_close(heat.flatten(1), by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("dense", [True, False])
def test_gradients_flow_where_they_should(frozen: bool, dense: bool) -> None:
    net = FaRLNetwork(ImageTower(TINY), 5, 2, dense, head_channels=16, frozen=frozen).train()
    out = net.from_features(net.frozen_features(torch.rand(2, 3, 32, 32)))
    assert out.shape == ((2, 5, 16, 16) if dense else (2, 5))
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.new_parameters())
    tuned = [p for p in net.tower.parameters() if p.grad is not None]
    assert bool(tuned) != frozen and len(net.tuned_parameters()) == (0 if frozen else len(list(net.tower.parameters())))
    assert net.tower.training != frozen


def test_layers_are_checked() -> None:
    tower = ImageTower(TINY)
    assert FaRLNetwork(tower, 3, layers=(5, 5, 5, 5)).layers == (5, 5, 5, 5)
    with pytest.raises(ValueError, match="from 1 to 12"):
        FaRLNetwork(tower, 3, layers=(4, 6, 8, 13))
    with pytest.raises(ValueError, match="four blocks"):
        FaRLNetwork(tower, 3, layers=(4, 12))
    assert FaRLNetwork(tower, 3, dense=False, layers=(12,))(torch.rand(1, 3, 32, 32)).shape == (1, 3)


@torch.no_grad()
def test_any_timm_vit_stands_in() -> None:
    tower = stand_in("vit_tiny_patch16_224", "none", 64, 0)
    net = FaRLNetwork(tower, 4, 1, layers=(3, 6, 9, 12), head_channels=16).eval()
    again = farl.network_from_dict(net.to_dict()).eval()
    again.load_state_dict(net.state_dict())
    x = torch.rand(1, 3, 64, 64)
    assert net.input_size == 64 and torch.equal(net(x), again(x)) and net(x).shape == (1, 4, 64, 64)
    for name, match in (("no_such_vit", "timm has no such model"), ("resnet18", "vision transformer")):
        with pytest.raises(ValueError, match=match):
            stand_in(name, "none", None, 0)
    with pytest.raises(ValueError, match="no embedded weights"):
        stand_in("vit_tiny_patch16_224", "embedded", None, 0)


@torch.no_grad()
def test_tokenizer_file_there_and_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokens = VisualTokenizer(64, 8, (8, 8, 16, 16)).eval()
    save_file(tokens.state_dict(), tmp_path / "tokens.safetensors")
    read = load_tokens(tmp_path / "tokens.safetensors")
    x = torch.rand(2, 3, 64, 64)
    ids = tokens.ids(x, 4)
    assert ids.shape == (2, 16) and ids.max() < 64 and torch.equal(ids, read.ids(x, 4))
    assert tokens.decode(tokens.encode(x)).shape == x.shape
    save_file({"w": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="other.safetensors"):
        load_tokens(tmp_path / "other.safetensors")


# A file as OpenAI's package writes it: a whole pickled module, whose classes nobody here has.
DALLE = """
import sys, types, torch
from collections import OrderedDict
from torch import nn
for name in ("dall_e", "dall_e.encoder", "dall_e.utils"):
    sys.modules[name] = types.ModuleType(name)
class Conv2d(nn.Module):
    def __init__(self, a, b, k):
        super().__init__()
        self.n_in, self.kw, self.device = a, k, torch.device("cpu")
        self.w, self.b = nn.Parameter(torch.randn(b, a, k, k) / (a * k * k) ** 0.5), nn.Parameter(torch.randn(b))
    def forward(self, x):
        return nn.functional.conv2d(x, self.w, self.b, padding=self.kw // 2)
class EncoderBlock(nn.Module):
    def __init__(self, a, b, layers):
        super().__init__()
        h, self.post_gain = b // 4, 1 / layers ** 2
        self.id_path = Conv2d(a, b, 1) if a != b else nn.Identity()
        parts = [("relu_1", nn.ReLU()), ("conv_1", Conv2d(a, h, 3)), ("relu_2", nn.ReLU()), ("conv_2", Conv2d(h, h, 3)),
            ("relu_3", nn.ReLU()), ("conv_3", Conv2d(h, h, 3)), ("relu_4", nn.ReLU()), ("conv_4", Conv2d(h, b, 1))]
        self.res_path = nn.Sequential(OrderedDict(parts))
    def forward(self, x):
        return self.id_path(x) + self.post_gain * self.res_path(x)
class Encoder(nn.Module):
    def __init__(self, w, vocabulary):
        super().__init__()
        c = (w, w, 2 * w, 4 * w, 8 * w)
        groups = [("input", Conv2d(3, w, 7))]
        for g in range(1, 5):
            blocks = [(f"block_{i + 1}", EncoderBlock(c[g] if i else c[g - 1], c[g], 8)) for i in range(2)]
            groups.append((f"group_{g}", nn.Sequential(OrderedDict(blocks + [("pool", nn.MaxPool2d(2))] * (g < 4)))))
        last = nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=Conv2d(8 * w, vocabulary, 1)))
        self.blocks = nn.Sequential(OrderedDict(groups + [("output", last)]))
    def forward(self, x):
        return self.blocks(x)
for cls, where in ((Conv2d, "dall_e.utils"), (EncoderBlock, "dall_e.encoder"), (Encoder, "dall_e.encoder")):
    cls.__module__ = where
    setattr(sys.modules[where], cls.__name__, cls)
torch.manual_seed(0)
net = Encoder(8, 40)
x = torch.rand(1, 3, 32, 32)
torch.save(net, sys.argv[1])
torch.save({"x": x, "ids": net(0.8 * x + 0.1).argmax(1).flatten(1)}, sys.argv[2])
"""


def test_dalles_file_is_read_without_running_it(tmp_path: Path) -> None:
    file, seen = tmp_path / "encoder.pkl", tmp_path / "seen.pt"
    subprocess.run([sys.executable, "-c", DALLE, str(file), str(seen)], check=True)
    tokens, known = load_tokens(file), torch.load(seen, weights_only=True)
    assert tokens.vocabulary == 40 and torch.equal(tokens.ids(known["x"], 4), known["ids"])
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(ValueError, match="expected a tokenizer.*DALL-E.*got a text file"):
        load_tokens(tmp_path / "bad.pkl")
