"""`facekit predict` reads a folder one image at a time and writes one result per image (cases 08, M6, L2)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facekit
from facekit.annotations import read_labels
from facekit.cli.main import main
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.labels import LANDMARKS_68
from facekit.model import ready_model
from facekit.model.prediction import STREAM_PIXELS, predict_stream
from facekit.model.trained_model import AT_ONCE

# As photo and portrait, a space and an underscore, an emoji.
NAMES = ("a b.png", "a_b.png", "c.jpg", "c.png", "d.jpg.png", "Größe 😀.png")


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    batch = GeneratedFaces(seed=5, size=96, yaw=(-20, 20)).batch(range(len(NAMES)), want=("image",))
    return list(batch["image"].permute(0, 2, 3, 1).numpy())


@pytest.fixture
def folder(faces: list[np.ndarray], tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, face in zip(NAMES, faces, strict=True):
        save_image(face, tmp_path / "images" / name)
    return tmp_path / "images"


def run(folder: Path, out: Path, *more: str, model: str = "landmarks") -> None:
    assert main(["predict", model, str(folder), "--out", str(out), "--align", "none", *more]) == 0


def modified(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


def test_names_stay_and_do_not_meet(folder: Path, faces: list[np.ndarray], tmp_path: Path) -> None:
    run(folder, tmp_path / "out")
    expected = {f"{name}.{kind}" for name in NAMES for kind in ("json", "png")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected | {".facekit-predict"}
    for name in NAMES:
        points = facekit.predict("landmarks", folder / name, align="none").points
        stored = json.loads((tmp_path / "out" / f"{name}.json").read_text())["points"]
        assert np.allclose(stored, points, atol=0.01), name


@pytest.mark.slow
def test_few_images_are_read_ahead() -> None:
    pulled = 0

    def images(count: int, side: int) -> Iterator[tuple[str, np.ndarray]]:
        nonlocal pulled
        for i in range(count):
            pulled = i + 1
            yield str(i), np.zeros((side, side, 3), np.uint8)

    model = ready_model("landmarks")
    for count, side, most in ((40, 32, AT_ONCE), (4, int((STREAM_PIXELS / 2) ** 0.5) + 1, 2)):
        names = []
        for name, _ in predict_stream(model, images(count, side), "none"):
            names.append(name)
            assert pulled - int(name) <= most
        assert names == [str(i) for i in range(count)]


def test_the_stream_says_what_predict_says(faces: list[np.ndarray]) -> None:
    model = ready_model("segmentation")
    stream = dict(predict_stream(model, ((str(i), face) for i, face in enumerate(faces)), "none"))
    for own, streamed in zip(facekit.predict(model, faces, align="none"), stream.values(), strict=True):
        assert np.array_equal(own.mask, streamed.mask)


def test_a_second_run_predicts_what_is_missing(
    folder: Path, tmp_path: Path, predicted: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run(folder, out)
    assert sum(predicted) == len(NAMES)
    before = modified(out)
    predicted.clear()
    run(folder, out)
    assert predicted == [] and modified(out) == before
    (out / "c.jpg.png").unlink()
    (out / ".facekit-00000000-1-abc.tmp").write_bytes(b"")  # of another machine, just now: it stays
    capsys.readouterr()
    run(folder, out)
    assert predicted == [1]
    said = capsys.readouterr().out
    assert "5 of 6 images have results already" in said and "c.jpg: 1 face" in said and "c.png" not in said
    assert {name for name, time in modified(out).items() if before.get(name) != time} >= {"c.jpg.png"}


@pytest.mark.slow
def test_other_models_options_and_images_are_predicted_anew(
    folder: Path, faces: list[np.ndarray], tmp_path: Path, predicted: list[int]
) -> None:
    out, own = tmp_path / "out", tmp_path / "m.facekit"
    ready_model("landmarks").save(own)
    run(folder, out)
    changes: list[tuple[Path, dict[str, Any]]] = [
        (folder, {"model": str(own)}),
        (folder, {"model": "farl-landmarks"}),
    ]
    other = tmp_path / "other"
    other.mkdir()
    for name in NAMES:
        save_image(faces[0], other / name)
    changes.append((other, {"model": "farl-landmarks"}))
    for images, more in changes:
        predicted.clear()
        run(images, out, **more)
        assert sum(predicted) == len(NAMES), more
    predicted.clear()
    save_image(faces[3], other / "c.png")  # an image that was changed
    run(other, out, model="farl-landmarks")
    assert predicted == [1]
    predicted.clear()
    assert main(["predict", "farl-landmarks", str(other), "--out", str(out), "--align", "box"]) == 0
    assert sum(predicted) == len(NAMES), "another align"
    run(other, out, "--format", "labelme", model="farl-landmarks")
    predicted.clear()
    run(other, out, "--format", "labelme", "json", model="farl-landmarks")
    assert sum(predicted) == len(NAMES), "JSON files of another align do not count"


@pytest.mark.slow
def test_killed_and_started_again(faces: list[np.ndarray], tmp_path: Path) -> None:
    """kill -9 in the middle: at the end each image is there once, and printed once."""
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for i in range(60):
        save_image(faces[i % len(faces)], images / f"{i}.png")
    command = [sys.executable, "-m", "facekit", "predict", "landmarks", str(images), "--out", str(out)]
    process = subprocess.Popen([*command, "--align", "none"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    first += process.stdout.readlines()
    process.wait()
    done = {path.name for path in out.glob("*.json")}
    assert 20 <= len(done) < 60
    times = {name: (out / name).stat().st_mtime_ns for name in done if (out / name.replace(".json", ".png")).exists()}
    again = subprocess.run([*command, "--align", "none"], capture_output=True, text=True, check=True).stdout
    assert {f"{i}.png.json" for i in range(60)} == {path.name for path in out.glob("*.json")}
    assert {f"{i}.png.png" for i in range(60)} == {path.name for path in out.glob("*.png")}
    assert not list(out.glob("*.tmp")) and not list(out.glob(".*.tmp"))
    assert len(times) >= 20 and all((out / name).stat().st_mtime_ns == time for name, time in times.items())
    printed = [line.split(":")[0] for line in first + again.splitlines() if line.endswith(("face", "face\n"))]
    assert len(printed) == len(set(printed)) >= 59


def test_json_is_one_object_also_after_a_restart(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"no image")
    command = ["predict", "landmarks", str(folder), "--align", "none", "--json"]
    texts = []
    for more in ([], ["--out", str(tmp_path / "out")], ["--out", str(tmp_path / "out")]):
        with pytest.warns(UserWarning, match="1 of 7 images skipped: broken.png"):
            assert main([*command, *more]) == 0
        texts.append(json.loads(capsys.readouterr().out))
    assert texts[0] == texts[1] == texts[2]
    assert set(texts[0]["results"]) == set(NAMES) and list(texts[0]["skipped"]) == ["broken.png"]


def test_nothing_but_broken_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"no image")
    assert main(["predict", "landmarks", str(tmp_path), "--json"]) == 2
    said = capsys.readouterr()
    assert "none of the 2 images can be read: a.png: not a readable" in said.err and said.out == ""
    assert main(["predict", "landmarks", str(tmp_path / "c.png")]) == 2
    assert "c.png: no such file" in capsys.readouterr().err


def test_label_files(folder: Path, tmp_path: Path) -> None:
    """Masks, LabelMe and COCO are read back as the results they were made of."""
    out = tmp_path / "parts"
    run(folder, out, "--format", "mask", "labelme", "--format", "coco", model="segmentation")
    model = ready_model("segmentation")
    results = {name: facekit.predict(model, folder / name, align="none") for name in NAMES}
    for name, result in results.items():
        with Image.open(out / "masks" / f"{name}.png") as mask:
            assert mask.mode == "P" and np.array_equal(np.asarray(mask), result.mask)
            assert "celebamask19" in mask.info["facekit"]
    for files in ("labelme", "coco.json"):
        found = read_labels(out / files, "segmentation")
        assert found.names.classes == model.task.labels.classes and len(found.images) == len(NAMES)
        for image, mask in zip(found.images, found.labels, strict=True):
            assert np.array_equal(mask, results[Path(image).name].mask), (files, image)
    out = tmp_path / "points"
    run(folder, out, "--format", "coco", "labelme")
    for files in ("labelme", "coco.json"):
        found = read_labels(out / files, "landmarks")
        assert found.names == LANDMARKS_68 and len(found.images) == len(NAMES)
        for image, points in zip(found.images, found.labels, strict=True):
            expected = facekit.predict("landmarks", image, align="none").points
            assert np.allclose(points, expected, atol=0.01), (files, image)


@pytest.mark.filterwarnings("ignore")
def test_label_files_of_no_and_of_two_faces(
    faces: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facekit import alignment as framing
    from facekit.detection.face import Face

    counts = iter((0, 2, 0, 2))
    boxes = [Face((0, 0, 95, 95)), Face((96, 0, 191, 95))]
    monkeypatch.setattr(framing, "find_faces", lambda image: boxes[: next(counts)])
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "b.png"):
        save_image(np.hstack(faces[:2]), images / name)
    for model in ("segmentation", "landmarks"):
        out = tmp_path / model
        formats = ["coco", "labelme"] + (["mask"] if model == "segmentation" else [])
        assert main(["predict", model, str(images), "--out", str(out), "--format", *formats]) == 0
        document = json.loads((out / "coco.json").read_text())
        assert [image["file_name"] for image in document["images"]] == ["../images/a.png", "../images/b.png"]
        of = [a["image_id"] for a in document["annotations"]]
        assert set(of) == {2} and [a["id"] for a in document["annotations"]] == list(range(1, len(of) + 1))
        assert len(of) == 2 or model == "segmentation"
        result = json.loads((out / "b.png.json").read_text())
        assert len(result["faces"]) == 2 and "points" not in result
        assert len(read_labels(out / "coco.json", model).images) == 2  # type: ignore[arg-type]


def test_a_wrong_format_names_those_that_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    for model, use in (
        ("landmarks", "use json, drawing, labelme, coco or csv"),
        ("attributes", "use json, drawing or csv"),
    ):
        options = ["--out", str(tmp_path / "out"), "--format", "coco", "mask"]
        assert main(["predict", model, str(tmp_path / "a.png"), *options]) == 2
        said = capsys.readouterr().err
        assert "--format mask: got a model for" in said and use in said
    assert not (tmp_path / "out").exists()


def test_a_name_that_leaves_no_room_is_skipped(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in ("n" * 250 + ".png", "a.png"):
        Image.new("RGB", (40, 40)).save(images / name)
    with pytest.warns(UserWarning, match="1 of 2 images skipped: nnn.*name too long"):
        run(images, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").glob("*.json")} == {"a.png.json"}
