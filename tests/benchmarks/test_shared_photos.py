"""The faces that score few-shot models are none that embedded weights were pre-trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.ready_models.shared_photos import shared_photos
from facekit.papers.face_data import ALSO_IN_CELEBAHQ128, celebamask


@pytest.mark.slow
def test_unseen_faces_are_not_in_celebahq128(data: Path) -> None:
    assert {name for name in shared_photos("celebahq128") if name >= "0800"} == ALSO_IN_CELEBAHQ128
    parts = {part: celebamask(data / "celebamask", part).items for part in ("train", "validation", "unseen")}
    names = {part: {row["image"] for row in rows} for part, rows in parts.items()}
    assert names["unseen"] == names["validation"] - ALSO_IN_CELEBAHQ128 and len(names["unseen"]) == 70
    assert not names["unseen"] & names["train"]
