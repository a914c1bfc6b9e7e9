"""The options of all commands are passed on, and wrong use gives a clear error (kind 9)."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import shlex
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facekit
import facekit.api.adaptation
from facekit.alignment import ALIGN
from facekit.api.text_matching import Explanation, explain, match
from facekit.cli import command, download, export, predict
from facekit.cli.main import GROUPS, main, parser
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.model import ready_model
from facekit.zoo.official import OFFICIAL

COMMANDS = (
    "quickstart", "demo", "doctor", "adapt", "adapt-labels", "predict", "evaluate", "match", "explain", "uncertainty",
    "shard", "pretrain",
)  # fmt: skip


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    return GeneratedFaces(seed=5, size=96, yaw=(-20, 20)).batch(range(3), want=("image", "mask", "landmarks68"))


@pytest.fixture
def folder(faces: dict[str, Any], tmp_path: Path) -> Path:
    """Images, their masks of two parts, and their points."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i, (image, mask) in enumerate(zip(faces["image"], faces["mask"], strict=True)):
        save_image(image.permute(1, 2, 0).numpy(), tmp_path / "images" / f"{i}.png")
        Image.fromarray((mask.numpy() > 0).astype(np.uint8)).save(tmp_path / "masks" / f"{i}.png")
    np.save(tmp_path / "points.npy", faces["landmarks68"].numpy())
    return tmp_path


def outcome(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_every_command_has_an_example() -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    for name in COMMANDS:
        assert f"    {name}" in shown.getvalue()
        own = io.StringIO()
        with contextlib.redirect_stdout(own), pytest.raises(SystemExit):
            parser().parse_args([name, "--help"])
        example = " ".join(own.getvalue().split()).split("Example: ")[1]
        assert example.startswith(f"facekit {name}")
        parser().parse_args(shlex.split(example)[1:])  # the example itself is right


def test_lists_are_those_of_the_package() -> None:
    assert command.ALIGN == ALIGN and len(GROUPS) == 11
    assert tuple(OFFICIAL) == download.NAMES
    assert set(predict._FORMATS) == {"json", "drawing", "mask", "labelme", "coco", "csv"}


def test_help_and_wrong_options_are_quick() -> None:
    """Neither needs torch."""
    code = "import sys; from facekit.cli.main import parser; parser(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_adapt_passes_every_option_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def adapt(images: Any, labels: Any, task: str, **options: Any) -> facekit.Model:
        seen.update(options, images=images, task=task)
        return ready_model("landmarks")

    monkeypatch.setattr(facekit.api.adaptation, "adapt", adapt)
    points, images = str(folder / "points.npy"), str(folder / "images")
    arguments = [
        "adapt", "--task", "landmarks", "--images", images, "--labels", points, "--backbone", "pftgan",
        "--weights", "g.pkl", "--inversion", "e.pt", "--support", "unlabelled", "--validation", images, points,
        "--checkpoint", "c.pt", "--device", "cpu", "--seed", "3", "--steps", "7", "--align", "box", "--names", "68",
        "--set", "lr=0.01", "keep_best=true", "--set", "layers=[5,5]", "--out", str(folder / "m.facekit"), "--json",
    ]  # fmt: skip
    assert main(arguments) == 0
    validation = seen.pop("validation")
    assert validation[0] == images and validation[1].shape == (3, 68, 2)
    assert seen == {
        "images": images, "task": "landmarks", "backbone": "pftgan", "weights": "g.pkl", "inversion": "e.pt",
        "support_images": "unlabelled", "checkpoint": "c.pt", "device": "cpu", "seed": 3, "steps": 7, "align": "box",
        "names": "68", "recipe": "quick", "progress": False, "lr": 0.01, "keep_best": True, "layers": [5, 5],
    }  # fmt: skip


def test_adapt_validates_keeps_and_resumes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points, images, checkpoint = str(folder / "points.npy"), str(folder / "images"), folder / "kept" / "c.pt"
    arguments = [
        "adapt", "--task", "landmarks", "--images", images, "--labels", points, "--names", "68", "--steps", "2",
        "--validation", images, points, "--checkpoint", str(checkpoint), "--device", "cpu", "--json",
        "--set", "least_views=3", "batch_size=2", "--out", str(folder / "m.facekit"),
    ]  # fmt: skip
    assert main(arguments) == 0
    first = outcome(capsys)
    assert first["validation"]["nme_inter_ocular"] > 0 and first["recipe"]["least_views"] == 3 and checkpoint.is_file()
    lines = checkpoint.with_suffix(".jsonl").read_text()
    assert main(arguments) == 0
    assert outcome(capsys)["validation"] == first["validation"], "it went on at its end"
    assert checkpoint.with_suffix(".jsonl").read_text() == lines


def test_adapt_prints_the_score_and_the_next_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    arguments = [
        "adapt", "--task", "landmarks", "--images", "images", "--labels", "points.npy", "--names", "68", "--steps", "1",
        "--validation", "images", "points.npy", "--device", "cpu", "--set", "least_views=3", "batch_size=2",
        "--out", "my faces.facekit",
    ]  # fmt: skip
    assert main(arguments) == 0
    model, score, command = capsys.readouterr().out.splitlines()
    assert model == "my faces.facekit: a model for landmarks from 3 labelled faces"
    about = facekit.load(folder / "my faces.facekit").about
    value = about["validation"]["nme_inter_ocular"]
    assert score == f"score: nme_inter_ocular {value:.2f} % on 3 validation faces (lower is better)"
    assert command == "next: facekit predict 'my faces.facekit' images --out 'my faces-results'"
    assert main(shlex.split(command)[2:]) == 0 and len(list((folder / "my faces-results").glob("*.png"))) == 3


def test_adapt_without_validation_prints_no_score(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facekit.api.adaptation, "adapt", lambda *_, **__: ready_model("landmarks"))
    base = ["--task", "landmarks", "--images", str(folder / "images"), "--labels", str(folder / "points.npy")]
    assert main(["adapt", *base, "--out", str(folder / "m.facekit")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith(f"next: facekit predict {folder}/m.facekit {folder}/images --out ")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "lr"], "--set lr: expected NAME=VALUE"),
        (["--set", "seed=1"], "--set seed=1: seed is set by another option"),
        (["--set", "lr=1", "lr=2"], "got lr twice"),
        (["--set", "nonsense=1"], "nonsense"),
        (["--support", "images"], "support_images"),
        (["--validation", "nowhere", "nothing.npy"], "nothing.npy: no such labels"),
    ],
)
def test_wrong_options_of_adapt(
    more: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["adapt", "--task", "landmarks", "--images", str(folder / "images"), "--labels", str(folder / "points.npy")]
    assert main([*base, "--steps", "1", "--out", str(folder / "m.facekit"), *more]) == 2
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1] and not (folder / "m.facekit").exists()


@pytest.mark.slow
def test_adapt_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = folder / "new" / "m.facekit"
    arguments = [
        "adapt-labels", "segmentation", "--images", str(folder / "images"), "--labels", str(folder / "masks"),
        "--names", "background,face", "--weights", "none", "--steps", "1", "--device", "cpu", "--json",
        "--checkpoint", str(folder / "c.pt"), "--out", str(target),
    ]  # fmt: skip
    assert main(arguments) == 0
    about = outcome(capsys)
    assert about["model"] == str(target) and about["adapter"]["steps"] == 1 and (folder / "c.pt").is_file()
    model = facekit.load(target)
    assert model.task.labels.classes == ("background", "face") and model.unadapted.task.labels.name == "celebamask19"
    assert main(["adapt-labels", "landmarks", "--labels", str(folder / "masks"), "--out", str(target)]) == 2
    assert "got a model for landmarks, expected one for segmentation" in capsys.readouterr().err


def test_match(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["a smiling woman", "a man with a beard"]
    assert main(["match", str(folder / "images"), *texts, "--json"]) == 0
    found = outcome(capsys)["results"]
    expected = match([folder / "images" / f"{i}.png" for i in range(3)], texts)
    assert list(found) == ["0.png", "1.png", "2.png"]
    assert np.allclose([list(row.values()) for row in found.values()], expected, atol=1e-3)
    assert main(["match", str(folder / "images" / "0.png"), *texts]) == 0
    line = capsys.readouterr().out
    assert line.startswith("0.png: ") and all(text in line for text in texts)
    assert main(["match", str(folder / "images"), texts[0]]) == 2
    assert "got one text, expected two or more" in capsys.readouterr().err


def test_explain(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, target = str(folder / "images" / "0.png"), folder / "new" / "heat.png"
    assert main(["explain", image, "a smiling woman", "--out", str(target), "--json"]) == 0
    assert outcome(capsys) == {"out": str(target), "text": "a smiling woman"}
    assert np.array_equal(facekit.load_image(target), explain(image, "a smiling woman").draw())
    assert main(["explain", str(folder / "images"), "a text", "--out", str(target)]) == 2
    assert "expected one image, got 3" in capsys.readouterr().err


@pytest.mark.slow
def test_uncertainty(faces: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, masks = folder / "parts.facekit", (faces["mask"] > 0).numpy().astype(np.uint8)
    facekit.adapt(
        faces["image"], masks, "segmentation", "pftgan", weights="none", steps=2, views=1, least_views=1,
        batch_size=2, members=3, classifier_epochs=2, pixels=400, refine=0, progress=False, device="cpu",
    ).save(model)  # fmt: skip
    out = folder / "new" / "doubts"
    assert main(["uncertainty", str(model), str(folder / "images"), "--out", str(out), "--json"]) == 0
    found = outcome(capsys)["results"]
    for name in ("0.png", "1.png", "2.png"):
        nats = facekit.uncertainty(model, folder / "images" / name)
        assert np.allclose(np.load(out / f"{name}.npy"), nats, atol=1e-4)
        assert found[name]["max"] == pytest.approx(float(nats.max()), abs=1e-3)
        assert facekit.load_image(out / f"{name}.png").shape == (96, 96, 3)
    assert main(["uncertainty", str(model), str(folder / "images" / "0.png")]) == 0
    assert capsys.readouterr().out.startswith("0.png: mean 0.")
    assert main(["uncertainty", "landmarks", str(folder / "images")]) == 2
    assert "no classifiers that could disagree" in capsys.readouterr().err


def called_with(monkeypatch: pytest.MonkeyPatch, function: str, result: Any) -> dict[str, Any]:
    """Replace a public function. Return the dictionary that receives the keyword arguments of its call."""
    seen: dict[str, Any] = {}

    def replacement(*_: Any, **options: Any) -> Any:
        seen.update(options)
        return result

    monkeypatch.setattr(function, replacement)
    return seen


def test_evaluate_passes_align_and_device_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, devices, model = called_with(monkeypatch, "facekit.api.evaluation.evaluate", {}), [], ready_model("landmarks")

    def resolve(name: str, device: str | None = None) -> facekit.Model:
        devices.append(device)
        return model

    monkeypatch.setattr("facekit.model.resolve_model", resolve)
    arguments = ["evaluate", "landmarks", str(folder / "images"), str(folder / "points.npy")]
    assert main([*arguments, "--align", "box", "--device", "cpu"]) == 0
    assert seen == {"align": "box"}
    assert main(arguments) == 0
    assert seen == {"align": None} and devices == ["cpu", None]
    table = folder / "groups.csv"
    table.write_text("image,group\n0.png,a\n1.png,b\n2.png,b\n")
    seen = called_with(monkeypatch, "facekit.api.evaluation.evaluate_by", {})
    assert main([*arguments, "--align", "box", "--by", "group", "--groups", str(table), "--json"]) == 0
    assert seen == {"align": "box", "boxes": None}
    boxes = folder / "boxes.csv"
    boxes.write_text("image,x1,y1,x0,y0\n1.png,5,6,3,4\n0.png,50,60,30,40\n2.png,7,9,1,2\n")
    wanted = [[30, 40, 50, 60], [3, 4, 5, 6], [1, 2, 7, 9]]
    assert main([*arguments, "--by", "group", "--groups", str(table), "--boxes", str(boxes), "--json"]) == 0
    assert seen["boxes"] == wanted
    seen = called_with(monkeypatch, "facekit.api.evaluation.evaluate", {})
    assert main([*arguments, "--boxes", str(boxes), "--json"]) == 0 and seen["boxes"] == wanted
    boxes.write_text("image,x0,y0,x1,y1\n0.png,1,2,3,4\n1.png,1,,3,4\n2.png,1,2,3,4\n")
    assert main([*arguments, "--boxes", str(boxes), "--json"]) == 2
    assert "boxes.csv: 1.png: expected a number in column 'y0', got none" in capsys.readouterr().err


def test_match_and_explain_pass_the_device_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = str(folder / "images" / "0.png")
    seen = called_with(monkeypatch, "facekit.api.text_matching.match", np.array([[0.25, 0.75]]))
    assert main(["match", image, "a face", "a tree", "--device", "cpu"]) == 0
    assert seen == {"weights": "auto", "align": "none", "device": "cpu"}
    heat = Explanation(np.zeros((96, 96), np.float32), "a face", np.zeros((96, 96, 3), np.uint8))
    seen = called_with(monkeypatch, "facekit.api.text_matching.explain", heat)
    assert main(["explain", image, "a face", "--device", "cpu", "--out", str(folder / "heat.json")]) == 0
    assert seen == {"weights": "auto", "align": "none", "device": "cpu"}


def test_pretrain_passes_the_device_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = called_with(monkeypatch, "facekit.api.pretraining.pretrain", {})
    arguments = ["pretrain", "fsma", "--faces", "faces", "--out", "fsma.safetensors"]
    assert main([*arguments, "--device", "cpu", "--batch", "7"]) == 0
    assert seen["device"] == "cpu" and seen["batch_size"] == 7
    assert main([*arguments, "--device", "cpu", "--set", "device=cuda"]) == 2
    seen.clear()
    assert main(arguments) == 0 and "device" not in seen
    assert main([*arguments, "--set", "device=cpu"]) == 0 and seen["device"] == "cpu"


def test_errors_of_the_system_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "weights.pt")

    monkeypatch.setattr(facekit.api.adaptation, "adapt", fail)
    base = ["adapt", "--task", "landmarks", "--images", str(folder / "images"), "--labels", str(folder / "points.npy")]
    assert main([*base, "--out", str(folder / "m.facekit")]) == 2
    said = capsys.readouterr().err
    assert "Permission denied: 'weights.pt'" in said and said.count("\n") == 1


def test_output_is_for_the_reader(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs of other packages are not printed, and a warning is one line without code."""

    def run(_: argparse.Namespace) -> dict[str, str]:
        logging.getLogger("onnxscript.optimizer").info("Replaced initializer")
        logging.getLogger("onnxscript.optimizer").warning("slow")
        logging.getLogger("facekit").info("runs on cpu")
        warnings.warn("1 of 2 images\nskipped", stacklevel=1)
        return {}

    monkeypatch.setattr(export, "_export", run)
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    shown = warnings.formatwarning
    # pytest records warnings instead of printing them.
    monkeypatch.setattr(warnings, "showwarning", lambda *what: sys.stderr.write(warnings.formatwarning(*what[:4])))
    assert main(["export", "landmarks", "--out", "a.onnx"]) == 0
    expected = ["slow", "runs on cpu", "facekit export: warning: 1 of 2 images skipped"]
    assert capsys.readouterr().err.splitlines() == expected
    assert warnings.formatwarning is shown


@pytest.mark.slow
def test_whoever_reads_the_output_may_stop(folder: Path) -> None:
    run = f"{sys.executable} -m facekit match {folder}/images 'a face' 'a tree' | head -n 0; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", run], capture_output=True, text=True)
    assert done.stdout.strip() == "141" and "Traceback" not in done.stderr
