"""Captions are true, pairs are cropped and aligned, and batches depend on the seed and the step only."""

from __future__ import annotations

import itertools
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from facekit.core.random_streams import shuffled_batch
from facekit.data.image_text import (
    Pair,
    PairBatches,
    PairPool,
    View,
    align_face,
    caption_from_attributes,
    five_points,
    mean_face,
    write_shards,
)
from facekit.labels import CELEBA_40, LANDMARKS_68

# On 512 px, counted from the edge (FaRL's code).
MEAN_FACE_512 = np.array([(196.0, 226.0), (316.0, 226.0), (256.0, 286.0), (220.0, 360.4), (292.0, 360.4)])
# Words that may be said only where the attribute is true.
TELLING = {
    "5_o_Clock_Shadow": "stubble|o'clock",
    "Arched_Eyebrows": "arched",
    "Attractive": "attractive|good-looking",
    "Bags_Under_Eyes": "bags",
    "Bald": "bald|no hair",
    "Bangs": "bangs|fringe",
    "Big_Lips": "full lips|big lips",
    "Big_Nose": "big nose|large nose",
    "Black_Hair": "black",
    "Blond_Hair": "blond|fair",
    "Blurry": "blur|unsharp",
    "Brown_Hair": "brown",
    "Bushy_Eyebrows": "bushy|thick",
    "Chubby": "round face|chubby",
    "Double_Chin": "chin(?!-)",
    "Eyeglasses": "glasses|spectacles",
    "Goatee": "goatee",
    "Gray_Hair": "gray|grey",
    "Heavy_Makeup": "make-up",
    "High_Cheekbones": "cheekbones",
    "Male": "man|guy|gentleman|he",
    "Mouth_Slightly_Open": "parted|open",
    "Mustache": "moustache|mustache",
    "Narrow_Eyes": "narrow",
    "No_Beard": "clean-shaven|beardless",
    "Oval_Face": "oval",
    "Pale_Skin": "pale",
    "Pointy_Nose": "pointed|pointy",
    "Receding_Hairline": "receding",
    "Rosy_Cheeks": "rosy",
    "Sideburns": "sideburns",
    "Smiling": "smil(e|ing)",
    "Straight_Hair": "straight",
    "Wavy_Hair": "wavy",
    "Wearing_Earrings": "earrings",
    "Wearing_Hat": "hat",
    "Wearing_Lipstick": "lipstick",
    "Wearing_Necklace": "necklace",
    "Wearing_Necktie": "(neck)?tie",
    "Young": "young|youthful",
}
# And those that say it is false.
DENYING = {"Male": "woman|lady|she", "No_Beard": "a beard", "Young": "older|mature"}


def says(text: str, words: str) -> bool:
    return re.search(rf"\b({words})\b", text, re.IGNORECASE) is not None


def people(count: int, often: float = 0.35) -> list[dict[str, int]]:
    table = np.random.default_rng(0).random((count, len(CELEBA_40))) < often
    return [dict(zip(CELEBA_40.names, map(int, row), strict=True)) for row in table]


def test_captions_are_true() -> None:
    assert set(TELLING) == set(CELEBA_40.names)
    mentioned = dict.fromkeys(TELLING, 0)
    for i, person in enumerate(people(1500)):
        text = caption_from_attributes(person, f"{i}.jpg")
        for name, words in TELLING.items():
            if not says(text, words):
                continue
            assert person[name] == 1, f"{name} is 0: {text}"
            mentioned[name] += 1
        for name, words in DENYING.items():
            assert not (says(text, words) and person[name] == 1), f"{name} is 1: {text}"
    assert min(mentioned.values()) > 10, f"each attribute is said sometimes: {mentioned}"


def test_nothing_is_said_of_what_is_unknown() -> None:
    for i in range(60):
        text = caption_from_attributes({"Eyeglasses": 1, "Male": float("nan"), "Young": float("nan")}, str(i))
        assert says(text, "person") and not says(text, "man|woman|she|he|young|older|beard|clean-shaven")
        # CelebA's own file says -1 for false.
        text = caption_from_attributes(dict.fromkeys(CELEBA_40.names, -1), str(i))
        assert says(text, "woman|lady") and not any(says(text, words) for words in TELLING.values())


def test_wording_varies_and_is_the_same_again() -> None:
    person = people(1)[0] | {"Male": 1, "Smiling": 1, "Bald": 0}
    texts = [caption_from_attributes(person, f"{i}.jpg", seed=1) for i in range(50)]
    assert len(set(texts)) > 45
    assert texts == [caption_from_attributes(person, f"{i}.jpg", seed=1) for i in range(50)]
    assert caption_from_attributes(person, "0.jpg", 1) == texts[0] != caption_from_attributes(person, "0.jpg", 2)
    assert {t.endswith(".") for t in texts} == {True, False}
    assert any(". He " in t for t in texts) and any(t[0].islower() for t in texts), "several templates"


def test_five_of_68_points() -> None:
    points = np.random.default_rng(0).uniform(0, 99, (3, 68, 2))
    five = five_points(points)
    assert five.shape == (3, 5, 2) and five_points(points[:0]).shape == (0, 5, 2) and five.dtype == np.float32
    np.testing.assert_allclose(five[:, 0], points[:, 36:42].mean(1), rtol=1e-5)
    np.testing.assert_allclose(five[:, 2:], points[:, [30, 48, 54]], rtol=1e-5)
    assert LANDMARKS_68.flip[48] == 54


def drawn(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image with a blob of its own brightness in a channel at each of the first three points."""
    ys, xs = np.mgrid[: size[0], : size[1]]
    blobs = [255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / 18) for x, y in points[:3]]
    return np.stack(blobs, -1).astype(np.uint8)


def centres(image: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    weights = [channel / channel.sum() for channel in np.moveaxis(image.astype(float), 2, 0)]
    return np.array([[(w * xs).sum(), (w * ys).sum()] for w in weights])


def turned_face(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    return MEAN_FACE_512 @ np.array([[c, s], [-s, c]]) + shift


@pytest.mark.parametrize("size", [128, 224])
def test_aligned_faces_are_the_mean_face(size: int) -> None:
    face = turned_face(0.4, 0.5, (90, -20))
    seen = align_face(drawn(face, (260, 300)), face, size)
    assert seen.shape == (size, size, 3)
    np.testing.assert_allclose(centres(seen), mean_face(size)[:3], atol=0.25)
    np.testing.assert_allclose(mean_face(size), MEAN_FACE_512 * size / 512 - 0.5, atol=1e-9)


def test_mirrored_faces_are_the_mean_face_too_unless_the_text_has_sides() -> None:
    face = turned_face(-0.3, 0.6, (10, 60))
    image = drawn(face, (300, 320))
    draws = np.zeros(5)
    swapped = mean_face(128)[[1, 0, 2]]
    for text, mirrors in (
        ("a bright face", True),
        ("looking left", False),
        ("Right-handed", False),
        ("copyright", True),
    ):
        pair = Pair("p", image, text, np.zeros((1, 4), np.float32), face[None].astype(np.float32))
        wanted = swapped if mirrors else mean_face(128)[:3]
        np.testing.assert_allclose(centres(View(128).of(pair, draws)), wanted, atol=0.3)
        np.testing.assert_allclose(centres(View(128, mirror=0).of(pair, draws)), mean_face(128)[:3], atol=0.3)


def test_noise_moves_the_aligned_points() -> None:
    face = turned_face(0.1, 0.6, (20, 10))
    pair = Pair("p", drawn(face, (300, 320)), "left", np.zeros((1, 4), np.float32), face[None].astype(np.float32))
    most = np.array([0] * 5 + [1 - 1e-9, 0] * 5)  # all five points as far to the right and up as can be
    seen = centres(View(112, noise=4.0).of(pair, most))
    far = np.sqrt(3) * 4 / 2  # 4 px of a view twice as large; an even distribution ends at sqrt(3) deviations
    np.testing.assert_allclose(seen, mean_face(112)[:3] + [far, -far], atol=0.3)  # noqa: RUF005
    middle = View(112, noise=4.0).of(pair, np.array([0] * 5 + [0.5] * 10))
    assert np.array_equal(middle, View(112).of(pair, most))


def test_each_face_is_chosen_alike() -> None:
    faces = np.stack([turned_face(0, 0.2, (x, 10)) for x in (0, 100, 200)])
    image = np.concatenate([np.full((140, 100, 3), v, np.uint8) for v in (50, 120, 190)], 1)
    pair = Pair("p", image, "t", np.zeros((3, 4), np.float32), faces.astype(np.float32))
    middles = [View(64).of(pair, np.array([d, 0.9, 0, 0, 0]))[32, 32, 0] for d in (0, 0.33, 0.34, 0.66, 0.67, 0.999)]
    assert middles == [50, 50, 120, 120, 190, 190]


def test_faces_that_cannot_be_aligned_are_named() -> None:
    pair = Pair("p", np.zeros((9, 9, 3), np.uint8), "t", np.zeros((1, 4), np.float32), np.ones((1, 5, 2), np.float32))
    with pytest.raises(ValueError, match="x.tar 7: .*coincide"):
        View(16).of(pair, np.zeros(5), "x.tar 7")
    with pytest.raises(ValueError, match="scale"):
        View(scale=(0.0, 1.0))
    with pytest.raises(ValueError, match="mirror=2"):
        View(mirror=2)


def test_crops_are_squares_inside_the_image() -> None:
    ys, xs = np.mgrid[:60, :120]
    image = np.stack([xs * 2, ys * 4, 0 * xs], -1).astype(np.uint8)
    pair, view = Pair("p", image, "left"), View(60, align=False)
    whole = view.of(pair, np.array([0, 0, 0.999999, 0, 0])).astype(int)
    assert np.abs(whole - image[:, :60]).max() <= 1, "scale 1 at the left end"
    small = view.of(pair, np.array([0, 0, 0, 0.999999, 0.999999]))[..., :2].astype(float)
    side = 60 * 0.9**0.5
    assert small[30, -1, 0] - small[30, 0, 0] == pytest.approx(2 * side * 59 / 60, abs=2)
    assert small[-1, 30, 1] - small[0, 30, 1] == pytest.approx(4 * side * 59 / 60, abs=4), "a square, not a rectangle"
    assert small[30, -1, 0] >= 236, "the right end"
    square = Pair("p", np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8), "left")
    same = View(60, align=False, scale=(1.0, 1.0)).of(square, np.random.default_rng(1).random(5))
    assert np.array_equal(same, square.image)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> PairPool:
    folder = tmp_path_factory.mktemp("pairs")

    def pairs():
        for i in range(37):
            faces = np.stack([turned_face(0.1 * i, 0.1, (8 * k, 8)) for k in range(1 + i % 3)]).astype(np.float32)
            grey = np.random.default_rng(i).integers(0, 256, (70, 80, 3), np.uint8)
            yield Pair(f"{i}", grey, f"number {i}", np.zeros((len(faces), 4), np.float32), faces)

    write_shards(pairs(), folder, per_shard=10)
    return PairPool(folder)


def same(a: dict, b: dict) -> bool:
    return torch.equal(a["image"], b["image"]) and a["text"] == b["text"]


@pytest.mark.parametrize("align", [True, False])
def test_batches_depend_on_seed_and_step_only(pool: PairPool, align: bool) -> None:
    view = View(32, align)
    batches = list(PairBatches(pool, 3, 8, view=view).from_step(0, 9))
    assert batches[0]["image"].shape == (8, 3, 32, 32) and batches[0]["image"].dtype == torch.uint8
    for threads, ahead in ((1, 1), (4, 3)):
        later = PairBatches(pool, 3, 8, view=view, workers=threads, ahead=ahead).from_step(5, 9)
        assert all(same(a, b) for a, b in zip(batches[5:], later, strict=True)), "resumed"
    assert same(PairBatches(pool, 3, 8, view=view).batch(7), batches[7])
    assert not same(PairBatches(pool, 4, 8, view=view).batch(7), batches[7])
    first_epoch = [text for batch in batches[:4] for text in batch["text"]]
    assert len(set(first_epoch)) == 32, "no pair twice in an epoch"
    # The same image is seen otherwise in the next epoch.
    seen = {text: image for b in batches[:4] for text, image in zip(b["text"], b["image"], strict=True)}
    again = [(seen[t], i) for b in batches[4:8] for t, i in zip(b["text"], b["image"], strict=True) if t in seen]
    assert again and not all(torch.equal(a, b) for a, b in again)


def test_parts_are_the_batch(pool: PairPool) -> None:
    view = View(32)
    whole = PairBatches(pool, 0, 8, view=view)
    parts = [PairBatches(pool, 0, 8, slice(4 * r, 4 * r + 4), view) for r in range(2)]
    for step in (0, 6):
        halves = [part.batch(step) for part in parts]
        together = {
            "image": torch.cat([h["image"] for h in halves]),
            "text": [text for h in halves for text in h["text"]],
        }
        assert same(whole.batch(step), together)


def test_order_is_the_training_loops(pool: PairPool) -> None:
    for size in (8, 37, 50):
        batches = PairBatches(pool, 5, size, view=View(16))
        for step in (0, 3, 4, 11, 2):
            assert torch.equal(batches.indices(step), shuffled_batch(5, step, 37, size))
    assert len(PairBatches(pool, 5, 50, view=View(16)).batch(1)["text"]) == 50


def test_reading_stays_ahead_by_a_fixed_number(pool: PairPool) -> None:
    asked: list[int] = []

    class Counted(PairBatches):
        def indices(self, step: int) -> torch.Tensor:
            asked.append(step)
            return super().indices(step)

    coming = iter(Counted(pool, 0, 4, view=View(16), ahead=3))
    next(itertools.islice(coming, 9, None))
    assert asked == list(range(13)), "without end, three ahead"
    coming.close()
    workers = [thread for thread in threading.enumerate() if thread.name.startswith("facekit-pairs")]
    for thread in workers:
        thread.join(5)
    assert not any(thread.is_alive() for thread in workers)


def test_errors_of_reading_are_raised_and_named(tmp_path: Path, pool: PairPool) -> None:
    face = turned_face(0, 0.1, (0, 0))[None].astype(np.float32)

    def pairs():
        for i in range(6):
            yield Pair(f"{i}", np.zeros((50, 50, 3), np.uint8), "t", np.zeros((1, 4), np.float32), face * (i != 4))

    write_shards(pairs(), tmp_path)
    with pytest.raises(ValueError, match=r"shard-000000\.tar 000004.*coincide"):
        list(PairBatches(PairPool(tmp_path), 0, 3, view=View(16)).from_step(0, 2))
    for wrong in ({"batch_size": 0}, {"batch_size": 2, "workers": 0}, {"batch_size": 2, "ahead": 0}):
        with pytest.raises(ValueError, match="at least 1"):
            PairBatches(pool, 0, **wrong)
