"""Generated animals are reproducible, and their points and masks agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facekit.data.synthetic_cats import ANIMAL_PARTS, ANIMAL_POINTS, CAT_HEAD_9, GeneratedAnimals
from facekit.data.synthetic_cats.species import COATS
from facekit.labels import LANDMARKS_68, flip_landmarks, flip_mask, landmark_map

ID = {name: k for k, name in enumerate(ANIMAL_PARTS.classes)}
AT = {name: k for k, name in enumerate(ANIMAL_POINTS.points)}
WANT = ("image", "mask", "landmarks", "visible", "pose")

_EAR_REACH = {"outer": 3, "tip": 2, "inner": 2}


@pytest.fixture(scope="module")
def animals() -> GeneratedAnimals:
    return GeneratedAnimals(seed=0, size=96)


@pytest.fixture(scope="module")
def many(animals: GeneratedAnimals) -> dict:
    return animals.batch(range(32), want=WANT)


@pytest.fixture(scope="module")
def frontal() -> dict:
    still = GeneratedAnimals(seed=2, size=128, yaw=(-3, 3), pitch=(-3, 3), roll=(-2, 2))
    return still.batch(range(16), want=WANT)


def _near(mask: torch.Tensor, point: torch.Tensor, name: str, reach: int) -> bool:
    x, y = (round(float(t)) for t in point)
    patch = mask[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return bool((patch == ID[name]).any())


def test_same_image_alone_again_and_in_any_batch() -> None:
    first, again = (GeneratedAnimals(seed=5, size=64) for _ in range(2))
    together = first.batch([9, 3, 17, 4])
    alone = again[17]
    gap = np.abs(together["image"][2].permute(1, 2, 0).numpy().astype(int) - alone.image)
    assert gap.max() <= 3 and (gap > 1).mean() < 1e-3
    assert (together["mask"][2].numpy() == alone.mask).mean() > 0.999
    np.testing.assert_allclose(together["landmarks"][2].numpy(), alone.landmarks, atol=0.01)
    assert np.array_equal(again[17].image, alone.image)


def test_seed_and_index_change_the_image(animals: GeneratedAnimals) -> None:
    images = [animals[0].image, animals[1].image, GeneratedAnimals(seed=1, size=96)[0].image]
    for i, a in enumerate(images):
        for b in images[i + 1 :]:
            assert np.abs(a.astype(int) - b).mean() > 5


def test_shapes_and_types(animals: GeneratedAnimals, many: dict) -> None:
    n, s, k = 32, 96, len(ANIMAL_POINTS)
    assert set(animals.batch([0])) == {"image", "mask", "landmarks"}
    assert many["image"].shape == (n, 3, s, s) and many["image"].dtype == torch.uint8
    assert many["mask"].shape == (n, s, s) and many["mask"].dtype == torch.uint8
    assert many["landmarks"].shape == (n, k, 2) and many["landmarks"].dtype == torch.float32
    assert torch.isfinite(many["landmarks"]).all()
    assert many["visible"].shape == (n, k) and many["visible"].dtype == torch.bool
    one = animals[3]
    assert one.image.shape == (s, s, 3) and one.landmarks.shape == (k, 2) and one.coat in COATS
    assert animals[-1].index == len(animals) - 1
    assert [a.index for a in GeneratedAnimals(size=16, length=2)] == [0, 1]


def test_masks_hold_every_class_and_no_other(many: dict) -> None:
    assert set(torch.unique(many["mask"]).tolist()) == set(range(len(ANIMAL_PARTS)))
    for k in (ID["left_eye"], ID["right_eye"], ID["nose"], ID["left_ear"], ID["right_ear"], ID["head"]):
        assert ((many["mask"] == k).flatten(1).sum(1) > 5).float().mean() > 0.9


def test_points_lie_on_their_parts(many: dict) -> None:
    on = {
        "left_eye": ("left_eye", 0),
        "right_eye": ("right_eye", 0),
        "left_eye_outer": ("left_eye", 3),
        "left_eye_inner": ("left_eye", 3),
        "right_eye_inner": ("right_eye", 3),
        "right_eye_outer": ("right_eye", 3),
        "left_nose": ("nose", 2),
        "nose_tip": ("nose", 1),
        "right_nose": ("nose", 2),
        "mouth": ("mouth", 1),
        "left_mouth_corner": ("mouth", 2),
        "right_mouth_corner": ("mouth", 2),
        "left_muzzle": ("muzzle", 2),
        "right_muzzle": ("muzzle", 2),
        "chin": ("muzzle", 3),
        "left_cheek": ("head", 2),
        "right_cheek": ("head", 2),
        "forehead": ("head", 1),
        **{f"{s}_ear_{p}": (f"{s}_ear", r) for s in ("left", "right") for p, r in _EAR_REACH.items()},
    }
    assert set(on) == set(ANIMAL_POINTS.points)
    for point, (part, reach) in on.items():
        k = AT[point]
        hits = [
            _near(mask, points[k], part, reach)
            for mask, points, seen in zip(many["mask"], many["landmarks"], many["visible"], strict=True)
            if seen[k]
        ]
        assert len(hits) > 10 and np.mean(hits) > 0.9, point


def test_ears_stand_on_top_and_their_tips_are_their_tops(frontal: dict) -> None:
    rows = torch.arange(128)[:, None].expand(128, 128)
    for mask, points in zip(frontal["mask"], frontal["landmarks"], strict=True):
        for side in ("left", "right"):
            ear = mask == ID[f"{side}_ear"]
            tip, base = points[AT[f"{side}_ear_tip"]], points[AT[f"{side}_ear_inner"]]
            assert abs(float(rows[ear].min()) - float(tip[1])) < 2.5
            assert tip[1] < base[1] < points[AT["forehead"], 1] + 2
        assert rows[mask == ID["head"]].float().mean() > rows[(mask == ID["left_ear"])].float().mean()


def test_viewers_left_is_left_and_eyes_are_centred(frontal: dict) -> None:
    columns = torch.arange(128.0)
    for mask, points in zip(frontal["mask"], frontal["landmarks"], strict=True):
        for side in ("left", "right"):
            across = (mask == ID[f"{side}_eye"]).float().sum(0)
            assert abs(float((across * columns).sum() / across.sum() - points[AT[f"{side}_eye"], 0])) < 1.5
        assert points[AT["left_eye"], 0] < points[AT["mouth"], 0] < points[AT["right_eye"], 0]
        assert points[AT["left_eye"], 1] < points[AT["nose_tip"], 1] < points[AT["mouth"], 1] < points[AT["chin"], 1]


def test_flips_swap_sides(frontal: dict) -> None:
    """The mean frontal animal is its own mirror image, point for point and class for class."""
    mean = frontal["landmarks"].mean(0)
    mirrored = flip_landmarks(mean.numpy(), 128, ANIMAL_POINTS)
    assert np.linalg.norm(mirrored - mean.numpy(), axis=1).max() < 4.0
    unswapped = mean.numpy() * [-1, 1] + [127, 0]
    assert np.linalg.norm(unswapped - mean.numpy(), axis=1).max() > 20.0
    mask = frontal["mask"][0].numpy()
    agree = (flip_mask(mask, ANIMAL_PARTS) == mask).mean()
    assert agree > 0.85 and agree > (mask[:, ::-1] == mask).mean() + 0.05
    left = {n for n in ANIMAL_POINTS.points if n.startswith("left_")}
    for name in left:
        assert ANIMAL_POINTS.points[ANIMAL_POINTS.flip[AT[name]]] == name.replace("left_", "right_")


def test_sets_carry_what_metrics_and_drawing_need() -> None:
    assert len(ANIMAL_POINTS) == 24 and len(CAT_HEAD_9) == 9
    assert ANIMAL_POINTS.points[:9] == CAT_HEAD_9.points
    assert list(landmark_map(ANIMAL_POINTS, CAT_HEAD_9)) == list(range(9))
    assert ANIMAL_POINTS.eye_corners == (AT["left_eye_outer"], AT["right_eye_outer"])
    assert CAT_HEAD_9.eye_corners is not None and CAT_HEAD_9.eyes == ANIMAL_POINTS.eyes == ((0,), (1,))
    assert ANIMAL_POINTS.mirrors and ANIMAL_PARTS.mirrors and ANIMAL_POINTS.edges and CAT_HEAD_9.edges
    assert len(set(ANIMAL_PARTS.palette)) == len(ANIMAL_PARTS)
    assert set(ANIMAL_POINTS.points) - set(LANDMARKS_68.points), "a set of its own"


def test_pose_moves_the_points_the_documented_way() -> None:
    def points(**pose: tuple[float, float]) -> torch.Tensor:
        still = {"yaw": (0.0, 0.0), "pitch": (0.0, 0.0), "roll": (0.0, 0.0)} | pose
        return GeneratedAnimals(seed=1, size=64, **still).batch(range(4))["landmarks"]

    def turn(p: torch.Tensor) -> torch.Tensor:
        return p[:, AT["nose_tip"], 0] - (p[:, AT["left_eye"], 0] + p[:, AT["right_eye"], 0]) / 2

    assert (turn(points(yaw=(25.0, 25.0))) > 2).all() and (turn(points(yaw=(-25.0, -25.0))) < -2).all()
    eyes = points(roll=(20.0, 20.0))
    way = eyes[:, AT["right_eye"]] - eyes[:, AT["left_eye"]]
    assert ((torch.rad2deg(torch.atan2(way[:, 1], way[:, 0])) - 20).abs() < 3).all()

    def tip(p: torch.Tensor) -> torch.Tensor:
        level, chin = p[:, AT["left_eye"], 1], p[:, AT["chin"], 1]
        return (p[:, AT["nose_tip"], 1] - level) / (chin - level)

    assert (tip(points(pitch=(15.0, 15.0))) < tip(points(pitch=(-15.0, -15.0)))).all(), "positive pitch looks up"


def test_framing_and_pose_ranges_hold(many: dict) -> None:
    pose = many["pose"].abs().amax(0)
    assert (pose <= torch.tensor([30.0, 15.0, 20.0])).all() and (pose > torch.tensor([10.0, 5.0, 5.0])).all()
    side = (many["landmarks"].amax(1) - many["landmarks"].amin(1)).amax(1)
    assert (side - 96 / 1.3).abs().median() < 6
    wide = GeneratedAnimals(seed=0, size=96, framing=2.6).batch(range(4))["landmarks"]
    torch.testing.assert_close((wide.amax(1) - wide.amin(1)).amax(1) * 2, side[:4], rtol=0.02, atol=0)


def test_coats_differ() -> None:
    animals = GeneratedAnimals(seed=0)
    assert {int(animals.parameters(i)["coat"]) for i in range(60)} == set(range(len(COATS)))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"size": 4}, "16 to 1024"),
        ({"size": 64.0}, "whole number"),
        ({"yaw": (-60, 0)}, "-30..30"),
        ({"pitch": (5, -5)}, "pitch"),
        ({"roll": (0, 45)}, "-20..20"),
        ({"seed": -1}, "seed"),
        ({"length": 0}, "length"),
        ({"framing": 0.5}, "framing"),
        ({"supersample": 9}, "supersample"),
    ],
)
def test_wrong_settings_are_named(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        GeneratedAnimals(**wrong)


def test_wrong_requests_are_named(animals: GeneratedAnimals) -> None:
    with pytest.raises(ValueError, match="landmarks68.*landmarks"):
        animals.batch([0], want=("landmarks68",))
    with pytest.raises(ValueError, match="no indices"):
        animals.batch([])
    with pytest.raises(IndexError, match="1000000 animals"):
        animals[1_000_000]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_draws_the_same_image() -> None:
    cpu, gpu = (GeneratedAnimals(seed=0, size=96, device=d).batch(range(4)) for d in ("cpu", "cuda"))
    assert (cpu["image"].int() - gpu["image"].cpu().int()).abs().float().mean() < 0.5
    assert (cpu["mask"] == gpu["mask"].cpu()).float().mean() > 0.995
    torch.testing.assert_close(cpu["landmarks"], gpu["landmarks"].cpu(), atol=0.05, rtol=0)
