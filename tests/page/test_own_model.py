"""The tab "Adapt" trains, scores on images set aside, continues, suggests, and opens its model again."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.page import live_loss, own_model
from facekit.page.label_editor import start_over
from facekit.page.label_sheet import POINT_NAMES, POINTS, Sheet, example_faces, names_in
from facekit.page.live_loss import LiveLoss
from facekit.page.own_model import adapt, open_model, split, suggest_next, write_onnx


@pytest.fixture(scope="module")
def people() -> Sheet:
    return example_faces()[0]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facekit, "adapt", partial(facekit.adapt, least_views=2, views=1, batch_size=2, device="cpu"))


def test_images_that_were_trained_on_are_not_scored(people: Sheet) -> None:
    sheet = Sheet(labels=people.labels)
    assert split(sheet, 20, False) == ([0, 1, 2, 3, 4, 5, 6], [7])
    assert split(sheet, 0, False) == (list(range(8)), [])
    sheet.aside, sheet.trained = {2}, {0, 1, 3, 7}
    assert split(sheet, 20, True)[1] == [2], "stays aside"
    assert split(sheet, 50, True)[1] == [2, 4, 5, 6]
    assert split(sheet, 50, False)[1] == [2, 5, 6, 7]
    sheet.trained = set(range(8))
    assert split(sheet, 50, True)[1] == []


@pytest.mark.slow
def test_the_whole_path(people: Sheet, short: None, tmp_path: Path) -> None:
    sheet = Sheet(images=[], names=[])
    for image, name in zip(people.images, people.names, strict=True):
        sheet.add(image, name)
    sheet.use(POINTS, names_in(POINT_NAMES))
    for i in range(6):
        sheet.labels.go(i)
        for place in people.labels.points[i]:
            sheet.labels.place(*place)
    *_, outcome = adapt(sheet, POINTS, None, None, False, 3, 20)
    own, path, text, live, plot, file, onnx, gallery, proposals, keep_on, board, counts = outcome
    assert "trained on 5 images" in text and "one image that was set aside" in text and "nme" in text
    assert sheet.aside == {5} and sheet.trained == {0, 1, 2, 3, 4} and board["aside"] == [5]
    assert file.interactive and onnx.interactive and keep_on.interactive and proposals.value == "My own model"
    assert live == "" and plot.visible and gallery.visible and counts.startswith("**6 of 8 images are labelled**")
    assert len(own_model.drawings(own, sheet, [5, 6, 7])) == 3

    shown, _ = suggest_next(sheet, own)
    assert shown["state"]["index"] in (6, 7) and shown["state"]["text"].startswith("Label image ")
    sheet.labels.model = own
    sheet.labels.propose()
    assert len(sheet.labelled) == 7

    *_, outcome = adapt(sheet, POINTS, own, path, True, 3, 20)
    assert outcome[0].about["start"] == path and sheet.aside == {5}
    assert facekit.load(outcome[1]).task.labels.points == own.task.labels.points

    fresh = Sheet()
    fresh.add(people.images[0])
    opened, _, text, *_, kind, point_text, _, board, _ = open_model(fresh, path, "Parts", "chin", "skin")
    assert opened.task.name == "landmarks" and "**Opened** mine.facekit: landmarks, 5 names" in text
    assert kind == POINTS and point_text == POINT_NAMES and board["state"]["names"][0] == "left pupil"
    assert own_model.predict(opened, path_of(people.images[0], tmp_path)).shape == people.images[0].shape
    onnx_file = pytest.importorskip("onnx").load(write_onnx(opened))
    assert [node.name for node in onnx_file.graph.output] == ["maps"]


def path_of(image: np.ndarray, folder: Path) -> str:
    Image.fromarray(image).save(file := folder / "photo.png")
    return str(file)


def test_mistakes_are_told(people: Sheet, tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match="expected a labelled image, got none"):
        list(adapt(Sheet(), POINTS, None, None, False, 3, 20))
    for call in (lambda: suggest_next(people, None), lambda: write_onnx(None), lambda: own_model.predict(None, "a")):
        with pytest.raises(gr.Error, match="expected a model of your own, got none"):
            call()
    (file := tmp_path / "mine.facekit").write_text("no model")
    with pytest.raises(gr.Error, match=r"mine\.facekit"):
        open_model(Sheet(), str(file), POINTS, "nose", "skin")
    with pytest.raises(gr.Error, match="expected a model of landmarks or segmentation, got one of stylization"):
        open_model(Sheet(), str(facekit.zoo.embedded_file("sketch")), POINTS, "nose", "skin")
    with pytest.raises(gr.Error, match="expected images without a label, got none"):
        suggest_next(people, SimpleNamespace())


def test_why_there_is_no_score() -> None:
    said = own_model._scores
    assert said(None, [], [], 3, 0) == "No images were set aside, so there is no score."
    assert "20 % of 3 labelled images are less than one image. Label at least 5" in said(None, [], [], 3, 20)


def test_start_over_keeps_the_number_of_messages(people: Sheet) -> None:
    people.received = 7
    empty, board, counts = start_over(people)
    assert not empty.images and board == {"received": 7, "version": 0, "state": None} and "step 1" in counts


def test_the_loss_is_shown_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_loss, "SECONDS_BETWEEN", 0.02)
    reported: list[int] = []
    loss = LiveLoss(lambda done, total, values: reported.append(done))

    def train() -> str:
        for step in range(1, 31):
            live_loss.time.sleep(0.005)
            loss(step, 30, {"loss": 1 / step})
        return "model"

    def fail() -> str:
        raise ValueError("expected x, got y")

    texts, result = collect(loss.run(train))
    assert result == "model" and reported == list(range(1, 31)) and texts
    assert loss.text() == "**Step 30 of 30** · loss 0.0333" and loss.figure() is not None
    loss.total = 60
    assert loss.text().endswith("s left")
    with pytest.raises(ValueError, match="expected x, got y"):
        collect(LiveLoss(loss).run(fail))


def collect(running: Any) -> tuple[list[str], Any]:
    texts = []
    while True:
        try:
            text, figure = next(running)
        except StopIteration as ended:
            return texts, ended.value
        assert figure is not None or text.startswith("Preparing")
        texts.append(text)


def test_a_cancelled_training_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_loss, "SECONDS_BETWEEN", 0.02)
    steps: list[int] = []
    loss = LiveLoss(lambda done, total, values: steps.append(done))

    def train() -> None:
        for step in range(10_000):
            live_loss.time.sleep(0.002)
            loss(step, 10_000, {"loss": 1.0})

    running = loss.run(train)
    next(running)
    running.close()
    assert (ended := len(steps)) < 10_000
    live_loss.time.sleep(0.1)
    assert len(steps) == ended
