"""Results hold the image's own pixels, can be drawn and saved, and check their values."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekit import results
from facekit.annotations.run_lengths import mask_to_runs, runs_to_mask
from facekit.labels import (
    CELEBA_40,
    CELEBAMASK_19,
    FACEKIT_27,
    HELEN_11,
    LANDMARKS_5,
    LANDMARKS_68,
    LANDMARKS_98,
    LAPA_11,
    attribute_set,
    segmentation_set,
)
from facekit.results.faces import Faces
from facekit.results.types import Attributes, Drawable, ImageResult, Landmarks, Segmentation


@pytest.fixture
def image() -> np.ndarray:
    return np.full((120, 160, 3), 100, np.uint8)


@pytest.fixture
def landmarks(image: np.ndarray) -> Landmarks:
    # A ring of points well inside the image.
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = np.stack([80 + 40 * np.cos(angles), 60 + 40 * np.sin(angles)], axis=1)
    return Landmarks(points, np.linspace(0, 1, 68), LANDMARKS_68, image, (30, 10, 130, 110))


@pytest.fixture
def segmentation(image: np.ndarray) -> Segmentation:
    mask = np.zeros((120, 160), np.uint8)
    mask[20:100, 40:120] = FACEKIT_27.index("forehead")
    mask[60:100, 40:80] = FACEKIT_27.index("left_cheek")
    mask[40:50, 50:70] = FACEKIT_27.index("left_eye")
    mask[80:90, 60:100] = FACEKIT_27.index("beard")
    mask[0:5] = 255
    return Segmentation(mask, FACEKIT_27, image)


@pytest.fixture
def attributes(image: np.ndarray) -> Attributes:
    labels = attribute_set(["Young", "Wearing_Hat", "Smiling"])
    return Attributes(np.array([0.1, 0.9, np.nan]), labels, image, (30, 10, 130, 110))


def everything(image: np.ndarray, *results: Drawable) -> list[Drawable]:
    new = image.copy()
    new[30:60, 30:60] = 7
    return [*results, ImageResult(new, image), Faces(results)]


def test_all_draw_show_and_save(
    image: np.ndarray, landmarks: Landmarks, segmentation: Segmentation, attributes: Attributes, tmp_path: Path
) -> None:
    for i, result in enumerate(everything(image, landmarks, segmentation, attributes)):
        drawn = result.draw()
        assert drawn.dtype == np.uint8 and drawn.shape[0] == 120 and drawn.shape[1] >= 160 and drawn.shape[2] == 3
        assert (drawn[:, :160] != image).any()
        assert (result.draw_on(image) != image).any() and result.draw_on(image).shape == image.shape
        assert result.show().size == drawn.shape[1::-1]
        with Image.open(io.BytesIO(result._repr_png_())) as png:
            assert png.format == "PNG" and png.height == 120
        result.save(tmp_path / f"{i}.png")
        assert np.array_equal(np.asarray(Image.open(tmp_path / f"{i}.png")), drawn)
        result.save(tmp_path / f"{i}.jpg")
        result.save(tmp_path / f"{i}.json")
        data = json.loads((tmp_path / f"{i}.json").read_text())
        assert data == result.to_dict() and data["size"] == [120, 160]
        assert repr(result)
        assert pickle.loads(pickle.dumps(result)).to_dict() == data
    assert (image == 100).all()
    assert not list(tmp_path.glob(".facekit*"))


def test_saving_says_what_is_wrong_and_leaves_nothing(landmarks: Landmarks, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="suffix"):
        landmarks.save(tmp_path / "a.gif")
    (tmp_path / "file").write_bytes(b"")
    for name in ("a.json", "a.png"):
        with pytest.raises(ValueError, match="file is not a folder, expected"):
            landmarks.save(tmp_path / "file" / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failing_save_keeps_the_old_file(
    segmentation: Segmentation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "mask.png"
    target.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        segmentation.save_mask(target)
    assert target.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_results_are_frozen(landmarks: Landmarks) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        landmarks.box = None  # type: ignore[misc]


def test_a_dot_is_drawn_at_its_point(image: np.ndarray) -> None:
    points = np.full((5, 2), np.nan, np.float32)
    points[2] = (81, 43)
    drawn = Landmarks(points, np.ones(5), LANDMARKS_5, image).draw().astype(float)
    changed = np.abs(drawn - 100).sum(2)
    ys, xs = np.mgrid[:120, :160]
    assert (changed * xs).sum() / changed.sum() == pytest.approx(81, abs=0.05)
    assert (changed * ys).sum() / changed.sum() == pytest.approx(43, abs=0.05)
    assert (changed > 0).sum() < 200
    nothing = Landmarks(np.full((5, 2), np.nan), np.zeros(5), LANDMARKS_5, image)
    assert np.array_equal(nothing.draw(), image) and nothing.draw() is not image


def test_pixels_away_from_the_drawing_stay(landmarks: Landmarks, segmentation: Segmentation) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert np.array_equal(landmarks.draw_on(noise)[:10], noise[:10])
    assert np.array_equal(segmentation.draw_on(noise)[:, 125:], noise[:, 125:])
    assert np.array_equal(segmentation.draw_on(noise)[:4], noise[:4])  # 255 is not drawn


@pytest.mark.parametrize("size", [(16, 16), (128, 96), (1500, 3000)])
def test_drawing_at_any_size(size: tuple[int, int]) -> None:
    h, w = size
    image = np.zeros((h, w, 3), np.uint8)
    points = np.random.default_rng(0).uniform(-0.2, 1.2, (68, 2)) * (w, h)
    assert Landmarks(points, np.ones(68), LANDMARKS_68, image).draw().shape == (h, w, 3)
    mask = np.zeros((h, w), np.uint8)
    mask[h // 4 : h // 2, w // 4 :] = 1
    for legend in (False, True):
        drawn = Segmentation(mask, LAPA_11, image).draw(legend=legend)
        assert drawn.shape[0] == h and (drawn.shape[1] > w) == legend


def test_colours_of_a_mask(segmentation: Segmentation) -> None:
    drawn = segmentation.draw()
    eye = np.array(FACEKIT_27.palette[FACEKIT_27.index("left_eye")])
    # The hue of the class at the luma of the image, which is grey.
    assert abs(drawn[45, 60] @ [0.299, 0.587, 0.114] - 100) < 1 and (np.argsort(drawn[45, 60]) == np.argsort(eye)).all()
    legend = segmentation.draw(legend=True)[:, 160:]
    for name in ("forehead", "left_cheek", "left_eye", "beard"):
        colour = FACEKIT_27.palette[FACEKIT_27.index(name)]
        assert (legend == colour).all(2).sum() > 20, name
    assert not (legend == FACEKIT_27.palette[FACEKIT_27.index("hair")]).all(2).any()


def test_palette_png_round_trips(segmentation: Segmentation, tmp_path: Path) -> None:
    segmentation.save_mask(tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as png:
        assert png.mode == "P"
        assert np.array_equal(np.asarray(png), segmentation.mask)
        colours = np.asarray(png.convert("RGB"))
    assert tuple(colours[45, 60]) == FACEKIT_27.palette[FACEKIT_27.index("left_eye")]
    assert tuple(colours[0, 0]) == (255, 255, 255)
    with pytest.raises(ValueError, match=".png"):
        segmentation.save_mask(tmp_path / "mask.jpg")


def test_segmentation_to_another_set(segmentation: Segmentation) -> None:
    lapa = segmentation.to("lapa11")
    assert lapa.labels is LAPA_11 and lapa.mask[25, 100] == LAPA_11.index("skin") == lapa.mask[85, 90]
    assert lapa.mask[45, 60] == LAPA_11.index("left_eye") and (lapa.mask[0] == 255).all()
    # CelebAMask-HQ's id 4 is on the viewer's right, so the left eye is 5.
    assert segmentation.to(CELEBAMASK_19).mask[45, 60] == 5
    adapted = replace(segmentation, unadapted=segmentation)
    assert adapted.to(CELEBAMASK_19).unadapted is segmentation


def test_landmarks_to_another_set(landmarks: Landmarks) -> None:
    five = landmarks.to("5")
    assert np.allclose(five.points[0], landmarks.points[36:42].mean(0), atol=1e-4)
    assert np.array_equal(five.points[2], landmarks.points[30])
    assert five.scores[2] == landmarks.scores[30]
    more = landmarks.to(LANDMARKS_98)
    assert np.isnan(more.points[1]).all() and more.scores[1] == 0
    assert np.array_equal(more.points[60], landmarks.points[36])
    assert more.to_dict()["points"][1] is None
    json.dumps(more.to_dict(), allow_nan=False)


def test_runs_round_trip() -> None:
    rng = np.random.default_rng(0)
    mask = np.repeat(rng.integers(0, 27, (30, 8), dtype=np.uint8), 5, axis=1)
    assert np.array_equal(runs_to_mask(mask_to_runs(mask), mask.shape), mask)
    assert mask_to_runs(np.zeros((10, 10), np.uint8)) == [[0, 100]]
    assert mask_to_runs(np.zeros((0, 0), np.uint8)) == []
    with pytest.raises(ValueError, match="100 pixels"):
        runs_to_mask([[0, 100]], (10, 11))


def test_faces_is_a_list_that_may_be_empty(image: np.ndarray, landmarks: Landmarks) -> None:
    none: Faces[Landmarks] = Faces([], image)
    assert len(none) == 0 and np.array_equal(none.draw(), image) and none.to_dict()["faces"] == []
    with pytest.raises(ValueError, match="pass image="):
        Faces([])
    both = Faces([landmarks, landmarks])
    assert both[1] is landmarks and list(both) == [landmarks, landmarks]
    other = Landmarks(landmarks.points, landmarks.scores, LANDMARKS_68, image[:100])
    with pytest.raises(ValueError, match="one image"):
        Faces([landmarks, other])


def test_faces_draw_all(image: np.ndarray) -> None:
    left, right = image.copy(), image.copy()
    left[:50, :50], right[60:, 100:] = 1, 2
    drawn = Faces([ImageResult(left, image), ImageResult(right, image)]).draw()
    assert (drawn[:50, :50] == 1).all() and (drawn[60:, 100:] == 2).all() and (drawn[:50, 100:] == 100).all()
    masks = [np.zeros((120, 160), np.uint8) for _ in range(2)]
    masks[0][:40, :40], masks[1][80:, 120:] = 1, 10
    parts = Faces([Segmentation(m, LAPA_11, image) for m in masks])
    assert (parts.draw()[20, 20] != 100).any() and (parts.draw()[100, 140] != 100).any()
    legend = parts.draw(legend=True)[:, 160:]
    assert all((legend == LAPA_11.palette[i]).all(2).any() for i in (1, 10))


def test_attributes_in_order(attributes: Attributes) -> None:
    assert [name for name, _ in attributes.top(2)] == ["Wearing_Hat", "Young"]
    assert attributes.present() == ["Wearing_Hat"] and attributes.present(0.05) == ["Wearing_Hat", "Young"]
    data = attributes.to_dict()
    assert data["probabilities"] == {"Young": 0.1, "Wearing_Hat": 0.9, "Smiling": None} and data["labels"] == "own3"
    assert attributes.draw().shape[1] > 160 and attributes.draw(panel=False).shape == (120, 160, 3)
    assert (attributes.draw()[:, :160] != attributes.image).any(), "the face's box"


@pytest.mark.parametrize("height", [64, 128, 400])
def test_every_likely_attribute_has_its_bar(height: int) -> None:
    image = np.full((height, 100, 3), 100, np.uint8)
    likely = Attributes(np.r_[np.full(20, 0.9), np.full(20, 0.1)], CELEBA_40, image)
    strip = likely.draw()[:, 100:]
    full = (strip == (0, 200, 255)).all(2)
    # A bar begins where its column has colour below none.
    starts = full[1:] & ~full[:-1]
    assert max(starts.sum(0)) * len(np.flatnonzero(np.diff(full.any(0).astype(int)) == 1)) >= 20
    rare = Attributes(np.full(40, 0.1), CELEBA_40, image).draw()
    assert not (rare[:, 100:] == (0, 200, 255)).all(2).any() and rare.shape[1] < 100 + strip.shape[1]


@pytest.mark.parametrize("box", [None, (2, 2, 30, 30), (40, 2, 98, 60), (70, 90, 99, 119), (-20, -20, 300, 300)])
def test_words_stay_inside_the_image(box: tuple[float, ...] | None) -> None:
    # Black on black: what is bright is the writing.
    image = np.zeros((120, 100, 3), np.uint8)
    result = Attributes(np.array([0.99, 0.98]), attribute_set(["Mouth_Slightly_Open", "Wearing_Necklace"]), image, box)
    drawn = result.draw_on(image)
    ys, xs = np.nonzero((drawn > 120).all(2))
    assert len(xs) > 100 and xs.min() >= 1 and ys.min() >= 1 and xs.max() <= 98 and ys.max() <= 118


def test_new_pixels_cover_a_neighbour_as_far_as_they_should() -> None:
    """The soft edge of a face lies over its neighbour's new pixels, not over the photo below them."""
    photo = np.zeros((10, 20, 3), np.uint8)
    coverage = np.tile(np.linspace(255, 0, 6).astype(np.uint8), (10, 1))
    left = ImageResult(np.full((10, 12, 3), 200, np.uint8), photo)
    right = ImageResult(np.full((10, 6, 3), 100, np.uint8), photo, corner=(6, 0), coverage=coverage)
    assert right.output[0, :, 0].tolist() == [0] * 6 + [100, 80, 60, 40, 20, 0] + [0] * 8
    both = Faces([left, right], image=photo).draw()
    assert both[0, :, 0].tolist() == [200] * 6 + [100, 120, 140, 160, 180, 200] + [0] * 8
    with pytest.raises(ValueError, match=r"coverage: expected the pixels' size \(10, 12\), got \(10, 6\)"):
        ImageResult(left.pixels, photo, coverage=coverage)


@pytest.mark.parametrize("box", [(10, 10, 40, 40), (60, 60, 100, 110)])
def test_labels_of_a_crowd_do_not_hide_it(box: tuple[float, ...]) -> None:
    image = np.zeros((400, 800, 3), np.uint8)
    names = ["Mouth_Slightly_Open", "Wearing_Necklace", "Bald"]
    drawn = Attributes(np.array([0.99, 0.98, 0.97]), attribute_set(names), image, box).draw_on(image)
    ys, xs = np.nonzero(drawn.any(2))
    assert ys.max() < box[3] + 1.5 * (box[3] - box[1]) and xs.max() < box[0] + 2.2 * (box[2] - box[0])


def test_outlines_are_as_thick_as_the_face_needs() -> None:
    def outline(size: int) -> int:
        mask, image = np.zeros((2000, 2000), np.uint8), np.full((2000, 2000, 3), 128, np.uint8)
        mask[500 : 500 + size, 500 : 500 + size] = CELEBAMASK_19.index("hair")
        drawn = Segmentation(mask, CELEBAMASK_19, image).draw()
        changed = (drawn[500 + size // 2, :500] != 128).any(1)
        return int(changed.sum())

    assert outline(100) < 3 and outline(1400) > outline(100)


def test_new_pixels_of_a_rectangle(image: np.ndarray) -> None:
    pixels = np.full((20, 30, 3), 7, np.uint8)
    result = ImageResult(pixels, image, corner=(100, 90))
    expected = image.copy()
    expected[90:110, 100:130] = 7
    assert np.array_equal(result.output, expected) and result.output is result.output
    assert np.array_equal(result.draw(), expected)
    other = np.zeros_like(image)
    drawn = result.draw_on(other)
    assert (drawn[90:110, 100:130] == 7).all() and drawn.sum() == 7 * pixels.size and not other.any()
    whole = ImageResult(expected, image)
    assert whole.output is expected and np.array_equal(whole.draw_on(other), drawn)


def test_compare_puts_the_original_left(image: np.ndarray) -> None:
    drawn = ImageResult(np.zeros_like(image), image).draw(compare=True)
    assert (drawn[:, :160] == 100).all() and (drawn[:, 160:] == 0).all()


def test_what_does_not_fit_is_refused(image: np.ndarray, landmarks: Landmarks) -> None:
    with pytest.raises(ValueError, match=r"expected points \(68, 2\)"):
        Landmarks(np.zeros((5, 2)), np.zeros(5), LANDMARKS_68, image)
    with pytest.raises(ValueError, match="expected the image's size"):
        Segmentation(np.zeros((10, 10), np.uint8), LAPA_11, image)
    with pytest.raises(ValueError, match=r"ids \[12\]"):
        Segmentation(np.full((120, 160), 12, np.uint8), LAPA_11, image)
    with pytest.raises(ValueError, match=r"'own1': expected one probability per attribute \(1,\), got shape \(3,\)"):
        Attributes(np.zeros(3), attribute_set(["a"]), image)
    with pytest.raises(ValueError, match="float64"):
        ImageResult(image / 255, image)
    with pytest.raises(
        ValueError, match=r"a rectangle inside the image \(120, 160\), got \(20, 30\) at column 131, row 0"
    ):
        ImageResult(image[:20, :30], image, corner=(131, 0))
    with pytest.raises(ValueError, match="got 3 numbers"):
        ImageResult(image, image, (1, 2, 3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="canvas"):
        landmarks.draw_on(image[:50])


def test_own_sets_draw_too(image: np.ndarray) -> None:
    labels = segmentation_set(["background", "glasses frame", "ohne Glas: ß"])
    mask = np.zeros((120, 160), np.uint8)
    mask[:60], mask[60:] = 1, 2
    assert Segmentation(mask, labels, image).draw(legend=True).shape[1] > 160


def test_old_names_of_image_results_warn() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.warns(DeprecationWarning, match="ImageResult"):
        old = results.Picture
    with pytest.warns(DeprecationWarning, match="output"):
        assert np.array_equal(old(image, image).picture, image)


def test_the_old_name_of_unadapted_parts_warns() -> None:
    mask, image = np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8)
    parts = Segmentation(mask, HELEN_11, image)
    adapted = Segmentation(mask, HELEN_11, image, unadapted=parts)
    with pytest.warns(DeprecationWarning, match="unadapted"):
        assert adapted.naked is parts
