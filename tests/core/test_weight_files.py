"""One reader opens all common files of weights and names those that it cannot read."""

from __future__ import annotations

import argparse
import io
import pickle
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facekit.backbones.farl.image_text_model import ImageTextModel, from_clip, read_pair, to_clip
from facekit.backbones.farl.text_tower import TextSize, TextTower
from facekit.backbones.farl.timm_tower import stand_in
from facekit.backbones.image_tower import ImageTower, TowerSize
from facekit.backbones.pftgan.generator_pickle import read_pickle
from facekit.core.weight_files import read_contents, read_weights
from facekit.model import find_backbone
from facekit.zoo.embedded import embedded_file

State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.fixture(scope="module")
def clip() -> State:
    torch.manual_seed(0)
    image = ImageTower(TowerSize(32, 8, 64, 2, 1, 16))
    return to_clip(ImageTextModel(image, TextTower(TextSize(64, 2, 1, 77, 600, 16))))


class Part(nn.Module):
    """A module with the tensors of a state dict, which TorchScript can store."""

    def __init__(self, state: State):
        super().__init__()
        for name in {name.split(".")[0] for name in state}:
            inside = {k.partition(".")[2]: v for k, v in state.items() if k.split(".")[0] == name}
            if "" in inside:
                self.register_buffer(name, inside[""])
            else:
                self.add_module(name, Part(inside))

    def forward(self, x: Tensor) -> Tensor:
        return x


def scripted(state: State, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(Part(state), torch.zeros(1)), path)


WAYS: dict[str, Callable[[State, Path], None]] = {
    "plain": lambda s, p: torch.save(s, p),
    "state_dict": lambda s, p: torch.save({"state_dict": s, "epoch": 3}, p),
    "model": lambda s, p: torch.save({"model": s, "optimizer": {"state": {}}}, p),
    "model_state_dict": lambda s, p: torch.save({"model_state_dict": s}, p),
    "DataParallel": lambda s, p: torch.save({f"module.{k}": v for k, v in s.items()}, p),
    "torch.compile": lambda s, p: torch.save({"net": {f"_orig_mod.module.{k}": v for k, v in s.items()}}, p),
    "Lightning": lambda s, p: torch.save({"state_dict": {f"model.{k}": v for k, v in s.items()}}, p),
    "numpy numbers": lambda s, p: torch.save({"model": s, "loss": np.float64(1), "best": np.zeros(3)}, p),
    "argparse": lambda s, p: torch.save({"model": s, "args": argparse.Namespace(lr=0.1, out=Path("a"))}, p),
    "half": lambda s, p: torch.save({k: v.half() for k, v in s.items()}, p),
    "bfloat16": lambda s, p: torch.save({k: v.bfloat16() for k, v in s.items()}, p),
    "legacy": lambda s, p: torch.save(s, p, _use_new_zipfile_serialization=False),
    "safetensors": lambda s, p: save_file(s, p),
    "whole module": lambda s, p: torch.save(Part(s), p),
    "TorchScript": scripted,
    "pickle": lambda s, p: p.write_bytes(pickle.dumps(s)) and None,
    "open_clip": lambda s, p: torch.save(s | {"attn_mask": torch.full((77, 77), float("-inf")).triu(1)}, p),
    "OpenAI's numbers": lambda s, p: torch.save(s | {"context_length": torch.tensor(77)}, p),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
@torch.no_grad()
def test_ways_to_save_the_same_weights(tmp_path: Path, clip: State, way: str, name: str) -> None:
    """Cases 10 to 12. What a file is, is told by its content, whatever its name."""
    WAYS[way](clip, tmp_path / name)
    x = torch.rand(1, 3, 32, 32)
    read, known = read_pair(tmp_path / name), from_clip(clip)
    loose = 0.05 if way in ("half", "bfloat16") else 0
    torch.testing.assert_close(read.encode(x), known.encode(x), rtol=0, atol=loose)
    torch.testing.assert_close(read.encode_text("a face"), known.encode_text("a face"), rtol=0, atol=loose)


@pytest.mark.parametrize("way", ["DataParallel", "torch.compile", "legacy", "TorchScript", "whole module"])
def test_other_backbones_read_the_same_ways(tmp_path: Path, way: str) -> None:
    fsma, path = find_backbone("fsma"), tmp_path / "w.mdl"
    WAYS[way]({k: v.float() for k, v in load_file(embedded_file("fsma")).items()}, path)
    known, read = fsma.load("embedded").state_dict(), fsma.load(path).state_dict()
    assert all(torch.equal(read[k], v) for k, v in known.items())


def test_contents_are_those_of_torch(parity: Path) -> None:
    """All parity files, bit by bit."""

    def same(a: Any, b: Any) -> None:
        if isinstance(a, Tensor):
            assert a.dtype == b.dtype and torch.equal(a.nan_to_num(7), b.nan_to_num(7))
        elif isinstance(a, dict):
            assert list(a) == list(b)
            [same(a[k], b[k]) for k in a]
        elif isinstance(a, list | tuple):
            assert type(a) is type(b) and len(a) == len(b)
            [same(x, y) for x, y in zip(a, b, strict=True)]
        else:
            assert a == b

    files = sorted(parity.glob("*.pt"))
    assert files
    for file in files:
        same(torch.load(file, weights_only=True), read_contents(file, "numbers"))


def _many(size: int, names: int, again: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
    shared = torch.zeros(size)
    return {f"a{i}": again(shared) for i in range(names)}


@pytest.mark.parametrize(
    ("kind", "again"),
    [(".pt", lambda t: t), (".pt", lambda t: t[:]), (".pt", lambda t: t.view(2, -1)), (".pkl", lambda t: t)],
)
def test_shared_storages_are_counted_before_they_are_copied(tmp_path: Path, again: Any, kind: str) -> None:
    """H4: 200 names for one storage."""
    path, held = tmp_path / f"a{kind}", _many(1_000_000, 200, again)
    if kind == ".pt":
        torch.save(held, path)
    else:
        path.write_bytes(pickle.dumps(held))
    with pytest.raises(ValueError, match="4 times as large as the file"):
        read_pickle(path) if kind == ".pkl" else read_weights(path, "tensors")


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02Nr\xff\xff\xff\x7f.",  # a memo index of two billion
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.",  # bytes of a terabyte
        b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00.",  # a bytearray of a terabyte
        b"\x80\x04\x95\xff\xff\xff\xff\xff\x00\x00\x00.",  # a frame of a terabyte
        b"\x80\x02}" + b"K\x01\x85" + b"2\x86" * 60 + b"K\x01s.",  # a key that takes 2**60 steps to hash
        b"\x80\x02" + b"]2a" * 100_000,
        b"\x80\x02" + b"(" * 100_000,
    ],
)
def test_hostile_pickles_are_refused_at_once(tmp_path: Path, code: bytes) -> None:
    """H4: the 9-byte file took 23 s."""
    path = tmp_path / "h.pkl"
    path.write_bytes(code)
    start = time.monotonic()
    for read in (read_pickle, lambda p: read_weights(p, "tensors")):
        try:
            read(path)  # the first, which holds None, is no error for a reader of any data
        except ValueError as error:
            assert len(str(error)) < 500  # noqa: PT017
    assert time.monotonic() - start < 15


def test_copied_again_and_again(tmp_path: Path) -> None:
    text = b"X" + (10**6).to_bytes(4, "little") + b"a" * 10**6
    call = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    (tmp_path / "c.pkl").write_bytes(b"\x80\x02" + text + b"q\x00" + call * 20 + b".")
    with pytest.raises(ValueError, match="copies the same data again and again"):
        read_pickle(tmp_path / "c.pkl")


def test_compressed_torch_files_are_refused(tmp_path: Path) -> None:
    import zipfile

    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(1_000_000)}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(tmp_path / "c.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(ValueError, match="compressed"):
        read_weights(tmp_path / "c.pt", "tensors")


@pytest.mark.parametrize(
    ("name", "patch"), [("vit_tiny_r_s16_p8_224", 32), ("vit_tiny_patch16_224", 16), ("naflexvit_base_patch16_gap", 16)]
)
def test_towers_know_their_patch(name: str, patch: int) -> None:
    """Case 25: the hybrid's maps are of 32 px, not of the 8 px in its name."""
    assert stand_in(name, "none", None, 0).patch == patch


@pytest.mark.parametrize(
    "name",
    ["vit_relpos_small_patch16_224", "samvit_base_patch16", "xcit_nano_12_p16_224", "hiera_tiny_224", "cait_xxs24_224"],
)
def test_towers_without_maps_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"tower='{name}' returns no maps"):
        stand_in(name, "none", None, 0)


def test_tower_files(tmp_path: Path) -> None:
    state = stand_in("vit_tiny_patch16_224", "none", 32, 1).vit.state_dict()
    wrapped = {f"module.{k}": v for k, v in state.items()} | {"head.weight": torch.ones(5, 192)}
    torch.save({"model": wrapped}, tmp_path / "t")
    read = stand_in("vit_tiny_patch16_224", tmp_path / "t", 32, 0).vit.state_dict()
    assert all(torch.equal(v, read[k]) for k, v in state.items())
    torch.save({k: v for k, v in state.items() if "blocks.3" not in k}, tmp_path / "t")
    with pytest.raises(ValueError, match="do not fit.*missing: blocks.3.norm1.weight, .* and 9 more"):
        stand_in("vit_tiny_patch16_224", tmp_path / "t", 32, 0)
