"""An ONNX file says what it is: a program that follows its texts gets the results of facekit."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import facekit
from facekit.alignment import ALIGN, POINT_FRAMED, Frame, frame_points, point_frame
from facekit.cli.main import main
from facekit.detection.face import landmark_box
from facekit.geometry.affine import crop_matrix
from facekit.geometry.affine_crop import AffineCrop
from facekit.labels import CELEBA_40, CELEBAMASK_19, LANDMARKS_5, LANDMARKS_68, landmark_set
from facekit.model import ready_model
from facekit.model.onnx_file import CROPS, _description
from facekit.tasks.heatmaps import KINDS
from facekit.tasks.landmarks import LandmarkTask

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
pytest.importorskip("onnxscript", reason="needs the extra onnx")


Exported = Callable[[str], tuple[dict[str, str], Any]]


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return facekit.data.samples().images[4]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A function from a model's name to the texts of its ONNX file, and a session."""

    @functools.cache
    def export(name: str) -> tuple[dict[str, str], Any]:
        file = tmp_path_factory.mktemp(name) / "model.onnx"
        assert main(["export", name, "--out", str(file)]) == 0
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return session.get_modelmeta().custom_metadata_map, session

    return export


def side_of(about: dict[str, str]) -> int:
    shape = re.search(r"float32 \(N, 3, (\d+), \1\), RGB in \[0, 1\]", about["input"])
    assert shape is not None
    return int(shape[1])


def run(session: Any, crop: np.ndarray) -> np.ndarray:
    """Maps (channels, h, w) or (channels,) of one crop."""
    (maps,) = session.run(None, {"image": np.float32(crop / 255).transpose(2, 0, 1)[None]})
    return np.asarray(maps[0])


def numbers(text: str, *patterns: str) -> list[float]:
    found = [re.search(pattern, text) for pattern in patterns]
    assert all(found), text
    return [float(match[1]) for match in found if match]


def follow(decoding: str, values: np.ndarray) -> np.ndarray:
    """Points (K, 2) from maps (K, h, w), by the words only."""
    smoothing, window, factor = numbers(
        decoding,
        r"filter with a standard deviation of ([\d.]+) px",
        r"Gaussian with a standard deviation of ([\d.]+) px around",
        r"\(x \+ 0.5\) \* ([\d.]+)",
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
def test_points_by_the_words(exported: Exported, face: np.ndarray) -> None:
    about, session = exported("landmarks")
    model = ready_model("landmarks")
    assert json.loads(about["names"]) == list(model.task.labels.points) and "the viewer's" in about["sides"]
    assert about["task"] == "landmarks" and about["align"] == model.align
    assert "mirroring" not in about  # this network runs the image alone
    small = cv2.resize(face, (side_of(about),) * 2, interpolation=cv2.INTER_AREA)
    maps, ours = run(session, small), facekit.predict(model, small, align="none").points
    assert len(maps) == 68 and np.linalg.norm(follow(about["decoding"], maps) - ours, axis=1).max() < 0.1


@pytest.mark.slow
def test_parts_and_attributes_by_the_words(exported: Exported, face: np.ndarray) -> None:
    about, session = exported("segmentation")
    assert tuple(json.loads(about["names"])) == CELEBAMASK_19.classes and "largest map" in about["decoding"]
    maps = run(session, cv2.resize(face, (side_of(about),) * 2, interpolation=cv2.INTER_AREA))
    classes = cv2.resize(maps.transpose(1, 2, 0), (256, 256), interpolation=cv2.INTER_LINEAR).argmax(2)
    assert (classes == facekit.predict("segmentation", face, align="none").mask).mean() > 0.97

    about, session = exported("attributes")
    assert tuple(json.loads(about["names"])) == CELEBA_40.names and "exp(-value)" in about["decoding"]
    assert "sides" not in about  # no attribute has a side
    maps = averaged(about, session, cv2.resize(face, (side_of(about),) * 2, interpolation=cv2.INTER_AREA))
    apart = 1 / (1 + np.exp(-maps)) - facekit.predict("attributes", face, align="none").probabilities
    assert np.abs(apart).max() < 0.03


def averaged(about: dict[str, str], session: Any, crop: np.ndarray) -> np.ndarray:
    """Maps of a crop, and of the mirrored one if the words say so."""
    maps = run(session, crop)
    if "mirroring" not in about:
        return maps
    other = run(session, crop[:, ::-1])[json.loads(about["mirrored_order"])]
    return np.asarray((maps + (other[..., ::-1] if "first mirrored" in about["mirroring"] else other)) / 2)


@pytest.fixture(scope="module")
def photo(face: np.ndarray) -> np.ndarray:
    """A grainy photo (1000, 1000, 3) of a face that leans. It has more pixels than a crop."""
    large = leaning(face, 1000)
    return np.uint8(np.clip(large + np.random.default_rng(0).normal(0, 40, large.shape), 0, 255))


def leaning(face: np.ndarray, side: int) -> np.ndarray:
    """A photo (side, side, 3) of a face (256, 256, 3) that leans by 25 degrees."""
    crop = AffineCrop(crop_matrix((-16, -16, 271, 271), side, roll=-25), side)
    return crop.image(face, "replicate", "cubic")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["landmarks", "segmentation", "attributes"])
def test_a_whole_photo_by_the_words(name: str, exported: Exported, photo: np.ndarray) -> None:
    about, session = exported(name)
    (found,), (ours,) = facekit.predict(["landmarks", name], photo)
    points, side = found.points, side_of(about)
    names = list(found.labels.points)
    eyes = [np.mean([p for p, n in zip(points, names, strict=True) if f"{s}_eye_" in n], 0) for s in ("left", "right")]
    five = np.array([*eyes, *(points[names.index(n)] for n in ("nose_tip", "left_mouth_corner", "right_mouth_corner"))])
    if name == "landmarks":
        matrix = square_by_the_words("landmarks", points, five[1] - five[0], side)
    else:
        matrix = moved(five, mean_places(about["crop"]) * side - 0.5)

    assert "averaged (area filter)" in about["input"]
    scale = math.hypot(*matrix[:, 0])
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shrunk = np.diag([small.shape[1] / photo.shape[1], small.shape[0] / photo.shape[0]])
    inner = np.column_stack([matrix[:, :2] @ np.linalg.inv(shrunk), matrix[:, 2]])
    inner[:, 2] += inner[:, :2] @ (0.5 - np.diag(shrunk) / 2)  # pixel centres
    crop = cv2.warpAffine(small, inner, (side, side), borderMode=cv2.BORDER_REFLECT)
    maps = averaged(about, session, crop)
    if name == "landmarks":
        places = follow(about["decoding"], maps)
        assert np.linalg.norm(places - points @ matrix[:, :2].T - matrix[:, 2], axis=1).mean() < 0.5
    elif name == "segmentation":
        back = cv2.warpAffine(maps.transpose(1, 2, 0), matrix, (1000, 1000), flags=cv2.WARP_INVERSE_MAP)
        assert (back.argmax(2) == ours.mask)[ours.mask > 0].mean() > 0.95
    else:
        assert np.abs(1 / (1 + np.exp(-maps)) - ours.probabilities).mean() < 0.03


def test_words_about_sides_and_mirroring() -> None:
    """Own names have their own sides, and names without left or right need no words about them."""

    def texts(names: list[str], adapted: bool = False) -> dict[str, str]:
        task = LandmarkTask(landmark_set(names))
        return _description(task, 64, "none", averaged=True, adapted=adapted)

    own = texts(["left_eye", "right_eye", "nose"])
    assert "the labels that this model was trained on" in own["sides"]
    assert json.loads(own["mirrored_order"]) == [1, 0, 2] and "first mirrored" in own["mirroring"]
    assert "sides" not in texts(["a", "b", "c"])
    adapted = texts(["left_eye", "right_eye"], adapted=True)
    assert "mirrored_order" not in adapted and "adapter" in adapted["mirroring"]


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


def mean_places(words: str) -> np.ndarray:
    """Places (5, 2) of the mean face, from 0 to 1, in the words."""
    places = np.array([[float(v) for v in pair] for pair in re.findall(rf"\({NUMBER}, {NUMBER}\)", words)])
    assert places.shape == (5, 2)
    return places


def square_by_the_words(align: str, points: np.ndarray, eyes: np.ndarray, side: int) -> np.ndarray:
    """Matrix (2, 3) from the photo to a crop by the box of 68 points, by the words only.

    Args:
        align: "landmarks" or "box".
        points: Points (68, 2) in the photo.
        eyes: Vector (2,) from the left to the right eye.
        side: Side of the crop in pixels.
    """
    factor, lift = numbers(CROPS[align], rf"{NUMBER} times the longer side", rf"is {NUMBER} of its side above")
    turn = np.array([[eyes[0], eyes[1]], [-eyes[1], eyes[0]]]) / np.linalg.norm(eyes)
    low, high = (points @ turn.T).min(0), (points @ turn.T).max(0)
    length = factor * (high - low).max()
    centre = (low + high) / 2 - [0, lift * length]
    scale = side / length
    return np.column_stack([scale * turn, (side - 1) / 2 - scale * centre])


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
    matrix = moved(points, mean_places(words))
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


@pytest.mark.parametrize("align", ["landmarks", "box"])
def test_squares_by_the_words(align: str, face: np.ndarray) -> None:
    """The square around 68 points of a face that leans is facekit's; its face finder's box is about the same."""
    photo = leaning(face, 400)
    (found,) = facekit.predict("landmarks", photo)
    left, right = (found.points[list(group)].mean(0) for group in LANDMARKS_68.eyes or ())
    corners = np.array([(-0.5, -0.5), (255.5, -0.5), (255.5, 255.5)])
    matrix = square_by_the_words(align, found.points, right - left, 256)
    if align == "landmarks":
        crop = frame_points(found.points, LANDMARKS_68).crop((400, 400), 256)
        limit = 0.5
    else:
        (box,) = facekit.find_faces(photo)
        crop = Frame(landmark_box(box), box.roll).crop((400, 400), 256)
        limit = 0.06 * 256
    inside = crop.points_back(corners) @ matrix[:, :2].T + matrix[:, 2]
    assert np.linalg.norm(inside - corners, axis=1).max() < limit


def test_every_crop_has_words() -> None:
    assert set(CROPS) == set(ALIGN)


def test_export_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "landmarks", "--out", str(tmp_path / "a.pt")]) == 2
    assert ".onnx" in capsys.readouterr().err
    assert main(["export", "nothing", "--out", str(tmp_path / "a.onnx")]) == 2
    assert "nothing: no such file or ready model" in capsys.readouterr().err
