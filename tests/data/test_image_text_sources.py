"""`facekit shard` reads sources and listings, finds faces, and continues after an interruption."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekit.__main__ import main
from facekit.api.shards import find_points, make_shards
from facekit.data.image_text import Pair, PairBatches, PairPool, View, write_shards
from facekit.data.image_text.face_search import with_faces
from facekit.data.image_text.named_sources import ConcatSource, open_sources
from facekit.data.image_text.pair_sources import Failure
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """An image with one face that the finder finds, and its five points."""
    batch = GeneratedFaces(seed=11, size=160, yaw=(-8, 8), framing=2.3).batch(range(2), want=("image", "landmarks68"))
    points = batch["landmarks68"][1].numpy()
    five = np.array([points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]])
    return batch["image"][1].permute(1, 2, 0).numpy(), five


@pytest.fixture
def images(tmp_path: Path, face: tuple[np.ndarray, np.ndarray]) -> Path:
    """Three faces, one image without, one that is damaged, one without a text."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(3):
        save_image(face[0], folder / f"{i}.png")
    save_image(np.full((90, 90, 3), 200, np.uint8), folder / "3 plain.png")
    (folder / "4 bad.jpg").write_bytes(b"no image")
    save_image(face[0], folder / "5.jpg")
    return folder


def table(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


CAPTIONS = [(f"{i}.png", f"face {i}, smiling") for i in range(3)] + [("3 plain.png", "a wall"), ("4 bad.jpg", "x")]


def outcome(folder: Path, *arguments: str, capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["shard", *arguments, "--out", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_found_faces_are_where_the_face_is(face: tuple[np.ndarray, np.ndarray]) -> None:
    found = with_faces(Pair("p", face[0], "t"), find_points)
    assert found.points is not None and found.points.shape == (1, 5, 2) and found.boxes is not None
    eyes = np.linalg.norm(face[1][1] - face[1][0])
    assert np.linalg.norm(found.points[0] - face[1], axis=1).max() < 0.3 * eyes
    x0, y0, x1, y1 = found.boxes[0]
    assert (found.points[0] > (x0, y0)).all() and (found.points[0] < (x1, y1)).all()
    none = with_faces(Pair("p", face[0], "t"), find_points, score=0.99999)
    assert none.points is not None and none.points.shape == (0, 5, 2)


def test_images_without_a_face_may_be_kept(tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = table(tmp_path / "texts.csv", ("File name", "Caption"), *CAPTIONS)
    out = tmp_path / "out"
    got = outcome(out, str(images), "--texts", str(texts), "--faceless", capsys=capsys)
    assert got["pairs"] == 4 and got["without_face"] == 1
    pool = PairPool(out)
    assert pool.faceless == 1 and {pair.text for pair in pool} >= {"a wall", "face 0, smiling"}
    assert PairBatches(pool, 0, 4, view=View(32, align=False)).batch(0)["image"].shape == (4, 3, 32, 32)
    with pytest.raises(ValueError, match="expected a face to align in every pair, got 1 of 4"):
        PairBatches(pool, 0, 4, view=View(32))
    assert main(["shard", str(images), "--texts", str(texts), "--out", str(out)]) == 2, "another run without it"


def test_folder_with_a_table_of_captions(
    tmp_path: Path, images: Path, face: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    texts = table(tmp_path / "texts.csv", ("File name", "Caption"), *CAPTIONS, ("gone.png", "x"), ("2.png", ""))
    out = tmp_path / "out"
    got = outcome(out, str(images), "--texts", str(texts), "--per-shard", "4", capsys=capsys)
    counts = {k: got[k] for k in ("pairs", "shards", "without_face", "without_text", "failed")}
    assert counts == {"pairs": 3, "shards": 1, "without_face": 1, "without_text": 1, "failed": 2}
    failures = dict(csv.reader((out / "failures.csv").open()))
    assert set(failures) == {"name", "4 bad.jpg", "gone.png"} and "no image" in failures["4 bad.jpg"]
    pool = PairPool(out)
    assert [(pool[i].name, pool[i].text) for i in range(3)] == CAPTIONS[:3] and pool.faceless == 0
    seen = PairBatches(pool, 0, 2, view=View(64)).batch(0)["image"]
    assert seen.float().std() > 20


def test_sidecars_and_larger_images(tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in (0, 5):
        (images / f"{i}.txt").write_text(f"beside {i}\n", encoding="utf-8")
    got = outcome(tmp_path / "out", str(images), "--longest", "120", capsys=capsys)
    assert (got["pairs"], got["failed"]) == (2, 4)
    pool = PairPool(tmp_path / "out")
    assert [pool[i].text for i in range(2)] == ["beside 0", "beside 5"] and pool[0].image.shape == (120, 120, 3)
    for text in images.glob("*.txt"):
        text.unlink()
    assert main(["shard", str(images), "--out", str(tmp_path / "none")]) == 2
    assert "--texts" in capsys.readouterr().err


def test_an_interrupted_run_makes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["generated:7", "--size", "64", "--per-shard", "3", "--seed", "2"]
    whole = tmp_path / "whole"
    assert outcome(whole, *arguments, capsys=capsys)["pairs"] == 7
    broken = tmp_path / "broken"
    read = ConcatSource.read
    started: list[int] = []

    def dies(self: ConcatSource, start: int, stop: int) -> Iterator[Pair | Failure]:
        started.append(start)
        for i, pair in enumerate(read(self, start, stop)):
            if start == 3 and i == 1:
                raise KeyboardInterrupt
            yield pair

    monkeypatch.setattr(ConcatSource, "read", dies)
    assert main(["shard", *arguments, "--out", str(broken), "--json"]) == 130
    assert sorted(p.name for p in broken.glob("shard-*.tar")) == ["shard-000000.tar"]
    monkeypatch.setattr(ConcatSource, "read", lambda self, a, b: started.append(a) or read(self, a, b))
    # A shard without its report was not finished: it may be of another run.
    (broken / "shard-000001.tar").write_bytes(b"left behind")
    capsys.readouterr()
    assert outcome(broken, *arguments, capsys=capsys)["pairs"] == 7
    assert started == [0, 3, 3, 6], "the finished shard is not made again"
    assert outcome(broken, *arguments, capsys=capsys)["shards"] == 3 and len(started) == 4
    assert {p.name for p in whole.iterdir()} == {p.name for p in broken.iterdir()}
    assert all(path.read_bytes() == (broken / path.name).read_bytes() for path in whole.iterdir())
    assert main(["shard", *arguments[:-1], "3", "--out", str(broken)]) == 2
    assert "another --out" in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_make_the_same_shards(tmp_path: Path) -> None:
    one = make_shards(["generated:6"], tmp_path / "one", size=48, per_shard=2, progress=False)
    two = make_shards(["generated:6"], tmp_path / "two", size=48, per_shard=2, progress=False, workers=2)
    assert {**one, "out": ""} == {**two, "out": ""} and one["pairs"] == 6
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_generated_pairs_are_the_generators(tmp_path: Path) -> None:
    source = open_sources(["generated:40"], None, False, 64, 5)[0]
    pair = next(source.read(33, 34))
    assert isinstance(pair, Pair) and pair.points is not None
    faces = GeneratedFaces(5, 64, "wild", framing=2.3)
    assert pair.text == faces[33].caption
    np.testing.assert_allclose(pair.points[0, 2], faces[33].landmarks68[30], atol=0.01)
    # Wide enough for the aligned view: few of its pixels are reflections.
    from facekit.data.image_text import mean_face
    from facekit.geometry.affine import invert, similarity_from_points, transform_points

    corners = np.array([(0.0, 0.0), (63, 0), (0, 63), (63, 63)])
    reach = []
    for p in source.read(0, 20):
        assert isinstance(p, Pair) and p.points is not None
        back = invert(similarity_from_points(p.points[0], mean_face(64)))
        reach.append(np.abs(transform_points(corners, back) - 31.5).max())
    assert np.median(reach) < 40


def test_listings_of_files(tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        ("pictures/0.png", "by path"),
        ((images / "1.png").as_uri(), "by address"),
        (str(images / "2.png"), "a"),
        ("pictures/gone.png", "x"),
        ("s3://bucket/x.jpg", "x"),
        ("", "x"),
        ("pictures/5.jpg", ""),
    ]
    listing = table(tmp_path / "list.csv", ("SAMPLE_ID", "Url", "text"), *[("7", *row) for row in rows])
    got = outcome(tmp_path / "a", str(listing), "--per-shard", "3", capsys=capsys)
    assert (got["pairs"], got["failed"], got["without_text"]) == (3, 3, 1)
    reasons = dict(csv.reader((tmp_path / "a" / "failures.csv").open()))
    assert "s3:" in reasons["s3://bucket/x.jpg"] and "empty" in reasons[""]
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    urls, texts = zip(*rows, strict=True)
    data = arrow.table({"URL": [u or None for u in urls], "hash": list(range(7)), "TEXT": [t or None for t in texts]})
    parquet.write_table(data, tmp_path / "list.parquet", row_group_size=2)
    assert outcome(tmp_path / "b", str(tmp_path / "list.parquet"), "--per-shard", "3", capsys=capsys)["pairs"] == 3
    for shard in ("shard-000000.tar", "shard-000002.json"):
        assert (tmp_path / "a" / shard).read_bytes() == (tmp_path / "b" / shard).read_bytes()
    # Any run of rows, asked for in any order.
    for path in (listing, tmp_path / "list.parquet"):
        source = open_sources([str(path)], None, False, 64, 0)[0]
        for start, stop in ((5, 7), (0, 2), (3, 4), (4, 6)):
            names = [f.name for f in source.read(start, stop)]
            assert names == list(urls[start:stop])


def test_what_an_unfinished_shard_left_is_gone(tmp_path: Path, images: Path) -> None:
    listing, out = table(tmp_path / "l.csv", ("url", "text"), ("pictures/3 plain.png", "a wall")), tmp_path / "out"
    assert make_shards([str(listing)], out, progress=False)["without_face"] == 1
    write_shards([Pair("a", np.zeros((9, 9, 3), np.uint8), "x")], tmp_path / "other")
    for path in (tmp_path / "other").iterdir():
        path.rename(out / path.name)
    (out / "shard-000000.json").unlink()
    assert make_shards([str(listing)], out, progress=False)["shards"] == 0
    assert not list(out.glob("*.tar")) and not list(out.glob("*.index"))


def test_the_web_is_asked_only_with_download(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listing = table(tmp_path / "l.csv", ("url", "text"), ("a.png", "x"), ("HTTPS://example.invalid/b.jpg", "y"))
    assert main(["shard", str(listing), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "1 of 2 images are on the web" in error and "--download" in error
    assert not (tmp_path / "out").exists()


def test_shards_of_others_are_given_faces(
    tmp_path: Path, face: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    known = np.arange(10, dtype=np.float32).reshape(1, 5, 2)
    pairs = [Pair("a", face[0], "unknown"), Pair("b", face[0], "known", np.zeros((1, 4), np.float32), known)]
    write_shards(pairs, tmp_path / "others")
    assert PairPool(tmp_path / "others").faceless == 1
    sources = [str(tmp_path / "others"), "generated:1"]
    assert outcome(tmp_path / "out", *sources, "--size", "48", capsys=capsys)["pairs"] == 3
    pool = PairPool(tmp_path / "out")
    assert pool.faceless == 0 and [pool[i].name for i in range(3)] == ["a", "b", "generated 0 0"]
    np.testing.assert_array_equal(pool[1].points, known)


def test_wrong_requests_say_what_to_do(tmp_path: Path, images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.mp4").write_bytes(b"")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    texts = str(table(tmp_path / "t.csv", ("file", "caption"), ("0.png", "x")))
    write_shards([], tmp_path / "theirs")
    write_shards([Pair("a", np.zeros((9, 9, 3), np.uint8), "x")], tmp_path / "theirs")
    for arguments, says in (
        (["nowhere"], "generated:COUNT"),
        (["generated:0"], "generated:5000"),
        ([str(tmp_path / "x.mp4")], ".parquet"),
        ([texts], "URL and TEXT"),
        ([str(table(tmp_path / "e.csv", ("url", "text")))], "without rows"),
        (["generated:1", "--texts", texts], "one folder"),
        (["generated:1", "--score", "2"], "score=2"),
        (["generated:1", "--workers", "0"], "workers=0"),
        ([str(images), "--texts", str(table(tmp_path / "n.csv", ("only",)))], "file name and a caption"),
        (["generated:1", "--out", str(tmp_path / "theirs")], "another --out"),
    ):
        assert main(["shard", "--out", str(tmp_path / "out"), *arguments]) == 2, arguments
        assert says in capsys.readouterr().err, arguments
    pytest.importorskip("pyarrow")
    assert main(["shard", str(tmp_path / "bad.parquet"), "--out", str(tmp_path / "out")]) == 2
    assert "parquet" in capsys.readouterr().err


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(ImportError, match=r"\.\[train\]"):
        open_sources([str(tmp_path / "x.parquet")], None, False, 64, 0)


def test_images_with_exif_are_turned_and_stripped(tmp_path: Path, face: tuple[np.ndarray, np.ndarray]) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker of the phone"
    Image.fromarray(np.rot90(face[0]).copy()).save(folder / "a.jpg", exif=exif, quality=95)
    Image.fromarray(face[0]).save(folder / "b.jpg", quality=95)
    for name in "ab":
        (folder / f"{name}.txt").write_text(name)
    assert make_shards([str(folder)], tmp_path / "out", progress=False)["pairs"] == 2
    pool = PairPool(tmp_path / "out")
    assert np.abs(pool[0].image.astype(int) - face[0]).mean() < 5
    data = pool.shards[0].read_bytes()
    assert b"maker of the phone" not in data and (folder / "b.jpg").read_bytes() in data


@pytest.mark.data
def test_celebahq_pairs() -> None:
    source = open_sources(["celebahq128"], None, False, 64, 0)[0]
    assert 8000 < len(source) < 10000
    pairs = list(source.read(100, 110))
    assert [p.name for p in source.read(105, 106)] == [pairs[5].name]
    for pair in pairs:
        assert isinstance(pair, Pair) and pair.points is not None and pair.image.shape == (128, 128, 3) and pair.text
        left, right, nose, *_ = pair.points[0]
        assert 35 < left[0] < nose[0] < right[0] < 95 and abs(left[1] - 61) < 8
        assert pair.encoded is not None
