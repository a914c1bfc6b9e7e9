"""Fields of configurations that were renamed still work, with a warning."""

from __future__ import annotations

import dataclasses

import pytest

from facekit.backbones.pftgan.config import StyleGAN2Pretraining
from facekit.training.config_overrides import RENAMED, overridden


@pytest.mark.parametrize(
    ("old", "value"), [("ema_pictures", 7), ("ada_pictures", 7), ("again", 7), ("judged_again", True)]
)
def test_an_old_name_sets_the_new_field(old: str, value: int) -> None:
    recipe = StyleGAN2Pretraining()
    with pytest.warns(DeprecationWarning, match=RENAMED[old]):
        changed = overridden(recipe, {old: value}, "stylegan2")
    assert changed == dataclasses.replace(recipe, **{RENAMED[old]: value})
