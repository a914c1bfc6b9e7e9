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
from facekit.labels import FASSEG_6, LAPA_11, SYNTHPARSE_11
from facekit.page import parsing_tab as parsing
from facekit.page.components import example_photo
from facekit.page.image_tab import CROP, PHOTO
from facekit.page.label_adapter_part import load_example, train
from facekit.page.parsing_tab import (
    ADAPTED,
    ANNOTATORS,
    BOTH,
    NO_FACE,
    ONE_VIEW,
    OWN,
    PARSER,
    PLAIN,
    change_opacity,
    change_view,
    find_parts,
    legend,
    load_own,
    overlay,
    select_view,
    shares,
)
from facekit.page.photo_analysis import join_faces
from facekit.results.faces import Faces
from facekit.results.types import Segmentation
from facekit.zoo import embedded_file

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
        assert model in ("segmentation", "segmentation-fasseg") and image.shape == (*SIZE, 3)
        asked.append(settings)
        return result

    monkeypatch.setattr(facekit, "predict", predict)
    return asked


def pixels(component: Any) -> Any:
    """The image of a component, both images of a slider; None where it is hidden."""
    if not component.visible:
        return None
    value = component.value
    files = value if isinstance(value, (tuple, list)) else [value]
    images = [np.array(Image.open(file["path"] if isinstance(file, dict) else file)) for file in files]
    return images if isinstance(component, gr.ImageSlider) else images[0]


def file_of(button: gr.DownloadButton) -> np.ndarray:
    with Image.open(button.value["path"]) as image:
        assert image.mode == "P"
        return np.array(image)


def test_views_of_several_faces(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    faces = [parsed(2, True), parsed(25, True), parsed(58, True)]
    asked = answers(monkeypatch, Faces(faces))
    results, view, drawn, pair, text, named, file = find_parts(photo, PHOTO, 0.5, ADAPTED)
    assert asked == [{"align": None}] and "3 faces" in text and ONE_VIEW not in text
    assert view.visible and view.value == BOTH
    both = pixels(pair)
    assert pixels(drawn) is None and both[0].shape == (*SIZE, 3) and "%" in named
    ids = file_of(file)
    assert ids.shape == SIZE and not ids[41:].any() and ids[20, 20] == 1 and ids[28, 15] == NOSE

    unadapted, slider, named_unadapted, file = change_view(results, PARSER, 0.5)
    ids = file_of(file)
    assert ids[45, 10] == SKIN and ids[28, 72] == NOSE and "skin ears neck" in named_unadapted
    assert "skin ears neck" not in named and pixels(slider) is None
    adapted, *_ = change_view(results, ANNOTATORS, 0.5)
    np.testing.assert_array_equal(pixels(unadapted), both[0])
    np.testing.assert_array_equal(pixels(adapted), both[1])
    assert not np.array_equal(*both)


def test_a_parser_without_adapter_says_so(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    answers(monkeypatch, parsed(30, False))
    results, view, drawn, pair, text, _, file = find_parts(photo, CROP, 0.5, PLAIN)
    assert pixels(pair) is None and pixels(drawn).shape == (*SIZE, 3)
    assert not view.visible and view.value == PARSER and "1 face**" in text and ONE_VIEW in text
    assert np.array_equal(file_of(file), results[0].mask)


def test_a_crop_is_not_searched(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    asked = answers(monkeypatch, parsed(30, False))
    find_parts(photo, CROP, 0.5)
    assert asked == [{"align": "none"}]


def test_nobody_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, photo: str) -> None:
    answers(monkeypatch, Faces([], image=np.full((*SIZE, 3), 120, np.uint8)))
    results, view, drawn, pair, text, named, file = find_parts(photo, PHOTO, 0.5)
    assert results is None and not view.visible and text == NO_FACE and named == "" and not file.interactive
    assert (pixels(drawn) == 120).all() and pixels(pair) is None
    with pytest.raises(gr.Error, match="an image, got none"):
        find_parts(None, PHOTO, 0.5)
    assert change_view(None, PARSER, 0.5) == (gr.skip(),) * 4 and change_opacity(None, PARSER, 0.5) == (gr.skip(),) * 2


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
    shown, pair = change_opacity([result], PARSER, 1.0)
    np.testing.assert_array_equal(pixels(shown), overlay(result, 1.0))
    assert pixels(pair) is None and len(pixels(change_opacity([result], BOTH, 1.0)[1])) == 2
    monkeypatch.setattr(parsing, "LARGEST", 45)
    assert overlay(result, 0.5).shape == (30, 45, 3)


@pytest.mark.parametrize("choice", [PLAIN, ADAPTED])
def test_the_ready_models_on_a_real_photo(choice: str) -> None:
    path = example_photo()
    assert path is not None
    results, view, drawn, pair, text, named, file = find_parts(path, PHOTO, 0.5, choice)
    assert len(results) == 1 and "1 face**" in text and view.visible == (choice == ADAPTED)
    images = [pixels(drawn)] if choice == PLAIN else pixels(pair)
    assert {image.shape for image in images} == {results[0].image.shape}
    assert file_of(file).shape == results[0].mask.shape and "hair" in named and "nose" in named


def test_an_own_model_and_a_label_adapter(tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="upload a .facekit file, or train a label adapter below"):
        find_parts(example_photo(), PHOTO, 0.5, OWN)
    with pytest.raises(gr.Error, match="expected a zip file of labels, got none"):
        train(None, 2)
    model, text, file = train(load_example(), 2)
    assert model.adapter is not None and set(model.task.labels.classes) == set(FASSEG_6.classes) and "16 images" in text
    loaded, about, choice = load_own(file.value["path"])
    assert choice == OWN and "with a label adapter" in about and "hair and brows" in about
    results, view, *_ = find_parts(example_photo(), PHOTO, 0.5, OWN, loaded)
    assert view.visible and results[0].unadapted.labels.classes == loaded.unadapted.task.labels.classes
    assert load_own(None)[0] is None
    facekit.load(embedded_file("landmarks")).save(other := tmp_path / "points.facekit")
    with pytest.raises(gr.Error, match="points.facekit: expected a model of parts, got one for landmarks"):
        load_own(str(other))
    other.write_bytes(b"no model")
    with pytest.raises(gr.Error, match="points.facekit"):
        load_own(str(other))
