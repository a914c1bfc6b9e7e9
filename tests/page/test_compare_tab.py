"""The tab "Compare": labels as a zip file, the estimate, a real comparison, its end by Stop."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from helpers.page_server import Visitor, running_page
from PIL import Image

import facekit
from facekit.data.sample_faces import samples
from facekit.page import compare_tab, label_zip
from facekit.page.compare_tab import (
    compare,
    count_labels,
    estimate,
    load_example,
    recognise_labels,
    shots_in,
    trainings,
)
from facekit.page.comparison_results import scores_file, tables
from facekit.page.label_zip import unpacked_labels
from facekit.results.comparison import Comparison, MainScore, ScoredCell

CHOICE = ["fsma", "synthparse"]


def packed(path: Path, files: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return str(path)


def png(side: int = 40) -> bytes:
    Image.new("1", (side, side)).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def label(image: str, **more: Any) -> bytes:
    """A LabelMe file with two points."""
    shapes = [{"label": n, "points": [[i + 5, 9]], "shape_type": "point"} for i, n in enumerate("ab")]
    return json.dumps({"imagePath": image, "imageHeight": 40, "imageWidth": 40, "shapes": shapes, **more}).encode()


@pytest.mark.parametrize(("kind", "names"), [("Points", 5), ("Parts", 18)])
def test_the_example_has_the_labels_of_the_sample_people(kind: str, names: int) -> None:
    path = load_example(kind)
    assert count_labels(path, kind)[0] == 16
    assert f"16 labelled images**, {names} {kind.lower()}" in count_labels(path, kind)[1]
    with unpacked_labels(path, compare_tab.TASKS[kind]) as found:
        third = samples().names.index(Path(found.images[3]).stem)  # files are sorted by their names
        np.testing.assert_array_equal(facekit.load_image(found.images[3]), samples().images[third])
        folder = Path(found.images[0]).parent
        if kind == "Parts":
            assert found.names.classes == samples().mask_labels.classes
            np.testing.assert_array_equal(found.labels[3], samples().masks[third])
        assert folder.is_dir()
    assert not folder.exists()


def test_folders_and_strange_files_do_not_matter(tmp_path: Path) -> None:
    files = {f"my labels/{name}": png() for name in ("a.png", "b.png")}
    files |= {f"my labels/json/{name}.json": label(f"../{name}.png") for name in "ab"}
    files |= {"__MACOSX/._a.png": b"x", "my labels/.DS_Store": b"x", "notes.docx": b"x", "../../escape.exe": b"x"}
    assert count_labels(packed(tmp_path / "l.zip", files), "Points") == (2, "**2 labelled images**, 2 points: a, b")
    assert [file.name for file in tmp_path.parent.rglob("escape.exe")] == []


def zeros(tmp_path: Path) -> str:
    return packed(tmp_path / "l.zip", {f"{i}.json": bytes(30_000_000) for i in range(8)})


def encrypted(tmp_path: Path) -> str:
    path = Path(packed(tmp_path / "l.zip", {"a.png": png()}))
    content = bytearray(path.read_bytes())
    for head, flag in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(head) + flag] |= 1
    path.write_bytes(content)
    return str(path)


def text(tmp_path: Path) -> str:
    (path := tmp_path / "l.zip").write_text("no zip file")
    return str(path)


BAD: dict[str, tuple[Callable[[Path], str], str]] = {
    "text": (text, "l.zip: expected a zip file of images and labels, got another or damaged file"),
    "encrypted": (encrypted, "l.zip: expected a zip file of images and labels, got another or damaged file"),
    "empty": (lambda t: packed(t / "l.zip", {}), "l.zip: expected LabelMe or COCO JSON"),
    "bomb": (zeros, "l.zip: expected at most 200 MB of files; leave some out"),
    "many": (
        lambda t: packed(t / "l.zip", {f"{i}.pts": b"" for i in range(301)}),
        "expected at most 300 files, got 301",
    ),
    "twice": (lambda t: packed(t / "l.zip", {"a/x.png": png(), "b/x.png": png()}), "got x.png twice"),
    "large image": (
        lambda t: packed(t / "l.zip", {"a.png": png(5001)}),
        "a.png: expected at most 25 megapixels, got 5001 x 5001",
    ),
    "other labels": (lambda t: packed(t / "l.zip", {"a.json": b"{}", "a.png": png()}), "a.json: expected"),
    "deep": (lambda t: packed(t / "l.zip", {"a.json": b'{"imageData":' + b"[" * 99_999}), "a.json: expected JSON"),
    # LabelMe's copy of the image could have any size, so the image itself is needed.
    "image inside": (lambda t: packed(t / "l.zip", {"a.json": label("a.png", imageData="AAAA")}), "is missing"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", BAD)
def test_bad_zip_files_get_one_sentence(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, sentence = BAD[kind]
    folders: list[Path] = []
    new = label_zip.new_file
    monkeypatch.setattr(label_zip, "new_file", lambda name: folders.append(new(name)) or folders[-1])
    count, message = count_labels(made(tmp_path), "Points")
    assert count == 0 and message.startswith("**These labels cannot be used.** ")
    assert sentence in message and "\n" not in message and str(folders[0].parent) not in message
    assert not folders[0].exists()


def test_labels_of_the_other_kind_are_recognised(tmp_path: Path) -> None:
    points, parts = load_example("Points"), load_example("Parts")
    assert recognise_labels(parts, "Points")[::2] == (16, "Parts") and recognise_labels(parts, "Parts")[2] == "Parts"
    assert recognise_labels(points, "Parts")[::2] == (16, "Points")
    count, message, kind = recognise_labels(text(tmp_path), "Points")
    assert count == 0 and "l.zip: expected a zip file" in message and kind == "Points"
    assert recognise_labels(None, "Parts") == (0, compare_tab.NO_FILE, "Parts")


def test_numbers_of_faces_and_limits() -> None:
    assert shots_in(" 10, 1,5,,5 ") == [1, 5, 10]
    for wrong in ("", "a", "0", "-1", "1.5", "1;2", "9" * 9):
        with pytest.raises(ValueError, match="expected numbers of faces with commas between"):
            shots_in(wrong)
    assert trainings(CHOICE, [1, 5], 3) == 12
    for choice, problem in (
        (([], [1], 1), "at least one backbone"),
        ((CHOICE, [1], 11), "1 to 10 draws, got 11"),
        ((CHOICE, [1], 0), "1 to 10 draws, got 0"),
        ((CHOICE, [1, 2, 3, 4], 8), "at most 60 trainings, got 2 backbones x 4 numbers of faces x 8 draws = 64"),
    ):
        with pytest.raises(ValueError, match=problem):
            trainings(*choice)


def test_the_time_is_estimated_before() -> None:
    def minutes(*choice: Any) -> int:
        return int(estimate(16, "Parts", *choice).split("about ")[1].split(" min")[0])

    assert "**12 trainings, about" in estimate(16, "Points", CHOICE, "1, 5", 3)
    assert "scored on 11 faces" in estimate(16, "Points", CHOICE, "1, 5", 3)
    assert minutes(CHOICE, "1, 5", 6) > minutes(CHOICE, "1, 5", 2) > 0
    assert "need 17 labelled images, and there are 16" in estimate(16, "Points", CHOICE, "12", 3)
    assert "Upload labels" in estimate(0, "Points", CHOICE, "12", 3)
    assert estimate(16, "Points", [], "1", 3) == "**Not yet:** expected at least one backbone, got none; tick one."


def test_a_real_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    options: list[dict[str, Any]] = []
    real = facekit.learning_curve

    def short(*given: Any, **named: Any) -> Comparison:
        options.append(named)
        return real(*given, **named, steps=2, least_views=2, views=2, start="none", device="cpu")

    monkeypatch.setattr(facekit, "learning_curve", short)
    path = load_example("Points")
    advice, plot, tables, file, python, command = compare(path, "Points", CHOICE, "1, 2", 2)
    assert advice.count("With ") + advice.count("Take ") == 2 and "**nme_inter_pupil** in %, lower" in tables
    assert tables.count("| fsma |") >= 2 and "95 % interval" in tables
    assert "the mean distance between predicted and labelled points" in tables
    assert Image.open(plot.value["path"]).format == "PNG"
    rows = list(csv.DictReader(Path(file.value["path"]).read_text().splitlines()))
    assert len(rows) == 8 and {row["backbone"] for row in rows} == set(CHOICE) and rows[0]["scored"] == "14"
    assert all(float(row["nme_inter_pupil"]) > 0 for row in rows)
    assert options[0]["align"] == "box" and 'align="box"' in python and "--align box" in command
    compile(python, "example", "exec")
    assert "shots=[1, 2]" in python and "--backbones fsma synthparse" in command
    with pytest.raises(gr.Error, match="upload one, or load the example"):
        compare(None, "Points", CHOICE, "1", 1)
    with pytest.raises(gr.Error, match="expected at least 17 labelled images"):
        compare(path, "Points", CHOICE, "12", 1)


def test_scores_that_are_unknown_are_empty_cells() -> None:
    cells = (ScoredCell("fsma", 1, 0, 5, {"a": 1.0}, 2.0), ScoredCell("farl", 1, 0, 5, {"b": 3.0}, 2.0))
    curve = Comparison("landmarks", MainScore("a", True), cells, ())
    lines = Path(scores_file(curve)).read_text().splitlines()
    assert lines[1:] == ["fsma,1,1,5,2.0,1.0,", "farl,1,1,5,2.0,,3.0"]
    assert "| 1 | farl |  |  | 2 |" in tables(curve)


@pytest.mark.slow
def test_stop_and_leaving_end_a_training_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    reached, ended = threading.Event(), threading.Event()
    real = facekit.learning_curve

    def watched(*given: Any, progress: Any, **named: Any) -> Comparison:
        def report(done: float, total: int, numbers: dict[str, float]) -> None:
            if done % 1:
                reached.set()
            progress(done, total, numbers)

        try:
            return real(*given, **named, progress=report, steps=2000, device="cpu")
        finally:
            ended.set()

    monkeypatch.setattr(facekit, "learning_curve", watched)
    with running_page() as (page, folder):
        for leaves in (False, True):
            visitor = Visitor(page)
            file = visitor.upload(Path(load_example("Points")))
            before = len(list(folder.rglob("*.jpg")))
            reached.clear(), ended.clear()
            event = visitor.join("compare", [file, "Points", ["fsma"], "1", 1])
            messages = visitor.messages()
            watching = threading.Thread(target=lambda m=messages: [*m], daemon=True)
            if not leaves:
                watching.start()
                assert reached.wait(120)
                presses = Visitor(page)
                presses.session = visitor.session
                presses.join("compare_stop", [])
            else:
                for _ in messages:
                    if reached.is_set():
                        break
                messages.close()
            begun = time.monotonic()
            assert ended.wait(20), event
            assert time.monotonic() - begun < 5
            for _ in range(100):
                if len(list(folder.rglob("*.jpg"))) == before:
                    break
                time.sleep(0.05)
            assert len(list(folder.rglob("*.jpg"))) == before
