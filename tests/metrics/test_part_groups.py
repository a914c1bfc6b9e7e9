"""Helen's merged parts are one class in both masks before F1 is computed."""

from __future__ import annotations

import numpy as np
import pytest

from facekit.labels import FASSEG_6, HELEN_11, LAPA_11, segmentation_set
from facekit.metrics import HELEN_GROUPS, confusion, f1_by_group, merged_f1

SKIN, LEFT_BROW, RIGHT_BROW, LEFT_EYE, RIGHT_EYE, NOSE, UPPER_LIP, INNER_MOUTH, LOWER_LIP, HAIR = range(1, 11)


def test_groups_by_hand() -> None:
    truth = np.array([LEFT_BROW, RIGHT_BROW, LEFT_EYE, NOSE, NOSE, UPPER_LIP, INNER_MOUTH, LOWER_LIP, SKIN, HAIR])
    found = np.array([RIGHT_BROW, RIGHT_BROW, NOSE, NOSE, SKIN, UPPER_LIP, UPPER_LIP, SKIN, LOWER_LIP, SKIN])
    scores = f1_by_group(confusion(found, truth, 11), HELEN_11)
    # Brows: both pixels are brows in both masks. Eyes: one pixel, taken for the nose. Mouth: 3 in the truth, 3 found,
    # 2 in common. Overall: 8 in the truth, 7 found, 6 in common; an eye that is called a nose is right.
    assert scores == pytest.approx({"brows": 1.0, "eyes": 0.0, "mouth": 2 * 2 / (3 + 3), "overall": 2 * 6 / (8 + 7)})


def test_merged_masks_are_an_independent_way() -> None:
    rng = np.random.default_rng(0)
    truth, found = rng.integers(0, 11, (2, 40, 40))
    found = np.where(rng.random((40, 40)) < 0.5, truth, found)
    table = confusion(found, truth, 11)
    for group, names in HELEN_GROUPS.items():
        ids = [LAPA_11.index(name) for name in names]
        a, b = np.isin(found, ids), np.isin(truth, ids)
        assert f1_by_group(table, LAPA_11)[group] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))


def test_overall_pools_pixels_as_fsmas_figures_do() -> None:
    """FSMA's Table 2 has overall above the mean: small brows with a low F1 change pooled pixels less than a mean."""
    truth = np.repeat([LEFT_BROW, LEFT_EYE, NOSE, UPPER_LIP], [10, 10, 100, 80])
    found = truth.copy()
    found[:5] = SKIN
    scores = f1_by_group(confusion(found, truth, 11), HELEN_11)
    assert scores["overall"] == pytest.approx(2 * 195 / (200 + 195))
    assert scores["overall"] > (scores["brows"] + scores["eyes"] + scores["mouth"] + 1) / 4


def test_other_sets_have_no_groups() -> None:
    assert f1_by_group(np.eye(6, dtype=np.int64), FASSEG_6) == {}
    own = segmentation_set([*HELEN_11.classes, "overall"])
    assert f1_by_group(np.eye(12, dtype=np.int64), own) == {}, "the user's own class keeps its name"
    assert np.isnan(merged_f1(np.zeros((3, 3), np.int64), [1, 2]))
