"""Many images give a table in parts. A second run makes only what is missing."""

from __future__ import annotations

import errno
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facekit
from facekit.api import table_prediction
from facekit.api.table_prediction import predict_table
from facekit.core.output_paths import OutputError
from facekit.data.synthetic_faces.generator import GeneratedFaces
from facekit.images.reader import save_image
from facekit.model.trained_model import AT_ONCE

pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra train)")
COUNT = 5
NAMES = [*(f"{i}.png" for i in range(COUNT)), "bad.png"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five generated faces and a damaged file."""
    folder = tmp_path_factory.mktemp("images")
    batch = GeneratedFaces(seed=5, size=96, yaw=(-20, 20)).batch(range(COUNT), want=("image",))
    for i, image in enumerate(batch["image"].permute(0, 2, 3, 1).numpy()):
        save_image(image, folder / f"{i}.png")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def run(images: Path | str, out: Path, *models: str, per_part: int = 2, align: str | None = "none") -> Any:
    options: dict[str, Any] = {"per_part": per_part, "align": align, "device": "cpu", "progress": False}
    return predict_table(models or ("landmarks",), images, out, **options)


@pytest.fixture(scope="module")
def folder(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("table") / "results"
    summary = run(images, out)
    assert summary.pop("images_per_second") > 0
    assert summary == {"out": str(out), "images": 6, "failed": 1, "parts": 3}
    return out


def test_rows_are_the_results_of_predict(images: Path, folder: Path) -> None:
    table = facekit.results.read(folder)
    assert table.complete and len(table) == 6 and list(table.columns) == ["landmarks"]
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *(f"part-00000{i}.parquet" for i in range(3))}
    rows = list(table)
    assert [row.name for row in rows] == NAMES
    for row in rows[:COUNT]:
        wanted = facekit.predict("landmarks", images / row.name, align="none", device="cpu")
        result = row.result()
        assert isinstance(result, facekit.results.Landmarks) and row.size == (96, 96)
        np.testing.assert_allclose(result.points, wanted.points, atol=0.01)
        np.testing.assert_array_equal(result.image, wanted.image)
        np.testing.assert_array_equal(row.result(image=wanted.image).draw(), result.draw())
    assert table.arrow(["image"])["image"].to_pylist() == NAMES
    with pytest.raises(ValueError, match="expected one of landmarks"):
        rows[0].result("parts")
    with pytest.raises(ValueError, match="expected the image of size"):
        rows[0].result(image=np.zeros((4, 4, 3), np.uint8))


def test_a_damaged_image_is_a_row_with_its_error(folder: Path) -> None:
    row = list(facekit.results.read(folder))[-1]
    assert (row.name, row.size, row.faces) == ("bad.png", None, {"landmarks": []})
    assert row.error is not None and "bad.png" not in row.error
    with pytest.raises(ValueError, match=r"bad\.png: expected results, got the error"):
        row.result()


@pytest.mark.slow
def test_several_models_search_faces_once(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(images, tmp_path / "out", "landmarks", "segmentation", align=None)
    table = facekit.results.read(tmp_path / "out")
    row = next(iter(table))
    wanted = facekit.predict(["landmarks", "segmentation"], images / row.name, device="cpu")
    for name, faces in zip(table.columns, wanted, strict=True):
        got = row.result(name)
        assert isinstance(got, facekit.results.Faces) and len(got) == len(faces) == 1
        assert got[0].box == pytest.approx(faces[0].box, abs=0.01)
    np.testing.assert_array_equal(row.result("segmentation").draw(), wanted[1].draw())
    with pytest.raises(ValueError, match="expected one of landmarks, segmentation"):
        row.result()


def test_a_second_run_makes_what_is_missing(images: Path, folder: Path, tmp_path: Path, predicted: list[int]) -> None:
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    whole = facekit.results.read(folder).arrow()
    (out / "part-000001.parquet").unlink()
    assert not facekit.results.read(out).complete and len(facekit.results.read(out)) == 4
    kept = (out / "part-000000.parquet").stat().st_mtime_ns
    assert run(images, out)["images"] == 6
    assert predicted == [2] and (out / "part-000000.parquet").stat().st_mtime_ns == kept
    assert facekit.results.read(out).arrow().equals(whole)
    assert run(images, out)["images_per_second"] == 0 and predicted == [2]


def test_another_run_in_the_same_folder_is_refused(images: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected the images, parts of its earlier run, got others"):
        run(images, folder, per_part=3)
    with pytest.raises(ValueError, match="expected the models of its earlier run"):
        run(images, folder, "attributes")
    with pytest.raises(ValueError, match="expected the models of its earlier run"):
        run(images, folder, align="box")
    shutil.copy(folder / "part-000000.parquet", tmp_path)
    with pytest.raises(ValueError, match=r"expected a new folder, got one with parts and no manifest\.json"):
        run(images, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"expected a folder with a manifest\.json"):
        facekit.results.read(tmp_path)
    (tmp_path / "manifest.json").write_text('{"models": []}')
    with pytest.raises(ValueError, match="damaged entries"):
        facekit.results.read(tmp_path)


def test_a_damaged_shard_is_named_and_the_others_are_made(images: Path, folder: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(2):
        with tarfile.open(shards / f"{number}.tar", "w") as tar:
            for name in NAMES[3 * number : 3 * number + 3]:
                tar.add(images / name, name)
    whole = (shards / "0.tar").read_bytes()
    (shards / "0.tar").write_bytes(whole[:3000])
    with pytest.raises(ValueError, match=r"1 of 2 parts of the images cannot be read: .*0\.tar.*run the same command"):
        run(shards, tmp_path / "out")
    assert [row.name for row in facekit.results.read(tmp_path / "out")] == [
        "1.tar/3.png",
        "1.tar/4.png",
        "1.tar/bad.png",
    ]
    (shards / "0.tar").write_bytes(whole)
    summary = run(shards, tmp_path / "out")
    assert (summary["images"], summary["failed"], summary["parts"]) == (6, 1, 2)
    rows = list(facekit.results.read(tmp_path / "out"))
    assert [row.name.partition("/")[2] for row in rows] == NAMES
    with pytest.raises(ValueError, match=r"0\.tar/0\.png: expected image="):
        rows[0].result()
    wanted = next(iter(facekit.results.read(folder))).result()
    np.testing.assert_allclose(rows[0].result(image=images / "0.png").points, wanted.points, atol=0.01)


def test_a_process_without_the_others_makes_their_parts(
    images: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert run(images, tmp_path / "out") is None, "only the first process has a summary"
    assert facekit.results.read(tmp_path / "out").arrow().equals(facekit.results.read(folder).arrow())


@pytest.mark.parametrize(("reason", "message"), [("full", "No space left"), ("read-only", "is read-only")])
def test_a_folder_that_cannot_be_written_is_named_before_the_work(
    reason: str, message: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("the work began")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(table_prediction, "resolve_model", refuse)
    monkeypatch.setattr(table_prediction, "open_image_parts", refuse)
    if reason == "full":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:  # root, who runs tests, may write everywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match=f"out.*{message}"):
        run(images, tmp_path / "out")


def test_wrong_arguments_are_named(images: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers=0: expected at least 1"):
        predict_table(["landmarks"], images, tmp_path, workers=0)
    with pytest.raises(ValueError, match="models='landmarks': expected a list"):
        predict_table("landmarks", images, tmp_path)
    with pytest.raises(ValueError, match="expected different names, got 'landmarks' twice"):
        run(images, tmp_path, "landmarks", "landmarks")


def test_memory_holds_few_images(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are written in groups, and few images are decoded at a time, whatever their number."""
    monkeypatch.setattr(table_prediction, "_ROWS", 8)
    held: list[int] = []
    real = table_prediction._predict_rows
    monkeypatch.setattr(
        table_prediction, "_predict_rows", lambda run, group: held.append(len(group)) or real(run, group)
    )
    many = tmp_path / "many"
    many.mkdir()
    for i in range(40):
        shutil.copy(images / "bad.png", many / f"{i}.png")
    run(many, tmp_path / "out", per_part=100)
    assert sum(held) == 40 and max(held) <= AT_ONCE
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.ParquetFile(tmp_path / "out" / "part-000000.parquet").num_row_groups == 3
