"""Helen, LaPa and iBugMask return their own label sets, too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import H, W, drawn, image, lapa, lines, save, text_points

from facekit.data.datasets import helen_faces, ibugmask_faces, lapa_faces
from facekit.labels import CELEBAMASK_19, HELEN_11, LAPA_11, SYNTHPARSE_11, SegmentationSet


def check_mask(mask: np.ndarray, labels: SegmentationSet) -> None:
    """Check that a class of `drawn` has the id that the set gives it."""
    for name, row, column in (("hair", 4, 20), ("left_brow", 17, 14), ("right_eye", 21, 30), ("nose", 28, 23)):
        assert mask[row, column] == labels.index(name), name
    skin = next(name for name in ("skin", "skin_ears_neck") if name in labels.classes)
    assert mask[50, 20] == labels.index(skin)


@pytest.mark.parametrize("labels", [HELEN_11, SYNTHPARSE_11, CELEBAMASK_19], ids=lambda s: s.name)
def test_helen_in_a_set(tmp_path: Path, labels: SegmentationSet) -> None:
    save(tmp_path / "images/7_1.jpg", image())
    for k in range(11):
        save(tmp_path / f"labels/7_1/7_1_lbl{k:02d}.png", ((drawn() == k) * 255).astype(np.uint8))
    (tmp_path / "testing.txt").write_text("1 , 7_1\n")
    face = helen_faces(tmp_path, "test", labels)[0]
    assert face.labels is labels
    check_mask(face.mask, labels)
    assert helen_faces(tmp_path, "test")[0].labels is SYNTHPARSE_11
    assert face.box == helen_faces(tmp_path, "test")[0].box


@pytest.mark.parametrize("labels", [LAPA_11, SYNTHPARSE_11, CELEBAMASK_19], ids=lambda s: s.name)
def test_lapa_in_a_set(tmp_path: Path, labels: SegmentationSet) -> None:
    lapa(tmp_path, drawn())
    face = lapa_faces(tmp_path, labels=labels)[0]
    assert face.labels is labels and lapa_faces(tmp_path)[0].labels is SYNTHPARSE_11
    check_mask(face.mask, labels)


@pytest.mark.parametrize("points", [True, False])
@pytest.mark.parametrize("labels", [LAPA_11, SYNTHPARSE_11, CELEBAMASK_19], ids=lambda s: s.name)
def test_ibugmask_in_a_set(tmp_path: Path, labels: SegmentationSet, points: bool) -> None:
    save(tmp_path / "test/a.jpg", image(size=(H, W)))
    save(tmp_path / "test/a.png", drawn())
    if points:
        (tmp_path / "test/a_landmark.txt").write_text("# 68\n" + lines(text_points(68)))
    face = ibugmask_faces(tmp_path, labels=labels)[0]
    assert face.labels is labels and ibugmask_faces(tmp_path)[0].labels is SYNTHPARSE_11
    check_mask(face.mask, labels)
