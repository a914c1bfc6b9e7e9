"""The handlers of the tab "In the wild" work when they are called as the browser calls them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.labels import LAPA_11, SYNTHPARSE_11
from facekit.page import parsing_tab as parsing
from facekit.page.components import example_photo
from facekit.page.image_tab import CROP, PHOTO
from facekit.page.parsing_tab import (
    ANNOTATORS,
    NO_FACE,
    ONE_VIEW,
    PARSER,
    change_opacity,
    change_view,
    find_parts,
    join_faces,
    legend,
    overlay,
    select_view,
    shares,
)
from facekit.results.faces import Faces
from facekit.results.types import Segmentation

SIZE = (60, 90)
SKIN, NOSE, HAIR = (SYNTHPARSE_11.index(name) for name in ("skin_ears_neck", "nose", "hair"))


def parsed(left: int, adapted: bool) -> Segmentation:
    """A face of 30 x 40 px in a grey image; its adapter leaves out the lowest rows."""
    image = np.full((*SIZE, 3), 120, np.uint8)
    mask = np.zeros(SIZE, np.uint8)
    mask[10:50, left : left + 30] = SKIN
    mask[25:31, left + 12 : left + 18] = NOSE
    unadapted = Segmentation(mask, SYNTHPARSE_11, image, (left, 10, left + 30, 50))
    if not adapted:
        return unadapted
    drawn = mask.copy()
    drawn[40:] = 0
    return Segmentation(drawn, LAPA_11, image, unadapted.box, unadapted)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    Image.new("RGB", SIZE[::-1], (120, 120, 120)).save(path := tmp_path / "photo.png")
    return str(path)


def answers(monkeypatch: pytest.MonkeyPatch, result: Any) -> list[dict[str, Any]]:
    """Puts `result` in the ready parser's place; the keywords it was asked with."""
    asked: list[dict[str, Any]] = []

    def predict(model: str, image: np.ndarray, **settings: Any) -> Any:
        assert model == "segmentation" and image.shape == (*SIZE, 3)
        asked.append(settings)
        return result

    monkeypatch.setattr(facekit, "predict", predict)
    return asked


def file_of(button: gr.DownloadButton) -> np.ndarray:
    with Image.open(button.value["path"]) as image:
        assert image.mode == "P"
        return np.array(image)


def test_both_views_of_several_faces(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    faces = [parsed(2, True), parsed(25, True), parsed(58, True)]
    asked = answers(monkeypatch, Faces(faces))
    results, view, drawn, text, named, file = find_parts(photo, PHOTO, 0.5)
    assert asked == [{"align": None}] and "3 faces" in text and ONE_VIEW not in text
    assert view.visible and view.value == ANNOTATORS
    assert drawn.shape == (*SIZE, 3) and "%" in named
    both = file_of(file)
    assert both.shape == SIZE and not both[41:].any() and both[20, 20] == 1 and both[28, 15] == NOSE

    unadapted, named_unadapted, file = change_view(results, PARSER, 0.5)
    ids = file_of(file)
    assert ids[45, 10] == SKIN and ids[28, 72] == NOSE and "skin ears neck" in named_unadapted
    assert "skin ears neck" not in named and not np.array_equal(unadapted, drawn)
    again, *_ = change_view(results, ANNOTATORS, 0.5)
    assert np.array_equal(again, drawn)


def test_a_parser_without_adapter_says_so(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    answers(monkeypatch, parsed(30, False))
    results, view, _, text, _, file = find_parts(photo, CROP, 0.5)
    assert not view.visible and view.value == PARSER and "1 face**" in text and ONE_VIEW in text
    assert np.array_equal(file_of(file), results[0].mask)


def test_a_crop_is_not_searched(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    asked = answers(monkeypatch, parsed(30, False))
    find_parts(photo, CROP, 0.5)
    assert asked == [{"align": "none"}]


def test_nobody_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    answers(monkeypatch, Faces([], image=np.full((*SIZE, 3), 120, np.uint8)))
    results, view, drawn, text, named, file = find_parts(photo, PHOTO, 0.5)
    assert results is None and not view.visible and text == NO_FACE and named == "" and not file.interactive
    assert (drawn == 120).all()
    with pytest.raises(gr.Error, match="an image, got none"):
        find_parts(None, PHOTO, 0.5)
    nothing = (gr.skip(), gr.skip(), gr.skip())
    assert change_view(None, PARSER, 0.5) == nothing and change_opacity(None, PARSER, 0.5) == gr.skip()


def test_where_faces_meet_the_first_is_kept() -> None:
    first, second = parsed(20, False), parsed(30, False)
    second = dataclasses.replace(second, mask=np.where(second.mask > 0, HAIR, 255).astype(np.uint8))
    whole = join_faces([first, second]).mask
    assert whole[15, 40] == SKIN and whole[15, 55] == HAIR and whole[0, 0] == 0
    assert np.array_equal(select_view([first, second], ANNOTATORS).mask, whole), "unadapted or not, it is all there is"


def test_shares_are_of_the_pixels_with_a_class() -> None:
    result = parsed(30, False)
    found = shares(result)
    assert [name for name, _, _ in found] == ["skin ears neck", "nose"]
    assert found[1][2] == pytest.approx(36 / 1200) and sum(share for _, _, share in found) == pytest.approx(1)
    nothing = dataclasses.replace(result, mask=np.full(SIZE, 255, np.uint8))
    assert shares(nothing) == [] and "%" not in legend(nothing)
    odd = dataclasses.replace(SYNTHPARSE_11, classes=("background", "<i>", *SYNTHPARSE_11.classes[2:]))
    named = Segmentation(result.mask, odd, result.image)
    assert "<i>" not in legend(named)


def test_opacity_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    result = parsed(30, False)
    drawn = overlay(result, 1.0)
    assert (overlay(result, 0.0)[20, 50] == 120).all() and (drawn[20, 50] != 120).any()
    # A tint keeps the luma; the nose gets all of its hue.
    assert abs(drawn[28, 44] @ [0.299, 0.587, 0.114] - 120) < 1
    assert (np.argsort(drawn[28, 44]) == np.argsort(SYNTHPARSE_11.palette[NOSE])).all()
    assert np.array_equal(change_opacity([result], PARSER, 1.0), overlay(result, 1.0))
    monkeypatch.setattr(parsing, "LARGEST", 45)
    assert overlay(result, 0.5).shape == (30, 45, 3)


def test_the_ready_parser_on_a_real_photo() -> None:
    path = example_photo()
    assert path is not None
    results, _, drawn, text, named, file = find_parts(path, PHOTO, 0.5)
    assert len(results) == 1 and "1 face**" in text and drawn.shape == results[0].image.shape
    assert file_of(file).shape == drawn.shape[:2] and "hair" in named and "nose" in named
