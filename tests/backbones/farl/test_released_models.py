"""Archives with the layout of facer's and OpenAI's files are read without running them, and give the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.facer_replica import CLIP, SIDE, Aligner, Parser, drawn, save_aligner, save_clip, save_parser
from torch import nn

import facekit
from facekit.backbones.farl.released_models import CELEBM_ORDER
from facekit.labels import CELEBAMASK_19
from facekit.model import find_backbone

farl = find_backbone("farl")


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **settings: Any) -> None:
        raise AssertionError("an archive was executed")

    monkeypatch.setattr(torch.jit, "load", refused)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_parsing_of_lapa(tmp_path: Path) -> None:
    path, parser, x = tmp_path / "lapa.pt", drawn(Parser(11)), torch.rand(2, 3, SIDE, SIDE)
    save_parser(parser, path)
    model = facekit.load(path, "cpu")
    close(model.network(x), parser(x))
    assert model.task.labels.name == "lapa11" and model.align == "tanh" and model.input_size == SIDE
    close(model.maps(x), parser(x))  # not averaged with the mirrored image
    image = (255 * np.random.default_rng(0).random((90, 100, 3))).astype(np.uint8)
    result = model.predict(image, align="none")
    model.save(tmp_path / "lapa.facekit")
    again = facekit.load(tmp_path / "lapa.facekit", "cpu")
    assert np.array_equal(again.predict(image, align="none").mask, result.mask) and again.align == "tanh"
    assert np.array_equal(facekit.predict(str(path), image, align="none").mask, result.mask)


@torch.no_grad()
def test_parsing_of_celebamask_is_put_in_order(tmp_path: Path) -> None:
    path, parser, x = tmp_path / "celebm.pt", drawn(Parser(19)), torch.rand(2, 3, SIDE, SIDE)
    save_parser(parser, path)
    model = facekit.load(path, "cpu")
    assert model.task.labels is CELEBAMASK_19 and model.align == "ffhq"
    assert sorted(CELEBM_ORDER) == sorted(CELEBAMASK_19.classes)
    theirs = parser(x)
    for ours, name in zip(model.network(x).unbind(1), CELEBAMASK_19.classes, strict=True):
        close(ours, theirs[:, CELEBM_ORDER.index(name)])


@pytest.mark.parametrize(("points", "labels"), [(68, "68"), (98, "98"), (19, "19")])
@torch.no_grad()
def test_landmarks(tmp_path: Path, points: int, labels: str) -> None:
    path, aligner, x = tmp_path / "points.pt", drawn(Aligner(points)), torch.rand(2, 3, SIDE, SIDE)
    aligner.heatmap_head.head.conv_seg.weight.mul_(40)
    save_aligner(aligner, path)
    model = facekit.load(path, "cpu")
    assert model.task.labels.name == labels and model.align == "mean-wide" and model.task.heatmaps == "farl-released"
    heatmaps = aligner(x)
    close(model.maps(x).sigmoid(), heatmaps)
    # heatmap2points of FaRL's code, in pixels of the crop.
    ys, xs = torch.meshgrid(*2 * [torch.arange(SIDE // 4) + 0.5], indexing="ij")
    mass = heatmaps.sum((2, 3))
    theirs = 4 * torch.stack([(heatmaps * xs).sum((2, 3)) / mass, (heatmaps * ys).sum((2, 3)) / mass], -1) - 0.5
    ours = torch.from_numpy(np.stack(model.task.decode(model.maps(x)))[..., :2])
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.01)
    assert (theirs - theirs.mean((0, 1))).abs().max() > 5, "px of 64"
    image = (255 * np.random.default_rng(0).random((90, 100, 3))).astype(np.uint8)
    found = model.predict(image, align="none").points
    model.save(tmp_path / "points.facekit")
    assert np.array_equal(facekit.load(tmp_path / "points.facekit", "cpu").predict(image, align="none").points, found)


def test_each_tensor_is_used_or_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.pt"

    def refused(network: Any, match: str, save: Any = save_parser) -> None:
        save(drawn(network), path)
        with pytest.raises(ValueError, match=f"wrong.pt.*{match}"):
            facekit.load(path)

    refused(Parser(12), "11 or 19 outputs, got 12")
    refused(Aligner(11), "19 or 68 or 98 outputs, got 11", save_aligner)
    parser = Parser(11)
    parser.backbone.visual.surplus = nn.Parameter(torch.zeros(1))
    refused(parser, "left over: surplus")
    parser = Parser(11)
    parser.head.head.auxiliary = nn.Linear(2, 2)
    refused(parser, "left over: uper.auxiliary")
    parser = Parser(11)
    parser.extra = nn.Linear(2, 2)
    refused(parser, "left over: extra.weight")
    parser = Parser(11)
    parser.head.head.fpn_bottleneck.bn = nn.Identity()  # type: ignore[assignment]
    refused(parser, "missing: uper.fpn_bottleneck.bn.weight")
    parser = Parser(11)
    parser.backbone.image_mean.zero_()
    refused(parser, "image_mean: expected .*CLIP's")
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"wrong.pt: expected a model of facer .*got tensors conv1.weight"):
        facekit.load(path)


def test_a_parser_is_no_tower(tmp_path: Path) -> None:
    save_parser(drawn(Parser(11)), tmp_path / "lapa.pt")
    with pytest.raises(ValueError, match="lapa.pt.*facekit.load"):
        farl.load(tmp_path / "lapa.pt")


@pytest.mark.parametrize("half", [False, True])
@torch.no_grad()
def test_openais_archive_is_a_tower(tmp_path: Path, half: bool) -> None:
    path, clip = tmp_path / "ViT-B-16.pt", drawn(CLIP())
    clip.float()
    clip = clip.half() if half else clip
    save_clip(clip, path)
    clip = clip.float()
    pair = farl.load(path)
    assert pair.image.input_size == SIDE and pair.text is not None
    x, texts = torch.rand(2, 3, SIDE, SIDE), ["a woman with glasses", "a man"]
    ids = pair.text.tokenize(texts)
    ids = F.pad(ids, (0, 77 - ids.shape[1]))
    images, words = clip(pair.image.normalise(x), ids)
    close(pair.encode(x), F.normalize(images, dim=-1))
    close(pair.encode_text(texts), F.normalize(words, dim=-1))
    assert pair.logit_scale.item() == pytest.approx(2.66, abs=2e-3)
    maps = facekit.load_backbone("farl", weights=path).features(torch.rand(1, 3, 2 * SIDE, 2 * SIDE))
    assert [tuple(m.shape) for m in maps] == [(1, 128, 8, 8)] * 4
