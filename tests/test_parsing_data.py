"""Labelled faces for parsing: every layout from tiny folders, pixel by pixel; mixes, splits, crops."""

from __future__ import annotations

import csv
import gc
import os
import re
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facekit.data.datasets import (
    GeneratedParsing,
    LazyFaces,
    ParsedFace,
    ParsingSet,
    celebamask_faces,
    cropped,
    crops,
    facesynthetics_faces,
    fasseg_faces,
    hair_faces,
    helen_faces,
    ibugmask_faces,
    lapa_faces,
    mix,
    outlined_faces,
    split,
)
from facekit.data.face_pool import MARGIN
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.geometry.affine import box_of_points
from facekit.labels import CELEBAMASK_19, FACEKIT_27, FASSEG_6, SYNTHPARSE_11, segmentation_map

DATA = os.environ.get("FACEKIT_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="FACEKIT_DATA is not set")
Reader = Callable[[], LazyFaces[Any]]
H, W = 60, 48
# Where the parts of a drawn face are, rows and columns, by the viewer's side. `box_of_mask` sees brows to chin.
PARTS = {
    "skin": (8, 52, 6, 42), "left_brow": (16, 18, 12, 20), "right_brow": (16, 18, 28, 36),
    "left_eye": (20, 23, 12, 20), "right_eye": (20, 23, 28, 36), "nose": (24, 34, 21, 27),
    "upper_lip": (38, 40, 16, 32), "inner_mouth": (40, 42, 16, 32), "lower_lip": (42, 44, 16, 32),
    "hair": (0, 8, 6, 42),
}  # fmt: skip
NAMES = ("background", *PARTS)  # Helen's, LaPa's and iBugMask's ids 0 to 10, and the paper's own
# By the paper's code: 16, 17, 18 are what the full set has besides; 255 is not labelled.
FACESYNTHETICS = (0, 1, 6, 5, 4, 3, 2, 1, 1, 8, 7, 9, 1, 10, 255, 255, 255, 255, 255)
# background, skin, nose, glasses; l_eye, r_eye, l_brow, r_brow, l_ear, r_ear of the person; mouth, u_lip, l_lip, hair,
# hat, earring, necklace, neck, cloth.
CELEBAMASK = (0, 1, 6, 255, 5, 4, 3, 2, 1, 1, 8, 7, 9, 10, 255, 255, 255, 1, 255)


def drawn() -> np.ndarray:
    mask = np.zeros((H, W), np.uint8)
    for i, (top, bottom, left, right) in enumerate(PARTS.values(), 1):
        mask[top:bottom, left:right] = i
    return mask


def stripes(ids: int) -> np.ndarray:
    """Every id and 255 in a mask of our size."""
    return np.resize(np.array([*range(ids), 255], np.uint8), (H, W))


def image(seed: int = 0, size: tuple[int, int] = (H, W)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def text_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(5, 40, (count, 2)).round(3)


def lines(points: np.ndarray) -> str:
    return "".join(f"{x:.3f} {y:.3f}\n" for x, y in points)


def face(name: str = "a", value: int = 1, size: int = 20) -> ParsedFace:
    mask = np.full((size, size), value, np.uint8)
    return ParsedFace(name, image(value, (size, size)), mask, (-0.5, -0.5, size - 0.5, size - 0.5))


class Known(LazyFaces[int]):
    """Faces whose mask tells which one it is; numbers in `broken` cannot be read."""

    def __init__(self, count: int, broken: tuple[int, ...] = (), value: int | None = None) -> None:
        self.seen: list[int] = []

        def read(i: int) -> ParsedFace:
            self.seen.append(i)
            if i in broken:
                raise ValueError(f"{i}.png: damaged")
            return face(f"{i}.png", i % 11 if value is None else value)

        super().__init__("known", range(count), read)


# One face.


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


# Helen.


def helen(root: Path, mask: np.ndarray) -> Path:
    save(root / "images" / "7_1.jpg", image())
    for k in range(11):
        save(root / "labels" / "7_1" / f"7_1_lbl{k:02d}.png", ((mask == k) * 255).astype(np.uint8))
    (root / "exemplars.txt").write_text("1 , 7_1\n\n2 , gone_1\n")
    (root / "tuning.txt").write_text("3 , 7_1\n")
    (root / "testing.txt").write_text("")
    return root


def test_helen_merges_its_eleven_images(tmp_path: Path) -> None:
    faces = helen_faces(helen(tmp_path, drawn()))
    assert (len(faces), len(helen_faces(tmp_path, "val")), len(helen_faces(tmp_path, "test"))) == (2, 1, 0)
    f = faces[0]
    assert f.name == "7_1" and np.array_equal(f.mask, drawn())
    # From the brows (row 16) to the chin (51), as wide as the skin (6 to 41).
    np.testing.assert_allclose(f.box, box_of_points([(5.5, 15.5), (41.5, 51.5)]))
    with pytest.raises(ValueError, match="gone_1.jpg"):
        faces[1]


def test_helen_takes_the_surest_class_above_one_half(tmp_path: Path) -> None:
    root = helen(tmp_path, drawn())
    values = {1: (127, 128, 200, 201, 0), 10: (120, 100, 201, 200, 0), 0: (0, 0, 0, 0, 127)}
    for k, five in values.items():
        layer = np.asarray(Image.open(root / "labels/7_1" / f"7_1_lbl{k:02d}.png")).copy()
        layer[30, 6:11] = five
        save(root / "labels/7_1" / f"7_1_lbl{k:02d}.png", layer)
    assert helen_faces(root)[0].mask[30, 6:11].tolist() == [255, 1, 10, 1, 255]


def test_helen_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"exemplars.txt.*expected Helen.*NAME_lbl00.png.*licence.*wisc.edu"):
        helen_faces(tmp_path)
    root = helen(tmp_path, drawn())
    with pytest.raises(ValueError, match="split of Helen.*: expected one of train, val, test, got 'all'"):
        helen_faces(root, "all")
    save(root / "labels/7_1/7_1_lbl04.png", np.zeros((H, W + 1), np.uint8))
    with pytest.raises(ValueError, match="7_1_lbl04.png: expected its image's height x width 60 x 48, got 60 x 49"):
        helen_faces(root)[0]
    helen(root, np.zeros((H, W), np.uint8))
    with pytest.raises(ValueError, match="7_1: expected skin in the mask, got no pixel of a face"):
        helen_faces(root)[0]


# LaPa and iBugMask.


def lapa(root: Path, mask: np.ndarray, name: str = "5_0") -> np.ndarray:
    points = text_points(106)
    save(root / "train" / "images" / f"{name}.jpg", image())
    save(root / "train" / "labels" / f"{name}.png", mask)
    (root / "train" / "landmarks").mkdir(exist_ok=True)
    (root / "train" / "landmarks" / f"{name}.txt").write_text("106\n" + lines(points))
    return points


def test_lapa_keeps_its_ids_and_is_framed_by_its_points(tmp_path: Path) -> None:
    points = lapa(tmp_path, np.where(drawn() == 0, 255, drawn()).astype(np.uint8))
    f = lapa_faces(tmp_path, "train")[0]
    assert np.array_equal(f.mask, np.where(drawn() == 0, 255, drawn()))
    np.testing.assert_allclose(f.box, box_of_points(points))
    names = np.array(SYNTHPARSE_11.classes)
    assert [names[f.mask[16, c]] for c in (13, 30)] == ["left_brow", "right_brow"]
    assert [names[f.mask[21, c]] for c in (13, 30)] == ["left_eye", "right_eye"]


def test_lapa_reads_nothing_before_it_is_asked(tmp_path: Path) -> None:
    for i in range(12):
        lapa(tmp_path, drawn(), f"{i}_0")
    (tmp_path / "train/images/10_0.jpg").write_bytes(b"no image")
    faces = lapa_faces(tmp_path)
    assert len(faces) == 12 and [f.name for f in faces[8:10]] == ["8_0.jpg", "9_0.jpg"]
    known = Known(20)
    assert len(known[3:9]) == 6 and known.seen == [] and known[3:9][-1].name == "8.png" and known.seen == [8]
    last = faces[-1]
    alive = weakref.ref(last.image)
    assert last.name == "11_0.jpg"
    del last
    gc.collect()
    assert alive() is None, "a face that was read must not be kept"
    with pytest.raises(ValueError, match="10_0.jpg"):
        faces[10]
    with pytest.raises(IndexError):
        faces[12]


def test_lapa_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train/images.*expected LaPa .*landmarks/NAME.txt.*lapa-dataset"):
        lapa_faces(tmp_path)
    with pytest.raises(ValueError, match="split of LaPa: expected one of train, val, test, got 'dev'"):
        lapa_faces(tmp_path, "dev")
    bad = drawn()
    bad[0, :2] = 11, 200
    lapa(tmp_path, bad)
    with pytest.raises(ValueError, match="5_0.png: expected ids 0 to 10, or 255 for ignored, got ids 11, 200"):
        lapa_faces(tmp_path)[0]
    lapa(tmp_path, drawn()[:, 1:])
    with pytest.raises(ValueError, match="5_0.png: expected its image's height x width 60 x 48, got 60 x 47"):
        lapa_faces(tmp_path)[0]
    lapa(tmp_path, np.dstack([drawn()] * 3))  # equal channels are ids
    lapa_faces(tmp_path)[0]
    lapa(tmp_path, np.dstack([drawn(), drawn(), drawn() + 1]))
    with pytest.raises(ValueError, match='5_0.png: expected .*got colours of mode "RGB"'):
        lapa_faces(tmp_path)[0]
    lapa(tmp_path, drawn())
    (tmp_path / "train/landmarks/5_0.txt").write_text("106\n" + lines(text_points(68)))
    with pytest.raises(ValueError, match=r"5_0.txt: expected 106 points .* got points of shape \(68, 2\)"):
        lapa_faces(tmp_path)[0]
    (tmp_path / "train/landmarks/5_0.txt").write_text("106\n" + "nan 1\n" * 106)
    with pytest.raises(ValueError, match="5_0.txt: expected 106 points .* got NaN or inf"):
        lapa_faces(tmp_path)[0]


def test_ibugmask_reads_points_as_released_and_as_converted(tmp_path: Path) -> None:
    points = text_points(68)
    for i in range(4):
        save(tmp_path / "test" / f"{i}.jpg", image())
        save(tmp_path / "test" / f"{i}.png", drawn())
    (tmp_path / "test/0_landmark.txt").write_text("# 68\n" + lines(points))
    (tmp_path / "test/0_bbox.txt").write_text("# box format: x1, y1, x2, y2\n1.0\n2.0\n3.0\n4.0\n")
    (tmp_path / "test/1.pts").write_text("version: 1\nn_points: 68\n{\n" + lines(points) + "}\n")
    np.save(tmp_path / "test/2.npy", points)
    faces = ibugmask_faces(tmp_path)
    assert len(faces) == 4 and all(np.array_equal(f.mask, drawn()) for f in faces)
    for f in faces[:3]:
        np.testing.assert_allclose(f.box, box_of_points(points), atol=1e-3)
    np.testing.assert_allclose(faces[3].box, box_of_points([(5.5, 15.5), (41.5, 51.5)]))
    (tmp_path / "test/2.npy").write_bytes(b"broken")
    with pytest.raises(ValueError, match="2.npy: expected an .npy file, got one that is not readable"):
        faces[2]
    with pytest.raises(FileNotFoundError, match="train does not exist, expected iBugMask .*hhj1897"):
        ibugmask_faces(tmp_path, "train")
    (tmp_path / "train").mkdir()
    with pytest.raises(FileNotFoundError, match=r"train/\*.jpg does not exist"):
        ibugmask_faces(tmp_path, "train")


def test_box_of_a_mask_is_not_moved_by_specks_and_does_without_brows(tmp_path: Path) -> None:
    mask = drawn()
    mask[mask == 2] = mask[mask == 3] = 1
    mask[57, 1] = 1
    save(tmp_path / "test" / "0.jpg", image())
    save(tmp_path / "test" / "0.png", mask)
    np.testing.assert_allclose(ibugmask_faces(tmp_path)[0].box, box_of_points([(5.5, 19.5), (41.5, 51.5)]))


# Rendered faces.


@pytest.mark.parametrize("released", [True, False])
def test_facesynthetics_in_both_layouts(tmp_path: Path, released: bool) -> None:
    ids, points = stripes(19), text_points(70)
    points[68:] = 1000.0  # pupils, which must not frame the face
    if released:
        save(tmp_path / "000003.png", image())
        save(tmp_path / "000003_seg.png", ids)
        (tmp_path / "000003_ldmks.txt").write_text(lines(points))
    else:
        save(tmp_path / "images" / "000003.jpg", image())
        save(tmp_path / "masks" / "000003.png", ids)
        with (tmp_path / "landmarks70.csv").open("w") as f:
            rows = ["file", *range(140)], ["000003.jpg", *points.ravel()]
            csv.writer(f).writerows(rows)
    faces = facesynthetics_faces(tmp_path)
    assert len(faces) == 1 and Path(faces[0].name).stem == "000003"
    assert np.array_equal(faces[0].mask, np.array([*FACESYNTHETICS, 255], np.uint8)[np.minimum(ids, 19)])
    np.testing.assert_allclose(faces[0].box, box_of_points(points[:68]))
    bad = ids.copy()
    bad[5, 5] = 19
    save(tmp_path / ("000003_seg.png" if released else "masks/000003.png"), bad)
    with pytest.raises(ValueError, match=r"000003.*png: expected ids 0 to 18, or 255 .* got ids 19"):
        faces[0]


def test_facesynthetics_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match="expected Face Synthetics .*_seg.png and .*landmarks70.csv.*microsoft"):
        facesynthetics_faces(tmp_path)
    (tmp_path / "landmarks70.csv").write_text("file,x0,y0\na.jpg,1,2\n")
    with pytest.raises(
        ValueError, match=r"landmarks70.csv: expected a file name and 140 .* got 3 columns for \['a.jpg'\]"
    ):
        facesynthetics_faces(tmp_path)
    monkeypatch.delenv("FACEKIT_DATA", raising=False)
    for reader in (facesynthetics_faces, fasseg_faces, celebamask_faces, hair_faces):
        with pytest.raises(FileNotFoundError, match="set FACEKIT_DATA to the folder"):
            reader()


@pytest.mark.parametrize("domain", ["studio", "wild"])
def test_generated_faces_are_mapped_by_name(domain: str) -> None:
    faces = GeneratedParsing(5, domain, seed=2, side=64, yaw=(-15, 15), roll=(-5, 5))
    assert len(faces) == 5
    first, last = faces.batch([0, 4])
    assert np.array_equal(faces[4].mask, last.mask) and last.name == f"generated {domain} 2/4"
    assert abs(faces[4].image.astype(int) - last.image).max() <= 1  # "to within rounding"
    assert np.array_equal(faces[3:][1].mask, last.mask) and np.array_equal(faces[3:].batch([1])[0].mask, last.mask)
    source = GeneratedFaces(2, 88, domain, yaw=(-15, 15), roll=(-5, 5), framing=2.2)[0]
    for i, name in enumerate(FACEKIT_27.classes):
        became = set(first.mask[source.mask == i].tolist())
        if name in SYNTHPARSE_11.classes:
            wanted = SYNTHPARSE_11.index(name)
        else:
            ignored = name in ("beard", "moustache", "glasses", "hat", "cloth")
            wanted = 255 if ignored else SYNTHPARSE_11.index("skin_ears_neck")
        assert became <= {wanted}, name
    for left, right in (("left_eye", "right_eye"), ("left_brow", "right_brow")):
        a, b = (np.nonzero(first.mask == SYNTHPARSE_11.index(side))[1].mean() for side in (left, right))
        assert a < b, left
    assert first.image.shape == (88, 88, 3)
    np.testing.assert_allclose(first.box, box_of_points(source.landmarks68))
    if domain == "studio":  # the wild ones are framed as badly as a detector does
        assert first.box[2] - first.box[0] == pytest.approx(64, abs=0.01)
        assert not (cropped(first, 64, MARGIN)[1] == 255).all(1).any(), "no row from beyond the image"
    with pytest.raises(ValueError, match="domain 'indoor' is unknown"):
        GeneratedParsing(5, "indoor")


# FACEKIT_DATA's small sets.


def table(root: Path, image: np.ndarray, mask: np.ndarray) -> Path:
    save(root / "images" / "1.jpg", image)
    save(root / "masks" / "1.png", mask)
    (root / "index.csv").write_text("image,mask,subset\n1.jpg,1.png,x\n")
    return root


def test_celebamask_sides_and_half_sized_masks(tmp_path: Path) -> None:
    ids = np.resize(stripes(19)[:3], (512, 512))
    save(tmp_path / "0.jpg", image(size=(1024, 1024)))
    save(tmp_path / "0.png", ids)
    f = celebamask_faces(tmp_path)[0]
    assert f.image.shape == (512, 512, 3)
    assert np.array_equal(f.mask, np.array([*CELEBAMASK, 255], np.uint8)[np.minimum(ids, 19)])
    save(tmp_path / "0.jpg", image(size=(500, 512)))
    with pytest.raises(ValueError, match="0.png: expected its image's height x width 500 x 512, got 512 x 512"):
        celebamask_faces(tmp_path)[0]
    with pytest.raises(FileNotFoundError, match="nowhere does not exist, expected celebamask19"):
        celebamask_faces(tmp_path / "nowhere")


def test_fasseg_ignores_what_it_does_not_tell_apart(tmp_path: Path) -> None:
    # 0 background, 1 skin, 2 hair and brows, 3 eyes, 4 nose, 5 mouth
    ids = np.array([0, 1, 2, 2, 3, 3, 4, 5, 5, 5, 2], np.uint8)[drawn()]
    f = fasseg_faces(table(tmp_path, image(), ids))[0]
    expected = np.array([0, 1, 255, 255, 6, 255], np.uint8)[ids]
    expected[44:][ids[44:] == 0] = 255  # clothes would be background below the mouth
    assert np.array_equal(f.mask, expected) and (f.mask == 0).any()
    height = 44 - 20
    half, y = 1.72 * height / 2, 31.5 + 0.096 * height
    np.testing.assert_allclose(f.box, box_of_points([(23.5 - half, y - half), (23.5 + half, y + half)]))
    for change, message in (({3: 1}, "no eyes or no mouth"), ({3: 5, 5: 3}, "eyes below the mouth")):
        swapped = np.array([change.get(i, i) for i in range(6)], np.uint8)[ids]
        with pytest.raises(ValueError, match=f"1.png: expected .*, got {message}"):
            fasseg_faces(table(tmp_path, image(), swapped))[0]


def test_fasseg_in_its_own_labels(tmp_path: Path) -> None:
    ids = np.minimum(drawn(), 5)
    root = table(tmp_path, image(), ids)
    with pytest.raises(ValueError, match="expected synthparse11 or fasseg6, got 'celebamask19'"):
        fasseg_faces(root, labels=CELEBAMASK_19)
    with pytest.raises(FileNotFoundError, match="FASSEG|fasseg"):
        fasseg_faces(tmp_path / "images", labels=FASSEG_6)


def test_hair_knows_only_hair(tmp_path: Path) -> None:
    hair = (drawn() == 10).astype(np.uint8)
    f = hair_faces(table(tmp_path, image(), hair))[0]
    assert f.mask[0, 0] == f.mask[0, -1] == 0, "above the shoulders, beside the head"
    assert np.array_equal(f.mask[hair == 1], np.full(hair.sum(), 10))
    assert set(np.unique(f.mask[hair == 0])) == {0, 255} and f.mask[len(f.mask) * 2 // 3 :].min() > 0
    with pytest.raises(ValueError, match="1.png: expected ids 0 to 1, or 255 .* got ids 2, 3"):
        hair_faces(table(tmp_path, image(), np.minimum(drawn(), 3)))[0]
    with pytest.raises(FileNotFoundError, match=r"index.csv.*expected hair \(index.csv of image,mask"):
        hair_faces(tmp_path / "images")


@needs_data
def test_real_fasseg_in_its_own_labels() -> None:
    for own, coarse in zip(fasseg_faces(labels=FASSEG_6)[:3], fasseg_faces()[:3], strict=True):
        assert set(np.unique(own.mask).tolist()) == set(range(6)), "nothing is ignored"
        known = coarse.mask != 255
        assert np.array_equal(own.mask[known] == 4, coarse.mask[known] == SYNTHPARSE_11.index("nose"))


@needs_data
@pytest.mark.parametrize("reader", [facesynthetics_faces, celebamask_faces, hair_faces, outlined_faces])
def test_finer_labels(reader: Callable[..., LazyFaces[Any]]) -> None:
    """What SYNTHPARSE_11 joins or ignores stays apart in a finer set, and the rest is the same."""
    for fine, coarse in zip(reader(labels=CELEBAMASK_19)[:3], reader()[:3], strict=True):
        assert fine.labels is CELEBAMASK_19 and np.array_equal(fine.image, coarse.image)
        again = segmentation_map(CELEBAMASK_19, SYNTHPARSE_11)[fine.mask]
        assert np.array_equal(again, coarse.mask) or reader is facesynthetics_faces
    if reader is facesynthetics_faces:
        found = set(np.unique(np.concatenate([f.mask.ravel() for f in reader(labels=CELEBAMASK_19)])).tolist())
        assert {CELEBAMASK_19.index(name) for name in ("left_ear", "neck", "glasses", "hat", "cloth")} <= found
        with pytest.raises(ValueError, match="expected ids 0 to 10 of synthparse11"):
            ParsedFace(fine.name, fine.image, fine.mask, fine.box)


# Mixes and splits.


def test_mix_counts_shares_by_largest_remainder_and_takes_no_face_twice() -> None:
    sources = {"a": Known(30), "b": Known(30), "c": Known(30)}
    wanted = {
        (0.5, 0.25, 0.25): (5, 3, 2),
        (0.7, 0.2, 0.1): (7, 2, 1),
        (0.34, 0.33, 0.33): (4, 3, 3),
        (1, 0, 0): (10, 0, 0),
    }
    for shares, counts in wanted.items():
        mixed = mix(dict(zip("abc", shares, strict=True)), 10, sources)
        assert tuple(Counter(name for name, _ in mixed.pairs)[k] for k in "abc") == counts, shares
        assert len(set(mixed.pairs)) == len(mixed) == 10
    assert all(source.seen == [] for source in sources.values()), "choosing must not read"
    whole = mix({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}, 90, sources)
    assert set(whole.pairs) == {(name, i) for name in "abc" for i in range(30)}


def test_mixes_depend_on_the_seed_and_are_nested() -> None:
    sources = {"a": Known(50), "b": Known(50)}
    first = mix({"a": 0.8, "b": 0.2}, 20, sources)
    assert first.pairs == mix({"a": 0.8, "b": 0.2}, 20, sources).pairs
    assert first.pairs != mix({"a": 0.8, "b": 0.2}, 20, sources, seed=1).pairs
    assert [name for name, _ in first.pairs] != sorted(name for name, _ in first.pairs), "sources take turns"
    half = mix({"b": 0.5, "a": 0.5}, 20, sources)
    assert {p for p in half.pairs if p[0] == "a"} < {p for p in first.pairs if p[0] == "a"}
    three = mix({"c": 0.5, "b": 0.1, "a": 0.4}, 20, {**sources, "c": Known(50)})
    assert {p for p in three.pairs if p[0] == "a"} < {p for p in half.pairs if p[0] == "a"}
    places = [{i for n, i in half.pairs if n == name} for name in "ab"]
    assert places[0] != places[1], "sources of the same length are drawn from apart"
    name, place = first.pairs[3]
    assert first[3].name == f"{place}.png" and first[2:4][1].name == f"{place}.png"
    assert repr(first) == "ParsingSet(20 faces: 16 a, 4 b)" and repr(first[:0]) == "ParsingSet(0 faces: none)"


@pytest.mark.parametrize(
    ("parts", "n", "message"),
    [
        ({}, 10, "expected at least one part .* got 0 parts and n=10"),
        ({"a": 1.0}, 0, "expected .* got 1 parts and n=0; .* n of at least 1"),
        ({"a": 1.2, "b": -0.2}, 10, "share of 'b': expected a number from 0 to 1, got -0.2"),
        ({"a": float("nan"), "b": 0.5}, 10, "share of 'a': .* got nan"),
        ({"a": 0.5, "b": 0.49}, 10, "expected shares with the sum 1, got the sum 0.99"),
        ({"a": 0.5, "x": 0.5}, 10, "source 'x': expected one of a, b, got an unknown name"),
        ({"a": 0.5, "b": 0.5}, 80, "source 'b': expected 40 faces for 80 .* got 20; .* at most 40"),
    ],
)
def test_mix_says_what_is_wrong(parts: dict[str, float], n: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mix(parts, n, {"a": Known(50), "b": Known(20)})
    mix({"a": 0.5 + 5e-7, "b": 0.5}, 10, {"a": Known(50), "b": Known(20)})  # shares are rounded numbers


def test_split_is_disjoint_and_of_the_papers_sizes() -> None:
    faces = Known(2500)
    sets = split(faces)
    assert [len(s) for s in sets] == [2000, 230, 100] and faces.seen == []
    assert len(set().union(*(s.pairs for s in sets))) == 2330
    assert sets[0].pairs == split(faces)[0].pairs != split(faces, seed=1)[0].pairs
    mixed = mix({"a": 0.5, "b": 0.5}, 40, {"a": Known(30), "b": Known(30)})
    train, val, test = split(mixed, 20, 15, 5)
    assert sorted(train.pairs + val.pairs + test.pairs) == sorted(mixed.pairs)
    assert train.sources["a"] is mixed.sources["a"]
    assert len(split(mixed, 10, 0, 5)[1]) == 0


def test_split_shrinks_alike_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="expected 2330 faces, got 233; train, val and test hold 200, 23, 10 of them"):
        assert [len(s) for s in split(Known(233))] == [200, 23, 10]
    with pytest.warns(UserWarning, match="hold 8, 1, 1"):
        sets = split(Known(10))
    assert sorted(p for s in sets for p in s.pairs) == [("faces", i) for i in range(10)]
    with pytest.raises(ValueError, match="expected at least 3 faces for 3 sets, got 2"):
        split(Known(2))
    for wrong in ((-1, 2, 3), (0, 0, 0)):
        with pytest.raises(ValueError, match=f"train={wrong[0]}, val={wrong[1]}, test={wrong[2]}: expected"):
            split(Known(10), *wrong)


# Crops.


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
            assert np.array_equal(mask, cropped(generated[place], 12, 1.25)[1])
    assert np.array_equal(crops(generated[:2], 12)[1][1], cropped(generated[1], 12)[1])


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


# Real faces.


@needs_data
@pytest.mark.parametrize("reader", [facesynthetics_faces, celebamask_faces])
def test_sides_of_real_masks_are_the_viewers(reader: Reader) -> None:
    _, masks = crops(reader()[:20], 96)
    seen = 0
    for mask in masks:
        for left, right in (("left_eye", "right_eye"), ("left_brow", "right_brow")):
            columns = [np.nonzero(mask == SYNTHPARSE_11.index(side))[1] for side in (left, right)]
            if min(map(len, columns)) > 5:
                assert columns[0].mean() < columns[1].mean()
                seen += 1
        rows = [np.nonzero(mask == SYNTHPARSE_11.index(n))[0] for n in ("upper_lip", "lower_lip")]
        if min(map(len, rows)) > 5:
            assert rows[0].mean() < rows[1].mean()
    assert seen >= min(20, len(masks))


@needs_data
@pytest.mark.parametrize(
    ("reader", "count", "ids"),
    [
        (facesynthetics_faces, 60, {*range(11), 255}),
        (celebamask_faces, 4, {*range(11), 255} - {8}),
        (fasseg_faces, 202, {0, 1, 6, 255}),
        (hair_faces, 500, {0, 10, 255}),
        (outlined_faces, 2012, {1, 4, 5, 7, 8, 9, 255}),
    ],
)
def test_real_sets_are_whole_and_framed_alike(reader: Reader, count: int, ids: set[int]) -> None:
    faces = reader()
    assert len(faces) == count
    some = faces[:: max(1, count // 20)]
    _, masks = crops(some, 64)
    assert len(masks) == len(some) and set(np.unique(masks).tolist()) == ids
    nose = [np.argwhere(mask == 6).mean(0) / 64 for mask in masks if (mask == 6).sum() > 20]
    if 6 in ids:  # the nose lies in the middle of every framing
        assert len(nose) >= 0.8 * len(masks)
        assert np.allclose(np.median(nose, 0), (0.475, 0.5), atol=0.05)
