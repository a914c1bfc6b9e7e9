"""Training and prediction frame faces by five points in the same way, with and without the tanh-warp."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.slow import slow_unless

import facekit
from facekit import alignment as framing
from facekit.alignment import FaceFramer, Frame, five_points, mean_face_frame, warping
from facekit.augmentation.affine import TanhMoves, warp, warp_masks, warp_points
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.detection.face import Face
from facekit.geometry import affine as g
from facekit.geometry.affine_crop import AffineCrop
from facekit.geometry.tanh_crop import TanhCrop
from facekit.geometry.tanh_warp import ALPHA, MEAN_FACE
from facekit.images.reader import read_images
from facekit.labels import (
    FACEKIT_27,
    HELEN_11,
    LANDMARKS_5,
    LANDMARKS_44,
    LANDMARKS_68,
    landmark_map,
    landmark_set,
    segmentation_map,
)
from facekit.model import CROPPER
from facekit.model import find_frames as frames_in
from facekit.results.types import ImageResult, Landmarks, Segmentation
from facekit.tasks import LandmarkTask, SegmentationTask
from facekit.training.config import Adaptation
from facekit.training.views import AugmentedViews, TrainingData


@pytest.fixture(scope="module")
def faces() -> dict[str, Any]:
    return GeneratedFaces(seed=5, size=128, yaw=(-20, 20)).batch(range(3), want=("image", "mask", "landmarks68"))


@pytest.mark.parametrize("name", ["5", "19", "68", "98", "112"])
def test_five_points_by_name(name: str) -> None:
    labels = landmark_set(name)
    source = np.random.default_rng(1).uniform(0, 100, (len(LANDMARKS_68), 2))
    points = np.full((len(labels), 2), 33.0)
    if name in ("68", "112"):
        places = landmark_map(LANDMARKS_68, labels)
        points = np.where(places[:, None] >= 0, source[places], 33.0)
        eyes = source[36:42].mean(0), source[42:48].mean(0)
    else:
        eyes = np.array([20.0, 30]), np.array([60.0, 31])
        for i, eye in enumerate(("left_pupil", "right_pupil")):
            points[labels.index(eye)] = eyes[i]
        for point in ("nose_tip", "left_mouth_corner", "right_mouth_corner"):
            points[labels.index(point)] = source[LANDMARKS_68.index(point)]
    found = five_points(points, labels)
    assert found is not None and np.allclose(found, [*eyes, source[30], source[48], source[54]])


def test_five_points_of_other_sets() -> None:
    assert five_points(np.zeros((44, 2)), LANDMARKS_44) is None
    assert five_points(np.zeros((9, 2)), landmark_set(None, 9)) is None
    own = landmark_set(["nose_tip", "left_eye", "right_eye", "left_mouth_corner", "right_mouth_corner", "left_eyebrow"])
    found = five_points(np.arange(12.0).reshape(6, 2), own)
    assert found is not None and found[:, 0].tolist() == [2, 4, 0, 6, 8]


def test_frames_bring_a_face_to_the_mean_face() -> None:
    turn = g.invert(g.crop_matrix((40, 30, 240, 230), 512, roll=-35))
    points = g.transform_points(MEAN_FACE, turn)
    frame = mean_face_frame(points, LANDMARKS_5)
    assert frame is not None and frame.roll == pytest.approx(-35) and frame.alpha == ALPHA
    assert frame.box == pytest.approx((40, 30, 240, 230))
    crop = frame.crop((300, 300), 256)
    assert isinstance(crop, TanhCrop)
    assert np.allclose(g.transform_points(points, crop.matrix), (MEAN_FACE + 0.5) / 2 - 0.5)
    points[0] = np.nan
    partly = mean_face_frame(points, LANDMARKS_5)
    assert partly is not None and partly.box == pytest.approx(frame.box)
    points[1:3] = np.nan
    assert mean_face_frame(points, LANDMARKS_5) is None
    assert isinstance(Frame(alpha=ALPHA).crop((30, 40), 16), AffineCrop), "a whole image is not warped"


def test_frames_of_found_and_given_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.full((68, 2), np.nan)
    points[[36, 42, 30, 48, 54]] = MEAN_FACE / 4
    seen = []

    def pointer(image: np.ndarray, frames: list[Frame]) -> list[np.ndarray]:
        seen.extend(frame.crop(image.shape[:2], 128) for frame in frames)
        return [points] * len(frames)

    monkeypatch.setattr(framing, "find_faces", lambda image: [Face((20, 20, 100, 100))] * 2)
    image, framer = np.zeros((130, 130, 3), np.uint8), FaceFramer(pointer)
    found = framer.frames(image, "tanh")
    given = framer.frames(image, "tanh", [(10, 20, 90, 100)])
    assert len(found) == 2 and len(given) == 1 and found[0].alpha == given[0].alpha == ALPHA
    (plain,) = framer.frames(image, "mean", [(10, 20, 90, 100)])
    assert plain.alpha is None and plain.box == given[0].box, "the same square, not warped"
    assert all(isinstance(crop, AffineCrop) for crop in seen), "the pointing model sees a plain crop"
    with pytest.raises(ValueError, match="'none', 'box', 'landmarks', 'mean', 'mean-wide', 'tanh'"):
        framer.frames(image, "tahn")


SIDE = 96  # of the views, px


def fitting_of(
    faces: dict[str, Any], align: str, **settings: Any
) -> tuple[AugmentedViews, list[np.ndarray], list[Frame]]:
    """A fitting on generated faces in larger images, the images, and how prediction frames them."""
    images = [np.pad(p.permute(1, 2, 0).numpy(), ((30, 50), (60, 20), (0, 0)), "reflect") for p in faces["image"]]
    boxes = [[(90, 50, 160, 120)]] * 3
    task = SegmentationTask(HELEN_11)
    masks = [np.pad(segmentation_map(FACEKIT_27, HELEN_11)[m.numpy()], ((30, 50), (60, 20))) for m in faces["mask"]]
    given, side = [b[0] for b in boxes], 2 * SIDE
    crops, moved = CROPPER.training_crops(read_images(images), masks, task, align, given, side)
    recipe = Adaptation(steps=1, jitter=0.0, views=4, least_views=1, **settings)
    data = TrainingData(crops, moved, warping(align))
    fitting = AugmentedViews(task, data, recipe, SIDE, torch.device("cpu"))
    return fitting, images, [frames_in(p, align, b)[0] for p, b in zip(images, boxes, strict=True)]


@pytest.mark.parametrize("align", ["box", "landmarks", "tanh"])
def test_training_sees_what_prediction_sees(align: str, faces: dict[str, Any]) -> None:
    fitting, images, frames = fitting_of(faces, align)
    seen = 255 * fitting.images(torch.arange(3)).permute(0, 2, 3, 1).numpy()
    for image, frame, view in zip(images, frames, seen, strict=True):
        predicted = frame.crop(image.shape[:2], 96).image(image)
        assert np.abs(predicted - view).mean() < 1.5


def test_augmenting_moves_the_face_before_the_warp(faces: dict[str, Any]) -> None:
    fitting, images, frames = fitting_of(faces, "tanh", rotate=18.0, scale=(0.9, 1.1), shift=0.05)
    views = torch.arange(3, fitting.count)
    seen = 255 * fitting.images(views).permute(0, 2, 3, 1).numpy()
    labels = fitting.labels(views).numpy()
    normal = g.crop_matrix((-1, -1, 1, 1), 96)  # from [-1, 1] to pixels
    for v, view, label in zip(views, seen, labels, strict=True):
        image, frame = images[v % 3], frames[v % 3]
        move = np.vstack([fitting.matrices[v].double().numpy(), [0, 0, 1]])
        if fitting.mirrored[v]:
            view, label = view[:, ::-1], None
            move = move @ np.diag([-1.0, 1, 1])
        aligned = normal @ np.linalg.inv(move) @ np.linalg.inv(normal) @ frame.plain(image.shape[:2], 96)
        wanted = TanhCrop(aligned, 96).image(image)
        assert np.abs(wanted - view).mean() < 3.0
        if label is not None:
            mask = np.pad(segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"][v % 3].numpy()], ((30, 50), (60, 20)))
            assert (TanhCrop(aligned, 96).mask(mask) != label).mean() < 0.05


def test_points_masks_and_images_move_together() -> None:
    side, alpha = 128, ALPHA
    angle = torch.deg2rad(torch.tensor([0.0, 15.0, -10.0]))
    cos, sin = torch.cos(angle), torch.sin(angle)
    matrices = torch.stack([torch.stack([cos, sin, 0 * cos + 0.1], 1), torch.stack([-sin, cos, 0 * cos], 1)], 1)
    moves = TanhMoves(matrices, alpha)
    points = torch.tensor([[[40.0, 60.0], [90.0, 30.0], [float("nan")] * 2]]).repeat(3, 1, 1)
    ys, xs = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    images = torch.exp(-((xs - 40) ** 2 + (ys - 60) ** 2) / 8).repeat(3, 1, 1, 1)
    masks = torch.zeros(3, side, side, dtype=torch.uint8)
    masks[:, 57:64, 37:44] = 1
    moved = warp_points(points, moves, side, 64)
    assert moved[:, 2].isnan().all() and moved[:, :2].isfinite().all()
    torch.testing.assert_close(moved[0, 1], warp_points(points, TanhMoves(matrices[:1], alpha), side, 64)[0, 1])
    still = TanhMoves(torch.eye(2, 3).repeat(3, 1, 1), alpha)
    torch.testing.assert_close(warp_points(points, still, side, side)[:, :2], points[:, :2], atol=1e-3, rtol=0)
    torch.testing.assert_close(warp(images, still, side), images, atol=1e-3, rtol=0)
    assert torch.equal(warp_masks(masks, still, side), masks)
    seen, out = warp(images, moves, 64), warp_masks(masks, moves, 64)
    grid = torch.arange(64.0)
    weights = seen / seen.sum((2, 3), keepdim=True)
    found = torch.stack([(weights.sum(2) * grid).sum(-1), (weights.sum(3) * grid).sum(-1)], -1)[:, 0]
    assert (found - moved[:, 0]).abs().max() < 0.2
    for i in range(3):
        y, x = torch.nonzero(out[i] == 1, as_tuple=True)
        assert (torch.stack([x.float().mean(), y.float().mean()]) - moved[i, 0]).abs().max() < 0.6


@pytest.mark.parametrize(
    "task",
    slow_unless(
        ("landmarks", "segmentation").__contains__, ["landmarks", "segmentation", "stylization", "shadow_removal"]
    ),
)
def test_adapt_predict_save_load(task: str, faces: dict[str, Any], tmp_path: Path) -> None:
    boxes = []
    for points in faces["landmarks68"].numpy():
        boxes.append([*points.min(0), *points.max(0)])
    labels: Any = faces["landmarks68"]
    if task == "segmentation":
        labels = segmentation_map(FACEKIT_27, HELEN_11)[faces["mask"].numpy()]
    elif task != "landmarks":
        labels = 255 - faces["image"] if task == "stylization" else None
    model = facekit.adapt(
        faces["image"],
        labels,
        task,
        names=HELEN_11 if task == "segmentation" else None,
        align="tanh",
        faces=boxes,
        weights="none",
        steps=2,
        least_views=6,
        batch_size=4,
        progress=False,
        device="cpu",
    )
    model.save(tmp_path / "m.facekit")
    loaded = facekit.load(tmp_path / "m.facekit", device="cpu")
    assert loaded.align == "tanh"
    image = faces["image"][0].permute(1, 2, 0).numpy()
    (one,), (again,) = (facekit.predict(m, image, faces=[boxes[0]]) for m in (model, loaded))
    assert isinstance(one, {"landmarks": Landmarks, "segmentation": Segmentation}.get(task, ImageResult))
    assert json.dumps(one.to_dict()) == json.dumps(again.to_dict())
    assert one.draw().shape == (128, 128, 3) and one.box is not None
    truth = faces["image"] if labels is None else labels
    assert np.isfinite(facekit.evaluate(loaded, faces["image"], truth)[loaded.task.headline])


def test_landmark_training_goes_by_the_labels(faces: dict[str, Any]) -> None:
    images, points = read_images(faces["image"]), faces["landmarks68"].numpy()
    crops, moved = CROPPER.training_crops(images, list(points), LandmarkTask(LANDMARKS_68), "tanh", None, 192)
    assert crops.shape == (3, 3, 192, 192)
    for own, label in zip(points, moved.numpy(), strict=True):
        frame = mean_face_frame(own, LANDMARKS_68)
        assert frame is not None
        assert np.allclose(label, frame.crop((128, 128), 192).points(own), atol=1e-3)
        assert label.min() > 0 and label.max() < 191


@pytest.mark.slow
def test_learning_learns_and_comes_back_to_the_image(faces: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"steps": 25, "least_views": 12, "lr": 5e-3, "align": "tanh", "progress": False}
    model = facekit.adapt(faces["image"], faces["landmarks68"], device="cpu", **settings)
    assert facekit.evaluate(model, faces["image"], faces["landmarks68"])["nme_inter_ocular"] < 8
