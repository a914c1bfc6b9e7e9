"""The part sets FFHQ-34 and LSUN CAR-20 are complete, and both published layouts are read."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.label_file_makers import coco, labelme, save, shape
from PIL import Image

import facekit.labels as lb
from facekit.annotations import read_labels
from facekit.annotations.set_description import describe_set, parse_set
from facekit.data.datasets import labelled_parts
from facekit.images.reader import ImageError
from facekit.tasks.segmentation import SegmentationTask

SETS = list(lb.PART_SETS.values())
H, W = 12, 16


def ids_mask(seed: int = 0, size: tuple[int, int] = (H, W), top: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, top, size).astype(np.uint8)


def photo(path: Path, size: tuple[int, int] = (H, W)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)
    return path


def pair(folder: Path, image: str, mask: str, ids: np.ndarray, size: tuple[int, int] = (H, W)) -> None:
    photo(folder / image, size)
    np.save(folder / mask, ids)


def one(folder: Path, ids: np.ndarray, labels: lb.SegmentationSet = lb.CAR_20) -> np.ndarray:
    """The mask that is read of one saved as `ids`."""
    pair(folder, "0.png", "0.npy", ids)
    return labelled_parts(folder, labels)[1][0]


# The sets.


@pytest.mark.parametrize(("s", "count"), [(lb.FFHQ_34, 34), (lb.CAR_20, 20)], ids=["ffhq34", "car20"])
def test_sets_are_whole(s: lb.SegmentationSet, count: int) -> None:
    assert len(s) == count and s.classes[0] == "background" and s.palette[0] == (0, 0, 0) and s.ignore == 255
    assert s.facial_parts == tuple(range(1, count))
    colours = np.array(s.palette, float)
    distance = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 1e9 * np.eye(count)
    assert distance.min() > 25, [s.classes[i] for i in np.unravel_index(distance.argmin(), distance.shape)]


@pytest.mark.parametrize("s", SETS, ids=lambda s: s.name)
def test_mirrored_masks_keep_their_ids(s: lb.SegmentationSet) -> None:
    assert s.mirrors and [s.flip[i] for i in s.flip] == list(range(len(s)))
    assert not [name for name in s.classes if "left" in name or "right" in name]
    mask = ids_mask(top=len(s))
    mask[3, 4] = 255
    assert np.array_equal(lb.flip_mask(mask, s), mask[:, ::-1])


def test_published_order() -> None:
    face = {
        1: "head",
        2: "cheek",
        6: "ear_lobule",
        7: "lower_eyelid",
        12: "tear_duct",
        13: "upper_eyelid",
        14: "brows",
        17: "hair",
        18: "sideburns",
        21: "lower_lip",
        22: "mouth_corners",
        23: "upper_lip",
        25: "neck",
        26: "nose",
        27: "nose_wings",
        30: "nostrils",
        33: "wrinkles",
    }
    car = {
        1: "back_bumper",
        2: "front_bumper",
        3: "car_body",
        4: "head_light",
        5: "door",
        8: "handle",
        10: "license_plate",
        11: "mirror",
        14: "tail_light",
        15: "tire",
        17: "wheel_hub",
        18: "window",
        19: "windshield",
    }
    for s, names in ((lb.FFHQ_34, face), (lb.CAR_20, car)):
        assert {i: s.classes[i] for i in names} == names


def test_names_find_the_sets() -> None:
    for name in ("ffhq34", "ffhq_34", "FFHQ_34", "FFHQ-34", "face_34"):
        assert lb.segmentation_set(name, 34) is lb.FFHQ_34
    for name in ("car20", "CAR_20", "car-20", "lsun_car_20"):
        assert lb.segmentation_set(name, 20) is lb.CAR_20
    with pytest.raises(ValueError, match="unknown segmentation set 'car21'; known: helen11, .*, ffhq34, car20;"):
        lb.segmentation_set("car21")
    with pytest.raises(ValueError, match="'ffhq34' has 34 classes, but the labels have 33"):
        lb.segmentation_set("ffhq34", 33)


@pytest.mark.parametrize("s", SETS, ids=lambda s: s.name)
def test_sets_travel_in_files_and_models(s: lb.SegmentationSet) -> None:
    assert parse_set(describe_set(s), "segmentation") == s
    assert SegmentationTask.from_dict(SegmentationTask(s).to_dict()).labels == s


@pytest.mark.parametrize("s", SETS, ids=lambda s: s.name)
def test_files_with_their_names_are_the_set(s: lb.SegmentationSet, tmp_path: Path) -> None:
    """Strangers' files, which say names only and in an order of their own."""
    image = photo(tmp_path / "a.png")
    square, names = [[2.0, 3.0], [9.0, 3.0], [9.0, 8.0], [2.0, 8.0]], s.classes[:0:-1]
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(names)]
    drawn = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[v for p in square for v in p]]}]
    save(
        tmp_path / "coco.json",
        coco(drawn, categories, images=[{"id": 1, "file_name": image.name, "height": H, "width": W}]),
    )
    shapes = [shape(name, square, "polygon") for name in names]
    save(tmp_path / "a.json", labelme(shapes, image.name, imageHeight=H, imageWidth=W))
    for file, last in (("coco.json", names[0]), ("a.json", names[-1])):
        found = read_labels(tmp_path / file, "segmentation")
        assert found.names == s and set(np.unique(found.labels[0])) == {0, s.index(last)}


# The reader.


def test_ddpm_segmentation_layout(tmp_path: Path) -> None:
    masks = [ids_mask(i, top=34) for i in range(3)]
    masks[1][2, 3] = 255
    for name, mask in zip(("2.png", "9.jpg", "10.png"), masks, strict=True):
        pair(tmp_path, name, f"{Path(name).stem}.npy", mask.astype(np.int64))
    images, read = labelled_parts(str(tmp_path), "ffhq34")
    assert images == [tmp_path / name for name in ("2.png", "9.jpg", "10.png")]  # not 10 before 2
    for mask, expected in zip(read, masks, strict=True):
        assert mask.dtype == np.uint8 and np.array_equal(mask, expected)


@pytest.mark.parametrize("mask_name", ["image_mask{}.npy", "image_mask_{}.npy", "mask_{}.npy"])
def test_datasetgan_layout(tmp_path: Path, mask_name: str) -> None:
    for i in (0, 1, 11):
        pair(tmp_path, f"image_{i}.jpg", mask_name.format(i), ids_mask(i))
    np.save(tmp_path / "latent_stylegan1.npy", np.zeros((3, 512)))
    images, masks = labelled_parts(tmp_path, lb.CAR_20)
    assert [p.name for p in images] == ["image_0.jpg", "image_1.jpg", "image_11.jpg"]
    assert all(np.array_equal(mask, ids_mask(i)) for mask, i in zip(masks, (0, 1, 11), strict=True))


@pytest.mark.parametrize(
    "change",
    [lambda m: m[..., None], lambda m: m[None], lambda m: np.stack([m] * 3, -1), lambda m: m.astype(np.float64)],
    ids=["(H,W,1)", "(1,H,W)", "(H,W,3)", "float"],
)
def test_other_ways_to_hold_ids(tmp_path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert np.array_equal(one(tmp_path, change(ids_mask())), ids_mask())


def test_masks_take_their_images_size(tmp_path: Path) -> None:
    small = ids_mask(size=(4, 6))
    large = small.repeat(2, 0).repeat(2, 1)
    pair(tmp_path, "up.png", "up.npy", small, (8, 12))
    pair(tmp_path, "down.png", "down.npy", large, (4, 6))
    # The middle of each 3 x 3 block, so neither left nor right is favoured.
    thirds = np.full((12, 18), 19, np.uint8)
    thirds[1::3, 1::3] = small
    pair(tmp_path, "thirds.png", "thirds.npy", thirds, (4, 6))
    pair(tmp_path, "rounded.png", "rounded.npy", np.full((200, 301), 7), (100, 150))
    images, masks = labelled_parts(tmp_path, "car20")
    read = {path.stem: mask for path, mask in zip(images, masks, strict=True)}
    assert np.array_equal(read["up"], large) and np.array_equal(read["down"], small)
    assert np.array_equal(read["thirds"], small)
    assert read["rounded"].shape == (100, 150) and (read["rounded"] == 7).all()


def test_own_sets(tmp_path: Path) -> None:
    own = lb.segmentation_set(["background", "wing", "tail"])
    assert np.array_equal(one(tmp_path, ids_mask(top=3), own), ids_mask(top=3))
    with pytest.raises(ValueError, match="expected ids 0 to 2 of 'own3'"):
        one(tmp_path, np.full((H, W), 3), own)


def saved(ids: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, ids, allow_pickle=True)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, mask=ids_mask())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a mask .* got a file that is not readable .*; copy or download it again"),
        (b"not numpy at all", "expected a mask .* got a file that is not readable"),
        (saved(ids_mask())[:-1], "expected a mask .* got a file that is not readable"),
        (saved(ids_mask()).replace(b"(12, 16)", b"(9**9,9)"), "expected a mask .* got a file that is not readable"),
        (saved(ids_mask()).replace(b"(12, 16)", b"(99999,)"), "expected a mask .* got a file that is not readable"),
        (pickle.dumps([[0]]), "expected a mask .* got a file that is not readable"),
        (saved(np.array([[{}]])), "expected a mask .* got a file that is not readable"),
        (zipped(), "expected a mask .* got an .npz archive; save its mask alone"),
        (zipped()[:60], "expected a mask .* got a file that is not readable"),
        (saved(np.zeros(H)), r"expected a mask of class ids \(H,W\) as numpy.save.* got float64 of shape \(12,\)"),
        (saved(np.arange(3 * H * W).reshape(H, W, 3)), r"expected .* got int64 of shape \(12, 16, 3\)"),
        (saved(np.zeros((2, H, W, 1))), r"expected .* got float64 of shape \(2, 12, 16, 1\)"),
        (saved(np.array([["a"]])), "expected .* got <U1 of shape"),
        (saved(np.zeros((H, W), complex)), "expected .* got complex128 of shape"),
        (saved(np.full((H, W), 0.5)), "expected .* got numbers between ids, NaN or inf"),
        (saved(np.full((H, W), np.nan)), "expected .* got numbers between ids, NaN or inf"),
        (saved(np.full((H, W), np.inf)), "expected .* got numbers between ids, NaN or inf"),
        (saved(np.full((H, W), 1e300)), "expected .* got numbers between ids, NaN or inf"),
        (saved(np.full((H, W), 20)), "expected ids 0 to 19 of 'car20', or 255 for ignored, got ids 20; .* labels="),
        (saved(np.full((H, W), -1)), "expected ids .* got ids -1;"),
        (saved(np.full((H, W), 256)), "expected ids .* got ids 256;"),  # 0 as uint8
        (saved(np.full((H, W), 2**64 - 1, np.uint64)), "expected ids .* got ids -1;"),
        (saved(30 + np.arange(H * W).reshape(H, W) % 7), "expected ids .* got ids 30, 31, 32, 33, 34 and 2 more"),
        (saved(ids_mask(size=(H, H))), "expected the aspect ratio of 0.png, height x width 12 x 16, got 12 x 12"),
        (saved(ids_mask(size=(W, H))), "expected the aspect ratio of 0.png, height x width 12 x 16, got 16 x 12"),
    ],
)
def test_masks_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    photo(tmp_path / "0.png")
    (tmp_path / "0.npy").write_bytes(content)
    with pytest.raises(ValueError, match=f"^0.npy: {message}"):
        labelled_parts(tmp_path, lb.CAR_20)


def test_files_without_a_partner(tmp_path: Path) -> None:
    for i in range(2):
        pair(tmp_path, f"image_{i}.jpg", f"image_mask{i}.npy", ids_mask())
    (tmp_path / "image_mask1.npy").rename(tmp_path / "image_mask2.npy")
    names = r"image_1.jpg \(image_1.npy or image_mask1.npy or "
    with pytest.raises(FileNotFoundError, match=f"expected .* got no mask for {names}"):
        labelled_parts(tmp_path, "car20")
    (tmp_path / "image_1.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="expected N.png or N.jpg beside .* got no image for image_mask2.npy"):
        labelled_parts(tmp_path, "car20")
    for i in range(10, 17):
        photo(tmp_path / f"{i}.png")
    with pytest.raises(FileNotFoundError, match="expected .* got no mask for 10.png .* and 2 more"):
        labelled_parts(tmp_path, "car20")


@pytest.mark.parametrize("other", ["0.jpg", "view_0.png"])
def test_two_images_for_one_mask(tmp_path: Path, other: str) -> None:
    pair(tmp_path, "0.png", "mask_0.npy", ids_mask())
    photo(tmp_path / other)
    with pytest.raises(ValueError, match="mask_0.npy: expected one image for this mask, got .*0.* and .*0"):
        labelled_parts(tmp_path, "car20")


def test_folders_and_images_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere does not exist, expected images .*ddpm-segmentation"):
        labelled_parts(tmp_path / "nowhere", "car20")
    with pytest.raises(ImageError, match="no images in this folder .* 1 subfolders"):  # noqa: PT012
        (tmp_path / "train").mkdir()
        labelled_parts(tmp_path, "car20")
    with pytest.raises(ValueError, match="unknown segmentation set 'cars'"):
        labelled_parts(tmp_path, "cars")
    pair(tmp_path, "0.png", "0.npy", ids_mask())
    (tmp_path / "0.png").write_bytes((tmp_path / "0.png").read_bytes()[:40])
    with pytest.raises(ImageError, match="^0.png: "):
        labelled_parts(tmp_path, "car20")
