"""The handlers of the tab "One face, many parts" work when they are called as the browser calls them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
import torch
from PIL import Image

import facekit
from facekit.backbones.pftgan.config import QUICK
from facekit.labelling import PartLabels
from facekit.page import generator_part, parts_model, parts_results, parts_tab
from facekit.page.generator_part import load_generator, sample_faces
from facekit.page.image_tab import CROP, PHOTO
from facekit.page.label_editor import NO_IMAGES
from facekit.page.label_sheet import PARTS, Sheet, parts_in
from facekit.page.parts_model import (
    AS_IT_IS,
    TUNED,
    adapt,
    estimate_cost,
)
from facekit.page.parts_results import draw_uncertainty, predict_parts, stream_view
from facekit.page.parts_tab import choose, load_example, rename
from facekit.zoo import embedded_file

NAMES = "face, hair"
SHORT: dict[str, Any] = {
    "views": 1,
    "least_views": 1,
    "members": 2,
    "classifier_epochs": 2,
    "pixels": 400,
    "device": "cpu",
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and small images, short trainings."""
    monkeypatch.setattr(parts_tab, "EXAMPLE_SIDE", 48)
    monkeypatch.setattr(parts_tab, "UNLABELLED", 2)
    monkeypatch.setattr(facekit, "adapt", partial(facekit.adapt, **SHORT))


@pytest.fixture
def sheet() -> Sheet:
    """A painted image and one without paint."""
    rng, made, mask = np.random.default_rng(0), Sheet(), np.zeros((60, 60), np.uint8)
    mask[20:50, 15:45], mask[5:20, 15:45] = 1, 2
    made.add(rng.integers(0, 255, (60, 60, 3)).astype(np.uint8))
    made.add(rng.integers(0, 255, (60, 50, 3)).astype(np.uint8))
    made.set_labels(PARTS, PartLabels(made.images, parts_in(NAMES), [mask, np.zeros((60, 50), np.uint8)]))
    return made


@pytest.fixture
def file(tmp_path: Path) -> str:
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)).save(path := tmp_path / "new.png")
    return str(path)


def test_the_example_paints_one_face() -> None:
    sheet, board, counts, names, another, *kinds = load_example()
    assert len(sheet.images) == 3 and sheet.labelled == [0] and kinds == [PHOTO, PHOTO]
    assert counts.startswith("**1 of 3 images are labelled**") and "mouth" in names
    assert set(np.unique(sheet.labels.masks[0])) == set(range(7)) and board["overlay"]
    assert another.size == (48, 48)


def test_paint_is_kept_with_other_names_and_more_images(file: str, tmp_path: Path) -> None:
    sheet, *_ = choose(Sheet(), [file], NAMES)
    assert sheet.images[0].shape == (40, 50, 3) and not sheet.labelled
    sheet.labels.brush([(20, 20)], 9, "hair")
    painted = sheet.labels.masks[0]
    rename(sheet, "hair, beard")
    assert np.array_equal(sheet.labels.masks[0], painted > 0)
    Image.new("RGB", (30, 30)).save(tmp_path / "another.png")
    more, board, _, field, names = choose(sheet, [str(tmp_path / "another.png")], "hair, beard")
    assert len(more.images) == 2 and more.labelled == [0] and field is None and names == "hair, beard"
    assert np.array_equal(more.labels.masks[0], painted > 0) and board["names"] == ["new.png", "another.png"]
    assert choose(Sheet(), [], NAMES)[2] == NO_IMAGES


def copies(sheet: Sheet, count: int) -> Sheet:
    """So many times the painted image."""
    made, masks = Sheet(), [sheet.labels.masks[0]] * count
    for _ in masks:
        made.add(sheet.images[0])
    made.set_labels(PARTS, PartLabels(made.images, parts_in(NAMES), masks))
    return made


def memory(text: str) -> float:
    """The MB that the page tells."""
    return float(text.split("**")[3].split()[0].replace(",", ""))


def test_time_and_memory_are_said_before(sheet: Sheet) -> None:
    def said(of: Sheet, recipe: str = TUNED, steps: int = 300) -> str:
        return estimate_cost(of, NAMES, recipe, steps)

    one, two = Sheet(), copies(sheet, 2)
    assert said(one) == said(sheet), "one image before anything is painted"
    assert "one painted image" in said(one) and " min" in said(one)
    assert "2 painted images" in said(two)

    for recipe in (TUNED, AS_IT_IS):
        assert 0 < memory(said(sheet, recipe)) < memory(said(two, recipe))
    assert memory(said(sheet, AS_IT_IS)) == memory(said(sheet)), "the same pixels"
    minutes = [float(said(sheet, TUNED, steps).split("**")[1].split()[0]) for steps in (300, 3000)]
    assert minutes[0] < minutes[1]


def test_memory_grows_up_to_the_recipes_pixels(sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = QUICK["segmentation"]
    of_one = ours.views * generator_part.embedded_generator().backbone.input_size ** 2

    def said(pixels: int | None) -> list[float]:
        """For one, two and three images, where classifiers learn from so many pixels at most."""
        recipe = replace(ours, pixels=pixels)
        monkeypatch.setattr(parts_model, "named_recipe", lambda *asked: recipe)
        return [memory(estimate_cost(copies(sheet, count), NAMES, TUNED, 300)) for count in (1, 2, 3)]

    free, between, below = said(None), said(of_one * 3 // 2), said(of_one // 2)
    assert free[0] < free[1] < free[2], "without a limit every image takes more"
    assert between[0] == free[0] < between[1] == between[2] < free[1], "the second passes the limit"
    assert below[0] == below[1] == below[2] < free[0], "the first does"


@pytest.mark.parametrize("recipe", [TUNED, AS_IT_IS])
def test_the_whole_path(recipe: str, sheet: Sheet, file: str) -> None:
    trained, text, download = adapt(sheet, CROP, recipe, 1)
    model = trained.model
    assert ("and 1 without paint" in text) == (recipe == TUNED) and "one painted image" in text
    assert model.task.labels.classes == ("background", "face", "hair")
    assert model.about["recipe"]["stages"] == (QUICK["segmentation"].stages if recipe == TUNED else "")
    assert facekit.load(download.value["path"]).backbone == "pftgan"

    drawn, unsure, looked, text = predict_parts(trained, file, CROP)
    assert drawn.shape[0] == 40 and unsure.shape == (40, 50, 3)
    tile = parts_results.TILE
    assert looked.shape == (tile, (3 if recipe == TUNED else 2) * tile, 3) and "nats" in text
    if recipe == TUNED:
        crop = np.random.default_rng(2).integers(0, 255, (128, 128, 3)).astype(np.uint8)  # the generator's size
        shown = stream_view(trained, crop, "none")
        assert shown is not None
        (codes,) = model.network.frozen_features(torch.from_numpy(crop).movedim(-1, 0)[None] / 255)
        painted = (127.5 * (model.network.stream(codes) + 1)).clamp(0, 255)[0].mean((1, 2)).detach().numpy()
        np.testing.assert_allclose(shown[:, 2 * tile :].mean((0, 1)), painted, atol=1)
    with pytest.warns(UserWarning, match="no face found"):
        drawn, unsure, looked, text = predict_parts(trained, file, PHOTO)
    assert drawn.shape == (40, 50, 3) and unsure is None and looked is None and "No face was found" in text


def test_uncertainty_in_colours() -> None:
    image = np.full((2, 3, 3), 100, np.uint8)
    nats = np.array([[0, parts_results.UNSURE / 2, parts_results.UNSURE], [9, np.nan, 0]], np.float32)
    shown = draw_uncertainty(image, nats).astype(int)
    assert (shown[1, 1] == 100).all(), "no face crop: the image alone"
    assert (np.diff(shown.sum(2)[0]) > 0).all() and np.array_equal(shown[0, 2], shown[1, 0])
    assert np.array_equal(shown[0, 0], shown[1, 2])


def test_nobody_is_painted() -> None:
    trained = parts_model.OneShotModel(facekit.load(embedded_file("segmentation")), facekit.load_backbone("pftgan"))
    assert stream_view(trained, np.full((80, 80, 3), 90, np.uint8), parts_model.ALIGN[PHOTO]) is None


def test_another_generator(sheet: Sheet, file: str, tmp_path: Path) -> None:
    path = shutil.copy(embedded_file("pftgan"), tmp_path / "faces.safetensors")
    own, text = load_generator(str(path), None)
    assert "128 x 128 px" in text and own.files == {"weights": str(path)}
    same = [np.array(Image.open(sample_faces(3, 0.5, of).value["path"])) for of in (None, own)]
    assert np.array_equal(*same), "it is the embedded one"
    trained, *_ = adapt(sheet, CROP, TUNED, 1, own)
    assert trained.model.about["weights"] == str(path) and trained.backbone is own.backbone
    assert load_generator(None, None)[0] is None and "Upload the generator" in load_generator(None, str(path))[1]
    (bad := tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    for weights in (str(bad), str(embedded_file("farl"))):
        with pytest.raises(gr.Error) as told:
            load_generator(weights, None)
        assert Path(weights).name in told.value.message and "\n" not in told.value.message


def test_faces_that_do_not_exist() -> None:
    first, again, other = (sample_faces(seed, 0.7).value["path"] for seed in (1, 1, 2))
    images = [np.array(Image.open(path)) for path in (first, again, other)]
    assert images[0].shape == (
        generator_part.ROWS * generator_part.FACE,
        generator_part.COLUMNS * generator_part.FACE,
        3,
    )
    assert np.array_equal(images[0], images[1]) and not np.array_equal(images[0], images[2])
    mean = np.array(Image.open(sample_faces(None, 0.0).value["path"]))
    first, last = mean[:, : generator_part.FACE], mean[:, -generator_part.FACE :]
    assert np.array_equal(first, last), "without variety all are the mean face"


def test_mistakes_are_told(sheet: Sheet, file: str) -> None:
    with pytest.raises(gr.Error, match="paint at least one in step 1"):
        adapt(Sheet(), CROP, TUNED, 1)
    with pytest.raises(gr.Error, match="expected 1 to 5 painted images, got 6"):
        adapt(copies(sheet, 6), CROP, TUNED, 1)
    sheet.images[0][:] = 90
    with pytest.raises(gr.Error, match="no face found"):
        adapt(sheet, PHOTO, TUNED, 1)
    with pytest.raises(gr.Error, match="at most 60 names, got 61"):
        rename(sheet, ", ".join(map(str, range(61))))
    with pytest.raises(gr.Error, match="press Adapt in step 2"):
        predict_parts(None, file, CROP)
    with pytest.raises(gr.Error, match="an image, got none"):
        predict_parts(object(), None, CROP)
