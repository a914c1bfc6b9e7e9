"""A pool of images is opened by the name of its source."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from facekit.data.face_sources import landmarks_300w, train_300w
from facekit.data.named_pools import open_pool
from facekit.images.reader import save_image


@torch.no_grad()
def test_a_source_may_be_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEKIT_DATA", str(tmp_path))
    (tmp_path / "celebahq128").mkdir()
    with tarfile.open(tmp_path / "celebahq128" / "0.tar", "w") as tar:
        for i in range(5):
            save_image(np.full((128, 128, 3), 40 * i, np.uint8), tmp_path / "one.png")
            content = (tmp_path / "one.png").read_bytes()
            member = tarfile.TarInfo(f"{i}.png")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    pool = open_pool(["celebahq128:3"], 64, tmp_path / "pools", False)
    assert pool[torch.arange(len(pool))][:, 0, 0, 0].tolist() == [0, 40, 80]
    for wrong in ("celebahq128:0", "lfw128:", "300w:-1", "generated:many"):
        with pytest.raises(ValueError, match="COUNT"):
            open_pool([wrong], 64, tmp_path / "pools", False)
    with pytest.raises(FileNotFoundError, match="celebahq129"):
        open_pool(["celebahq129:3"], 64, tmp_path / "pools", False)


def test_images_of_a_folder_are_cropped_by_its_boxes(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[50:150, 30:130] = 200
    save_image(photo, folder / "a.png")
    save_image(photo, folder / "not listed.png")
    (folder / "boxes.csv").write_text("image,x0,y0,x1,y1\na.png,40,60,120,140\na.png,180,60,260,140\n")
    pool = open_pool([folder], 64, tmp_path / "pools", False)
    middle = pool[torch.arange(len(pool))][:, 0, 40, 40].tolist()
    assert middle == [200, 0]
    for text, message in (
        ("image,x0,y0,x1\na.png,1,2,3\n", "columns image,x0,y0,x1,y1"),
        ("image,x0,y0,x1,y1\na.png,1,2,3,many\n", "line 2"),
        ("image,x0,y0,x1,y1\na.png,400,2,500,90\n", "outside the image"),
    ):
        (folder / "boxes.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            open_pool([folder], 64, tmp_path / "other", False)


def test_folders_are_searched_with_those_below_them(tmp_path: Path) -> None:
    for i, name in enumerate(("a.png", "n1/b.png", "n1/deep/c.png")):
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        save_image(np.full((64, 64, 3), 40 + 40 * i, np.uint8), tmp_path / "faces" / name)

    def opened() -> list[int]:
        pool = open_pool([tmp_path / "faces"], 64, tmp_path / "pools", False)
        return pool[torch.arange(len(pool))][:, 0, 0, 0].tolist()

    assert opened() == [40, 80, 120]
    save_image(np.full((64, 64, 3), 200, np.uint8), tmp_path / "faces" / "n1" / "deep" / "d.png")
    assert opened() == [40, 80, 120, 200], "a new image below makes a new pool"
    (tmp_path / "empty" / "below").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="expected images in the folder or below it, got none"):
        open_pool([tmp_path / "empty"], 64, tmp_path / "pools", False)


@pytest.mark.usefixtures("data")
def test_the_scored_part_of_300w_is_no_source() -> None:
    names = {name for name, _, _ in train_300w()}
    paths, subsets, _ = landmarks_300w()
    assert len(names) == 2012
    assert not names & {path.name for path, subset in zip(paths, subsets, strict=True) if subset == "lfpw_test"}


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("source", ["lfw128:3", "300w:3"])
def test_sources_are_folders_of_the_data(source: str, tmp_path: Path) -> None:
    assert len(open_pool([source], 64, tmp_path / "pools", False)) == 3
