"""The canvas of the notebooks' editors on the page: what it shows, and how its messages change a visitor's labels."""

from __future__ import annotations

from importlib import resources
from typing import Any

import gradio as gr

from ..labelling.data_url import data_url
from .label_messages import checked_messages
from .label_sheet import Sheet

# By default gradio ignores an event while it still answers the one before. With these options every event counts, and
# events are handled in order.
EVERY_PRESS: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_id": "label", "show_progress": "hidden"}


def label_board(label: str) -> gr.HTML:
    """Create the canvas. Its value is a result of `view`; its event "messages" carries messages for `receive`.

    Args:
        label: Name of the component.
    """
    editor = resources.files("facekit.widgets").joinpath("editor.js").read_text(encoding="utf-8")
    board = resources.files(__package__).joinpath("label_board.js").read_text(encoding="utf-8")
    script = editor.replace("export default { render };", "") + board
    return gr.HTML(None, label=label, html_template="", js_on_load=script, apply_default_css=False)


def view(sheet: Sheet) -> dict[str, Any]:
    """Return what the canvas and the thumbnails show, as plain data.

    Args:
        sheet: The visitor's images and labels.

    Returns:
        "received": number of the last message. "state": state of the labels, None without images. "version": version
        of the labels. "image": file of the current image. "overlay": address of the paint. "thumbnails": their files.
        "names": names of the images. "labelled", "aside": indices of the images with labels, and for scoring.
    """
    labels = sheet.labels
    if labels is None:
        return {"received": sheet.received, "version": sheet.version, "state": None}
    state, overlay = labels.state(), labels.overlay()
    state["model"] = True  # the page always offers the proposals of a ready model
    if sheet.text:
        state["text"] = sheet.text
    return {
        "received": sheet.received,
        "version": sheet.version,
        "state": state,
        "image": sheet.image_file(labels.index),
        "overlay": "" if overlay is None else data_url(overlay),
        "thumbnails": sheet.thumbnail_files(),
        "names": sheet.names,
        "labelled": labels.labelled,
        "aside": sorted(sheet.aside),
    }


def receive(sheet: Sheet, data: Any, model: Any = None) -> dict[str, Any]:
    """Apply the messages of the canvas to the labels, in order, each one once.

    Errors become the text of the canvas. An exception would leave the canvas without an answer.

    Args:
        sheet: The visitor's images and labels. Changed in place.
        data: What the browser sent.
        model: The model that proposes labels.

    Returns:
        A result of `view`.
    """
    try:
        messages = checked_messages(data)
    except ValueError as error:
        sheet.text = str(error)
        return view(sheet)
    for message in messages:
        if message["number"] <= sheet.received:
            continue
        sheet.received = message["number"]
        if sheet.labels is None or message["version"] != sheet.version or message["index"] >= len(sheet.images):
            continue  # a click on images or names that were replaced since
        sheet.labels.model = model
        sheet.text = sheet.labels.receive(message)
    return view(sheet)
