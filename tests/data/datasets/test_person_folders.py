"""VGGFace2 and AffectNet: images found in trees of folders, in order, without following loops of links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.parsed_faces import image, save

from facekit.data.datasets import affectnet_faces, vggface2_faces
from facekit.data.datasets.person_folders import image_tree
from facekit.images.reader import ImageError


def tree(root: Path, *names: str) -> Path:
    for i, name in enumerate(names):
        save(root / name, image(i, (20, 20)))
    return root


def test_vggface2_people_are_groups(tmp_path: Path) -> None:
    train = ("train/n000010/0001_01.jpg", "train/n000002/0010_02.jpg", "train/n000002/0002_01.jpg")
    tree(tmp_path, *train, "test/n000001/0001_01.jpg")
    (tmp_path / "train/n000002/notes.txt").write_text("no image")
    faces = vggface2_faces(tmp_path)
    assert [(face.name, face.groups) for face in faces] == [
        ("n000002/0002_01.jpg", {"identity": "n000002"}),
        ("n000002/0010_02.jpg", {"identity": "n000002"}),
        ("n000010/0001_01.jpg", {"identity": "n000010"}),
    ]
    assert faces[0].image.shape == (20, 20, 3)
    assert [face.groups["identity"] for face in vggface2_faces(tmp_path, "test")] == ["n000001"]


def test_affectnet_folders_are_groups(tmp_path: Path) -> None:
    tree(tmp_path / "Manually_Annotated_Images", "689/b.JPG", "10/c.png", "689/a.jpg")
    faces = affectnet_faces(tmp_path)
    assert [face.name for face in faces] == ["10/c.png", "689/a.jpg", "689/b.JPG"]
    assert [face.groups for face in faces] == [{"folder": "10"}, {"folder": "689"}, {"folder": "689"}]


def test_nothing_is_decoded_before_it_is_asked(tmp_path: Path) -> None:
    tree(tmp_path, "train/n000001/1.jpg", "train/n000003/1.jpg")
    (tmp_path / "train/n000002").mkdir()
    (tmp_path / "train/n000002/1.jpg").write_bytes(b"no image")
    faces = vggface2_faces(tmp_path)
    assert len(faces) == 3 and all(isinstance(item, str) for item in faces.items), "paths only"
    assert faces[2].groups == {"identity": "n000003"}
    with pytest.raises(ImageError, match="1.jpg"):
        faces[1]


def test_loops_of_links_end(tmp_path: Path) -> None:
    tree(tmp_path / "data", "b/1.jpg", "b/deep/2.jpg", "a.jpg", ".hidden/3.jpg")
    tree(tmp_path / "elsewhere", "4.jpg")
    os.symlink(tmp_path / "data", tmp_path / "data/b/deep/loop")
    os.symlink("missing", tmp_path / "data/broken.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "data/linked")
    assert list(image_tree(tmp_path / "data")) == ["a.jpg", "b/1.jpg", "b/deep/2.jpg", "linked/4.jpg"]


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train does not exist, expected VGGFace2 \(train/n000002.*vgg_face2"):
        vggface2_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Manually_Annotated_Images does not exist, expected AffectNet \(Manu"):
        affectnet_faces(tmp_path)
    tree(tmp_path, "train/loose.jpg", "Manually_Annotated_Images/loose.jpg")
    with pytest.raises(FileNotFoundError, match=r"train/n\*/\*.jpg does not exist"):
        vggface2_faces(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"Manually_Annotated_Images/\*/\*.jpg does not exist"):
        affectnet_faces(tmp_path)
    with pytest.raises(ValueError, match="split of VGGFace2: expected one of train, test, got 'val'"):
        vggface2_faces(tmp_path, "val")
