"""Each data set for parsing is read pixel by pixel, and its errors name the file."""

from __future__ import annotations

import csv
import gc
import weakref
from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import H, Known, W, drawn, image, lapa, lines, save, stripes, text_points
from PIL import Image

from facekit.data.datasets import (
    GeneratedParsing,
    celebamask_faces,
    cropped,
    facesynthetics_faces,
    fasseg_faces,
    hair_faces,
    helen_faces,
    ibugmask_faces,
    lapa_faces,
)
from facekit.data.face_pool import MARGIN
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.geometry.affine import box_of_points
from facekit.labels import CELEBAMASK_19, FACEKIT_27, FASSEG_6, SYNTHPARSE_11

# By the paper's code: 16, 17, 18 are what the full set has besides; 255 is not labelled.
FACESYNTHETICS = (0, 1, 6, 5, 4, 3, 2, 1, 1, 8, 7, 9, 1, 10, 255, 255, 255, 255, 255)
# background, skin, nose, glasses; l_eye, r_eye, l_brow, r_brow, l_ear, r_ear of the person; mouth, u_lip, l_lip, hair,
# hat, earring, necklace, neck, cloth.
CELEBAMASK = (0, 1, 6, 255, 5, 4, 3, 2, 1, 1, 8, 7, 9, 10, 255, 255, 255, 1, 255)


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
    with pytest.raises(FileNotFoundError, match=r"exemplars.txt.*expected Helen.*NAME_lbl00.png.*wisc.edu"):
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
    with pytest.raises(ValueError, match="expected domain to be one of studio, wild, got 'indoor'"):
        GeneratedParsing(5, "indoor")


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
