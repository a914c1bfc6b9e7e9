"""CelebAMask-HQ as it is downloaded: parts merged in the official order, splits by CelebA's list, attributes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.parsed_faces import image, save

from facekit.data.datasets import celebamask_faces, celebamask_hq_attributes, celebamask_hq_faces
from facekit.data.datasets.celebamask_hq import merge_parts
from facekit.labels import CELEBA_40, CELEBAMASK_19, SYNTHPARSE_11, segmentation_map

# Number of the image, the original's name, and the split of the original.
IMAGES = {
    0: ("000007.jpg", 0),
    1: ("000003.jpg", 2),
    2: ("000009.jpg", 1),
    2001: ("000001.jpg", 2),
    5: ("000002.jpg", 0),
}
SIDE = 64
# Rows and columns of each part that is drawn.
PARTS = {
    "skin": (10, 60, 10, 54),
    "nose": (30, 40, 28, 36),
    "eye_g": (22, 30, 12, 52),
    "l_eye": (24, 28, 38, 46),
    "r_eye": (24, 28, 18, 26),
    "u_lip": (46, 48, 24, 40),
    "hair": (4, 14, 10, 54),
    "cloth": (58, 64, 0, 64),
}


def part(name: str) -> np.ndarray:
    top, bottom, left, right = PARTS[name]
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def expected_ids() -> np.ndarray:
    """The mask in CELEBAMASK_19; later classes cover earlier ones."""
    ids = np.zeros((SIDE, SIDE), np.uint8)
    for name, own in (("skin", 1), ("nose", 2), ("eye_g", 3), ("l_eye", 4), ("r_eye", 5), ("u_lip", 11), ("hair", 13)):
        ids[part(name) > 0] = own
    ids[part("cloth") > 0] = 18
    return ids


def celebamask_hq(root: Path) -> Path:
    for number in IMAGES:
        save(root / "CelebA-HQ-img" / f"{number}.jpg", image(number, (2 * SIDE, 2 * SIDE)))
        for name in PARTS:
            folder = root / "CelebAMask-HQ-mask-anno" / str(number // 2000)
            # The release has RGB and grey files.
            mask = np.dstack([part(name)] * 3) if name == "nose" else part(name)
            save(folder / f"{number:05d}_{name}.png", mask)
    rows = [f"{n:<8d}  {int(name[:6]) - 1}   {name}" for n, (name, _) in IMAGES.items()]
    (root / "CelebA-HQ-to-CelebA-mapping.txt").write_text("\n".join(["idx     orig_idx   orig_file", *rows, ""]))
    rows = [f"{n}.jpg  " + " ".join(str((-1) ** ((n + a) % 2)) for a in range(40)) for n in IMAGES]
    table = "\n".join([str(len(IMAGES)), " ".join(CELEBA_40.names), *rows, ""])
    (root / "CelebAMask-HQ-attribute-anno.txt").write_text(table)
    (root / "list_eval_partition.txt").write_text("".join(f"{name} {split}\n" for name, split in IMAGES.values()))
    return root


def test_parts_are_merged_in_the_official_order(tmp_path: Path) -> None:
    root = celebamask_hq(tmp_path)
    assert np.array_equal(merge_parts(root / "CelebAMask-HQ-mask-anno", 2001), expected_ids())
    face = celebamask_hq_faces(root, labels=CELEBAMASK_19)[0]
    assert np.array_equal(face.mask, expected_ids()) and face.labels is CELEBAMASK_19
    names = np.array(CELEBAMASK_19.classes)
    assert names[face.mask[25, 20]] == "left_eye" and names[face.mask[25, 40]] == "right_eye", "sides are the viewer's"
    coarse = celebamask_hq_faces(root)[0]
    assert coarse.labels is SYNTHPARSE_11
    assert np.array_equal(coarse.mask, segmentation_map(CELEBAMASK_19, SYNTHPARSE_11)[expected_ids()])


def test_images_are_halved_and_framed_as_in_the_merged_copy(tmp_path: Path) -> None:
    root = celebamask_hq(tmp_path / "released")
    face = celebamask_hq_faces(root)[0]
    whole = image(0, (2 * SIDE, 2 * SIDE))
    assert face.name == "0.jpg" and face.image.shape == (SIDE, SIDE, 3)
    half = cv2.resize(whole, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(int)
    assert abs(half - face.image).mean() < 30, "up to the loss of JPEG"
    save(tmp_path / "merged/0.jpg", face.image)
    save(tmp_path / "merged/0.png", expected_ids())
    assert celebamask_faces(tmp_path / "merged")[0].box == face.box


def test_splits_follow_the_originals(tmp_path: Path) -> None:
    root = celebamask_hq(tmp_path / "CelebAMask-HQ")
    names = {split: [f"{n}.jpg" for n in celebamask_hq_faces(root, split).items] for split in ("train", "val", "test")}
    assert names == {"train": ["0.jpg", "5.jpg"], "val": ["2.jpg"], "test": ["1.jpg", "2001.jpg"]}
    for place in ("CelebA/Eval", "celeba", "CelebAMask-HQ/Eval"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (root / "list_eval_partition.txt").rename(tmp_path / place / "list_eval_partition.txt")
        assert len(celebamask_hq_faces(root, "test")) == 2
        (tmp_path / place / "list_eval_partition.txt").rename(root / "list_eval_partition.txt")


def test_attributes(tmp_path: Path) -> None:
    faces = celebamask_hq_attributes(celebamask_hq(tmp_path), "test")
    assert [face.name for face in faces] == ["1.jpg", "2001.jpg"]
    assert faces[0].values.tolist() == [0.0, 1.0] * 20 and faces[0].labels is CELEBA_40
    assert faces[0].image.shape == (2 * SIDE, 2 * SIDE, 3), "the whole image"


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"CelebA-HQ-img.*expected CelebAMask-HQ \(CelebA-HQ-img/N.jpg, Celeb"):
        celebamask_hq_faces(tmp_path)
    root = celebamask_hq(tmp_path)
    (root / "list_eval_partition.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"/list_eval_partition.txt or .*CelebA/Eval/list_eval_partition.txt"):
        celebamask_hq_faces(root)
    celebamask_hq(tmp_path)
    for name in PARTS:
        (root / f"CelebAMask-HQ-mask-anno/0/00001_{name}.png").unlink()
    with pytest.raises(FileNotFoundError, match="0/00001_skin.png or another part"):
        celebamask_hq_faces(root, "test")[0]
    (root / "CelebAMask-HQ-attribute-anno.txt").unlink()
    celebamask_hq_faces(root)
    with pytest.raises(FileNotFoundError, match="CelebAMask-HQ-attribute-anno.txt"):
        celebamask_hq_attributes(root)


def test_damaged_files(tmp_path: Path) -> None:
    root = celebamask_hq(tmp_path)
    with pytest.raises(ValueError, match="split of CelebAMask-HQ: expected one of train, val, test, got 'dev'"):
        celebamask_hq_faces(root, "dev")
    save(root / "CelebAMask-HQ-mask-anno/0/00001_hair.png", part("hair")[1:])
    with pytest.raises(ValueError, match="00001_hair.png: expected the size of the other parts, .* 64 x 64, got 63 x"):
        celebamask_hq_faces(root, "test")[0]
    mapping = root / "CelebA-HQ-to-CelebA-mapping.txt"
    mapping.write_text(mapping.read_text() + "7 9\n")
    with pytest.raises(ValueError, match="CelebA-HQ-to-CelebA-mapping.txt, line 7: expected the number, .* got '7 9'"):
        celebamask_hq_faces(root)
    celebamask_hq(tmp_path)
    mapping.write_text(mapping.read_text() + "7 8 000007.jpg\n")
    with pytest.raises(ValueError, match="CelebAMask-HQ-attribute-anno.txt: expected a row for each image .*7.jpg"):
        celebamask_hq_attributes(root)
