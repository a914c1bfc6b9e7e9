"""Folders, tar shards and listings give numbered parts, which always hold the same images in the same order."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facekit.data.image_parts import FolderParts, ImageParts, PartImage, TarParts, decode_ahead, open_image_parts
from facekit.images import ImageError
from facekit.images.reader import save_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven grey images, whose value is their number; number 5 is damaged."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(7):
        save_image(np.full((8, 6, 3), i, np.uint8), folder / f"{i}.png")
    (folder / "5.png").write_bytes(b"no image")
    (folder / "notes.txt").write_text("not an image")
    return folder


def shard(path: Path, files: list[Path]) -> Path:
    with tarfile.open(path, "w") as tar:
        for file in files:
            tar.add(file, f"faces/{file.name}")
            note = tarfile.TarInfo(f"faces/{file.stem}.txt")
            note.size = 3
            tar.addfile(note, io.BytesIO(b"abc"))
    return path


def contents(parts: ImageParts) -> list[list[tuple[str, int | None]]]:
    """Name and grey value of the images per part; None for a damaged one."""
    read = []
    for part in range(parts.parts):
        images = decode_ahead(parts.read(part), 2, np.asarray)
        read.append([(name, None if isinstance(image, ImageError) else int(image.max())) for name, image in images])
    return read


EXPECTED = [(f"{i}.png", None if i == 5 else i) for i in range(7)]


def test_folder(folder: Path) -> None:
    parts = open_image_parts(folder, 3)
    assert isinstance(parts, FolderParts) and (parts.parts, parts.images) == (3, 7)
    assert contents(parts) == [EXPECTED[:3], EXPECTED[3:6], EXPECTED[6:]]
    about = parts.about
    assert open_image_parts(folder, 3).about == about != open_image_parts(folder, 4).about
    (folder / "0.png").rename(folder / "00.png")
    assert open_image_parts(folder, 3).about != about, "another list of images"


def test_shards(folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.glob("*.png"))
    (tmp_path / "shards").mkdir()
    for number, some in enumerate((files[:4], files[4:])):
        shard(tmp_path / "shards" / f"s-{number}.tar", some)
    expected = [
        [(f"s-{int(i > 3)}.tar/faces/{name}", value) for i, (name, value) in some]
        for some in (list(enumerate(EXPECTED))[:4], list(enumerate(EXPECTED))[4:])
    ]
    parts = open_image_parts(tmp_path / "shards", 3)
    assert isinstance(parts, TarParts) and (parts.parts, parts.images) == (2, None)
    assert contents(parts) == expected
    assert contents(open_image_parts(f"{tmp_path}/shards/s-{{0..1}}.tar", 3)) == expected
    assert contents(open_image_parts(f"pipe:cat {tmp_path}/shards/s-{{0..1}}.tar", 3)) == expected
    assert contents(open_image_parts(tmp_path / "shards" / "s-1.tar", 3)) == expected[1:]


def test_a_damaged_shard_is_named(folder: Path, tmp_path: Path) -> None:
    whole = shard(tmp_path / "whole.tar", sorted(folder.glob("*.png"))).read_bytes()
    for name, data in (("cut.tar", whole[: 512 * 5 + 100]), ("no-end.tar", whole[: 512 * 8]), ("text.tar", b"x" * 999)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=rf"{name}: expected a whole tar file.*copy it again"):
            list(open_image_parts(tmp_path / name, 3).read(0))
    with pytest.raises(OSError, match="false"):
        list(open_image_parts("pipe:false", 3).read(0))


def test_listing(folder: Path, tmp_path: Path) -> None:
    listing = tmp_path / "listing.csv"
    listing.write_text("id,url\n" + "".join(f"{i},images/{i}.png\n" for i in (6, 5, 9, 0)))
    parts = open_image_parts(listing, 3)
    assert (parts.parts, parts.images) == (2, 4)
    names = [f"images/{i}.png" for i in (6, 5, 9, 0)]
    assert contents(parts) == [list(zip(names[:3], (6, None, None), strict=True)), [(names[3], 0)]]
    listing.write_text("id,url\n1,https://example.org/a.jpg\n")
    with pytest.raises(ValueError, match="on the web"):
        open_image_parts(listing, 3)
    listing.write_text("id,address\n1,images/0.png\n")
    with pytest.raises(ValueError, match="expected a column URL, got id, address"):
        open_image_parts(listing, 3)


def test_wrong_sources_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="per_part=0: expected at least 1"):
        open_image_parts(folder, 0)
    with pytest.raises(ValueError, match=r"expected a folder.*got a \.png file; pass the folder"):
        open_image_parts(folder / "0.png", 3)
    with pytest.raises(FileNotFoundError, match="check the path"):
        open_image_parts(tmp_path / "missing", 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError):
        open_image_parts(tmp_path / "empty", 3)


def test_few_images_are_decoded_ahead() -> None:
    read = 0

    def images() -> Iterator[PartImage]:
        nonlocal read
        for i in range(50):
            read += 1
            yield PartImage(str(i), lambda: np.zeros((1, 1, 3), np.uint8))

    for taken, (name, _) in enumerate(decode_ahead(images(), 3, np.asarray)):
        assert name == str(taken) and read <= taken + 6
