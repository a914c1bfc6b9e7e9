"""A misspelt name gets the similar one that exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.core.arguments import check_choice, suggestion

IMAGE, MASK = np.zeros((64, 64, 3), np.uint8), np.eye(64, dtype=np.uint8)
POINTS = np.array([[[20.0, 20.0], [44.0, 20.0], [32.0, 44.0]]])


@pytest.mark.parametrize(
    ("name", "found"),
    [("landmark", "did you mean 'landmarks'?"), ("FARL", "did you mean 'FaRL'?"), ("nose", "look"), (3, "look")],
)
def test_suggestion(name: Any, found: str) -> None:
    assert suggestion(name, ["landmarks", "FaRL"], "look") == found


def test_a_choice_without_a_similar_name() -> None:
    with pytest.raises(ValueError, match=r"colour='nose': expected one of 'red', 'green'; choose one$"):
        check_choice("nose", "colour", ["red", "green"])


def adapt(task: str = "landmarks", backbone: str = "fsma", **options: Any) -> Any:
    labels = MASK if task == "segmentation" else POINTS
    return facekit.adapt(IMAGE, labels, task, backbone, progress=False, **options)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: adapt("landmark"), "landmarks"),
        (lambda: adapt(backbone="FSMA"), "fsma"),
        (lambda: adapt(backbone="fmsa"), "fsma"),
        (lambda: adapt(recipe="quik"), "quick"),
        (lambda: adapt(recipe="papr"), "paper"),
        (lambda: adapt(align="landmark"), "landmarks"),
        (lambda: facekit.load_backbone("synthparser"), "synthparse"),
        (lambda: facekit.pretrain("inverson", "faces", out="o.safetensors"), "inversion"),
        (lambda: facekit.pretrain("tokenizer", "generated:4", out="o.safetensors", preset="min"), "mini"),
        (lambda: facekit.predict("segmentaton", IMAGE), "segmentation"),
        (lambda: facekit.find_faces(IMAGE, detector="yolonet"), "yunet"),
    ],
)
def test_a_similar_name_is_suggested(
    call: Callable[[], Any], name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=rf"expected .*did you mean '{name}'\?$"):
        call()


def test_a_similar_public_name_is_suggested() -> None:
    with pytest.raises(AttributeError, match=r"facekit has no 'predct': did you mean 'predict'\?$"):
        facekit.predct  # noqa: B018
    with pytest.raises(AttributeError, match="facekit has no 'qqqq': its public names are Adaptation, "):
        facekit.qqqq  # noqa: B018
