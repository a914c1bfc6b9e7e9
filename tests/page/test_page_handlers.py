"""The handlers of the tab "Style and shadows" work when they are called as the browser calls them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.page import image_tab as images
from facekit.page.image_tab import (
    CROP,
    PHOTO,
    SHADOWS,
    STYLE,
    adapt_handler,
    example_handler,
    example_images,
    make_image,
    show_handler,
    training_images,
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few and small images, few views."""
    monkeypatch.setattr(images, "SIDE", 96)
    monkeypatch.setattr(images, "EXAMPLES", {STYLE: 2, SHADOWS: 2})
    monkeypatch.setattr(facekit, "adapt", partial(facekit.adapt, least_views=2, views=1, batch_size=2, device="cpu"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three images of 40 x 30, one of 20 x 30."""
    folder, rng = tmp_path_factory.mktemp("uploads"), np.random.default_rng(0)
    paths = [str(folder / f"{name}.png") for name in ("a", "b", "c", "narrow")]
    for path in paths:
        size = (30, 20 if "narrow" in path else 40, 3)
        Image.fromarray(rng.integers(0, 255, size).astype(np.uint8)).save(path)
    return paths


@pytest.mark.parametrize("style", ["Pencil", "Comic"])
def test_example_of_a_style(style: str) -> None:
    photos, styled, example, _sheet, text, unseen, *kinds = example_handler(STYLE)(style)
    assert photos is None and styled is None and kinds == [CROP, CROP] and "2 pairs" in text
    assert [p.shape for p in example[0]] == [t.shape for t in example[1]] == [(96, 96, 3)] * 2
    assert all(np.abs(p.astype(int) - t).mean() > 10 for p, t in zip(*example, strict=True))
    assert not any(np.array_equal(unseen, image) for image in example[0])


def test_example_of_shadows_is_clean_and_its_trial_is_not() -> None:
    (clean, targets), unseen = example_images(SHADOWS, "Pencil")
    assert targets is None and len(clean) == 2
    _, without = example_images(STYLE, "Pencil")
    assert (unseen <= without + 1).all() and 0.05 < (unseen + 20.0 < without).mean() < 0.9


def test_uploads_come_before_the_example(files: list[str]) -> None:
    example = ([np.zeros((4, 4, 3), np.uint8)], [np.ones((4, 4, 3), np.uint8)])
    assert training_images(STYLE, files[:2], files[1:3], example) == (files[:2], files[1:3])
    assert training_images(STYLE, None, None, example) is example
    assert training_images(SHADOWS, files, None, None) == (files, None)
    shown, text = show_handler(STYLE)(files[:3], files[:2], example)
    assert "3 images and 2 in the new style" in text and shown.visible
    shown, text = show_handler(SHADOWS)(None, None, None)
    assert text == images.NO_IMAGES and not shown.visible


def test_pairs_that_do_not_match_are_told(files: list[str]) -> None:
    with pytest.raises(gr.Error, match="for each of 3 images, got 2; add or remove"):
        adapt_handler(STYLE)(files[:3], files[:2], None, CROP, 1)
    with pytest.raises(gr.Error, match=r"narrow\.png.*crop or resize both alike"):
        adapt_handler(STYLE)(files[:2], [files[0], files[3]], None, CROP, 1)
    with pytest.raises(gr.Error, match="choose them in step 1"):
        adapt_handler(SHADOWS)(None, None, None, CROP, 1)
    with pytest.raises(gr.Error, match="press Adapt in step 2"):
        make_image(None, files[0], CROP)


@pytest.mark.parametrize("task", [STYLE, SHADOWS])
def test_the_whole_path(task: str, tmp_path: Path) -> None:
    example, unseen = example_images(task, "Pencil")
    model, text, file = adapt_handler(task)(None, None, example, CROP, 2)
    assert "trained on 2 images" in text and model.task.name == task
    assert facekit.load(_path(file)).task.name == task

    large = Image.fromarray(unseen).resize((1300, 1100))
    large.save(tmp_path / "large.png")
    (before, after), download = make_image(model, str(tmp_path / "large.png"), CROP)
    assert before.shape == after.shape and max(after.shape) == images.LARGEST
    assert not np.array_equal(before, after)
    assert Image.open(_path(download)).size == large.size, "the download keeps every pixel"

    Image.new("RGB", (90, 70), "grey").save(tmp_path / "nobody.png")
    with pytest.warns(UserWarning, match="no face found"):
        (before, after), _ = make_image(model, str(tmp_path / "nobody.png"), PHOTO)
    assert np.array_equal(before, after)


def _path(button: gr.DownloadButton) -> str:
    return button.value["path"]
