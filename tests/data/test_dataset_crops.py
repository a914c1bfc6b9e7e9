"""A labelled face is checked, and cropped in the same way from every source."""

from __future__ import annotations

import re
import threading
import weakref
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.parsed_faces import Known, drawn, face, image, lapa

from facekit.data.datasets import (
    GeneratedParsing,
    LazyFaces,
    ParsedFace,
    ParsingSet,
    cropped,
    crops,
    lapa_faces,
    mix,
)
from facekit.data.datasets.boxes import tight_box_of_points


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": image().astype(np.float32)}, "x.jpg: expected an image of uint8 .* got float32"),
        ({"image": image()[..., 0]}, "x.jpg: expected an image of uint8 \\(H,W,3\\), got uint8"),
        ({"mask": drawn()[1:]}, r"x.jpg: expected a mask of uint8 \(60, 48\) like the image, got uint8 \(59, 48\)"),
        ({"mask": drawn().astype(np.int64)}, "x.jpg: expected a mask .* got int64"),
        ({"mask": drawn() + 3}, "x.jpg: expected ids 0 to 10 of synthparse11, or 255 .* got ids 11, 12, 13"),
        ({"box": (0.0, 0.0, 10.0, 11.0)}, "x.jpg: expected a square box .* got"),
        ({"box": (0.0, 0.0, float("nan"), 10.0)}, "x.jpg: expected a square box .* got"),
        ({"box": (5.0, 5.0, 5.0, 5.0)}, "x.jpg: expected a square box .* got"),
    ],
)
def test_a_face_that_does_not_fit_together_is_refused(change: dict[str, object], message: str) -> None:
    good = {"name": "x.jpg", "image": image(), "mask": drawn(), "box": (0.0, 0.0, 9.0, 9.0)}
    ParsedFace(**good)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        ParsedFace(**{**good, **change})  # type: ignore[arg-type]


def test_crop_at_the_images_own_scale_is_exact_and_reflects_outside() -> None:
    f = ParsedFace("a", image(), drawn(), (3.5, 7.5, 43.5, 47.5))
    seen, mask = cropped(f, 40)
    assert np.array_equal(seen, f.image[8:48, 4:44]) and np.array_equal(mask, f.mask[8:48, 4:44])
    seen, mask = cropped(f, 80, margin=2.0)  # 20 px more on every side: rows -12..67, columns -16..63
    around = ((12, 8), (16, 16))
    assert np.array_equal(seen, np.pad(f.image, (*around, (0, 0)), mode="symmetric"))
    assert np.array_equal(mask, np.pad(f.mask, around, constant_values=255))
    seen, mask = cropped(f, 40, lift=0.1)  # four rows up
    assert np.array_equal(seen, f.image[4:44, 4:44]) and np.array_equal(mask, f.mask[4:44, 4:44])


def test_crop_averages_the_image_and_picks_from_the_mask_where_it_shrinks() -> None:
    board = (np.indices((80, 80)).sum(0) % 2 * 255).astype(np.uint8)
    mask = np.where(np.indices((80, 80))[1] < 40, 2, 10).astype(np.uint8)
    seen, small = cropped(ParsedFace("a", np.dstack([board] * 3), mask, (-0.5, -0.5, 79.5, 79.5)), 10)
    assert abs(seen.astype(int) - 127).max() <= 3, "bilinear alone would alias"
    assert (small[:, :5] == 2).all() and (small[:, 5:] == 10).all(), "2 and 10 must not mix to 6"


@pytest.mark.parametrize(("side", "margin"), [(0, 1.0), (8, 0.0), (8, -1.0), (8, float("nan"))])
def test_crop_refuses_nonsense(side: int, margin: float) -> None:
    with pytest.raises(ValueError, match="expected a side of at least 1 px and a margin above 0"):
        cropped(face(), side, margin)


def stretched(array: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.resize(array, (side, side), interpolation=cv2.INTER_LINEAR))


def test_tight_crop_is_stretched_as_synthparse_does() -> None:
    """Its code cuts out rows and columns from the least to the largest coordinate and resizes them."""
    tight = tight_box_of_points(np.array([[6.9, 8.2], [36.4, 30.0], [20.0, 48.7]]), (60, 48))
    assert tight == (5.5, 7.5, 35.5, 47.5), "columns 6 to 35, rows 8 to 47"
    f = ParsedFace("a", image(), drawn(), (0.0, 0.0, 9.0, 9.0), tight_box=tight)
    # At the edge ours reads the image's pixels beyond the cut, resize repeats the last one. warpAffine rounds positions
    # to 1/32 px, which is up to 8 grey levels of this noise.
    seen, mask = cropped(f, 120, framing="tight")
    inner = np.s_[4:-4, 4:-4]
    assert abs(seen[inner].astype(int) - stretched(f.image[8:48, 6:36], 120)[inner]).max() <= 8
    assert np.array_equal(mask, np.kron(f.mask[8:48, 6:36], np.ones((3, 4), np.uint8)))
    wider, _ = cropped(f, 120, margin=1.2, framing="tight")  # 3 px more on the left, 4 px at the top
    assert abs(wider[inner].astype(int) - stretched(f.image[4:52, 3:39], 120)[inner]).max() <= 8
    assert np.array_equal(crops([f, f], 120, framing="tight")[1][1], mask)


def test_tight_boxes_end_at_the_image() -> None:
    beyond = np.array([[-3.0, 5.0], [60.0, np.nan], [40.0, 70.0]])
    assert tight_box_of_points(beyond, (60, 48)) == (-0.5, 4.5, 47.5, 59.5)
    outside = tight_box_of_points(np.array([[-9.0, 5.0], [-3.0, 30.0]]), (60, 48))
    flat = ParsedFace("flat.jpg", image(), drawn(), (0.0, 0.0, 9.0, 9.0), tight_box=outside)
    for f in (face(), flat):
        with pytest.raises(ValueError, match="expected a tight box with an area, got .*; use framing='square'"):
            cropped(f, 40, framing="tight")
    with pytest.raises(ValueError, match="framing='wide': expected one of 'square', 'tight'"):
        cropped(face(), 40, framing="wide")


def test_readers_give_tight_boxes(tmp_path: Path) -> None:
    points = lapa(tmp_path, drawn())
    parsed = lapa_faces(tmp_path)[0]
    assert parsed.tight_box == tight_box_of_points(points, (60, 48))
    for f in (GeneratedParsing(1, seed=3, side=64)[0], parsed):
        assert f.tight_box is not None
        x0, y0, x1, y1 = f.tight_box
        assert f.box[0] < x0 < x1 < f.box[2] and f.box[1] < y0 < y1 < f.box[3], "the square is 1.6 times as large"


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """Return the share of other pixels.

    The box of a face that is rendered with others differs by 1e-6 px from that of the face alone, on some processors.
    Pixels whose place is halfway between two of the image then flip.
    """
    return float((a != b).mean())


def test_crops_come_in_order_from_every_kind_of_source() -> None:
    generated = GeneratedParsing(40, seed=4, side=16)
    sources = {"known": Known(50, value=3), "generated": generated}
    mixed = mix({"known": 0.5, "generated": 0.5}, 70, sources)
    images, masks = crops(mixed, 12, margin=1.25)
    assert len(images) == len(masks) == 70
    for (name, place), seen, mask in zip(mixed.pairs, images, masks, strict=True):
        assert seen.shape == (12, 12, 3) and mask.shape == (12, 12) and seen.dtype == mask.dtype == np.uint8
        if name == "known":
            assert np.array_equal(mask, cropped(face(value=3), 12, 1.25)[1])
        elif place % 8 == 0:
            assert differing(mask, cropped(generated[place], 12, 1.25)[1]) < 0.05
            assert differing(mask, cropped(generated[place ^ 1], 12, 1.25)[1]) > 0.1
    assert differing(crops(generated[:2], 12)[1][1], cropped(generated[1], 12)[1]) < 0.05


def test_crops_name_and_leave_out_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=re.escape("2 of 6 faces left out: face 1: 1.png: damaged; face 4: 4.png")):
        images, masks = crops(Known(6, broken=(1, 4)), 20)
    assert [int(mask[0, 0]) for mask in masks] == [0, 2, 3, 5] and len(images) == 4
    mixed = ParsingSet({"a": Known(3), "b": Known(9, broken=(7,))}, [("a", 0), ("b", 7), ("b", 8)])
    with pytest.warns(UserWarning, match="1 of 3 faces left out: b 7: 7.png: damaged"):
        assert [int(m[0, 0]) for m in crops(mixed, 20)[1]] == [0, 8]
    lapa(tmp_path, drawn(), "0_0")
    lapa(tmp_path, drawn(), "1_0")
    (tmp_path / "train/landmarks/1_0.txt").unlink()
    with pytest.warns(UserWarning, match="1 of 2 faces left out: face 1: .*1_0.txt"):
        crops(lapa_faces(tmp_path), 20)
    with pytest.raises(ValueError, match="none of the 7 faces can be read: face 0: 0.png: damaged; .*; and 2 more"):
        crops(Known(7, broken=tuple(range(7))), 20)
    with pytest.raises(ValueError, match="expected at least one face, got no faces"):
        crops([], 20)
    with pytest.raises(ValueError, match="expected a side of at least 1 px"):
        crops(Known(3), 0)


def test_crops_hold_few_large_images_at_once() -> None:
    lock, alive, most = threading.Lock(), [0], [0]

    def gone() -> None:
        with lock:
            alive[0] -= 1

    def read(i: int) -> ParsedFace:
        f = face(str(i))
        with lock:
            alive[0] += 1
            most[0] = max(most[0], alive[0])
        weakref.finalize(f, gone)
        return f

    images, _ = crops(LazyFaces("counted", range(100), read), 8, workers=2)
    assert len(images) == 100 and most[0] <= 4
