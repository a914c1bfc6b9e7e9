"""An ONNX file says what it is: a program that follows its texts gets the results of facekit."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facekit
from facekit.alignment import ALIGN, POINT_FRAMED, point_frame
from facekit.cli.main import main
from facekit.labels import CELEBA_40, CELEBAMASK_19, LANDMARKS_5
from facekit.model import ready_model
from facekit.model.onnx_file import CROPS
from facekit.tasks.heatmaps import KINDS
from facekit.tasks.landmarks import LandmarkTask

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return facekit.data.samples().images[4]


def exported(name: str, folder: Path, face: np.ndarray) -> tuple[dict[str, str], np.ndarray]:
    """The texts of an exported file, and its maps of a face (channels, h, w) or (channels,)."""
    file = folder / f"{name}.onnx"
    assert main(["export", name, "--out", str(file)]) == 0
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    shape = re.search(r"float32 \(N, 3, (\d+), (\d+)\), RGB in \[0, 1\]", about["input"])
    assert shape is not None
    side = int(shape[1])
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    (maps,) = session.run(None, {"image": np.float32(small / 255).transpose(2, 0, 1)[None]})
    return about, maps[0]


def numbers(text: str, *patterns: str) -> list[float]:
    found = [re.search(pattern, text) for pattern in patterns]
    assert all(found), text
    return [float(match[1]) for match in found if match]


def follow(decoding: str, values: np.ndarray) -> np.ndarray:
    """Points (K, 2) from maps (K, h, w), by the words only."""
    smoothing, window, factor = numbers(
        decoding, r"filter of ([\d.]+) px", r"Gaussian of ([\d.]+) px around", r"\(x \+ 0.5\) \* ([\d.]+)"
    )
    points = []
    ys, xs = np.mgrid[: values.shape[1], : values.shape[2]]
    for value in values:
        p = np.exp(value - value.max()) if "softmax" in decoding else np.maximum(value, 0) + 1e-9
        smooth = cv2.GaussianBlur(p, (0, 0), smoothing)
        y, x = np.unravel_index(smooth.argmax(), smooth.shape)
        for _ in range(3):
            weight = p * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * window**2))
            x, y = (weight * xs).sum() / weight.sum(), (weight * ys).sum() / weight.sum()
        points.append(((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5))
    return np.array(points)


@pytest.mark.slow
def test_points_by_the_words(tmp_path: Path, face: np.ndarray) -> None:
    about, maps = exported("landmarks", tmp_path, face)
    model = ready_model("landmarks")
    assert json.loads(about["names"]) == list(model.task.labels.points) and len(maps) == 68
    assert about["task"] == "landmarks" and about["align"] == model.align
    side = model.input_size
    ours = facekit.predict(model, cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), align="none").points
    assert "mirroring" not in about  # this network runs the image alone
    assert np.linalg.norm(follow(about["decoding"], maps) - ours, axis=1).max() < 0.1


@pytest.mark.slow
def test_parts_and_attributes_by_the_words(tmp_path: Path, face: np.ndarray) -> None:
    about, maps = exported("segmentation", tmp_path, face)
    assert tuple(json.loads(about["names"])) == CELEBAMASK_19.classes and "largest value" in about["decoding"]
    classes = cv2.resize(maps.transpose(1, 2, 0), (256, 256), interpolation=cv2.INTER_LINEAR).argmax(2)
    assert (classes == facekit.predict("segmentation", face, align="none").mask).mean() > 0.97

    about, maps = exported("attributes", tmp_path, face)
    assert tuple(json.loads(about["names"])) == CELEBA_40.names and "exp(-value)" in about["decoding"]
    assert "mirrored" in about["mirroring"]
    apart = 1 / (1 + np.exp(-maps)) - facekit.predict("attributes", face, align="none").probabilities
    assert np.abs(apart).mean() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_words_of_every_kind_of_heatmap(kind: str) -> None:
    """A Gaussian at a known place is found there by `find`, and by the words."""
    import torch

    from facekit.tasks.heatmaps import gaussians

    known = KINDS[kind]
    task: Any = LandmarkTask(ready_model("landmarks").task.labels, kind)
    side = 64 * known.stride if known.side is None else known.side * 2
    h = known.side or 64
    sigma = known.sigma * h
    peak = gaussians(torch.tensor([[[20.3, 31.6]]]), h, h, sigma)
    maps = (
        peak
        if kind == "l2"
        else peak.clamp(1e-6, 1 - 1e-6).log()
        if "softmax" in kind or kind in ("farl", "farl-128")
        else peak.clamp(1e-6, 1 - 1e-6).logit()
    )
    x, y = known.find(maps, sigma)[0, 0, :2].tolist()
    text = task.decoding(side)
    if "filter" in text:
        factor = side / h
        by_words = follow(text, maps[0].numpy())[0]
        assert math.dist(by_words, ((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5)) < 0.05 * factor
    else:
        weights = maps[0, 0].sigmoid().numpy()
        ys, xs = np.mgrid[:h, :h]
        assert math.dist((x, y), ((weights * xs).sum() / weights.sum(), (weights * ys).sum() / weights.sum())) < 0.01


FACE = np.array([(131.0, 98.0), (189.0, 112.0), (150.0, 141.0), (121.0, 163.0), (171.0, 175.0)])
NUMBER = r"([\d.]+)"


def moved(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Similarity (2, 3) of least squares, as complex numbers."""
    z, w = points @ [1, 1j], places @ [1, 1j]
    a, b = np.linalg.lstsq(np.stack([z, np.ones(5)], 1), w, rcond=None)[0]
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


def crop_by_the_words(align: str, points: np.ndarray) -> np.ndarray:
    """Five points (5, 2) in a crop, from 0 to 1, by the words only."""
    words = CROPS[align]
    if align == "ffhq":
        lift, eyes, down = numbers(
            words, rf"E \+ {NUMBER} \* d", rf"of {NUMBER} times the distance", rf"and {NUMBER} times"
        )
        middle, mouth = points[:2].mean(0), points[3:].mean(0)
        d, between = mouth - middle, points[1] - points[0]
        half = max(eyes * np.linalg.norm(between), down * np.linalg.norm(d))
        x = between + np.array([d[1], -d[0]])
        x /= np.linalg.norm(x)
        axes = np.stack([x, (-x[1], x[0])], 1)
        return (points - middle - lift * d) @ axes / (2 * half) + 0.5
    places = np.array([[float(v) for v in pair] for pair in re.findall(rf"\({NUMBER}, {NUMBER}\)", words)])
    assert places.shape == (5, 2)
    matrix = moved(points, places)
    inside = points @ matrix[:, :2].T + matrix[:, 2]
    if align != "tanh":
        return inside
    straight, factor = numbers(words, rf"\|v\| <= {NUMBER}", rf"{NUMBER} \* tanh")
    v = 2 * inside - 1
    bent = np.sign(v) * (straight + factor * np.tanh((np.abs(v) - straight) / factor))
    return (np.where(np.abs(v) <= straight, v, bent) + 1) / 2


@pytest.mark.parametrize("align", POINT_FRAMED)
def test_crops_by_the_words(align: str) -> None:
    """Crops from five points are those of facekit."""
    frame = point_frame(FACE, LANDMARKS_5, align)
    assert frame is not None
    places = frame.crop((240, 320), 256).points(FACE)
    assert np.abs((places + 0.5) / 256 - crop_by_the_words(align, FACE + 0.0)).max() < 0.005


def test_every_crop_has_words() -> None:
    assert set(CROPS) == set(ALIGN)


def test_export_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "landmarks", "--out", str(tmp_path / "a.pt")]) == 2
    assert ".onnx" in capsys.readouterr().err
    assert main(["export", "nothing", "--out", str(tmp_path / "a.onnx")]) == 2
    assert "nothing: no such file or ready model" in capsys.readouterr().err
