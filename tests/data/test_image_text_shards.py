"""Tar shards of pairs are written whole, continued, and read at random, also those of other programs."""

from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekit.data.image_text import Pair, PairBatches, PairPool, View, write_shards
from facekit.data.image_text.index import open_index
from facekit.data.image_text.shard_files import write_shard


def image(seed: int, h: int = 24, w: int = 40) -> np.ndarray:
    """Smooth, so that JPEG keeps it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((w, h), Image.Resampling.BILINEAR))


def pair(i: int, faces: int = 2) -> Pair:
    rng = np.random.default_rng(i)
    points = rng.uniform(0, 20, (faces, 5, 2)).astype(np.float32)
    boxes = np.concatenate([points.min(1), points.max(1)], 1)
    return Pair(f"image {i}.png", image(i), f"a person, number {i} ü", boxes, points)


def pairs(count: int, seen: list[int] | None = None) -> Iterator[Pair]:
    for i in range(count):
        if seen is not None:
            seen.append(i)
        yield pair(i)


def jpeg(seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image(seed)).save(file, "JPEG", quality=95)
    return file.getvalue()


def foreign(path: Path, members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FACEKIT_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shards(pairs(7), tmp_path / "shards", per_shard=3)
    return tmp_path / "shards"


def test_what_is_written_is_read(folder: Path) -> None:
    assert sorted(p.name for p in folder.glob("*.tar")) == [f"shard-{i:06d}.tar" for i in range(3)]
    pool = PairPool(folder)
    assert len(pool) == 7 and pool.faceless == 0
    for i in (6, 0, 3, -1):
        got, wanted = pool[i], pair(i % 7)
        assert (got.name, got.text) == (wanted.name, wanted.text)
        assert np.abs(got.image.astype(int) - wanted.image).mean() < 3, "JPEG of quality 95"
        assert got.boxes is not None and got.points is not None and got.points.dtype == np.float32
        np.testing.assert_allclose(got.boxes, wanted.boxes, atol=0.006)
        np.testing.assert_allclose(got.points, wanted.points, atol=0.006)
    with pytest.raises(IndexError, match="7 pairs"):
        pool[7]


def test_webdataset_reads_what_is_written(folder: Path) -> None:
    import webdataset

    shard = str(folder / "shard-000001.tar")
    samples = list(webdataset.WebDataset(shard, shardshuffle=False, empty_check=False))
    assert [s["__key__"] for s in samples] == ["000003", "000004", "000005"]
    assert samples[0]["txt"].decode() == pair(3).text and set(samples[0]) >= {"jpg", "txt", "json"}
    about = json.loads(samples[0]["json"])
    assert about["size"] == [24, 40] and np.shape(about["points"]) == (2, 5, 2) and np.shape(about["boxes"]) == (2, 4)


def test_an_interrupted_run_goes_on_at_the_next_shard(tmp_path: Path, folder: Path) -> None:
    def dies() -> Iterator[Pair]:
        yield from pairs(5)
        raise KeyboardInterrupt

    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        write_shards(dies(), broken, per_shard=3)
    assert {p.name for p in broken.iterdir()} == {"shard-000000.tar", "shard-000000.index"}, "no half shard"
    first = (broken / "shard-000000.tar").stat().st_mtime_ns
    assert len(write_shards(pairs(7), broken, per_shard=3)) == 3
    assert (broken / "shard-000000.tar").stat().st_mtime_ns == first, "a finished shard is not made again"
    for path in folder.iterdir():
        assert path.read_bytes() == (broken / path.name).read_bytes()
    seen: list[int] = []
    write_shards(pairs(7, seen), broken, per_shard=3)
    assert seen == list(range(7))
    with pytest.raises(ValueError, match="holds 3 pairs, but per_shard=2"):
        write_shards(pairs(7), broken, per_shard=2)


def test_stored_bytes_are_the_ones_that_came(tmp_path: Path) -> None:
    data = jpeg(5)
    write_shards([Pair("a", image(5), "text", encoded=data)], tmp_path)
    with tarfile.open(tmp_path / "shard-000000.tar") as tar:
        member = tar.extractfile("000000.jpg")
        assert member is not None and member.read() == data
    assert PairPool(tmp_path)[0].points is None


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_shards_of_others_are_indexed_on_first_use(tmp_path: Path, form: int) -> None:
    long = "folder/" + "n" * 90
    note = json.dumps({"caption": "from json", "url": "x", "width": 3}).encode()
    shard = foreign(
        tmp_path / "00000.tar",
        {
            "__info__.txt": b"not a sample",
            "a/000000001.jpg": jpeg(1),
            "a/000000001.txt": b"first \n",
            "a/000000001.json": b"{}",
            "000000002.JPG": jpeg(2),
            "000000002.json": note,
            f"{long}.png": jpeg(3),
            f"{long}.txt": b"third",
            "lonely.jpg": jpeg(4),
            "wordy.txt": b"no image",
        },
        form,
    )
    pool = PairPool(shard)
    assert [p.text for p in (pool[i] for i in range(len(pool)))] == ["first", "from json", "third"]
    assert [pool[i].name for i in range(3)] == ["a/000000001", "000000002", long]
    assert pool[2].image.shape == (24, 40, 3) and pool[2].boxes is None and pool.faceless == 3
    assert (tmp_path / "00000.index").is_file()
    with pytest.raises(ValueError, match="3 of 3 pairs.*facekit shard"):
        PairBatches(pool, 0, 2)
    with pytest.raises(ValueError, match="facekit shard"):
        View(size=16).of(pool[0], np.zeros(5))
    assert PairBatches(pool, 0, 2, view=View(16, align=False)).batch(0)["image"].shape == (2, 3, 16, 16)


def test_an_index_that_cannot_be_beside_goes_to_the_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facekit.data.image_text import index

    (tmp_path / "locked").mkdir()
    shard = foreign(tmp_path / "locked" / "x.tar", {"1.jpg": jpeg(1), "1.txt": b"one"})
    write = index.whole_file

    def refuse(path: Path):
        if path.parent == shard.parent:  # as a folder without write permission; root, who runs tests, may write all
            raise PermissionError(13, "Permission denied", str(path))
        return write(path)

    monkeypatch.setattr(index, "whole_file", refuse)
    assert PairPool(shard)[0].text == "one"
    assert not shard.with_suffix(".index").exists() and len(list((cache / "shards").glob("*.index"))) == 1
    monkeypatch.setattr(index, "_build", None)
    assert len(PairPool(shard)) == 1, "found again, not built again"


def test_index_of_a_replaced_shard_is_made_anew(tmp_path: Path) -> None:
    shard = foreign(tmp_path / "x.tar", {"1.jpg": jpeg(1), "1.txt": b"one"})
    assert len(PairPool(shard)) == 1
    foreign(shard, {f"{i}.{s}": d for i in range(9) for s, d in (("jpg", jpeg(i)), ("txt", b"t" * 2000))})
    assert len(PairPool(shard)) == 9


def test_a_shard_changed_behind_its_index_is_noticed(tmp_path: Path) -> None:
    shard = foreign(tmp_path / "x.tar", {"1.jpg": jpeg(1), "1.txt": b"one"})
    pool = PairPool(shard)
    size = shard.stat().st_size
    foreign(shard, {"1.txt": b"three", "1.jpg": jpeg(1)})
    assert shard.stat().st_size == size
    with pytest.raises(ValueError, match=r"x\.tar 1: expected the member at the place that the index records.*\.index"):
        pool[0]
    # One that is written by us leaves no such trap.
    path = tmp_path / "own.tar"
    write_shard(path, [pair(0)], 0)
    write_shard(path, [pair(1)], 0)
    assert PairPool(path)[0].name == "image 1.png"


def test_damaged_members_are_named_with_shard_and_key(tmp_path: Path) -> None:
    def shard(name: str, members: dict[str, bytes]) -> Path:
        return foreign(tmp_path / name, {"good.jpg": jpeg(0), "good.txt": b"good", **members})

    pool = PairPool(shard("a.tar", {"bad.jpg": jpeg(1)[:-60], "bad.txt": b"x"}))
    assert pool[0].text == "good"
    with pytest.raises(ValueError, match=r"a\.tar bad: .*decoded"):
        pool[1]
    with pytest.raises(ValueError, match=r"b\.tar bad: .*no image"):
        PairPool(shard("b.tar", {"bad.jpg": b"<html>", "bad.txt": b"x"}))[1]
    with pytest.raises(ValueError, match=r"c\.tar bad: .*UTF-8"):
        PairPool(shard("c.tar", {"bad.jpg": jpeg(1), "bad.txt": b"\xff\xfe"}))[1]
    for i, (note, says) in enumerate(
        (
            (b"{", "damaged JSON"),
            (b"[]", "expected an object"),
            (b'{"boxes": [[1, 2, 3, 4]], "points": [[[1, 2]]]}', r"expected \(F,4\) and \(F,5,2\)"),
            (b'{"boxes": [["a"]], "points": []}', "no tables of numbers"),
        )
    ):
        with pytest.raises(ValueError, match=rf"d{i}\.tar bad: .*{says}"):
            PairPool(shard(f"d{i}.tar", {"bad.jpg": jpeg(1), "bad.txt": b"x", "bad.json": note}))


def test_damaged_and_wrong_shards_are_named(tmp_path: Path) -> None:
    whole = foreign(tmp_path / "x.tar", {f"{i}.{s}": jpeg(i) for i in range(3) for s in ("jpg", "txt")})
    data = whole.read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[: 512 * 4])
    broken = bytearray(data)
    second = data.index(b"1.jpg")
    broken[second + 148] ^= 0xFF  # its checksum
    (tmp_path / "broken.tar").write_bytes(broken)
    (tmp_path / "none.tar").write_bytes(b"no tar file at all" * 100)
    foreign(tmp_path / "wordless.tar", {"1.jpg": jpeg(1)})
    foreign(tmp_path / "twice.tar", {"1.jpg": jpeg(1), "1.JPG": jpeg(1), "1.txt": b"x"})
    (tmp_path / "x.tar.gz").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    for name, says in (
        ("cut.tar", "cut short"),
        ("broken.tar", "damaged behind"),
        ("none.tar", "not a whole tar"),
        ("wordless.tar", "none of its 1 samples"),
        ("twice.tar", "there twice"),
        ("x.tar.gz", "compressed"),
    ):
        with pytest.raises(ValueError, match=says):
            PairPool(tmp_path / name)
    for name in ("empty", "missing", "missing.tar"):
        with pytest.raises(FileNotFoundError, match="facekit shard"):
            PairPool(tmp_path / name)
    with pytest.raises(ValueError, match="no shards"):
        PairPool([])


def test_faces_of_another_image_are_refused(tmp_path: Path) -> None:
    note = json.dumps({"size": [48, 80], "boxes": [[0, 0, 9, 9]], "points": [np.ones((5, 2)).tolist()]}).encode()
    shard = foreign(tmp_path / "x.tar", {"1.jpg": jpeg(1), "1.txt": b"one", "1.json": note})
    with pytest.raises(ValueError, match=r"x\.tar 1: .*\[48, 80\]"):
        PairPool(shard)[0]


def test_pairs_that_cannot_be_stored_are_named(tmp_path: Path) -> None:
    good = pair(0)
    for wrong, says in (
        (Pair("p", np.zeros((4, 4), np.uint8), "t"), "H,W,3"),
        (Pair("p", good.image, "t", boxes=good.boxes), "belong together"),
        (Pair("p", good.image, "t", good.boxes, good.points[:1]), "F,5,2"),  # type: ignore[index]
        (Pair("p", good.image, "t", good.boxes, np.full((2, 5, 2), np.nan, np.float32)), "finite"),
    ):
        with pytest.raises(ValueError, match=f"p: .*{says}"):
            write_shards([wrong], tmp_path)
    assert not list(tmp_path.glob("*.tar"))


def test_threads_and_processes_read_the_same_pool(folder: Path) -> None:
    pool = PairPool([folder, folder])
    assert len(pool) == 14
    pool[0]
    wanted = [pair(i % 7).text for i in range(14)] * 20
    with ThreadPoolExecutor(4) as threads:
        assert [p.text for p in threads.map(pool.__getitem__, list(range(14)) * 20)] == wanted
    copy = pickle.loads(pickle.dumps(pool))
    assert copy[5].text == pair(5).text
    if hasattr(os, "fork"):
        # A child that shared the file's position with its parent would sometimes read what the other one sought.
        child = os.fork()
        if child == 0:
            good = all(pool[i % 14].text == pair(i % 7).text for i in range(300))
            os._exit(0 if good else 1)
        assert all(pool[i % 14].text == pair(i % 7).text for i in range(300))
        assert os.waitpid(child, 0)[1] == 0


def test_few_files_are_open_and_memory_is_the_index(tmp_path: Path) -> None:
    for number in range(40):
        write_shard(tmp_path / f"{number:03d}.tar", [pair(number, 1)], number)
    pool = PairPool(tmp_path)
    assert [pool[i].name for i in range(40)] == [f"image {i}.png" for i in range(40)]
    assert len(pool._local.files) == 32
    assert isinstance(open_index(tmp_path / "007.tar").records(), np.memmap)
