"""Messages of the canvas change the labels of the image that the visitor saw, each one once, whatever they hold."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.page.label_board import label_board, receive, view
from facekit.page.label_messages import BROKEN, MOST_CORNERS, MOST_MESSAGES
from facekit.page.label_sheet import PARTS, POINTS, Sheet
from facekit.results import Faces

NAMES = ["left_eye", "right_eye", "nose"]


@pytest.fixture
def sheet() -> Sheet:
    made = Sheet()
    for i, (height, width) in enumerate([(60, 80), (48, 30), (960, 1280)]):
        made.add(np.random.default_rng(i).integers(0, 256, (height, width, 3), np.uint8), f"{i}.png")
    made.use(POINTS, NAMES)
    return made


class Canvas:
    """What the browser knows and sends."""

    def __init__(self, sheet: Sheet) -> None:
        self.sheet, self.shown, self.number = sheet, view(sheet), 0

    def message(self, kind: str, *values: Any, index: int | None = None) -> dict[str, Any]:
        self.number += 1
        index = self.shown["state"]["index"] if index is None else index
        version = self.shown["version"]
        return {"type": kind, "index": index, "values": list(values), "version": version, "number": self.number}

    def send(self, *messages: dict[str, Any]) -> dict[str, Any]:
        self.shown = receive(self.sheet, {"messages": list(messages)})
        return self.shown


def test_every_message_counts_once_and_in_order(sheet: Sheet) -> None:
    canvas = Canvas(sheet)
    first = [canvas.message("place", 5, 6), canvas.message("place", 7.5, 8)]
    canvas.send(*first)
    shown = canvas.send(*first, canvas.message("place", 9, 9))  # sent again, because the answer was late
    assert shown["received"] == 3 and shown["labelled"] == [0]
    assert sheet.labels.points[0].tolist() == [[5, 6], [7.5, 8], [9, 9]]
    canvas.send(*[canvas.message("step", 1) for _ in range(4)])
    assert sheet.labels.index == 1 and canvas.shown["state"]["index"] == 1
    canvas.send(canvas.message("step", -1), canvas.message("step", -1))
    assert sheet.labels.index == 2


def test_a_click_belongs_to_the_image_and_the_labels_that_were_seen(sheet: Sheet) -> None:
    canvas = Canvas(sheet)
    canvas.send(canvas.message("step", 1), canvas.message("place", 3, 4, index=0))  # the page still showed image 0
    assert sheet.labels.points[0, 0].tolist() == [3, 4] and np.isnan(sheet.labels.points[1]).all()
    late = canvas.message("place", 1, 1)
    sheet.use(PARTS, ["hair"])
    sheet.use(POINTS, NAMES)
    shown = canvas.send(late)
    assert np.isnan(sheet.labels.points[0, 1]).all() and shown["received"] == late["number"]
    other = Sheet()
    other.add(np.zeros((9, 9, 3), np.uint8))
    other.use(POINTS, NAMES)
    assert other.version != sheet.version
    receive(other, {"messages": [{**late, "number": 1}]})
    assert not other.labelled
    assert receive(Sheet(), {"messages": [late]}) == {"received": late["number"], "version": 0, "state": None}


def test_paint_and_proposals(sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet.use(PARTS, ["hair", "mouth"])
    canvas = Canvas(sheet)
    shown = canvas.send(canvas.message("brush", [[20, 20], [40, 20]], 9, 1), canvas.message("fill", 0, 0, 2))
    assert shown["overlay"].startswith("data:image/png;base64,") and shown["labelled"] == [0]
    assert set(np.unique(sheet.labels.masks[0])) == {1, 2}
    shown = canvas.send(canvas.message("brush", [[20, 20]], 9, 7))
    assert shown["state"]["text"].startswith("expected a class from 0 to 2, got 7")
    assert "expected a model that proposes" in canvas.send(canvas.message("propose"))["state"]["text"]
    assert "paint the parts" in canvas.send(canvas.message("undo"))["state"]["text"]
    asked = []
    monkeypatch.setattr(
        "facekit.labelling.face_labels.predict", lambda model, image: asked.append(model) or Faces([], image)
    )
    receive(sheet, {"messages": [canvas.message("propose")]}, "segmentation")
    assert asked == ["segmentation"] and "the model found none" in sheet.text


POINT = {"type": "place", "index": 0, "version": 1, "number": 1, "values": [1, 2]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"messages": "place"},
        {"messages": [POINT] * (MOST_MESSAGES + 1)},
        {"messages": [None]},
        *(
            {"messages": [{**POINT, **change}]}
            for change in (
                {"type": "labels"},
                {"type": ["place"]},
                {"index": -1},
                {"index": True},
                {"number": "1"},
                {"version": None},
                {"values": [1]},
                {"values": ["1", 2]},
                {"values": [float("nan"), 2]},
                {"values": [float("inf"), 2]},
                {"values": [[1], 2]},
                {"type": "brush", "values": [[], 3, 1]},
                {"type": "brush", "values": [[[1, 2, 3]], 3, 1]},
                {"type": "brush", "values": [[[1, 2]], 1e9, 1]},
                {"type": "brush", "values": [[[1, 2]] * (MOST_CORNERS + 1), 3, 1]},
                {"type": "polygon", "values": [[[1, None]], 1]},
                {"type": "fill", "values": [1, 2, 1.5]},
                {"type": "go", "values": [1.5]},
            )
        ),
    ],
)
def test_hostile_messages_change_nothing(sheet: Sheet, data: Any) -> None:
    for kind, names in ((POINTS, NAMES), (PARTS, ["hair"])):
        sheet.use(kind, names)
        if isinstance(data, dict) and isinstance(data.get("messages"), list) and data["messages"][0]:
            data["messages"][0]["version"] = data["messages"][0]["version"] and sheet.version
        shown = receive(sheet, data)
        assert shown["state"]["text"] == BROKEN and shown["received"] == 0 and not shown["labelled"]
        sheet.text = ""


def test_wrong_indices_are_told_or_left_out(sheet: Sheet) -> None:
    canvas = Canvas(sheet)
    canvas.send(canvas.message("place", 1, 1, index=99))
    assert not sheet.labelled
    canvas.send(canvas.message("go", -100_000))
    assert 0 <= sheet.labels.index < 3
    assert "expected an index below 3" in canvas.send(canvas.message("move", 7, 1, 1))["state"]["text"]
    assert "expected a place in the image" in canvas.send(canvas.message("place", -9, 1e5))["state"]["text"]


def test_the_view_names_files_of_the_visitor(sheet: Sheet) -> None:
    shown = view(sheet)
    assert Image.open(shown["image"]).size == (80, 60) and shown["names"] == ["0.png", "1.png", "2.png"]
    assert [max(Image.open(file).size) for file in shown["thumbnails"]] == [80, 48, 120]
    assert view(sheet)["image"] == shown["image"] and view(sheet)["thumbnails"] == shown["thumbnails"]
    assert all("sessions-" in file for file in (shown["image"], *shown["thumbnails"]))


def test_the_page_has_the_canvas_of_the_notebooks() -> None:
    script = label_board("Labels").js_on_load
    editor = Path("facekit/widgets/editor.js")
    canvas = (
        (Path(__file__).parents[2] / editor).read_text(encoding="utf-8").removesuffix("export default { render };\n")
    )
    assert script.startswith(canvas) and "export" not in script and "http" not in script
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    assert "*.js" in setup["options.package_data"]["facekit.page"]
