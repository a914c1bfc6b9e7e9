"""The commands adapt, predict, evaluate and doctor give the right output, JSON and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import facekit
from facekit.__main__ import main
from facekit.annotations import write_labels
from facekit.cli.doctor import cv2_problems
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image


def test_adapt_predict_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(2), want=("image", "landmarks68"))
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, image in enumerate(batch["image"]):
        save_image(image.permute(1, 2, 0).numpy(), folder / f"{i}.png")
    (tmp_path / "points.json").write_text(json.dumps(batch["landmarks68"].tolist()))
    model = str(tmp_path / "mine.facekit")
    base = ["--images", str(folder), "--labels", str(tmp_path / "points.json"), "--task", "landmarks"]
    assert main(["adapt", *base, "--steps", "2", "--out", model, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == 2
    assert main(["predict", model, str(folder), "--out", str(tmp_path / "out"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["results"]) == 2
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    assert main(["evaluate", model, str(folder), str(tmp_path / "points.json"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nme_inter_ocular"] > 0


@pytest.mark.slow
def test_labels_of_annotation_tools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(2), want=("image", "landmarks68", "mask"))
    for i, image in enumerate(batch["image"]):
        save_image(image.permute(1, 2, 0).numpy(), tmp_path / f"{i}.png")
    images = [tmp_path / "0.png", tmp_path / "1.png"]
    write_labels(tmp_path, images, batch["landmarks68"].numpy(), "landmarks", "68")
    model = str(tmp_path / "mine.facekit")
    base = ["adapt", "--task", "landmarks", "--labels", str(tmp_path), "--steps", "1", "--out", model, "--json"]
    assert main(base) == 0
    assert json.loads(capsys.readouterr().out)["faces"] == 2
    assert facekit.load(model).task.labels.name == "68"
    assert main(["evaluate", model, str(tmp_path), str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nme_inter_ocular"] > 0
    assert main(["adapt", "--task", "shadow_removal", "--steps", "1", "--out", model, "--json"]) == 2
    assert "--images" in capsys.readouterr().err


def test_json_of_a_score_that_is_unknown_is_null(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("facekit.cli.evaluate._evaluate", lambda args: {"f1_glasses": float("nan"), "f1_nose": 90.5})
    assert main(["evaluate", "segmentation", "photos", "masks", "--json"]) == 0
    assert capsys.readouterr().out == '{"f1_glasses": null, "f1_nose": 90.5}\n'


def test_wrong_input_exits_2_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tmp_path / "none.facekit"), "x.png"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["pretrain", "fsma", "--faces", "generated:many", "--out", str(tmp_path / "w.safetensors")]) == 2
    assert "generated:COUNT" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["dance"])
    assert stop.value.code == 2


def test_doctor_names_the_fix(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["versions"]["torch"] and isinstance(report["problems"], list)
    assert "pip install" in cv2_problems({"opencv-python": "5.0.1"})[0]
    clash = cv2_problems({"opencv-python": "4.10.0", "opencv-python-headless": "4.12.0"})
    assert "overwrite each other" in clash[0]


def test_broken_image_in_a_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_image(np.zeros((64, 64, 3), np.uint8), tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of 2 images skipped"):
        assert main(["predict", "landmarks", str(tmp_path), "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert list(outcome["skipped"]) == ["bad.png"] and list(outcome["results"]) == ["good.png"]
