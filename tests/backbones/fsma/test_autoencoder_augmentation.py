"""Colour changes and erased rectangles in the pre-training of the auto-encoder."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from facekit.backbones.fsma.autoencoder import AutoEncoderSize
from facekit.backbones.fsma.config import FSMAPretraining
from facekit.backbones.fsma.pretraining import Pretraining, erasing_mask

CPU = torch.device("cpu")


class Grey:
    """A pool of grey crops; each has its own brightness."""

    side = 160

    def __len__(self) -> int:
        return 6

    def __getitem__(self, indices: Tensor) -> Tensor:
        return (60 + 20 * indices)[:, None, None, None].expand(-1, 3, self.side, self.side).to(torch.uint8)


def program(**changes: float) -> Pretraining:
    recipe = dataclasses.replace(FSMAPretraining(batch_size=4), **changes)
    return Pretraining(Grey(), AutoEncoderSize(128, 8), recipe, 4, CPU)


def test_erasing_mask_is_one_rectangle() -> None:
    draws = torch.tensor([[0.5, 0.25, 0.0, 0.5], [0.0, 0.0, 0.3, 0.3]])
    mask = erasing_mask(draws, 0.8, 10)
    expected = torch.ones(10, 10)
    # Height 0.4 and width 0.2 of the side; the top left corner lies at 0 and 0.5 * (1 - 0.2).
    expected[0:4, 4:6] = 0
    torch.testing.assert_close(mask[0, 0], expected)
    assert mask[1].min() == 1


def test_every_image_has_its_own_colours() -> None:
    plain, changed = program(), program(jitter=0.3)
    x = changed.batch(2)
    assert not torch.allclose(x, plain.batch(2))
    torch.testing.assert_close(changed.batch(2, slice(1, 3)), x[1:3])
    assert not torch.allclose(x, changed.batch(3))
    assert (x.mean((2, 3)).std(dim=1) > 0).all(), "the colour balance changes, too"


def test_inputs_are_erased_and_targets_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    erasing = program(erase=0.5)
    seen: list[Tensor] = []
    forward = erasing.net.Q.forward
    monkeypatch.setattr(erasing.net.Q, "forward", lambda x: seen.append(x) or forward(x))
    erasing.step(0)
    erased = (seen[0] == 0).all(dim=1).float().mean((1, 2))
    assert (erased < 0.25 + 1e-6).all() and erased.max() > 0.01
    x = erasing.net.normalise(erasing.batch(0))
    torch.testing.assert_close(seen[0][seen[0] != 0], x[seen[0] != 0])
    assert (x != 0).all()


def test_default_changes_nothing() -> None:
    recipe = FSMAPretraining()
    assert (recipe.jitter, recipe.erase) == (0.0, 0.0)
    for wrong in ({"jitter": -0.1}, {"erase": 1.5}):
        with pytest.raises(ValueError, match="from 0 to 1"):
            FSMAPretraining(**wrong)  # type: ignore[arg-type]
