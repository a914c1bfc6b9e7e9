"""A cell whose embedded weights were replaced is computed again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from helpers.toy_experiment import toy

from facekit.papers.embedded_weights import embedded_identities, same_weights
from facekit.papers.experiment import Cell
from facekit.papers.intermediates import kept
from facekit.papers.run import run
from facekit.zoo import embedded_file


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with an empty data set."""
    (tmp_path / "data" / "faces").mkdir(parents=True)
    return tmp_path / "data"


def test_a_cell_of_other_embedded_weights_is_computed_again(data: Path, tmp_path: Path) -> None:
    measured: list[Cell] = []

    def read(cell: Cell) -> None:
        measured.append(cell)
        embedded_file("fsma")

    run(toy(read), "mini", data, tmp_path / "out", draws=1)
    paths = sorted((tmp_path / "out").rglob("cells/*.json"))
    about = [json.loads(path.read_text()) for path in paths]
    content = embedded_file("fsma").read_bytes()
    assert {one["embedded"]["fsma"] for one in about} == {hashlib.sha256(content).hexdigest()[:10]}
    assert {"alexnet", "face-finder"} <= about[0]["embedded"].keys()  # they are read without `embedded_file`

    paths[0].write_text(json.dumps(about[0] | {"embedded": {"fsma": "0000000000"}}))
    del about[1]["embedded"]  # of an earlier version
    paths[1].write_text(json.dumps(about[1]))
    run(toy(read), "mini", data, tmp_path / "out", draws=1)
    assert len(measured) == 4 + 2
    assert json.loads(paths[0].read_text())["embedded"]["fsma"] == embedded_identities()["fsma"]


def test_a_cell_rests_on_what_its_intermediates_read(data: Path, tmp_path: Path) -> None:
    identity = embedded_identities()["sketch-fs2k"]
    kept(tmp_path, "tower", ".pt", {}, lambda path: path.write_text("x"))
    (done,) = tmp_path.glob("tower*.json")
    done.write_text(json.dumps({"made by": {}, "embedded": {"sketch-fs2k": identity}}))  # by another process
    run(toy(lambda cell: kept(tmp_path, "tower", ".pt", {}, pytest.fail)), "mini", data, tmp_path / "out", draws=1)
    path = next((tmp_path / "out").rglob("cells/*.json"))
    assert json.loads(path.read_text())["embedded"]["sketch-fs2k"] == identity
    assert not same_weights({"no such file": identity})
