"""Files that come in the place of weights, models, checkpoints and listings."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save, save_file

import facekit
from facekit.backbones.farl.timm_tower import stand_in
from facekit.core.weight_files import read_weights
from facekit.data.image_text.download import fetch
from facekit.data.image_text.index import read_note
from facekit.data.image_text.listing import Listing
from facekit.model import find_backbone
from facekit.training.loop import load_checkpoint


class Calls:
    def __reduce__(self) -> Any:
        return os.system, ("exit 1",)


def _torch(held: Any, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(held, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def _read(content: Callable[[], bytes], name: str = "weights.pth") -> Callable[[Path], Any]:
    def call(folder: Path) -> Any:
        (folder / name).write_bytes(content())
        return read_weights(folder / name, "a network's tensors")

    return call


def _fsma(held: dict[str, torch.Tensor]) -> Callable[[Path], Any]:
    def call(folder: Path) -> Any:
        save_file(held, folder / "w.safetensors")
        return find_backbone("fsma").load(folder / "w.safetensors")

    return call


def _checkpoint(held: Any) -> Callable[[Path], Any]:
    def call(folder: Path) -> Any:
        torch.save(held, folder / "c.pt")
        return load_checkpoint(folder / "c.pt")

    return call


def _zipped(compression: int, about: str) -> Callable[[Path], Any]:
    def call(folder: Path) -> Any:
        with zipfile.ZipFile(folder / "m.facekit", "w", compression) as file:
            file.writestr("model.json", about)
            file.writestr("weights.safetensors", save({"a": torch.zeros(1000)}))
        return facekit.load(folder / "m.facekit")

    return call


def _fifo(folder: Path) -> Any:
    os.mkfifo(folder / "l.csv")
    return Listing(folder / "l.csv")


def _downloaded(folder: Path) -> Any:
    (folder / "l.csv").write_text("URL,TEXT\nfile:///etc/hostname,mine\n")
    failure = next(iter(Listing(folder / "l.csv", download=True).read(0, 1)))
    raise ValueError(failure.reason)  # type: ignore[union-attr]


_NAN = {"Q.fc.weight": torch.full((99, 256), float("nan"))}
ROWS: list[tuple[str, type[Exception], Callable[[Path], Any], str]] = [
    ("weights: a web page", ValueError, _read(lambda: b"<!doctype html><html>404"),
     "pth: expected .*got a web page .HTML."),
    ("weights: a Git LFS pointer", ValueError, _read(lambda: b"version https://git-lfs.github.com/spec/v1\noid sha"),
     "a Git LFS pointer.*git lfs pull"),
    ("weights: empty", ValueError, _read(lambda: b""), "got an empty file"),
    ("weights: zeros", ValueError, _read(lambda: bytes(4096)), "a file of zeros"),
    ("weights: a folder", ValueError, lambda folder: read_weights(folder, "tensors"), "got a folder"),
    ("weights: missing", FileNotFoundError, lambda folder: read_weights(folder / "no.pth", "tensors"), "no such file"),
    ("weights: half a zip", ValueError, _read(lambda: _torch({"a": torch.zeros(9)})[:-40]), "half a file of torch"),
    ("weights: half a legacy file", ValueError, _read(lambda: _torch({"a": torch.zeros(9)}, True)[:-4]), "cut off"),
    ("weights: half a safetensors file", ValueError, _read(lambda: save({"a": torch.zeros(9)})[:-4]), "cut-off file"),
    ("weights: half a safetensors header", ValueError, _read(lambda: save({"a": torch.zeros(9)})[:20]),
     "half a .safetensors"),
    ("weights: a bare dict", ValueError, _read(lambda: _torch({"lr": 0.1, "epoch": 3})), "holds no tensors .lr, epoch"),
    ("weights: a list", ValueError, _read(lambda: _torch([1, 2])), "holds no tensors .list"),
    ("weights: ONNX", ValueError, _read(lambda: b"\x08\x08\x12\x07pytorch\x1a"), "an ONNX model"),
    ("weights: HDF5", ValueError, _read(lambda: b"\x89HDF\r\n\x1a\n1234"), "an HDF5 file"),
    ("weights: gzip", ValueError, _read(lambda: b"\x1f\x8b\x08\x00abc"), "a gzip archive.*unpack"),
    ("weights: JSON", ValueError, _read(lambda: b'{"metadata": {}}'), "a JSON file"),
    ("weights: a call", ValueError, _read(lambda: _torch({"a": Calls()})), "calls 'posix.system'.*not.*|posix.system"),
    ("weights: a call in a plain pickle", ValueError, _read(lambda: pickle.dumps(Calls(), 4)), "posix.system"),
    ("weights: NaN", ValueError, _fsma(_NAN), "Q.fc.weight has NaN or infinite"),
    ("weights: of another backbone", ValueError, _fsma({"visual.conv1.weight": torch.zeros(8, 3, 4, 4)}),
     "do not fit.*seems to be of a CLIP model"),
    ("checkpoint: of something else", ValueError, _checkpoint({"epoch": 1}), "without 'step'"),
    ("checkpoint: only tensors", ValueError, _checkpoint({"step": torch.ones(1)}), "without 'step'"),
    ("model file: compressed", ValueError, _zipped(zipfile.ZIP_DEFLATED, "{}"), "compressed"),
    ("model file: a list of settings", ValueError, _zipped(zipfile.ZIP_STORED, "[]"), "model.json is a list"),
    ("model file: nested without end", ValueError, _zipped(zipfile.ZIP_STORED, "[" * 10_000), "nested too deeply"),
    ("model file: a folder", ValueError, lambda folder: facekit.load(folder), "a folder or device"),
    ("tower: gives no maps", ValueError, lambda _: stand_in("cait_xxs24_224", "none", 32, 0),
     "returns no maps of its blocks|cannot be built"),
    ("tower: an address", ValueError, lambda _: stand_in("hf-hub:a/b", "none", None, 0),
     "timm has no such model"),
    ("fetch: a file", OSError, lambda folder: fetch(f"file://{folder}/a"), "expected http or https, got .*'file'"),
    ("fetch: ftp", OSError, lambda _: fetch("ftp://localhost/a"), "expected http or https, got .*'ftp'"),
    ("listing: a pipe", ValueError, _fifo, "got a folder, a device or a pipe"),
    ("listing: a device", ValueError, lambda _: Listing(Path("/dev/zero")), "got a folder, a device or a pipe"),
    ("listing: downloaded, with local files", ValueError, _downloaded, "a file of this machine"),
    ("pair: JSON nested without end", ValueError, lambda _: read_note(b"[" * 10_000, "s.tar 1"), "^s.tar 1: .*nested"),
]  # fmt: skip
