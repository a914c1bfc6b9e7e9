"""A whole batch is augmented exactly as its images one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from facekit.api.shards import make_shards
from facekit.augmentation.affine import Affine, TanhMoves, jitter, random_matrices, warp, warp_masks, warp_points
from facekit.core import device as device_module
from facekit.core.random_streams import generator_for
from facekit.data.named_pools import open_pool
from facekit.data.synthetic_faces.generator import GeneratedFaces


def sources(numbers: list[int]) -> list[torch.Generator]:
    return [generator_for(3, number, 6) for number in numbers]


@pytest.mark.parametrize("side", [64, 130])
def test_colours_of_a_batch_are_those_of_its_images(side: int) -> None:
    images = torch.rand(6, 3, side, side, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    together = jitter(images, 0.3, sources(list(range(6))))
    alone = torch.cat([jitter(images[i : i + 1], 0.3, sources([i])) for i in range(6)])
    # Threads add the mean of a single image in another order: some roundings of values up to 1.
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    turned = jitter(images.flip(0), 0.3, sources(list(range(5, -1, -1)))).flip(0)
    assert torch.equal(turned, together), "neighbours change nothing"
    assert torch.equal(images, before) and not torch.equal(together[0], together[1])
    torch.testing.assert_close(jitter(images, 0.0, sources(list(range(6)))), images, rtol=0, atol=1e-6)


def test_colours_need_a_source_for_each_image() -> None:
    with pytest.raises(ValueError, match="expected one generator per image, got 2 for 3 images"):
        jitter(torch.rand(3, 3, 8, 8), 0.3, sources([0, 1]))


@pytest.mark.parametrize("alpha", [None, 0.8])
def test_labels_of_a_batch_move_as_one_by_one(alpha: float | None) -> None:
    draws = torch.Generator().manual_seed(1)
    matrices, _ = random_matrices(5, Affine(20, (0.8, 1.2), 0.1, 0.5), draws)
    masks = torch.randint(9, (5, 40, 40), generator=draws, dtype=torch.uint8)
    points = 40 * torch.rand(5, 7, 2, generator=draws)

    def moves(part: slice) -> Tensor | TanhMoves:
        return matrices[part] if alpha is None else TanhMoves(matrices[part], alpha)

    whole, single = slice(0, 5), [slice(i, i + 1) for i in range(5)]
    assert torch.equal(
        warp_masks(masks, moves(whole), 32), torch.cat([warp_masks(masks[i], moves(i), 32) for i in single])
    )
    alone = torch.cat([warp_points(points[i], moves(i), 40, 32) for i in single])
    torch.testing.assert_close(warp_points(points, moves(whole), 40, 32), alone, rtol=0, atol=1e-4)
    # A point's pixel is where an image of it goes.
    dots = torch.zeros(5, 1, 40, 40)
    for dot, (x, y) in zip(dots, [(20, 20)] * 5, strict=True):
        dot[0, y - 1 : y + 2, x - 1 : x + 2] = 1
    seen = warp(dots, moves(whole), 40)[:, 0]
    place = warp_points(torch.full((5, 1, 2), 20.0), moves(whole), 40, 40)[:, 0]
    axis = torch.arange(40.0)
    middle = torch.stack([(seen.sum(1) * axis).sum(1), (seen.sum(2) * axis).sum(1)], 1) / seen.sum((1, 2))[:, None]
    assert (middle - place).abs().max() < 0.6


def test_generated_faces_are_rendered_where_work_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Pools take the training's device, shards the best one or the one that was asked for."""
    seen: list[str] = []
    begin = GeneratedFaces.__init__

    def recorded(self: GeneratedFaces, *rest: Any, **named: Any) -> None:
        begin(self, *rest, **named)
        seen.append(str(self.device))
        self.device = torch.device("cpu")  # of another device there is none here

    monkeypatch.setattr(GeneratedFaces, "__init__", recorded)
    monkeypatch.setattr(device_module, "_checked", torch.device)
    open_pool(["generated:2"], 64, tmp_path, False, device="cuda:1")
    make_shards(["generated:1"], tmp_path / "asked", size=64, progress=False, device="cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    make_shards(["generated:1"], tmp_path / "best", size=64, progress=False)
    assert seen == ["cuda:1", "cuda:2", "cuda"]
