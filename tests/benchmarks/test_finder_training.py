"""Training images, targets and loss of the embedded face finder."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.ready_models.face_finder import matched, recall_at_precision, same_face
from benchmarks.ready_models.finder_training.backgrounds import Backgrounds
from benchmarks.ready_models.finder_training.faces import FaceGroup, face_of_points
from benchmarks.ready_models.finder_training.losses import finder_loss, generalized_iou
from benchmarks.ready_models.finder_training.mosaics import Mosaics
from benchmarks.ready_models.finder_training.scene import Cutout, Scene
from benchmarks.ready_models.finder_training.targets import RANGES, targets
from benchmarks.ready_models.utkface_groups import SCORED, scored_groups, trained_images
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.detection import Face
from facekit.detection.network import OUTPUTS, STRIDES, decode


def face(x: float, y: float, w: float, h: float) -> np.ndarray:
    points = np.array([[-0.2, -0.1], [0.2, -0.1], [0, 0.1], [-0.15, 0.3], [0.15, 0.3]]) * (w, h) + (x, y)
    return np.concatenate([[x, y, w, h], points.ravel()])


def maps_of(wanted: np.ndarray, size: int) -> list[np.ndarray]:
    counts = np.cumsum([(size // s) ** 2 for s in STRIDES])[:-1]
    return [m.reshape(size // s, size // s, -1) for m, s in zip(np.split(wanted, counts), STRIDES, strict=True)]


def test_each_size_goes_to_its_maps() -> None:
    none = np.zeros((0, 4))
    for side, expected in ((20, [True, False, False]), (34, [True, True, False]), (200, [False, False, True])):
        maps = maps_of(targets(face(130, 120, side, side)[None], none, 256), 256)
        assert [bool((m[..., 0] == 1).any()) for m in maps] == expected
    # Just beyond the first map's range nothing is learned there.
    first = maps_of(targets(face(130, 120, 45, 45)[None], none, 256), 256)[0]
    assert (first[..., 0] == -1).any() and not (first[..., 0] == 1).any()


def test_every_face_has_a_cell() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.uniform(6, 250, 2)
        w = rng.uniform(9, 60)
        wanted = targets(face(x, y, w, 1.3 * w)[None], np.zeros((0, 4)), 256)
        assert (wanted[:, 0] == 1).any()


def test_the_smaller_face_takes_a_shared_cell_and_ignored_places_are_ignored() -> None:
    two = np.stack([face(128, 128, 36, 36), face(130, 128, 24, 24)])
    first = maps_of(targets(two, np.array([[40.0, 40, 50, 50]]), 256), 256)[0]
    assert first[16, 16, 3] == 24
    assert first[5, 5, 0] == -1 and first[20, 5, 0] == 0


def test_targets_are_what_decode_gives() -> None:
    """A network that predicts the targets has no loss of box and points."""
    wanted = torch.from_numpy(targets(face(100, 90, 30, 40)[None], np.zeros((0, 4)), 256))[None]
    decoded = torch.cat([torch.where(wanted[..., :1] == 1, 9.0, -9.0), wanted[..., 1:]], -1)
    losses = finder_loss(decoded, wanted)
    assert all(float(v) < 1e-3 for v in losses.values())
    empty = decode([torch.zeros(1, OUTPUTS, 256 // s, 256 // s) for s in STRIDES])
    worse = finder_loss(empty, wanted)
    assert all(float(worse[k]) > 0.1 for k in losses)


def test_an_image_without_faces_has_a_loss() -> None:
    empty = torch.zeros(1, 10, OUTPUTS)
    losses = finder_loss(torch.ones(1, 10, OUTPUTS, requires_grad=True), empty)
    assert float(losses["score"].detach()) > 0 and losses["box"].item() == 0 and losses["points"].item() == 0
    sum(losses.values(), torch.zeros(())).backward()


def test_generalized_iou_of_apart_same_and_half() -> None:
    a = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2]])
    b = torch.tensor([[0.0, 0, 2, 2], [1, 0, 2, 2], [10, 0, 2, 2]])
    same, half, apart = generalized_iou(a, b).tolist()
    assert same == 1 and half == pytest.approx(1 / 3) and apart == pytest.approx(-2 / 3)


def test_a_pasted_face_keeps_its_points() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    own = face(50, 50, 40, 50)
    image[int(own[5]), int(own[4])] = image[int(own[7]), int(own[6])] = 255
    cutout = Cutout(image, own, 0.0)
    for made in (cutout, cutout.mirrored()):
        scene = Scene(np.full((256, 256, 3), 60, np.uint8))
        scene.paste_face(made, np.ones((100, 100), np.float32), (120.0, 140.0), 100.0, 35.0)
        scene = scene.turned(1)
        ((row),), ignored = scene.labels()
        assert len(ignored) == 0 and row[2:4] == pytest.approx([80, 100])
        grey = scene.image[..., 0].astype(float)
        for x, y in row[4:8].reshape(2, 2):
            around = cv2.getRectSubPix(grey.astype(np.float32), (5, 5), (float(x), float(y)))
            assert around.max() > 100, "the left eye and the right one are where the labels are"


def test_hidden_cut_off_and_tiny_faces_are_not_learned() -> None:
    cutout = Cutout(np.zeros((100, 100, 3), np.uint8), face(50, 50, 40, 50), 0.0)
    whole = np.ones((100, 100), np.float32)
    for centre, height, hidden in (
        ((-20.0, 100.0), 80.0, False),
        ((100.0, 100.0), 9.0, False),
        ((99.0, 99.0), 60.0, True),
    ):
        scene = Scene(np.zeros((256, 256, 3), np.uint8))
        scene.paste_face(cutout, whole, centre, height, 0.0)
        if hidden:
            scene.paste(np.zeros((70, 70, 3), np.uint8), whole[:70, :70], np.array([[1.0, 0, 64], [0, 1, 64]]))
        learned, _ = scene.labels()
        assert len(learned) == 0


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory: pytest.TempPathFactory) -> Mosaics:
    folder = tmp_path_factory.mktemp("backgrounds")
    rng = np.random.default_rng(0)
    cv2.imwrite(str(folder / "a.png"), rng.integers(0, 256, (80, 120, 3), dtype=np.uint8))
    batch = GeneratedFaces(seed=3, size=64, domain="wild", framing=2.0).batch(range(4), want=("image", "landmarks68"))
    images = batch["image"].permute(0, 2, 3, 1).numpy()
    group = FaceGroup(images, batch["landmarks68"].numpy())
    return Mosaics({"300w": group, "generated": group}, Backgrounds(folder), 128, seed=5)


def test_training_images_depend_on_seed_and_index_only(mosaics: Mosaics) -> None:
    scenes = [mosaics.scene(i) for i in range(12)]
    assert any(len(scene.labels()[0]) for scene in scenes)
    for i in (7, 2):
        again = mosaics.scene(i)
        assert (again.image == scenes[i].image).all()
        assert (again.labels()[0] == scenes[i].labels()[0]).all()
    for scene in scenes:
        assert scene.image.shape == (128, 128, 3) and scene.image.dtype == np.uint8


def test_a_folder_without_backgrounds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="images without faces"):
        Backgrounds(tmp_path)


def test_box_of_points_reaches_from_forehead_to_chin() -> None:
    batch = GeneratedFaces(seed=1, size=96, yaw=(0, 0), pitch=(0, 0), roll=(20, 20)).batch([0], want=("landmarks68",))
    points = batch["landmarks68"][0].numpy()
    row, roll = face_of_points(points)
    assert roll == pytest.approx(20, abs=4)
    assert 1.1 < row[3] / row[2] < 1.6
    assert np.hypot(*(points[8] - row[:2])) < 0.55 * row[3]


def test_scored_matches_are_one_to_one() -> None:
    box = (10.0, 10.0, 50.0, 60.0)
    near, far = Face((12, 12, 48, 58), score=0.9), Face((60, 60, 90, 99), score=0.95)
    assert same_face(near, box) and not same_face(far, box) and not same_face(Face((25, 30, 35, 40)), box)
    assert matched([near, far, near], [box]) == [None, 0, None]


def test_recall_at_precision() -> None:
    hits = [(0.9, True), (0.8, True), (0.7, False), (0.6, True)]
    assert recall_at_precision(hits, 4, 0.95) == 0.5
    assert recall_at_precision(hits, 4, 0.75) == 0.75
    assert recall_at_precision([(1.0, True), (1.0, False)], 2, 0.95) == 0.0


def test_no_scored_image_of_utkface_is_trained(data: Path) -> None:
    groups = scored_groups()
    scored = {path for paths in groups.values() for path in paths}
    assert len(groups) == 7 and all(len(paths) == SCORED for paths in groups.values())
    assert not scored & set(trained_images()) and scored_groups() == groups


def test_ranges_overlap() -> None:
    assert all(lower[1] > upper[0] for lower, upper in itertools.pairwise(RANGES))
