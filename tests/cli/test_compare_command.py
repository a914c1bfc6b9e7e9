"""`facekit compare` writes the results and the drawing, and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from facekit.__main__ import main
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images import load_image
from facekit.images.reader import save_image
from facekit.results import Comparison


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    batch = GeneratedFaces(seed=5, size=64, yaw=(-20, 20)).batch(range(7), want=("image", "landmarks68"))
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, image in enumerate(batch["image"]):
        save_image(image.permute(1, 2, 0).numpy(), folder / f"{i}.png")
    (tmp_path / "points.json").write_text(json.dumps(batch["landmarks68"].tolist()))
    people = [f"{i}.png,{'ab'[i] if i < 2 else 'c'}" for i in range(7)]
    (tmp_path / "people.csv").write_text("\n".join(["image,person", *people]))
    command = ["compare", str(tmp_path / "points.json"), "--images", str(folder), "--task", "landmarks"]
    command += ["--backbones", "fsma", "--shots", "1", "--draws", "2", "--seconds-per-label", "60"]
    command += ["--set", "steps=1", "least_views=1", "--device", "cpu", "--folder", str(tmp_path / "cells")]
    files = ["--out", str(tmp_path / "results.json"), "--plot", str(tmp_path / "curve.png")]
    assert main([*command, *files, "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert [row["backbone"] for row in outcome["table"]] == ["fsma"] and "mean nme_inter_ocular" in outcome["advice"]
    assert Comparison.load(tmp_path / "results.json").to_dict() == outcome
    assert load_image(tmp_path / "curve.png").std() > 10
    assert main(command) == 0  # all cells are finished
    assert "lower is better" in capsys.readouterr().out and len(list((tmp_path / "cells").iterdir())) == 2
    assert main([*command, "--by", "person"]) == 2
    assert "got --by without --groups" in capsys.readouterr().err
    assert main([*command, "--by", "person", "--groups", str(tmp_path / "people.csv"), "--shots", "3"]) == 2
    assert "of 3 people" in capsys.readouterr().err
    assert main([*command, "--plot", str(tmp_path / "curve.txt")]) == 2
    assert "expected .png or .jpg" in capsys.readouterr().err
