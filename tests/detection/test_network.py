"""The face finder's network: shapes, decoding, folded batch norms, the file of its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from facekit.detection import embedded
from facekit.detection.network import OUTPUTS, POINTS, STRIDES, FaceNetwork, decode, fold_norms
from facekit.detection.point_network import SIDE, PointNetwork
from facekit.geometry.affine_crop import AffineCrop


@pytest.fixture(scope="module")
def network() -> FaceNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FaceNetwork()
        for norm in network.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.5, 2)
    return network.eval()


@torch.inference_mode()
def test_one_map_per_stride(network: FaceNetwork) -> None:
    maps = network(torch.zeros(2, 3, 64, 96, dtype=torch.uint8))
    assert [tuple(x.shape) for x in maps] == [(2, OUTPUTS, 64 // s, 96 // s) for s in STRIDES]
    cells = sum(64 * 96 // s**2 for s in STRIDES)
    assert decode(maps).shape == (2, cells, OUTPUTS) and decode(maps).dtype == torch.float32


def test_decode_inverts_what_a_cell_means() -> None:
    maps = [torch.zeros(1, OUTPUTS, 64 // s, 96 // s) for s in STRIDES]
    # A face around (50.5, 20) of 24 x 32 pixels. Its cell is in row 1, column 3 of stride 16, around (55.5, 23.5).
    points = torch.tensor([[46.0, 14], [55, 14], [50, 20], [47, 27], [54, 27]])
    side = (24 * 32) ** 0.5
    centre = torch.tensor([50.5, 20.0])
    maps[1][0, 0, 1, 3] = 2.5
    maps[1][0, 1:3, 1, 3] = (centre - torch.tensor([55.5, 23.5])) / 16
    maps[1][0, 3:5, 1, 3] = torch.tensor([24 / 16, 32 / 16]).log()
    maps[1][0, 5:, 1, 3] = ((points - centre) / side).flatten()
    row = decode(maps)[0, 8 * 12 + 1 * 6 + 3]
    assert torch.allclose(row, torch.cat([torch.tensor([2.5, 50.5, 20, 24, 32]), points.flatten()]), atol=1e-4)


@torch.inference_mode()
def test_folded_norms_give_the_same(network: FaceNetwork) -> None:
    x = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    before = decode(network(x))
    copy = FaceNetwork()
    copy.load_state_dict(network.state_dict())
    folded = fold_norms(copy.eval())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert torch.allclose(decode(folded(x)), before, rtol=1e-3, atol=1e-3)


def test_the_embedded_file_is_small_and_complete() -> None:
    assert embedded.FILE.stat().st_size <= 2_000_000
    tensors = load_file(embedded.FILE)
    names = [*FaceNetwork().state_dict(), *(f"points.{name}" for name in PointNetwork().state_dict())]
    wanted = {name for name in names if not name.endswith("num_batches_tracked")}
    assert set(tensors) == wanted and all(v.dtype == torch.float16 for v in tensors.values())
    assert len(tensors["score.weight"]) == 1 and len(tensors["place.weight"]) == 4 + 2 * POINTS


def test_the_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_loaded", {})
    assert embedded.networks(embedded.FILE) is embedded.networks(embedded.FILE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="reinstall facekit"):
        embedded.networks(tmp_path / "face-finder.safetensors")


def test_point_network_counts_in_pixels_of_the_crop() -> None:
    network = PointNetwork().eval()
    torch.nn.init.zeros_(network.head[-1].weight)
    torch.nn.init.zeros_(network.head[-1].bias)
    points = network(torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8))
    # Without any output all points lie in the middle.
    torch.testing.assert_close(points, torch.full((2, POINTS, 2), (SIDE - 1) / 2))


def test_faces_are_upright_in_their_crops() -> None:
    row = np.array([0.9, 50.0, 60.0, 20.0, 30.0, *[0.0] * 10])
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    # Eyes on the line that is turned by 30 degrees, the mouth at right angles to it.
    row[5:] = (np.array([[-5, 0], [5, 0], [0, 5], [-4, 10], [4, 10]]) @ np.array([[c, s], [-s, c]]) + (50, 60)).ravel()
    eyes = AffineCrop(embedded.face_matrix(row), SIDE).points(row[5:9].reshape(2, 2))
    assert eyes[0, 1] == pytest.approx(eyes[1, 1]) and eyes[0, 0] < eyes[1, 0]
    assert eyes[1, 0] - eyes[0, 0] == pytest.approx(10 * SIDE / (1.5 * np.sqrt(600)))
    np.testing.assert_allclose(eyes.mean(0), (SIDE - 1) / 2)
