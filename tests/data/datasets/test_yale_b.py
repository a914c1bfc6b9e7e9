"""Extended Yale B: every light with the same person under frontal light as target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.parsed_faces import save

from facekit.data.datasets import yale_b_faces


def grey(value: int) -> np.ndarray:
    return np.full((24, 21), value, np.uint8)


def yale_b(root: Path) -> Path:
    for person in (2, 1):
        start = root / f"yaleB{person:02d}" / f"yaleB{person:02d}_P0"
        lights = ("0A+000E+00", "0A+035E-20", "0A-110E+15", "0_Ambient", "1A+000E+00", "1A+020E+10")
        for i, light in enumerate(lights):
            save(Path(f"{start}{light}.pgm"), grey(100 * person + 10 * i))
        Path(f"{start}0A+050E-40.pgm.bad").write_bytes(b"damaged")
        (root / f"yaleB{person:02d}" / f"yaleB{person:02d}_P00.info").write_text("list")
    return root


def test_pairs_and_groups(tmp_path: Path) -> None:
    pairs = yale_b_faces(yale_b(tmp_path))
    assert [(p.name, int(p.image[0, 0, 0]), int(p.target[0, 0, 0]), p.groups) for p in pairs] == [
        ("yaleB01_P00A-110E+15.pgm", 120, 100, {"person": "yaleB01", "azimuth": "-110", "elevation": "15"}),
        ("yaleB01_P00A+035E-20.pgm", 110, 100, {"person": "yaleB01", "azimuth": "35", "elevation": "-20"}),
        ("yaleB02_P00A-110E+15.pgm", 220, 200, {"person": "yaleB02", "azimuth": "-110", "elevation": "15"}),
        ("yaleB02_P00A+035E-20.pgm", 210, 200, {"person": "yaleB02", "azimuth": "35", "elevation": "-20"}),
    ]
    assert pairs[0].image.shape == pairs[0].target.shape == (24, 21, 3)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"yaleB\*/\*.pgm does not exist, expected Extended Yale B \(yaleBNN/"):
        yale_b_faces(tmp_path)
    yale_b(tmp_path)
    frontal = tmp_path / "yaleB02/yaleB02_P00A+000E+00.pgm"
    frontal.rename(frontal.with_name("yaleB02_P00A+000E+00.pgm.bad"))
    with pytest.raises(
        FileNotFoundError, match=r"yaleB02/yaleB02_P00A\+000E\+00.pgm does not exist, expected Extended"
    ):
        yale_b_faces(tmp_path)
    save(tmp_path / "yaleB01/yaleB01_P00A+5E+10.pgm", grey(0))
    with pytest.raises(ValueError, match=r"yaleB01/yaleB01_P00A\+5E\+10.pgm: expected a name such as yaleB01_P00A"):
        yale_b_faces(tmp_path)


def test_sample(tmp_path: Path) -> None:
    rows = ["f.jpg,yaleB03,0,0", "s.jpg,yaleB03,-35,40"]
    for i, name in enumerate(("f.jpg", "s.jpg")):
        save(tmp_path / "images" / name, np.dstack([grey(50 + 50 * i)] * 3))
    head = "file,subject,azimuth_deg,elevation_deg\n"
    (tmp_path / "index.csv").write_text(head + "\n".join(rows) + "\n")
    (pair,) = yale_b_faces(tmp_path)
    assert (pair.name, int(pair.image[0, 0, 0]), int(pair.target[0, 0, 0])) == ("s.jpg", 100, 50)
    assert pair.groups == {"person": "yaleB03", "azimuth": "-35", "elevation": "40"}
    (tmp_path / "index.csv").write_text(head + "s.jpg,yaleB03,-35,high\n")
    with pytest.raises(ValueError, match="index.csv: expected whole degrees for s.jpg, got -35, high"):
        yale_b_faces(tmp_path)
    (tmp_path / "index.csv").write_text(head + rows[1] + "\n")
    with pytest.raises(FileNotFoundError, match=r"images/yaleB03_P00A\+000E\+00.jpg does not exist"):
        yale_b_faces(tmp_path)
    (tmp_path / "index.csv").write_text(head + "s.jpg,yaleB03,-35\n")
    with pytest.raises(ValueError, match="index.csv, line 2: .* got none for elevation_deg"):
        yale_b_faces(tmp_path)


@pytest.mark.data
def test_real_sample() -> None:
    pairs = yale_b_faces()
    # 990 images of 20 people, of which 20 are lit from the front.
    assert len(pairs) == 970
    assert len({pairs[i].groups["person"] for i in range(0, 970, 10)}) == 20
    assert pairs[0].image.shape == pairs[0].target.shape == (192, 168, 3)
    dark = next(pair for pair in pairs if pair.groups["azimuth"] == "70")
    assert dark.image.mean() < dark.target.mean(), "the target is lit from the front"
